/* SPDX-License-Identifier: MIT */
/*
 * UHCI and the USB devices, by a driver of a few lines: enumeration, every standard and HID request,
 * reports; schedules that are circles and garbage; frames, interrupts, ports, idleness; packets
 * answered late; the controller under random writes.
 */
#include "tests/dev/usbdrv.h"

#include <linux/input-event-codes.h>

/* Called once in each round of frames; counted. See tests/dev/build.mk. */
struct uhci;
void __real_uhci_async_age(struct uhci *s, unsigned frames);
void __wrap_uhci_async_age(struct uhci *s, unsigned frames);
static unsigned rounds;

void __wrap_uhci_async_age(struct uhci *s, unsigned frames)
{
    rounds++;
    __real_uhci_async_age(s, frames);
}

/* --- a device that answers when it is told to ------------------------------------------------------- */

struct slow_device {
    struct usb_device usb;
    struct usb_packet *waiting;
    unsigned cancelled, submitted;
};

static enum usb_result slow_packet(struct usb_device *usb, struct usb_packet *p)
{
    struct slow_device *s = container_of(usb, struct slow_device, usb);

    ck_assert_ptr_null(s->waiting);
    s->waiting = p;
    s->submitted++;
    return USB_ASYNC;
}

static void slow_cancel(struct usb_device *usb, struct usb_packet *p)
{
    struct slow_device *s = container_of(usb, struct slow_device, usb);

    ck_assert_ptr_eq(s->waiting, p);
    s->waiting = NULL;
    s->cancelled++;
}

static void slow_answer(struct slow_device *s, enum usb_result r, unsigned len)
{
    struct usb_packet *p = s->waiting;

    s->waiting = NULL;
    p->result = r;
    p->done = MIN(len, p->len);
    if (p->pid == USB_PID_IN)
        memset(p->data, 0x5a, p->done);
    p->complete(p);
}

static const struct usb_endpoint_desc slow_endpoints[] = {
    {.address = 0x81, .type = USB_EP_BULK, .max_packet = 64},
    {.address = 0x02, .type = USB_EP_BULK, .max_packet = 64},
};
static const struct usb_interface_desc slow_interfaces[] = {
    {.class_code = 0xff, .endpoints = slow_endpoints, .endpoint_count = 2},
    {.class_code = 0xff, .alternate = 1},
};
static const struct usb_config_desc slow_config = {.value = 3,
                                                   .attributes = USB_CONFIG_SELF_POWERED,
                                                   .interfaces = slow_interfaces,
                                                   .interface_count = 2};
static const struct usb_desc slow_desc = {.version = 0x0110,
                                          .max_packet0 = 64,
                                          .speed = USB_LOW_SPEED,
                                          .strings = {NULL, NULL, NULL, "17"},
                                          .configs = &slow_config,
                                          .config_count = 1};
static const struct usb_device_ops slow_ops = {.packet = slow_packet, .cancel = slow_cancel};

static int slow_realize(struct device *dev, struct error **err)
{
    usb_device_init(usb_device(dev), &slow_desc, &slow_ops);
    return 0;
}

static void slow_reset(struct device *dev, enum reset_kind kind)
{
    usb_device_reset(usb_device(dev));
}

DEVICE_DEFINE(slow, .name = "test-usb-slow", .bus = BUS_USB, .hotpluggable = true,
              .state_size = sizeof(struct slow_device), .vmstate = &usb_device_vmstate,
              .realize = slow_realize, .reset = slow_reset);

/* --- enumeration and requests ----------------------------------------------------------------------- */

START_TEST(test_registers)
{
    udrv_setup();
    ck_assert_uint_eq(config_read(UDRV_SLOT, 0, 4), 0x70208086);
    ck_assert_uint_eq(config_read(UDRV_SLOT, 8, 4) >> 8, 0x0c0300);
    ck_assert_uint_eq(config_read(UDRV_SLOT, 0x60, 1), 0x10);
    ck_assert_uint_eq(config_read(UDRV_SLOT, 0xc0, 2), 0x2000);
    config_write(UDRV_SLOT, 0xc0, 0xffff, 2);
    ck_assert_uint_eq(config_read(UDRV_SLOT, 0xc0, 2), 0x20bf);
    ck_assert_uint_eq(uhci_get(UHCI_STS), 0x20);
    ck_assert_uint_eq(uhci_get(UHCI_SOFMOD) & 0xff, 0x40);
    ck_assert_uint_eq(uhci_get(UHCI_PORT), 0x80); /* nothing plugged */
    ck_assert_uint_eq(uhci_get(UHCI_PORT + 4), 0);
    uhci_put(UHCI_PORT, 0xffff);
    ck_assert_uint_eq(uhci_get(UHCI_PORT) & 4, 0); /* cannot be enabled */
    uhci_put(UHCI_FRNUM, 0xffff);
    ck_assert_uint_eq(uhci_get(UHCI_FRNUM), 0x7ff);
    uhci_put(UHCI_INTR, 0xffff);
    ck_assert_uint_eq(uhci_get(UHCI_INTR), 0x0f);
    io_port_write(UDRV_IO + UHCI_FRBASE, 0x12345fff, 4);
    ck_assert_uint_eq(io_port_read(UDRV_IO + UHCI_FRBASE, 4), 0x12345000);
    uhci_put(UHCI_CMD, 0x02); /* HCRESET */
    ck_assert_uint_eq(uhci_get(UHCI_CMD), 0);
    ck_assert_uint_eq(uhci_get(UHCI_INTR), 0);
    uhci_put(UHCI_CMD, 0x04); /* GRESET: until software ends it */
    ck_assert_uint_eq(uhci_get(UHCI_CMD), 4);
    udrv_fini();
}
END_TEST

