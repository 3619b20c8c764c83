/* SPDX-License-Identifier: MIT */
/*
 * Clocks and timers. All times are int64_t nanoseconds.
 *
 *   CLK_VIRTUAL   the guest's time base: starts at 0, stands still while the
 *                 machine is stopped, never runs backwards. TSC, PIT, HPET,
 *                 LAPIC, ACPI PM and RTC derive from it.
 *   CLK_REALTIME  the host's monotonic clock; runs always (UI, network, host
 *                 side timeouts).
 *   CLK_HOST      the host's wall clock since 1970 (UTC); may jump.
 *
 * (The names avoid CLOCK_REALTIME, which <time.h> has taken.)
 *
 * A timer belongs to the main loop (timer_init) or to one vCPU
 * (timer_init_vcpu). Main loop timers expire on the main thread with the
 * device lock held. vCPU timers expire on their vCPU's thread without it,
 * inside vcpu_timers_run(). A timer is embedded in its owner; arming an armed
 * timer moves it; a callback may arm or cancel its own and other timers. Expiry
 * never comes early. The timers of one queue expire in the order of their
 * deadlines, equal ones in the order they were armed.
 */
#ifndef HW_CORE_CLOCK_H
#define HW_CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

#define NS_PER_SEC 1000000000LL
#define NS_PER_MS  1000000LL
#define NS_PER_US  1000LL

enum clock_id {
    CLK_VIRTUAL,
    CLK_REALTIME,
    CLK_HOST,
    CLK_COUNT,
};

/* Current time; any thread, no lock. */
int64_t clock_now(enum clock_id id);

/*
 * Ticks of a counter of `hz` that has run for `ns`, and the time (rounded up)
 * at which such a counter shows `ticks`: 128-bit intermediates, so they stay
 * exact for centuries. Negative arguments give 0.
 */
uint64_t clock_ns_to_ticks(int64_t ns, uint64_t hz);
int64_t clock_ticks_to_ns(uint64_t ticks, uint64_t hz);

/* --- the virtual clock: for run state, save/restore and tests ------------- */

/* Let it run, make it stand still. Idempotent; device lock held. */
void clock_virtual_start(void);
void clock_virtual_stop(void);
bool clock_virtual_running(void);

/* Set it (restore of a snapshot); only while it stands still. */
void clock_virtual_set(int64_t ns);

/*
 * Manual mode, for tests: the virtual clock moves by clock_step() only, which
 * goes from deadline to deadline and runs the main loop timers that expire (the
 * caller holds the device lock) and, for vCPU timers, calls
 * vcpu_timers_run() of every vCPU given to it by timer_init_vcpu().
 */
void clock_manual(bool on);
void clock_step(int64_t ns);

/* --- timers --------------------------------------------------------------- */

#define TIMER_NEVER INT64_MAX

struct timer_queue;

struct timer {
    int64_t expire; /* deadline, TIMER_NEVER when not armed */
    uint64_t seq;   /* order among equal deadlines */
    void (*cb)(void *opaque);
    void *opaque;
    struct timer_queue *queue;
    unsigned slot; /* place in the queue's heap, from 1; 0: not armed */
};

/* A main loop timer of `clock`. Not armed. */
void timer_init(struct timer *t, enum clock_id clock, void (*cb)(void *opaque), void *opaque);

/* A timer of the virtual clock that expires on `vcpu`'s thread. Not armed. */
void timer_init_vcpu(struct timer *t, struct vcpu *vcpu, void (*cb)(void *opaque), void *opaque);

/* Disarm and forget. Must be called before the memory goes away. */
void timer_fini(struct timer *t);

/*
 * Arm for the absolute time `ns` of the timer's clock (in the past: expires at
 * the next opportunity; TIMER_NEVER: cancels). Any thread. A vCPU timer armed
 * by another thread than its vCPU's kicks the vCPU if its deadline became the
 * earliest.
 */
void timer_arm(struct timer *t, int64_t ns);

/* Disarm. On the thread the timer expires on (or, for a main loop timer, with
 * the device lock held) the callback will not run after this. */
void timer_cancel(struct timer *t);

/* Armed and not yet expired? */
bool timer_pending(const struct timer *t);

/* The deadline, TIMER_NEVER if not armed. */
int64_t timer_expire_ns(const struct timer *t);

/* --- the vCPU run loop's side --------------------------------------------- */

/* Run this vCPU's expired timers. On its thread, device lock not needed. */
void vcpu_timers_run(struct vcpu *vcpu);

/* Earliest deadline on CLK_VIRTUAL, or TIMER_NEVER. Any thread, no lock; how
 * long a halted vCPU may sleep. */
int64_t vcpu_timers_deadline(struct vcpu *vcpu);

/*
 * Whether the vCPU is about to execute guest code (true) or to sleep in the
 * host until vcpu_timers_deadline() by itself (false). While true, a watcher
 * calls vcpu_kick() when the earliest deadline passes. True at first. On the
 * vCPU's thread.
 */
void vcpu_timers_watch(struct vcpu *vcpu, bool executing);

#endif
