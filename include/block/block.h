/* SPDX-License-Identifier: MIT */
/*
 * Disks as devices see them, and formats as images are.
 *
 * A block_device is what a guest disk or drive is attached to. It may have a medium, an opened
 * image. Devices submit scatter-gather requests; a worker thread per block_device carries them out
 * in order by the blocking code of the image's format; completions run on the main loop with the
 * device lock held.
 *
 * Offsets and lengths are bytes. Devices keep them multiples of BLOCK_SECTOR; the block layer
 * refuses requests outside the medium (-EIO) whatever the device checked.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include "util/base.h"

#include <glib.h>
#include <sys/queue.h>
#include <sys/uio.h>

struct block_device;
struct block_node;
struct device;
struct error;

#define BLOCK_SECTOR 512u

/* --- requests ------------------------------------------------------------------------------- */

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES };

/*
 * Owned by the device, alive until `done`. iov and what it points to stay the device's too (guest
 * memory mapped by addr_space_map, or a buffer). DISCARD and WRITE_ZEROES take `length`.
 */
struct block_request {
    enum block_op op;
    uint64_t offset;
    uint64_t length; /* set by block_submit() from iov for reads and writes */
    struct iovec *iov;
    unsigned iov_count;
    void (*done)(struct block_request *req, int ret); /* 0 or -errno */
    void *opaque;
    /* private */
    struct block_device *dev;
    int ret;
    bool invalid;
    int64_t submitted; /* CLK_REALTIME */
    TAILQ_ENTRY(block_request) link;
};

/* Device lock held. `done` is never called from inside block_submit(). */
void block_submit(struct block_device *dev, struct block_request *req);

/* Wait until nothing is in flight (reset, stop, eject). Main loop or vCPU, device lock held:
 * completions run inside. */
void block_drain(struct block_device *dev);
void block_drain_all(void);

/* --- devices -------------------------------------------------------------------------------- */

enum drive_interface {
    DRIVE_IF_NONE,
    DRIVE_IF_IDE,
    DRIVE_IF_FLOPPY,
    DRIVE_IF_VIRTIO,
    DRIVE_IF_SCSI,
    DRIVE_IF_COUNT
};
const char *drive_interface_name(enum drive_interface interface);

/* How an attached device hears of its medium. Device lock held. */
struct block_device_ops {
    void (*media_changed)(void *opaque); /* inserted, ejected, resized */
    bool (*tray_locked)(void *opaque);
    bool (*tray_open)(void *opaque);
    void (*eject_request)(void *opaque, bool force); /* the user wants the medium */
    void (*set_tray)(void *opaque, bool open);       /* NULL: no tray, the medium stays */
};

enum block_stat_kind {
    BLOCK_STAT_READ,
    BLOCK_STAT_WRITE,
    BLOCK_STAT_FLUSH,
    BLOCK_STAT_UNMAP,
    BLOCK_STAT_COUNT
};

struct block_stats {
    struct block_stat {
        uint64_t bytes, ops; /* that succeeded */
        uint64_t failed;     /* the image could not */
        uint64_t invalid;    /* refused: outside the medium, read-only, no medium */
        uint64_t ns;         /* all of them took */
    } of[BLOCK_STAT_COUNT];
    uint64_t write_end; /* highest byte written, and one */
};

/* -drive. Strings are borrowed. */
struct drive_options {
    const char *id;     /* NULL: made up ("ide0-hd0") */
    const char *file;   /* NULL or "": no medium */
    const char *format; /* NULL: probed */
    const char *serial;
    enum drive_interface interface;
    int bus, unit, index; /* -1: not given */
    bool cdrom;
    bool readonly;
    bool snapshot;      /* writes go to a temporary overlay and are forgotten */
    bool no_flush;      /* cache=unsafe */
    bool ignore_discard; /* discard=ignore */
    bool write_through; /* cache=writethrough, directsync */
};

struct block_device *block_device_new(const struct drive_options *opts, struct error **err);
void block_device_free(struct block_device *dev);
struct block_device *block_device_find(const char *id);
void block_device_for_each(void (*fn)(struct block_device *dev, void *opaque), void *opaque);

/* Claimed by the one guest device that uses it; -EBUSY if there is another. `owner` may be NULL. */
int block_attach(struct block_device *dev, const struct block_device_ops *ops, void *opaque,
                 struct device *owner, struct error **err);
void block_detach(struct block_device *dev);

const char *block_id(const struct block_device *dev); /* "": of a node, without a name */
const char *block_name(const struct block_device *dev); /* the same for messages: the device's */
char *block_owner_name(const struct block_device *dev); /* its id or path; NULL: none; g_free() */
struct block_node *block_node_of(const struct block_device *dev); /* the medium's, or NULL */
const struct drive_options *
block_options(const struct block_device *dev);         /* interface, bus, unit */
bool block_present(const struct block_device *dev);    /* is there a medium */
const char *block_file(const struct block_device *dev);   /* of the medium; NULL: none */
const char *block_format(const struct block_device *dev); /* of the medium; NULL: none */
bool block_attached(const struct block_device *dev);      /* does a device use it */
bool block_tray_open(const struct block_device *dev);
bool block_locked(const struct block_device *dev); /* the guest holds the medium */
uint64_t block_length(const struct block_device *dev); /* 0 without */
bool block_readonly(const struct block_device *dev);
bool block_is_cdrom(const struct block_device *dev);
const char *block_serial(const struct block_device *dev); /* NULL if not given */
const struct block_stats *block_get_stats(const struct block_device *dev);