START_TEST(test_frames)
{
    udrv_setup();
    uhci_put(UHCI_FRNUM, 0x7f0);
    udrv_start();
    ck_assert_uint_eq(uhci_get(UHCI_STS), 0);
    for (unsigned i = 0; i < 3000; i++) { /* the number goes by the clock */
        ck_assert_uint_eq(uhci_get(UHCI_FRNUM), (0x7f0 + i) & 0x7ff);
        clock_step(NS_PER_MS);
    }
    uhci_put(UHCI_FRNUM, 5); /* not while it runs */
    ck_assert_uint_eq(uhci_get(UHCI_FRNUM), (0x7f0 + 3000) & 0x7ff);
    uhci_put(UHCI_CMD, 0);
    uint16_t frnum = uhci_get(UHCI_FRNUM);
    clock_step(NS_PER_SEC);
    ck_assert_uint_eq(uhci_get(UHCI_FRNUM), frnum);
    ck_assert_uint_eq(uhci_get(UHCI_STS), 0x20);
    udrv_fini();
}
END_TEST

START_TEST(test_enumeration)
{
    uint8_t buf[256];

    udrv_setup();
    udrv_plug("usb-tablet,id=t");
    udrv_start();
    ck_assert_uint_eq(uhci_get(UHCI_PORT) & 3, 3);
    ck_assert_int_eq(udrv_in(0, 0x80, 6, 0x100, 0, buf, 8), -UDRV_TIMEOUT); /* not enabled */
    udrv_reset_port(0);
    ck_assert_int_eq(udrv_in(0, 0x80, 6, 0x100, 0, buf, 64), 18);
    ck_assert(buf[0] == 18 && buf[1] == 1 && buf[7] == 8 && buf[17] == 1);
    ck_assert_int_eq(udrv_out(0, 0x00, 5, 7, 0, NULL, 0), 0); /* SET_ADDRESS */
    ck_assert_int_eq(udrv_in(0, 0x80, 6, 0x100, 0, buf, 18), -UDRV_TIMEOUT);
    ck_assert_int_eq(udrv_in(7, 0x80, 6, 0x100, 0, buf, 5), 5);
    ck_assert_int_eq(udrv_in(7, 0x80, 6, 0x200, 0, buf, 255), 34);
    ck_assert(buf[1] == 2 && ld_le16(buf + 2) == 34 && buf[4] == 1 && buf[9 + 9 + 1] == 0x21);
    ck_assert_int_eq(udrv_in(7, 0x80, 6, 0x300, 0, buf, 255), 4);
    ck_assert_int_eq(udrv_in(7, 0x80, 6, 0x302, 0x409, buf, 255), 2 + 2 * 10);
    ck_assert(buf[1] == 3 && !memcmp(buf + 2, "U\0S\0B\0 \0t", 9));
    ck_assert_int_eq(udrv_in(7, 0x80, 8, 0, 0, buf, 1), 1);
    ck_assert_uint_eq(buf[0], 0);
    ck_assert_int_eq(udrv_out(7, 0x00, 9, 1, 0, NULL, 0), 0);
    ck_assert_int_eq(udrv_in(7, 0x80, 8, 0, 0, buf, 1), 1);
    ck_assert_uint_eq(buf[0], 1);
    dev_check_vmstate(device_find("t"));
    udrv_reset_port(0); /* back to address 0 */
    ck_assert_int_eq(udrv_in(7, 0x80, 8, 0, 0, buf, 1), -UDRV_TIMEOUT);
    ck_assert_int_eq(udrv_in(0, 0x80, 8, 0, 0, buf, 1), 1);
    ck_assert_uint_eq(buf[0], 0);
    udrv_fini();
}
END_TEST

/* Requests that must be refused; each is followed by one that works. */
START_TEST(test_wrong_requests)
{
    static const struct {
        uint8_t type, request;
        uint16_t value, index, length;
    } wrong[] = {
        {0x80, 6, 0x0101, 0, 18},
        {0x80, 6, 0x0201, 0, 9},
        {0x80, 6, 0x0304, 0, 9},
        {0x80, 6, 0x03ff, 0, 9},
        {0x80, 6, 0x0600, 0, 10},
        {0x80, 6, 0, 0, 10},
        {0x80, 6, 0xffff, 0, 10},
        {0x80, 7, 0, 0, 1},
        {0x00, 5, 128, 0, 0},
        {0x00, 5, 0xffff, 0, 0},
        {0x00, 9, 2, 0, 0},
        {0x00, 9, 0x101, 0, 0},
        {0x00, 1, 0, 0, 0},
        {0x00, 3, 2, 0, 0},
        {0x00, 3, 0xffff, 0, 0},
        {0x81, 0, 0, 1, 2},
        {0x81, 0, 0, 0xffff, 2},
        {0x81, 10, 0, 1, 1},
        {0x01, 11, 1, 0, 0},
        {0x01, 11, 0, 5, 0},
        {0x01, 11, 0xffff, 0xffff, 0},
        {0x82, 0, 0, 0x82, 2},
        {0x82, 0, 0, 0x01, 2},
        {0x82, 0, 0, 0xff81, 2},
        {0x82, 0, 0, 0xffff, 2},
        {0x02, 1, 1, 0x81, 0},
        {0x02, 3, 0, 0x91, 0},
        {0x82, 12, 0, 0x81, 2},
        {0x81, 6, 0x2300, 0, 9},
        {0x81, 6, 0x2200, 1, 9},
        {0xa1, 1, 0x0200, 0, 1},
        {0xa1, 1, 0x0300, 0, 1},
        {0xa1, 1, 0x0101, 0, 1},
        {0xa1, 3, 0, 0, 1},
        {0x21, 9, 0x0200, 0, 1},
        {0x21, 10, 1, 0, 0},
        {0x21, 11, 0, 0, 0},
        {0xa1, 0xff, 0, 0, 1},
        {0xc0, 0, 0, 0, 9},
        {0x40, 1, 0, 0, 9},
        {0xff, 0xff, 0xffff, 0xffff, 0xffff},
        {0x00, 0xff, 0, 0, 0xffff},
        {0x21, 9, 0x0200, 0, 0xffff},
    };
    uint8_t buf[1024] = {0};

    udrv_setup();
    udrv_plug("usb-tablet,id=t");
    udrv_start();
    udrv_configure(0, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        uint16_t length = MIN(wrong[i].length, (uint16_t)sizeof(buf));
        int ret = udrv_control(1, wrong[i].type, wrong[i].request, wrong[i].value, wrong[i].index,
                               wrong[i].length, buf, length);
        ck_assert_msg(ret == -UDRV_STALL, "request %u gives %d", i, ret);
        ck_assert_int_eq(udrv_in(1, 0x80, 8, 0, 0, buf, 1), 1);
        ck_assert_uint_eq(buf[0], 1);
    }
    udrv_fini();
}
END_TEST

