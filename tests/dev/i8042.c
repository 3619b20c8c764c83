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

static void press(unsigned key)
{
    input_send_key(key, true);
}

static void release(unsigned key)
{
    input_send_key(key, false);
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

START_TEST(test_password)
{
    setup();
    command1(0x60, 0x45);
    command(0xa4);
    EXPECT(false, 0xf1);
    command(0xa6); /* there is none */
    press(KEY_A);
    release(KEY_A);
    EXPECT(false, 0x1e, 0x9e);
    command1(0x73, 0x77); /* bytes for the host, keys that do not count */
    command1(0x74, 0x88);
    command1(0x76, KEY_LEFTSHIFT);
    command(0xa5);
    outb(0x60, KEY_A);
    outb(0x60, KEY_B);
    outb(0x60, 0);
    command(0xa4);
    EXPECT(false, 0xfa);
    command(0xa6);
    EXPECT(false, 0x77);
    dev_check_vmstate(dev);
    static const unsigned keys[] = {KEY_C, KEY_A, KEY_A, KEY_LEFTSHIFT, KEY_B};
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        ck_assert_uint_eq(inb(0x64) & 1, 0);
        press(keys[i]);
        if (i + 1 < ARRAY_SIZE(keys))
            release(keys[i]);
    }
    EXPECT(false, 0x88);
    press(KEY_D);
    EXPECT(false, 0x20);
    command(0xa5); /* one that is too long: cut */
    for (unsigned i = 0; i < 20; i++)
        outb(0x60, KEY_X);
    outb(0x60, 0);
    command(0xa6);
    EXPECT(false, 0x77);
    for (unsigned i = 0; i < 7; i++) {
        ck_assert_uint_eq(inb(0x64) & 1, 0);
        press(KEY_X);
        release(KEY_X);
    }
    EXPECT(false, 0x88, 0xad);
    command(0xe0); /* clock lines */
    EXPECT(false, 3);
    command(0xad);
    command(0xe0);
    EXPECT(false, 2);
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
    outb(0x60, 4); /* there is no set 4 */
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

/* The keyboard's set, without translation. */
static void scan_set(uint8_t set)
{
    command1(0x60, 0x05);
    outb(0x60, 0xf0);
    EXPECT(false, 0xfa);
    outb(0x60, set);
    EXPECT(false, 0xfa);
}

START_TEST(test_keys)
{
    setup();
    command1(0x60, 0x45); /* translated */
    press(KEY_A);
    ck_assert_int_eq(irq1.level, 1);
    release(KEY_A);
    EXPECT(false, 0x1e, 0x9e);
    ck_assert_uint_eq(irq1.rises, 2);
    press(KEY_A);
    press(KEY_A); /* the user's repeat */
    release(KEY_A);
    release(KEY_A); /* it is up */
    EXPECT(false, 0x1e, 0x1e, 0x9e);
    press(KEY_UP);
    release(KEY_UP);
    EXPECT(false, 0xe0, 0x48, 0xe0, 0xc8);
    press(KEY_F7); /* 83h in set 2 */
    release(KEY_F7);
    EXPECT(false, 0x41, 0xc1);
    press(KEY_PAUSE);
    release(KEY_PAUSE);
    EXPECT(false, 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5);
    press(0x2ff); /* not on this keyboard */
    release(0x2ff);
    press(0x12345);
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    device_free(dev);
}
END_TEST

START_TEST(test_print_and_pause)
{
    setup();
    scan_set(2);
    press(KEY_PAUSE);
    press(KEY_PAUSE); /* does not repeat */
    release(KEY_PAUSE);
    EXPECT(false, 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77);
    press(KEY_SYSRQ);
    release(KEY_SYSRQ);
    EXPECT(false, 0xe0, 0x12, 0xe0, 0x7c, 0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12);
    press(KEY_LEFTCTRL);
    press(KEY_PAUSE);
    release(KEY_PAUSE);
    press(KEY_SYSRQ);
    EXPECT(false, 0x14, 0xe0, 0x7e, 0xe0, 0xf0, 0x7e, 0xe0, 0x7c);
    release(KEY_LEFTCTRL); /* the key stays what it was */
    release(KEY_SYSRQ);
    EXPECT(false, 0xf0, 0x14, 0xe0, 0xf0, 0x7c);
    press(KEY_RIGHTALT);
    press(KEY_SYSRQ);
    release(KEY_SYSRQ);
    release(KEY_RIGHTALT);
    EXPECT(false, 0xe0, 0x11, 0x84, 0xf0, 0x84, 0xe0, 0xf0, 0x11);
    scan_set(1);
    press(KEY_SYSRQ);
    release(KEY_SYSRQ);
    EXPECT(false, 0xe0, 0x2a, 0xe0, 0x37, 0xe0, 0xb7, 0xe0, 0xaa);
    press(KEY_LEFTALT);
    press(KEY_SYSRQ);
    release(KEY_SYSRQ);
    release(KEY_LEFTALT);
    EXPECT(false, 0x38, 0x54, 0xd4, 0xb8);
    press(KEY_RIGHTCTRL);
    press(KEY_PAUSE);
    EXPECT(false, 0xe0, 0x1d, 0xe0, 0x46, 0xe0, 0xc6);
    device_free(dev);
}
END_TEST

/* The table of the keyboard, and what comes out of the wire for each of its keys. */
static const struct {
    unsigned key, set1, set2, set3;
    enum { MAKE = 0, BREAK = 1, REPEAT = 2 } mode;
} keys[] = {
#define KEY(name, one, two, three, mode) {KEY_##name, one, two, three, mode},
#include "hw/input/scancodes.def"
#undef KEY
};

static void expect_code(unsigned code, unsigned set, bool down)
{
    if (code > 0xff)
        ck_assert_uint_eq(next(false), code >> 8);
    if (set > 1 && !down)
        ck_assert_uint_eq(next(false), 0xf0);
    ck_assert_uint_eq(next(false), (code & 0xff) | (set == 1 && !down ? 0x80 : 0));
}

static bool ordinary(unsigned key)
{
    return key != KEY_PAUSE && key != KEY_SYSRQ;
}

START_TEST(test_sets)
{
    setup();
    for (unsigned set = 1; set <= 2; set++) {
        scan_set((uint8_t)set);
        for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
            unsigned code = set == 1 ? keys[i].set1 : keys[i].set2;
            if (!ordinary(keys[i].key))
                continue;
            press(keys[i].key);
            expect_code(code, set, true);
            press(keys[i].key);
            expect_code(code, set, true);
            release(keys[i].key);
            expect_code(code, set, false);
            ck_assert_uint_eq(inb(0x64) & 1, 0);
        }
    }
    device_free(dev);
}
END_TEST

