/* SPDX-License-Identifier: MIT */
/*
 * Media of drives: opening and closing them, trays, sizes, and writing an overlay back. What is asked
 * here is asked by the user; what the guest does to its tray is told by block_tray_moved().
 */
#include "block/device.h"

#include <errno.h>

#include "hw/core/device.h"
#include "util/error.h"
#include "util/mgmt_event.h"

/* --- images ----------------------------------------------------------------------------------- */

struct block_image *block_open_medium(const char *file, const char *format,
                                      const struct drive_options *opts, struct error **err)
{
    struct block_image *img = block_image_open(file, format, opts, err);

    if (img && opts->snapshot && !opts->readonly) {
        struct block_image *top = block_overlay_new(img, err);
        if (!top) {
            block_image_close(img);
        }
        return top;
    }
    return img;
}

void block_close_medium(struct block_device *dev)
{
    struct block_image *img = dev->img;

    if (!img) {
        return;
    }
    block_drain(dev);
    if (!img->readonly) {
        img->format->flush(img);
    }
    dev->img = NULL;
    if (dev->node) {
        block_node_close(dev->node, img);
        dev->node = NULL;
    } else {
        block_image_close(img);
    }
    g_clear_pointer(&dev->file, g_free);
}

static void media_changed(struct block_device *dev)
{
    if (dev->ops && dev->ops->media_changed) {
        dev->ops->media_changed(dev->opaque);
    }
}

/* --- trays ------------------------------------------------------------------------------------ */

bool block_has_tray(const struct block_device *dev)
{
    return dev->ops && dev->ops->set_tray;
}

bool block_removable(const struct block_device *dev)
{
    return block_has_tray(dev) || !dev->attached;
}

void block_tray_moved(struct block_device *dev, bool open)
{
    char *name = block_owner_name(dev);

    mgmt_event("DEVICE_TRAY_MOVED", MGMT_STR("device", dev->id), MGMT_STR("id", name ? name : ""),
               MGMT_BOOL("tray-open", open));
    g_free(name);
}

static void set_tray(struct block_device *dev, bool open)
{
    if (block_has_tray(dev) && block_tray_open(dev) != open) {
        dev->ops->set_tray(dev->opaque, open);
        block_tray_moved(dev, open);
    }
}

static int check_removable(const struct block_device *dev, struct error **err)
{
    if (!block_removable(dev)) {
        error_set(err, "Device '%s' is not removable", block_name(dev));
        return -EINVAL;
    }
    return 0;
}

int block_open_tray(struct block_device *dev, bool force, struct error **err)
{
    int ret = check_removable(dev, err);

    if (ret < 0 || block_tray_open(dev)) {
        return ret;
    }
    if (!block_locked(dev)) {
        set_tray(dev, true);
        return 0;
    }
    if (dev->ops->eject_request) {
        dev->ops->eject_request(dev->opaque, force);
    }
    if (!force) {
        error_set(err,
                  "Device '%s' is locked and force was not specified, wait for tray to open and try "
                  "again",
                  block_name(dev));
        return -EBUSY;
    }
    set_tray(dev, true);
    return 0;
}

int block_close_tray(struct block_device *dev, struct error **err)
{
    int ret = check_removable(dev, err);

    if (ret == 0) {
        set_tray(dev, false);
    }
    return ret;
}

/* --- taking out and putting in ---------------------------------------------------------------- */

/* A medium moves through an open tray. */
static int check_open(const struct block_device *dev, struct error **err)
{
    int ret = check_removable(dev, err);

    if (ret == 0 && block_has_tray(dev) && !block_tray_open(dev)) {
        error_set(err, "Tray of device '%s' is not open", block_name(dev));
        return -EBUSY;
    }
    return ret;
}

int block_remove_medium(struct block_device *dev, struct error **err)
{
    int ret = check_open(dev, err);

    if (ret == 0 && dev->img) {
        block_close_medium(dev);
        media_changed(dev);
    }
    return ret;
}

int block_insert_node(struct block_device *dev, struct block_node *node, struct error **err)
{
    int ret = check_open(dev, err);

    if (ret == 0 && dev->img) {
        error_set(err, "There already is a medium in device '%s'", block_name(dev));
        return -EBUSY;
    }
    struct block_image *img = ret == 0 ? block_node_open(node, err) : NULL;
    if (!img) {
        return -EINVAL;
    }
    dev->img = img;
    dev->node = node;
    dev->file = g_strdup(block_node_file(node));
    media_changed(dev);
    return 0;
}

int block_eject(struct block_device *dev, bool force, struct error **err)
{
    int ret = block_open_tray(dev, force, err);

    return ret < 0 ? ret : block_remove_medium(dev, err);
}

int block_change(struct block_device *dev, const char *file, const char *format, bool readonly,
                 bool force, struct error **err)
{
    struct drive_options opts = dev->opts;
    int ret = check_removable(dev, err);

    opts.readonly = readonly || opts.cdrom;
    struct block_image *img = ret == 0 ? block_open_medium(file, format, &opts, err) : NULL;
    if (!img) {
        return -EINVAL;
    }
    ret = block_eject(dev, force, err);
    if (ret < 0) {
        block_image_close(img);
        return ret;
    }
    dev->img = img;
    dev->file = g_strdup(file);
    media_changed(dev);
    set_tray(dev, false);
    return 0;
}

/* --- sizes and overlays ----------------------------------------------------------------------- */

static int check_writable(const struct block_device *dev, struct error **err)
{
    if (!dev->img) {
        error_set(err, "Device '%s' has no medium", block_name(dev));
        return -ENOMEDIUM;
    }
    if (dev->img->readonly) {
        error_set(err, "Device '%s' is read only", block_name(dev));
        return -EACCES;
    }
    return 0;
}

int block_resize(struct block_device *dev, uint64_t length, struct error **err)
{
    int ret = check_writable(dev, err);

    if (ret < 0) {
        return ret;
    }
    if (!dev->img->format->resize) {
        error_set(err, "Images of format '%s' cannot be resized", dev->img->format->name);
        return -ENOTSUP;
    }
    block_drain(dev);
    ret = dev->img->format->resize(dev->img, ALIGN_UP(length, (uint64_t)BLOCK_SECTOR));
    if (ret < 0) {
        return error_set_errno(err, -ret, "Could not resize '%s'", dev->file);
    }
    media_changed(dev);
    return 0;
}

bool block_has_overlay(const struct block_device *dev)
{
    return dev->img && block_is_overlay(dev->img);
}

int block_commit(struct block_device *dev, struct error **err)
{
    if (!block_has_overlay(dev)) {
        error_set(err, "Device '%s' has no overlay", block_name(dev));
        return -ENOTSUP;
    }
    block_drain(dev);
    int ret = block_overlay_commit(dev->img);
    return ret < 0 ? error_set_errno(err, -ret, "Could not write to '%s'", dev->file) : 0;
}
