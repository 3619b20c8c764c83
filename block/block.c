/* SPDX-License-Identifier: MIT */
/* Block devices: requests in order on a worker thread, completions on the main loop. */
#include "block/device.h"

#include <errno.h>
#include <pthread.h>

#include "hw/core/clock.h"
#include "hw/core/device.h"
#include "hw/core/lock.h"
#include "system/mainloop.h"
#include "util/error.h"
#include "util/mgmt_event.h"

static TAILQ_HEAD(device_list, block_device) devices = TAILQ_HEAD_INITIALIZER(devices);

/* --- the worker ----------------------------------------------------------------------------- */

static int write_zeroes(struct block_image *img, uint64_t offset, uint64_t length)
{
    static const uint8_t zeros[65536];
    int ret = 0;

    while (length && ret == 0) {
        struct iovec iov = {(void *)(uintptr_t)zeros, MIN(length, (uint64_t)sizeof(zeros))};
        ret = img->format->writev(img, offset, &iov, 1);
        offset += iov.iov_len;
        length -= iov.iov_len;
    }
    return ret;
}

static int carry_out(struct block_image *img, struct block_request *req)
{
    const struct block_format *f = img->format;

    switch (req->op) {
    case BLOCK_READ:
        return f->readv(img, req->offset, req->iov, req->iov_count);
    case BLOCK_WRITE:
        return f->writev(img, req->offset, req->iov, req->iov_count);
    case BLOCK_FLUSH:
        return f->flush(img);
    case BLOCK_DISCARD:
        return f->discard && !img->ignore_discard ? f->discard(img, req->offset, req->length) : 0;
    case BLOCK_WRITE_ZEROES:
        return write_zeroes(img, req->offset, req->length);
    }
    return -ENOTSUP;
}

static int check(const struct block_device *dev, const struct block_request *req)
{
    if (!dev->img) {
        return -ENOMEDIUM;
    }
    if (req->op != BLOCK_READ && req->op != BLOCK_FLUSH && dev->img->readonly) {
        return -EROFS;
    }
    if (req->op != BLOCK_FLUSH && !range_fits(req->offset, req->length, dev->img->length)) {
        return -EIO;
    }
    return 0;
}

static void finish_locked(struct block_device *dev, struct block_request *req, int ret)
{
    req->ret = ret;
    TAILQ_INSERT_TAIL(&dev->finished, req, link);
    pthread_cond_broadcast(&dev->idle);
    deferred_schedule(&dev->completion);
}

static void *worker_main(void *arg)
{
    struct block_device *dev = arg;

    pthread_mutex_lock(&dev->lock);
    for (;;) {
        struct block_request *req = TAILQ_FIRST(&dev->queue);
        if (!req) {
            if (dev->stop) {
                break;
            }
            pthread_cond_wait(&dev->wake, &dev->lock);
            continue;
        }
        TAILQ_REMOVE(&dev->queue, req, link);
        pthread_mutex_unlock(&dev->lock);
        int ret = carry_out(dev->img, req);
        pthread_mutex_lock(&dev->lock);
        finish_locked(dev, req, ret);
    }
    pthread_mutex_unlock(&dev->lock);
    return NULL;
}

/* --- requests ------------------------------------------------------------------------------- */

/* The guest hears of it too: nothing is stopped. */
static void report_error(struct block_device *dev, const struct block_request *req, int ret)
{
    bool read = req->op == BLOCK_READ;

    if (dev->img) {
        mgmt_event("BLOCK_IO_ERROR", MGMT_STR("device", dev->id),
                   MGMT_STR("operation", read ? "read" : "write"), MGMT_STR("action", "report"),
                   MGMT_BOOL("nospace", ret == -ENOSPC), MGMT_STR("reason", strerror(-ret)));
    }
}

static void account(struct block_device *dev, const struct block_request *req, int ret)
{
    static const enum block_stat_kind kinds[] = {
        [BLOCK_READ] = BLOCK_STAT_READ,     [BLOCK_WRITE] = BLOCK_STAT_WRITE,
        [BLOCK_FLUSH] = BLOCK_STAT_FLUSH,   [BLOCK_DISCARD] = BLOCK_STAT_UNMAP,
        [BLOCK_WRITE_ZEROES] = BLOCK_STAT_WRITE,
    };
    struct block_stat *st = &dev->stats.of[kinds[req->op]];
    bool writes = kinds[req->op] == BLOCK_STAT_WRITE;

    st->ns += (uint64_t)(clock_now(CLK_REALTIME) - req->submitted);
    if (ret < 0) {
        st->invalid += req->invalid;
        st->failed += !req->invalid;
        report_error(dev, req, ret);
        return;
    }
    st->ops++;
    st->bytes += req->op == BLOCK_FLUSH ? 0 : req->length;
    if (writes) {
        dev->stats.write_end = MAX(dev->stats.write_end, req->offset + req->length);
    }
}