START_TEST(test_features)
{
    uint8_t buf[8];

    udrv_setup();
    udrv_plug("test-usb-slow,id=s");
    udrv_start();
    udrv_reset_port(0);
    ck_assert_uint_eq(uhci_get(UHCI_PORT) & 0x130, 0x120); /* low speed, D- */
    ck_assert_int_eq(udrv_in(0, 0x80, 0, 0, 0, buf, 2), 2);
    ck_assert_uint_eq(buf[0], 0);
    ck_assert_int_eq(udrv_in(0, 0x81, 0, 0, 0, buf, 2), -UDRV_STALL); /* no configuration */
    ck_assert_int_eq(udrv_out(0, 0, 9, 3, 0, NULL, 0), 0);
    ck_assert_int_eq(udrv_out(0, 0, 3, 1, 0, NULL, 0), 0); /* remote wakeup */
    ck_assert_int_eq(udrv_in(0, 0x80, 0, 0, 0, buf, 2), 2);
    ck_assert_uint_eq(buf[0], 3);
    ck_assert_int_eq(udrv_out(0, 0, 1, 1, 0, NULL, 0), 0);
    ck_assert_int_eq(udrv_in(0, 0x80, 0, 0, 0, buf, 2), 2);
    ck_assert_uint_eq(buf[0], 1);
    ck_assert_int_eq(udrv_out(0, 2, 3, 0, 0x81, NULL, 0), 0); /* halt */
    ck_assert_int_eq(udrv_in(0, 0x82, 0, 0, 0x81, buf, 2), 2);
    ck_assert_uint_eq(buf[0], 1);
    ck_assert_int_eq(udrv_in(0, 0x82, 0, 0, 0x02, buf, 2), 2);
    ck_assert_uint_eq(buf[0], 0);
    ck_assert_int_eq(udrv_packet(0, 1, 0x69, buf, 8), -UDRV_STALL);
    ck_assert_int_eq(udrv_out(0, 2, 1, 0, 0x81, NULL, 0), 0);
    ck_assert_int_eq(udrv_packet(0, 1, 0x69, buf, 8), -UDRV_NAK);
    ck_assert_int_eq(udrv_out(0, 1, 11, 1, 0, NULL, 0), 0); /* a setting without endpoints */
    ck_assert_int_eq(udrv_in(0, 0x81, 10, 0, 0, buf, 1), 1);
    ck_assert_uint_eq(buf[0], 1);
    ck_assert_int_eq(udrv_packet(0, 1, 0x69, buf, 8), -UDRV_TIMEOUT);
    ck_assert_int_eq(udrv_packet(0, 9, 0x69, buf, 8), -UDRV_TIMEOUT);
    ck_assert_int_eq(udrv_packet(0, 1, 0x2d, buf, 8), -UDRV_TIMEOUT);
    udrv_fini();
}
END_TEST

/* --- HID ---------------------------------------------------------------------------------------------- */

static void expect_report(unsigned address, const uint8_t *want, int len)
{
    uint8_t buf[8];

    ck_assert_int_eq(udrv_packet(address, 1, 0x69, buf, 8), len);
    for (int i = 0; i < len; i++)
        ck_assert_msg(buf[i] == want[i], "byte %d is %02x", i, buf[i]);
}

