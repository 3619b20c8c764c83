/* SPDX-License-Identifier: MIT */
/*
 * snapshot=on: a layer over an image that takes all writes and is forgotten at the end. Written
 * clusters live at their own offsets in an unlinked sparse file, a bitmap says which.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "block/block.h"
#include "util/error.h"

#define CLUSTER 4096u

struct overlay {
    struct block_image img;
    int fd;
    uint8_t *written; /* a bit per cluster */
};

static struct overlay *overlay_of(struct block_image *img)
{
    return container_of(img, struct overlay, img);
}

static bool is_written(const struct overlay *o, uint64_t cluster)
{
    return o->written[cluster / 8] >> (cluster % 8) & 1;
}

static int full_pread(int fd, void *buf, size_t len, uint64_t at)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, (char *)buf + done, len - done, (off_t)(at + done));
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n == 0) {
            memset((char *)buf + done, 0, len - done);
            return 0;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int full_pwrite(int fd, const void *buf, size_t len, uint64_t at)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(fd, (const char *)buf + done, len - done, (off_t)(at + done));
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Reads a run of clusters that are all written or all not. */
static int read_run(struct overlay *o, void *buf, size_t len, uint64_t at, bool written)
{
    struct iovec iov = {buf, len};
    struct block_image *below = o->img.below;

    return written ? full_pread(o->fd, buf, len, at) : below->format->readv(below, at, &iov, 1);
}

/* Length of the run of equal clusters from `at` on, at most len. */
static size_t run_length(const struct overlay *o, uint64_t at, size_t len)
{
    bool kind = is_written(o, at / CLUSTER);
    uint64_t end = at + len;
    uint64_t next = ALIGN_DOWN(at, (uint64_t)CLUSTER) + CLUSTER;

    while (next < end && is_written(o, next / CLUSTER) == kind) {
        next += CLUSTER;
    }
    return (size_t)(MIN(next, end) - at);
}

static int overlay_readv(struct block_image *img, uint64_t offset, const struct iovec *iov,
                         unsigned count)
{
    struct overlay *o = overlay_of(img);

    for (unsigned i = 0; i < count; i++) {
        char *buf = iov[i].iov_base;
        for (size_t left = iov[i].iov_len; left;) {
            size_t n = run_length(o, offset, left);
            int ret = read_run(o, buf, n, offset, is_written(o, offset / CLUSTER));
            if (ret < 0) {
                return ret;
            }
            buf += n;
            offset += n;
            left -= n;
        }
    }
    return 0;
}

/* Before a part of a cluster is written for the first time the rest comes up from below. */
static int copy_up(struct overlay *o, uint64_t cluster)
{
    uint8_t buf[CLUSTER];
    uint64_t at = cluster * CLUSTER;
    size_t len = (size_t)MIN(o->img.length - at, (uint64_t)CLUSTER);
    int ret = is_written(o, cluster) ? 0 : read_run(o, buf, len, at, false);

    if (ret == 0 && !is_written(o, cluster)) {
        ret = full_pwrite(o->fd, buf, len, at);
    }
    return ret;
}

static int overlay_write(struct overlay *o, const void *buf, size_t len, uint64_t at)
{
    uint64_t first = at / CLUSTER, last = (at + len - 1) / CLUSTER;
    int ret = at % CLUSTER ? copy_up(o, first) : 0;

    if (ret == 0 && (at + len) % CLUSTER) {
        ret = copy_up(o, last);
    }
    if (ret == 0) {
        ret = full_pwrite(o->fd, buf, len, at);
    }
    for (uint64_t c = first; ret == 0 && c <= last; c++) {
        o->written[c / 8] |= (uint8_t)(1u << (c % 8));
    }
    return ret;
}

static int overlay_writev(struct block_image *img, uint64_t offset, const struct iovec *iov,
                          unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int ret = iov[i].iov_len
                      ? overlay_write(overlay_of(img), iov[i].iov_base, iov[i].iov_len, offset)
                      : 0;
        if (ret < 0) {
            return ret;
        }
        offset += iov[i].iov_len;
    }
    return 0;
}

