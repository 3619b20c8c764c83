/* SPDX-License-Identifier: MIT */
/*
 * The HPET: counter, one-shot and periodic comparators, widths, routing, legacy
 * replacement.
 */
#include "tests/dev/dev.h"

#include "hw/timer/hpet.h"

#include <pthread.h>

#define BASE   0xfed00000u
#define CONFIG 0x010
#define STATUS 0x020
#define COUNT  0x0f0
#define TC(n)  (0x100 + 0x20 * (n))
#define TV(n)  (0x108 + 0x20 * (n))

#define ROUTE(n)  ((n) << 9)
#define LEVEL     0x002
#define ENABLE    0x004
#define PERIODIC  0x008
#define SET_VALUE 0x040
#define ONLY32    0x100

static struct isa_bus isa;
static struct device *hpet;
static struct wire wires[HPET_OUTPUTS];

static void setup(void)
{
    dev_setup(&isa);
    hpet = dev_new("hpet");
    for (unsigned i = 0; i < HPET_OUTPUTS; i++) {
        wire_init(&wires[i]);
        hpet_set_output(hpet, i, &wires[i].irq);
    }
    dev_realize(hpet);
    clock_step(12345);
}

static uint64_t rd(unsigned reg)
{
    return addr_space_ldq_le(&as_memory, BASE + reg);
}

static void wr(unsigned reg, uint64_t val)
{
    addr_space_stq_le(&as_memory, BASE + reg, val);
}

static void wr32(unsigned reg, uint32_t val)
{
    addr_space_stl_le(&as_memory, BASE + reg, val);
}

static void ticks(uint64_t n)
{
    clock_step((int64_t)n * 10);
}

START_TEST(test_registers)
{
    setup();
    ck_assert_uint_eq(rd(0), 0x009896808086a201);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, BASE + 4), 10000000);
    wr(CONFIG, ~0ull);
    ck_assert_uint_eq(rd(CONFIG), 3);
    wr(CONFIG, 0);
    for (unsigned i = 0; i < 3; i++) {
        wr(TC(i), ~0ull);
        ck_assert_uint_eq(rd(TC(i)), 0x00ff010000003f3e);
        wr(TV(i), 0x123456789abcdef0);
        ck_assert_uint_eq(rd(TV(i)), 0x9abcdef0); /* 32 bits */
    }
    ck_assert_uint_eq(rd(0x110), 0);
    ck_assert_uint_eq(rd(0x160), 0);
    dev_check_vmstate(hpet);
}
END_TEST

START_TEST(test_counter)
{
    setup();
    ticks(100);
    ck_assert_uint_eq(rd(COUNT), 0);
    wr(COUNT, 0xfffffff0);
    wr(CONFIG, 1);
    ticks(0x20);
    ck_assert_uint_eq(rd(COUNT), 0x100000010);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, BASE + COUNT), 0x10);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, BASE + COUNT + 4), 1);
    wr(CONFIG, 0);
    ticks(100);
    ck_assert_uint_eq(rd(COUNT), 0x100000010);
    wr32(COUNT + 4, 7);
    ck_assert_uint_eq(rd(COUNT), 0x700000010);
    dev_check_vmstate(hpet);
    wr(CONFIG, 1);
    ticks(5);
    dev_check_vmstate(hpet);
    ck_assert_uint_eq(rd(COUNT), 0x700000015);
}
END_TEST