#define REPORT(address, ...)                                                                       \
    expect_report(address, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static void no_report(unsigned address)
{
    uint8_t buf[8];

    ck_assert_int_eq(udrv_packet(address, 1, 0x69, buf, 8), -UDRV_NAK);
}

START_TEST(test_tablet)
{
    uint8_t buf[256];

    udrv_setup();
    udrv_plug("usb-tablet,id=t");
    udrv_start();
    ck_assert(input_is_absolute()); /* there is no other */
    udrv_configure(0, 1);
    ck_assert_int_eq(udrv_in(1, 0x81, 6, 0x2200, 0, buf, 255),
                     buf[0] ? (int)udrv_report_length(1) : 0);
    ck_assert_int_eq(udrv_in(1, 0x81, 6, 0x2100, 0, buf, 255), 9);
    no_report(1);
    input_send_move_to(0x1234, 0x7fff);
    REPORT(1, 0, 0x34, 0x12, 0xff, 0x7f, 0, 0);
    no_report(1);
    input_send_buttons(INPUT_LEFT | INPUT_SIDE | INPUT_EXTRA);
    input_send_move_to(1, 2);
    input_send_wheel(-200, 3);
    input_send_buttons(0);
    REPORT(1, 0x19, 0x34, 0x12, 0xff, 0x7f, 0, 0);
    dev_check_vmstate(device_find("t"));
    REPORT(1, 0x19, 1, 0, 2, 0, 127, 3);
    REPORT(1, 0x19, 1, 0, 2, 0, 73, 0);
    REPORT(1, 0, 1, 0, 2, 0, 0, 0);
    no_report(1);
    ck_assert_int_eq(udrv_in(1, 0xa1, 1, 0x100, 0, buf, 7), 7);
    ck_assert(buf[1] == 1 && buf[3] == 2);
    input_send_move_to(9, 9);
    ck_assert_int_eq(udrv_packet(1, 1, 0x69, buf, 3), -UDRV_BABBLE);  /* too little room */
    ck_assert_int_eq(udrv_in(1, 0xa1, 3, 0, 0, buf, 1), -UDRV_STALL); /* has no boot protocol */
    udrv_fini();
}
END_TEST

START_TEST(test_mouse)
{
    uint8_t buf[8];

    udrv_setup();
    udrv_plug("usb-mouse,id=m");
    udrv_start();
    udrv_configure(0, 1);
    ck_assert_int_eq(udrv_in(1, 0xa1, 3, 0, 0, buf, 1), 1);
    ck_assert_uint_eq(buf[0], 1);
    input_send_move(300, -5, 2);
    REPORT(1, 0, 127, 0xfb, 0xfe, 0);
    REPORT(1, 0, 127, 0, 0, 0);
    REPORT(1, 0, 46, 0, 0, 0);
    no_report(1);
    ck_assert_int_eq(udrv_out(1, 0x21, 11, 0, 0, NULL, 0), 0); /* boot protocol */
    input_send_buttons(INPUT_RIGHT);
    input_send_move(-1, 1, 0);
    REPORT(1, 2, 0, 0);
    REPORT(1, 2, 0xff, 1);
    ck_assert_int_eq(udrv_out(1, 0x21, 11, 2, 0, NULL, 0), -UDRV_STALL);
    input_send_buttons(0);
    udrv_fini();
}
END_TEST

START_TEST(test_keyboard)
{
    uint8_t buf[8], leds = 0x05;

    udrv_setup();
    udrv_plug("usb-kbd,id=k");
    udrv_start();
    udrv_configure(0, 1);
    ck_assert_int_eq(udrv_in(1, 0xa1, 2, 0, 0, buf, 1), 1);
    ck_assert_uint_eq(buf[0], 125);
    ck_assert_int_eq(udrv_out(1, 0x21, 10, 0, 0, NULL, 0), 0); /* no idle reports */
    input_send_key(KEY_LEFTSHIFT, true);
    input_send_key(KEY_A, true);
    input_send_key(KEY_A, true); /* a repeat: dropped */
    input_send_key(KEY_A, false);
    input_send_key(KEY_RIGHTMETA, true);
    REPORT(1, 0x02, 0, 0, 0, 0, 0, 0, 0);
    REPORT(1, 0x02, 0, 4, 0, 0, 0, 0, 0);
    dev_check_vmstate(device_find("k"));
    REPORT(1, 0x02, 0, 0, 0, 0, 0, 0, 0);
    REPORT(1, 0x82, 0, 0, 0, 0, 0, 0, 0);
    no_report(1);
    input_send_key(KEY_LEFTSHIFT, false);
    input_send_key(KEY_RIGHTMETA, false);
    REPORT(1, 0x80, 0, 0, 0, 0, 0, 0, 0);
    REPORT(1, 0x00, 0, 0, 0, 0, 0, 0, 0);
    for (unsigned i = 0; i < 7; i++) { /* the seventh is too many */
        input_send_key(KEY_1 + i, true);
        ck_assert_int_eq(udrv_packet(1, 1, 0x69, buf, 8), 8);
        ck_assert_uint_eq(buf[2], i < 6 ? 0x1e : 1);
    }
    ck_assert_uint_eq(buf[7], 1);
    for (unsigned i = 0; i < 7; i++)
        input_send_key(KEY_1 + i, false);
    for (unsigned i = 0; i < 7; i++)
        ck_assert_int_eq(udrv_packet(1, 1, 0x69, buf, 8), 8);
    ck_assert_uint_eq(buf[2], 0);
    ck_assert_int_eq(udrv_out(1, 0x21, 9, 0x200, 0, &leds, 1), 1);
    ck_assert_uint_eq(input_leds(), INPUT_LED_NUM | INPUT_LED_SCROLL);
    ck_assert_int_eq(udrv_in(1, 0xa1, 1, 0x200, 0, buf, 1), 1);
    ck_assert_uint_eq(buf[0], 5);
    ck_assert_int_eq(udrv_out(1, 0x21, 10, 50 << 8, 0, NULL, 0), 0); /* again every 200 ms */
    no_report(1);
    clock_step(200 * NS_PER_MS);
    REPORT(1, 0, 0, 0, 0, 0, 0, 0, 0);
    udrv_fini();
}
END_TEST

/* Every key the keyboard knows is one usage and comes back up. */
START_TEST(test_usages)
{
    bool seen[256] = {false};
    unsigned count = 0;
    uint8_t buf[8];

    udrv_setup();
    udrv_plug("usb-kbd,id=k");
    udrv_start();
    udrv_configure(0, 1);
    udrv_out(1, 0x21, 10, 0, 0, NULL, 0);
    for (unsigned key = 0; key < INPUT_KEY_COUNT; key++) {
        input_send_key(key, true);
        int ret = udrv_packet(1, 1, 0x69, buf, 8);
        input_send_key(key, false);
        if (ret < 0)
            continue;
        unsigned usage = buf[2] ? buf[2] : 0xe0 + (unsigned)__builtin_ctz(buf[0]);
        ck_assert_msg(!seen[usage] && !buf[3], "key %u: usage %02x again", key, usage);
        seen[usage] = true;
        count++;
        REPORT(1, 0, 0, 0, 0, 0, 0, 0, 0);
    }
    ck_assert_uint_gt(count, 140);
    udrv_fini();
}
END_TEST

/* Until the guest reads them USB devices leave the events to others. */
START_TEST(test_activation)
{
    uint8_t buf[8];

    udrv_setup();
    struct device *kbc = dev_new("i8042");
    dev_realize(kbc);
    udrv_plug("usb-tablet,id=t");
    udrv_start();
    ck_assert(!input_is_absolute());
    udrv_configure(0, 1);
    ck_assert(!input_is_absolute());
    udrv_packet(1, 1, 0x69, buf, 8);
    ck_assert(input_is_absolute());
    udrv_reset_port(0);
    ck_assert(!input_is_absolute());
    udrv_configure(0, 1);
    udrv_packet(1, 1, 0x69, buf, 8);
    udrv_unplug("t");
    ck_assert(!input_is_absolute());
    device_free(kbc);
    udrv_fini();
}
END_TEST

/* --- schedules ------------------------------------------------------------------------------------------ */

/* Link every frame to this. */
static void all_frames(uint32_t link)
{
    for (unsigned i = 0; i < 1024; i++)
        udrv_word(UDRV_FRAMES + 4 * i, link);
}

static uint32_t word_at(uint32_t at)
{
    return ld_le32(guest_mem(at));
}

START_TEST(test_interrupts)
{
    udrv_setup();
    udrv_plug("usb-tablet,id=t");
    uhci_put(UHCI_INTR, 0x0f);
    udrv_start();
    udrv_configure(0, 1);
    udrv_queue(UDRV_QH, UDRV_TD);
    udrv_td(UDRV_TD, 1, 1, 0x69, 0x500, 8, UDRV_IOC);
    all_frames(UDRV_QH | 2);
    clock_step(150 * NS_PER_MS);
    ck_assert_uint_eq(uhci_get(UHCI_STS), 0);
    ck_assert_int_eq(udrv_pci.lines[0], 0);
    input_send_move_to(3, 4);
    clock_step(NS_PER_MS);
    ck_assert_uint_eq(uhci_get(UHCI_STS), 1);
    ck_assert_int_eq(udrv_irq(), 1);
    ck_assert_uint_eq(word_at(UDRV_TD + 4) & 0xffffff, 6); /* seven bytes */
    ck_assert_uint_eq(guest_mem(0x500)[3], 4);
    ck_assert_uint_eq(word_at(UDRV_QH + 4), 1); /* the queue has gone on */
    config_write(UDRV_SLOT, 0xc0, 0, 2);        /* interrupts not routed */
    ck_assert_int_eq(udrv_irq(), 0);
    config_write(UDRV_SLOT, 0xc0, 0x2000, 2);
    ck_assert_int_eq(udrv_irq(), 1);
    uhci_put(UHCI_STS, 1);
    ck_assert_int_eq(udrv_irq(), 0);
    udrv_queue(UDRV_QH, UDRV_TD); /* a short packet stops the queue */
    udrv_td(UDRV_TD, 1, 1, 0x69, 0x500, 8, UDRV_SPD);
    input_send_move_to(5, 6);
    clock_step(2 * NS_PER_MS);
    ck_assert_uint_eq(uhci_get(UHCI_STS), 1);
    ck_assert_uint_eq(word_at(UDRV_QH + 4), UDRV_TD);
    uhci_put(UHCI_INTR, 4); /* short packets masked */
    ck_assert_int_eq(udrv_irq(), 0);
    uhci_put(UHCI_INTR, 8);
    ck_assert_int_eq(udrv_irq(), 1);
    uhci_put(UHCI_STS, 1);
    udrv_td(UDRV_TD, 1, 1, 0x69, 0x500, 8, UDRV_IOC | UDRV_INACTIVE); /* IOC of a finished one */
    clock_step(150 * NS_PER_MS);
    ck_assert_uint_eq(uhci_get(UHCI_STS), 1);
    udrv_td(UDRV_TD, 9, 1, 0x69, 0x500, 8, UDRV_ERRORS(3)); /* nobody there */
    uhci_put(UHCI_STS, 1);
    uhci_put(UHCI_INTR, 1);
    clock_step(150 * NS_PER_MS);
    ck_assert_uint_eq(uhci_get(UHCI_STS), 2);
    ck_assert_int_eq(udrv_irq(), 1);
    ck_assert_uint_eq(word_at(UDRV_TD + 4) >> 16, 0x0044); /* stalled, timed out, no errors left */
    udrv_fini();
}
END_TEST

/* A driver that waits must not cost anything, nor wait long. */
START_TEST(test_idle)
{
    udrv_setup();
    udrv_plug("usb-tablet,id=t");
    udrv_start();
    udrv_configure(0, 1);
    udrv_queue(UDRV_QH, UDRV_TD);
    udrv_td(UDRV_TD, 1, 1, 0x69, 0x500, 8, 0);
    all_frames(1);
    udrv_word(UDRV_FRAMES + 4 * 77, UDRV_QH | 2); /* one frame of 1024 */
    udrv_word(UDRV_FRAMES + 4 * 589, UDRV_QH | 2);
    clock_step(NS_PER_SEC);
    unsigned before = rounds;
    clock_step(10 * NS_PER_SEC);
    ck_assert_uint_le(rounds - before, 90);
    input_send_move_to(3, 4); /* still met in its frame */
    clock_step(NS_PER_SEC);
    ck_assert_uint_eq(word_at(UDRV_TD + 4) & 0x800000, 0);
    udrv_td(UDRV_TD, 1, 1, 0x69, 0x500, 8, 0); /* polled every frame: at once */
    all_frames(UDRV_QH | 2);
    udrv_queue(UDRV_QH, UDRV_TD);
    clock_step(NS_PER_SEC);
    input_send_move_to(7, 8);
    clock_step(NS_PER_US);
    ck_assert_uint_eq(word_at(UDRV_TD + 4) & 0x800000, 0);
    uhci_put(UHCI_CMD, 0); /* stopped: no timer at all */
    before = rounds;
    input_send_move_to(9, 9);
    clock_step(10 * NS_PER_SEC);
    ck_assert_uint_eq(rounds - before, 0);
    udrv_fini();
}
END_TEST

/* Circles of every kind; each frame must end. */
START_TEST(test_circles)
{
    udrv_setup();
    udrv_plug("usb-tablet,id=t");
    udrv_start();
    udrv_configure(0, 1);
    udrv_word(UDRV_QH, UDRV_QH | 2); /* a queue head that is its own successor, empty ... */
    udrv_word(UDRV_QH + 4, 1);
    all_frames(UDRV_QH | 2);
    clock_step(300 * NS_PER_MS);
    udrv_word(UDRV_QH + 4, UDRV_QH | 2); /* ... its own element ... */
    clock_step(300 * NS_PER_MS);
    udrv_queue(UDRV_QH, UDRV_TD); /* ... with a descriptor that says NAK */
    udrv_word(UDRV_QH, UDRV_QH | 2);
    udrv_td(UDRV_TD, 1, 1, 0x69, 0x500, 8, 0);
    clock_step(300 * NS_PER_MS);
    udrv_td(UDRV_TD, 1, 1, 0x69, 0x500, 8, UDRV_INACTIVE); /* a descriptor, its own successor */
    udrv_word(UDRV_TD, UDRV_TD | 4);
    all_frames(UDRV_TD);
    clock_step(300 * NS_PER_MS);
    for (unsigned i = 0; i < 300; i++) { /* a long one */
        udrv_word(0x200000 + 16 * i, (0x200000 + 16 * ((i + 1) % 300)) | 2);
        udrv_word(0x200004 + 16 * i, 1);
    }
    all_frames(0x200000 | 2);
    clock_step(300 * NS_PER_MS);
    ck_assert_uint_eq(uhci_get(UHCI_STS), 0);
    /* OUT packets of no bytes to themselves, always active: a fee ends the frame. */
    udrv_word(UDRV_TD, UDRV_TD | 4);
    udrv_td(UDRV_TD, 9, 1, 0xe1, 0x500, 0, UDRV_ERRORS(0));
    udrv_word(UDRV_TD, UDRV_TD | 4);
    all_frames(UDRV_TD);
    clock_step(300 * NS_PER_MS);
    ck_assert_uint_eq(uhci_get(UHCI_CMD) & 1, 1);
    udrv_fini();
}
END_TEST

/* What stops the controller: addresses that are no memory, wrong tokens. */
START_TEST(test_garbage)
{
    static const struct {
        uint32_t frame, token, buffer;
        uint16_t status;
    } rows[] = {
        {0xfffffff2, 0, 0, 0x08},            /* queue head */
        {0xfffffff0, 0, 0, 0x08},            /* descriptor */
        {0, 0x00e00169, 0xf0000000, 0x08},   /* buffer of a report */
        {0, 0x00e001e1, 0xf0000000, 0x08},   /* buffer of an OUT */
        {0, 0x00e00100, 0x500, 0x10},        /* no packet id */
        {0, 0x00e0012d ^ 0xff, 0x500, 0x10}, /* another */
        {0, 0xa0000169, 0x500, 0x10},        /* longer than 1280 bytes */
        {0, 0xffc00169, 0x500, 0x10},        /* 2047 */
    };

    udrv_setup();
    udrv_plug("usb-tablet,id=t");
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        uhci_put(UHCI_CMD, 2);
        udrv_start();
        udrv_configure(0, 1);
        input_send_move_to(i + 10, i);
        udrv_queue(UDRV_QH, UDRV_TD);
        udrv_td(UDRV_TD, 1, 1, 0x69, rows[i].buffer, 8, 0);
        udrv_word(UDRV_TD + 8, rows[i].token | 1 << 15);
        all_frames(rows[i].frame ? rows[i].frame : UDRV_QH | 2);
        clock_step(150 * NS_PER_MS);
        ck_assert_msg(uhci_get(UHCI_STS) == (0x20 | rows[i].status), "row %u: status %x", i,
                      uhci_get(UHCI_STS));
        ck_assert_uint_eq(uhci_get(UHCI_CMD) & 1, 0);
        ck_assert_int_eq(udrv_irq(), 1); /* cannot be masked */
    }
    uhci_put(UHCI_CMD, 2);
    io_port_write(UDRV_IO + UHCI_FRBASE, 0xfffff000, 4); /* the frame list itself */
    uhci_put(UHCI_CMD, 1);
    clock_step(10 * NS_PER_MS);
    ck_assert_uint_eq(uhci_get(UHCI_STS), 0x28);
    udrv_fini();
}
END_TEST

