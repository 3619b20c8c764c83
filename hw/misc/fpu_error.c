/* SPDX-License-Identifier: MIT */
/*
 * FPU errors the AT way (CR0.NE = 0): FERR# raises IRQ13, which stays up until the
 * handler writes to port F0h; that also asserts IGNNE#, so that the handler can use
 * waiting instructions, until the CPU takes FERR# back.
 *
 * PIIX3 data sheet (290550), coprocessor error register; Intel SDM vol. 1, D.2.
 */
#include "hw/misc/fpu_error.h"

#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "system/cpu.h"
#include "util/trace.h"

struct fpu_error {
    struct isa_device isa;
    bool ferr, ignne; /* the CPU's pins */
    bool irq13;

    struct irq in; /* wiring */
    struct irq *out;
    struct mem_region io;
};

static struct fpu_error *to_fpu_error(const struct device *dev)
{
    return container_of(dev, struct fpu_error, isa.dev);
}

static void drive(struct fpu_error *s, bool irq13, bool ignne)
{
    TRACE(fpu_error, "ferr %d irq13 %d ignne %d", s->ferr, irq13, ignne);
    s->irq13 = irq13;
    s->ignne = ignne;
    irq_set(s->out, irq13);
    cpu_set_ignne(ignne);
}

static void ferr_changed(void *opaque, int n, int level)
{
    struct fpu_error *s = opaque;

    s->ferr = level != 0;
    if (s->ferr)
        drive(s, true, s->ignne);
    else
        drive(s, s->irq13, false);
}

static uint64_t f0_read(void *opaque, uint64_t off, unsigned size)
{
    return 0xff;
}

static void f0_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct fpu_error *s = opaque;

    drive(s, false, s->ferr);
}

static const struct mem_ops f0_ops = {
    .read = f0_read,
    .write = f0_write,
    .valid = {.min = 1, .max = 1},
};

struct irq *fpu_error_input(struct device *dev)
{
    return &to_fpu_error(dev)->in;
}

void fpu_error_set_output(struct device *dev, struct irq *out)
{
    to_fpu_error(dev)->out = out;
}

static void fpu_error_reset(struct device *dev, enum reset_kind kind)
{
    struct fpu_error *s = to_fpu_error(dev);

    s->ferr = false;
    drive(s, false, false);
}

static int fpu_error_realize(struct device *dev, struct error **err)
{
    struct fpu_error *s = to_fpu_error(dev);

    irq_init(&s->in, ferr_changed, s, 0);
    mem_region_init_io(&s->io, "fpu-error", 1, &f0_ops, s);
    isa_register_ioport(&s->isa, &s->io, 0xf0);
    return 0;
}

static void fpu_error_unrealize(struct device *dev)
{
    struct fpu_error *s = to_fpu_error(dev);

    isa_unregister_ioport(&s->isa, &s->io);
    mem_region_fini(&s->io);
}

static int fpu_error_post_load(void *state, unsigned version, struct error **err)
{
    struct fpu_error *s = state;

    drive(s, s->irq13, s->ignne && s->ferr);
    return 0;
}

static const struct vm_field fpu_error_fields[] = {
    VM_BOOL(struct fpu_error, ferr),
    VM_BOOL(struct fpu_error, ignne),
    VM_BOOL(struct fpu_error, irq13),
    VM_END,
};
static const struct vmstate fpu_error_vmstate = {
    .name = "isa-fpu-error",
    .version = 1,
    .fields = fpu_error_fields,
    .post_load = fpu_error_post_load,
};

DEVICE_DEFINE(fpu_error, .name = "isa-fpu-error", .help = "FPU error interrupt and port F0h",
              .bus = BUS_ISA, .state_size = sizeof(struct fpu_error), .vmstate = &fpu_error_vmstate,
              .no_user = true, .is_default = true, .realize = fpu_error_realize,
              .unrealize = fpu_error_unrealize, .reset = fpu_error_reset);
