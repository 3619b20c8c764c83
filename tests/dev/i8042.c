/* SPDX-License-Identifier: MIT */
/* Keyboard controller, keyboard and mouse: commands, translation, queues, packets, wheel. */
#include "hw/input/i8042.h"

#include <linux/input-event-codes.h>

#include "system/runstate.h"
#include "tests/dev/dev.h"
#include "ui/input.h"

static struct isa_bus isa;
static struct wire irq1, irq12, a20;
static struct device *dev;
static enum reset_reason reset_asked;

/* Replaced for this test: see tests/dev/build.mk. */
void __wrap_runstate_request_reset(enum reset_reason reason);
void __wrap_runstate_request_reset(enum reset_reason reason)
{
    reset_asked = reason;
}

static void setup(void)
{
    dev_setup(&isa);
    wire_init(&irq1);
    wire_init(&irq12);
    wire_init(&a20);
    isa_bus_connect_irq(&isa, 1, &irq1.irq);
    isa_bus_connect_irq(&isa, 12, &irq12.irq);
    dev = dev_new("i8042");
    i8042_set_a20(dev, &a20.irq);
    dev_realize(dev);
}

static void command(uint8_t cmd)
{
    outb(0x64, cmd);
}

static void command1(uint8_t cmd, uint8_t param)
{
    outb(0x64, cmd);
    outb(0x60, param);
}

/* The next byte, which must be there and come from the right place. */
static uint8_t next(bool aux)
{
    uint8_t st = inb(0x64);

    ck_assert_uint_eq(st & 1, 1);
    ck_assert_uint_eq(st >> 5 & 1, aux);
    return inb(0x60);
}

static void expect(bool aux, unsigned n, const uint8_t *bytes)
{
    for (unsigned i = 0; i < n; i++)
        ck_assert_uint_eq(next(aux), bytes[i]);
    ck_assert_uint_eq(inb(0x64) & 1, 0);
}

#define EXPECT(aux, ...)                                                                           \
    expect(aux, sizeof((uint8_t[]){__VA_ARGS__}), (const uint8_t[]){__VA_ARGS__})

static void mouse(uint8_t byte)
{
    command1(0xd4, byte);
    ck_assert_uint_eq(next(true), 0xfa);
}

START_TEST(test_controller)
{
    setup();
    ck_assert_uint_eq(inb(0x64) & 0x15, 0x10);
    ck_assert_int_eq(a20.level, 1);
    command(0xaa);
    EXPECT(false, 0x55);
    ck_assert_uint_eq(inb(0x64) & 4, 4);
    command(0xab);
    EXPECT(false, 0);
    command(0xa9);
    EXPECT(false, 0);
    command(0xc0);
    EXPECT(false, 0x80);
    command1(0x60, 0x65);
    command(0x20);
    EXPECT(false, 0x65);
    command(0xad);
    command(0xa7);
    command(0x20);
    EXPECT(false, 0x75);
    command(0xae);
    command(0xa8);
    command(0x20);
    EXPECT(false, 0x45);
    command1(0x7f, 0x99); /* controller RAM */
    command(0x3f);
    EXPECT(false, 0x99);
    command1(0xd2, 0x42);
    ck_assert_int_eq(irq1.level, 1);
    EXPECT(false, 0x42);
    ck_assert_int_eq(irq1.level, 0);
    command1(0x60, 0x47);
    command1(0xd3, 0x43);
    ck_assert_int_eq(irq12.level, 1);
    EXPECT(true, 0x43);
    command(0xd0);
    ck_assert_uint_eq(next(false) & 0x13, 0x03);
    command1(0xd1, 0xdd); /* A20 off */
    ck_assert_int_eq(a20.level, 0);
    command(0xdf);
    ck_assert_int_eq(a20.level, 1);
    command(0xdd);
    ck_assert_int_eq(a20.level, 0);
    command(0xff);
    ck_assert_uint_eq(reset_asked, RESET_REASON_NONE);
    command(0xfe);
    ck_assert_uint_eq(reset_asked, RESET_REASON_GUEST_WARM);
    reset_asked = RESET_REASON_NONE;
    command1(0xd1, 0x02);
    ck_assert_uint_eq(reset_asked, RESET_REASON_GUEST_WARM);
    device_free(dev);
}
END_TEST

