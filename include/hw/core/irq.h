/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines (and any other one-bit wire: reset, A20, SMI, NMI).
 *
 * The receiver owns `struct irq` inputs, embedded in its state. A sender keeps
 * a `struct irq *`; NULL is an unconnected wire and may be set freely. A line
 * has a level and no memory: the receiver keeps what it needs. Called with the
 * device lock held, unless the receiver documents that its inputs are
 * lock-free (local APIC).
 */
#ifndef HW_CORE_IRQ_H
#define HW_CORE_IRQ_H

#include <stdbool.h>
#include <stdint.h>

struct irq {
    void (*handler)(void *opaque, int n, int level);
    void *opaque;
    int n; /* which input of the receiver */
};

/* One input. */
void irq_init(struct irq *irq, void (*handler)(void *opaque, int n, int level), void *opaque,
              int n);

/* `count` inputs numbered from 0. */
void irq_init_array(struct irq *irqs, unsigned count,
                    void (*handler)(void *opaque, int n, int level), void *opaque);

static inline void irq_set(struct irq *irq, int level)
{
    if (irq && irq->handler) {
        irq->handler(irq->opaque, irq->n, level);
    }
}

static inline void irq_raise(struct irq *irq)
{
    irq_set(irq, 1);
}

static inline void irq_lower(struct irq *irq)
{
    irq_set(irq, 0);
}

/* Up and down again: an edge. */
static inline void irq_pulse(struct irq *irq)
{
    irq_set(irq, 1);
    irq_set(irq, 0);
}

/* One input, several outputs: all follow the input. */
#define IRQ_SPLIT_MAX 4

struct irq_split {
    struct irq in;
    struct irq *out[IRQ_SPLIT_MAX];
    unsigned count;
};

void irq_split_init(struct irq_split *split);

/* Adds an output; asserts that fewer than IRQ_SPLIT_MAX are there. */
void irq_split_add(struct irq_split *split, struct irq *out);

/* Many inputs, one output: high while any input is high. */
#define IRQ_OR_MAX 32

struct irq_or {
    struct irq in[IRQ_OR_MAX];
    struct irq *out;
    uint32_t levels; /* bit n: input n is high; migrated by the owner */
};

void irq_or_init(struct irq_or *or_gate, struct irq *out);

/* Drive the output from `levels` again (after loading state). */
void irq_or_update(struct irq_or *or_gate);

/* Input to output with the level inverted. */
struct irq_invert {
    struct irq in;
    struct irq *out;
};

void irq_invert_init(struct irq_invert *inv, struct irq *out);

#endif
