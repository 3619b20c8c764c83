/* SPDX-License-Identifier: MIT */
/*
 * The 8254 and port 61h: counts, OUT and interrupts of every mode over time.
 */
#include "tests/dev/dev.h"

#include "hw/misc/pcspk.h"
#include "hw/timer/i8254.h"

static struct isa_bus isa;
static struct device *pit, *pcspk;
static struct wire irq0;

static void setup(void)
{
    dev_setup(&isa);
    wire_init(&irq0);
    pit = dev_new("isa-pit");
    i8254_set_output(pit, &irq0.irq);
    dev_realize(pit);
    pcspk = dev_new("isa-pcspk");
    pcspk_set_pit(pcspk, pit);
    dev_realize(pcspk);
    clock_step(1);
    irq0.rises = 0;
}

static uint64_t tick_now(void)
{
    return clock_ns_to_ticks(clock_now(CLK_VIRTUAL), PIT_HZ);
}

/* To the moment `n` ticks from now. */
static void ticks(uint64_t n)
{
    clock_step(clock_ticks_to_ns(tick_now() + n, PIT_HZ) - clock_now(CLK_VIRTUAL));
}

static void program(unsigned channel, unsigned mode, bool bcd, uint16_t count)
{
    outb(0x43, (uint8_t)(channel << 6 | 0x30 | mode << 1 | bcd));
    outb((uint16_t)(0x40 + channel), (uint8_t)count);
    outb((uint16_t)(0x40 + channel), (uint8_t)(count >> 8));
}

static uint16_t read_count(unsigned channel)
{
    uint8_t low;

    outb(0x43, (uint8_t)(channel << 6));
    low = inb((uint16_t)(0x40 + channel));
    return (uint16_t)(low | inb((uint16_t)(0x40 + channel)) << 8);
}

static uint8_t read_status(unsigned channel)
{
    outb(0x43, (uint8_t)(0xe0 | 2u << channel));
    return inb((uint16_t)(0x40 + channel));
}

/* After `ticks` more: count and OUT. */
struct point {
    unsigned ticks;
    uint16_t count;
    bool out;
};

static void check_points(unsigned channel, const struct point *points, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint16_t count;

        ticks(points[i].ticks);
        count = read_count(channel);
        ck_assert_msg(count == points[i].count, "point %u: count %#x", i, count);
        ck_assert_msg(i8254_out(pit, channel) == points[i].out, "point %u: OUT", i);
    }
}
#define CHECK_POINTS(channel, ...)                                                                 \
    do {                                                                                           \
        static const struct point points_[] = {__VA_ARGS__};                                       \
        check_points(channel, points_, ARRAY_SIZE(points_));                                       \
    } while (0)

START_TEST(test_mode0)
{
    setup();
    program(0, 0, false, 10);
    ck_assert_int_eq(irq0.level, 0);
    CHECK_POINTS(0, {1, 10, false}, {9, 1, false});
    ck_assert_uint_eq(irq0.rises, 0);
    ticks(1);
    ck_assert_uint_eq(irq0.rises, 1);
    ck_assert_int_eq(irq0.level, 1);
    CHECK_POINTS(0, {0, 0, true}, {1, 0xffff, true}, {5, 0xfffa, true});
    /* a new count starts anew, the first byte stops counting */
    outb(0x40, 3);
    ck_assert_int_eq(irq0.level, 0);
    ticks(100);
    ck_assert(!i8254_out(pit, 0));
    outb(0x40, 0);
    CHECK_POINTS(0, {1, 3, false}, {3, 0, true});
    ck_assert_uint_eq(irq0.rises, 2);
}
END_TEST

START_TEST(test_mode0_gate)
{
    setup();
    outb(0x61, 1);
    program(2, 0, false, 100);
    CHECK_POINTS(2, {11, 90, false});
    outb(0x61, 0);
    CHECK_POINTS(2, {50, 90, false});
    outb(0x61, 1);
    CHECK_POINTS(2, {10, 80, false}, {80, 0, true});
    ck_assert_uint_eq(inb(0x61) & 0x2f, 0x21);
}
END_TEST

