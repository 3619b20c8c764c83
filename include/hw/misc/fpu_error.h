/* SPDX-License-Identifier: MIT */
/*
 * What a PC does with the CPUs' FERR#: IRQ13, and port F0h, which answers it with
 * IGNNE#. Device "isa-fpu-error". Device lock held throughout.
 */
#ifndef HW_MISC_FPU_ERROR_H
#define HW_MISC_FPU_ERROR_H

struct device;
struct irq;

/* FERR#: 1 when asserted. */
struct irq *fpu_error_input(struct device *dev);

/* Where IRQ13 goes. */
void fpu_error_set_output(struct device *dev, struct irq *out);

#endif
