/* SPDX-License-Identifier: MIT */
/*
 * The real-time clock: formats, calendar, update cycle, freezing, alarms, periodic
 * interrupts, memory.
 */
#include "tests/dev/dev.h"

#include "hw/timer/mc146818rtc.h"
#include "system/runstate.h"

#include <time.h>

#define SEC NS_PER_SEC
#define MS  NS_PER_MS

void __wrap_runstate_request_wakeup(enum wakeup_reason reason);

static struct isa_bus isa;
static struct device *rtc;
static struct wire irq8;
static unsigned wakeups;

void __wrap_runstate_request_wakeup(enum wakeup_reason reason)
{
    wakeups += reason == WAKEUP_RTC;
}

static void setup(const char *base)
{
    dev_setup(&isa);
    wire_init(&irq8);
    isa_bus_connect_irq(&isa, 8, &irq8.irq);
    rtc = dev_new("mc146818rtc");
    device_set_str(rtc, "base", base);
    device_set_str(rtc, "clock", "vm");
    dev_realize(rtc);
}

static uint8_t rd(unsigned reg)
{
    outb(0x70, (uint8_t)reg);
    return inb(0x71);
}

static void wr(unsigned reg, uint8_t val)
{
    outb(0x70, (uint8_t)reg);
    outb(0x71, val);
}

/* century year month day hour minute second weekday */
static void check_time(const uint8_t want[8])
{
    static const uint8_t regs[8] = {0x32, 9, 8, 7, 4, 2, 0, 6};

    for (unsigned i = 0; i < 8; i++)
        ck_assert_msg(rd(regs[i]) == want[i], "register %#x is %#x, not %#x", regs[i], rd(regs[i]),
                      want[i]);
}
#define CHECK_TIME(...) check_time((const uint8_t[8]){__VA_ARGS__})

static void set_time(const uint8_t val[8])
{
    static const uint8_t regs[8] = {0x32, 9, 8, 7, 4, 2, 0, 6};

    for (unsigned i = 0; i < 8; i++)
        wr(regs[i], val[i]);
}
#define SET_TIME(...) set_time((const uint8_t[8]){__VA_ARGS__})

START_TEST(test_formats)
{
    setup("2026-11-30T15:04:59");
    ck_assert_uint_eq(rd(0xa), 0x26);
    ck_assert_uint_eq(rd(0xb), 0x02);
    ck_assert_uint_eq(rd(0xd), 0x80);
    CHECK_TIME(0x20, 0x26, 0x11, 0x30, 0x15, 0x04, 0x59, 2);
    wr(0xb, 0x06); /* binary */
    CHECK_TIME(20, 26, 11, 30, 15, 4, 59, 2);
    wr(0xb, 0x04); /* 12 hours */
    CHECK_TIME(20, 26, 11, 30, 0x83, 4, 59, 2);
    wr(0xb, 0x00);
    clock_step(SEC);
    CHECK_TIME(0x20, 0x26, 0x11, 0x30, 0x83, 0x05, 0x00, 2);
    clock_step(9 * 3600 * SEC);
    CHECK_TIME(0x20, 0x26, 0x12, 0x01, 0x12, 0x05, 0x00, 3); /* midnight */
    clock_step(12 * 3600 * SEC);
    CHECK_TIME(0x20, 0x26, 0x12, 0x01, 0x92, 0x05, 0x00, 3); /* noon */
    dev_check_vmstate(rtc);
}
END_TEST

