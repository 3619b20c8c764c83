/* SPDX-License-Identifier: MIT */
/*
 * What USB keyboards, mice and tablets share: one interface with one interrupt endpoint, the
 * requests of the HID class, idle time, and their place among the input devices. Device Class
 * Definition for Human Interface Devices 1.11.
 */
#ifndef HW_USB_HID_H
#define HW_USB_HID_H

#include "hw/core/clock.h"
#include "hw/usb/usb.h"
#include "ui/input.h"

#define HID_REPORT_MAX 16
#define HID_EP_IN      0x81

#define HID_DESCRIPTOR_LENGTH 9
#define HID_DT_REPORT         0x22

/* The class descriptor: HID 1.11, no country, one report descriptor of this length. */
#define HID_DESCRIPTOR(report_length)                                                              \
    {                                                                                              \
        HID_DESCRIPTOR_LENGTH, 0x21, 0x11, 0x01, 0, 1, HID_DT_REPORT, (report_length)&0xff,        \
            (report_length) >> 8                                                                   \
    }

enum { HID_BOOT_PROTOCOL, HID_REPORT_PROTOCOL };

struct usb_hid;

struct usb_hid_ops {
    const uint8_t *report_descriptor;
    uint16_t report_descriptor_length;
    uint8_t idle;  /* of the default idle time, 4 ms; 0: reports only what is new */
    bool has_boot; /* knows the boot protocol */
    /* The next report; false: there is nothing new, it is that of the present state. */
    bool (*report)(struct usb_hid *hid, uint8_t *buf, unsigned *len);
    /* An output report. NULL: there is none. */
    void (*output)(struct usb_hid *hid, uint8_t byte);
    uint8_t (*get_output)(struct usb_hid *hid);
    /* The host does not know the state any more. */
    void (*reset)(struct usb_hid *hid);
};

struct usb_hid {
    struct usb_device usb;
    const struct usb_hid_ops *hid_ops;
    struct input_handler input;
    uint8_t protocol, idle;
    int64_t reported; /* when, virtual clock */
    bool active;      /* the host polls it: it is in use */
};

extern const struct vmstate usb_hid_vmstate;

/* At realize and unrealize; hid->input has been filled. */
void usb_hid_init(struct usb_hid *hid, const struct usb_desc *desc, const struct usb_hid_ops *ops);
void usb_hid_fini(struct usb_hid *hid);

/* There is something new. */
static inline void usb_hid_changed(struct usb_hid *hid)
{
    usb_device_ready(&hid->usb);
}

#endif