/* --- ports ------------------------------------------------------------------------------------------------ */

START_TEST(test_suspend)
{
    udrv_setup();
    udrv_plug("usb-tablet,id=t");
    uhci_put(UHCI_INTR, 2);
    udrv_start();
    udrv_configure(0, 1);
    uint8_t buf[8];
    udrv_packet(1, 1, 0x69, buf, 8);
    uhci_put(UHCI_PORT, 0x1004); /* suspended: deaf, and silent unless allowed to speak */
    ck_assert_int_eq(udrv_packet(1, 1, 0x69, buf, 8), -UDRV_TIMEOUT);
    input_send_move_to(1, 1);
    ck_assert_uint_eq(uhci_get(UHCI_STS) & 4, 0);
    uhci_put(UHCI_PORT, 0x0004);
    udrv_out(1, 0, 3, 1, 0, NULL, 0);
    uhci_put(UHCI_PORT, 0x1004);
    input_send_move_to(2, 2);
    ck_assert_uint_eq(uhci_get(UHCI_STS) & 4, 4);
    ck_assert_uint_eq(uhci_get(UHCI_PORT) & 0x1044, 0x1044);
    ck_assert_int_eq(udrv_irq(), 1);
    uhci_put(UHCI_PORT, 0x0004);
    uhci_put(UHCI_STS, 4);
    ck_assert_int_eq(udrv_packet(1, 1, 0x69, buf, 8), 7);
    uhci_put(UHCI_CMD, 0x08); /* the whole bus */
    input_send_move_to(3, 3);
    ck_assert_uint_eq(uhci_get(UHCI_STS) & 4, 4);
    ck_assert_uint_eq(uhci_get(UHCI_CMD), 0x18);
    uhci_put(UHCI_STS, 4);
    udrv_unplug("t"); /* this wakes it, too */
    ck_assert_uint_eq(uhci_get(UHCI_STS) & 4, 4);
    udrv_fini();
}
END_TEST

