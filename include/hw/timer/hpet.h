/* SPDX-License-Identifier: MIT */
/*
 * High precision event timer, device "hpet". Device lock held throughout.
 *
 * In legacy replacement mode its timers 0 and 1 take the place of the PIT and the
 * RTC on ISA lines 0 and 8, so the outputs of these two pass through here.
 */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include "util/base.h"

#define HPET_BASE_DEFAULT 0xfed00000u
#define HPET_OUTPUTS      24

enum hpet_legacy {
    HPET_LEGACY_PIT,
    HPET_LEGACY_RTC,
};

struct device;
struct irq;

/* Connect what the timers can be routed to: GSI n. The PIT and the RTC leave by 0
 * and 8. */
void hpet_set_output(struct device *dev, unsigned n, struct irq *out);

/* Where the PIT's and the RTC's outputs go. */
struct irq *hpet_legacy_input(struct device *dev, enum hpet_legacy which);

#endif
