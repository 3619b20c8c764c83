/* SPDX-License-Identifier: MIT */
/*
 * MC146818A-compatible real-time clock with 128 bytes of CMOS memory at ports
 * 70h/71h and 128 more at 72h/73h.
 *
 * Motorola MC146818A data sheet (registers A to D, update cycle, alarms); PIIX3
 * data sheet (290550) 2.6 (ports); century in byte 32h, as the ACPI FADT says.
 *
 * Time is a host clock plus an offset; the time registers are made when they are
 * read, unless SET or a divider held in reset freezes them. "Chain" is the divider
 * chain's time in ns: what fraction of a second has passed is read off it.
 *
 * Not modelled: daylight saving (DSE is stored), the square wave output, time
 * bases other than 32.768 kHz.
 */
#include "hw/timer/mc146818rtc.h"

#include "hw/core/clock.h"
#include "hw/core/irq.h"
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/mgmt_event.h"
#include "util/trace.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define RTC_SECONDS       0x00
#define RTC_SECONDS_ALARM 0x01
#define RTC_MINUTES       0x02
#define RTC_MINUTES_ALARM 0x03
#define RTC_HOURS         0x04
#define RTC_HOURS_ALARM   0x05
#define RTC_DAY_OF_WEEK   0x06
#define RTC_DAY_OF_MONTH  0x07
#define RTC_MONTH         0x08
#define RTC_YEAR          0x09
#define RTC_REG_A         0x0a
#define RTC_REG_B         0x0b
#define RTC_REG_C         0x0c
#define RTC_REG_D         0x0d
#define RTC_CENTURY       0x32

#define RTC_A_UIP     0x80
#define RTC_A_DV_STOP 0x60 /* both bits: the divider is held in reset */
#define RTC_A_RS      0x0f
#define RTC_B_SET     0x80
#define RTC_B_UIE     0x10
#define RTC_B_SQWE    0x08
#define RTC_B_DM      0x04 /* binary */
#define RTC_B_24H     0x02
#define RTC_C_IRQF    0x80
#define RTC_C_PF      0x40
#define RTC_C_AF      0x20
#define RTC_C_UF      0x10
#define RTC_C_FLAGS   0x70 /* and their enables in register B */
#define RTC_D_VRT     0x80

#define RTC_HZ       32768
#define RTC_IRQ      8
#define BANK_SIZE    128
#define DAY_SECS     86400
#define WILDCARD     0xc0
#define NMI_DISABLED 0x80

/* UIP is up from 244 us before an update cycle of 1984 us to its end. */
#define UIP_NS (2228 * NS_PER_US)

enum rtc_clock {
    RTC_CLOCK_HOST,
    RTC_CLOCK_RT,
    RTC_CLOCK_VM,
};

struct rtc {
    struct isa_device isa;
    char *base; /* properties */
    int clock;

    uint8_t cmos[2 * BANK_SIZE];
    uint8_t index;     /* port 70h, with the NMI bit */
    uint8_t ext_index; /* port 72h */
    int64_t seconds;   /* time since 1970 - seconds of the chain */
    int64_t phase;     /* chain - clock, 0 to 1 s */
    int64_t seen;      /* events up to this time of the chain are in register C */
    uint8_t weekday;   /* day of the week - what it was in reality, 0 to 6 */
    struct timer timer;

    enum clock_id clock_id; /* derived from clock */
    int64_t base_seconds;   /* `seconds` as -rtc has it; what RTC_CHANGE counts from */
    struct irq *out;        /* wiring */
    struct irq *alarm;      /* to the power management, too */
    struct mem_region io, ext_io;
};

static struct rtc *to_rtc(const struct device *dev)
{
    return container_of(dev, struct rtc, isa.dev);
}

/* --- calendar ------------------------------------------------------------- */

struct date {
    int year, month, day; /* month 1 to 12, day 1 to 31 */
};

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_before_year(int year)
{
    int y = year - 1;

    return year * 365 + (year > 0 ? y / 4 - y / 100 + y / 400 + 1 : 0);
}