START_TEST(test_one_shot)
{
    setup();
    wr(CONFIG, 1);
    wr(TC(0), ROUTE(16) | ENABLE);
    wr(TV(0), rd(COUNT) + 1000);
    ticks(999);
    ck_assert_uint_eq(wires[16].rises, 0);
    ticks(1);
    ck_assert_uint_eq(wires[16].rises, 1);
    ck_assert_uint_eq(rd(STATUS), 0);
    ticks(100000);
    ck_assert_uint_eq(wires[16].rises, 1);
    /* again; the line that stayed up gives another edge */
    wr(TV(0), rd(COUNT) + 10);
    ticks(10);
    ck_assert_uint_eq(wires[16].rises, 2);
    /* in the past: never, unless the counter is 32 bits wide and wraps */
    wr(TV(0), rd(COUNT) - 10);
    ticks(0x200000000);
    ck_assert_uint_eq(wires[16].rises, 2);
    wr(TC(0), ROUTE(16) | ENABLE | ONLY32);
    wr(TV(0), rd(COUNT) - 10);
    ticks(0xfffffff5);
    ck_assert_uint_eq(wires[16].rises, 2);
    ticks(1);
    ck_assert_uint_eq(wires[16].rises, 3);
    ticks(0xffffffff);
    ck_assert_uint_eq(wires[16].rises, 3);
    ticks(1);
    ck_assert_uint_eq(wires[16].rises, 4);
    /* not while halted or disabled */
    wr(TC(0), ROUTE(16) | ENABLE);
    wr(TV(0), rd(COUNT) + 10);
    wr(CONFIG, 0);
    ck_assert_int_eq(wires[16].level, 0);
    ticks(1000);
    wr(CONFIG, 1);
    ticks(9);
    ck_assert_uint_eq(wires[16].rises, 4);
    dev_check_vmstate(hpet);
    ticks(1);
    ck_assert_uint_eq(wires[16].rises, 5);
    wr(TV(0), rd(COUNT) + 10);
    wr(TC(0), ROUTE(16));
    ticks(1000);
    ck_assert_uint_eq(wires[16].rises, 5);
}
END_TEST

START_TEST(test_periodic)
{
    setup();
    wr(CONFIG, 1);
    ticks(77);
    wr(TC(1), ROUTE(17) | ENABLE | PERIODIC | SET_VALUE | ONLY32);
    wr32(TV(1), 2077);
    wr32(TV(1), 10000);
    ck_assert_uint_eq(rd(TV(1)), 2077);
    ticks(1999);
    ck_assert_uint_eq(wires[17].rises, 0);
    ticks(1);
    ck_assert_uint_eq(wires[17].rises, 1);
    ck_assert_uint_eq(rd(TV(1)), 12077);
    ticks(1000000);
    ck_assert_uint_eq(wires[17].rises, 101);
    dev_check_vmstate(hpet);
    wires[17].rises = 0;
    /* a new period begins behind the comparator */
    wr32(TV(1), 20000);
    ticks(100000);
    ck_assert_uint_eq(wires[17].rises, 5);
    /* switched off and on: the comparator has moved on */
    wr(TC(1), ROUTE(17) | PERIODIC | ONLY32);
    ticks(1000000);
    wr(TC(1), ROUTE(17) | ENABLE | PERIODIC | ONLY32);
    wires[17].rises = 0;
    ticks(20000);
    ck_assert_uint_eq(wires[17].rises, 1);
    /* faster than allowed */
    wr(TC(1), ROUTE(17) | ENABLE | PERIODIC | SET_VALUE);
    wr(TV(1), rd(COUNT) + 1);
    wr(TV(1), 1);
    wires[17].rises = 0;
    ticks(100000);
    ck_assert_uint_le(wires[17].rises, 101);
    ck_assert_uint_ge(wires[17].rises, 90);
    wr(TV(1), 0);
    ticks(1000);
}
END_TEST

START_TEST(test_level)
{
    setup();
    wr(CONFIG, 1);
    wr(TC(2), ROUTE(20) | ENABLE | LEVEL);
    wr(TV(2), rd(COUNT) + 50);
    ticks(50);
    ck_assert_int_eq(wires[20].level, 1);
    ck_assert_uint_eq(rd(STATUS), 4);
    wr(STATUS, 3);
    ck_assert_int_eq(wires[20].level, 1);
    dev_check_vmstate(hpet);
    wr(STATUS, 4);
    ck_assert_int_eq(wires[20].level, 0);
    ck_assert_uint_eq(rd(STATUS), 0);
    /* a route that is not offered */
    wr(TC(2), ROUTE(3) | ENABLE | LEVEL);
    wr(TV(2), rd(COUNT) + 50);
    ticks(50);
    ck_assert_int_eq(wires[3].level, 0);
    wr(TC(2), ROUTE(31) | ENABLE | LEVEL);
    wr(TV(2), rd(COUNT) + 50);
    ticks(50);
    dev_check_vmstate(hpet);
}
END_TEST

