/* SPDX-License-Identifier: MIT */
/* Raw images: a file or host block device whose bytes are the disk's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/block.h"
#include "util/error.h"

struct raw_image {
    struct block_image img;
    int fd;
    bool no_flush, write_through;
};

static struct raw_image *raw_of(struct block_image *img)
{
    return container_of(img, struct raw_image, img);
}

/* Whatever no other format claims. */
static int raw_probe(const uint8_t *head, size_t len, const char *file)
{
    return 1;
}

static int raw_size(struct raw_image *r, const char *file, struct error **err)
{
    struct stat st;
    uint64_t bytes;

    if (fstat(r->fd, &st) < 0) {
        return error_set_errno(err, errno, "cannot examine image '%s'", file);
    }
    if (S_ISBLK(st.st_mode)) {
        if (ioctl(r->fd, BLKGETSIZE64, &bytes) < 0) {
            return error_set_errno(err, errno, "cannot find the size of '%s'", file);
        }
    } else if (S_ISREG(st.st_mode)) {
        bytes = (uint64_t)st.st_size;
    } else {
        error_set(err, "image '%s' is neither a file nor a block device", file);
        return -EINVAL;
    }
    if (bytes == 0) {
        error_set(err, "image '%s' is empty", file);
        return -EINVAL;
    }
    /* A last partial sector reads as zeros behind the end of the file. */
    r->img.length = ALIGN_UP(bytes, (uint64_t)BLOCK_SECTOR);
    return 0;
}

/* One writer, or several readers, among processes that ask (QEMU's tools lock otherwise). */
static int raw_lock(struct raw_image *r, const char *file, struct error **err)
{
    struct flock lock = {.l_type = (short)(r->img.readonly ? F_RDLCK : F_WRLCK),
                         .l_whence = SEEK_SET};

    if (fcntl(r->fd, F_OFD_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES)) {
        error_set(err, "image '%s' is in use by another process", file);
        return -EBUSY;
    }
    return 0;
}

static int raw_open(struct block_image *img, const char *file, const struct drive_options *opts,
                    struct error **err)
{
    struct raw_image *r = raw_of(img);
    bool ro = opts->readonly || opts->snapshot;

    img->readonly = ro;
    r->no_flush = opts->no_flush;
    r->write_through = opts->write_through;
    r->fd = open(file, (ro ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    if (r->fd < 0) {
        return error_set_errno(err, errno, "cannot open image '%s'", file);
    }
    int ret = raw_size(r, file, err);
    if (ret == 0) {
        ret = raw_lock(r, file, err);
    }
    if (ret < 0) {
        close(r->fd);
    }
    return ret;
}

static void raw_close(struct block_image *img)
{
    close(raw_of(img)->fd);
}

/* The part of iov from byte `skip` on, into out; returns its entries. */
static unsigned iov_skip(struct iovec *out, const struct iovec *iov, unsigned count, size_t skip)
{
    unsigned n = 0;

    for (unsigned i = 0; i < count && n < 16; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        out[n].iov_base = (char *)iov[i].iov_base + skip;
        out[n++].iov_len = iov[i].iov_len - skip;
        skip = 0;
    }
    return n;
}

static void iov_zero(const struct iovec *iov, unsigned count, size_t skip)
{
    struct iovec part[16];
    unsigned n;

    while ((n = iov_skip(part, iov, count, skip))) {
        for (unsigned i = 0; i < n; i++) {
            memset(part[i].iov_base, 0, part[i].iov_len);
            skip += part[i].iov_len;
        }
    }
}

static int raw_transfer(struct block_image *img, uint64_t offset, const struct iovec *iov,
                        unsigned count, bool write)
{
    struct iovec part[16];
    size_t done = 0;
    unsigned n;

    while ((n = iov_skip(part, iov, count, done))) {
        off_t at = (off_t)(offset + done);
        ssize_t ret = write ? pwritev(raw_of(img)->fd, part, (int)n, at)
                            : preadv(raw_of(img)->fd, part, (int)n, at);
        if (ret < 0 && errno == EINTR) {
            continue;
        }
        if (ret < 0) {
            return -errno;
        }
        if (ret == 0) {
            if (write) {
                return -ENOSPC;
            }
            iov_zero(iov, count, done);
            return 0;
        }
        done += (size_t)ret;
    }
    return 0;
}

static int raw_flush(struct block_image *img)
{
    struct raw_image *r = raw_of(img);

    return r->no_flush || img->readonly || fdatasync(r->fd) == 0 ? 0 : -errno;
}

static int raw_readv(struct block_image *img, uint64_t offset, const struct iovec *iov,
                     unsigned count)
{
    return raw_transfer(img, offset, iov, count, false);
}

static int raw_writev(struct block_image *img, uint64_t offset, const struct iovec *iov,
                      unsigned count)
{
    int ret = raw_transfer(img, offset, iov, count, true);
    return ret == 0 && raw_of(img)->write_through ? raw_flush(img) : ret;
}

static int raw_discard(struct block_image *img, uint64_t offset, uint64_t length)
{
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

    /* A hint: a host that cannot is no error. */
    if (fallocate(raw_of(img)->fd, mode, (off_t)offset, (off_t)length) < 0 && errno != EOPNOTSUPP &&
        errno != ENOSYS) {
        return -errno;
    }
    return 0;
}

static int raw_resize(struct block_image *img, uint64_t length)
{
    if (length > INT64_MAX || length == 0) {
        return -EFBIG;
    }
    if (ftruncate(raw_of(img)->fd, (off_t)length) < 0) {
        return -errno;
    }
    img->length = length;
    return 0;
}

/* Another descriptor of the same file; the lock moves with it. */
static int raw_set_readonly(struct block_image *img, bool readonly)
{
    struct raw_image *r = raw_of(img);
    char path[32];

    if (img->readonly == readonly) {
        return 0;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", r->fd);
    int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    struct raw_image other = *r;
    other.fd = fd;
    other.img.readonly = readonly;
    struct flock none = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    fcntl(r->fd, F_OFD_SETLK, &none);
    if (raw_lock(&other, "", NULL) < 0) {
        raw_lock(r, "", NULL);
        close(fd);
        return -EBUSY;
    }
    close(r->fd);
    *r = other;
    return 0;
}

BLOCK_FORMAT_DEFINE(raw, .name = "raw", .help = "plain bytes: a file or host block device",
                    .state_size = sizeof(struct raw_image), .probe = raw_probe, .open = raw_open,
                    .close = raw_close, .readv = raw_readv, .writev = raw_writev,
                    .flush = raw_flush, .discard = raw_discard, .resize = raw_resize,
                    .set_readonly = raw_set_readonly);