static int days_in_month(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970; the day may lie outside its month. */
static int64_t days_from_date(struct date d)
{
    int64_t days = days_before_year(d.year) - days_before_year(1970) + d.day - 1;

    for (int m = 1; m < d.month; m++)
        days += days_in_month(d.year, m);
    return days;
}

/* Years beyond the four digits of the registers begin again. */
static struct date date_from_days(int64_t days)
{
    const int64_t span = days_before_year(10000);
    struct date d = {0, 1, 1};
    int left;

    days = (days + days_before_year(1970)) % span;
    left = (int)(days < 0 ? days + span : days);
    d.year = left / 366;
    while (days_before_year(d.year + 1) <= left)
        d.year++;
    left -= days_before_year(d.year);
    for (; left >= days_in_month(d.year, d.month); d.month++)
        left -= days_in_month(d.year, d.month);
    d.day = left + 1;
    return d;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* --- time ----------------------------------------------------------------- */

static int64_t chain_now(const struct rtc *s)
{
    return clock_now(s->clock_id) + s->phase;
}

static int64_t seconds_at(const struct rtc *s, int64_t chain)
{
    return s->seconds + floor_div(chain, NS_PER_SEC);
}

static bool divider_runs(const struct rtc *s)
{
    return (s->cmos[RTC_REG_A] & RTC_A_DV_STOP) != RTC_A_DV_STOP;
}

/* Do the time registers change by themselves? */
static bool updates(const struct rtc *s)
{
    return divider_runs(s) && !(s->cmos[RTC_REG_B] & RTC_B_SET);
}

static uint8_t encode(const struct rtc *s, int v)
{
    return (uint8_t)(s->cmos[RTC_REG_B] & RTC_B_DM ? v : v / 10 << 4 | v % 10);
}

static int decode(const struct rtc *s, uint8_t v)
{
    return s->cmos[RTC_REG_B] & RTC_B_DM ? v : (v >> 4) * 10 + (v & 0xf);
}

static uint8_t encode_hour(const struct rtc *s, int hour)
{
    if (s->cmos[RTC_REG_B] & RTC_B_24H)
        return encode(s, hour);
    return encode(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0);
}

static int decode_hour(const struct rtc *s, uint8_t v)
{
    if (s->cmos[RTC_REG_B] & RTC_B_24H)
        return decode(s, v);
    return decode(s, v & 0x7f) % 12 + (v & 0x80 ? 12 : 0);
}

/* 0 is Sunday, as 1 January 1970 was a Thursday. */
static int weekday_of(int64_t days)
{
    int w = (int)((days + 4) % 7);

    return w < 0 ? w + 7 : w;
}

/* Write the time of the chain into the registers. */
static void make_registers(struct rtc *s, int64_t chain)
{
    int64_t secs = seconds_at(s, chain);
    int64_t days = floor_div(secs, DAY_SECS);
    int in_day = (int)(secs - days * DAY_SECS);
    struct date d = date_from_days(days);

    s->cmos[RTC_SECONDS] = encode(s, in_day % 60);
    s->cmos[RTC_MINUTES] = encode(s, in_day / 60 % 60);
    s->cmos[RTC_HOURS] = encode_hour(s, in_day / 3600);
    s->cmos[RTC_DAY_OF_WEEK] = encode(s, (weekday_of(days) + s->weekday) % 7 + 1);
    s->cmos[RTC_DAY_OF_MONTH] = encode(s, d.day);
    s->cmos[RTC_MONTH] = encode(s, d.month);
    s->cmos[RTC_YEAR] = encode(s, d.year % 100);
    s->cmos[RTC_CENTURY] = encode(s, d.year / 100);
}

/* Management programs keep the guest's clock over restarts by this. */
static void tell_change(struct rtc *s)
{
    char *path = device_path(&s->isa.dev);

    mgmt_event("RTC_CHANGE", MGMT_INT("offset", s->seconds - s->base_seconds),
               MGMT_STR("qom-path", path));
    g_free(path);
}

/* Take the time from the registers, whatever is in them. */
static void take_registers(struct rtc *s, int64_t chain)
{
    int month = decode(s, s->cmos[RTC_MONTH]);
    int century = MIN(decode(s, s->cmos[RTC_CENTURY]), 99);
    struct date d = {
        .year = century * 100 + MIN(decode(s, s->cmos[RTC_YEAR]), 99),
        .month = MIN(MAX(month, 1), 12),
        .day = decode(s, s->cmos[RTC_DAY_OF_MONTH]),
    };
    int64_t days = days_from_date(d);
    int64_t secs = days * DAY_SECS + decode_hour(s, s->cmos[RTC_HOURS]) * 3600 +
                   decode(s, s->cmos[RTC_MINUTES]) * 60 + decode(s, s->cmos[RTC_SECONDS]);

    int64_t change = secs - seconds_at(s, chain);

    s->seconds += change;
    s->weekday = (uint8_t)((decode(s, s->cmos[RTC_DAY_OF_WEEK]) + 6 + 7 -
                            weekday_of(floor_div(secs, DAY_SECS))) %
                           7);
    if (change)
        tell_change(s);
}

/* --- events --------------------------------------------------------------- */

/* log2 of the period of the periodic interrupt in ticks of RTC_HZ; -1: none. */
static int period_shift(const struct rtc *s)
{
    int rs = s->cmos[RTC_REG_A] & RTC_A_RS;

    if (!rs || !divider_runs(s))
        return -1;
    return rs <= 2 ? rs + 6 : rs - 1;
}

static uint64_t period_at(int64_t chain, int shift)
{
    return clock_ns_to_ticks(chain, RTC_HZ) >> shift;
}

static int64_t next_period(const struct rtc *s, int64_t chain)
{
    int shift = period_shift(s);

    if (shift < 0)
        return TIMER_NEVER;
    return clock_ticks_to_ns((period_at(chain, shift) + 1) << shift, RTC_HZ);
}

static int64_t next_update(const struct rtc *s, int64_t chain)
{
    return updates(s) ? (floor_div(chain, NS_PER_SEC) + 1) * NS_PER_SEC : TIMER_NEVER;
}

/* The value an alarm register waits for, -1 for any, -2 for one that never comes. */
static int alarm_value(const struct rtc *s, unsigned reg, int limit)
{
    uint8_t v = s->cmos[reg];
    int n = reg == RTC_HOURS_ALARM ? decode_hour(s, v) : decode(s, v);

    if ((v & WILDCARD) == WILDCARD)
        return -1;
    return n < limit ? n : -2;
}

/* The first second of the day after `from` (which may be -1) that an alarm at h, m,
 * s (-1: any) matches; DAY_SECS if none. */
static int alarm_in_day(int from, int h, int m, int sec)
{
    int t = from + 1;

    while (t < DAY_SECS) {
        if (h >= 0 && t / 3600 != h)
            t = (t / 3600 + 1) * 3600;
        else if (m >= 0 && t / 60 % 60 != m)
            t = (t / 60 + 1) * 60;
        else if (sec >= 0 && t % 60 != sec)
            t++;
        else
            break;
    }
    return t;
}

static int64_t next_alarm(const struct rtc *s, int64_t chain)
{
    int h = alarm_value(s, RTC_HOURS_ALARM, 24);
    int m = alarm_value(s, RTC_MINUTES_ALARM, 60);
    int sec = alarm_value(s, RTC_SECONDS_ALARM, 60);
    int64_t now = seconds_at(s, chain);
    int64_t day = floor_div(now, DAY_SECS) * DAY_SECS;
    int t;

    if (h == -2 || m == -2 || sec == -2 || !updates(s))
        return TIMER_NEVER;
    t = alarm_in_day((int)(now - day), h, m, sec);
    if (t == DAY_SECS)
        t += alarm_in_day(-1, h, m, sec);
    return (day + t - s->seconds) * NS_PER_SEC;
}

static void update_irq(struct rtc *s)
{
    uint8_t *c = &s->cmos[RTC_REG_C];
    bool irq = *c & s->cmos[RTC_REG_B] & RTC_C_FLAGS;

    *c = (*c & RTC_C_FLAGS) | (irq ? RTC_C_IRQF : 0);
    irq_set(s->out, irq);
}

/* Into register C with everything that has happened. */
static void collect_events(struct rtc *s)
{
    int64_t now = chain_now(s);
    uint8_t flags = 0;

    if (next_period(s, s->seen) <= now)
        flags |= RTC_C_PF;
    if (next_update(s, s->seen) <= now)
        flags |= RTC_C_UF;
    if ((flags & RTC_C_UF) && next_alarm(s, s->seen) <= now)
        flags |= RTC_C_AF;
    s->cmos[RTC_REG_C] |= flags;
    s->seen = now;
    if (flags & s->cmos[RTC_REG_B] & RTC_C_AF) {
        irq_pulse(s->alarm);
        runstate_request_wakeup(WAKEUP_RTC);
    }
    update_irq(s);
}

/* For the next event that will interrupt; one that has needs no timer. */
static void arm_timer(struct rtc *s)
{
    uint8_t wanted = s->cmos[RTC_REG_B] & ~s->cmos[RTC_REG_C] & RTC_C_FLAGS;
    int64_t when = TIMER_NEVER;

    if (wanted & RTC_C_PF)
        when = MIN(when, next_period(s, s->seen));
    if (wanted & RTC_C_AF)
        when = MIN(when, next_alarm(s, s->seen));
    if (wanted & RTC_C_UF)
        when = MIN(when, next_update(s, s->seen));
    timer_arm(&s->timer, when == TIMER_NEVER ? when : when - s->phase);
}

static void event_due(void *opaque)
{
    struct rtc *s = opaque;

    collect_events(s);
    arm_timer(s);
}

/* --- registers ------------------------------------------------------------ */

static bool is_time(unsigned n)
{
    return n == RTC_CENTURY || n == RTC_DAY_OF_WEEK || n == RTC_DAY_OF_MONTH || n == RTC_MONTH ||
           n == RTC_YEAR || (n <= RTC_HOURS && !(n & 1));
}

static uint8_t read_a(const struct rtc *s)
{
    int64_t chain = chain_now(s);
    int64_t left = next_update(s, chain);

    return s->cmos[RTC_REG_A] | (left != TIMER_NEVER && left - chain <= UIP_NS ? RTC_A_UIP : 0);
}

/* Reading register C takes the flags. */
static uint8_t read_c(struct rtc *s)
{
    uint8_t c;

    collect_events(s);
    c = s->cmos[RTC_REG_C];
    s->cmos[RTC_REG_C] = 0;
    update_irq(s);
    arm_timer(s);
    return c;
}

static uint8_t read_register(struct rtc *s, unsigned n)
{
    if (is_time(n)) {
        if (updates(s))
            make_registers(s, chain_now(s));
        return s->cmos[n];
    }
    switch (n) {
    case RTC_REG_A:
        return read_a(s);
    case RTC_REG_C:
        return read_c(s);
    case RTC_REG_D:
        return RTC_D_VRT;
    default:
        return s->cmos[n];
    }
}

/* After a reset of the divider the first update comes half a second later. */
static void restart_divider(struct rtc *s)
{
    int64_t clock = clock_now(s->clock_id);
    int64_t secs = seconds_at(s, clock + s->phase);

    s->phase = (NS_PER_SEC + NS_PER_SEC / 2 - clock % NS_PER_SEC) % NS_PER_SEC;
    s->seconds += secs - seconds_at(s, clock + s->phase);
    s->seen = clock + s->phase;
}

/* Registers A and B say whether time passes: freeze or restart it on a change. */
static void write_control(struct rtc *s, unsigned n, uint8_t val)
{
    bool ran = updates(s), divided = divider_runs(s);

    if (ran)
        make_registers(s, chain_now(s));
    s->cmos[n] = val;
    if (!divided && divider_runs(s))
        restart_divider(s);
    if (!ran && updates(s))
        take_registers(s, chain_now(s));
}

static void write_time(struct rtc *s, unsigned n, uint8_t val)
{
    bool runs = updates(s);

    if (runs)
        make_registers(s, chain_now(s));
    s->cmos[n] = val;
    if (runs)
        take_registers(s, chain_now(s));
}

static void write_register(struct rtc *s, unsigned n, uint8_t val)
{
    collect_events(s);
    if (is_time(n))
        write_time(s, n, val);
    else if (n == RTC_REG_A)
        write_control(s, n, val & ~RTC_A_UIP);
    else if (n == RTC_REG_B)
        write_control(s, n, val & RTC_B_SET ? val & ~RTC_B_UIE : val);
    else if (n != RTC_REG_C && n != RTC_REG_D)
        s->cmos[n] = val;
    if (n <= RTC_REG_D || n == RTC_CENTURY) {
        update_irq(s);
        arm_timer(s);
    }
}

/* --- ports ---------------------------------------------------------------- */

static uint64_t rtc_read(void *opaque, uint64_t off, unsigned size)
{
    struct rtc *s = opaque;

    return off == 0 ? 0xff : read_register(s, s->index % BANK_SIZE);
}

static void rtc_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct rtc *s = opaque;

    if (off == 0) {
        s->index = (uint8_t)val;
        return;
    }
    TRACE(rtc_write, "register %#x = %#x", s->index % BANK_SIZE, (unsigned)val);
    write_register(s, s->index % BANK_SIZE, (uint8_t)val);
}

static uint64_t ext_read(void *opaque, uint64_t off, unsigned size)
{
    struct rtc *s = opaque;

    return off == 0 ? s->ext_index : s->cmos[BANK_SIZE + s->ext_index % BANK_SIZE];
}

static void ext_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct rtc *s = opaque;

    if (off == 0)
        s->ext_index = (uint8_t)val;
    else
        s->cmos[BANK_SIZE + s->ext_index % BANK_SIZE] = (uint8_t)val;
}