START_TEST(test_hotplug)
{
    struct error *err = NULL;

    udrv_setup();
    udrv_start();
    udrv_plug("usb-kbd,id=a");
    udrv_plug("usb-kbd,id=b,port=2");
    ck_assert_int_lt(device_add_text("usb-kbd", &err), 0);
    ck_assert_ptr_nonnull(strstr(error_msg(err), "no free port"));
    error_free(err);
    err = NULL;
    ck_assert_int_lt(device_add_text("usb-kbd,port=2", &err), 0);
    ck_assert_ptr_nonnull(strstr(error_msg(err), "in use"));
    error_free(err);
    err = NULL;
    ck_assert_int_lt(device_add_text("usb-kbd,port=3", &err), 0);
    ck_assert_ptr_nonnull(strstr(error_msg(err), "no port 3"));
    error_free(err);
    udrv_configure(0, 1);
    udrv_configure(1, 2);
    uhci_put(UHCI_PORT + 2, 0x000e); /* changes cleared */
    ck_assert_uint_eq(uhci_get(UHCI_PORT + 2), 0x0095);
    udrv_unplug("b");
    ck_assert_uint_eq(uhci_get(UHCI_PORT + 2), 0x008a);
    udrv_plug("usb-mouse,id=b");
    ck_assert_uint_eq(uhci_get(UHCI_PORT + 2), 0x009b);
    udrv_unplug("a");
    udrv_unplug("b");
    udrv_fini();
}
END_TEST

