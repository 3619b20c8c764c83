/* SPDX-License-Identifier: MIT */
/*
 * usb-kbd: a USB keyboard with LEDs. HID 1.11 (appendix B.1: the boot protocol's report, which is the
 * report protocol's too), HID Usage Tables 1.12 (page 7).
 *
 * The host repeats keys, the user's repeats are dropped.
 */
#include "hw/core/vmstate.h"
#include "hw/usb/hid.h"
#include "ui/input_queue.h"
#include "ui/usages.h"

#define REPORT_KEYS     6
#define USAGE_ROLLOVER  0x01 /* more keys are down than a report has room for */
#define USAGE_MODIFIERS 0xe0 /* and seven more: bits of the report's first byte */

struct usb_keyboard {
    struct usb_hid hid;
    struct input_key_queue keys;
    uint8_t leds; /* as HID numbers them */
};

static struct usb_keyboard *keyboard_of(struct usb_hid *hid)
{
    return container_of(hid, struct usb_keyboard, hid);
}

/* --- what it is ----------------------------------------------------------------------------------- */

/* clang-format off */
static const uint8_t report_descriptor[] = {
    0x05, 0x01, 0x09, 0x06,             /* generic desktop: keyboard */
    0xa1, 0x01,                         /* application */
    0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, /* usage page: keyboard; modifiers */
    0x15, 0, 0x25, 1,                   /* 0..1 */
    0x75, 1, 0x95, 8, 0x81, 0x02,       /* eight of one bit: data, variable, absolute */
    0x95, 1, 0x75, 8, 0x81, 0x01,       /* a byte of padding */
    0x05, 0x08, 0x19, 1, 0x29, 5,       /* usage page: LEDs 1 to 5 */
    0x95, 5, 0x75, 1, 0x91, 0x02,       /* five of one bit: output */
    0x95, 1, 0x75, 3, 0x91, 0x01,       /* three bits of padding */
    0x15, 0, 0x26, 0xff, 0,             /* 0..255 */
    0x05, 0x07, 0x19, 0, 0x2a, 0xff, 0, /* usage page: keyboard; all */
    0x95, 6, 0x75, 8, 0x81, 0x00,       /* six bytes: data, array */
    0xc0,
};
/* clang-format on */

static const uint8_t hid_descriptor[] = HID_DESCRIPTOR(sizeof(report_descriptor));

static const struct usb_endpoint_desc endpoint = {
    .address = HID_EP_IN, .type = USB_EP_INTERRUPT, .max_packet = 8, .interval = 8};

static const struct usb_interface_desc interface = {
    .class_code = 3,
    .subclass = 1, /* boot */
    .protocol = 1, /* keyboard */
    .extra = hid_descriptor,
    .extra_len = sizeof(hid_descriptor),
    .endpoints = &endpoint,
    .endpoint_count = 1,
};

static const struct usb_config_desc config = {.value = 1,
                                              .attributes = USB_CONFIG_REMOTE_WAKEUP,
                                              .max_power = 50,
                                              .interfaces = &interface,
                                              .interface_count = 1};

static const struct usb_desc keyboard_desc = {
    .version = 0x0110,
    .max_packet0 = 8,
    .vendor = 0x0627,
    .product = 0x0001,
    .strings = {NULL, "doppel", "USB keyboard", NULL},
    .configs = &config,
    .config_count = 1,
};

/* --- reports -------------------------------------------------------------------------------------- */

static void write_report(const struct input_keys *down, uint8_t *buf)
{
    unsigned count = 0;

    memset(buf, 0, 2 + REPORT_KEYS);
    for (unsigned code = 0; code < INPUT_KEY_COUNT; code++) {
        unsigned usage = input_keys_has(down, code) ? usage_of_key(code) : 0;
        if (usage >= USAGE_MODIFIERS) {
            buf[0] |= (uint8_t)(1u << (usage - USAGE_MODIFIERS));
        } else if (usage && count++ < REPORT_KEYS) {
            buf[1 + count] = (uint8_t)usage;
        }
    }
    if (count > REPORT_KEYS) {
        memset(buf + 2, USAGE_ROLLOVER, REPORT_KEYS);
    }
}