START_TEST(test_legacy)
{
    struct irq *pit_in, *rtc_in;

    setup();
    pit_in = hpet_legacy_input(hpet, HPET_LEGACY_PIT);
    rtc_in = hpet_legacy_input(hpet, HPET_LEGACY_RTC);
    irq_raise(pit_in);
    irq_raise(rtc_in);
    ck_assert_int_eq(wires[0].level, 1);
    ck_assert_int_eq(wires[8].level, 1);
    wr(CONFIG, 3);
    ck_assert_int_eq(wires[0].level, 0);
    ck_assert_int_eq(wires[8].level, 0);
    irq_pulse(pit_in);
    ck_assert_uint_eq(wires[0].rises, 1);
    wr(TC(0), ROUTE(20) | ENABLE);
    wr(TC(1), ROUTE(20) | ENABLE);
    wr(TV(0), rd(COUNT) + 10);
    wr(TV(1), rd(COUNT) + 20);
    ticks(10);
    ck_assert_uint_eq(wires[0].rises, 2);
    ck_assert_uint_eq(wires[8].rises, 1);
    ticks(10);
    ck_assert_uint_eq(wires[8].rises, 2);
    ck_assert_uint_eq(wires[20].rises, 0);
    wr(CONFIG, 1);
    ck_assert_int_eq(wires[0].level, 0);
    ck_assert_int_eq(wires[8].level, 1); /* the RTC still asserts */
    dev_check_vmstate(hpet);
}
END_TEST

/* The counter read by a thread without the lock while it is stopped and set. */
static void *reader(void *arg)
{
    bool *stop = arg;
    uint64_t n = 0;

    while (!__atomic_load_n(stop, __ATOMIC_RELAXED))
        n += rd(COUNT) >> 62;
    return (void *)(uintptr_t)n;
}

START_TEST(test_threads)
{
    static bool stop;
    pthread_t thread;
    void *odd;

    setup();
    device_unlock();
    pthread_create(&thread, NULL, reader, &stop);
    for (unsigned i = 0; i < 5000; i++) {
        wr(CONFIG, 0);
        wr(COUNT, i);
        wr(CONFIG, 1);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, &odd);
    ck_assert_ptr_null(odd);
    device_lock();
}
END_TEST

static void *backward_reader(void *arg)
{
    bool *stop = arg;
    uint64_t last = 0, n = 0;

    while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
        uint64_t now = rd(COUNT);
        n += now < last;
        last = now;
    }
    return (void *)(uintptr_t)n;
}

/* Stopped and started again while it is read, it never shows less than before. */
START_TEST(test_no_step_back)
{
    static bool stop;
    pthread_t thread;
    void *steps_back;

    setup();
    device_unlock();
    pthread_create(&thread, NULL, backward_reader, &stop);
    for (unsigned i = 0; i < 100000; i++) {
        wr(CONFIG, 1);
        device_lock();
        clock_step(100);
        device_unlock();
        wr(CONFIG, 0);
        device_lock();
        clock_step(100);
        device_unlock();
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, &steps_back);
    ck_assert_ptr_null(steps_back);
    device_lock();
}
END_TEST

START_TEST(test_fuzz)
{
    setup();
    for (unsigned i = 0; i < 50000; i++) {
        unsigned reg = dev_random() % 0x180;

        switch (dev_random() % 6) {
        case 0:
            wr(reg, (uint64_t)dev_random() << 32 | dev_random());
            break;
        case 1:
            wr32(reg & ~3u, dev_random() & dev_random());
            break;
        case 2:
            wr(TV(dev_random() % 3), rd(COUNT) + dev_random() % 10000);
            break;
        case 3:
            addr_space_stb(&as_memory, BASE + reg, 0xff);
            addr_space_lduw_le(&as_memory, BASE + reg);
            break;
        case 4:
            rd(reg);
            break;
        default:
            clock_step(dev_random() % 1000000);
            break;
        }
        irq_set(hpet_legacy_input(hpet, dev_random() & 1), dev_random() & 1);
    }
    dev_check_vmstate(hpet);
    device_free(hpet);
}
END_TEST

TEST_MAIN("hpet", test_registers, test_counter, test_one_shot, test_periodic, test_level,
          test_legacy, test_threads, test_no_step_back, test_fuzz)
