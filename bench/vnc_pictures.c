/* SPDX-License-Identifier: MIT */
/* Loading a recorded session, by libpng. */
#include "bench/vnc_pictures.h"

#include <png.h>
#include <stdio.h>

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

bool vnc_pictures_load(const char *directory, struct vnc_pictures *p)
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
