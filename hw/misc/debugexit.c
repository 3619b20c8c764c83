/* SPDX-License-Identifier: MIT */
/*
 * isa-debug-exit: a write of v ends the machine with exit status (v << 1) | 1. Reads
 * give 0. Bare-metal test suites use it.
 */
#include "hw/isa/isa.h"
#include "system/runstate.h"

struct debug_exit {
    struct isa_device isa;
    uint32_t iobase, iosize; /* properties */
    struct mem_region io;
};

static struct debug_exit *to_debug_exit(const struct device *dev)
{
    return container_of(dev, struct debug_exit, isa.dev);
}

static uint64_t debug_exit_read(void *opaque, uint64_t off, unsigned size)
{
    return 0;
}

static void debug_exit_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    runstate_request_debug_exit((uint32_t)val);
}

static const struct mem_ops debug_exit_ops = {
    .read = debug_exit_read,
    .write = debug_exit_write,
    .valid = {.min = 1, .max = 4},
};

static int debug_exit_realize(struct device *dev, struct error **err)
{
    struct debug_exit *s = to_debug_exit(dev);

    mem_region_init_io(&s->io, "isa-debug-exit", s->iosize, &debug_exit_ops, s);
    isa_register_ioport(&s->isa, &s->io, (uint16_t)s->iobase);
    return 0;
}

static void debug_exit_unrealize(struct device *dev)
{
    struct debug_exit *s = to_debug_exit(dev);

    isa_unregister_ioport(&s->isa, &s->io);
    mem_region_fini(&s->io);
}

static const struct prop debug_exit_props[] = {
    PROP_U32("iobase", struct debug_exit, iobase, 0x501, 0, 0xffff, "first port"),
    PROP_U32("iosize", struct debug_exit, iosize, 2, 1, 8, "how many ports"),
    PROP_END,
};

DEVICE_DEFINE(debug_exit, .name = "isa-debug-exit", .help = "port that ends the machine",
              .bus = BUS_ISA, .state_size = sizeof(struct debug_exit), .props = debug_exit_props,
              .realize = debug_exit_realize, .unrealize = debug_exit_unrealize);
