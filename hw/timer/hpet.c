/* SPDX-License-Identifier: MIT */
/*
 * High precision event timer: a 64-bit counter of 100 MHz and three comparators.
 *
 * IA-PC HPET specification 1.0a. All timers can be periodic and 64 bits wide;
 * delivery by messages (FSB) is not offered.
 *
 * An edge-triggered interrupt raises its line, which stays up until the timer
 * fires again or is reprogrammed: receivers see edges only, and an edge that goes
 * at once could be lost on its way through an 8259.
 *
 * The counter is read without the device lock.
 */
#include "hw/timer/hpet.h"

#include "hw/core/clock.h"
#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/core/lock.h"
#include "hw/core/memory.h"
#include "hw/core/vmstate.h"
#include "util/log.h"
#include "util/trace.h"

#include <inttypes.h>

#define HPET_TIMERS  3
#define HPET_TICK_NS 10
#define HPET_SIZE    0x400

/* Revision 1, three timers, 64 bits, legacy replacement, Intel, 10 ns in fs. */
#define HPET_ID (0x8086a201ull | HPET_TICK_NS * 1000000ull << 32)

/* Registers; a timer's are 20h apart. */
#define HPET_REG_ID      0x000
#define HPET_REG_CONFIG  0x010
#define HPET_REG_STATUS  0x020
#define HPET_REG_COUNTER 0x0f0
#define HPET_REG_TIMERS  0x100
#define HPET_TN_CONFIG   0x00
#define HPET_TN_COMPARE  0x08

#define HPET_CONFIG_ENABLE 0x1u
#define HPET_CONFIG_LEGACY 0x2u
#define HPET_CONFIG_WMASK  0x3u

#define HPET_TN_LEVEL       0x0002u
#define HPET_TN_ENABLE      0x0004u
#define HPET_TN_PERIODIC    0x0008u
#define HPET_TN_CAN_PERIOD  0x0010u
#define HPET_TN_CAN_64      0x0020u
#define HPET_TN_SET_VALUE   0x0040u
#define HPET_TN_32BIT       0x0100u
#define HPET_TN_WMASK       0x3f4eu
#define HPET_TN_ROUTE(conf) ((unsigned)((conf) >> 9) & 0x1f)

/* A guest that asks for a higher rate gets no more than this. */
#define PERIOD_MIN_NS 10000

struct hpet;

struct hpet_timer {
    uint64_t config; /* writable bits */
    uint64_t compare;
    uint64_t period;
    uint8_t line; /* the output it drives, or NO_LINE */
    struct timer timer;

    struct hpet *owner; /* wiring */
    unsigned index;
};
#define NO_LINE 0xff

struct hpet {
    struct device dev;
    uint64_t addr; /* properties */
    uint32_t int_cap;

    uint64_t config, status;
    struct hpet_timer timers[HPET_TIMERS];
    uint8_t passed;               /* levels of the PIT's and RTC's lines */
    uint8_t levels[HPET_OUTPUTS]; /* who asserts: bit n timer n, SOURCE_LEGACY */

    /* The counter was `count` at `start`; behind `seq` for readers without lock. */
    uint32_t seq;
    int64_t start;
    uint64_t count;

    struct irq *out[HPET_OUTPUTS]; /* wiring */
    struct irq legacy_in[2];
    struct mem_region mmio;
};
#define SOURCE_LEGACY 0x80

static const uint8_t legacy_line[2] = {[HPET_LEGACY_PIT] = 0, [HPET_LEGACY_RTC] = 8};

static struct hpet *to_hpet(const struct device *dev)
{
    return container_of(dev, struct hpet, dev);
}

/* --- counter -------------------------------------------------------------- */

static uint64_t count_at(const struct hpet *s, int64_t now)
{
    if (!(s->config & HPET_CONFIG_ENABLE))
        return s->count;
    return s->count + (uint64_t)(now - s->start) / HPET_TICK_NS;
}

/*
 * The fields are read with acquire order, so that the second look at seq comes last. The clock is
 * read before that look, and by a writer only once seq is odd: else a stop of the counter between
 * the two would show a later reader less.
 */
static uint64_t count_lockless(const struct hpet *s)
{
    uint64_t count, config;
    int64_t start, now;
    uint32_t seq;

    do {
        seq = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE);
        config = __atomic_load_n(&s->config, __ATOMIC_ACQUIRE);
        start = __atomic_load_n(&s->start, __ATOMIC_ACQUIRE);
        count = __atomic_load_n(&s->count, __ATOMIC_ACQUIRE);
        now = clock_now(CLK_VIRTUAL);
    } while ((seq & 1) || seq != __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE));
    if (config & HPET_CONFIG_ENABLE)
        count += (uint64_t)(now - start) / HPET_TICK_NS;
    return count;
}

