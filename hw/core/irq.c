/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines and the small gates between them.
 */
#include "hw/core/irq.h"

#include "util/base.h"

void irq_init(struct irq *irq, void (*handler)(void *opaque, int n, int level), void *opaque, int n)
{
    irq->handler = handler;
    irq->opaque = opaque;
    irq->n = n;
}

void irq_init_array(struct irq *irqs, unsigned count,
                    void (*handler)(void *opaque, int n, int level), void *opaque)
{
    for (unsigned i = 0; i < count; i++)
        irq_init(&irqs[i], handler, opaque, (int)i);
}

static void split_set(void *opaque, int n, int level)
{
    struct irq_split *split = opaque;

    for (unsigned i = 0; i < split->count; i++)
        irq_set(split->out[i], level);
}

void irq_split_init(struct irq_split *split)
{
    memset(split, 0, sizeof(*split));
    irq_init(&split->in, split_set, split, 0);
}

void irq_split_add(struct irq_split *split, struct irq *out)
{
    assert(split->count < IRQ_SPLIT_MAX);
    split->out[split->count++] = out;
}

static void or_set(void *opaque, int n, int level)
{
    struct irq_or *gate = opaque;
    uint32_t bit = 1u << n;

    gate->levels = level ? gate->levels | bit : gate->levels & ~bit;
    irq_or_update(gate);
}

void irq_or_init(struct irq_or *or_gate, struct irq *out)
{
    irq_init_array(or_gate->in, IRQ_OR_MAX, or_set, or_gate);
    or_gate->out = out;
    or_gate->levels = 0;
}

void irq_or_update(struct irq_or *or_gate)
{
    irq_set(or_gate->out, or_gate->levels != 0);
}

static void invert_set(void *opaque, int n, int level)
{
    struct irq_invert *inv = opaque;

    irq_set(inv->out, !level);
}

void irq_invert_init(struct irq_invert *inv, struct irq *out)
{
    irq_init(&inv->in, invert_set, inv, 0);
    inv->out = out;
}