/* --- packets answered late ---------------------------------------------------------------------------------- */

/* The queue with an IN packet in every frame, for a while. */
static void start_slow_packet(struct slow_device *s)
{
    udrv_reset_port(0);
    udrv_out(0, 0, 9, 3, 0, NULL, 0);
    udrv_queue(UDRV_QH, UDRV_TD);
    udrv_td(UDRV_TD, 0, 1, 0x69, 0x500, 64, UDRV_IOC);
    all_frames(UDRV_QH | 2);
    clock_step(200 * NS_PER_MS);
    ck_assert_ptr_nonnull(s->waiting);
}

/* --- hubs ----------------------------------------------------------------------------------------------- */

static unsigned hub_port(unsigned address, unsigned port)
{
    uint8_t buf[4];

    ck_assert_int_eq(udrv_in(address, 0xa3, 0, 0, (uint16_t)port, buf, 4), 4);
    return ld_le32(buf);
}

static void hub_feature(unsigned address, unsigned request, unsigned feature, unsigned port)
{
    ck_assert_int_eq(
        udrv_out(address, 0x23, (uint8_t)request, (uint16_t)feature, (uint16_t)port, NULL, 0), 0);
}

START_TEST(test_hub)
{
    uint8_t buf[16];

    udrv_setup();
    udrv_start();
    udrv_plug("usb-hub,id=h");
    udrv_plug("usb-kbd,id=k,port=1.3");
    udrv_configure(0, 1);
    ck_assert_int_eq(udrv_in(1, 0xa0, 6, 0x2900, 0, buf, 16), 9);
    ck_assert_uint_eq(buf[2], 4);
    ck_assert_int_eq(udrv_in(1, 0xa0, 0, 0, 0, buf, 4), 4);
    ck_assert_uint_eq(hub_port(1, 3), 0); /* no power */
    for (unsigned port = 1; port <= 4; port++)
        hub_feature(1, 3, 8, port);
    ck_assert_uint_eq(hub_port(1, 3), 0x10101);
    ck_assert_int_eq(udrv_packet(1, 1, 0x69, buf, 1), 1);
    ck_assert_uint_eq(buf[0], 1 << 3);
    hub_feature(1, 1, 16, 3); /* seen */
    ck_assert_int_eq(udrv_packet(1, 1, 0x69, buf, 1), -UDRV_NAK);
    ck_assert_int_eq(udrv_in(0, 0x80, 8, 0, 0, buf, 1), -UDRV_TIMEOUT);
    hub_feature(1, 3, 4, 3); /* reset enables it */
    ck_assert_uint_eq(hub_port(1, 3), 0x100103);
    hub_feature(1, 1, 20, 3);
    ck_assert_int_eq(udrv_out(0, 0, 5, 2, 0, NULL, 0), 0);
    ck_assert_int_eq(udrv_out(2, 0, 9, 1, 0, NULL, 0), 0);
    ck_assert_int_eq(udrv_packet(2, 1, 0x69, buf, 8), -UDRV_NAK);
    input_send_key(KEY_A, true);
    REPORT(2, 0, 0, 4, 0, 0, 0, 0, 0);
    hub_feature(1, 3, 2, 3); /* suspended; not allowed to wake up, then allowed */
    input_send_key(KEY_A, false);
    ck_assert_int_eq(udrv_packet(2, 1, 0x69, buf, 8), -UDRV_TIMEOUT);
    ck_assert_uint_eq(hub_port(1, 3), 0x0107);
    hub_feature(1, 1, 2, 3);
    ck_assert_uint_eq(hub_port(1, 3), 0x40103);
    hub_feature(1, 1, 18, 3);
    REPORT(2, 0, 0, 0, 0, 0, 0, 0, 0);
    ck_assert_int_eq(udrv_out(2, 0, 3, 1, 0, NULL, 0), 0);
    hub_feature(1, 3, 2, 3);
    input_send_key(KEY_B, true);
    ck_assert_uint_eq(hub_port(1, 3), 0x40103);
    hub_feature(1, 1, 1, 3); /* disabled */
    ck_assert_int_eq(udrv_packet(2, 1, 0x69, buf, 8), -UDRV_TIMEOUT);
    ck_assert_int_eq(udrv_out(1, 0x23, 3, 99, 1, NULL, 0), -UDRV_STALL);
    ck_assert_int_eq(udrv_out(1, 0x23, 3, 8, 0, NULL, 0), -UDRV_STALL);
    ck_assert_int_eq(udrv_out(1, 0x23, 3, 8, 5, NULL, 0), -UDRV_STALL);
    ck_assert_int_eq(udrv_in(1, 0xa3, 0, 0, 0xffff, buf, 4), -UDRV_STALL);
    udrv_unplug("k");
    ck_assert_uint_eq(hub_port(1, 3) & 0x10001, 0x10000);
    dev_check_vmstate(device_find("h"));
    udrv_plug("usb-mouse,id=m,port=1.1");
    device_del("h", NULL); /* takes the mouse with it */
    udrv_loop();
    ck_assert(!device_find("h") && !device_find("m"));
    input_send_key(KEY_B, false);
    udrv_fini();
}
END_TEST

