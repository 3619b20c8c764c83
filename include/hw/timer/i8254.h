/* SPDX-License-Identifier: MIT */
/*
 * 8254 programmable interval timer, device "isa-pit". Device lock held throughout.
 */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "util/base.h"

#define PIT_HZ       1193182u
#define PIT_CHANNELS 3

struct device;
struct irq;

/* Where OUT0 goes. */
void i8254_set_output(struct device *dev, struct irq *out);

/* Channel 2's gate is bit 0 of port 61h; the others' are tied high. */
void i8254_set_gate(struct device *dev, unsigned channel, bool level);
bool i8254_gate(const struct device *dev, unsigned channel);

/* OUT of a channel now. */
bool i8254_out(struct device *dev, unsigned channel);

/* The tone of a channel in a square wave or rate mode: its divisor, 0 if silent. */
uint32_t i8254_divisor(struct device *dev, unsigned channel);

#endif