/*
 * Media and trays, as the user moves them. Without `force` a tray the guest has locked stays shut:
 * -EBUSY, and the guest hears that it is wanted. A medium goes in and out through an open tray only;
 * drives without a device need none.
 */
bool block_removable(const struct block_device *dev);
bool block_has_tray(const struct block_device *dev);
bool block_has_overlay(const struct block_device *dev);
int block_open_tray(struct block_device *dev, bool force, struct error **err);
int block_close_tray(struct block_device *dev, struct error **err);
int block_remove_medium(struct block_device *dev, struct error **err);
int block_insert_node(struct block_device *dev, struct block_node *node, struct error **err);
/* All at once: tray open, medium out (and another in, tray shut). */
int block_eject(struct block_device *dev, bool force, struct error **err);
int block_change(struct block_device *dev, const char *file, const char *format, bool readonly,
                 bool force, struct error **err);

/* Rounded up to a sector. The guest's device is told. */
int block_resize(struct block_device *dev, uint64_t length, struct error **err);

/* Write what the layer of snapshot=on has taken to the image below. Waits for it. */
int block_commit(struct block_device *dev, struct error **err);

/* Forget the drive: an attached one is without a medium from then on. */
void block_device_drop(struct block_device *dev);

/* The guest has moved the tray. */
void block_tray_moved(struct block_device *dev, bool open);

/* The drive of -hda.., -drive if=ide,bus=,unit= ...; NULL if not given. */
struct block_device *block_find_drive(enum drive_interface interface, int bus, int unit);

/* "file=x,if=ide,..." to a drive; `defaults` says what an option does not. */
int block_parse_drive(const char *text, const struct drive_options *defaults, struct error **err);

void block_init(void);    /* registers the resolver of PROP_DRIVE */
void block_cleanup(void); /* drains, flushes and closes everything */

/* --- named images ----------------------------------------------------------------------------- */

/* -blockdev: "driver=raw,node-name=n,file.driver=file,file.filename=f". */
int block_node_add(const char *text, struct error **err);
int block_node_del(const char *name, struct error **err); /* -EBUSY while it is in use */
struct block_node *block_node_find(const char *name);
const char *block_node_name(const struct block_node *node);
void block_node_for_each(void (*fn)(const struct block_node *node, void *opaque), void *opaque);

struct block_node_info {
    const char *name, *driver, *file;
    uint64_t length; /* when it was last open */
    bool readonly, no_flush, ignore_discard;
};
void block_node_describe(const struct block_node *node, struct block_node_info *info);

/* --- formats -------------------------------------------------------------------------------- */

/* An opened image. Formats embed it first. */
struct block_image {
    const struct block_format *format;
    uint64_t length; /* bytes, of the guest's disk */
    bool readonly;
    bool ignore_discard;
    struct block_image *below; /* a filter's: closed with it */
};

/* Blocking; on a worker thread, one call at a time per image. Everything read is hostile. */
struct block_format {
    const char *name;
    const char *help;
    size_t state_size;
    /* 0 (not mine) to 100 (surely) from the first `len` bytes and the name. */
    int (*probe)(const uint8_t *head, size_t len, const char *file);
    int (*open)(struct block_image *img, const char *file, const struct drive_options *opts,
                struct error **err);
    void (*close)(struct block_image *img);
    int (*readv)(struct block_image *img, uint64_t offset, const struct iovec *iov, unsigned count);
    int (*writev)(struct block_image *img, uint64_t offset, const struct iovec *iov,
                  unsigned count);
    int (*flush)(struct block_image *img);
    int (*discard)(struct block_image *img, uint64_t offset, uint64_t length); /* may be NULL */
    int (*resize)(struct block_image *img, uint64_t length);        /* and sets it; may be NULL */
    int (*set_readonly)(struct block_image *img, bool readonly);    /* and sets it; may be NULL */
};

#define BLOCK_FORMAT_SECTION "doppel_block_formats"
#define BLOCK_FORMAT_DEFINE(ident, ...)                                                            \
    static const struct block_format ident##_format = {__VA_ARGS__};                               \
    static const struct block_format *const ident##_entry                                          \
        __attribute__((used, section(BLOCK_FORMAT_SECTION))) = &ident##_format

/* `format` NULL: by probing. */
struct block_image *block_image_open(const char *file, const char *format,
                                     const struct drive_options *opts, struct error **err);
void block_image_close(struct block_image *img);
bool block_format_exists(const char *name);

/* Puts a forgetful writable layer over `below`, which it owns from then on (on success). */
struct block_image *block_overlay_new(struct block_image *below, struct error **err);
bool block_is_overlay(const struct block_image *img);
/* Nothing may be in flight. What could be written stays written after an error. */
int block_overlay_commit(struct block_image *img);

#endif
