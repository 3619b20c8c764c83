/* SPDX-License-Identifier: MIT */
/* What the files of the block layer know of a block device. Device lock held but for `lock`'s. */
#ifndef BLOCK_DEVICE_H
#define BLOCK_DEVICE_H

#include "block/block.h"

#include <pthread.h>

#include "system/mainloop.h"

struct block_node;

TAILQ_HEAD(request_list, block_request);

struct block_device {
    char *id, *serial, *file;
    struct drive_options opts;
    struct block_image *img; /* NULL: no medium; changed only while drained */
    struct block_stats stats;

    const struct block_device_ops *ops; /* the guest device's */
    void *opaque;
    struct device *owner; /* of which the guest device is; NULL: unknown */
    struct block_node *node; /* the medium is this one's; NULL: of no node */
    bool attached;
    bool dropped; /* nobody finds it any more; freed when detached */

    pthread_t worker;
    pthread_mutex_t lock; /* queue, finished, busy, stop */
    pthread_cond_t wake;  /* the worker: work or stop */
    pthread_cond_t idle;  /* a drain: something has finished */
    struct request_list queue, finished;
    unsigned in_flight; /* submitted, done() not called; device lock */
    bool stop;
    struct deferred completion;
    TAILQ_ENTRY(block_device) link;
};

/* The image of a drive's or node's options; snapshot=on puts a layer over it. */
struct block_image *block_open_medium(const char *file, const char *format,
                                      const struct drive_options *opts, struct error **err);

/* Drained, flushed, closed; the tray is not asked. */
void block_close_medium(struct block_device *dev);

/* --- node.c ------------------------------------------------------------------------------------- */

/* Opens the node's image for its one user; block_node_close() ends it. */
struct block_image *block_node_open(struct block_node *node, struct error **err);
void block_node_close(struct block_node *node, struct block_image *img);
const char *block_node_file(const struct block_node *node);

#endif