/* Keeps readers waiting until set_counter(). Returns the time from which the change holds. */
static int64_t begin_change(struct hpet *s)
{
    __atomic_add_fetch(&s->seq, 1, __ATOMIC_SEQ_CST);
    return clock_now(CLK_VIRTUAL);
}

static void set_counter(struct hpet *s, uint64_t config, uint64_t count, int64_t now)
{
    __atomic_store_n(&s->config, config, __ATOMIC_RELEASE);
    __atomic_store_n(&s->start, now, __ATOMIC_RELEASE);
    __atomic_store_n(&s->count, count, __ATOMIC_RELEASE);
    __atomic_add_fetch(&s->seq, 1, __ATOMIC_SEQ_CST);
}

/* --- outputs -------------------------------------------------------------- */

static void drive(struct hpet *s, unsigned n, uint8_t source, bool level)
{
    if (n >= HPET_OUTPUTS)
        return;
    s->levels[n] = level ? s->levels[n] | source : s->levels[n] & ~source;
    irq_set(s->out[n], s->levels[n] != 0);
}

static void lower_line(struct hpet_timer *t)
{
    drive(t->owner, t->line, (uint8_t)(1u << t->index), false);
    t->line = NO_LINE;
}

/* A route the capabilities do not name leads nowhere. */
static uint8_t line_of(const struct hpet_timer *t)
{
    unsigned route = HPET_TN_ROUTE(t->config);

    if ((t->owner->config & HPET_CONFIG_LEGACY) && t->index < 2)
        return legacy_line[t->index];
    return route < HPET_OUTPUTS && (t->owner->int_cap & BIT(route)) ? (uint8_t)route : NO_LINE;
}

static void fire(struct hpet_timer *t)
{
    struct hpet *s = t->owner;
    uint8_t bit = (uint8_t)(1u << t->index);

    TRACE(hpet_fire, "timer %u line %u", t->index, line_of(t));
    if (t->config & HPET_TN_LEVEL)
        s->status |= bit;
    if (!(t->config & HPET_TN_ENABLE))
        return;
    if (t->line != line_of(t) || !(t->config & HPET_TN_LEVEL))
        lower_line(t);
    t->line = line_of(t);
    drive(s, t->line, bit, true);
}

/* The PIT and the RTC are heard while no timer replaces them. */
static void pass_legacy(struct hpet *s)
{
    for (unsigned i = 0; i < 2; i++)
        drive(s, legacy_line[i], SOURCE_LEGACY,
              !(s->config & HPET_CONFIG_LEGACY) && (s->passed >> i & 1));
}

static void legacy_changed(void *opaque, int n, int level)
{
    struct hpet *s = opaque;

    s->passed = level ? s->passed | 1u << n : s->passed & ~(1u << n);
    pass_legacy(s);
}

/* --- comparators ---------------------------------------------------------- */

static uint64_t width_mask(const struct hpet_timer *t)
{
    return t->config & HPET_TN_32BIT ? UINT32_MAX : UINT64_MAX;
}

/* Arm for the moment the counter, which shows `count` now, reaches the comparator. */
static void arm(struct hpet_timer *t, uint64_t count, int64_t not_before)
{
    const struct hpet *s = t->owner;
    uint64_t left = (t->compare - count) & width_mask(t);
    int64_t when = TIMER_NEVER;

    if ((s->config & HPET_CONFIG_ENABLE) && left < (uint64_t)INT64_MAX / 64 &&
        (t->config & (HPET_TN_ENABLE | HPET_TN_LEVEL)))
        when = s->start + (int64_t)(count - s->count + left) * HPET_TICK_NS;
    timer_arm(&t->timer, when == TIMER_NEVER ? when : MAX(when, not_before));
}

/* The comparator goes on to the first multiple of the period that lies ahead. */
static void next_period(struct hpet_timer *t, uint64_t count)
{
    uint64_t late = (count - t->compare) & width_mask(t);

    if (!t->period || late > width_mask(t) / 2)
        return;
    t->compare = (t->compare + (late / t->period + 1) * t->period) & width_mask(t);
}

static void rearm(struct hpet_timer *t)
{
    int64_t now = clock_now(CLK_VIRTUAL);

    arm(t, count_at(t->owner, now), now);
}

static void compare_reached(void *opaque)
{
    struct hpet_timer *t = opaque;
    int64_t now = clock_now(CLK_VIRTUAL);
    uint64_t count = count_at(t->owner, now);

    fire(t);
    if ((t->config & HPET_TN_PERIODIC) && t->period)
        next_period(t, count);
    else
        count++; /* not this match again, but the one after the counter has wrapped */
    arm(t, count, now + PERIOD_MIN_NS);
}

/* --- writes --------------------------------------------------------------- */