static const struct mem_ops rtc_ops = {
    .read = rtc_read,
    .write = rtc_write,
    .valid = {.min = 1, .max = 1},
};

static const struct mem_ops ext_ops = {
    .read = ext_read,
    .write = ext_write,
    .valid = {.min = 1, .max = 1},
};

/* --- for the machine ------------------------------------------------------ */

void rtc_set_output(struct device *dev, struct irq *out)
{
    to_rtc(dev)->out = out;
}

void rtc_set_alarm_output(struct device *dev, struct irq *out)
{
    to_rtc(dev)->alarm = out;
}

void rtc_set_memory(struct device *dev, unsigned addr, uint8_t val)
{
    assert(addr > RTC_REG_D && addr < 2 * BANK_SIZE && addr != RTC_CENTURY);
    to_rtc(dev)->cmos[addr] = val;
}

uint8_t rtc_get_memory(const struct device *dev, unsigned addr)
{
    assert(addr < 2 * BANK_SIZE);
    return to_rtc(dev)->cmos[addr];
}

bool rtc_nmi_enabled(const struct device *dev)
{
    return !(to_rtc(dev)->index & NMI_DISABLED);
}

/* --- life ----------------------------------------------------------------- */

/* "YYYY-MM-DD", or with "THH:MM:SS", to seconds since 1970. */
static bool parse_date(const char *text, int64_t *secs)
{
    struct date d;
    unsigned h = 0, m = 0, sec = 0;
    int n = 0;

    if (sscanf(text, "%4d-%2d-%2d%n", &d.year, &d.month, &d.day, &n) != 3)
        return false;
    if (text[n] && (sscanf(text + n, "T%2u:%2u:%2u%n", &h, &m, &sec, &n) != 3 ||
                    strlen(strchr(text, 'T')) != (size_t)n))
        return false;
    if (d.year < 0 || d.month < 1 || d.month > 12 || d.day < 1 ||
        d.day > days_in_month(d.year, d.month) || h > 23 || m > 59 || sec > 59)
        return false;
    *secs = days_from_date(d) * DAY_SECS + h * 3600 + m * 60 + sec;
    return true;
}

