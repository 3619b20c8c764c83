/* SPDX-License-Identifier: MIT */
/*
 * Port 92h, device "port92". Device lock held throughout.
 */
#ifndef HW_MISC_PORT92_H
#define HW_MISC_PORT92_H

struct device;
struct irq;

/* Where its A20 gate goes (1: open). The machine ors it with the keyboard
 * controller's. */
void port92_set_a20(struct device *dev, struct irq *a20);

#endif
