/* SPDX-License-Identifier: MIT */
/*
 * 8254 programmable interval timer at ports 40h to 43h.
 *
 * Intel 8254 data sheet (231164-005): control word, modes 0 to 5, read-back.
 *
 * Nothing counts here: a channel remembers at which tick of PIT_HZ its counting
 * element was loaded, and count and OUT follow from the time. A host timer runs
 * for the edges of OUT0 only. Counting element and count register differ while a
 * count that was written in mode 2 or 3 waits for the end of the period (of the
 * half period in mode 3) or, in modes 1 and 5, for a trigger.
 *
 * The pulses of one tick in modes 2, 4 and 5 appear on the interrupt line as a
 * falling and a rising edge at their end.
 */
#include "hw/timer/i8254.h"

#include "hw/core/clock.h"
#include "hw/core/irq.h"
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "util/log.h"
#include "util/trace.h"

#define TICK_NEVER UINT64_MAX

/* A guest that asks for a higher interrupt rate gets no more than this. */
#define EDGE_MIN_NS 10000

/* Control word */
#define PIT_CW_BCD        0x01
#define PIT_CW_MODE_SHIFT 1
#define PIT_CW_RW_SHIFT   4
#define PIT_CW_SELECT     6
#define PIT_READ_BACK     3
#define PIT_RB_NO_COUNT   0x20
#define PIT_RB_NO_STATUS  0x10
#define PIT_STATUS_OUT    0x80
#define PIT_STATUS_NULL   0x40

enum pit_rw {
    RW_LATCH,
    RW_LSB,
    RW_MSB,
    RW_BOTH,
};

enum pit_mode {
    MODE_TERMINAL, /* 0: interrupt on terminal count */
    MODE_ONE_SHOT, /* 1: hardware retriggerable */
    MODE_RATE,     /* 2: rate generator */
    MODE_SQUARE,   /* 3: square wave */
    MODE_STROBE,   /* 4: software triggered */
    MODE_TRIGGER,  /* 5: hardware triggered strobe */
};

struct channel {
    uint8_t rw, mode;
    bool bcd, gate;
    uint16_t reg;    /* count register, as written */
    uint8_t low;     /* its first byte while the second is awaited */
    bool write_high; /* the second byte comes next */
    bool read_high;
    bool written;     /* reg holds a count */
    bool null_count;  /* ... that has not reached the counting element */
    bool loaded;      /* the counting element holds a count */
    bool counting;    /* ... and it is running: start is valid */
    uint16_t element; /* the count it was loaded with */
    uint64_t start;   /* tick at which it held `element` */
    uint64_t stopped; /* ticks it had run when the gate stopped it */
    bool half;        /* mode 3: the half period began at start, OUT low */
    bool count_latched, status_latched;
    uint16_t latch;
    uint8_t status;
};

struct pit {
    struct isa_device isa;
    uint16_t iobase; /* property */
    struct channel channels[PIT_CHANNELS];
    uint64_t seen; /* OUT0's edges up to this tick are on the line */
    struct timer timer;

    uint64_t tick;   /* derived: the time of the access being carried out */
    struct irq *out; /* wiring */
    struct mem_region io;
};

static struct pit *to_pit(const struct device *dev)
{
    return container_of(dev, struct pit, isa.dev);
}

static uint64_t now_ticks(void)
{
    return clock_ns_to_ticks(clock_now(CLK_VIRTUAL), PIT_HZ);
}

/* --- counts --------------------------------------------------------------- */

static uint32_t from_bcd(uint16_t v)
{
    return (v >> 12 & 0xf) * 1000u + (v >> 8 & 0xf) * 100u + (v >> 4 & 0xf) * 10u + (v & 0xf);
}

