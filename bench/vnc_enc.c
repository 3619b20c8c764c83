/* SPDX-License-Identifier: MIT */
/*
 * The VNC encoder by itself on a recorded session (PNG files of bench/vnc-record, in order):
 *     build/bench/vnc_enc DIRECTORY|photo [ROUNDS] [QUALITY] [ENCODING]
 * Every picture is sent as what has changed in squares of 16 by 16 pixels since the one before.
 * Prints for each encoding the bytes and the processor time per picture (the median of the rounds),
 * and the time of finding the changes and scrolls. Without a directory there is nothing to do.
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench/vnc_pictures.h"
#include "util/bits.h"

#define TILE       16u
#define RECT_TILES 1024u
#define ROUNDS_MAX 99u

/* --- what has changed ------------------------------------------------------------------------------ */

static bool tile_differs(const struct vnc_image *a, const struct vnc_image *b, unsigned x,
                         unsigned y)
{
    unsigned w = MIN(TILE, b->width - x), h = MIN(TILE, b->height - y);

    for (unsigned k = y; k < y + h; k++) {
        if (memcmp(a->pixels + k * a->stride + x, b->pixels + k * b->stride + x, 4 * w) != 0) {
            return true;
        }
    }
    return false;
}

static void mark_changes(const struct vnc_image *a, const struct vnc_image *b,
                         struct vnc_tile_map *m, unsigned rows)
{
    bool all = !a || a->width != b->width || a->height != b->height;

    for (size_t i = 0; i < (size_t)m->columns * rows; i++) {
        unsigned x = (unsigned)(i % m->columns) * TILE, y = (unsigned)(i / m->columns) * TILE;
        if (all || tile_differs(a, b, x, y)) {
            bits_set(m->bits, i);
        }
    }
}

static void find_changes(const struct vnc_image *a, const struct vnc_image *b, GArray *rects)
{
    unsigned columns = DIV_ROUND_UP(b->width, TILE), rows = DIV_ROUND_UP(b->height, TILE);
    struct vnc_tile_map m = {g_new0(unsigned long, bits_words((size_t)columns * rows)), columns};
    struct vnc_rect in = {0, 0, columns, rows}, t;

    g_array_set_size(rects, 0);
    mark_changes(a, b, &m, rows);
    for (unsigned y = 0; y < rows; y++) {
        while (vnc_take_tiles(&m, &in, y, RECT_TILES, &t)) {
            struct vnc_rect r = {t.x * TILE, t.y * TILE, t.w * TILE, t.h * TILE};
            g_array_append_val(rects, r);
        }
    }
    g_free(m.bits);
}

/* --- measuring ------------------------------------------------------------------------------------ */

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct result {
    size_t bytes, rects, pixels;
    double seconds;
};

struct setting {
    const char *name;
    int32_t encoding;
    int quality, level; /* quality -1: lossless */
    unsigned bits;      /* of the client's pixels; 0: 32 */
};

static const struct vnc_pixel_format formats[] = {
    {.bits = 16, .depth = 16, .true_colour = true, .max = {31, 63, 31}, .shift = {11, 5, 0}},
    {.bits = 8, .depth = 8, .true_colour = true, .max = {7, 7, 3}, .shift = {5, 2, 0}},
};

static struct result replay(const struct vnc_pictures *p, const struct setting *s)
{
    int32_t list[] = {s->encoding, VNC_ENCODING_COMPRESS_0 + s->level,
                      VNC_ENCODING_QUALITY_0 + s->quality};
    GArray *rects = g_array_new(FALSE, FALSE, sizeof(struct vnc_rect));
    GByteArray *out = g_byte_array_new();
    struct vnc_encoder *e = vnc_encoder_new();
    struct result r = {0, 0, 0, 0};

    vnc_encoder_set_encodings(e, list, s->quality < 0 ? 2 : 3);
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (formats[i].bits == s->bits) {
            vnc_encoder_set_format(e, &formats[i]);
        }
    }
    for (unsigned i = 0; i < p->count; i++) {
        const struct vnc_image *img = &p->all[i];
        find_changes(i ? img - 1 : NULL, img, rects);
        double start = cpu_seconds();
        vnc_encoder_frame(e, img->width, img->height, i * 250);
        for (guint k = 0; k < rects->len; k++) {
            const struct vnc_rect *a = &g_array_index(rects, struct vnc_rect, k);
            r.rects += vnc_encode(e, img, a->x, a->y, a->w, a->h, out);
            r.pixels += (size_t)a->w * a->h;
        }
        r.seconds += cpu_seconds() - start;
        r.bytes += out->len;
        g_byte_array_set_size(out, 0);
    }
    vnc_encoder_free(e);
    g_byte_array_free(out, TRUE);
    g_array_free(rects, TRUE);
    return r;
}