START_TEST(test_calendar)
{
    static const struct {
        const char *base;
        uint8_t next[4]; /* century year month day, one second later */
    } rows[] = {
        {"1999-12-31T23:59:59", {0x20, 0x00, 0x01, 0x01}},
        {"2000-02-28T23:59:59", {0x20, 0x00, 0x02, 0x29}},
        {"2100-02-28T23:59:59", {0x21, 0x00, 0x03, 0x01}},
        {"2024-02-29T23:59:59", {0x20, 0x24, 0x03, 0x01}},
        {"1970-01-01T00:00:00", {0x19, 0x70, 0x01, 0x01}},
        {"0000-02-28T23:59:59", {0x00, 0x00, 0x02, 0x29}},
        {"9999-12-31T23:59:59", {0x00, 0x00, 0x01, 0x01}},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (i == 0) {
            setup(rows[i].base);
        } else {
            device_free(rtc);
            rtc = dev_new("mc146818rtc");
            device_set_str(rtc, "base", rows[i].base);
            device_set_str(rtc, "clock", "vm");
            dev_realize(rtc);
        }
        clock_step(SEC);
        ck_assert_msg(rd(0x32) == rows[i].next[0] && rd(9) == rows[i].next[1] &&
                          rd(8) == rows[i].next[2] && rd(7) == rows[i].next[3],
                      "%s", rows[i].base);
    }
}
END_TEST

START_TEST(test_bases)
{
    static const char *const bad[] = {"",
                                      "now",
                                      "2026-13-01",
                                      "2026-02-29",
                                      "2026-01-01T24:00:00",
                                      "2026-01-01T10:00",
                                      "2026-01-01T10:00:00Z",
                                      "26-1-1-1"};
    struct error *err;
    time_t now = time(NULL);
    struct tm tm;

    setup("2026-01-31");
    CHECK_TIME(0x20, 0x26, 0x01, 0x31, 0, 0, 0, 7);
    device_free(rtc);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        err = NULL;
        rtc = dev_new("mc146818rtc");
        device_set_str(rtc, "base", bad[i]);
        ck_assert_msg(device_realize(rtc, NULL, &err) < 0, "%s", bad[i]);
        error_free(err);
        device_free(rtc);
    }
    rtc = dev_make("mc146818rtc"); /* UTC by the host's clock */
    wr(0xb, 0x06);
    gmtime_r(&now, &tm);
    ck_assert_int_eq(rd(0x32) * 100 + rd(9), tm.tm_year + 1900);
    ck_assert_int_eq(rd(6), tm.tm_wday + 1);
}
END_TEST

START_TEST(test_update_cycle)
{
    setup("2026-01-01T00:00:00");
    ck_assert_uint_eq(rd(0xa) & 0x80, 0);
    clock_step(SEC - 2300000);
    ck_assert_uint_eq(rd(0xa) & 0x80, 0);
    clock_step(100000);
    ck_assert_uint_eq(rd(0xa) & 0x80, 0x80);
    ck_assert_uint_eq(rd(0), 0);
    ck_assert_uint_eq(rd(0xc), 0x40);
    clock_step(2200000);
    ck_assert_uint_eq(rd(0xa) & 0x80, 0);
    ck_assert_uint_eq(rd(0), 1);
    ck_assert_uint_eq(rd(0xc), 0x50); /* flags come without being enabled */
    ck_assert_uint_eq(rd(0xc), 0);
    wr(0xb, 0x12);
    clock_step(SEC - 1);
    ck_assert_int_eq(irq8.level, 0);
    clock_step(1);
    ck_assert_int_eq(irq8.level, 1);
    clock_step(10 * SEC);
    ck_assert_uint_eq(irq8.rises, 1); /* held until it is read */
    dev_check_vmstate(rtc);
    ck_assert_uint_eq(rd(0xc) & 0x90, 0x90);
    ck_assert_int_eq(irq8.level, 0);
    irq8.rises = 0;
    clock_step(SEC);
    ck_assert_uint_eq(irq8.rises, 1);
}
END_TEST

