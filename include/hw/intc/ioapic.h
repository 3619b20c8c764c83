/* SPDX-License-Identifier: MIT */
/*
 * IO-APIC, device "ioapic". Device lock held throughout.
 */
#ifndef HW_INTC_IOAPIC_H
#define HW_INTC_IOAPIC_H

#include "util/base.h"

#define IOAPIC_BASE_DEFAULT 0xfec00000u
#define IOAPIC_PINS         24

struct device;
struct irq;

/* Input pin n; NULL out of range. Asserted is 1 whatever the polarity bit says. */
struct irq *ioapic_input(struct device *dev, unsigned n);

/* Table and pins as text for the monitor (`info ioapic`). */
char *ioapic_describe(const struct device *dev);

#endif