static int64_t local_offset(time_t now)
{
    struct tm tm;

    return localtime_r(&now, &tm) ? tm.tm_gmtoff : 0;
}

/* Start at what "base" says: the host's time to the ns, or a date. */
static int set_base(struct rtc *s, struct error **err)
{
    int64_t host = clock_now(CLK_HOST), clock = clock_now(s->clock_id);
    int64_t secs = host / NS_PER_SEC, fraction = host % NS_PER_SEC;

    if (strcmp(s->base, "localtime") == 0) {
        secs += local_offset((time_t)secs);
    } else if (strcmp(s->base, "utc") != 0) {
        fraction = 0;
        if (!parse_date(s->base, &secs)) {
            error_set(err, "rtc base '%s' is not utc, localtime or a date like 2026-11-30T12:34:56",
                      s->base);
            return -EINVAL;
        }
    }
    s->phase = (NS_PER_SEC + fraction - clock % NS_PER_SEC) % NS_PER_SEC;
    s->seconds = secs - (clock + s->phase) / NS_PER_SEC;
    s->seen = clock + s->phase;
    s->base_seconds = s->seconds;
    return 0;
}

/* The battery keeps time and memory; interrupts are switched off. */
static void rtc_reset(struct device *dev, enum reset_kind kind)
{
    struct rtc *s = to_rtc(dev);

    collect_events(s);
    s->cmos[RTC_REG_B] &= ~(RTC_C_FLAGS | RTC_B_SQWE);
    s->cmos[RTC_REG_C] = 0;
    s->index = s->ext_index = 0;
    update_irq(s);
    arm_timer(s);
}