/* Call what has finished. Device lock held. */
static void complete(void *opaque)
{
    struct block_device *dev = opaque;
    struct block_request *req;

    for (;;) {
        pthread_mutex_lock(&dev->lock);
        req = TAILQ_FIRST(&dev->finished);
        if (req) {
            TAILQ_REMOVE(&dev->finished, req, link);
        }
        pthread_mutex_unlock(&dev->lock);
        if (!req) {
            return;
        }
        dev->in_flight--;
        account(dev, req, req->ret);
        req->done(req, req->ret);
    }
}

void block_submit(struct block_device *dev, struct block_request *req)
{
    req->dev = dev;
    if (req->op == BLOCK_READ || req->op == BLOCK_WRITE) {
        req->length = 0;
        for (unsigned i = 0; i < req->iov_count; i++) {
            req->length += req->iov[i].iov_len;
        }
    }
    dev->in_flight++;
    req->submitted = clock_now(CLK_REALTIME);
    int ret = check(dev, req);
    req->invalid = ret < 0;
    pthread_mutex_lock(&dev->lock);
    if (ret < 0) {
        finish_locked(dev, req, ret);
    } else {
        TAILQ_INSERT_TAIL(&dev->queue, req, link);
        pthread_cond_signal(&dev->wake);
    }
    pthread_mutex_unlock(&dev->lock);
}

void block_drain(struct block_device *dev)
{
    while (dev->in_flight) {
        pthread_mutex_lock(&dev->lock);
        while (TAILQ_EMPTY(&dev->finished)) {
            pthread_cond_wait(&dev->idle, &dev->lock);
        }
        pthread_mutex_unlock(&dev->lock);
        complete(dev);
    }
}

void block_drain_all(void)
{
    struct block_device *dev;

    TAILQ_FOREACH(dev, &devices, link)
    {
        block_drain(dev);
    }
}

/* --- devices -------------------------------------------------------------------------------- */

struct block_device *block_device_find(const char *id)
{
    struct block_device *dev;

    TAILQ_FOREACH(dev, &devices, link)
    {
        if (*dev->id && !dev->dropped && !strcmp(dev->id, id)) {
            return dev;
        }
    }
    return NULL;
}

void block_device_for_each(void (*fn)(struct block_device *dev, void *opaque), void *opaque)
{
    struct block_device *dev;

    TAILQ_FOREACH(dev, &devices, link)
    {
        if (!dev->dropped) {
            fn(dev, opaque);
        }
    }
}

struct block_device *block_find_drive(enum drive_interface interface, int bus, int unit)
{
    struct block_device *dev;

    TAILQ_FOREACH(dev, &devices, link)
    {
        if (dev->opts.interface == interface && dev->opts.bus == bus && dev->opts.unit == unit) {
            return dev;
        }
    }
    return NULL;
}

struct block_device *block_device_new(const struct drive_options *opts, struct error **err)
{
    struct block_image *img = NULL;

    if (block_device_find(opts->id)) {
        error_set(err, "there is a drive '%s' already", opts->id);
        return NULL;
    }
    if (opts->file && *opts->file && !(img = block_open_medium(opts->file, opts->format, opts, err))) {
        return NULL;
    }
    struct block_device *dev = g_new0(struct block_device, 1);
    dev->opts = *opts;
    dev->id = g_strdup(opts->id);
    dev->serial = g_strdup(opts->serial);
    dev->file = img ? g_strdup(opts->file) : NULL;
    dev->opts.id = dev->id;
    dev->opts.serial = dev->serial;
    dev->opts.file = dev->opts.format = NULL;
    dev->img = img;
    pthread_mutex_init(&dev->lock, NULL);
    pthread_cond_init(&dev->wake, NULL);
    pthread_cond_init(&dev->idle, NULL);
    TAILQ_INIT(&dev->queue);
    TAILQ_INIT(&dev->finished);
    deferred_init(&dev->completion, complete, dev);
    pthread_create(&dev->worker, NULL, worker_main, dev);
    TAILQ_INSERT_TAIL(&devices, dev, link);
    return dev;
}