/* Set 2 through the controller's translation is set 1, and no two keys are the same. */
START_TEST(test_translation)
{
    setup();
    command1(0x60, 0x45);
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        for (unsigned j = 0; j < i; j++) {
            ck_assert(keys[i].set1 != keys[j].set1 && keys[i].set2 != keys[j].set2);
            ck_assert(!keys[i].set3 || keys[i].set3 != keys[j].set3);
        }
        if (!ordinary(keys[i].key))
            continue;
        if (keys[i].key <= KEY_KPDOT)
            ck_assert_uint_eq(keys[i].key, keys[i].set1);
        press(keys[i].key);
        expect_code(keys[i].set1, 1, true);
        release(keys[i].key);
        expect_code(keys[i].set1, 1, false);
    }
    device_free(dev);
}
END_TEST

/* What press, repeat, release of every key of set 3 give in its mode. */
static void expect_mode(unsigned i, unsigned mode)
{
    press(keys[i].key);
    if (keys[i].set3)
        expect_code(keys[i].set3, 3, true);
    press(keys[i].key);
    if (keys[i].set3 && (mode & REPEAT))
        expect_code(keys[i].set3, 3, true);
    release(keys[i].key);
    if (keys[i].set3 && (mode & BREAK))
        expect_code(keys[i].set3, 3, false);
    ck_assert_uint_eq(inb(0x64) & 1, 0);
}

START_TEST(test_set3)
{
    static const uint8_t all_modes[] = {REPEAT, BREAK, MAKE, REPEAT | BREAK};

    setup();
    scan_set(3);
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
        expect_mode(i, keys[i].mode);
    for (unsigned mode = 0; mode < 4; mode++) {
        outb(0x60, (uint8_t)(0xf7 + mode));
        EXPECT(false, 0xfa);
        for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
            expect_mode(i, all_modes[mode]);
    }
    for (unsigned mode = 0; mode < 3; mode++) { /* a list of keys, ended by a command */
        outb(0x60, (uint8_t)(0xfb + mode));
        EXPECT(false, 0xfa);
        for (unsigned i = 0; i < ARRAY_SIZE(keys); i += 3) {
            if (!keys[i].set3)
                continue;
            outb(0x60, (uint8_t)keys[i].set3);
            EXPECT(false, 0xfa);
        }
        outb(0x60, 0xf4);
        EXPECT(false, 0xfa);
        for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
            expect_mode(i, i % 3 ? all_modes[3] : all_modes[mode]);
    }
    outb(0x60, 0xfd);
    EXPECT(false, 0xfa);
    outb(0x60, 0x91); /* no key */
    EXPECT(false, 0xfe);
    outb(0x60, 0xf0);
    EXPECT(false, 0xfa);
    outb(0x60, 0);
    EXPECT(false, 0xfa, 3);
    dev_check_vmstate(dev);
    outb(0x60, 0xf6); /* back to set 2, modes as after power-on */
    EXPECT(false, 0xfa);
    press(KEY_F12);
    EXPECT(false, 0x07);
    release(KEY_F12);
    EXPECT(false, 0xf0, 0x07);
    scan_set(3);
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
        expect_mode(i, keys[i].mode);
    device_free(dev);
}
END_TEST