static int rtc_realize(struct device *dev, struct error **err)
{
    static const enum clock_id clocks[] = {CLK_HOST, CLK_REALTIME, CLK_VIRTUAL};
    struct rtc *s = to_rtc(dev);
    int ret;

    s->clock_id = clocks[s->clock];
    ret = set_base(s, err);
    if (ret < 0)
        return ret;
    s->cmos[RTC_REG_A] = 0x26; /* 32.768 kHz, periodic rate 1024 Hz */
    s->cmos[RTC_REG_B] = RTC_B_24H;
    if (!s->out)
        s->out = isa_irq(&s->isa, RTC_IRQ);
    timer_init(&s->timer, s->clock_id, event_due, s);
    mem_region_init_io(&s->io, "rtc", 2, &rtc_ops, s);
    mem_region_init_io(&s->ext_io, "rtc-ext", 2, &ext_ops, s);
    isa_register_ioport(&s->isa, &s->io, 0x70);
    isa_register_ioport(&s->isa, &s->ext_io, 0x72);
    return 0;
}

static void rtc_unrealize(struct device *dev)
{
    struct rtc *s = to_rtc(dev);

    timer_fini(&s->timer);
    isa_unregister_ioport(&s->isa, &s->io);
    isa_unregister_ioport(&s->isa, &s->ext_io);
    mem_region_fini(&s->io);
    mem_region_fini(&s->ext_io);
}

