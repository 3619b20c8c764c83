/* SPDX-License-Identifier: MIT */
/* Pictures of a display as files: portable pixmap (ppm(5)) and PNG through libpng. */
#include "ui/picture.h"

#include <errno.h>
#include <glib.h>
#include <png.h>
#include <stdio.h>

#include "ui/display.h"
#include "util/error.h"

static void copy_pixels(const struct display_frame *f, uint8_t *rgb)
{
    for (size_t i = 0; i < (size_t)f->width * f->height; i++, rgb += 3) {
        rgb[0] = (uint8_t)(f->pixels[i] >> 16);
        rgb[1] = (uint8_t)(f->pixels[i] >> 8);
        rgb[2] = (uint8_t)f->pixels[i];
    }
}

int picture_take(struct display *d, struct picture *p, struct error **err)
{
    struct display_viewer *v = display_viewer_new(d);
    struct display_frame f;

    display_begin(v, &f);
    *p = (struct picture){f.width, f.height, g_try_malloc((size_t)3 * f.width * f.height)};
    if (p->rgb) {
        copy_pixels(&f, p->rgb);
    }
    display_end(v);
    display_viewer_free(v);
    if (!p->rgb) {
        return error_set_errno(err, ENOMEM, "a picture of %u by %u", p->width, p->height);
    }
    return 0;
}

void picture_free(struct picture *p)
{
    g_free(p->rgb);
}

static bool write_png(const struct picture *p, FILE *f)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = p->width,
                       .height = p->height,
                       .format = PNG_FORMAT_RGB,
                       .flags = PNG_IMAGE_FLAG_FAST};

    return png_image_write_to_stdio(&image, f, 0, p->rgb, 0, NULL);
}

static bool write_ppm(const struct picture *p, FILE *f)
{
    size_t size = (size_t)3 * p->width * p->height;

    return fprintf(f, "P6\n%u %u\n255\n", p->width, p->height) > 0 &&
           fwrite(p->rgb, 1, size, f) == size;
}

int picture_save(const struct picture *p, const char *file, bool png, struct error **err)
{
    FILE *f = fopen(file, "we");

    if (!f) {
        return error_set_errno(err, errno, "failed to open file '%s'", file);
    }
    bool ok = png ? write_png(p, f) : write_ppm(p, f);
    ok = fclose(f) == 0 && ok;
    return ok ? 0 : error_set_errno(err, errno ? errno : EIO, "writing '%s'", file);
}