static void write_config(struct hpet *s, uint64_t val)
{
    uint64_t old = s->config;

    if ((old ^ val) & HPET_CONFIG_ENABLE) {
        int64_t now = begin_change(s);
        set_counter(s, val, count_at(s, now), now);
    } else {
        __atomic_store_n(&s->config, val, __ATOMIC_RELEASE);
    }
    if (old == val)
        return;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        lower_line(&s->timers[i]);
        rearm(&s->timers[i]);
    }
    pass_legacy(s);
}

static void write_status(struct hpet *s, uint64_t val)
{
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        if (!(val & s->status & BIT(i)))
            continue;
        s->status &= ~BIT(i);
        lower_line(&s->timers[i]);
    }
}

static void write_counter(struct hpet *s, uint64_t val, uint64_t lanes)
{
    int64_t now;

    if (s->config & HPET_CONFIG_ENABLE)
        guest_error("HPET: counter written while it runs");
    now = begin_change(s);
    set_counter(s, s->config, (count_at(s, now) & ~lanes) | val, now);
    for (unsigned i = 0; i < HPET_TIMERS; i++)
        rearm(&s->timers[i]);
}

/* Going down to 32 bits drops the upper halves. A periodic timer nobody listened to
 * has not moved its comparator. */
static void write_timer_config(struct hpet_timer *t, uint64_t val)
{
    uint64_t old = t->config;

    t->config = val;
    t->compare &= width_mask(t);
    t->period &= width_mask(t);
    if ((old ^ val) & ~(uint64_t)HPET_TN_SET_VALUE)
        lower_line(t);
    if ((old & val & HPET_TN_PERIODIC) && !timer_pending(&t->timer))
        next_period(t, count_at(t->owner, clock_now(CLK_VIRTUAL)));
    if ((old & ~val) & HPET_TN_LEVEL)
        t->owner->status &= ~BIT(t->index);
    rearm(t);
}

/* In periodic mode a write sets the period, and the comparator too if SET_VALUE asks
 * for it, which holds for one write. */
static void write_compare(struct hpet_timer *t, uint64_t val, uint64_t lanes)
{
    bool periodic = t->config & HPET_TN_PERIODIC;

    if (!periodic || (t->config & HPET_TN_SET_VALUE))
        t->compare = ((t->compare & ~lanes) | val) & width_mask(t);
    if (periodic)
        t->period = ((t->period & ~lanes) | val) & width_mask(t);
    t->config &= ~(uint64_t)HPET_TN_SET_VALUE;
    rearm(t);
}

static void write_register(struct hpet *s, unsigned reg, uint64_t val, uint64_t lanes)
{
    unsigned n = (reg - HPET_REG_TIMERS) / 0x20;

    switch (reg) {
    case HPET_REG_CONFIG:
        write_config(s, ((s->config & ~lanes) | val) & HPET_CONFIG_WMASK);
        return;
    case HPET_REG_STATUS:
        write_status(s, val);
        return;
    case HPET_REG_COUNTER:
        write_counter(s, val, lanes);
        return;
    default:
        break;
    }
    if (reg < HPET_REG_TIMERS || n >= HPET_TIMERS)
        return;
    if (reg % 0x20 == HPET_TN_CONFIG)
        write_timer_config(&s->timers[n], ((s->timers[n].config & ~lanes) | val) & HPET_TN_WMASK);
    else if (reg % 0x20 == HPET_TN_COMPARE)
        write_compare(&s->timers[n], val, lanes);
}

/* Accesses are dwords or quadwords, naturally aligned. */
static void hpet_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct hpet *s = opaque;
    unsigned shift = (unsigned)off % 8 * 8;
    bool taken = device_lock_acquire();

    TRACE(hpet_write, "%#x = %#" PRIx64, (unsigned)off, val);
    write_register(s, (unsigned)off & ~7u, val << shift, mask64(size * 8) << shift);
    device_lock_restore(taken);
}

/* --- reads ---------------------------------------------------------------- */

static uint64_t timer_register(const struct hpet *s, unsigned reg)
{
    unsigned n = (reg - HPET_REG_TIMERS) / 0x20;

    if (reg < HPET_REG_TIMERS || n >= HPET_TIMERS)
        return 0;
    if (reg % 0x20 == HPET_TN_CONFIG)
        return (s->timers[n].config & ~(uint64_t)HPET_TN_SET_VALUE) | HPET_TN_CAN_PERIOD |
               HPET_TN_CAN_64 | (uint64_t)s->int_cap << 32;
    return reg % 0x20 == HPET_TN_COMPARE ? s->timers[n].compare : 0;
}

static uint64_t read_register(const struct hpet *s, unsigned reg)
{
    switch (reg) {
    case HPET_REG_ID:
        return HPET_ID;
    case HPET_REG_CONFIG:
        return s->config;
    case HPET_REG_STATUS:
        return s->status;
    default:
        return timer_register(s, reg);
    }
}

