/* SPDX-License-Identifier: MIT */
/*
 * usb-hub: a full-speed hub with four ports (USB 2.0, chapter 11). Ports are powered one by one;
 * over-current never happens.
 *
 * Not modelled: transaction translators, port indicators, resume signalling takes no time.
 */
#include "hw/core/vmstate.h"
#include "hw/usb/usb.h"
#include "util/error.h"

#define HUB_PORTS 4
#define HUB_DEPTH 5 /* hubs behind one another, 4.1.1 */

/* clang-format off */
enum { HUB_GET_STATUS = 0, HUB_CLEAR_FEATURE = 1, HUB_SET_FEATURE = 3, HUB_GET_DESCRIPTOR = 6 };
enum { PORT_CONNECTION = 0x0001, PORT_ENABLE = 0x0002, PORT_SUSPEND = 0x0004, PORT_OVER_CURRENT = 0x0008,
       PORT_RESET = 0x0010, PORT_POWER = 0x0100, PORT_LOW_SPEED = 0x0200 };
/* Features; of changes: 16 more than the bit's number. */
enum { FEATURE_ENABLE = 1, FEATURE_SUSPEND = 2, FEATURE_RESET = 4, FEATURE_POWER = 8,
       FEATURE_C_FIRST = 16, FEATURE_C_LAST = 20 };
/* clang-format on */

#define HUB_DESCRIPTOR 0x29
#define HUB_EP_IN      0x81

struct usb_hub;

struct hub_port {
    struct usb_port port;
    struct usb_hub *hub;
    uint16_t status, change;
};

struct usb_hub {
    struct usb_device usb;
    struct hub_port ports[HUB_PORTS];
};

static struct usb_hub *hub_of(struct usb_device *usb)
{
    return container_of(usb, struct usb_hub, usb);
}

/* --- descriptors ---------------------------------------------------------------------------------- */

static const struct usb_endpoint_desc endpoint = {
    .address = HUB_EP_IN, .type = USB_EP_INTERRUPT, .max_packet = 1, .interval = 255};
static const struct usb_interface_desc interface = {
    .class_code = 9, .endpoints = &endpoint, .endpoint_count = 1};
static const struct usb_config_desc config = {.value = 1,
                                              .attributes = USB_CONFIG_SELF_POWERED |
                                                            USB_CONFIG_REMOTE_WAKEUP,
                                              .interfaces = &interface,
                                              .interface_count = 1};
static const struct usb_desc hub_desc = {
    .version = 0x0110,
    .class_code = 9,
    .max_packet0 = 8,
    .vendor = 0x0409,
    .product = 0x55aa,
    .release = 0x0101,
    .strings = {NULL, "doppel", "USB hub", NULL},
    .configs = &config,
    .config_count = 1,
};

/* --- ports ---------------------------------------------------------------------------------------- */

static void changed(struct hub_port *p, uint16_t bits)
{
    p->change |= bits;
    usb_device_ready(&p->hub->usb);
}

/* What is plugged in shows while the port has power. */
static void set_connected(struct hub_port *p)
{
    const struct usb_device *usb = p->port.usb;

    if (usb && (p->status & PORT_POWER) && !(p->status & PORT_CONNECTION)) {
        p->status |= PORT_CONNECTION;
        p->status |= usb->desc->speed == USB_LOW_SPEED ? PORT_LOW_SPEED : 0;
        changed(p, PORT_CONNECTION);
    }
}

static void port_attached(struct usb_port *port)
{
    set_connected(port->opaque);
}

static void port_detached(struct usb_port *port)
{
    struct hub_port *p = port->opaque;
    uint16_t was = p->status;

    p->status &= PORT_POWER;
    if (was & PORT_CONNECTION) {
        changed(p, PORT_CONNECTION);
    }
}

/* Data behind the hub: the controller's business, unless the port sleeps. */
static void port_ready(struct usb_port *port)
{
    struct hub_port *p = port->opaque;

    if (!(p->status & PORT_SUSPEND)) {
        usb_device_ready(&p->hub->usb);
    } else if (port->usb->remote_wakeup) {
        p->status &= (uint16_t)~PORT_SUSPEND;
        changed(p, PORT_SUSPEND);
    }
}

