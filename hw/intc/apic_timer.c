/* SPDX-License-Identifier: MIT */
/*
 * The timer of a local APIC: one-shot, periodic, TSC deadline.
 *
 * Intel SDM vol. 3A, 11.5.4. The count runs at the core crystal clock
 * (VCPU_CRYSTAL_HZ) over the divide configuration. The host timer is armed only
 * while the LVT entry is not masked.
 */
#include "hw/intc/apic_int.h"

#include "system/cpu.h"
#include "util/trace.h"

#include <inttypes.h>

_Static_assert(VCPU_CRYSTAL_HZ == NS_PER_SEC, "a tick is a nanosecond");

/* A guest that asks for a higher rate gets no more than this. */
#define PERIOD_MIN_NS 10000

static bool is_periodic(const struct apic *apic)
{
    return apic->lvt[LVT_TIMER] & APIC_LVT_PERIODIC;
}

static bool is_deadline(const struct apic *apic)
{
    return apic->lvt[LVT_TIMER] & APIC_LVT_DEADLINE;
}

static bool is_stopped(const struct apic *apic)
{
    return !apic->initial_count || apic->timer_over || is_deadline(apic);
}

/* log2 of the divisor; bits 3, 1, 0 of the register, 7 meaning 1. */
static unsigned divide_shift(uint32_t divide)
{
    return ((((divide & 8) >> 1) | (divide & 3)) + 1) & 7;
}

static int64_t period_ns(const struct apic *apic)
{
    return (int64_t)apic->initial_count << divide_shift(apic->divide);
}

uint32_t apic_timer_count(const struct apic *apic)
{
    uint64_t gone = (uint64_t)(clock_now(CLK_VIRTUAL) - apic->timer_start);

    if (is_stopped(apic))
        return 0;
    gone >>= divide_shift(apic->divide);
    if (is_periodic(apic))
        return (uint32_t)(apic->initial_count - gone % apic->initial_count);
    return gone < apic->initial_count ? (uint32_t)(apic->initial_count - gone) : 0;
}

/* When the count reaches 0 next after `now`, or TIMER_NEVER. */
static int64_t next_expiry(const struct apic *apic, int64_t now)
{
    int64_t period = period_ns(apic), next;

    if (is_stopped(apic))
        return TIMER_NEVER;
    next = apic->timer_start + period;
    if (next > now)
        return next;
    if (!is_periodic(apic))
        return TIMER_NEVER;
    next = apic->timer_start + ((now - apic->timer_start) / period + 1) * period;
    return MAX(next, now + PERIOD_MIN_NS);
}

static void fire(struct apic *apic)
{
    if (is_deadline(apic))
        apic->tsc_deadline = 0;
    apic_fire_lvt(apic, LVT_TIMER);
}

static void arm(struct apic *apic, int64_t when)
{
    TRACE(apic_timer, "cpu %u at %" PRId64, apic->cpu_index, when);
    timer_arm(&apic->timer, when);
}

/* A deadline that has passed interrupts at once. */
static void arm_deadline(struct apic *apic)
{
    int64_t when = TIMER_NEVER;

    if (apic->tsc_deadline)
        when = vcpu_tsc_to_ns(apic->cpu, apic->tsc_deadline);
    if (when <= clock_now(CLK_VIRTUAL)) {
        when = TIMER_NEVER;
        fire(apic);
    }
    arm(apic, when);
}

static void timer_update(struct apic *apic)
{
    if (apic->lvt[LVT_TIMER] & APIC_LVT_MASKED)
        arm(apic, TIMER_NEVER); /* nothing to wake up for */
    else if (is_deadline(apic))
        arm_deadline(apic);
    else
        arm(apic, next_expiry(apic, clock_now(CLK_VIRTUAL)));
}

static void timer_expired(void *opaque)
{
    struct apic *apic = opaque;

    fire(apic);
    if (is_periodic(apic))
        timer_update(apic);
}

void apic_timer_init(struct apic *apic)
{
    timer_init_vcpu(&apic->timer, apic->cpu, timer_expired, apic);
}

void apic_timer_set_count(struct apic *apic, uint32_t count)
{
    if (is_deadline(apic))
        return;
    apic->initial_count = count;
    apic->timer_over = false;
    apic->timer_start = clock_now(CLK_VIRTUAL);
    timer_update(apic);
}

/* The count goes on from where it is, at the new rate. */
void apic_timer_set_divide(struct apic *apic, uint32_t divide)
{
    uint32_t count = apic_timer_count(apic);
    int64_t gone = (int64_t)(apic->initial_count - count);

    apic->divide = divide & 0xb;
    apic->timer_start = clock_now(CLK_VIRTUAL) - (gone << divide_shift(apic->divide));
    timer_update(apic);
}

void apic_timer_set_deadline(struct apic *apic, uint64_t tsc)
{
    if (!is_deadline(apic))
        return;
    apic->tsc_deadline = tsc;
    timer_update(apic);
}

/* The count goes on from where it is: within the period, or at its end. */
static void change_period(struct apic *apic, bool was_periodic)
{
    int64_t period = period_ns(apic), gone = clock_now(CLK_VIRTUAL) - apic->timer_start;

    if (!period || gone < period)
        return;
    if (was_periodic)
        apic->timer_start += gone / period * period;
    else
        apic->timer_over = true;
}

/* Going to or from deadline mode disarms the timer. */
void apic_timer_lvt_changed(struct apic *apic, uint32_t old)
{
    uint32_t changed = old ^ apic->lvt[LVT_TIMER];

    if (changed & APIC_LVT_DEADLINE) {
        apic->initial_count = 0;
        apic->tsc_deadline = 0;
    } else if (changed & APIC_LVT_PERIODIC) {
        change_period(apic, old & APIC_LVT_PERIODIC);
    }
    timer_update(apic);
}