START_TEST(test_mode1)
{
    setup();
    outb(0x61, 0);
    program(2, 1, false, 5);
    ticks(20);
    ck_assert(i8254_out(pit, 2));
    outb(0x61, 1);
    CHECK_POINTS(2, {1, 5, false}, {4, 1, false}, {1, 0, true});
    outb(0x61, 0);
    ticks(3);
    outb(0x61, 1); /* triggered again, and once more on the way */
    CHECK_POINTS(2, {3, 3, false});
    outb(0x61, 0);
    outb(0x61, 1);
    CHECK_POINTS(2, {1, 5, false}, {5, 0, true});
}
END_TEST

START_TEST(test_mode2)
{
    setup();
    program(0, 2, false, 4);
    ck_assert(i8254_out(pit, 0));
    CHECK_POINTS(0, {1, 4, true}, {1, 3, true}, {1, 2, true}, {1, 1, false}, {1, 4, true},
                 {3, 1, false}, {1, 4, true});
    irq0.rises = 0;
    for (unsigned i = 0; i < 100; i++)
        ticks(1);
    ck_assert_uint_le(irq0.rises, 25);
    program(0, 2, false, 1000);
    ticks(1);
    irq0.rises = 0;
    ticks(10000);
    ck_assert_uint_eq(irq0.rises, 10);
    /* a new count waits for the end of the period */
    ticks(10);
    outb(0x40, 0xf4);
    outb(0x40, 0x01);
    ck_assert_uint_eq(read_status(0) & 0x40, 0x40);
    CHECK_POINTS(0, {0, 990, true}, {989, 1, false}, {1, 500, true}, {500, 500, true});
    ck_assert_uint_eq(read_status(0), 0xb4);
}
END_TEST

START_TEST(test_mode2_gate)
{
    setup();
    outb(0x61, 1);
    program(2, 2, false, 10);
    CHECK_POINTS(2, {10, 1, false});
    outb(0x61, 0);
    ck_assert(i8254_out(pit, 2));
    CHECK_POINTS(2, {33, 10, true});
    outb(0x61, 1);
    CHECK_POINTS(2, {1, 10, true}, {9, 1, false});
}
END_TEST

START_TEST(test_mode3)
{
    setup();
    program(0, 3, false, 8);
    CHECK_POINTS(0, {1, 8, true}, {3, 2, true}, {1, 8, false}, {3, 2, false}, {1, 8, true});
    program(0, 3, false, 5);
    CHECK_POINTS(0, {1, 4, true}, {2, 0, true}, {1, 4, false}, {1, 2, false}, {1, 4, true},
                 {500, 4, true});
    program(0, 3, false, 0);
    ticks(1);
    irq0.rises = 0;
    ck_assert_int_eq(irq0.level, 1);
    ticks(32768);
    ck_assert_int_eq(irq0.level, 0);
    ticks(32768);
    ck_assert_int_eq(irq0.level, 1);
    ck_assert_uint_eq(irq0.rises, 1);
    /* a new count waits for the end of the half period */
    outb(0x40, 100);
    outb(0x40, 0);
    CHECK_POINTS(0, {32768, 100, false}, {50, 100, true}, {50, 100, false});
    ck_assert_uint_eq(i8254_divisor(pit, 0), 100);
}
END_TEST

START_TEST(test_strobes)
{
    setup();
    program(0, 4, false, 6);
    CHECK_POINTS(0, {1, 6, true}, {5, 1, true}, {1, 0, false}, {1, 0xffff, true},
                 {9, 0xfff6, true});
    ck_assert_uint_eq(irq0.rises, 1);
    outb(0x61, 0);
    program(2, 5, false, 6);
    ticks(10);
    outb(0x61, 1);
    CHECK_POINTS(2, {1, 6, true}, {6, 0, false}, {1, 0xffff, true});
}
END_TEST