START_TEST(test_set)
{
    setup("2026-01-01T00:00:00");
    clock_step(SEC / 4);
    wr(0xb, 0x92); /* SET clears UIE */
    ck_assert_uint_eq(rd(0xb), 0x82);
    clock_step(5 * SEC);
    ck_assert_uint_eq(rd(0), 0);
    ck_assert_uint_eq(rd(0xa) & 0x80, 0);
    SET_TIME(0x20, 0x30, 0x06, 0x15, 0x12, 0x34, 0x56, 0x01);
    clock_step(SEC / 2);
    CHECK_TIME(0x20, 0x30, 0x06, 0x15, 0x12, 0x34, 0x56, 0x01);
    dev_check_vmstate(rtc);
    wr(0xb, 0x02);
    CHECK_TIME(0x20, 0x30, 0x06, 0x15, 0x12, 0x34, 0x56, 0x01);
    clock_step(SEC / 4); /* the fraction went on */
    CHECK_TIME(0x20, 0x30, 0x06, 0x15, 0x12, 0x34, 0x57, 0x01);
    clock_step(12 * 3600 * SEC); /* the day of the week goes its own way */
    CHECK_TIME(0x20, 0x30, 0x06, 0x16, 0x00, 0x34, 0x57, 0x02);
    /* one register while it runs */
    wr(2, 0x10);
    CHECK_TIME(0x20, 0x30, 0x06, 0x16, 0x00, 0x10, 0x57, 0x02);
    /* nonsense */
    SET_TIME(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    clock_step(SEC);
    ck_assert_uint_lt(rd(0), 0x60);
    SET_TIME(0, 0, 0, 0, 0, 0, 0, 0);
    clock_step(SEC);
    ck_assert_uint_lt(rd(8), 0x13);
}
END_TEST

START_TEST(test_divider)
{
    setup("2026-01-01T00:00:00");
    wr(0xa, 0x76);
    clock_step(10 * SEC);
    ck_assert_uint_eq(rd(0), 0);
    rd(0xc);
    clock_step(10 * SEC);
    ck_assert_uint_eq(rd(0xc), 0);
    wr(0, 0x10);
    wr(0xa, 0x26);
    clock_step(SEC / 2 - 1);
    ck_assert_uint_eq(rd(0), 0x10);
    clock_step(1);
    ck_assert_uint_eq(rd(0), 0x11);
    clock_step(SEC);
    ck_assert_uint_eq(rd(0), 0x12);
}
END_TEST

START_TEST(test_alarm)
{
    static const struct {
        uint8_t hour, minute, second;
        int64_t after; /* seconds from 10:20:30 on, 0: never */
    } rows[] = {
        {0x10, 0x20, 0x31, 1},     {0x10, 0x20, 0x30, 86400}, {0xff, 0xff, 0xff, 1},
        {0xc0, 0xc0, 0x30, 60},    {0xff, 0x20, 0x00, 3570},  {0xff, 0x21, 0xff, 30},
        {0x09, 0xff, 0xff, 81570}, {0x00, 0x00, 0x00, 49170}, {0x10, 0x19, 0x59, 86369},
        {0x24, 0x00, 0x00, 0},     {0x10, 0x60, 0x00, 0},     {0x10, 0x20, 0x7f, 0},
    };

    setup("2026-01-01T00:00:00");
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t after = rows[i].after ? rows[i].after : 3 * 86400;

        wr(0xb, 0x82);
        SET_TIME(0x20, 0x26, 0x01, 0x01, 0x10, 0x20, 0x30, 5);
        wr(5, rows[i].hour);
        wr(3, rows[i].minute);
        wr(1, rows[i].second);
        rd(0xc);
        wr(0xb, 0x22);
        wakeups = 0;
        ck_assert_int_eq(irq8.level, 0);
        clock_step((after - 1) * SEC);
        ck_assert_msg(irq8.level == 0, "row %u is early", i);
        clock_step(SEC);
        ck_assert_msg(irq8.level == (rows[i].after != 0), "row %u", i);
        ck_assert_uint_eq(wakeups, rows[i].after != 0);
        ck_assert_uint_eq(rd(0xc) & 0xa0, rows[i].after ? 0xa0 : 0);
    }
    /* 12 hours */
    wr(0xb, 0x80);
    SET_TIME(0x20, 0x26, 0x01, 0x01, 0x11, 0x59, 0x59, 5);
    wr(5, 0x92);
    wr(3, 0);
    wr(1, 0);
    wr(0xb, 0x20);
    clock_step(SEC);
    ck_assert_int_eq(irq8.level, 1);
}
END_TEST