static unsigned leds_seen;

static void leds_changed(void *opaque, unsigned leds)
{
    leds_seen = leds | 0x100;
}

START_TEST(test_leds)
{
    struct input_listener listener = {.leds = leds_changed};

    setup();
    command1(0x60, 0x05);
    input_listen(&listener);
    outb(0x60, 0xed);
    EXPECT(false, 0xfa);
    outb(0x60, 0x06);
    EXPECT(false, 0xfa);
    ck_assert_uint_eq(input_leds(), INPUT_LED_NUM | INPUT_LED_CAPS);
    ck_assert_uint_eq(leds_seen, 0x106);
    leds_seen = 0;
    outb(0x60, 0xed); /* the same: nobody is told */
    outb(0x60, 0x06);
    ck_assert_uint_eq(leds_seen, 0);
    dev_check_vmstate(dev);
    outb(0x60, 0xff);
    ck_assert_uint_eq(input_leds(), 0);
    input_unlisten(&listener);
    device_free(dev);
}
END_TEST

/* Nobody reads: presses are lost in the end, releases never are. */
START_TEST(test_queue)
{
    unsigned count = 0, down = 0;

    setup();
    command1(0x60, 0x55); /* keyboard off */
    for (unsigned i = 0; i < 10000; i++) {
        press(KEY_A + i % 9);
        press(KEY_LEFTSHIFT);
        release(KEY_A + i % 9);
    }
    release(KEY_LEFTSHIFT);
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    dev_check_vmstate(dev);
    command(0xae);
    uint32_t state[4] = {0};
    for (; inb(0x64) & 1; count++) {
        uint8_t code = next(false), bit = code & 0x7f;
        down = !(code & 0x80);
        state[bit / 32] = (state[bit / 32] & ~(1u << bit % 32)) | down << bit % 32;
    }
    ck_assert_uint_gt(count, 60);
    ck_assert_uint_lt(count, 200);
    ck_assert_uint_eq(state[0] | state[1] | state[2] | state[3], 0);
    press(KEY_A); /* and now again */
    EXPECT(false, 0x1e);
    command1(0x60, 0x55);
    release(KEY_A);
    command(0xae);
    EXPECT(false, 0x9e);
    device_free(dev);
}
END_TEST

/* Keys wait while a command does, replies do not. */
START_TEST(test_keys_and_commands)
{
    setup();
    command1(0x60, 0x05);
    press(KEY_A);
    outb(0x60, 0xed);
    press(KEY_B);
    EXPECT(false, 0x1c, 0xfa);
    outb(0x60, 0);
    EXPECT(false, 0xfa, 0x32);
    press(KEY_C);
    release(KEY_A);
    outb(0x60, 0xf5);          /* does not want to know, but has heard of A and B */
    EXPECT(false, 0x21, 0xfa); /* one that was on its way already */
    release(KEY_C);
    release(KEY_B);
    press(KEY_D);
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    outb(0x60, 0xf4);
    EXPECT(false, 0xfa, 0xf0, 0x1c, 0xf0, 0x21, 0xf0, 0x32);
    release(KEY_D);
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    for (unsigned cmd = 0; cmd < 0xed; cmd++) { /* no commands */
        outb(0x60, (uint8_t)cmd);
        EXPECT(false, 0xfe);
    }
    outb(0x60, 0xf3);
    EXPECT(false, 0xfa);
    outb(0x60, 0x80); /* a command is expected to be 0xed or more, a parameter below 0x80 */
    EXPECT(false, 0xfe);
    device_free(dev);
}
END_TEST

