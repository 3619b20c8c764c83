/* SPDX-License-Identifier: MIT */
/* The keyboard controller, device "i8042". */
#ifndef HW_INPUT_I8042_H
#define HW_INPUT_I8042_H

struct device;
struct irq;

/* Where the A20 gate of the output port goes (1: address line 20 enabled). Before reset. */
void i8042_set_a20(struct device *dev, struct irq *a20);

#endif
