/* SPDX-License-Identifier: MIT */
/*
 * -drive and its short forms: "file=x,if=ide,index=0,..." to a block device in its place.
 */
#include <errno.h>
#include <stdio.h>

#include "block/block.h"
#include "util/error.h"
#include "util/optlist.h"

static const struct {
    int units; /* per bus; 0: no buses, index is the unit */
    int max;   /* indexes */
} interfaces[DRIVE_IF_COUNT] = {
    [DRIVE_IF_NONE] = {0, 0},    [DRIVE_IF_IDE] = {2, 4},       [DRIVE_IF_FLOPPY] = {0, 2},
    [DRIVE_IF_VIRTIO] = {0, 64}, [DRIVE_IF_SCSI] = {7, 7 * 32},
};

/* The host's page cache is always used: none and directsync differ from writeback and writethrough
 * in nothing the guest sees. */
static const char *const interface_names[] = {"none", "ide", "floppy", "virtio", "scsi", NULL};

const char *drive_interface_name(enum drive_interface interface)
{
    return interface_names[interface];
}
static const char *const media_names[] = {"disk", "cdrom", NULL};
enum cache_mode { CACHE_WRITEBACK, CACHE_WRITETHROUGH, CACHE_NONE, CACHE_DIRECTSYNC, CACHE_UNSAFE };
static const char *const cache_names[] = {"writeback",  "writethrough", "none",
                                          "directsync", "unsafe",       NULL};

static const char *const discard_names[] = {"unmap", "ignore", "on", "off", NULL};

struct drive_text {
    struct drive_options o;
    int interface, media, cache, discard;
};

static const struct opt_desc drive_descs[] = {
    {"file", OPT_STR, OPT_FIELD(struct drive_text, o.file), .help = "image file or host device"},
    {"format", OPT_STR, OPT_FIELD(struct drive_text, o.format), .help = "image format"},
    {"id", OPT_STR, OPT_FIELD(struct drive_text, o.id), .help = "name for -device drive="},
    {"serial", OPT_STR, OPT_FIELD(struct drive_text, o.serial), .help = "serial number"},
    {"if", OPT_ENUM, OPT_FIELD(struct drive_text, interface), .names = interface_names},
    {"bus", OPT_INT, OPT_FIELD(struct drive_text, o.bus), 0, 255, .help = "bus of the interface"},
    {"unit", OPT_INT, OPT_FIELD(struct drive_text, o.unit), 0, 255, .help = "place on the bus"},
    {"index", OPT_INT, OPT_FIELD(struct drive_text, o.index), 0, 255, .help = "instead of both"},
    {"media", OPT_ENUM, OPT_FIELD(struct drive_text, media), .names = media_names},
    {"cache", OPT_ENUM, OPT_FIELD(struct drive_text, cache), .names = cache_names},
    {"discard", OPT_ENUM, OPT_FIELD(struct drive_text, discard), .names = discard_names},
    {"readonly", OPT_BOOL, OPT_FIELD(struct drive_text, o.readonly)},
    {"read-only", OPT_BOOL, OPT_FIELD(struct drive_text, o.readonly)},
    {"snapshot", OPT_BOOL, OPT_FIELD(struct drive_text, o.snapshot),
     .help = "forget what is written"},
    {.type = OPT_END},
};

/* First free place of the interface from `from` on; -1 if all are taken. */
static int free_index(const struct drive_options *o, int from)
{
    int units = interfaces[o->interface].units;

    for (int i = from; i < interfaces[o->interface].max; i++) {
        int bus = units ? i / units : 0, unit = units ? i % units : i;
        if (!block_find_drive(o->interface, bus, unit)) {
            return i;
        }
    }
    return -1;
}

/* index, or bus and unit, or the next free place (a CD-ROM prefers the second IDE bus). */
static int place(struct drive_options *o, struct error **err)
{
    const char *name = interface_names[o->interface];
    int units = interfaces[o->interface].units;

    if (o->interface == DRIVE_IF_NONE) {
        return 0;
    }
    if (o->index >= 0 && (o->bus >= 0 || o->unit >= 0)) {
        error_set(err, "a drive takes either index or bus and unit");
        return -EINVAL;
    }
    if (units && o->unit >= units) {
        error_set(err, "if=%s has units 0 to %d on a bus", name, units - 1);
        return -EINVAL;
    }
    if (o->bus >= 0 || o->unit >= 0) {
        o->index = MAX(o->bus, 0) * (units ? units : 1) + MAX(o->unit, 0);
    } else if (o->index < 0) {
        o->index = free_index(o, o->cdrom && o->interface == DRIVE_IF_IDE ? 2 : 0);
        if (o->index < 0) {
            o->index = free_index(o, 0);
        }
    }
    if (o->index < 0 || o->index >= interfaces[o->interface].max) {
        error_set(err, "there is no place for this drive: if=%s has %d", name,
                  interfaces[o->interface].max);
        return -EINVAL;
    }
    o->bus = units ? o->index / units : 0;
    o->unit = units ? o->index % units : o->index;
    if (block_find_drive(o->interface, o->bus, o->unit)) {
        error_set(err, "two drives have if=%s,index=%d", name, o->index);
        return -EEXIST;
    }
    return 0;
}

static int create(struct drive_options *o, struct error **err)
{
    static unsigned anonymous;
    char id[64];

    o->readonly |= o->cdrom;
    if (place(o, err) < 0) {
        return -EINVAL;
    }
    if (!o->id) {
        const char *kind = o->cdrom ? "cd" : o->interface == DRIVE_IF_FLOPPY ? "" : "hd";
        if (o->interface == DRIVE_IF_NONE) {
            snprintf(id, sizeof(id), "none%u", anonymous++);
        } else if (interfaces[o->interface].units) {
            snprintf(id, sizeof(id), "%s%d-%s%d", interface_names[o->interface], o->bus, kind,
                     o->unit);
        } else {
            snprintf(id, sizeof(id), "%s%d", interface_names[o->interface], o->index);
        }
        o->id = id;
    }
    return block_device_new(o, err) ? 0 : -EINVAL;
}

int block_parse_drive(const char *text, const struct drive_options *defaults, struct error **err)
{
    struct drive_text t = {.o = *defaults,
                           .interface = (int)defaults->interface,
                           .media = defaults->cdrom,
                           .cache = CACHE_WRITEBACK};
    struct opt_list list;

    opt_list_parse(&list, text, "file");
    int ret = opt_apply(&list, drive_descs, &t, "-drive", err);
    t.o.interface = (enum drive_interface)t.interface;
    t.o.cdrom = t.media == 1;
    t.o.ignore_discard = t.discard & 1;
    t.o.no_flush = t.cache == CACHE_UNSAFE;
    t.o.write_through = t.cache == CACHE_WRITETHROUGH || t.cache == CACHE_DIRECTSYNC;
    if (ret == 0) {
        ret = create(&t.o, err);
    }
    opt_list_free(&list);
    return ret;
}
