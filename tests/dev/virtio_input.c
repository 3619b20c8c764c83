/* SPDX-License-Identifier: MIT */
/*
 * Virtio keyboard, mouse and tablet: what the configuration space says, packets of events and how
 * they wait for buffers, LEDs, who is in use, saved state, hostile drivers.
 */
#include "tests/dev/virtdrv.h"

#include "ui/input.h"

#include <linux/input-event-codes.h>

#define V1 VIRTIO_F_VERSION_1

static struct vring events, status;
static unsigned given, seen;

/* --- the driver ----------------------------------------------------------------------------------- */

static void start(uint64_t features)
{
    ck_assert(vdrv_settle(V1 | features));
    vring_init(&events, 0, 64, features);
    vring_init(&status, 1, 64, features);
    vdrv_go();
    given = seen = 0;
}

static void give_buffers(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct vbuf b = {VDRV_DATA + 8 * (given++ % 64), 8, true};
        vring_add(&events, &b, 1);
    }
    vdrv_kick(0);
}

static void expect(uint16_t type, uint16_t code, int32_t value)
{
    gpa_t at = VDRV_DATA + 8 * (seen++ % 64);
    uint32_t len;

    ck_assert_msg(vring_used(&events, 1, &len), "no event, type %u code %u expected", type, code);
    ck_assert_uint_eq(len, 8);
    ck_assert_uint_eq(mem_get(at, 2), type);
    ck_assert_uint_eq(mem_get(at + 2, 2), code);
    ck_assert_int_eq((int32_t)mem_get(at + 4, 4), value);
}

static void expect_end(void)
{
    expect(EV_SYN, SYN_REPORT, 0);
}

static void expect_nothing(void)
{
    uint32_t len;

    ck_assert(!vring_used(&events, 1, &len));
}

/* What the configuration space says: bytes of it. */
static unsigned select_config(uint8_t sel, uint8_t sub)
{
    mem_put(vdrv_cap[CAP_DEVICE], sel, 1);
    mem_put(vdrv_cap[CAP_DEVICE] + 1, sub, 1);
    return (unsigned)mem_get(vdrv_cap[CAP_DEVICE] + 2, 1);
}

static bool has_bit(unsigned bit)
{
    return mem_get(vdrv_cap[CAP_DEVICE] + 8 + bit / 8, 1) >> bit % 8 & 1;
}

/* --- configuration space -------------------------------------------------------------------------- */

START_TEST(test_config)
{
    vdrv_setup();
    struct device *dev = vdrv_make("virtio-tablet-pci,serial=S1");
    char name[16] = "";

    ck_assert_uint_eq(config_read(VDRV_SLOT, 0, 4), 0x10521af4);
    ck_assert_uint_eq(select_config(0, 0), 0);
    ck_assert_uint_eq(select_config(1, 0), strlen("Virtio Tablet"));
    addr_space_read(&as_memory, vdrv_cap[CAP_DEVICE] + 8, name, strlen("Virtio Tablet"));
    ck_assert_str_eq(name, "Virtio Tablet");
    ck_assert_uint_eq(select_config(2, 0), 2);
    ck_assert_uint_eq(mem_get(vdrv_cap[CAP_DEVICE] + 8, 2), 'S' | '1' << 8);
    ck_assert_uint_eq(select_config(3, 0), 8);
    ck_assert_uint_eq(mem_get(vdrv_cap[CAP_DEVICE] + 12, 2), 3);
    ck_assert_uint_eq(select_config(0x10, 0), 0);
    ck_assert_uint_eq(select_config(0x11, EV_KEY), BTN_EXTRA / 8 + 1);
    ck_assert(has_bit(BTN_LEFT) && has_bit(BTN_EXTRA) && !has_bit(BTN_LEFT - 1));
    ck_assert_uint_eq(select_config(0x11, EV_REL), 2);
    ck_assert(has_bit(REL_WHEEL) && has_bit(REL_HWHEEL) && !has_bit(REL_X));
    ck_assert_uint_eq(select_config(0x11, EV_ABS), 1);
    ck_assert_uint_eq(select_config(0x11, EV_LED), 0);
    ck_assert_uint_eq(select_config(0x12, ABS_Y), 20);
    ck_assert_uint_eq(mem_get(vdrv_cap[CAP_DEVICE] + 8, 4), 0);
    ck_assert_uint_eq(mem_get(vdrv_cap[CAP_DEVICE] + 12, 4), 32767);
    ck_assert_uint_eq(select_config(0x12, 2), 0);
    ck_assert_uint_eq(select_config(0xff, 0xff), 0);
    device_free(dev);

    dev = vdrv_make("virtio-keyboard-pci");
    ck_assert_uint_eq(select_config(2, 0), 0);
    ck_assert_uint_eq(select_config(0x11, EV_REP), 1);
    ck_assert_uint_eq(select_config(0x11, EV_LED), 1);
    ck_assert(has_bit(LED_NUML) && has_bit(LED_SCROLLL));
    ck_assert_uint_eq(select_config(0x12, ABS_X), 0);
    device_free(dev);
}
END_TEST