START_TEST(test_bcd)
{
    setup();
    program(0, 2, true, 0x1234);
    CHECK_POINTS(0, {1, 0x1234, true}, {235, 0x0999, true}, {998, 0x0001, false},
                 {1, 0x1234, true});
    program(0, 0, true, 0);
    CHECK_POINTS(0, {1, 0, false}, {1, 0x9999, false}, {9999, 0, true}, {1, 0x9999, true});
}
END_TEST

START_TEST(test_latches)
{
    setup();
    program(0, 0, false, 0x1234);
    ticks(1);
    outb(0x43, 0x00); /* latch */
    ticks(0x10);
    outb(0x43, 0x00); /* the first one stays */
    ck_assert_uint_eq(inb(0x40), 0x34);
    ck_assert_uint_eq(inb(0x40), 0x12);
    ck_assert_uint_eq(inb(0x40), 0x24);
    ck_assert_uint_eq(inb(0x40), 0x12);
    /* status and count, status first */
    outb(0x43, 0xc2);
    ck_assert_uint_eq(inb(0x40), 0x30);
    ck_assert_uint_eq(inb(0x40), 0x24);
    ck_assert_uint_eq(inb(0x40), 0x12);
    /* several channels at once */
    program(1, 2, false, 18);
    outb(0x43, 0xee);
    ck_assert_uint_eq(inb(0x40), 0x30);
    ck_assert_uint_eq(inb(0x41), 0xf4); /* null count */
    ck_assert_uint_eq(inb(0x42) & 0x3f, 0x36);
    /* one byte only */
    outb(0x43, 0x10);
    outb(0x40, 0x80);
    ticks(1);
    ck_assert_uint_eq(inb(0x40), 0x80);
    outb(0x43, 0x20);
    outb(0x40, 0x80);
    ticks(2);
    ck_assert_uint_eq(inb(0x40), 0x7f);
    ck_assert_uint_eq(read_status(0), 0x20);
    ck_assert_uint_eq(inb(0x43), 0);
}
END_TEST

START_TEST(test_port61)
{
    uint8_t last;
    unsigned toggles = 0;

    setup();
    outb(0x61, 0xff);
    ck_assert_uint_eq(inb(0x61) & 0x8f, 0x0f);
    outb(0x61, 0x03);
    program(2, 3, false, 1000);
    ck_assert_uint_eq(pcspk_divisor(pcspk), 1000);
    outb(0x61, 0x01);
    ck_assert_uint_eq(pcspk_divisor(pcspk), 0);
    last = inb(0x61);
    for (unsigned i = 0; i < 180; i++) {
        ticks(1);
        toggles += (inb(0x61) ^ last) >> 4 & 1;
        last = inb(0x61);
    }
    ck_assert_uint_eq(toggles, 10);
    dev_check_vmstate(pcspk);
}
END_TEST

START_TEST(test_save)
{
    setup();
    for (unsigned mode = 0; mode < 6; mode++) {
        program(0, mode, mode & 1, 0x345);
        ticks(20);
        dev_check_vmstate(pit);
    }
}
END_TEST

/* No interrupt gets lost or doubled however time is cut into steps. */
START_TEST(test_rate_exact)
{
    setup();
    program(0, 2, false, 1193);
    ticks(1);
    irq0.rises = 0;
    while (tick_now() < 1193182)
        clock_step(dev_random() % 3000000);
    ck_assert_uint_ge(irq0.rises, 1000);
    ck_assert_uint_le(irq0.rises, 1003);
}
END_TEST

START_TEST(test_fuzz)
{
    setup();
    for (unsigned i = 0; i < 100; i++) {
        dev_fuzz_ports(0x40, 4, 300);
        dev_fuzz_ports(0x61, 1, 20);
    }
    dev_check_vmstate(pit);
    device_free(pcspk);
    device_free(pit);
}
END_TEST

TEST_MAIN("i8254", test_mode0, test_mode0_gate, test_mode1, test_mode2, test_mode2_gate, test_mode3,
          test_strobes, test_bcd, test_latches, test_port61, test_save, test_rate_exact, test_fuzz)
