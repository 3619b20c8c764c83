/* SPDX-License-Identifier: MIT */
/*
 * The HID class (Device Class Definition for HID 1.11, chapter 7): class requests, the interrupt
 * endpoint, idle time. A device becomes the one in use when the host first polls it, and is it no
 * longer after a bus reset: until the guest has a driver for it, events go to the PS/2 devices.
 */
#include "hw/usb/hid.h"

#include "hw/core/vmstate.h"

enum {
    HID_GET_REPORT = 1,
    HID_GET_IDLE = 2,
    HID_GET_PROTOCOL = 3,
    HID_SET_REPORT = 9,
    HID_SET_IDLE = 10,
    HID_SET_PROTOCOL = 11
};
enum { HID_REPORT_INPUT = 1, HID_REPORT_OUTPUT = 2 };

#define IDLE_UNIT (4 * NS_PER_MS)

static struct usb_hid *hid_of(struct usb_device *usb)
{
    return container_of(usb, struct usb_hid, usb);
}

/* --- requests ------------------------------------------------------------------------------------- */

static int get_descriptor(struct usb_hid *hid, const struct usb_setup *s, uint8_t *data)
{
    const struct usb_interface_desc *i = hid->usb.desc->configs[0].interfaces;

    if (s->value == HID_DT_REPORT << 8) {
        memcpy(data, hid->hid_ops->report_descriptor, hid->hid_ops->report_descriptor_length);
        return hid->hid_ops->report_descriptor_length;
    }
    if (s->value == i->extra[1] << 8) {
        memcpy(data, i->extra, i->extra_len);
        return i->extra_len;
    }
    return USB_REQUEST_STALL;
}

static int get_report(struct usb_hid *hid, const struct usb_setup *s, uint8_t *data)
{
    unsigned len = 1;

    if (s->value == HID_REPORT_INPUT << 8) {
        hid->hid_ops->report(hid, data, &len);
        return (int)len;
    }
    if (s->value == HID_REPORT_OUTPUT << 8 && hid->hid_ops->get_output) {
        data[0] = hid->hid_ops->get_output(hid);
        return (int)len;
    }
    return USB_REQUEST_STALL;
}

static int set_report(struct usb_hid *hid, const struct usb_setup *s, uint8_t *data)
{
    if (s->value != HID_REPORT_OUTPUT << 8 || s->length < 1 || !hid->hid_ops->output) {
        return USB_REQUEST_STALL;
    }
    hid->hid_ops->output(hid, data[0]);
    return 0;
}

static int get_idle(struct usb_hid *hid, const struct usb_setup *s, uint8_t *data)
{
    data[0] = hid->idle;
    return 1;
}

static int set_idle(struct usb_hid *hid, const struct usb_setup *s, uint8_t *data)
{
    hid->idle = (uint8_t)(s->value >> 8);
    hid->reported = clock_now(CLK_VIRTUAL);
    return s->value & 0xff ? USB_REQUEST_STALL : 0; /* there is report 0 only */
}

static int get_protocol(struct usb_hid *hid, const struct usb_setup *s, uint8_t *data)
{
    data[0] = hid->protocol;
    return hid->hid_ops->has_boot ? 1 : USB_REQUEST_STALL;
}

static int set_protocol(struct usb_hid *hid, const struct usb_setup *s, uint8_t *data)
{
    if (!hid->hid_ops->has_boot || s->value > HID_REPORT_PROTOCOL) {
        return USB_REQUEST_STALL;
    }
    hid->protocol = (uint8_t)s->value;
    return 0;
}