/* --- events --------------------------------------------------------------------------------------- */

static void key_test(uint64_t features)
{
    vdrv_setup();
    struct device *dev = vdrv_make("virtio-keyboard-pci,packed=on");

    /* Before there is a driver it is not in use. */
    input_send_key(KEY_A, true);
    input_send_key(KEY_A, false);
    start(features);
    give_buffers(8);
    expect_nothing();
    input_send_key(KEY_A, true);
    input_send_key(KEY_A, true); /* the driver repeats itself */
    input_send_key(KEY_A, false);
    expect(EV_KEY, KEY_A, 1);
    expect_end();
    expect(EV_KEY, KEY_A, 0);
    expect_end();
    input_send_key(0x2ff, true); /* no key of this keyboard */
    input_send_key(0x2ff, false);
    expect_nothing();

    /* Events wait for buffers, in the middle of a packet too. */
    give_buffers(3); /* seven now */
    for (unsigned i = 0; i < 3; i++) {
        input_send_key(KEY_B + i, true);
        input_send_key(KEY_B + i, false);
    }
    for (unsigned i = 0; i < 3; i++) {
        expect(EV_KEY, KEY_B + i / 2, i % 2 == 0);
        expect_end();
    }
    expect(EV_KEY, KEY_N, 0);
    expect_nothing();
    dev_check_vmstate(dev);
    vdrv_map(VDRV_SLOT);
    vdrv_loop();
    give_buffers(5);
    expect_end();
    expect(EV_KEY, KEY_M, 1);
    expect_end();
    expect(EV_KEY, KEY_M, 0);
    expect_end();

    /* A thousand keys nobody reads, one of which is held: it is up in the end. */
    input_send_key(KEY_LEFTSHIFT, true);
    for (unsigned i = 0; i < 1000; i++)
        input_send_key(KEY_1 + i / 2 % 9, i % 2 == 0);
    input_send_key(KEY_LEFTSHIFT, false);
    bool shift = false;
    uint32_t len;
    for (unsigned i = 0; i < 300; i++) {
        give_buffers(1);
        if (!vring_used(&events, 1, &len))
            break;
        gpa_t at = VDRV_DATA + 8 * (seen++ % 64);
        if (mem_get(at + 2, 2) == KEY_LEFTSHIFT && mem_get(at, 2) == EV_KEY)
            shift = mem_get(at + 4, 4);
    }
    ck_assert(!shift);
    device_free(dev);
}

START_TEST(test_keys)
{
    key_test(0);
}
END_TEST

START_TEST(test_keys_packed)
{
    key_test(VIRTIO_F_RING_PACKED);
}
END_TEST

START_TEST(test_mouse)
{
    vdrv_setup();
    struct device *dev = vdrv_make("virtio-mouse-pci");

    start(0);
    ck_assert(!input_is_absolute());
    give_buffers(32);
    input_send_move(5, -7, 0);
    expect(EV_REL, REL_X, 5);
    expect(EV_REL, REL_Y, -7);
    expect_end();
    input_send_wheel(1, 0);
    expect(EV_REL, REL_WHEEL, -1);
    expect_end();
    input_send_buttons(INPUT_LEFT | INPUT_EXTRA);
    expect(EV_KEY, BTN_LEFT, 1);
    expect(EV_KEY, BTN_EXTRA, 1);
    expect_end();
    input_send_buttons(0);
    expect(EV_KEY, BTN_LEFT, 0);
    expect(EV_KEY, BTN_EXTRA, 0);
    expect_end();
    expect_nothing();
    dev_check_vmstate(dev);
    device_free(dev);
}
END_TEST

