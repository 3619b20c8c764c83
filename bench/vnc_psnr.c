/* SPDX-License-Identifier: MIT */
/*
 * How close to a recorded session is what a VNC client was shown?
 *     build/bench/vnc_psnr SESSION STREAM
 * STREAM is what bench/vnc has saved: per picture the number of rectangles and of bytes (32 bits each,
 * little endian), then the rectangles, for a client of the native pixel format. Prints the peak
 * signal-to-noise ratio over all pictures and how many of their pixels are not exact.
 */
#include <math.h>
#include <stdio.h>

#include "bench/vnc_pictures.h"
#include "tests/ui/rfb_decode.h"

struct quality {
    double squares; /* of the differences of all components */
    size_t pixels, inexact;
};

static void compare(const struct vnc_image *img, const uint32_t *shown, struct quality *q)
{
    for (unsigned y = 0; y < img->height; y++) {
        const uint32_t *row = img->pixels + y * img->stride;
        for (unsigned x = 0; x < img->width; x++, shown++) {
            uint32_t is = *shown & 0xffffff;
            q->inexact += is != row[x];
            for (unsigned shift = 0; shift < 24 && is != row[x]; shift += 8) {
                int d = (int)(is >> shift & 255) - (int)(row[x] >> shift & 255);
                q->squares += d * d;
            }
        }
    }
    q->pixels += (size_t)img->width * img->height;
}

/* One picture's rectangles off the stream; false: it has ended. */
static bool decode_picture(struct rfb_decoder *d, const uint8_t **p, const uint8_t *end)
{
    if (end - *p < 8) {
        return false;
    }
    uint32_t rects = ld_le32(*p), bytes = ld_le32(*p + 4);
    if (bytes > (size_t)(end - *p) - 8) {
        return false;
    }
    rfb_decode(d, *p + 8, bytes, rects);
    *p += 8 + bytes;
    return true;
}

static struct quality compare_all(const struct vnc_pictures *p, const uint8_t *data, size_t size)
{
    static const struct rfb_format native = {32, 24, false, {255, 255, 255}, {16, 8, 0}};
    const struct vnc_image *last = &p->all[p->count - 1];
    const uint8_t *end = data + size;
    struct quality q = {0, 0, 0};
    struct rfb_decoder d;

    rfb_init(&d, &native, last->width, last->height);
    decode_picture(&d, &data, end); /* the black one before the first */
    for (unsigned i = 0; i < p->count; i++) {
        const struct vnc_image *img = &p->all[i];
        if (img->width != last->width || img->height != last->height) {
            continue; /* bench/vnc_replay leaves it out, too */
        }
        if (!decode_picture(&d, &data, end)) {
            break;
        }
        compare(img, d.pixels, &q);
    }
    rfb_fini(&d);
    return q;
}

int main(int argc, char **argv)
{
    struct vnc_pictures p;
    GError *error = NULL;
    char *data;
    gsize size;

    if (argc < 3) {
        printf("no recording was named\n");
        return 77;
    }
    if (!vnc_pictures_load(argv[1], &p)) {
        return 1;
    }
    if (!g_file_get_contents(argv[2], &data, &size, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    struct quality q = compare_all(&p, (const uint8_t *)data, size);
    double mean = q.squares / (3.0 * (double)MAX(q.pixels, (size_t)1));
    printf("%.2f dB, %.3f %% of the pixels inexact\n",
           mean > 0 ? 10 * log10(255.0 * 255.0 / mean) : INFINITY,
           100.0 * (double)q.inexact / (double)MAX(q.pixels, (size_t)1));
    return 0;
}