static int compare_seconds(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(const struct vnc_pictures *p, const struct setting *s, unsigned rounds)
{
    double seconds[ROUNDS_MAX];
    struct result r;

    for (unsigned i = 0; i < rounds; i++) {
        r = replay(p, s);
        seconds[i] = r.seconds;
    }
    qsort(seconds, rounds, sizeof(*seconds), compare_seconds);
    printf("%-10s level %d %11zu bytes %7zu rectangles %9.3f ms/picture %6.2f ns/pixel\n", s->name,
           s->level, r.bytes, r.rects, 1e3 * seconds[rounds / 2] / p->count,
           1e9 * seconds[rounds / 2] / (double)r.pixels);
}

/* Finding scrolls between pictures: what it costs and what it saves. */
static void report_scrolls(const struct vnc_pictures *p)
{
    unsigned found = 0, rows = 0, tried = 0;
    double seconds = 0;

    for (unsigned i = 1; i < p->count; i++) {
        const struct vnc_image *a = &p->all[i - 1], *b = &p->all[i];
        struct vnc_rect all = {0, 0, b->width, b->height};
        struct vnc_scroll s;
        double start = cpu_seconds();
        bool yes = vnc_find_scroll(a, b, &all, &s);
        seconds += cpu_seconds() - start;
        tried++;
        found += yes;
        rows += yes ? s.dst.h : 0;
    }
    printf("scrolls: %u found in %u pictures, %u rows, %.3f ms/picture\n", found, tried, rows,
           1e3 * seconds / MAX(tried, 1u));
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 2 ? (unsigned)CLAMP(atoi(argv[2]), 1, (int)ROUNDS_MAX) : 3;
    int quality = argc > 3 ? CLAMP(atoi(argv[3]), 0, 9) : 6;
    const char *only = argc > 4 ? argv[4] : NULL;
    const struct setting settings[] = {
        {"raw", VNC_ENCODING_RAW, -1, 6, 0},
        {"hextile", VNC_ENCODING_HEXTILE, -1, 6, 0},
        {"zlib", VNC_ENCODING_ZLIB, -1, 6, 0},
        {"zrle", VNC_ENCODING_ZRLE, -1, 1, 0},
        {"zrle", VNC_ENCODING_ZRLE, -1, 6, 0},
        {"zrle", VNC_ENCODING_ZRLE, -1, 9, 0},
        {"tight", VNC_ENCODING_TIGHT, -1, 1, 0},
        {"tight", VNC_ENCODING_TIGHT, -1, 6, 0},
        {"tight", VNC_ENCODING_TIGHT, -1, 9, 0},
        {"tight-jpeg", VNC_ENCODING_TIGHT, quality, 2, 0},
        {"tight-png", VNC_ENCODING_TIGHT_PNG, -1, 6, 0},
        {"raw/16", VNC_ENCODING_RAW, -1, 6, 16},
        {"hextile/16", VNC_ENCODING_HEXTILE, -1, 6, 16},
        {"zrle/16", VNC_ENCODING_ZRLE, -1, 6, 16},
        {"tight/16", VNC_ENCODING_TIGHT, -1, 6, 16},
        {"raw/8", VNC_ENCODING_RAW, -1, 6, 8},
        {"hextile/8", VNC_ENCODING_HEXTILE, -1, 6, 8},
    };
    struct vnc_pictures p;

    if (argc < 2) {
        printf("no recording was named\n");
        return 77;
    }
    if (!vnc_pictures_load(argv[1], &p)) {
        return 1;
    }
    printf("%u pictures of %u by %u\n", p.count, p.all[p.count - 1].width,
           p.all[p.count - 1].height);
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        if (!only || !strcmp(only, settings[i].name)) {
            report(&p, &settings[i], rounds);
        }
    }
    if (!only) {
        report_scrolls(&p);
    }
    return 0;
}