static const struct usb_port_ops port_ops = {
    .attached = port_attached, .detached = port_detached, .ready = port_ready};

static struct usb_device *hub_find(struct usb_device *usb, uint8_t address)
{
    struct usb_hub *hub = hub_of(usb);

    for (unsigned i = 0; i < HUB_PORTS; i++) {
        const struct hub_port *p = &hub->ports[i];
        bool on = (p->status & PORT_ENABLE) && !(p->status & PORT_SUSPEND);
        struct usb_device *found = on ? usb_port_find(&p->port, address) : NULL;
        if (found) {
            return found;
        }
    }
    return NULL;
}

/* --- requests ------------------------------------------------------------------------------------- */

/* It is over at once, and the port is enabled (11.5.1.5). */
static void reset_port(struct hub_port *p)
{
    if (p->status & PORT_CONNECTION) {
        usb_device_reset(p->port.usb);
        p->status &= (uint16_t)~PORT_SUSPEND;
        p->status |= PORT_ENABLE;
        changed(p, PORT_RESET);
    }
}

static int set_port_feature(struct hub_port *p, unsigned feature)
{
    switch (feature) {
    case FEATURE_SUSPEND:
        p->status |= p->status & PORT_ENABLE ? PORT_SUSPEND : 0;
        return 0;
    case FEATURE_RESET:
        reset_port(p);
        return 0;
    case FEATURE_POWER:
        p->status |= PORT_POWER;
        set_connected(p);
        return 0;
    }
    return USB_REQUEST_STALL;
}

static int clear_port_feature(struct hub_port *p, unsigned feature)
{
    switch (feature) {
    case FEATURE_ENABLE:
        p->status &= (uint16_t) ~(PORT_ENABLE | PORT_SUSPEND);
        return 0;
    case FEATURE_SUSPEND:
        if (p->status & PORT_SUSPEND) {
            p->status &= (uint16_t)~PORT_SUSPEND;
            changed(p, PORT_SUSPEND);
        }
        return 0;
    case FEATURE_POWER:
        p->status = p->change = 0;
        return 0;
    case FEATURE_C_FIRST ... FEATURE_C_LAST:
        p->change &= (uint16_t) ~(1u << (feature - FEATURE_C_FIRST));
        return 0;
    }
    return USB_REQUEST_STALL;
}

static int port_request(struct usb_hub *hub, const struct usb_setup *s, uint8_t *data)
{
    unsigned n = s->index - 1u;
    struct hub_port *p = &hub->ports[n < HUB_PORTS ? n : 0];

    if (n >= HUB_PORTS) {
        return USB_REQUEST_STALL;
    }
    if (s->type & USB_DIR_IN) {
        st_le16(data, p->status);
        st_le16(data + 2, p->change);
        return s->request == HUB_GET_STATUS ? 4 : USB_REQUEST_STALL;
    }
    if (s->request == HUB_SET_FEATURE) {
        return set_port_feature(p, s->value);
    }
    return s->request == HUB_CLEAR_FEATURE ? clear_port_feature(p, s->value) : USB_REQUEST_STALL;
}

static int get_descriptor(uint8_t *data)
{
    static const uint8_t descriptor[] = {
        9, HUB_DESCRIPTOR, HUB_PORTS, 0x0a,
        0,       /* power switched per port, no over-current protection */
        1,       /* power is good 2 ms after it is on */
        0,       /* mA the hub itself draws */
        0, 0xff, /* every device can be removed */
    };

    memcpy(data, descriptor, sizeof(descriptor));
    return sizeof(descriptor);
}

/* Of the hub itself: power is there, and nothing ever changes. */
static int whole_request(const struct usb_setup *s, uint8_t *data)
{
    if (s->type & USB_DIR_IN) {
        memset(data, 0, 4);
        return s->request == HUB_GET_DESCRIPTOR && s->value >> 8 == HUB_DESCRIPTOR
                   ? get_descriptor(data)
               : s->request == HUB_GET_STATUS ? 4
                                              : USB_REQUEST_STALL;
    }
    return s->request == HUB_CLEAR_FEATURE && s->value <= 1 ? 0 : USB_REQUEST_STALL;
}

