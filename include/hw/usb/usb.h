/* SPDX-License-Identifier: MIT */
/*
 * USB: packets, devices, ports and buses. Universal Serial Bus Specification 2.0 (chapters 5, 8 and
 * 9); full and low speed.
 *
 * A device is a struct that begins with struct usb_device, tables of descriptors, and ops:
 *
 *   struct foo { struct usb_device usb; ... };
 *   static int foo_realize(struct device *dev, struct error **err)
 *   {
 *       struct foo *s = container_of(dev, struct foo, usb.dev);
 *       usb_device_init(&s->usb, &foo_desc, &foo_ops);
 *       return 0;
 *   }
 *   vmstate: VM_STRUCT(struct foo, usb, &usb_device_vmstate) comes first.
 *   reset: usb_device_reset(&s->usb).
 *
 * The core answers the standard requests from the tables and assembles control transfers; the
 * device sees whole requests, and packets of its other endpoints. Everything a host controller
 * hands over is the guest's: lengths and numbers are checked here.
 *
 * Device lock held everywhere.
 */
#ifndef HW_USB_USB_H
#define HW_USB_USB_H

#include "hw/core/device.h"

struct usb_device;
struct usb_port;
struct vmstate;

/* --- packets -------------------------------------------------------------------------------------- */

enum usb_pid { USB_PID_OUT = 0xe1, USB_PID_IN = 0x69, USB_PID_SETUP = 0x2d };

enum usb_result {
    USB_ACK,
    USB_NAK,     /* not now; usb_device_ready() tells when */
    USB_STALL,   /* a request it does not know, or a halted endpoint */
    USB_BABBLE,  /* more data than there is room for */
    USB_TIMEOUT, /* nobody answers */
    USB_ASYNC    /* the device has kept the packet; `complete` comes, later; not from endpoint 0 */
};

#define USB_PACKET_MAX 1280 /* bytes; what a frame of full speed has room for */

/* One transaction. Filled by the controller up to `complete`. */
struct usb_packet {
    enum usb_pid pid;
    uint8_t endpoint; /* 0..15 */
    uint8_t *data;    /* to the device, or room for what comes from it */
    uint32_t len;
    void (*complete)(struct usb_packet *p); /* NULL: must not become USB_ASYNC */
    uint32_t done;                          /* bytes in `data` that have come or been taken */
    enum usb_result result;                 /* for complete() */
};

/* --- descriptors ---------------------------------------------------------------------------------- */

/* clang-format off */
enum { USB_DIR_OUT = 0, USB_DIR_IN = 0x80 };
enum { USB_TYPE_STANDARD = 0, USB_TYPE_CLASS = 0x20, USB_TYPE_VENDOR = 0x40, USB_TYPE_MASK = 0x60 };
enum { USB_TO_DEVICE = 0, USB_TO_INTERFACE = 1, USB_TO_ENDPOINT = 2, USB_TO_OTHER = 3, USB_TO_MASK = 0x1f };
enum { USB_GET_STATUS = 0, USB_CLEAR_FEATURE = 1, USB_SET_FEATURE = 3, USB_SET_ADDRESS = 5,
       USB_GET_DESCRIPTOR = 6, USB_SET_DESCRIPTOR = 7, USB_GET_CONFIGURATION = 8,
       USB_SET_CONFIGURATION = 9, USB_GET_INTERFACE = 10, USB_SET_INTERFACE = 11 };
enum { USB_DT_DEVICE = 1, USB_DT_CONFIG = 2, USB_DT_STRING = 3, USB_DT_INTERFACE = 4, USB_DT_ENDPOINT = 5 };
enum { USB_FEATURE_HALT = 0, USB_FEATURE_REMOTE_WAKEUP = 1 };
enum { USB_CONFIG_ONE = 0x80, USB_CONFIG_SELF_POWERED = 0x40, USB_CONFIG_REMOTE_WAKEUP = 0x20 };
enum { USB_EP_CONTROL = 0, USB_EP_ISOCHRONOUS = 1, USB_EP_BULK = 2, USB_EP_INTERRUPT = 3 };
/* clang-format on */

enum usb_speed { USB_FULL_SPEED, USB_LOW_SPEED };

struct usb_endpoint_desc {
    uint8_t address; /* with USB_DIR_IN */
    uint8_t type;    /* USB_EP_* */
    uint16_t max_packet;
    uint8_t interval;
};

struct usb_interface_desc {
    uint8_t number, alternate;
    uint8_t class_code, subclass, protocol;
    const uint8_t *extra; /* class descriptors between interface and endpoints */
    uint8_t extra_len;
    const struct usb_endpoint_desc *endpoints;
    uint8_t endpoint_count;
};

struct usb_config_desc {
    uint8_t value;
    uint8_t attributes; /* USB_CONFIG_* */
    uint8_t max_power;  /* 2 mA */
    const struct usb_interface_desc *interfaces;
    uint8_t interface_count; /* alternate settings, too */
};

enum { USB_STRING_MANUFACTURER = 1, USB_STRING_PRODUCT, USB_STRING_SERIAL, USB_STRINGS };