START_TEST(test_periodic)
{
    static const struct {
        uint8_t rate;
        unsigned hz;
    } rows[] = {{1, 256}, {2, 128}, {3, 8192}, {6, 1024}, {15, 2}, {0, 0}};

    setup("2026-01-01T00:00:00");
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        wr(0xb, 0x02);
        wr(0xa, 0x20 | rows[i].rate);
        rd(0xc);
        wr(0xb, 0x42);
        irq8.rises = 0;
        for (unsigned n = 0; n < 20000; n++) {
            clock_step(100000);
            if (irq8.level)
                ck_assert_uint_eq(rd(0xc) & 0xc0, 0xc0);
        }
        ck_assert_uint_ge(irq8.rises + 1, rows[i].hz * 2);
        ck_assert_uint_le(irq8.rises, rows[i].hz * 2 + 1);
    }
    /* SET does not stop it; a reset takes the enables */
    wr(0xa, 0x2f);
    wr(0xb, 0xc2);
    clock_step(SEC);
    ck_assert_int_eq(irq8.level, 1);
    device_reset(rtc, RESET_COLD);
    ck_assert_int_eq(irq8.level, 0);
    ck_assert_uint_eq(rd(0xb), 0x82);
}
END_TEST

START_TEST(test_memory)
{
    setup("2026-01-01T00:00:00");
    rtc_set_memory(rtc, 0x15, 0x80);
    rtc_set_memory(rtc, 0x95, 0x81);
    ck_assert_uint_eq(rd(0x15), 0x80);
    ck_assert_uint_eq(rd(0x95), 0x80); /* bit 7 is the NMI's */
    ck_assert(!rtc_nmi_enabled(rtc));
    outb(0x72, 0x15);
    ck_assert_uint_eq(inb(0x72), 0x15);
    ck_assert_uint_eq(inb(0x73), 0x81);
    for (unsigned i = 0xe; i < 0x80; i++) {
        if (i != 0x32)
            wr(i, (uint8_t)~i);
        outb(0x72, (uint8_t)i);
        outb(0x73, (uint8_t)i);
    }
    device_reset(rtc, RESET_COLD);
    ck_assert(rtc_nmi_enabled(rtc));
    for (unsigned i = 0xe; i < 0x80; i++) {
        ck_assert(i == 0x32 || rd(i) == (uint8_t)~i);
        ck_assert_uint_eq(rtc_get_memory(rtc, 0x80 + i), i);
    }
    ck_assert_uint_eq(inb(0x70), 0xff);
    wr(0xd, 0);
    wr(0xc, 0xff);
    ck_assert_uint_eq(rd(0xd), 0x80);
    ck_assert_uint_eq(rd(0xc), 0);
}
END_TEST

START_TEST(test_fuzz)
{
    setup("2026-01-01T00:00:00");
    for (unsigned i = 0; i < 50000; i++) {
        wr(dev_random() % 4 ? dev_random() % 16 : dev_random(), (uint8_t)dev_random());
        rd(dev_random());
        io_port_write(0x70, dev_random(), 4);
        clock_step(dev_random() % (dev_random() % 8 ? 1000000 : 4000000000));
    }
    dev_check_vmstate(rtc);
    device_free(rtc);
}
END_TEST

TEST_MAIN("mc146818rtc", test_formats, test_calendar, test_bases, test_update_cycle, test_set,
          test_divider, test_alarm, test_periodic, test_memory, test_fuzz)