static void later(void)
{
    clock_step(NS_PER_SEC);
}

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
    command1(0xd4, 0xfe);
    EXPECT(true, 0x28, 5, 0xfd); /* again */
    later();
    input_send_buttons(INPUT_LEFT | INPUT_RIGHT);
    EXPECT(true, 0x0b, 0, 0);
    later();
    input_send_move(-300, 0, 0);
    EXPECT(true, 0x1b, 0x01, 0); /* in two packets, by the sample rate */
    clock_step(9 * NS_PER_MS);
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    clock_step(NS_PER_MS);
    EXPECT(true, 0x1b, 0xd3, 0);
    later();
    input_send_buttons(INPUT_RIGHT); /* no click is lost */
    input_send_buttons(INPUT_RIGHT | INPUT_MIDDLE);
    input_send_move(7, 0, 0);
    input_send_move(-1, 0, 0);
    input_send_buttons(INPUT_LEFT | INPUT_RIGHT);
    EXPECT(true, 0x0a, 0, 0);
    clock_step(10 * NS_PER_MS);
    EXPECT(true, 0x0e, 0, 0);
    clock_step(10 * NS_PER_MS);
    EXPECT(true, 0x0e, 6, 0);
    dev_check_vmstate(dev);
    clock_step(10 * NS_PER_MS);
    EXPECT(true, 0x0b, 0, 0);
    mouse(0xe9);
    EXPECT(true, 0x25, 0x02, 100);
    device_free(dev);
}
END_TEST

START_TEST(test_mouse_modes)
{
    setup();
    command1(0x60, 0x47);
    mouse(0xf4);
    input_send_buttons(INPUT_LEFT | INPUT_RIGHT);
    EXPECT(true, 0x0b, 0, 0);
    later();
    mouse(0xe8);
    mouse(3);
    mouse(0xe7);
    mouse(0xf3);
    mouse(40);
    mouse(0xe9);
    EXPECT(true, 0x35, 0x03, 40);
    for (int i = 0; i < 8; i++) { /* scaling 2:1 */
        static const uint8_t scaled[] = {0, 1, 1, 3, 6, 9, 12, 14};
        input_send_move(i, i, 0);
        if (i)
            EXPECT(true, 0x2b, scaled[i], (uint8_t)-scaled[i]);
        later();
    }
    mouse(0xf0); /* remote: only when asked, and not scaled */
    input_send_move(3, 1, 0);
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    mouse(0xeb);
    EXPECT(true, 0x2b, 3, 0xff);
    mouse(0xeb);
    EXPECT(true, 0x0b, 0, 0);
    mouse(0xe9);
    EXPECT(true, 0x75, 0x03, 40);
    mouse(0xea);
    mouse(0xee); /* wrap */
    command1(0xd4, 0x77);
    EXPECT(true, 0x77);
    command1(0xd4, 0xf3);
    EXPECT(true, 0xf3);
    mouse(0xec);
    command1(0xd4, 0x11); /* wrong, and wrong again */
    EXPECT(true, 0xfe);
    command1(0xd4, 0x11);
    EXPECT(true, 0xfc);
    mouse(0xf3);
    command1(0xd4, 99);
    EXPECT(true, 0xfe);
    mouse(0xf6);
    mouse(0xe9);
    EXPECT(true, 0x05, 0x02, 100);
    command(0xa7);
    command1(0xd4, 0xf4); /* talking to it turns it on */
    EXPECT(true, 0xfa);
    for (unsigned i = 0; i < 100000; i++)
        input_send_move(INT32_MAX, INT32_MIN, INT32_MAX);
    command1(0xd4, 0xf5);
    inb(0x60); /* was on its way */
    EXPECT(true, 0xfa);
    mouse(0xee); /* wrap: reset ends it */
    mouse(0xff);
    EXPECT(true, 0xaa, 0);
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
    later();
    input_send_buttons(INPUT_SIDE);
    EXPECT(true, 0x08, 0, 0, 0x10);
    later();
    input_send_move(0, 0, 9);
    EXPECT(true, 0x08, 0, 0, 0x17);
    later();
    EXPECT(true, 0x08, 0, 0, 0x12);
    later();
    input_send_wheel(0, 1); /* not unlocked */
    ck_assert_uint_eq(inb(0x64) & 1, 0);
    rate(200);
    rate(80);
    rate(40);
    input_send_wheel(0, 1);
    EXPECT(true, 0x08, 0, 0, 0x7f);
    later();
    input_send_wheel(-1, -2);
    EXPECT(true, 0x08, 0, 0, 0x1f);
    later();
    EXPECT(true, 0x08, 0, 0, 0x42);
    later();
    dev_check_vmstate(dev);
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

TEST_MAIN("i8042", test_controller, test_password, test_keyboard_commands, test_keys,
          test_print_and_pause, test_sets, test_translation, test_set3, test_leds, test_queue,
          test_keys_and_commands, test_mouse, test_mouse_modes, test_wheel, test_fuzz)
