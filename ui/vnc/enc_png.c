/* SPDX-License-Identifier: MIT */
/* Pieces of the TightPNG encoding, by libpng: with a palette of 1, 2, 4 or 8 bits, or of colours. */
#include "ui/vnc/enc_tight.h"

#include <png.h>

/* Measured: above it photographs take three times as long for nothing, and others are 3 % smaller. */
#define LEVEL_FULL 4

struct writer {
    png_structp png;
    png_infop info;
    GByteArray *out;
    uint8_t *row;     /* as PNG has it */
    uint8_t *indices; /* of a row, with a palette */
};

static void write_bytes(png_structp png, png_bytep data, size_t n)
{
    g_byte_array_append(png_get_io_ptr(png), data, (guint)n);
}

static void write_nothing(png_structp png)
{
}

static void ignore_warning(png_structp png, png_const_charp text)
{
}

static unsigned index_bits(unsigned colours)
{
    return colours <= 2 ? 1 : colours <= 4 ? 2 : colours <= 16 ? 4 : 8;
}

static void set_palette(struct writer *w, const struct enc_palette *p)
{
    png_color colours[ENC_PALETTE_MAX];

    for (unsigned i = 0; i < p->count; i++) {
        uint32_t v = p->colour[i];
        colours[i] = (png_color){(png_byte)(v >> 16), (png_byte)(v >> 8), (png_byte)v};
    }
    png_set_PLTE(w->png, w->info, colours, (int)p->count);
}

static void set_header(struct writer *w, const struct vnc_encoder *e, const struct enc_area *a,
                       const struct enc_palette *p)
{
    int level = enc_compression(e);

    png_set_IHDR(w->png, w->info, a->w, a->h, p ? (int)index_bits(p->count) : 8,
                 p ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(w->png, p ? level : MIN(level, LEVEL_FULL));
    png_set_filter(w->png, PNG_FILTER_TYPE_DEFAULT, p ? PNG_FILTER_NONE : PNG_FAST_FILTERS);
    if (p) {
        set_palette(w, p);
    }
}

static void make_row(struct writer *w, const struct enc_area *row, const struct enc_palette *p)
{
    if (p) {
        enc_palette_indices(p, row, w->indices);
        enc_pack_row(w->indices, row->w, index_bits(p->count), w->row);
        return;
    }
    for (unsigned x = 0; x < row->w; x++) {
        w->row[3 * x] = (uint8_t)(row->px[x] >> 16);
        w->row[3 * x + 1] = (uint8_t)(row->px[x] >> 8);
        w->row[3 * x + 2] = (uint8_t)row->px[x];
    }
}

/* Leaves by libpng's longjmp() when it fails; nothing here is to be undone. */
static bool write_picture(struct writer *w, const struct vnc_encoder *e, const struct enc_area *a,
                          const struct enc_palette *p)
{
    if (setjmp(png_jmpbuf(w->png))) {
        return false;
    }
    png_set_write_fn(w->png, w->out, write_bytes, write_nothing);
    set_header(w, e, a, p);
    png_write_info(w->png, w->info);
    for (unsigned y = 0; y < a->h; y++) {
        struct enc_area row = {a->px + y * a->stride, a->stride, a->w, 1};
        make_row(w, &row, p);
        png_write_row(w->png, w->row);
    }
    png_write_end(w->png, NULL);
    return true;
}

bool enc_png(struct vnc_encoder *e, const struct enc_area *source, const struct enc_palette *p,
             GByteArray *out)
{
    struct writer w = {.out = out};
    guint at = out->len;

    w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, ignore_warning);
    w.info = w.png ? png_create_info_struct(w.png) : NULL;
    w.row = g_malloc(3 * (size_t)source->w);
    w.indices = g_malloc(source->w);
    bool ok = w.info && write_picture(&w, e, source, p);
    g_free(w.indices);
    g_free(w.row);
    png_destroy_write_struct(&w.png, &w.info);
    if (!ok) {
        g_byte_array_set_size(out, at);
    }
    return ok;
}
