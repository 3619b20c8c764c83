/* SPDX-License-Identifier: MIT */
/*
 * The devices on an IDE channel's bus: ide-hd and ide-cd. What they do is the channel's (channel.c,
 * disk.c, atapi.c); here is how they come to it.
 */
#include <errno.h>

#include "hw/core/boot_order.h"
#include "hw/core/device.h"
#include "hw/ide/ide.h"
#include "hw/pci/pci.h"
#include "util/error.h"

struct ide_unit {
    struct device dev;
    struct block_device *drive; /* properties */
    int32_t unit;
    char *serial, *model;
    int32_t bootindex;

    char *boot_path;            /* in the boot order; NULL: not there */
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

/* As firmware knows it: function of the controller, channel, unit. */
static char *firmware_path(const struct ide_unit *u, const struct bus *bus)
{
    const struct pci_device *pci = pci_device(bus->parent);
    const char *channel = strrchr(bus->name, '.');

    return g_strdup_printf("/pci@i0cf8/ide@%x,%x/drive@%s/disk@%d", PCI_SLOT(pci->devfn),
                           PCI_FUNC(pci->devfn), channel ? channel + 1 : "0", (int)u->unit);
}

static int add_to_boot_order(struct ide_unit *u, const struct bus *bus, struct error **err)
{
    if (u->bootindex < 0) {
        return 0;
    }
    u->boot_path = firmware_path(u, bus);
    int ret = boot_order_add(u->bootindex, u->boot_path, err);
    if (ret < 0) {
        g_clear_pointer(&u->boot_path, g_free);
    }
    return ret;
}

static void remove_from_boot_order(struct ide_unit *u)
{
    if (u->boot_path) {
        boot_order_remove(u->boot_path);
        g_clear_pointer(&u->boot_path, g_free);
    }
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
    if (add_to_boot_order(u, dev->bus, err) < 0) {
        return -EINVAL;
    }
    blk = blk ? blk : empty_drive(u, err);
    int ret = blk ? ide_attach_drive(bus->channel, (unsigned)u->unit, blk, dev, &who, err) : -ENOMEM;
    if (ret < 0) {
        remove_from_boot_order(u);
        g_clear_pointer(&u->empty, block_device_free);
    }
    return ret;
}

static void unit_unrealize(struct device *dev)
{
    struct ide_unit *u = to_unit(dev);

    ide_detach_drive(to_bus(dev->bus)->channel, (unsigned)u->unit);
    g_clear_pointer(&u->empty, block_device_free);
    remove_from_boot_order(u);
}

static int bootindex_changed(struct device *dev, struct error **err)
{
    remove_from_boot_order(to_unit(dev));
    return add_to_boot_order(to_unit(dev), dev->bus, err);
}

static const struct prop unit_props[] = {
    PROP_DRIVE("drive", struct ide_unit, drive, "the drive, or the node that is its medium"),
    PROP_S32("unit", struct ide_unit, unit, -1, -1, 1, "0 master, 1 slave; -1 the first free"),
    PROP_S32_LIVE("bootindex", struct ide_unit, bootindex, -1, -1, INT32_MAX, bootindex_changed,
                  "place in the boot order of the next reset; -1 none"),
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
