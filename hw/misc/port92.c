/* SPDX-License-Identifier: MIT */
/*
 * Port 92h: fast A20 gate and fast reset. PIIX3 data sheet (290550) 2.6.3.
 */
#include "hw/misc/port92.h"

#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "system/runstate.h"
#include "util/trace.h"

#define P92_RESET 0x01 /* 0 to 1 resets the CPUs */
#define P92_A20   0x02
#define P92_WMASK 0x03

struct port92 {
    struct isa_device isa;
    uint8_t control;

    struct irq *a20; /* wiring */
    struct mem_region io;
};

static struct port92 *to_port92(const struct device *dev)
{
    return container_of(dev, struct port92, isa.dev);
}

static void update_a20(const struct port92 *s)
{
    TRACE(port92_a20, "%d", s->control & P92_A20);
    irq_set(s->a20, !!(s->control & P92_A20));
}

static void port92_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct port92 *s = opaque;
    uint8_t old = s->control;

    s->control = (uint8_t)val & P92_WMASK;
    update_a20(s);
    if (~old & s->control & P92_RESET)
        runstate_request_reset(RESET_REASON_GUEST_WARM);
}

static uint64_t port92_read(void *opaque, uint64_t off, unsigned size)
{
    return ((struct port92 *)opaque)->control;
}

static const struct mem_ops port92_ops = {
    .read = port92_read,
    .write = port92_write,
    .valid = {.min = 1, .max = 1},
};

void port92_set_a20(struct device *dev, struct irq *a20)
{
    to_port92(dev)->a20 = a20;
}

static void port92_reset(struct device *dev, enum reset_kind kind)
{
    struct port92 *s = to_port92(dev);

    s->control = 0;
    update_a20(s);
}

static int port92_realize(struct device *dev, struct error **err)
{
    struct port92 *s = to_port92(dev);

    mem_region_init_io(&s->io, "port92", 1, &port92_ops, s);
    isa_register_ioport(&s->isa, &s->io, 0x92);
    return 0;
}

static void port92_unrealize(struct device *dev)
{
    struct port92 *s = to_port92(dev);

    isa_unregister_ioport(&s->isa, &s->io);
    mem_region_fini(&s->io);
}

static int port92_post_load(void *state, unsigned version, struct error **err)
{
    struct port92 *s = state;

    s->control &= P92_WMASK;
    update_a20(s);
    return 0;
}

static const struct vm_field port92_fields[] = {
    VM_U8(struct port92, control),
    VM_END,
};
static const struct vmstate port92_vmstate = {
    .name = "port92",
    .version = 1,
    .fields = port92_fields,
    .post_load = port92_post_load,
};

DEVICE_DEFINE(port92, .name = "port92", .help = "fast A20 gate and reset", .bus = BUS_ISA,
              .state_size = sizeof(struct port92), .vmstate = &port92_vmstate, .no_user = true,
              .is_default = true, .realize = port92_realize, .unrealize = port92_unrealize,
              .reset = port92_reset);
