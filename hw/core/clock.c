/* SPDX-License-Identifier: MIT */
/*
 * The three clocks. The virtual clock is the host's monotonic clock minus an
 * offset that grows while the machine stands; readers use a sequence counter.
 */
#include "hw/core/clock.h"

#include "hw/core/clock_int.h"
#include "util/base.h"

#include <sched.h>
#include <time.h>

static struct {
    unsigned seq;    /* odd while the rest changes */
    bool running;    /* all accessed atomically */
    bool manual;     /* moved by clock_step() only */
    int64_t value;   /* virtual time while it stands, or in manual mode */
    int64_t started; /* monotonic time minus virtual time while it runs */
} virtual_clock;

static int64_t host_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

/* --- the virtual clock ---------------------------------------------------- */

#define GET(field)      __atomic_load_n(&virtual_clock.field, __ATOMIC_RELAXED)
#define PUT(field, val) __atomic_store_n(&virtual_clock.field, val, __ATOMIC_RELAXED)

/* What the fields say it is now: for writers, and to be checked by virtual_now(). */
static int64_t reading(void)
{
    bool running = __atomic_load_n(&virtual_clock.running, __ATOMIC_ACQUIRE);
    int64_t value = __atomic_load_n(&virtual_clock.value, __ATOMIC_ACQUIRE);
    int64_t started = __atomic_load_n(&virtual_clock.started, __ATOMIC_ACQUIRE);

    return running ? MAX(host_ns(CLOCK_MONOTONIC) - started, value) : value;
}

/* The host's clock is read before the second look at the counter: who is held up in between must not
 * return a time at which the clock stood already. */
static int64_t virtual_now(void)
{
    for (;;) {
        unsigned seq = __atomic_load_n(&virtual_clock.seq, __ATOMIC_ACQUIRE);
        int64_t now = reading();

        if (!(seq & 1) && seq == GET(seq))
            return now;
        sched_yield();
    }
}

/* Writers are serialized by the device lock. The time at which the clock stops is read when nobody
 * can return a later one any more. */
static void change_begin(void)
{
    __atomic_store_n(&virtual_clock.seq, GET(seq) + 1, __ATOMIC_SEQ_CST);
}

static void change_end(bool running, bool manual, int64_t value)
{
    __atomic_store_n(&virtual_clock.running, running && !manual, __ATOMIC_SEQ_CST);
    __atomic_store_n(&virtual_clock.value, value, __ATOMIC_SEQ_CST);
    __atomic_store_n(&virtual_clock.started, host_ns(CLOCK_MONOTONIC) - value, __ATOMIC_SEQ_CST);
    PUT(manual, manual);
    __atomic_store_n(&virtual_clock.seq, GET(seq) + 1, __ATOMIC_SEQ_CST);
}

static void virtual_set(bool manual, int64_t value)
{
    change_begin();
    change_end(false, manual, value);
}

void clock_virtual_start(void)
{
    if (!GET(running) && !GET(manual)) {
        change_begin();
        change_end(true, false, reading());
        timer_queues_rearm();
    }
}

void clock_virtual_stop(void)
{
    if (GET(running)) {
        change_begin();
        change_end(false, false, reading());
        timer_queues_rearm();
    }
}

bool clock_virtual_running(void)
{
    return GET(running);
}

void clock_virtual_set(int64_t ns)
{
    assert(!GET(running));
    virtual_set(GET(manual), ns);
}

void clock_manual(bool on)
{
    change_begin();
    change_end(false, on, reading());
    timer_queues_rearm();
}

void clock_step(int64_t ns)
{
    int64_t target = virtual_now() + ns, next;

    assert(GET(manual) && ns >= 0);
    while ((next = timer_queues_earliest(CLK_VIRTUAL)) <= target) {
        virtual_set(true, MAX(next, virtual_now()));
        timer_queues_run(CLK_VIRTUAL);
    }
    virtual_set(true, target);
}

/* --- all clocks ----------------------------------------------------------- */

int64_t clock_now(enum clock_id id)
{
    switch (id) {
    case CLK_VIRTUAL:
        return virtual_now();
    case CLK_HOST:
        return host_ns(CLOCK_REALTIME);
    default:
        return host_ns(CLOCK_MONOTONIC);
    }
}

int64_t clock_to_host(enum clock_id id, int64_t ns)
{
    int64_t started = __atomic_load_n(&virtual_clock.started, __ATOMIC_ACQUIRE);

    if (id != CLK_VIRTUAL)
        return ns;
    if (!GET(running) || ns == TIMER_NEVER)
        return TIMER_NEVER;
    return ns > INT64_MAX - started ? TIMER_NEVER : ns + started;
}

uint64_t clock_ns_to_ticks(int64_t ns, uint64_t hz)
{
    uint64_t seconds = (uint64_t)ns / NS_PER_SEC, rest = (uint64_t)ns % NS_PER_SEC;

    if (ns <= 0)
        return 0;
    if (unlikely(hz > UINT64_MAX / NS_PER_SEC))
        return (uint64_t)((unsigned __int128)ns * hz / NS_PER_SEC);
    return seconds * hz + rest * hz / NS_PER_SEC; /* the same, without a division of 128 bits */
}

int64_t clock_ticks_to_ns(uint64_t ticks, uint64_t hz)
{
    unsigned __int128 ns = ((unsigned __int128)ticks * NS_PER_SEC + hz - 1) / hz;

    return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}