struct usb_desc {
    uint16_t version; /* bcdUSB */
    uint8_t class_code, subclass, protocol;
    uint8_t max_packet0;
    uint16_t vendor, product, release;
    enum usb_speed speed;
    const char *strings[USB_STRINGS]; /* ASCII; NULL: none */
    const struct usb_config_desc *configs;
    uint8_t config_count;
};

/* --- devices -------------------------------------------------------------------------------------- */

struct usb_setup {
    uint8_t type; /* USB_DIR_* | USB_TYPE_* | USB_TO_* */
    uint8_t request;
    uint16_t value, index, length;
};

#define USB_CONTROL_MAX    1024 /* bytes of a control transfer's data */
#define USB_INTERFACES_MAX 4
#define USB_REQUEST_STALL  (-1)

struct usb_device_ops {
    /* Back to the state after a bus reset, with configuration 0. */
    void (*bus_reset)(struct usb_device *usb);
    /* usb->config has changed (0: not configured). */
    void (*configured)(struct usb_device *usb);
    /*
     * A request that is none of the device's standard ones. To the host: fills `data` (room for
     * USB_CONTROL_MAX bytes) and returns how many bytes; from the host: `data` has setup->length
     * bytes, returns 0. Or USB_REQUEST_STALL.
     */
    int (*request)(struct usb_device *usb, const struct usb_setup *setup, uint8_t *data);
    /* A packet for an endpoint the configuration has; at most its max_packet bytes. Sets p->done. */
    enum usb_result (*packet)(struct usb_device *usb, struct usb_packet *p);
    /* The controller takes an asynchronous packet back: forget it. */
    void (*cancel)(struct usb_device *usb, struct usb_packet *p);
    /* Hubs: the device of this address behind an enabled port. */
    struct usb_device *(*find)(struct usb_device *usb, uint8_t address);
};

/* First member of every device. */
struct usb_device {
    struct device dev;
    const struct usb_desc *desc;
    const struct usb_device_ops *ops;
    struct usb_port *port; /* NULL: not plugged */

    uint8_t address, config;
    bool remote_wakeup; /* the host allows it */
    uint8_t alternate[USB_INTERFACES_MAX];
    uint32_t halted; /* bit n: OUT endpoint n, bit 16 + n: IN endpoint n */

    /* Control transfer under way. */
    uint8_t stage;
    uint8_t setup[8];
    uint16_t control_len, control_pos;
    uint8_t control[USB_CONTROL_MAX];

    char *prop_port;
};

extern const struct vmstate usb_device_vmstate;

static inline struct usb_device *usb_device(struct device *dev)
{
    return container_of(dev, struct usb_device, dev);
}

/* At realize. */
void usb_device_init(struct usb_device *usb, const struct usb_desc *desc,
                     const struct usb_device_ops *ops);

/* Bus reset and power-on: address 0, not configured. */
void usb_device_reset(struct usb_device *usb);

/* An endpoint that has said NAK would say something else now. */
void usb_device_ready(struct usb_device *usb);

const struct usb_endpoint_desc *usb_find_endpoint(const struct usb_device *usb, uint8_t address);

/* --- for controllers and hubs --------------------------------------------------------------------- */

enum usb_result usb_handle_packet(struct usb_device *usb, struct usb_packet *p);
/* Of a packet that became USB_ASYNC; complete() will not be called. */
void usb_cancel_packet(struct usb_device *usb, struct usb_packet *p);

struct usb_port_ops {
    void (*attached)(struct usb_port *port);
    void (*detached)(struct usb_port *port); /* port->usb is still there */
    void (*ready)(struct usb_port *port);    /* usb_device_ready() of it or of one behind it */
};

struct usb_bus {
    struct bus bus;
    TAILQ_HEAD(, usb_port) ports; /* hubs' ports, too */
    /* The controller takes back what it has left with the device. NULL: nothing. */
    void (*flush)(struct usb_bus *bus, const struct usb_device *usb);
};

struct usb_port {
    struct usb_bus *bus;
    struct usb_device *hub; /* NULL: a port of the controller */
    struct usb_device *usb; /* NULL: empty */
    const struct usb_port_ops *ops;
    void *opaque;
    unsigned index; /* from 0 */
    char path[24];  /* "1", "1.4" */
    TAILQ_ENTRY(usb_port) link;
};

/* Of controller `parent`: "ID.0" if it has an id, else "usb-bus.0" ... -EEXIST with err. */
int usb_bus_init(struct usb_bus *bus, struct device *parent, struct error **err);
void usb_bus_fini(struct usb_bus *bus);

void usb_port_add(struct usb_bus *bus, struct usb_port *port, struct usb_device *hub,
                  unsigned index, const struct usb_port_ops *ops, void *opaque);
void usb_port_remove(struct usb_port *port);

/* The device with this address at the (enabled) port or behind it; NULL if nothing answers. */
struct usb_device *usb_port_find(const struct usb_port *port, uint8_t address);

#endif
