/* SPDX-License-Identifier: MIT */
/* Loading a recorded session, by libpng, and making one up. */
#include "bench/vnc_pictures.h"

#include <png.h>
#include <stdio.h>

/* --- recorded ------------------------------------------------------------------------------------- */

static bool load(const char *name, struct vnc_image *img)
{
    png_image png = {.version = PNG_IMAGE_VERSION};

    if (!png_image_begin_read_from_file(&png, name)) {
        return false;
    }
    png.format = PNG_FORMAT_BGRA;
    uint32_t *px = g_new(uint32_t, (size_t)png.width * png.height);
    if (!png_image_finish_read(&png, NULL, px, 0, NULL)) {
        return false;
    }
    for (size_t i = 0; i < (size_t)png.width * png.height; i++) {
        px[i] = ld_le32(&px[i]) & 0xffffff;
    }
    *img = (struct vnc_image){px, png.width, png.width, png.height};
    return true;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool load_directory(const char *directory, struct vnc_pictures *p)
{
    GPtrArray *names = g_ptr_array_new();
    GDir *dir = g_dir_open(directory, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_ptr_array_add(names, g_build_filename(directory, name, NULL));
    }
    if (!names->len) {
        fprintf(stderr, "%s: no recording\n", directory);
        return false;
    }
    g_ptr_array_sort(names, compare_names);
    p->all = g_new(struct vnc_image, names->len);
    for (p->count = 0; p->count < names->len; p->count++) {
        if (!load(names->pdata[p->count], &p->all[p->count])) {
            fprintf(stderr, "%s is no picture\n", (char *)names->pdata[p->count]);
            return false;
        }
    }
    return true;
}

/* --- made up -------------------------------------------------------------------------------------- */

#define PHOTO_PICTURES 16u
#define PHOTO_OCTAVES  7u
#define PHOTO_GRAIN    6u /* of the film */

static const struct vnc_rect photo = {240, 100, 800, 600};

static uint32_t mix(uint32_t v)
{
    v = (v ^ v >> 16) * 0x7feb352du;
    v = (v ^ v >> 15) * 0x846ca68bu;
    return v ^ v >> 16;
}

/* A smooth hilly surface with hills every 2^n pixels: 0 to 255. */
static unsigned hills(unsigned x, unsigned y, unsigned n, uint32_t seed)
{
    unsigned size = 1u << n, fx = x & (size - 1), fy = y & (size - 1), v[2][2];

    for (unsigned k = 0; k < 4; k++) {
        v[k / 2][k % 2] = mix(((y >> n) + k / 2) * 65537u + (x >> n) + k % 2 + seed) & 255;
    }
    unsigned top = v[0][0] * (size - fx) + v[0][1] * fx;
    unsigned bottom = v[1][0] * (size - fx) + v[1][1] * fx;
    return (top * (size - fy) + bottom * fy) >> 2 * n;
}

/* Detail of all sizes, the smaller the fainter, as photographs have it. */
static unsigned landscape(unsigned x, unsigned y, uint32_t seed)
{
    unsigned sum = 0;

    for (unsigned n = 1; n <= PHOTO_OCTAVES; n++) {
        sum += hills(x, y, n, seed + n) << n;
    }
    return sum >> (PHOTO_OCTAVES + 1);
}

static uint32_t photo_pixel(unsigned x, unsigned y, unsigned time)
{
    uint32_t grain = mix(x + 4096 * y + (time << 24)), v = 0;
    unsigned light = landscape(x + 3 * time, y + time, 0);

    for (unsigned c = 0; c < 3; c++) {
        unsigned tint = hills(x + 3 * time, y + time, 6, 1000 * (c + 1));
        unsigned value = light * (128 + tint / 2) / 256 + (grain >> 8 * c & 255) % PHOTO_GRAIN;
        v = v << 8 | MIN(value, 255u);
    }
    return v;
}

static void make_photo(struct vnc_pictures *p)
{
    p->all = g_new(struct vnc_image, PHOTO_PICTURES);
    for (p->count = 0; p->count < PHOTO_PICTURES; p->count++) {
        uint32_t *px = g_new(uint32_t, 1280 * 800);
        for (unsigned i = 0; i < 1280 * 800; i++) {
            unsigned x = i % 1280 - photo.x, y = i / 1280 - photo.y;
            px[i] = x < photo.w && y < photo.h ? photo_pixel(x, y, p->count) : 0x3a6ea5;
        }
        p->all[p->count] = (struct vnc_image){px, 1280, 1280, 800};
    }
}

bool vnc_pictures_load(const char *name, struct vnc_pictures *p)
{
    if (strcmp(name, "photo") != 0) {
        return load_directory(name, p);
    }
    make_photo(p);
    return true;
}
