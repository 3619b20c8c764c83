/* SPDX-License-Identifier: MIT */
/*
 * Real-time clock and CMOS memory, device "mc146818rtc". Properties "base" (utc,
 * localtime or a date) and "clock" (host, rt, vm) are what -rtc says. Device lock
 * held throughout.
 */
#ifndef HW_TIMER_MC146818RTC_H
#define HW_TIMER_MC146818RTC_H

#include "util/base.h"

struct device;
struct irq;

/* Where IRQ8 goes, if not to the ISA bus. */
void rtc_set_output(struct device *dev, struct irq *out);

/* Pulsed at each alarm whose interrupt is enabled. */
void rtc_set_alarm_output(struct device *dev, struct irq *out);

/* CMOS memory: 0Eh to 7Fh, and 80h to FFh for the extended bank. */
void rtc_set_memory(struct device *dev, unsigned addr, uint8_t val);
uint8_t rtc_get_memory(const struct device *dev, unsigned addr);

/* Does bit 7 of port 70h let NMIs through? */
bool rtc_nmi_enabled(const struct device *dev);

#endif
