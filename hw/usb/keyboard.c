/* SPDX-License-Identifier: MIT */
/*
 * usb-kbd: a USB keyboard with LEDs. HID 1.11 (appendix B.1: the boot protocol's report, which is the
 * report protocol's too), HID Usage Tables 1.12 (page 7).
 *
 * The host repeats keys, the user's repeats are dropped.
 */
#include <linux/input-event-codes.h>

#include "hw/core/vmstate.h"
#include "hw/usb/hid.h"
#include "ui/input_queue.h"

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

/* --- usages --------------------------------------------------------------------------------------- */

/* clang-format off */
static const uint8_t usages[] = {
    [KEY_A] = 0x04, [KEY_B] = 0x05, [KEY_C] = 0x06, [KEY_D] = 0x07, [KEY_E] = 0x08, [KEY_F] = 0x09,
    [KEY_G] = 0x0a, [KEY_H] = 0x0b, [KEY_I] = 0x0c, [KEY_J] = 0x0d, [KEY_K] = 0x0e, [KEY_L] = 0x0f,
    [KEY_M] = 0x10, [KEY_N] = 0x11, [KEY_O] = 0x12, [KEY_P] = 0x13, [KEY_Q] = 0x14, [KEY_R] = 0x15,
    [KEY_S] = 0x16, [KEY_T] = 0x17, [KEY_U] = 0x18, [KEY_V] = 0x19, [KEY_W] = 0x1a, [KEY_X] = 0x1b,
    [KEY_Y] = 0x1c, [KEY_Z] = 0x1d, [KEY_1] = 0x1e, [KEY_2] = 0x1f, [KEY_3] = 0x20, [KEY_4] = 0x21,
    [KEY_5] = 0x22, [KEY_6] = 0x23, [KEY_7] = 0x24, [KEY_8] = 0x25, [KEY_9] = 0x26, [KEY_0] = 0x27,
    [KEY_ENTER] = 0x28, [KEY_ESC] = 0x29, [KEY_BACKSPACE] = 0x2a, [KEY_TAB] = 0x2b,
    [KEY_SPACE] = 0x2c, [KEY_MINUS] = 0x2d, [KEY_EQUAL] = 0x2e, [KEY_LEFTBRACE] = 0x2f,
    [KEY_RIGHTBRACE] = 0x30, [KEY_BACKSLASH] = 0x31, [KEY_SEMICOLON] = 0x33,
    [KEY_APOSTROPHE] = 0x34, [KEY_GRAVE] = 0x35, [KEY_COMMA] = 0x36, [KEY_DOT] = 0x37,
    [KEY_SLASH] = 0x38, [KEY_CAPSLOCK] = 0x39,
    [KEY_F1] = 0x3a, [KEY_F2] = 0x3b, [KEY_F3] = 0x3c, [KEY_F4] = 0x3d, [KEY_F5] = 0x3e,
    [KEY_F6] = 0x3f, [KEY_F7] = 0x40, [KEY_F8] = 0x41, [KEY_F9] = 0x42, [KEY_F10] = 0x43,
    [KEY_F11] = 0x44, [KEY_F12] = 0x45, [KEY_SYSRQ] = 0x46, [KEY_SCROLLLOCK] = 0x47,
    [KEY_PAUSE] = 0x48, [KEY_INSERT] = 0x49, [KEY_HOME] = 0x4a, [KEY_PAGEUP] = 0x4b,
    [KEY_DELETE] = 0x4c, [KEY_END] = 0x4d, [KEY_PAGEDOWN] = 0x4e, [KEY_RIGHT] = 0x4f,
    [KEY_LEFT] = 0x50, [KEY_DOWN] = 0x51, [KEY_UP] = 0x52, [KEY_NUMLOCK] = 0x53,
    [KEY_KPSLASH] = 0x54, [KEY_KPASTERISK] = 0x55, [KEY_KPMINUS] = 0x56, [KEY_KPPLUS] = 0x57,
    [KEY_KPENTER] = 0x58, [KEY_KP1] = 0x59, [KEY_KP2] = 0x5a, [KEY_KP3] = 0x5b, [KEY_KP4] = 0x5c,
    [KEY_KP5] = 0x5d, [KEY_KP6] = 0x5e, [KEY_KP7] = 0x5f, [KEY_KP8] = 0x60, [KEY_KP9] = 0x61,
    [KEY_KP0] = 0x62, [KEY_KPDOT] = 0x63, [KEY_102ND] = 0x64, [KEY_COMPOSE] = 0x65,
    [KEY_POWER] = 0x66, [KEY_KPEQUAL] = 0x67,
    [KEY_F13] = 0x68, [KEY_F14] = 0x69, [KEY_F15] = 0x6a, [KEY_F16] = 0x6b, [KEY_F17] = 0x6c,
    [KEY_F18] = 0x6d, [KEY_F19] = 0x6e, [KEY_F20] = 0x6f, [KEY_F21] = 0x70, [KEY_F22] = 0x71,
    [KEY_F23] = 0x72, [KEY_F24] = 0x73, [KEY_OPEN] = 0x74, [KEY_HELP] = 0x75, [KEY_PROPS] = 0x76,
    [KEY_FRONT] = 0x77, [KEY_STOP] = 0x78, [KEY_AGAIN] = 0x79, [KEY_UNDO] = 0x7a, [KEY_CUT] = 0x7b,
    [KEY_COPY] = 0x7c, [KEY_PASTE] = 0x7d, [KEY_FIND] = 0x7e, [KEY_MUTE] = 0x7f,
    [KEY_VOLUMEUP] = 0x80, [KEY_VOLUMEDOWN] = 0x81, [KEY_KPCOMMA] = 0x85, [KEY_RO] = 0x87,
    [KEY_KATAKANAHIRAGANA] = 0x88, [KEY_YEN] = 0x89, [KEY_HENKAN] = 0x8a, [KEY_MUHENKAN] = 0x8b,
    [KEY_KPJPCOMMA] = 0x8c, [KEY_HANGEUL] = 0x90, [KEY_HANJA] = 0x91, [KEY_KATAKANA] = 0x92,
    [KEY_HIRAGANA] = 0x93, [KEY_ZENKAKUHANKAKU] = 0x94,
    [KEY_LEFTCTRL] = 0xe0, [KEY_LEFTSHIFT] = 0xe1, [KEY_LEFTALT] = 0xe2, [KEY_LEFTMETA] = 0xe3,
    [KEY_RIGHTCTRL] = 0xe4, [KEY_RIGHTSHIFT] = 0xe5, [KEY_RIGHTALT] = 0xe6, [KEY_RIGHTMETA] = 0xe7,
};

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

static unsigned usage_of(unsigned code)
{
    return code < ARRAY_SIZE(usages) ? usages[code] : 0;
}

static void write_report(const struct input_keys *down, uint8_t *buf)
{
    unsigned count = 0;

    memset(buf, 0, 2 + REPORT_KEYS);
    for (unsigned code = 0; code < ARRAY_SIZE(usages); code++) {
        unsigned usage = input_keys_has(down, code) ? usages[code] : 0;
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
        news = usage_of(e.code) && !e.repeat;
    }
    write_report(&k->keys.told, buf);
    *len = 2 + REPORT_KEYS;
    return news;
}

static void key_event(void *opaque, unsigned code, bool down)
{
    struct usb_keyboard *k = opaque;

    if (usage_of(code) && !(down && input_keys_has(&k->keys.down, code)) &&
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
