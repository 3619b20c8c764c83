/* SPDX-License-Identifier: MIT */
/*
 * Port 92h, device "port92". Device lock held throughout.
 */
#ifndef HW_MISC_PORT92_H
#define HW_MISC_PORT92_H

struct device;
struct irq;

/* The keyboard controller's A20 gate: either of the two opens it. It drives the
 * CPUs' A20M# (cpu_set_a20()) from here. */
struct irq *port92_a20_input(struct device *dev);

#endif