/* Keep sums of these well inside 64 bits. */
static int rtc_post_load(void *state, unsigned version, struct error **err)
{
    const int64_t limit = (int64_t)1 << 40;
    struct rtc *s = state;

    s->phase = MIN(MAX(s->phase, 0), NS_PER_SEC - 1);
    s->seconds = MIN(MAX(s->seconds, -limit), limit);
    s->seen = MIN(MAX(s->seen, 0), chain_now(s));
    s->weekday %= 7;
    return 0;
}

static const struct vm_field rtc_fields[] = {
    VM_BUFFER(struct rtc, cmos), VM_U8(struct rtc, index),    VM_U8(struct rtc, ext_index),
    VM_S64(struct rtc, seconds), VM_S64(struct rtc, phase),   VM_S64(struct rtc, seen),
    VM_U8(struct rtc, weekday),  VM_TIMER(struct rtc, timer), VM_END,
};
static const struct vmstate rtc_vmstate = {
    .name = "mc146818rtc",
    .version = 1,
    .fields = rtc_fields,
    .post_load = rtc_post_load,
};

static const struct prop_enum rtc_clocks[] = {
    {"host", RTC_CLOCK_HOST},
    {"rt", RTC_CLOCK_RT},
    {"vm", RTC_CLOCK_VM},
    {NULL, 0},
};

static const struct prop rtc_props[] = {
    PROP_STR("base", struct rtc, base, "utc", "utc, localtime or a date"),
    PROP_ENUM("clock", struct rtc, clock, RTC_CLOCK_HOST, rtc_clocks, "clock that drives it"),
    PROP_END,
};

DEVICE_DEFINE(rtc, .name = "mc146818rtc", .help = "real-time clock and CMOS memory", .bus = BUS_ISA,
              .state_size = sizeof(struct rtc), .props = rtc_props, .vmstate = &rtc_vmstate,
              .no_user = true, .is_default = true, .realize = rtc_realize,
              .unrealize = rtc_unrealize, .reset = rtc_reset);
