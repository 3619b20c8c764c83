/* SPDX-License-Identifier: MIT */
/*
 * What apic.c (registers), apic_timer.c and apic_bus.c (messages) share.
 *
 * A local APIC belongs to its vCPU and is used without the device lock. Other
 * threads set bits of irr and tmr, the error status and the SIPI vector, and look
 * at the fields that decide who accepts a message; these are accessed atomically.
 * Everything else is the vCPU thread's, or the main thread's while vCPUs stand.
 *
 * The order that makes deliveries safe: a sender sets IRR, then raises
 * VCPU_EV_INTR; the owner lowers the event, then looks at IRR once more.
 */
#ifndef HW_INTC_APIC_INT_H
#define HW_INTC_APIC_INT_H

#include "hw/core/clock.h"
#include "hw/core/device.h"
#include "hw/core/memory.h"
#include "hw/intc/apic.h"
#include "util/base.h"

struct vcpu;

/* IA32_APIC_BASE */
#define APIC_BASE_BSP  BIT(8)
#define APIC_BASE_EXTD BIT(10)
#define APIC_BASE_EN   BIT(11)
#define APIC_BASE_ADDR 0x000ffffffffff000ULL

#define APIC_SVR_ENABLE 0x100u

/* Local vector table */
enum apic_lvt {
    LVT_TIMER,
    LVT_THERMAL,
    LVT_PERF,
    LVT_LINT0,
    LVT_LINT1,
    LVT_ERROR,
    LVT_COUNT,
};
#define APIC_LVT_VECTOR     0x000ffu
#define APIC_LVT_MODE_SHIFT 8
#define APIC_LVT_REMOTE_IRR 0x04000u
#define APIC_LVT_LEVEL      0x08000u
#define APIC_LVT_MASKED     0x10000u
#define APIC_LVT_PERIODIC   0x20000u
#define APIC_LVT_DEADLINE   0x40000u

/* Error status */
#define APIC_ESR_SEND_VECTOR 0x20u
#define APIC_ESR_RECV_VECTOR 0x40u
#define APIC_ESR_REGISTER    0x80u

#define APIC_VECTOR_MIN 16 /* lower ones are illegal in messages */
#define APIC_BROADCAST  UINT32_MAX

struct apic {
    struct device dev;
    uint32_t cpu_index; /* properties */
    uint32_t id;
    bool x2apic;
    struct vcpu *cpu; /* wiring */

    /* Atomic. */
    uint64_t irr[4];
    uint64_t tmr[4];
    uint64_t base; /* IA32_APIC_BASE */
    uint32_t svr, ldr, dfr;
    uint32_t tpr, ppr;
    uint32_t lvt[LVT_COUNT];
    uint32_t lint_remote_irr; /* bit n: LINTn, level triggered, awaits its EOI */
    uint32_t esr_pending;
    uint32_t extint; /* an ExtINT message awaits its acknowledge */
    uint8_t sipi_vector;

    /* The vCPU's. */
    uint64_t isr[4];
    uint32_t esr, icr_low, icr_high;
    uint32_t divide, initial_count;
    int64_t timer_start; /* when the count was initial_count */
    bool timer_over;     /* it has reached 0 and stays there, whatever mode comes */
    uint64_t tsc_deadline;
    struct timer timer;

    struct mem_region window; /* registers at another place than the usual */
    bool window_mapped;       /* derived from base */
};

#define APIC_LOAD(field)       __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define APIC_STORE(field, val) __atomic_store_n(&(field), (val), __ATOMIC_RELAXED)

static inline bool apic_enabled(const struct apic *apic)
{
    return APIC_LOAD(apic->base) & APIC_BASE_EN;
}

static inline bool apic_is_x2apic(const struct apic *apic)
{
    return APIC_LOAD(apic->base) & APIC_BASE_EXTD;
}

/* --- apic.c --------------------------------------------------------------- */

/* Any thread: request a vector (16..255), record errors, act on a LINT pin. */
void apic_request(struct apic *apic, uint8_t vector, bool level);
void apic_error(struct apic *apic, uint32_t esr_bits);
void apic_lint_changed(struct apic *apic, unsigned pin, bool level, bool rising);

/* A local source fires: its vector, unless masked or illegal. Any thread. */
void apic_fire_lvt(struct apic *apic, enum apic_lvt lvt);

/* Register n (offset / 16). False: there is no such register. vCPU's thread. */
bool apic_reg_read(struct apic *apic, unsigned n, uint32_t *val);
bool apic_reg_write(struct apic *apic, unsigned n, uint32_t val);

/* --- apic_timer.c: vCPU's thread ------------------------------------------ */

void apic_timer_init(struct apic *apic);
uint32_t apic_timer_count(const struct apic *apic);
void apic_timer_set_count(struct apic *apic, uint32_t count);
void apic_timer_set_divide(struct apic *apic, uint32_t divide);
void apic_timer_set_deadline(struct apic *apic, uint64_t tsc);
void apic_timer_lvt_changed(struct apic *apic, uint32_t old);

/* --- apic_bus.c ----------------------------------------------------------- */

int apic_bus_add(struct apic *apic, struct error **err);
void apic_bus_remove(struct apic *apic);

/* Level of a LINT wire. */
bool apic_bus_lint_level(unsigned pin);

/* ExtINT: does the 8259 have something, and what; -1: no longer. */
bool apic_bus_pic_pending(void);
int apic_bus_pic_ack(void);

/* The end of a level-triggered interrupt, to the IO-APIC. */
void apic_bus_eoi(uint8_t vector);

/* ICR write. */
void apic_bus_ipi(struct apic *from, uint32_t icr, uint32_t dest);

/* After `base` has changed (or of an unrealized one: remove). */
void apic_bus_move_window(struct apic *apic);

#endif