/* clang-format off */
static const struct hid_request {
    uint8_t type, request;
    int (*run)(struct usb_hid *hid, const struct usb_setup *s, uint8_t *data);
} requests[] = {
    {USB_DIR_IN | USB_TYPE_STANDARD | USB_TO_INTERFACE, USB_GET_DESCRIPTOR, get_descriptor},
    {USB_DIR_IN | USB_TYPE_CLASS | USB_TO_INTERFACE,    HID_GET_REPORT,     get_report},
    {USB_DIR_IN | USB_TYPE_CLASS | USB_TO_INTERFACE,    HID_GET_IDLE,       get_idle},
    {USB_DIR_IN | USB_TYPE_CLASS | USB_TO_INTERFACE,    HID_GET_PROTOCOL,   get_protocol},
    {USB_TYPE_CLASS | USB_TO_INTERFACE,                 HID_SET_REPORT,     set_report},
    {USB_TYPE_CLASS | USB_TO_INTERFACE,                 HID_SET_IDLE,       set_idle},
    {USB_TYPE_CLASS | USB_TO_INTERFACE,                 HID_SET_PROTOCOL,   set_protocol},
};
/* clang-format on */

static int hid_request(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    for (unsigned i = 0; i < ARRAY_SIZE(requests) && s->index == 0; i++) {
        if (requests[i].type == s->type && requests[i].request == s->request) {
            return requests[i].run(hid_of(usb), s, data);
        }
    }
    return USB_REQUEST_STALL;
}

/* --- reports -------------------------------------------------------------------------------------- */

static bool idle_is_over(const struct usb_hid *hid)
{
    return hid->idle && clock_now(CLK_VIRTUAL) - hid->reported >= hid->idle * IDLE_UNIT;
}

static void set_active(struct usb_hid *hid, bool active)
{
    if (hid->active != active) {
        hid->active = active;
        (active ? input_activate : input_deactivate)(&hid->input);
    }
}

static enum usb_result hid_packet(struct usb_device *usb, struct usb_packet *p)
{
    struct usb_hid *hid = hid_of(usb);
    uint8_t report[HID_REPORT_MAX];
    unsigned len = 0;

    set_active(hid, true);
    if (!hid->hid_ops->report(hid, report, &len) && !idle_is_over(hid)) {
        return USB_NAK;
    }
    hid->reported = clock_now(CLK_VIRTUAL);
    if (len > p->len) {
        return USB_BABBLE;
    }
    memcpy(p->data, report, len);
    p->done = len;
    return USB_ACK;
}

/* --- life ----------------------------------------------------------------------------------------- */

static void hid_bus_reset(struct usb_device *usb)
{
    struct usb_hid *hid = hid_of(usb);

    hid->protocol = HID_REPORT_PROTOCOL;
    hid->idle = hid->hid_ops->idle;
    hid->reported = 0;
    set_active(hid, false);
    hid->hid_ops->reset(hid);
}

static void hid_configured(struct usb_device *usb)
{
    struct usb_hid *hid = hid_of(usb);

    if (!usb->config) {
        set_active(hid, false);
    }
    hid->reported = clock_now(CLK_VIRTUAL);
}

static const struct usb_device_ops hid_device_ops = {.bus_reset = hid_bus_reset,
                                                     .configured = hid_configured,
                                                     .request = hid_request,
                                                     .packet = hid_packet};

void usb_hid_init(struct usb_hid *hid, const struct usb_desc *desc, const struct usb_hid_ops *ops)
{
    hid->hid_ops = ops;
    hid->protocol = HID_REPORT_PROTOCOL;
    usb_device_init(&hid->usb, desc, &hid_device_ops);
    input_register_idle(&hid->input);
}

void usb_hid_fini(struct usb_hid *hid)
{
    input_unregister(&hid->input);
}

static int hid_post_load(void *state, unsigned version, struct error **err)
{
    struct usb_hid *hid = state;

    (hid->active ? input_activate : input_deactivate)(&hid->input);
    return 0;
}

const struct vmstate usb_hid_vmstate = {
    .name = "usb-hid",
    .version = 1,
    .post_load = hid_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct usb_hid, usb, &usb_device_vmstate),
            VM_U8(struct usb_hid, protocol),
            VM_U8(struct usb_hid, idle),
            VM_S64(struct usb_hid, reported),
            VM_BOOL(struct usb_hid, active),
            VM_END,
        },
};
