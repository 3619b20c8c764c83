/* SPDX-License-Identifier: MIT */
/*
 * Global system interrupts, device "gsi": where a PC's lines go. GSI 0 to 15 are
 * the ISA lines, which go to the 8259s and to the IO-APIC; 16 to 23 go to the
 * IO-APIC only. ISA line 0 is IO-APIC pin 2 (the MADT says so); there is no ISA
 * line 2.
 *
 * A GSI is the OR of up to GSI_SOURCES drivers, so that several can share it.
 * Device lock held throughout.
 */
#ifndef HW_INTC_GSI_H
#define HW_INTC_GSI_H

#include "util/base.h"

#define GSI_COUNT   24
#define GSI_ISA     16
#define GSI_SOURCES 8

struct device;
struct error;
struct irq;

/* Made and realized by the machine; either controller may be NULL. */
struct device *gsi_new(struct device *i8259, struct device *ioapic, struct error **err);

/* An input of GSI n for one driver. NULL: n is 2 or out of range, or all are
 * taken. Ask in the same order in every run: state is saved by place. */
struct irq *gsi_input(struct device *dev, unsigned n);

/* How often line n has risen. */
uint64_t gsi_count(const struct device *dev, unsigned n);

#endif
