/* SPDX-License-Identifier: MIT */
/*
 * Port 61h, NMI status and control: the gate of PIT channel 2, the speaker's data
 * gate, the refresh toggle, and two NMI sources that never fire here.
 *
 * PIIX3 data sheet (290550), NMI status and control register.
 */
#include "hw/misc/pcspk.h"

#include "hw/core/clock.h"
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "hw/timer/i8254.h"

#define P61_GATE2   0x01
#define P61_SPEAKER 0x02
#define P61_WMASK   0x0f
#define P61_REFRESH 0x10
#define P61_OUT2    0x20

/* PIT ticks between refresh requests: what firmware gives channel 1. */
#define REFRESH_TICKS 18

struct pcspk {
    struct isa_device isa;
    uint16_t iobase; /* property */
    uint8_t control;

    struct device *pit; /* wiring */
    struct mem_region io;
};

static struct pcspk *to_pcspk(const struct device *dev)
{
    return container_of(dev, struct pcspk, isa.dev);
}

/* The bit turns over with every refresh request, which software uses to wait. */
static bool refresh_toggle(struct pcspk *s)
{
    uint64_t tick = clock_ns_to_ticks(clock_now(CLK_VIRTUAL), PIT_HZ);
    uint32_t period = i8254_divisor(s->pit, 1);

    return tick / (period ? period : REFRESH_TICKS) & 1;
}

static uint64_t pcspk_read(void *opaque, uint64_t off, unsigned size)
{
    struct pcspk *s = opaque;

    return s->control | (refresh_toggle(s) ? P61_REFRESH : 0) |
           (i8254_out(s->pit, 2) ? P61_OUT2 : 0);
}

static void pcspk_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct pcspk *s = opaque;

    s->control = (uint8_t)val & P61_WMASK;
    i8254_set_gate(s->pit, 2, s->control & P61_GATE2);
}

static const struct mem_ops pcspk_ops = {
    .read = pcspk_read,
    .write = pcspk_write,
    .valid = {.min = 1, .max = 1},
};

void pcspk_set_pit(struct device *dev, struct device *pit)
{
    to_pcspk(dev)->pit = pit;
}

unsigned pcspk_divisor(struct device *dev)
{
    struct pcspk *s = to_pcspk(dev);

    return s->control & P61_SPEAKER ? i8254_divisor(s->pit, 2) : 0;
}

static void pcspk_reset(struct device *dev, enum reset_kind kind)
{
    pcspk_write(to_pcspk(dev), 0, 0, 1);
}

static int pcspk_realize(struct device *dev, struct error **err)
{
    struct pcspk *s = to_pcspk(dev);

    assert(s->pit);
    mem_region_init_io(&s->io, "pcspk", 1, &pcspk_ops, s);
    isa_register_ioport(&s->isa, &s->io, s->iobase);
    return 0;
}

static void pcspk_unrealize(struct device *dev)
{
    struct pcspk *s = to_pcspk(dev);

    isa_unregister_ioport(&s->isa, &s->io);
    mem_region_fini(&s->io);
}

static const struct vm_field pcspk_fields[] = {
    VM_U8(struct pcspk, control),
    VM_END,
};
static const struct vmstate pcspk_vmstate = {
    .name = "isa-pcspk",
    .version = 1,
    .fields = pcspk_fields,
};

static const struct prop pcspk_props[] = {
    PROP_U16("iobase", struct pcspk, iobase, 0x61, 0, 0xffff, "port"),
    PROP_END,
};

DEVICE_DEFINE(pcspk, .name = "isa-pcspk", .help = "PC speaker and NMI status port", .bus = BUS_ISA,
              .state_size = sizeof(struct pcspk), .props = pcspk_props, .vmstate = &pcspk_vmstate,
              .no_user = true, .is_default = true, .realize = pcspk_realize,
              .unrealize = pcspk_unrealize, .reset = pcspk_reset);