void block_device_free(struct block_device *dev)
{
    block_drain(dev);
    block_close_medium(dev);
    pthread_mutex_lock(&dev->lock);
    dev->stop = true;
    pthread_cond_signal(&dev->wake);
    pthread_mutex_unlock(&dev->lock);
    pthread_join(dev->worker, NULL);
    deferred_cancel(&dev->completion);
    TAILQ_REMOVE(&devices, dev, link);
    g_free(dev->id);
    g_free(dev->serial);
    g_free(dev);
}

int block_attach(struct block_device *dev, const struct block_device_ops *ops, void *opaque,
                 struct device *owner, struct error **err)
{
    if (dev->attached) {
        error_set(err, "drive '%s' is in use by another device", dev->id);
        return -EBUSY;
    }
    dev->attached = true;
    dev->ops = ops;
    dev->opaque = opaque;
    dev->owner = owner;
    return 0;
}

void block_detach(struct block_device *dev)
{
    block_drain(dev);
    dev->attached = false;
    dev->ops = NULL;
    dev->owner = NULL;
    if (dev->dropped) {
        block_device_free(dev);
    }
}

void block_device_drop(struct block_device *dev)
{
    if (!dev->attached) {
        block_device_free(dev);
        return;
    }
    dev->dropped = true;
    block_close_medium(dev);
}

const char *block_id(const struct block_device *dev)
{
    return dev->id;
}

char *block_owner_name(const struct block_device *dev)
{
    if (!dev->owner) {
        return NULL;
    }
    return dev->owner->id ? g_strdup(dev->owner->id) : device_path(dev->owner);
}

const char *block_name(const struct block_device *dev)
{
    return !*dev->id && dev->owner && dev->owner->id ? dev->owner->id : dev->id;
}

struct block_node *block_node_of(const struct block_device *dev)
{
    return dev->node;
}

const struct drive_options *block_options(const struct block_device *dev)
{
    return &dev->opts;
}

bool block_present(const struct block_device *dev)
{
    return dev->img != NULL;
}

const char *block_file(const struct block_device *dev)
{
    return dev->file;
}

/* The format of the image itself, below what lies over it. */
const char *block_format(const struct block_device *dev)
{
    const struct block_image *img = dev->img;

    while (img && img->below) {
        img = img->below;
    }
    return img ? img->format->name : NULL;
}

bool block_attached(const struct block_device *dev)
{
    return dev->attached;
}

bool block_tray_open(const struct block_device *dev)
{
    if (dev->ops && dev->ops->tray_open) {
        return dev->ops->tray_open(dev->opaque);
    }
    return false;
}

bool block_locked(const struct block_device *dev)
{
    return dev->ops && dev->ops->tray_locked && dev->ops->tray_locked(dev->opaque);
}

uint64_t block_length(const struct block_device *dev)
{
    return dev->img ? dev->img->length : 0;
}

bool block_readonly(const struct block_device *dev)
{
    return dev->img ? dev->img->readonly : dev->opts.readonly || dev->opts.cdrom;
}

bool block_is_cdrom(const struct block_device *dev)
{
    return dev->opts.cdrom;
}

const char *block_serial(const struct block_device *dev)
{
    return dev->serial;
}

const struct block_stats *block_get_stats(const struct block_device *dev)
{
    return &dev->stats;
}

/* --- start and end -------------------------------------------------------------------------- */

/* A drive without a name, whose medium is the node. */
static struct block_device *drive_of_node(struct block_node *node, struct error **err)
{
    static const struct drive_options none = {.id = "", .bus = -1, .unit = -1, .index = -1};
    struct block_device *dev = block_device_new(&none, err);

    if (dev && block_insert_node(dev, node, err) < 0) {
        block_device_free(dev);
        return NULL;
    }
    return dev;
}

static int resolve(struct device *owner, const char *name, void **out, struct error **err)
{
    struct block_device *dev = block_device_find(name);
    struct block_node *node = dev ? NULL : block_node_find(name);

    if (!dev && !node) {
        error_set(err, "there is no drive or node '%s'", name);
        return -ENOENT;
    }
    *out = dev ? dev : drive_of_node(node, err);
    return *out ? 0 : -EINVAL;
}

/* What was made for the device goes with it. */
static void release(struct device *owner, void *object)
{
    struct block_device *dev = object;

    if (!*dev->id) {
        block_device_free(dev);
    }
}

static const char *object_name(const void *object)
{
    return block_id(object);
}

void block_init(void)
{
    static const struct prop_resolver resolver = {.resolve = resolve, .release = release, .name = object_name};
    prop_set_resolver(PROP_TYPE_DRIVE, &resolver);
}

void block_cleanup(void)
{
    struct block_device *dev;

    while ((dev = TAILQ_FIRST(&devices))) {
        block_device_free(dev);
    }
}