static int overlay_flush(struct block_image *img)
{
    return 0; /* nothing of it shall survive */
}

/* What is new reads as zeros, whatever is below. */
static int overlay_resize(struct block_image *img, uint64_t length)
{
    struct overlay *o = overlay_of(img);
    uint64_t old = (img->length + CLUSTER - 1) / CLUSTER, new = (length + CLUSTER - 1) / CLUSTER;
    int ret = length > img->length && img->length % CLUSTER ? copy_up(o, img->length / CLUSTER) : 0;

    if (ret == 0 && ftruncate(o->fd, (off_t)length) < 0) {
        ret = -errno;
    }
    uint8_t *bits = ret == 0 ? g_try_realloc(o->written, new / 8 + 1) : NULL;
    if (!bits) {
        return ret < 0 ? ret : -ENOMEM;
    }
    o->written = bits;
    if (length > img->length && img->length % CLUSTER) {
        bits[(old - 1) / 8] |= (uint8_t)(1u << ((old - 1) % 8));
    }
    for (uint64_t c = old; c < new; c++) {
        bits[c / 8] |= (uint8_t)(1u << (c % 8));
    }
    img->length = length;
    return 0;
}

static void overlay_close(struct block_image *img)
{
    close(overlay_of(img)->fd);
    g_free(overlay_of(img)->written);
}

static const struct block_format overlay_format = {
    .name = "overlay",
    .state_size = sizeof(struct overlay),
    .close = overlay_close,
    .readv = overlay_readv,
    .writev = overlay_writev,
    .flush = overlay_flush,
    .resize = overlay_resize,
};

struct block_image *block_overlay_new(struct block_image *below, struct error **err)
{
    const char *dir = getenv("TMPDIR");
    char *path = g_strdup_printf("%s/doppel-overlay-XXXXXX", dir && *dir ? dir : "/var/tmp");
    int fd = mkostemp(path, O_CLOEXEC);

    if (fd < 0) {
        error_set_errno(err, errno, "cannot create the temporary file '%s' for snapshot=on", path);
        g_free(path);
        return NULL;
    }
    unlink(path);
    g_free(path);
    struct overlay *o = g_new0(struct overlay, 1);
    o->img.format = &overlay_format;
    o->img.length = below->length;
    o->img.below = below;
    o->fd = fd;
    o->written = g_malloc0(below->length / CLUSTER / 8 + 1);
    return &o->img;
}

/* --- back into the image ---------------------------------------------------------------------- */

bool block_is_overlay(const struct block_image *img)
{
    return img->format == &overlay_format;
}

static int write_back(struct overlay *o)
{
    struct block_image *below = o->img.below;
    uint8_t buf[CLUSTER];
    int ret = 0;

    for (uint64_t at = 0; ret == 0 && at < o->img.length; at += CLUSTER) {
        struct iovec iov = {buf, (size_t)MIN(o->img.length - at, (uint64_t)CLUSTER)};
        if (is_written(o, at / CLUSTER)) {
            ret = full_pread(o->fd, buf, iov.iov_len, at);
            ret = ret < 0 ? ret : below->format->writev(below, at, &iov, 1);
        }
    }
    return ret < 0 ? ret : below->format->flush(below);
}

static int forget_written(struct overlay *o)
{
    if (ftruncate(o->fd, 0) < 0) {
        return -errno;
    }
    memset(o->written, 0, o->img.length / CLUSTER / 8 + 1);
    return 0;
}

int block_overlay_commit(struct block_image *img)
{
    struct overlay *o = overlay_of(img);
    struct block_image *below = img->below;
    const struct block_format *f = below->format;
    bool resized = below->length != img->length;

    if (!f->set_readonly || (resized && !f->resize)) {
        return -ENOTSUP;
    }
    int ret = f->set_readonly(below, false);
    if (ret < 0) {
        return ret;
    }
    ret = resized ? f->resize(below, img->length) : 0;
    ret = ret < 0 ? ret : write_back(o);
    ret = ret < 0 ? ret : forget_written(o);
    f->set_readonly(below, true);
    return ret;
}
