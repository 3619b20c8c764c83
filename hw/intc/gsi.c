/* SPDX-License-Identifier: MIT */
/*
 * The wiring between interrupt lines and the two kinds of interrupt controllers
 * of a PC. Intel MultiProcessor Specification 1.4, D.3 (ISA interrupts reach the
 * 8259s and the IO-APIC); ACPI 6.3, 5.2.12.5 (interrupt source override).
 */
#include "hw/intc/gsi.h"

#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/core/vmstate.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"

#define GSI_TIMER     0
#define GSI_CASCADE   2
#define GSI_TIMER_PIN 2

struct gsi {
    struct device dev;
    uint8_t levels[GSI_COUNT]; /* bit n: driver n asserts */
    uint64_t counts[GSI_COUNT]; /* derived: rising edges, for the monitor */

    struct irq in[GSI_COUNT][GSI_SOURCES]; /* wiring */
    uint8_t used[GSI_COUNT];
    struct device *i8259, *ioapic;
};

static struct gsi *to_gsi(const struct device *dev)
{
    return container_of(dev, struct gsi, dev);
}

static void drive(struct gsi *s, unsigned n)
{
    int level = s->levels[n] != 0;

    if (s->i8259 && n < GSI_ISA)
        irq_set(i8259_input(s->i8259, n), level);
    if (s->ioapic)
        irq_set(ioapic_input(s->ioapic, n == GSI_TIMER ? GSI_TIMER_PIN : n), level);
}

static void input_changed(void *opaque, int n, int level)
{
    struct gsi *s = opaque;
    unsigned line = (unsigned)n / GSI_SOURCES;
    uint8_t bit = (uint8_t)(1u << n % GSI_SOURCES);

    s->counts[line] += level && !s->levels[line];
    s->levels[line] = level ? s->levels[line] | bit : s->levels[line] & ~bit;
    drive(s, line);
}

uint64_t gsi_count(const struct device *dev, unsigned n)
{
    return n < GSI_COUNT ? to_gsi(dev)->counts[n] : 0;
}

struct irq *gsi_input(struct device *dev, unsigned n)
{
    struct gsi *s = to_gsi(dev);

    if (n >= GSI_COUNT || n == GSI_CASCADE || s->used[n] == GSI_SOURCES)
        return NULL;
    return &s->in[n][s->used[n]++];
}

static int gsi_realize(struct device *dev, struct error **err)
{
    struct gsi *s = to_gsi(dev);

    irq_init_array(s->in[0], GSI_COUNT * GSI_SOURCES, input_changed, s);
    return 0;
}

struct device *gsi_new(struct device *i8259, struct device *ioapic, struct error **err)
{
    struct device *dev = device_new("gsi", NULL, err);

    if (!dev)
        return NULL;
    to_gsi(dev)->i8259 = i8259;
    to_gsi(dev)->ioapic = ioapic;
    if (device_realize(dev, NULL, err) < 0) {
        device_free(dev);
        return NULL;
    }
    return dev;
}

/* No reset: a wire is as its drivers are. The controllers have their inputs' levels in their own state. */
static const struct vm_field gsi_fields[] = {
    VM_U8_ARRAY(struct gsi, levels),
    VM_END,
};
static const struct vmstate gsi_vmstate = {.name = "gsi", .version = 1, .fields = gsi_fields};

DEVICE_DEFINE(gsi, .name = "gsi", .help = "interrupt routing of a PC", .bus = BUS_SYSTEM,
              .state_size = sizeof(struct gsi), .vmstate = &gsi_vmstate, .no_user = true,
              .is_default = true, .realize = gsi_realize);
