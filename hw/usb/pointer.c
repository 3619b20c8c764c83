/* SPDX-License-Identifier: MIT */
/*
 * usb-tablet and usb-mouse: pointers with five buttons, a wheel and a horizontal wheel. HID 1.11;
 * HID Usage Tables 1.12 (pages 1, 9, 12). The mouse also speaks the boot protocol (HID 1.11,
 * appendix B.2); the tablet has none, since that has no places.
 */
#include "hw/usb/hid.h"

#include "hw/core/vmstate.h"
#include "ui/input_queue.h"

struct usb_pointer {
    struct usb_hid hid;
    struct input_pointer_queue queue;
};

static struct usb_pointer *pointer_of(struct usb_hid *hid)
{
    return container_of(hid, struct usb_pointer, hid);
}

/* --- descriptors ---------------------------------------------------------------------------------- */

/* clang-format off */
#define BUTTONS                                                                                    \
    0x05, 0x09, 0x19, 1, 0x29, 5,    /* usage page: buttons 1 to 5 */                              \
    0x15, 0, 0x25, 1,                /* 0..1 */                                                    \
    0x95, 5, 0x75, 1, 0x81, 0x02,    /* five of one bit: data, variable, absolute */               \
    0x95, 1, 0x75, 3, 0x81, 0x01     /* three bits of padding */
#define WHEELS                                                                                     \
    0x05, 0x01, 0x09, 0x38,          /* generic desktop: wheel */                                  \
    0x15, 0x81, 0x25, 0x7f,          /* -127..127 */                                               \
    0x75, 8, 0x95, 1, 0x81, 0x06,    /* one byte: data, variable, relative */                      \
    0x05, 0x0c, 0x0a, 0x38, 0x02,    /* consumer: AC pan */                                        \
    0x95, 1, 0x81, 0x06
#define POINTER_BEGIN                                                                              \
    0x05, 0x01, 0x09, 0x02,          /* generic desktop: mouse */                                  \
    0xa1, 0x01, 0x09, 0x01,          /* application: pointer */                                    \
    0xa1, 0x00                       /* physical */
#define POINTER_END 0xc0, 0xc0

static const uint8_t mouse_report[] = {
    POINTER_BEGIN, BUTTONS,
    0x05, 0x01, 0x09, 0x30, 0x09, 0x31, /* generic desktop: X, Y */
    0x15, 0x81, 0x25, 0x7f,             /* -127..127 */
    0x75, 8, 0x95, 2, 0x81, 0x06,       /* two bytes: data, variable, relative */
    WHEELS, POINTER_END,
};

static const uint8_t tablet_report[] = {
    POINTER_BEGIN, BUTTONS,
    0x05, 0x01, 0x09, 0x30, 0x09, 0x31,             /* generic desktop: X, Y */
    0x15, 0, 0x26, 0xff, 0x7f,                      /* 0..32767 */
    0x35, 0, 0x46, 0xff, 0x7f,                      /* physically, too */
    0x75, 16, 0x95, 2, 0x81, 0x02,                  /* two words: data, variable, absolute */
    0x35, 0, 0x45, 0,                               /* physical range: as the logical one again */
    WHEELS, POINTER_END,
};
/* clang-format on */

static const uint8_t mouse_hid[] = HID_DESCRIPTOR(sizeof(mouse_report));
static const uint8_t tablet_hid[] = HID_DESCRIPTOR(sizeof(tablet_report));

/* Polled every 8 ms: faster than a screen is drawn. */
static const struct usb_endpoint_desc endpoint = {
    .address = HID_EP_IN, .type = USB_EP_INTERRUPT, .max_packet = 8, .interval = 8};

static const struct usb_interface_desc mouse_interface = {
    .class_code = 3,
    .subclass = 1, /* boot */
    .protocol = 2, /* mouse */
    .extra = mouse_hid,
    .extra_len = sizeof(mouse_hid),
    .endpoints = &endpoint,
    .endpoint_count = 1,
};

static const struct usb_interface_desc tablet_interface = {
    .class_code = 3,
    .extra = tablet_hid,
    .extra_len = sizeof(tablet_hid),
    .endpoints = &endpoint,
    .endpoint_count = 1,
};

#define POINTER_CONFIG(interface)                                                                  \
    {                                                                                              \
        .value = 1, .attributes = USB_CONFIG_REMOTE_WAKEUP, .max_power = 50,                       \
        .interfaces = &(interface), .interface_count = 1                                           \
    }

static const struct usb_config_desc mouse_config = POINTER_CONFIG(mouse_interface);
static const struct usb_config_desc tablet_config = POINTER_CONFIG(tablet_interface);

/* Vendor and product are those guests know the emulated devices of virtual machines by. */
#define POINTER_DESC(name, config)                                                                 \
    {                                                                                              \
        .version = 0x0110, .max_packet0 = 8, .vendor = 0x0627, .product = 0x0001,                  \
        .strings = {NULL, "doppel", name, NULL}, .configs = &(config), .config_count = 1           \
    }

static const struct usb_desc mouse_desc = POINTER_DESC("USB mouse", mouse_config);
static const struct usb_desc tablet_desc = POINTER_DESC("USB tablet", tablet_config);

