/* SPDX-License-Identifier: MIT */
/*
 * Port 61h of a PC, device "isa-pcspk": PIT gate, speaker, NMI status. Device lock
 * held throughout.
 */
#ifndef HW_MISC_PCSPK_H
#define HW_MISC_PCSPK_H

struct device;

/* The timer whose channels 1 and 2 it shows and gates. Before realize. */
void pcspk_set_pit(struct device *dev, struct device *pit);

/* Frequency divisor of the tone (of PIT_HZ), 0: silence. */
unsigned pcspk_divisor(struct device *dev);

#endif