START_TEST(test_keyboard_commands)
{
    setup();
    command1(0x60, 0x05); /* no translation */
    outb(0x60, 0xff);
    EXPECT(false, 0xfa, 0xaa);
    outb(0x60, 0xee);
    EXPECT(false, 0xee);
    outb(0x60, 0xf2);
    EXPECT(false, 0xfa, 0xab, 0x83);
    outb(0x60, 0xed);
    EXPECT(false, 0xfa);
    outb(0x60, 7);
    EXPECT(false, 0xfa);
    outb(0x60, 0xf3);
    EXPECT(false, 0xfa);
    outb(0x60, 0x20);
    EXPECT(false, 0xfa);
    outb(0x60, 0xf0);
    EXPECT(false, 0xfa);
    outb(0x60, 0);
    EXPECT(false, 0xfa, 2);
    outb(0x60, 0xfe);
    EXPECT(false, 2);
    outb(0x60, 0xf0);
    EXPECT(false, 0xfa);
    outb(0x60, 3); /* set 3 is not there */
    EXPECT(false, 0xfe);
    outb(0x60, 0x10);
    EXPECT(false, 0xfe);
    outb(0x60, 0xed);
    EXPECT(false, 0xfa);
    outb(0x60, 0xf5); /* a command instead of the parameter */
    EXPECT(false, 0xfa);
    input_send_key(KEY_A, true); /* not scanning */
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    outb(0x60, 0xf6); /* still not */
    EXPECT(false, 0xfa);
    input_send_key(KEY_A, true);
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    outb(0x60, 0xf4);
    EXPECT(false, 0xfa);
    input_send_key(KEY_A, true);
    EXPECT(false, 0x1c);
    device_free(dev);
}
END_TEST

START_TEST(test_keys)
{
    setup();
    command1(0x60, 0x45); /* translated */
    input_send_key(KEY_A, true);
    ck_assert_int_eq(irq1.level, 1);
    input_send_key(KEY_A, false);
    EXPECT(false, 0x1e, 0x9e);
    ck_assert_uint_eq(irq1.rises, 2);
    input_send_key(KEY_UP, true);
    input_send_key(KEY_UP, false);
    EXPECT(false, 0xe0, 0x48, 0xe0, 0xc8);
    input_send_key(KEY_F7, true); /* 83h in set 2 */
    EXPECT(false, 0x41);
    input_send_key(KEY_PAUSE, true);
    EXPECT(false, 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5);
    command1(0x60, 0x05);
    input_send_key(KEY_A, false);
    EXPECT(false, 0xf0, 0x1c);
    input_send_key(KEY_RIGHTCTRL, false);
    EXPECT(false, 0xe0, 0xf0, 0x14);
    input_send_key(KEY_PAUSE, true);
    EXPECT(false, 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77);
    outb(0x60, 0xf0);
    EXPECT(false, 0xfa);
    outb(0x60, 1); /* set 1 */
    EXPECT(false, 0xfa);
    input_send_key(KEY_A, false);
    EXPECT(false, 0x9e);
    input_send_key(0x2ff, true); /* not on this keyboard */
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    device_free(dev);
}
END_TEST

/* Every key of the board, by way of set 2 and the controller: what it is in set 1. */
START_TEST(test_translation)
{
    setup();
    for (unsigned key = KEY_ESC; key <= KEY_KPDOT; key++) {
        command1(0x60, 0x45);
        input_send_key(key, true);
        EXPECT(false, (uint8_t)key);
        input_send_key(key, false);
        EXPECT(false, (uint8_t)(key | 0x80));
    }
    device_free(dev);
}
END_TEST

START_TEST(test_queue)
{
    setup();
    command1(0x60, 0x55); /* keyboard off */
    for (unsigned i = 0; i < 100; i++) {
        input_send_key(KEY_A, true);
        input_send_key(KEY_A, false);
    }
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    dev_check_vmstate(dev);
    command(0xae);
    for (unsigned i = 0; i < 9; i++) {
        ck_assert_uint_eq(next(false), 0x1e);
        ck_assert_uint_eq(next(false), 0x9e);
    }
    outb(0x60, 0xff); /* drops the rest */
    inb(0x60);
    EXPECT(false, 0xfa, 0xaa);
    device_free(dev);
}
END_TEST