static int hub_request(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    unsigned recipient = s->type & USB_TO_MASK;

    if ((s->type & USB_TYPE_MASK) != USB_TYPE_CLASS) {
        return USB_REQUEST_STALL;
    }
    if (recipient == USB_TO_OTHER) {
        return port_request(hub_of(usb), s, data);
    }
    return recipient == USB_TO_DEVICE ? whole_request(s, data) : USB_REQUEST_STALL;
}

/* A bit for each port that has changed. */
static enum usb_result hub_packet(struct usb_device *usb, struct usb_packet *p)
{
    struct usb_hub *hub = hub_of(usb);
    uint8_t bits = 0;

    for (unsigned i = 0; i < HUB_PORTS; i++) {
        bits |= (uint8_t)(!!hub->ports[i].change << (i + 1));
    }
    if (!bits) {
        return USB_NAK;
    }
    if (!p->len) {
        return USB_BABBLE;
    }
    p->data[0] = bits;
    p->done = 1;
    return USB_ACK;
}

/* Power goes off, and with it whatever is plugged in. */
static void hub_bus_reset(struct usb_device *usb)
{
    struct usb_hub *hub = hub_of(usb);

    for (unsigned i = 0; i < HUB_PORTS; i++) {
        hub->ports[i].status = hub->ports[i].change = 0;
        if (hub->ports[i].port.usb) {
            usb_device_reset(hub->ports[i].port.usb);
        }
    }
}

static const struct usb_device_ops hub_ops = {
    .bus_reset = hub_bus_reset, .request = hub_request, .packet = hub_packet, .find = hub_find};

/* --- life ----------------------------------------------------------------------------------------- */

static unsigned depth_of(const struct usb_device *hub)
{
    unsigned depth = 1;

    for (; hub->port->hub; hub = hub->port->hub) {
        depth++;
    }
    return depth;
}

static struct usb_hub *to_hub(struct device *dev)
{
    return container_of(dev, struct usb_hub, usb.dev);
}

static int hub_realize(struct device *dev, struct error **err)
{
    struct usb_hub *hub = to_hub(dev);

    if (depth_of(&hub->usb) > HUB_DEPTH) {
        error_set(err, "no more than %u hubs behind one another", HUB_DEPTH);
        return -1;
    }
    usb_device_init(&hub->usb, &hub_desc, &hub_ops);
    for (unsigned i = 0; i < HUB_PORTS; i++) {
        hub->ports[i].hub = hub;
        usb_port_add(hub->usb.port->bus, &hub->ports[i].port, &hub->usb, i, &port_ops,
                     &hub->ports[i]);
    }
    return 0;
}

/* Whatever is still plugged in goes with it. */
static void hub_unrealize(struct device *dev)
{
    struct usb_hub *hub = to_hub(dev);

    for (unsigned i = 0; i < HUB_PORTS; i++) {
        if (hub->ports[i].port.usb) {
            device_free(&hub->ports[i].port.usb->dev);
        }
        usb_port_remove(&hub->ports[i].port);
    }
}

static void hub_reset(struct device *dev, enum reset_kind kind)
{
    usb_device_reset(usb_device(dev));
}

static const struct vmstate port_vmstate = {
    .name = "usb-hub-port",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_U16(struct hub_port, status),
            VM_U16(struct hub_port, change),
            VM_END,
        },
};

/* A port without a device cannot have one that is connected. */
static int hub_post_load(void *state, unsigned version, struct error **err)
{
    struct usb_hub *hub = state;

    for (unsigned i = 0; i < HUB_PORTS; i++) {
        if (!hub->ports[i].port.usb) {
            hub->ports[i].status &= PORT_POWER;
        }
    }
    return 0;
}

static const struct vmstate hub_vmstate = {
    .name = "usb-hub",
    .version = 1,
    .post_load = hub_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct usb_hub, usb, &usb_device_vmstate),
            VM_STRUCT_ARRAY(struct usb_hub, ports, &port_vmstate),
            VM_END,
        },
};

DEVICE_DEFINE(usb_hub, .name = "usb-hub", .bus = BUS_USB, .help = "USB hub with four ports",
              .hotpluggable = true, .state_size = sizeof(struct usb_hub), .vmstate = &hub_vmstate,
              .realize = hub_realize, .unrealize = hub_unrealize, .reset = hub_reset);