START_TEST(test_tablet)
{
    vdrv_setup();
    struct device *dev = vdrv_make("virtio-tablet-pci");

    start(0);
    ck_assert(input_is_absolute());
    give_buffers(32);
    input_send_move_to(100, 200);
    expect(EV_ABS, ABS_X, 100);
    expect(EV_ABS, ABS_Y, 200);
    expect_end();
    input_send_move_to(100, 300);
    expect(EV_ABS, ABS_Y, 300);
    expect_end();
    input_send_move_to(100, 300);
    expect_nothing();
    input_send_buttons(INPUT_RIGHT);
    expect(EV_KEY, BTN_RIGHT, 1);
    expect_end();

    /* The driver goes: the buttons are up for the next one. */
    common_put(0x14, 0, 1);
    input_send_buttons(0);
    start(0);
    give_buffers(8);
    expect_nothing();
    dev_check_vmstate(dev);
    device_free(dev);
}
END_TEST

/* The device whose driver came last, then the one before it. */
START_TEST(test_in_use)
{
    struct device *other;

    vdrv_setup();
    ck_assert_int_eq(device_add_text("virtio-mouse-pci,addr=5,id=m", NULL), 0);
    other = device_find("m");
    device_reset(other, RESET_COLD);
    vdrv_map(PCI_DEVFN(5, 0));
    start(0);
    ck_assert(!input_is_absolute());
    config_write(PCI_DEVFN(5, 0), 4, 4, 2); /* off the air, but a bus master */
    struct device *dev = vdrv_make("virtio-tablet-pci");
    ck_assert(!input_is_absolute());
    start(0);
    ck_assert(input_is_absolute());
    device_reset(dev, RESET_COLD);
    ck_assert(!input_is_absolute());
    device_free(dev);
    device_free(other);
}
END_TEST

/* --- LEDs ----------------------------------------------------------------------------------------- */

static void send_status(uint16_t type, uint16_t code, uint32_t value, uint32_t size)
{
    struct vbuf b = {VDRV_DATA + 0x1000, size, false};
    uint32_t len;

    mem_put(VDRV_DATA + 0x1000, type | (uint32_t)code << 16 | (uint64_t)value << 32, 8);
    vring_add(&status, &b, 1);
    vdrv_kick(1);
    ck_assert(vring_used(&status, 1, &len));
    ck_assert_uint_eq(len, 0);
}

START_TEST(test_leds)
{
    vdrv_setup();
    struct device *dev = vdrv_make("virtio-keyboard-pci");

    start(0);
    ck_assert_uint_eq(input_leds(), 0);
    send_status(EV_LED, LED_CAPSL, 1, 8);
    send_status(EV_LED, LED_NUML, 1, 8);
    ck_assert_uint_eq(input_leds(), INPUT_LED_CAPS | INPUT_LED_NUM);
    send_status(EV_LED, LED_CAPSL, 0, 8);
    send_status(EV_LED, 77, 1, 8);
    send_status(EV_LED, 0xffff, 1, 8);
    send_status(EV_KEY, LED_SCROLLL, 1, 8);
    send_status(EV_LED, LED_SCROLLL, 1, 7); /* too short */
    ck_assert_uint_eq(input_leds(), INPUT_LED_NUM);
    dev_check_vmstate(dev);
    ck_assert_uint_eq(input_leds(), INPUT_LED_NUM);
    device_reset(dev, RESET_COLD);
    ck_assert_uint_eq(input_leds(), 0);
    device_free(dev);
}
END_TEST

TEST_MAIN("virtio_input", test_config, test_keys, test_keys_packed, test_mouse, test_tablet,
          test_in_use, test_leds)