START_TEST(test_mouse)
{
    setup();
    command1(0x60, 0x47);
    mouse(0xff);
    EXPECT(true, 0xaa, 0x00);
    mouse(0xf2);
    EXPECT(true, 0x00);
    mouse(0xe9);
    EXPECT(true, 0x00, 0x02, 100);
    input_send_move(5, 5, 0); /* not enabled */
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    mouse(0xf4);
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    input_send_move(5, 3, 0);
    ck_assert_int_eq(irq12.level, 1);
    EXPECT(true, 0x28, 5, 0xfd); /* up is positive */
    input_send_buttons(INPUT_LEFT | INPUT_RIGHT);
    EXPECT(true, 0x0b, 0, 0);
    input_send_move(-300, 0, 0);
    EXPECT(true, 0x1b, 0x01, 0, 0x1b, 0xd3, 0); /* in two packets */
    mouse(0xe9);
    EXPECT(true, 0x25, 0x02, 100);
    mouse(0xe8);
    mouse(3);
    mouse(0xe7);
    mouse(0xf3);
    mouse(40);
    mouse(0xe9);
    EXPECT(true, 0x35, 0x03, 40);
    mouse(0xf0); /* remote: only when asked */
    input_send_move(1, 1, 0);
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    mouse(0xeb);
    EXPECT(true, 0x2b, 1, 0xff);
    mouse(0xea);
    mouse(0xee); /* wrap */
    command1(0xd4, 0x77);
    EXPECT(true, 0x77);
    mouse(0xec);
    command1(0xd4, 0x11);
    EXPECT(true, 0xfe);
    mouse(0xf6);
    mouse(0xe9);
    EXPECT(true, 0x05, 0x02, 100);
    command(0xa7);
    command1(0xd4, 0xf4); /* talking to it turns it on */
    EXPECT(true, 0xfa);
    for (unsigned i = 0; i < 100000; i++)
        input_send_move(INT32_MAX, INT32_MIN, INT32_MAX);
    device_free(dev);
}
END_TEST

static void rate(uint8_t hz)
{
    mouse(0xf3);
    mouse(hz);
}

START_TEST(test_wheel)
{
    setup();
    command1(0x60, 0x47);
    rate(200);
    rate(100);
    rate(80);
    mouse(0xf2);
    EXPECT(true, 3);
    mouse(0xf4);
    input_send_move(0, 0, -1);
    EXPECT(true, 0x08, 0, 0, 0xff);
    rate(200);
    rate(200);
    rate(80);
    mouse(0xf2);
    EXPECT(true, 4);
    input_send_buttons(INPUT_SIDE);
    EXPECT(true, 0x08, 0, 0, 0x10);
    input_send_move(0, 0, 9);
    EXPECT(true, 0x08, 0, 0, 0x17, 0x08, 0, 0, 0x12);
    mouse(0xff);
    EXPECT(true, 0xaa, 0);
    rate(200);
    rate(100);
    mouse(0xf6); /* breaks the knock */
    rate(80);
    mouse(0xf2);
    EXPECT(true, 0);
    device_free(dev);
}
END_TEST

START_TEST(test_fuzz)
{
    setup();
    for (unsigned i = 0; i < 5000; i++) {
        dev_fuzz_ports(0x60, 1, 3);
        dev_fuzz_ports(0x64, 1, 2);
        input_send_key(dev_random() % 0x300, dev_random() & 1);
        input_send_move((int)dev_random() % 1000, (int)dev_random(), (int)dev_random() % 3);
        input_send_buttons(dev_random());
        if (i % 500 == 0)
            dev_check_vmstate(dev);
    }
    device_free(dev);
}
END_TEST

TEST_MAIN("i8042", test_controller, test_keyboard_commands, test_keys, test_translation, test_queue,
          test_mouse, test_wheel, test_fuzz)
