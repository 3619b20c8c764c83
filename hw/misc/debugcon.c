/* SPDX-License-Identifier: MIT */
/*
 * isa-debugcon: what is written to the port goes to a character device; a read gives
 * a constant by which firmware finds out that it is there.
 */
#include "chardev/chardev.h"
#include "hw/isa/isa.h"

struct debugcon {
    struct isa_device isa;
    uint32_t iobase, readback; /* properties */
    struct chardev *chardev;
    struct mem_region io;
};

static struct debugcon *to_debugcon(const struct device *dev)
{
    return container_of(dev, struct debugcon, isa.dev);
}

static uint64_t debugcon_read(void *opaque, uint64_t off, unsigned size)
{
    return ((struct debugcon *)opaque)->readback & (uint32_t)mask64(size * 8);
}

static void debugcon_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct debugcon *s = opaque;
    uint8_t byte = (uint8_t)val;

    chardev_write(s->chardev, &byte, 1);
}

static const struct mem_ops debugcon_ops = {
    .read = debugcon_read,
    .write = debugcon_write,
    .valid = {.min = 1, .max = 1},
};

static void replaced(void *opaque, struct chardev *chr)
{
    ((struct debugcon *)opaque)->chardev = chr;
}

static int debugcon_realize(struct device *dev, struct error **err)
{
    static const struct chardev_handlers handlers = {.replaced = replaced};
    struct debugcon *s = to_debugcon(dev);
    int ret = s->chardev ? chardev_attach(s->chardev, &handlers, s, err) : 0;

    if (ret < 0)
        return ret;
    mem_region_init_io(&s->io, "isa-debugcon", 1, &debugcon_ops, s);
    isa_register_ioport(&s->isa, &s->io, (uint16_t)s->iobase);
    return 0;
}

static void debugcon_unrealize(struct device *dev)
{
    struct debugcon *s = to_debugcon(dev);

    isa_unregister_ioport(&s->isa, &s->io);
    mem_region_fini(&s->io);
    if (s->chardev)
        chardev_detach(s->chardev, s);
}

static const struct prop debugcon_props[] = {
    PROP_U32("iobase", struct debugcon, iobase, 0xe9, 0, 0xffff, "port"),
    PROP_U32("readback", struct debugcon, readback, 0xe9, 0, 0xff, "what a read gives"),
    PROP_CHARDEV("chardev", struct debugcon, chardev, "where the text goes"),
    PROP_END,
};

DEVICE_DEFINE(debugcon, .name = "isa-debugcon", .help = "debug console port", .bus = BUS_ISA,
              .state_size = sizeof(struct debugcon), .props = debugcon_props,
              .realize = debugcon_realize, .unrealize = debugcon_unrealize);
