/* SPDX-License-Identifier: MIT */
/*
 * The pair of 8237A DMA controllers of a PC, device "i8237", with the page
 * registers. It serves its ISA bus (isa_dma_request(), isa_dma_transfer()). Device
 * lock held throughout.
 */
#ifndef HW_DMA_I8237_H
#define HW_DMA_I8237_H

struct device;

/* What firmware does: channel 4 cascades the first controller, unmasked. For
 * kernels that are started without firmware. */
void i8237_set_cascade(struct device *dev);

#endif
