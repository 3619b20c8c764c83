/* SPDX-License-Identifier: MIT */
/*
 * The zlib streams of a client, each made when first needed, and the Zlib encoding (rfbproto): raw
 * pixels through one of them. A stream lives as long as the client, so that its window serves the
 * next rectangles; every rectangle ends in a sync flush.
 *
 * As no stream is ever finished, the checksum at its end is never sent: the streams are raw deflate
 * (RFC 1951) behind a zlib header (RFC 1950) of our own, which saves adding up all the data.
 */
#include "ui/vnc/enc_zlib.h"

#define MEM_LEVEL 8 /* 256 KiB with the window */

static voidpf stream_alloc(voidpf opaque, uInt items, uInt size)
{
    return g_malloc_n(items, size);
}

static void stream_release(voidpf opaque, voidpf p)
{
    g_free(p);
}

static void stream_open(struct enc_stream *s, int level, int strategy, GByteArray *out)
{
    static const uint8_t header[2] = {0x78, 0x9c}; /* deflate, window of 32 KiB, default level */

    s->z.zalloc = stream_alloc;
    s->z.zfree = stream_release;
    int rc = deflateInit2(&s->z, level, Z_DEFLATED, -MAX_WBITS, MEM_LEVEL, strategy);
    assert(rc == Z_OK);
    s->open = true;
    s->level = level;
    s->strategy = strategy;
    g_byte_array_append(out, header, sizeof(header));
}

void enc_streams_close(struct vnc_encoder *e)
{
    for (size_t i = 0; i < ENC_STREAMS; i++) {
        if (e->streams[i].open) {
            deflateEnd(&e->streams[i].z);
        }
    }
}

/* Room in `out` for what zlib may write next. */
static void stream_room(struct enc_stream *s, GByteArray *out, size_t n)
{
    s->z.next_out = enc_grow(out, n);
    s->z.avail_out = (uInt)n;
}

/* Give back what it left. */
static void stream_trim(struct enc_stream *s, GByteArray *out)
{
    g_byte_array_set_size(out, out->len - s->z.avail_out);
}

/* Nothing is pending between rectangles, so this writes next to nothing. */
static void stream_params(struct enc_stream *s, int level, int strategy, GByteArray *out)
{
    if (s->level == level && s->strategy == strategy) {
        return;
    }
    s->z.avail_in = 0;
    stream_room(s, out, 256);
    deflateParams(&s->z, level, strategy);
    stream_trim(s, out);
    s->level = level;
    s->strategy = strategy;
}

void enc_stream_begin(struct vnc_encoder *e, enum enc_stream_id id, int level, int strategy,
                      GByteArray *out)
{
    struct enc_stream *s = &e->streams[id];

    if (s->open) {
        stream_params(s, level, strategy, out);
    } else {
        stream_open(s, level, strategy, out);
    }
}

void enc_stream_write(struct vnc_encoder *e, enum enc_stream_id id, const uint8_t *data, size_t n,
                      bool last, GByteArray *out)
{
    struct enc_stream *s = &e->streams[id];

    s->z.next_in = (Bytef *)data;
    s->z.avail_in = (uInt)n;
    do {
        stream_room(s, out, n / 4 + 1024);
        deflate(&s->z, last ? Z_SYNC_FLUSH : Z_NO_FLUSH);
        stream_trim(s, out);
    } while (s->z.avail_out == 0);
}

void enc_flush_plain(struct vnc_encoder *e, enum enc_stream_id id, bool last, GByteArray *out)
{
    enc_stream_write(e, id, e->plain->data, e->plain->len, last, out);
    g_byte_array_set_size(e->plain, 0);
}

unsigned enc_zlib(struct vnc_encoder *e, const struct vnc_image *img, const struct vnc_rect *r,
                  GByteArray *out)
{
    unsigned rows = ENC_AREA_PIXELS / r->w;

    vnc_rect_header(out, r->x, r->y, r->w, r->h, VNC_ENCODING_ZLIB);
    guint at = out->len;
    enc_put_be32(out, 0);
    enc_stream_begin(e, ENC_STREAM_ZLIB, enc_compression(e), Z_DEFAULT_STRATEGY, out);
    for (unsigned y = 0; y < r->h; y += rows) {
        struct vnc_rect part = {r->x, r->y + y, r->w, MIN(rows, r->h - y)};
        struct enc_area a = enc_area_client(e, img, &part);
        enc_put_area(e->unit, &a, e->plain);
        enc_flush_plain(e, ENC_STREAM_ZLIB, y + rows >= r->h, out);
    }
    st_be32(out->data + at, out->len - at - 4);
    return 1;
}
