/* SPDX-License-Identifier: MIT */
/*
 * The USB core: buses, ports, and packets on their way to devices (USB 2.0, chapters 8 and 9).
 *
 * Not modelled: data toggles (nothing gets lost between us and the device), bandwidth and power
 * budgets, high speed.
 */
#include "hw/usb/usb_int.h"

#include <errno.h>
#include <stdio.h>

#include "hw/core/hotplug.h"
#include "hw/core/vmstate.h"
#include "util/error.h"
#include "util/trace.h"

/* --- devices -------------------------------------------------------------------------------------- */

void usb_device_init(struct usb_device *usb, const struct usb_desc *desc,
                     const struct usb_device_ops *ops)
{
    usb->desc = desc;
    usb->ops = ops;
}

void usb_device_flush(struct usb_device *usb)
{
    struct usb_bus *bus = usb->port ? usb->port->bus : NULL;

    if (bus && bus->flush) {
        bus->flush(bus, usb);
    }
}

void usb_device_reset(struct usb_device *usb)
{
    usb_device_flush(usb);
    usb->address = usb->config = usb->stage = 0;
    usb->control_len = usb->control_pos = 0;
    usb->remote_wakeup = false;
    usb->halted = 0;
    memset(usb->alternate, 0, sizeof(usb->alternate));
    if (usb->ops->bus_reset) {
        usb->ops->bus_reset(usb);
    }
}

void usb_device_ready(struct usb_device *usb)
{
    if (usb->port) {
        usb->port->ops->ready(usb->port);
    }
}

const struct usb_endpoint_desc *usb_find_endpoint(const struct usb_device *usb, uint8_t address)
{
    const struct usb_config_desc *c = usb_find_config(usb->desc, usb->config);

    for (unsigned n = 0; c && n < c->interface_count; n++) {
        const struct usb_interface_desc *i = &c->interfaces[n];
        for (unsigned e = 0; e < i->endpoint_count; e++) {
            if (i->endpoints[e].address == address &&
                i->alternate == usb->alternate[i->number % USB_INTERFACES_MAX]) {
                return &i->endpoints[e];
            }
        }
    }
    return NULL;
}

/* --- packets -------------------------------------------------------------------------------------- */

static enum usb_result endpoint_packet(struct usb_device *usb, struct usb_packet *p)
{
    bool in = p->pid == USB_PID_IN;
    const struct usb_endpoint_desc *ep =
        usb_find_endpoint(usb, (uint8_t)(p->endpoint | (in ? USB_DIR_IN : USB_DIR_OUT)));

    if (!ep || p->pid == USB_PID_SETUP) {
        return USB_TIMEOUT;
    }
    if (usb->halted >> (p->endpoint + (in ? 16 : 0)) & 1) {
        return USB_STALL;
    }
    if (!in && p->len > ep->max_packet) {
        return USB_BABBLE;
    }
    return usb->ops->packet(usb, p);
}

enum usb_result usb_handle_packet(struct usb_device *usb, struct usb_packet *p)
{
    assert(p->endpoint < 16 && p->len <= USB_PACKET_MAX);
    p->done = 0;
    enum usb_result r = p->endpoint ? endpoint_packet(usb, p) : usb_control_packet(usb, p);
    assert(p->done <= p->len && (r != USB_ASYNC || p->complete));
    TRACE(usb_packet, "%s address %u endpoint %u pid %02x length %u: result %d, %u bytes",
          usb->dev.cls->name, usb->address, p->endpoint, p->pid, p->len, r, p->done);
    return r;
}

void usb_cancel_packet(struct usb_device *usb, struct usb_packet *p)
{
    usb->ops->cancel(usb, p);
}

/* --- ports ---------------------------------------------------------------------------------------- */

void usb_port_add(struct usb_bus *bus, struct usb_port *port, struct usb_device *hub,
                  unsigned index, const struct usb_port_ops *ops, void *opaque)
{
    *port = (struct usb_port){.bus = bus, .hub = hub, .index = index, .ops = ops, .opaque = opaque};
    char *path = hub ? g_strdup_printf("%s.%u", hub->port->path, index + 1)
                     : g_strdup_printf("%u", index + 1);
    g_strlcpy(port->path, path, sizeof(port->path));
    g_free(path);
    TAILQ_INSERT_TAIL(&bus->ports, port, link);
}

void usb_port_remove(struct usb_port *port)
{
    assert(!port->usb);
    TAILQ_REMOVE(&port->bus->ports, port, link);
}

struct usb_device *usb_port_find(const struct usb_port *port, uint8_t address)
{
    struct usb_device *usb = port->usb;

    if (!usb || usb->address == address) {
        return usb;
    }
    return usb->ops->find ? usb->ops->find(usb, address) : NULL;
}

/* --- the bus -------------------------------------------------------------------------------------- */

static struct usb_port *find_port(struct usb_bus *bus, const char *path)
{
    struct usb_port *port;

    TAILQ_FOREACH(port, &bus->ports, link)
    {
        if (path ? !strcmp(port->path, path) : !port->usb) {
            return port;
        }
    }
    return NULL;
}

static unsigned free_ports(const struct usb_bus *bus)
{
    const struct usb_port *port;
    unsigned count = 0;

    TAILQ_FOREACH(port, &bus->ports, link)
    {
        count += !port->usb;
    }
    return count;
}