static uint64_t hpet_read(void *opaque, uint64_t off, unsigned size)
{
    struct hpet *s = opaque;
    unsigned reg = (unsigned)off & ~7u;
    uint64_t val;
    bool taken;

    if (likely(reg == HPET_REG_COUNTER)) {
        val = count_lockless(s);
    } else {
        taken = device_lock_acquire();
        val = read_register(s, reg);
        device_lock_restore(taken);
    }
    return val >> off % 8 * 8 & mask64(size * 8);
}

static const struct mem_ops hpet_ops = {
    .read = hpet_read,
    .write = hpet_write,
    .valid = {.min = 4, .max = 8},
    .flags = MEM_OPS_LOCKLESS,
};

/* --- life ----------------------------------------------------------------- */

void hpet_set_output(struct device *dev, unsigned n, struct irq *out)
{
    assert(n < HPET_OUTPUTS);
    to_hpet(dev)->out[n] = out;
}

struct irq *hpet_legacy_input(struct device *dev, enum hpet_legacy which)
{
    return &to_hpet(dev)->legacy_in[which];
}

static void hpet_reset(struct device *dev, enum reset_kind kind)
{
    struct hpet *s = to_hpet(dev);

    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        struct hpet_timer *t = &s->timers[i];

        lower_line(t);
        timer_cancel(&t->timer);
        t->config = 0;
        t->compare = UINT64_MAX;
        t->period = 0;
    }
    s->status = 0;
    set_counter(s, 0, 0, begin_change(s));
    pass_legacy(s);
}

static int hpet_realize(struct device *dev, struct error **err)
{
    struct hpet *s = to_hpet(dev);

    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        s->timers[i].owner = s;
        s->timers[i].index = i;
        s->timers[i].line = NO_LINE;
        timer_init(&s->timers[i].timer, CLK_VIRTUAL, compare_reached, &s->timers[i]);
    }
    irq_init_array(s->legacy_in, 2, legacy_changed, s);
    mem_region_init_io(&s->mmio, "hpet", HPET_SIZE, &hpet_ops, s);
    mem_region_add_overlap(as_memory.root, s->addr, &s->mmio, 1);
    return 0;
}

static void hpet_unrealize(struct device *dev)
{
    struct hpet *s = to_hpet(dev);

    for (unsigned i = 0; i < HPET_TIMERS; i++)
        timer_fini(&s->timers[i].timer);
    mem_region_del(as_memory.root, &s->mmio);
    mem_region_fini(&s->mmio);
}

static int hpet_post_load(void *state, unsigned version, struct error **err)
{
    struct hpet *s = state;

    s->config &= HPET_CONFIG_WMASK;
    s->status &= mask64(HPET_TIMERS);
    s->start = MIN(MAX(s->start, 0), clock_now(CLK_VIRTUAL));
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        s->timers[i].config &= HPET_TN_WMASK;
        if (s->timers[i].line >= HPET_OUTPUTS)
            s->timers[i].line = NO_LINE;
    }
    return 0;
}

static const struct vm_field timer_fields[] = {
    VM_U64(struct hpet_timer, config),  VM_U64(struct hpet_timer, compare),
    VM_U64(struct hpet_timer, period),  VM_U8(struct hpet_timer, line),
    VM_TIMER(struct hpet_timer, timer), VM_END,
};
static const struct vmstate timer_vmstate = {.name = "hpet-timer", .fields = timer_fields};

/* seq only has to be even. */
static const struct vm_field hpet_fields[] = {
    VM_U64(struct hpet, config),
    VM_U64(struct hpet, status),
    VM_STRUCT_ARRAY(struct hpet, timers, &timer_vmstate),
    VM_U8(struct hpet, passed),
    VM_U8_ARRAY(struct hpet, levels),
    VM_S64(struct hpet, start),
    VM_U64(struct hpet, count),
    VM_END,
};
static const struct vmstate hpet_vmstate = {
    .name = "hpet",
    .version = 1,
    .fields = hpet_fields,
    .post_load = hpet_post_load,
};

static const struct prop hpet_props[] = {
    PROP_U64("addr", struct hpet, addr, HPET_BASE_DEFAULT, 0, 0xfffffc00, "address"),
    PROP_U32("hpet-intcap", struct hpet, int_cap, 0x00ff0100, 0, UINT32_MAX,
             "lines the timers can be routed to"),
    PROP_END,
};

DEVICE_DEFINE(hpet, .name = "hpet", .help = "high precision event timer", .bus = BUS_SYSTEM,
              .state_size = sizeof(struct hpet), .props = hpet_props, .vmstate = &hpet_vmstate,
              .no_user = true, .is_default = true, .realize = hpet_realize,
              .unrealize = hpet_unrealize, .reset = hpet_reset);
