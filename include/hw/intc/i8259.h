/* SPDX-License-Identifier: MIT */
/*
 * The pair of 8259A interrupt controllers of a PC, device "isa-i8259". Device
 * lock held throughout.
 */
#ifndef HW_INTC_I8259_H
#define HW_INTC_I8259_H

#include "util/base.h"

struct device;
struct irq;

/* Input IR0..IR15; NULL for 2, where the slave sits, and out of range. */
struct irq *i8259_input(struct device *dev, unsigned n);

/* Where the master's INT goes. Before reset. */
void i8259_set_output(struct device *dev, struct irq *out);

/* Is INT high? */
bool i8259_pending(const struct device *dev);

/* The CPU's two interrupt acknowledge cycles: the vector. Without a request it is
 * that of the spurious IR7. */
uint8_t i8259_ack(struct device *dev);

/* Registers as text for the monitor (`info pic`); free with g_free(). */
char *i8259_describe(const struct device *dev);

#endif