/* Without a place given there is always one more, until hubs are as deep as they may be. */
START_TEST(test_many)
{
    unsigned count = 0;

    udrv_setup();
    while (device_add_text("usb-tablet", NULL) == 0)
        count++;
    ck_assert_uint_eq(count, 1 + 5 * 3 + 1);
    udrv_fini();
}
END_TEST

START_TEST(test_async)
{
    udrv_setup();
    udrv_plug("test-usb-slow,id=s");
    struct slow_device *s = container_of(device_find("s"), struct slow_device, usb.dev);
    udrv_start();
    start_slow_packet(s);
    ck_assert_uint_eq(s->submitted, 1); /* once, however often it is met */
    slow_answer(s, USB_ACK, 20);
    clock_step(NS_PER_US);
    ck_assert_uint_eq(uhci_get(UHCI_STS), 1);
    ck_assert_uint_eq(word_at(UDRV_TD + 4) & 0x8007ff, 19);
    ck_assert_uint_eq(guest_mem(0x500)[19], 0x5a);
    udrv_queue(UDRV_QH, UDRV_TD); /* OUT, refused in the end */
    udrv_td(UDRV_TD, 0, 2, 0xe1, 0x500, 64, 0);
    clock_step(150 * NS_PER_MS);
    ck_assert_uint_eq(s->waiting->data[19], 0x5a);
    slow_answer(s, USB_STALL, 0);
    clock_step(NS_PER_MS);
    ck_assert_uint_eq(word_at(UDRV_TD + 4) >> 16 & 0xc0, 0x40);
    udrv_queue(UDRV_QH, UDRV_TD); /* taken out of the schedule */
    udrv_td(UDRV_TD, 0, 1, 0x69, 0x500, 64, 0);
    clock_step(150 * NS_PER_MS);
    ck_assert_ptr_nonnull(s->waiting);
    all_frames(1);
    clock_step(60 * NS_PER_SEC);
    ck_assert_uint_eq(s->cancelled, 1);
    start_slow_packet(s);
    udrv_reset_port(0);
    ck_assert_uint_eq(s->cancelled, 2);
    start_slow_packet(s);
    uhci_put(UHCI_CMD, 2);
    ck_assert_uint_eq(s->cancelled, 3);
    udrv_start();
    start_slow_packet(s);
    dev_check_vmstate(device_find("uhci")); /* saving takes packets back */
    ck_assert_uint_ge(s->cancelled, 4);
    start_slow_packet(s);
    udrv_unplug("s");
    clock_step(150 * NS_PER_MS);
    udrv_fini();
}
END_TEST

START_TEST(test_random)
{
    udrv_setup();
    udrv_plug("usb-tablet,id=t");
    udrv_plug("usb-kbd,id=k");
    for (unsigned i = 0; i < 3000; i++) {
        dev_fuzz_ports(UDRV_IO, 32, 4);
        input_send_key(dev_random() % 0x300, dev_random() & 1);
        input_send_move_to(dev_random() & 0x7fff, dev_random() & 0x7fff);
        if (i % 100 == 0) {
            udrv_map();
            dev_check_vmstate(device_find("uhci"));
        }
        dev_fuzz_config(UDRV_SLOT, 2);
    }
    udrv_fini();
}
END_TEST

TEST_MAIN("uhci", test_registers, test_frames, test_enumeration, test_wrong_requests, test_features,
          test_tablet, test_mouse, test_keyboard, test_usages, test_activation, test_interrupts,
          test_idle, test_circles, test_garbage, test_suspend, test_hotplug, test_hub, test_many,
          test_async, test_random)
