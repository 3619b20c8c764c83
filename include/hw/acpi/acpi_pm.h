/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware: PM1 events and control, the PM timer, a GPE block (ACPI 6.4, chapter 4.8).
 * The chip: a south bridge maps the regions and gives it an SCI line. Device lock held, but for
 * the PM timer, which may be read without.
 */
#ifndef HW_ACPI_ACPI_PM_H
#define HW_ACPI_ACPI_PM_H

#include "hw/core/clock.h"
#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/core/memory.h"
#include "hw/core/notifier.h"

#define ACPI_PM_TIMER_HZ 3579545
#define ACPI_GPE_BYTES   2 /* of status, and as many of enable */

struct vmstate;

struct acpi_pm {
    struct irq *sci;
    struct irq alarm_in; /* from the RTC: ends suspend to idle */
    uint16_t pm1_sts, pm1_en, pm1_cnt;
    uint8_t gpe_sts[ACPI_GPE_BYTES], gpe_en[ACPI_GPE_BYTES];
    struct timer overflow;                    /* bit 23 of the timer changes */
    struct mem_region evt_io, cnt_io, tmr_io; /* 4, 2, 4 bytes */
    struct mem_region gpe_io;
    struct notifier powerdown, wakeup;
};

void acpi_pm_init(struct acpi_pm *pm, struct irq *sci);
void acpi_pm_fini(struct acpi_pm *pm);
void acpi_pm_reset(struct acpi_pm *pm, enum reset_kind kind);

/* SMI command port: the OS (or firmware) takes over or gives back the fixed hardware. */
void acpi_pm_set_sci_enabled(struct acpi_pm *pm, bool on);

/* A general-purpose event happened (hot-plug). */
void acpi_pm_raise_gpe(struct acpi_pm *pm, unsigned bit);

extern const struct vmstate acpi_pm_vmstate;

#endif