/* The last free port becomes four, before a device takes it that was not told where to go. */
static void extend(struct usb_bus *bus, const struct device *dev)
{
    struct device *hub = device_new("usb-hub", NULL, NULL);

    hub->hotplugged = dev->hotplugged;
    if (device_realize(hub, &bus->bus, NULL) < 0) {
        device_free(hub); /* too many behind one another: no more ports then */
    }
}

static int usb_plug(struct bus *b, struct device *dev, struct error **err)
{
    struct usb_bus *bus = container_of(b, struct usb_bus, bus);
    struct usb_device *usb = usb_device(dev);

    if (!usb->prop_port && free_ports(bus) == 1 && strcmp(dev->cls->name, "usb-hub")) {
        extend(bus, dev);
    }
    struct usb_port *port = find_port(bus, usb->prop_port);
    if (!port) {
        error_set(err, "bus '%s' has no %s%s", b->name, usb->prop_port ? "port " : "free port",
                  usb->prop_port ? usb->prop_port : "");
        return -ENODEV;
    }
    if (port->usb) {
        error_set(err, "port %s of bus '%s' is in use", port->path, b->name);
        return -EBUSY;
    }
    port->usb = usb;
    usb->port = port;
    return 0;
}

static int usb_plugged(struct bus *b, struct device *dev, struct error **err)
{
    struct usb_port *port = usb_device(dev)->port;

    TRACE(usb_attach, "%s at port %s of %s", dev->cls->name, port->path, b->name);
    port->ops->attached(port);
    return 0;
}

static void usb_unplugging(struct bus *b, struct device *dev)
{
    struct usb_port *port = usb_device(dev)->port;

    TRACE(usb_detach, "%s at port %s of %s", dev->cls->name, port->path, b->name);
    usb_device_flush(port->usb);
    port->ops->detached(port);
}

static void usb_unplug(struct bus *b, struct device *dev)
{
    struct usb_device *usb = usb_device(dev);

    usb->port->usb = NULL;
    usb->port = NULL;
}

/* What hangs on a hub goes first. */
static void finish_behind(struct usb_bus *bus, const struct usb_device *hub)
{
    struct usb_port *port;

    TAILQ_FOREACH(port, &bus->ports, link)
    {
        if (port->hub == hub && port->usb) {
            finish_behind(bus, port->usb);
            device_unplug_finish(&port->usb->dev);
        }
    }
}

/* One pulls the plug: the guest is told, not asked. */
static int usb_unplug_request(struct bus *b, struct device *dev, struct error **err)
{
    finish_behind(container_of(b, struct usb_bus, bus), usb_device(dev));
    device_unplug_finish(dev);
    return 0;
}

static void usb_address(const struct bus *bus, const struct device *dev, char *buf, size_t size)
{
    const struct usb_device *usb = container_of(dev, const struct usb_device, dev);

    snprintf(buf, size, "%s", usb->port ? usb->port->path : "");
}

static const struct bus_ops usb_bus_ops = {.plug = usb_plug,
                                           .plugged = usb_plugged,
                                           .unplugging = usb_unplugging,
                                           .unplug = usb_unplug,
                                           .unplug_request = usb_unplug_request,
                                           .address = usb_address};

int usb_bus_init(struct usb_bus *bus, struct device *parent, struct error **err)
{
    char *name = parent->id ? g_strdup_printf("%s.0", parent->id) : NULL;

    if (name && bus_find(name)) {
        error_set(err, "there is a bus '%s' already", name);
        g_free(name);
        return -EEXIST;
    }
    bus_init(&bus->bus, BUS_USB, name, parent, &usb_bus_ops);
    bus->bus.hotpluggable = true;
    TAILQ_INIT(&bus->ports);
    g_free(name);
    return 0;
}

void usb_bus_fini(struct usb_bus *bus)
{
    assert(TAILQ_EMPTY(&bus->ports));
    bus_fini(&bus->bus);
}

static const struct prop usb_props[] = {
    PROP_STR("port", struct usb_device, prop_port, NULL, "port, as 2 or (of a hub) 2.1"),
    PROP_END,
};
BUS_PROPS_DEFINE(usb, BUS_USB, usb_props);

/* --- saved state ---------------------------------------------------------------------------------- */

static int device_post_load(void *state, unsigned version, struct error **err)
{
    struct usb_device *usb = state;

    if (usb->control_len > USB_CONTROL_MAX || usb->control_pos > usb->control_len ||
        usb->address > 127) {
        error_set(err, "usb: address %u, %u of %u bytes of a request", usb->address,
                  usb->control_pos, usb->control_len);
        return -EINVAL;
    }
    return 0;
}

const struct vmstate usb_device_vmstate = {
    .name = "usb-device",
    .version = 1,
    .post_load = device_post_load,
    .fields =
        (const struct vm_field[]){
            VM_U8(struct usb_device, address),
            VM_U8(struct usb_device, config),
            VM_BOOL(struct usb_device, remote_wakeup),
            VM_BUFFER(struct usb_device, alternate),
            VM_U32(struct usb_device, halted),
            VM_U8(struct usb_device, stage),
            VM_BUFFER(struct usb_device, setup),
            VM_U16(struct usb_device, control_len),
            VM_U16(struct usb_device, control_pos),
            VM_BUFFER(struct usb_device, control),
            VM_END,
        },
};
