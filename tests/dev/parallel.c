/* SPDX-License-Identifier: MIT */
/* isa-parallel: handshake, interrupts, a slow host, several ports. */
#include "tests/dev/fakechr.h"

#define BASE 0x378

static struct isa_bus isa;
static struct wire irq7;
static struct fake_chr *chr;
static struct device *dev;

static void setup(bool connected)
{
    dev_setup(&isa);
    wire_init(&irq7);
    isa_bus_connect_irq(&isa, 7, &irq7.irq);
    dev = dev_new("isa-parallel");
    if (connected) {
        chr = fake_chr_new("p");
        device_set_ptr(dev, "chardev", &chr->chr);
    }
    dev_realize(dev);
}

static void strobe(uint8_t byte, uint8_t control)
{
    outb(BASE, byte);
    outb(BASE + 2, control | 1);
    outb(BASE + 2, control);
}

START_TEST(test_print)
{
    setup(true);
    ck_assert_uint_eq(inb(BASE + 1), 0xdf);
    ck_assert_uint_eq(inb(BASE + 2), 0xcc);
    strobe('H', 0x0c);
    ck_assert_uint_eq(inb(BASE + 1) & 0xc0, 0x40); /* busy */
    strobe('x', 0x0c);                             /* unheard */
    clock_step(1000);
    ck_assert_uint_eq(inb(BASE + 1) & 0xc0, 0x00); /* acknowledge */
    clock_step(5000);
    ck_assert_uint_eq(inb(BASE + 1) & 0xc0, 0xc0);
    strobe('i', 0x0c);
    clock_step(10000);
    strobe('-', 0x08); /* printer held in reset */
    strobe('-', 0x04); /* not selected */
    clock_step(10000);
    outb(BASE + 2, 0x0d);
    outb(BASE + 2, 0x0d); /* no edge: with data i of before '-' */
    ck_assert_str_eq(chr->out->str, "Hi-");
    ck_assert_uint_eq(irq7.rises, 0);
    device_free(dev);
}
END_TEST

START_TEST(test_interrupt)
{
    setup(true);
    strobe('a', 0x1c);
    ck_assert_int_eq(irq7.level, 0);
    clock_step(6000);
    ck_assert_int_eq(irq7.level, 1);
    ck_assert_uint_eq(inb(BASE + 1), 0xdb);
    ck_assert_int_eq(irq7.level, 0);
    ck_assert_uint_eq(inb(BASE + 1), 0xdf);
    strobe('b', 0x1c);
    clock_step(6000);
    ck_assert_int_eq(irq7.level, 1);
    outb(BASE + 2, 0x0c);
    ck_assert_int_eq(irq7.level, 0);
    strobe('c', 0x1c);
    dev_check_vmstate(dev);
    outb(BASE + 2, 0x18); /* reset the printer: no acknowledge */
    clock_step(10000);
    ck_assert_int_eq(irq7.level, 0);
    device_free(dev);
}
END_TEST

START_TEST(test_slow_host)
{
    setup(true);
    fake_chr_stop(chr);
    strobe('a', 0x0c);
    clock_step(1000000);
    ck_assert_uint_eq(inb(BASE + 1) & 0xc0, 0x40); /* busy as long as it takes */
    fake_chr_go(chr);
    clock_step(10000);
    ck_assert_uint_eq(inb(BASE + 1) & 0xc0, 0xc0);
    ck_assert_int_eq(chr->out->str[chr->out->len - 1], 'a');
    device_free(dev);
}
END_TEST

START_TEST(test_unconnected)
{
    setup(false);
    ck_assert_uint_eq(inb(BASE + 1), 0x7f);
    outb(BASE, 0xa5);
    ck_assert_uint_eq(inb(BASE), 0xa5);
    outb(BASE + 2, 0x2c);
    ck_assert_uint_eq(inb(BASE), 0xff); /* reverse: nobody drives the lines */
    ck_assert_uint_eq(inb(BASE + 2), 0xec);
    ck_assert_uint_eq(inb(BASE + 3), 0xff);
    device_free(dev);
}
END_TEST

START_TEST(test_indexes)
{
    struct error *err = NULL;
    struct device *d[4];

    setup(false);
    for (unsigned i = 1; i < 3; i++) {
        d[i] = dev_make("isa-parallel");
    }
    outb(0x278, 0x11);
    ck_assert_uint_eq(inb(0x278), 0x11);
    outb(0x3bc, 0x12);
    ck_assert_uint_eq(inb(0x3bc), 0x12);
    d[3] = dev_new("isa-parallel");
    ck_assert_int_lt(device_realize(d[3], NULL, &err), 0);
    ck_assert_str_eq(error_msg(err), "there are 3 parallel ports at most");
    error_free(err);
    err = NULL;
    device_set_u64(d[3], "index", 1);
    ck_assert_int_lt(device_realize(d[3], NULL, &err), 0);
    ck_assert_str_eq(error_msg(err), "two parallel ports have index 1");
    error_free(err);
    device_free(d[1]);
    ck_assert_int_eq(device_realize(d[3], NULL, NULL), 0);
    device_free(d[3]);
    device_free(d[2]);
    device_free(dev);
}
END_TEST

START_TEST(test_fuzz)
{
    setup(true);
    for (unsigned i = 0; i < 100; i++) {
        i % 2 ? fake_chr_go(chr) : fake_chr_stop(chr);
        dev_fuzz_ports(BASE - 1, 6, 200);
    }
    dev_check_vmstate(dev);
    device_free(dev);
}
END_TEST

TEST_MAIN("parallel", test_print, test_interrupt, test_slow_host, test_unconnected, test_indexes,
          test_fuzz)