/* One key at a time: pressed and released quickly, it is still seen. */
static bool keyboard_report(struct usb_hid *hid, uint8_t *buf, unsigned *len)
{
    struct usb_keyboard *k = keyboard_of(hid);
    struct input_key_event e;
    bool news = false;

    while (!news && input_key_pop(&k->keys, &e)) {
        news = usage_of_key(e.code) && !e.repeat;
    }
    write_report(&k->keys.told, buf);
    *len = 2 + REPORT_KEYS;
    return news;
}

static void key_event(void *opaque, unsigned code, bool down)
{
    struct usb_keyboard *k = opaque;

    if (usage_of_key(code) && !(down && input_keys_has(&k->keys.down, code)) &&
        input_key_push(&k->keys, code, down)) {
        usb_hid_changed(&k->hid);
    }
}

static void set_leds(struct usb_keyboard *k, uint8_t leds)
{
    k->leds = leds & 0x1f;
    input_set_leds(&k->hid.input, (leds & 1 ? INPUT_LED_NUM : 0u) |
                                      (leds & 2 ? INPUT_LED_CAPS : 0u) |
                                      (leds & 4 ? INPUT_LED_SCROLL : 0u));
}

static void keyboard_output(struct usb_hid *hid, uint8_t byte)
{
    set_leds(keyboard_of(hid), byte);
}

static uint8_t keyboard_get_output(struct usb_hid *hid)
{
    return keyboard_of(hid)->leds;
}

/* --- life ----------------------------------------------------------------------------------------- */

static void keyboard_reset(struct usb_hid *hid)
{
    struct usb_keyboard *k = keyboard_of(hid);

    input_key_queue_reset(&k->keys);
    set_leds(k, 0);
}

static const struct usb_hid_ops keyboard_ops = {
    .report_descriptor = report_descriptor,
    .report_descriptor_length = sizeof(report_descriptor),
    .idle = 125, /* half a second */
    .has_boot = true,
    .report = keyboard_report,
    .output = keyboard_output,
    .get_output = keyboard_get_output,
    .reset = keyboard_reset,
};

static struct usb_keyboard *to_keyboard(struct device *dev)
{
    return container_of(dev, struct usb_keyboard, hid.usb.dev);
}

static int keyboard_realize(struct device *dev, struct error **err)
{
    struct usb_keyboard *k = to_keyboard(dev);

    k->hid.input = (struct input_handler){.name = "USB keyboard", .key = key_event, .opaque = k};
    usb_hid_init(&k->hid, &keyboard_desc, &keyboard_ops);
    return 0;
}

static void keyboard_unrealize(struct device *dev)
{
    usb_hid_fini(&to_keyboard(dev)->hid);
}

static void keyboard_device_reset(struct device *dev, enum reset_kind kind)
{
    usb_device_reset(usb_device(dev));
}

static int keyboard_post_load(void *state, unsigned version, struct error **err)
{
    struct usb_keyboard *k = state;

    set_leds(k, k->leds);
    return 0;
}

static const struct vmstate keyboard_vmstate = {
    .name = "usb-kbd",
    .version = 1,
    .post_load = keyboard_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct usb_keyboard, hid, &usb_hid_vmstate),
            VM_STRUCT(struct usb_keyboard, keys, &input_key_queue_vmstate),
            VM_U8(struct usb_keyboard, leds),
            VM_END,
        },
};

DEVICE_DEFINE(usb_kbd, .name = "usb-kbd", .bus = BUS_USB, .help = "USB keyboard",
              .hotpluggable = true, .state_size = sizeof(struct usb_keyboard),
              .vmstate = &keyboard_vmstate, .realize = keyboard_realize,
              .unrealize = keyboard_unrealize, .reset = keyboard_device_reset);
