/* SPDX-License-Identifier: MIT */
/* Opening images: the table of formats, and finding out which one a file is. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "block/block.h"
#include "util/error.h"
#include "util/rows.h"

extern const struct block_format *const __start_doppel_block_formats[];
extern const struct block_format *const __stop_doppel_block_formats[];

#define FOR_EACH_FORMAT(p)                                                                         \
    for (const struct block_format *const *p = __start_doppel_block_formats;                       \
         p < __stop_doppel_block_formats; p++)

#define PROBE_BYTES 4096

static const struct block_format *format_find(const char *name, struct error **err)
{
    return rows_find(__start_doppel_block_formats, __stop_doppel_block_formats, name,
                     "image format", err);
}

static const struct block_format *format_probe(const char *file, struct error **err)
{
    const struct block_format *best = NULL;
    uint8_t head[PROBE_BYTES];
    int best_score = 0;

    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t len = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
    if (len < 0) {
        error_set_errno(err, errno, "cannot open image '%s'", file);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (len < 0) {
        return NULL;
    }
    FOR_EACH_FORMAT(p)
    {
        int score = (*p)->probe ? (*p)->probe(head, (size_t)len, file) : 0;
        if (score > best_score) {
            best_score = score;
            best = *p;
        }
    }
    return best;
}

bool block_format_exists(const char *name)
{
    return format_find(name, NULL) != NULL;
}

struct block_image *block_image_open(const char *file, const char *format,
                                     const struct drive_options *opts, struct error **err)
{
    const struct block_format *f = format ? format_find(format, err) : format_probe(file, err);

    if (!f) {
        return NULL;
    }
    struct block_image *img = g_malloc0(f->state_size);
    img->format = f;
    img->readonly = opts->readonly;
    img->ignore_discard = opts->ignore_discard;
    if (f->open(img, file, opts, err) < 0) {
        g_free(img);
        return NULL;
    }
    return img;
}

void block_image_close(struct block_image *img)
{
    struct block_image *below = img->below;

    img->format->close(img);
    g_free(img);
    if (below) {
        block_image_close(below);
    }
}
