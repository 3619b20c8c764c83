/* SPDX-License-Identifier: MIT */
/*
 * isa-post-port: a port that keeps what is written to it and does nothing. Firmware
 * shows its progress on such ports (80h, which on a PC with 8237s is one of their
 * page registers) and kernels write to them to waste time (80h, EDh).
 */
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "util/trace.h"

struct post_port {
    struct isa_device isa;
    uint32_t iobase; /* property */
    uint8_t value;
    struct mem_region io;
};

static struct post_port *to_post_port(const struct device *dev)
{
    return container_of(dev, struct post_port, isa.dev);
}

static uint64_t post_port_read(void *opaque, uint64_t off, unsigned size)
{
    return ((struct post_port *)opaque)->value;
}

static void post_port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct post_port *s = opaque;

    TRACE(post_port, "%#x = %#x", s->iobase, (unsigned)val);
    s->value = (uint8_t)val;
}

static const struct mem_ops post_port_ops = {
    .read = post_port_read,
    .write = post_port_write,
    .valid = {.min = 1, .max = 1},
};

static void post_port_reset(struct device *dev, enum reset_kind kind)
{
    to_post_port(dev)->value = 0;
}

static int post_port_realize(struct device *dev, struct error **err)
{
    struct post_port *s = to_post_port(dev);

    mem_region_init_io(&s->io, "isa-post-port", 1, &post_port_ops, s);
    isa_register_ioport(&s->isa, &s->io, (uint16_t)s->iobase);
    return 0;
}

static void post_port_unrealize(struct device *dev)
{
    struct post_port *s = to_post_port(dev);

    isa_unregister_ioport(&s->isa, &s->io);
    mem_region_fini(&s->io);
}

static const struct vm_field post_port_fields[] = {
    VM_U8(struct post_port, value),
    VM_END,
};
static const struct vmstate post_port_vmstate = {
    .name = "isa-post-port",
    .version = 1,
    .fields = post_port_fields,
};

static const struct prop post_port_props[] = {
    PROP_U32("iobase", struct post_port, iobase, 0xed, 0, 0xffff, "port"),
    PROP_END,
};

DEVICE_DEFINE(post_port, .name = "isa-post-port", .help = "progress code and delay port",
              .bus = BUS_ISA, .state_size = sizeof(struct post_port), .props = post_port_props,
              .vmstate = &post_port_vmstate, .realize = post_port_realize,
              .unrealize = post_port_unrealize, .reset = post_port_reset);