/* --- reports -------------------------------------------------------------------------------------- */

static const struct input_pointer_limits limits = {127, 127};

/* HID's wheel turns away from the user. */
static bool mouse_get_report(struct usb_hid *hid, uint8_t *buf, unsigned *len)
{
    struct input_pointer_event e;
    bool news = input_pointer_pop(&pointer_of(hid)->queue, &limits, &e);
    bool boot = hid->protocol == HID_BOOT_PROTOCOL;

    buf[0] = e.buttons;
    buf[1] = (uint8_t)e.dx;
    buf[2] = (uint8_t)e.dy;
    buf[3] = (uint8_t)-e.dz;
    buf[4] = (uint8_t)e.dw;
    *len = boot ? 3 : 5;
    return news;
}

static bool tablet_get_report(struct usb_hid *hid, uint8_t *buf, unsigned *len)
{
    struct input_pointer_event e;
    bool news = input_pointer_pop(&pointer_of(hid)->queue, &limits, &e);

    buf[0] = e.buttons;
    st_le16(buf + 1, e.x);
    st_le16(buf + 3, e.y);
    buf[5] = (uint8_t)-e.dz;
    buf[6] = (uint8_t)e.dw;
    *len = 7;
    return news;
}

/* --- events --------------------------------------------------------------------------------------- */

static void announce(struct usb_pointer *p, bool news)
{
    if (news) {
        usb_hid_changed(&p->hid);
    }
}

static void pointer_move(void *opaque, int dx, int dy)
{
    struct usb_pointer *p = opaque;

    announce(p, input_pointer_move(&p->queue, dx, dy));
}

static void pointer_wheel(void *opaque, int dz, int dw)
{
    struct usb_pointer *p = opaque;

    announce(p, input_pointer_wheel(&p->queue, dz, dw));
}

static void pointer_move_to(void *opaque, unsigned x, unsigned y)
{
    struct usb_pointer *p = opaque;

    announce(p, input_pointer_move_to(&p->queue, x, y));
}

static void pointer_buttons(void *opaque, unsigned buttons)
{
    struct usb_pointer *p = opaque;

    announce(p, input_pointer_buttons(&p->queue, buttons));
}

/* --- life ----------------------------------------------------------------------------------------- */

static void pointer_reset(struct usb_hid *hid)
{
    input_pointer_queue_clear(&pointer_of(hid)->queue);
}

static const struct usb_hid_ops mouse_ops = {.report_descriptor = mouse_report,
                                             .report_descriptor_length = sizeof(mouse_report),
                                             .has_boot = true,
                                             .report = mouse_get_report,
                                             .reset = pointer_reset};
static const struct usb_hid_ops tablet_ops = {.report_descriptor = tablet_report,
                                              .report_descriptor_length = sizeof(tablet_report),
                                              .report = tablet_get_report,
                                              .reset = pointer_reset};

static struct usb_pointer *to_pointer(struct device *dev)
{
    return container_of(dev, struct usb_pointer, hid.usb.dev);
}

static int mouse_realize(struct device *dev, struct error **err)
{
    struct usb_pointer *p = to_pointer(dev);

    p->hid.input = (struct input_handler){.name = "USB mouse",
                                          .move = pointer_move,
                                          .wheel = pointer_wheel,
                                          .buttons = pointer_buttons,
                                          .opaque = p};
    usb_hid_init(&p->hid, &mouse_desc, &mouse_ops);
    return 0;
}

static int tablet_realize(struct device *dev, struct error **err)
{
    struct usb_pointer *p = to_pointer(dev);

    p->hid.input = (struct input_handler){.name = "USB tablet",
                                          .move_to = pointer_move_to,
                                          .wheel = pointer_wheel,
                                          .buttons = pointer_buttons,
                                          .opaque = p};
    usb_hid_init(&p->hid, &tablet_desc, &tablet_ops);
    return 0;
}

static void pointer_unrealize(struct device *dev)
{
    usb_hid_fini(&to_pointer(dev)->hid);
}

static void pointer_device_reset(struct device *dev, enum reset_kind kind)
{
    usb_device_reset(usb_device(dev));
}

static const struct vmstate pointer_vmstate = {
    .name = "usb-pointer",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct usb_pointer, hid, &usb_hid_vmstate),
            VM_STRUCT(struct usb_pointer, queue, &input_pointer_queue_vmstate),
            VM_END,
        },
};

DEVICE_DEFINE(usb_mouse, .name = "usb-mouse", .bus = BUS_USB, .help = "USB mouse",
              .hotpluggable = true, .state_size = sizeof(struct usb_pointer),
              .vmstate = &pointer_vmstate, .realize = mouse_realize, .unrealize = pointer_unrealize,
              .reset = pointer_device_reset);
DEVICE_DEFINE(usb_tablet, .name = "usb-tablet", .bus = BUS_USB,
              .help = "USB tablet: a pointer that takes places", .hotpluggable = true,
              .state_size = sizeof(struct usb_pointer), .vmstate = &pointer_vmstate,
              .realize = tablet_realize, .unrealize = pointer_unrealize,
              .reset = pointer_device_reset);
