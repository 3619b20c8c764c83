/* SPDX-License-Identifier: MIT */
/*
 * The devices on an IDE channel's bus: ide-hd and ide-cd. What they do is the channel's (channel.c,
 * disk.c, atapi.c); here is how they come to it.
 */
#include <errno.h>

#include "hw/core/device.h"
#include "hw/ide/ide.h"
#include "util/error.h"

struct ide_unit {
    struct device dev;
    struct block_device *drive; /* properties */
    int32_t unit;
    char *serial, *model;

    struct block_device *empty; /* the drive, if none was given */
};

static struct ide_unit *to_unit(const struct device *dev)
{
    return container_of(dev, struct ide_unit, dev);
}

static bool is_cd_class(const struct device *dev)
{
    return !strcmp(dev->cls->name, "ide-cd");
}

/* --- the bus ---------------------------------------------------------------------------------- */

static struct ide_bus *to_bus(struct bus *bus)
{
    return container_of(bus, struct ide_bus, bus);
}

static int plug(struct bus *bus, struct device *dev, struct error **err)
{
    struct ide_drive *drives = to_bus(bus)->channel->drives;
    struct ide_unit *u = to_unit(dev);

    if (u->unit < 0) {
        u->unit = drives[0].blk ? 1 : 0;
    }
    if (drives[u->unit].blk) {
        error_set(err, "IDE unit %d is in use", (int)u->unit);
        return -EBUSY;
    }
    return 0;
}

static void address(const struct bus *bus, const struct device *dev, char *buf, size_t size)
{
    g_snprintf(buf, (gulong)size, "%d", (int)to_unit(dev)->unit);
}

void ide_bus_init(struct ide_bus *bus, struct ide_channel *channel, struct device *parent)
{
    static const struct bus_ops ops = {.plug = plug, .address = address};

    bus_init(&bus->bus, BUS_IDE, NULL, parent, &ops);
    bus->bus.max_devices = 2;
    bus->channel = channel;
}

void ide_bus_fini(struct ide_bus *bus)
{
    bus_fini(&bus->bus);
}

int ide_add_drive(struct ide_bus *bus, unsigned unit, struct block_device *blk, struct error **err)
{
    struct device *dev = device_new(block_is_cdrom(blk) ? "ide-cd" : "ide-hd", NULL, err);

    if (!dev) {
        return -ENOMEM;
    }
    device_set_ptr(dev, "drive", blk);
    to_unit(dev)->unit = (int32_t)unit;
    int ret = device_realize(dev, &bus->bus, err);
    if (ret < 0) {
        device_free(dev);
    }
    return ret;
}

/* --- the devices ------------------------------------------------------------------------------ */

static struct block_device *empty_drive(struct ide_unit *u, struct error **err)
{
    static const struct drive_options none = {
        .id = "", .cdrom = true, .bus = -1, .unit = -1, .index = -1};

    u->empty = block_device_new(&none, err);
    return u->empty;
}

static int unit_realize(struct device *dev, struct error **err)
{
    struct ide_unit *u = to_unit(dev);
    struct ide_bus *bus = to_bus(dev->bus);
    struct ide_identity who = {.serial = u->serial, .model = u->model, .cdrom = is_cd_class(dev)};
    struct block_device *blk = u->drive;

    if (!blk && !who.cdrom) {
        error_set(err, "No drive specified");
        return -EINVAL;
    }
    blk = blk ? blk : empty_drive(u, err);
    int ret = blk ? ide_attach_drive(bus->channel, (unsigned)u->unit, blk, dev, &who, err) : -ENOMEM;
    if (ret < 0 && u->empty) {
        block_device_free(u->empty);
        u->empty = NULL;
    }
    return ret;
}

static void unit_unrealize(struct device *dev)
{
    struct ide_unit *u = to_unit(dev);

    ide_detach_drive(to_bus(dev->bus)->channel, (unsigned)u->unit);
    if (u->empty) {
        block_device_free(u->empty);
        u->empty = NULL;
    }
}

static const struct prop unit_props[] = {
    PROP_DRIVE("drive", struct ide_unit, drive, "the drive, or the node that is its medium"),
    PROP_S32("unit", struct ide_unit, unit, -1, -1, 1, "0 master, 1 slave; -1 the first free"),
    PROP_STR("serial", struct ide_unit, serial, NULL, "serial number"),
    PROP_STR("model", struct ide_unit, model, NULL, "model in identify data"),
    PROP_END,
};

DEVICE_DEFINE(ide_hd, .name = "ide-hd", .help = "IDE disk", .bus = BUS_IDE,
              .state_size = sizeof(struct ide_unit), .props = unit_props, .realize = unit_realize,
              .unrealize = unit_unrealize);
DEVICE_DEFINE(ide_cd, .name = "ide-cd", .help = "IDE CD-ROM drive", .bus = BUS_IDE,
              .state_size = sizeof(struct ide_unit), .props = unit_props, .realize = unit_realize,
              .unrealize = unit_unrealize);