static uint16_t to_bcd(uint32_t v)
{
    return (uint16_t)(v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

static uint32_t modulus(const struct channel *c)
{
    return c->bcd ? 10000 : 65536;
}

/* What a register value means; 0 is the largest count. Digits above 9 in BCD count
 * as the sum they are. */
static uint32_t count_of(const struct channel *c, uint16_t reg)
{
    uint32_t n = c->bcd ? from_bcd(reg) : reg;

    return n ? n : modulus(c);
}

static uint32_t element(const struct channel *c)
{
    return count_of(c, c->element);
}

/* In mode 3: the length of the half period that began at `start`. An odd count is
 * high one tick longer than low. */
static uint32_t half_period(const struct channel *c)
{
    uint32_t n = element(c);

    return MAX(c->half ? n / 2 : n - n / 2, 1u);
}

static bool is_periodic(const struct channel *c)
{
    return c->mode == MODE_RATE || c->mode == MODE_SQUARE;
}

static bool gate_triggers(const struct channel *c)
{
    return c->mode == MODE_ONE_SHOT || c->mode == MODE_TRIGGER;
}

static void load(struct channel *c, uint64_t tick)
{
    c->element = c->reg;
    c->null_count = false;
    c->loaded = true;
    c->counting = true;
    c->half = false;
    c->start = tick;
    c->stopped = 0;
}

/* --- letting time pass ---------------------------------------------------- */

static void advance_rate(struct channel *c, uint64_t tick)
{
    uint64_t n = element(c), periods;

    if (tick < c->start + n)
        return;
    periods = c->null_count ? 1 : (tick - c->start) / n;
    c->start += periods * n;
    c->element = c->reg;
    if (c->null_count) {
        c->null_count = false;
        advance_rate(c, tick);
    }
}

/* Two halves at a time while nothing new waits. */
static void advance_square(struct channel *c, uint64_t tick)
{
    uint64_t n = MAX(element(c), 2u);

    if (!c->null_count && tick >= c->start + n)
        c->start += (tick - c->start) / n * n;
    while (tick >= c->start + half_period(c)) {
        c->start += half_period(c);
        c->half = !c->half;
        c->element = c->reg;
        if (c->null_count) {
            c->null_count = false;
            advance_square(c, tick);
        }
    }
}

/* Move `start` to the beginning of the current period of the periodic modes. */
static void advance(struct channel *c, uint64_t tick)
{
    if (!c->counting || tick < c->start)
        return;
    if (c->mode == MODE_RATE)
        advance_rate(c, tick);
    else if (c->mode == MODE_SQUARE)
        advance_square(c, tick);
}

/* Ticks the counting element has run; advanced to it. */
static uint64_t elapsed(const struct channel *c, uint64_t tick)
{
    if (!c->counting)
        return c->stopped;
    return tick > c->start ? tick - c->start : 0;
}

static bool out_at(const struct channel *c, uint64_t tick)
{
    uint64_t gone = elapsed(c, tick), n;

    if (!c->loaded)
        return c->mode != MODE_TERMINAL;
    n = element(c);
    switch (c->mode) {
    case MODE_TERMINAL:
    case MODE_ONE_SHOT:
        return gone >= n;
    case MODE_RATE:
        return !c->counting || gone != n - 1 || n == 1;
    case MODE_SQUARE:
        return !c->counting || !c->half;
    default:
        return gone != n;
    }
}

static uint32_t value_at(const struct channel *c, uint64_t tick)
{
    uint32_t n = element(c), m = modulus(c);
    uint64_t gone = elapsed(c, tick);

    if (!c->loaded)
        return count_of(c, c->element) % m;
    if (c->mode == MODE_SQUARE)
        return (uint32_t)((n & ~1u) - MIN(2 * gone, n & ~1u)) % m;
    return (uint32_t)((n + m - gone % m) % m);
}

static uint16_t read_value(const struct channel *c, uint64_t tick)
{
    uint32_t v = value_at(c, tick);

    return c->bcd ? to_bcd(v) : (uint16_t)v;
}

/* The next tick after `tick` at which OUT rises or (mode 3) changes; advanced to it. */
static uint64_t next_edge(const struct channel *c, uint64_t tick)
{
    uint64_t n;

    if (!c->counting)
        return TICK_NEVER;
    n = element(c);
    switch (c->mode) {
    case MODE_RATE:
        return c->start + n;
    case MODE_SQUARE:
        return c->start + half_period(c);
    case MODE_STROBE:
    case MODE_TRIGGER:
        return tick < c->start + n + 1 ? c->start + n + 1 : TICK_NEVER;
    default:
        return tick < c->start + n ? c->start + n : TICK_NEVER;
    }
}

/* --- channel 0's interrupt ------------------------------------------------ */

/* Did OUT rise in (from, to]? Not yet advanced to `to`. */
static bool rose(const struct channel *c, uint64_t from, uint64_t to)
{
    uint64_t edge = next_edge(c, from);

    if (c->mode == MODE_SQUARE && !c->half && edge != TICK_NEVER)
        edge = c->start + element(c);
    return edge > from && edge <= to;
}

/* Software that polls the counter makes this a hot path: mostly nothing changes. */
static void arm_timer(struct pit *s, int64_t when)
{
    if (timer_expire_ns(&s->timer) != when)
        timer_arm(&s->timer, when);
}

static void update_line(struct pit *s)
{
    struct channel *c = &s->channels[0];
    uint64_t tick = s->tick, edge;
    bool edge_seen = rose(c, s->seen, tick);

    advance(c, tick);
    s->seen = tick;
    if (edge_seen) {
        irq_lower(s->out);
        irq_raise(s->out);
    }
    irq_set(s->out, out_at(c, tick));
    edge = next_edge(c, tick);
    arm_timer(s, edge == TICK_NEVER ? TIMER_NEVER : clock_ticks_to_ns(edge, PIT_HZ));
}

static void edge_due(void *opaque)
{
    struct pit *s = opaque;
    int64_t soon = clock_now(CLK_VIRTUAL) + EDGE_MIN_NS;

    s->tick = now_ticks();
    update_line(s);
    if (timer_pending(&s->timer) && timer_expire_ns(&s->timer) < soon)
        timer_arm(&s->timer, soon);
}

/* Before everything that looks at a channel, and after what changes one. */
static struct channel *begin_access(struct pit *s, unsigned n)
{
    s->tick = now_ticks();
    if (n == 0)
        update_line(s);
    advance(&s->channels[n], s->tick);
    return &s->channels[n];
}

static void end_change(struct pit *s, unsigned n)
{
    if (n == 0)
        update_line(s);
}

/* --- writes --------------------------------------------------------------- */

static void latch_count(struct channel *c, uint64_t tick)
{
    if (c->count_latched)
        return;
    c->latch = read_value(c, tick);
    c->count_latched = true;
}

static void latch_status(struct channel *c, uint64_t tick)
{
    if (c->status_latched)
        return;
    c->status = (uint8_t)(c->rw << PIT_CW_RW_SHIFT | c->mode << PIT_CW_MODE_SHIFT | c->bcd);
    if (out_at(c, tick))
        c->status |= PIT_STATUS_OUT;
    if (c->null_count || (c->counting && tick < c->start))
        c->status |= PIT_STATUS_NULL;
    c->status_latched = true;
}

static void write_read_back(struct pit *s, uint8_t val)
{
    for (unsigned n = 0; n < PIT_CHANNELS; n++) {
        struct channel *c;

        if (!(val & 2u << n))
            continue;
        c = begin_access(s, n);
        if (!(val & PIT_RB_NO_COUNT))
            latch_count(c, s->tick);
        if (!(val & PIT_RB_NO_STATUS))
            latch_status(c, s->tick);
    }
}

static void set_mode(struct channel *c, uint8_t val, uint64_t tick)
{
    uint16_t value = read_value(c, tick);

    c->rw = val >> PIT_CW_RW_SHIFT & 3;
    c->mode = val >> PIT_CW_MODE_SHIFT & 7;
    if (c->mode > MODE_TRIGGER)
        c->mode &= 3;
    c->bcd = val & PIT_CW_BCD;
    c->element = value; /* what reads give until there is a count */
    c->loaded = c->counting = false;
    c->stopped = 0;
    c->half = false;
    c->written = false;
    c->null_count = true;
    c->write_high = c->read_high = false;
    c->count_latched = c->status_latched = false;
}

static void write_control(struct pit *s, uint8_t val)
{
    unsigned n = val >> PIT_CW_SELECT;
    struct channel *c;

    if (n == PIT_READ_BACK) {
        write_read_back(s, val);
        return;
    }
    c = begin_access(s, n);
    if ((val >> PIT_CW_RW_SHIFT & 3) == RW_LATCH)
        latch_count(c, s->tick);
    else
        set_mode(c, val, s->tick);
    end_change(s, n);
}

/* A complete count is in the register. The element is loaded with the next tick. */
static void count_written(struct channel *c, uint64_t tick)
{
    c->written = c->null_count = true;
    if (gate_triggers(c) || (is_periodic(c) && c->counting))
        return;
    if (is_periodic(c) && !c->gate)
        return;
    load(c, tick + 1);
    if (!c->gate)
        c->counting = false;
}

static void write_count(struct channel *c, uint8_t val, uint64_t tick)
{
    if (c->rw == RW_BOTH && !c->write_high) {
        c->low = val;
        c->write_high = true;
        if (c->mode == MODE_TERMINAL) /* the first byte stops it */
            c->loaded = c->counting = false;
        return;
    }
    c->write_high = false;
    if (c->rw == RW_LSB)
        c->reg = val;
    else
        c->reg = (uint16_t)(val << 8 | (c->rw == RW_BOTH ? c->low : 0));
    count_written(c, tick);
}

static void pit_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct pit *s = opaque;

    TRACE(pit_write, "port %u = %#x", (unsigned)off, (unsigned)val);
    if (off == PIT_CHANNELS) {
        write_control(s, (uint8_t)val);
        return;
    }
    write_count(begin_access(s, (unsigned)off), (uint8_t)val, s->tick);
    end_change(s, (unsigned)off);
}

/* --- reads ---------------------------------------------------------------- */

static uint8_t read_byte(struct channel *c, uint16_t value)
{
    bool high = c->rw == RW_MSB || (c->rw == RW_BOTH && c->read_high);

    if (c->rw == RW_BOTH)
        c->read_high = !c->read_high;
    if (c->rw != RW_BOTH || !c->read_high)
        c->count_latched = false;
    return (uint8_t)(high ? value >> 8 : value);
}

static uint64_t pit_read(void *opaque, uint64_t off, unsigned size)
{
    struct pit *s = opaque;
    struct channel *c;

    if (off == PIT_CHANNELS)
        return 0;
    c = begin_access(s, (unsigned)off);
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    return read_byte(c, c->count_latched ? c->latch : read_value(c, s->tick));
}

static const struct mem_ops pit_ops = {
    .read = pit_read,
    .write = pit_write,
    .valid = {.min = 1, .max = 1},
};

/* --- gates and outputs ---------------------------------------------------- */

static void gate_fell(struct channel *c, uint64_t tick)
{
    if (gate_triggers(c) || !c->counting)
        return;
    c->stopped = is_periodic(c) ? 0 : elapsed(c, tick);
    c->counting = false;
}

static void gate_rose(struct channel *c, uint64_t tick)
{
    if (gate_triggers(c) || is_periodic(c)) {
        if (c->written)
            load(c, tick + 1);
    } else if (c->loaded && !c->counting) {
        c->start = tick - c->stopped;
        c->counting = true;
    }
}

void i8254_set_gate(struct device *dev, unsigned channel, bool level)
{
    struct pit *s = to_pit(dev);
    struct channel *c = begin_access(s, channel);

    if (c->gate != level) {
        c->gate = level;
        if (level)
            gate_rose(c, s->tick);
        else
            gate_fell(c, s->tick);
    }
    end_change(s, channel);
}

bool i8254_gate(const struct device *dev, unsigned channel)
{
    return to_pit(dev)->channels[channel].gate;
}

bool i8254_out(struct device *dev, unsigned channel)
{
    struct pit *s = to_pit(dev);
    const struct channel *c = begin_access(s, channel);

    return out_at(c, s->tick);
}

uint32_t i8254_divisor(struct device *dev, unsigned channel)
{
    struct channel *c = begin_access(to_pit(dev), channel);

    return is_periodic(c) && c->counting ? element(c) : 0;
}

void i8254_set_output(struct device *dev, struct irq *out)
{
    to_pit(dev)->out = out;
}

/* --- life ----------------------------------------------------------------- */

/* The data sheet leaves the power-up state open; firmware sets all of it. */
static void pit_reset(struct device *dev, enum reset_kind kind)
{
    struct pit *s = to_pit(dev);

    for (unsigned n = 0; n < PIT_CHANNELS; n++)
        s->channels[n] = (struct channel){
            .rw = RW_BOTH, .mode = MODE_SQUARE, .gate = n != 2, .null_count = true};
    s->tick = s->seen = now_ticks();
    update_line(s);
}

static int pit_realize(struct device *dev, struct error **err)
{
    struct pit *s = to_pit(dev);

    timer_init(&s->timer, CLK_VIRTUAL, edge_due, s);
    mem_region_init_io(&s->io, "pit", PIT_CHANNELS + 1, &pit_ops, s);
    isa_register_ioport(&s->isa, &s->io, s->iobase);
    return 0;
}

static void pit_unrealize(struct device *dev)
{
    struct pit *s = to_pit(dev);

    timer_fini(&s->timer);
    isa_unregister_ioport(&s->isa, &s->io);
    mem_region_fini(&s->io);
}

static const struct vm_field channel_fields[] = {
    VM_U8(struct channel, rw),
    VM_U8(struct channel, mode),
    VM_BOOL(struct channel, bcd),
    VM_BOOL(struct channel, gate),
    VM_U16(struct channel, reg),
    VM_U8(struct channel, low),
    VM_BOOL(struct channel, write_high),
    VM_BOOL(struct channel, read_high),
    VM_BOOL(struct channel, written),
    VM_BOOL(struct channel, null_count),
    VM_BOOL(struct channel, loaded),
    VM_BOOL(struct channel, counting),
    VM_U16(struct channel, element),
    VM_U64(struct channel, start),
    VM_U64(struct channel, stopped),
    VM_BOOL(struct channel, half),
    VM_BOOL(struct channel, count_latched),
    VM_BOOL(struct channel, status_latched),
    VM_U16(struct channel, latch),
    VM_U8(struct channel, status),
    VM_END,
};
static const struct vmstate channel_vmstate = {.name = "pit-channel", .fields = channel_fields};

/* Times from the future would stop the clockwork for good. */
static int pit_post_load(void *state, unsigned version, struct error **err)
{
    struct pit *s = state;
    uint64_t tick = now_ticks();

    for (unsigned n = 0; n < PIT_CHANNELS; n++) {
        struct channel *c = &s->channels[n];

        c->rw &= 3;
        if (c->rw == RW_LATCH)
            c->rw = RW_BOTH;
        c->mode = c->mode > MODE_TRIGGER ? c->mode & 3 : c->mode;
        c->start = MIN(c->start, tick + 1);
        c->stopped = MIN(c->stopped, tick);
    }
    s->seen = MIN(s->seen, tick);
    return 0;
}

static const struct vm_field pit_fields[] = {
    VM_STRUCT_ARRAY(struct pit, channels, &channel_vmstate),
    VM_U64(struct pit, seen),
    VM_TIMER(struct pit, timer),
    VM_END,
};
static const struct vmstate pit_vmstate = {
    .name = "isa-pit",
    .version = 1,
    .fields = pit_fields,
    .post_load = pit_post_load,
};

static const struct prop pit_props[] = {
    PROP_U16("iobase", struct pit, iobase, 0x40, 0, 0xfffc, "first port"),
    PROP_END,
};

DEVICE_DEFINE(pit, .name = "isa-pit", .help = "8254 interval timer", .bus = BUS_ISA,
              .state_size = sizeof(struct pit), .props = pit_props, .vmstate = &pit_vmstate,
              .no_user = true, .is_default = true, .realize = pit_realize,
              .unrealize = pit_unrealize, .reset = pit_reset);
