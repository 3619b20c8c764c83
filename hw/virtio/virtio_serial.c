/* SPDX-License-Identifier: MIT */
/*
 * Virtio console device (VIRTIO 1.2, 5.3): up to 31 ports on a bus of their own, plugged and
 * unplugged through the control queues. Messages for the guest that find no buffer wait as bits.
 *
 * Not modelled: the size of the console (there is no terminal whose size it could be).
 */
#include "hw/virtio/virtio_serial.h"

#include "hw/core/hotplug.h"
#include "hw/core/vmstate.h"
#include "hw/virtio/virtio_pci.h"
#include "util/error.h"
#include "util/log.h"
#include "util/mgmt_event.h"
#include "util/trace.h"

#include <errno.h>
#include <stdio.h>

#define F_MULTIPORT       BIT(1)
#define F_EMERGENCY_WRITE BIT(2)

#define DATA_QUEUE_SIZE    128
#define CONTROL_QUEUE_SIZE 32

/* Configuration space (5.3.4) */
#define CONFIG_MAX_PORTS 4
#define CONFIG_EMERGENCY 8
#define CONFIG_SIZE      12

/* Control messages (5.3.6.2) */
enum control_event {
    EVENT_DEVICE_READY,
    EVENT_PORT_ADD,
    EVENT_PORT_REMOVE,
    EVENT_PORT_READY,
    EVENT_CONSOLE_PORT,
    EVENT_RESIZE,
    EVENT_PORT_OPEN,
    EVENT_PORT_NAME,
};
#define CONTROL_SIZE 8 /* id, event, value */

/* What is still to be told of a port, in this order. */
enum {
    TELL_REMOVE = 0x01,
    TELL_ADD = 0x02,
    TELL_CONSOLE = 0x04,
    TELL_NAME = 0x08,
    TELL_OPEN = 0x10,
};

struct virtio_serial {
    struct virtio_device dev;
    struct bus bus;
    uint32_t max_ports;
    bool emergency_write;
    struct virtqueue *control_in, *control_out; /* as the guest sees it */
    struct virtqueue *in[VIRTIO_SERIAL_PORTS_MAX], *out[VIRTIO_SERIAL_PORTS_MAX];
    struct virtio_serial_port *ports[VIRTIO_SERIAL_PORTS_MAX];

    bool ready; /* the driver wants control messages */
    uint8_t tell[VIRTIO_SERIAL_PORTS_MAX];
    bool guest_open[VIRTIO_SERIAL_PORTS_MAX];
};

struct virtio_serial_pci {
    struct virtio_pci proxy;
    struct virtio_serial serial;
};

static struct virtio_serial *serial_of(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_serial, dev);
}

/* --- control messages to the guest -------------------------------------------------------------- */

static enum control_event event_of(unsigned bit)
{
    switch (bit) {
    case TELL_REMOVE:
        return EVENT_PORT_REMOVE;
    case TELL_ADD:
        return EVENT_PORT_ADD;
    case TELL_CONSOLE:
        return EVENT_CONSOLE_PORT;
    case TELL_NAME:
        return EVENT_PORT_NAME;
    }
    return EVENT_PORT_OPEN;
}

/* false: no buffer for it now. */
static bool send_event(struct virtio_serial *s, unsigned nr, unsigned bit)
{
    const struct virtio_serial_port *port = s->ports[nr];
    struct virtq_elem *elem = virtqueue_pop(s->control_in);
    enum control_event event = event_of(bit);
    uint8_t head[CONTROL_SIZE];
    size_t len = CONTROL_SIZE;

    if (!elem) {
        return false;
    }
    TRACE(virtio_serial_tell, "port %u event %u", nr, event);
    st_le32(head, nr);
    st_le16(head + 4, (uint16_t)event);
    st_le16(head + 6, event == EVENT_PORT_OPEN ? port && port->host_open : 1);
    virtq_elem_write(elem, 0, head, sizeof(head));
    if (event == EVENT_PORT_NAME && port && port->name) {
        len += virtq_elem_write(elem, len, port->name, strlen(port->name) + 1);
    }
    virtqueue_push(s->control_in, elem, len);
    return true;
}

static void send_events(struct virtio_serial *s)
{
    bool sent = false;

    for (unsigned nr = 0; s->ready && nr < s->max_ports; nr++) {
        while (s->tell[nr]) {
            unsigned bit = s->tell[nr] & -(unsigned)s->tell[nr];
            if (!send_event(s, nr, bit)) {
                goto out;
            }
            s->tell[nr] &= (uint8_t)~bit;
            sent = true;
        }
    }
out:
    if (sent) {
        virtqueue_notify(s->control_in);
    }
}

static void tell(struct virtio_serial *s, unsigned nr, unsigned bits)
{
    if (s->ready) {
        s->tell[nr] |= (uint8_t)bits;
        send_events(s);
    }
}

/* --- control messages from the guest ------------------------------------------------------------ */

static void device_ready(struct virtio_serial *s)
{
    s->ready = true;
    for (unsigned nr = 0; nr < s->max_ports; nr++) {
        s->tell[nr] = s->ports[nr] ? TELL_ADD : 0;
    }
    send_events(s);
}

static void port_ready(struct virtio_serial *s, unsigned nr)
{
    const struct virtio_serial_port *port = s->ports[nr];

    tell(s, nr,
         (port->is_console ? TELL_CONSOLE : 0u) | (port->name ? TELL_NAME : 0u) |
             (port->host_open ? TELL_OPEN : 0u));
}

static void guest_opens(struct virtio_serial *s, unsigned nr, bool open)
{
    struct virtio_serial_port *port = s->ports[nr];

    if (s->guest_open[nr] != open) {
        s->guest_open[nr] = open;
        port->guest_opened(port, open);
        if (port->device.id) {
            mgmt_event("VSERPORT_CHANGE", MGMT_STR("id", port->device.id), MGMT_BOOL("open", open));
        }
    }
}

static void control_message(struct virtio_serial *s, const uint8_t *msg)
{
    uint32_t nr = ld_le32(msg);
    uint16_t event = ld_le16(msg + 4), value = ld_le16(msg + 6);

    TRACE(virtio_serial_control, "port %u event %u value %u", nr, event, value);
    if (event == EVENT_DEVICE_READY) {
        if (value) {
            device_ready(s);
        }
    } else if (nr >= s->max_ports || !s->ports[nr]) {
        guest_error("virtio-serial: event %u of port %u, which is not there", event, nr);
    } else if (event == EVENT_PORT_READY && value) {
        port_ready(s, nr);
    } else if (event == EVENT_PORT_OPEN) {
        guest_opens(s, nr, value);
    }
}

static void control_out_kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtq_elem *elem;
    uint8_t msg[CONTROL_SIZE];

    while ((elem = virtqueue_pop(vq))) {
        bool whole = virtq_elem_read(elem, 0, msg, sizeof(msg)) == sizeof(msg);
        virtqueue_push(vq, elem, 0);
        if (whole) {
            control_message(serial_of(dev), msg);
        }
    }
    virtqueue_notify(vq);
}

static void control_in_kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    send_events(serial_of(dev));
}

/* --- data --------------------------------------------------------------------------------------- */

static struct virtio_serial_port *port_of(struct virtio_device *dev, const struct virtqueue *vq)
{
    struct virtio_serial *s = serial_of(dev);
    unsigned nr = vq->index < 2 ? 0 : vq->index / 2 - 1u;

    return s->ports[nr];
}

static void in_kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtio_serial_port *port = port_of(dev, vq);

    if (port) {
        port->room(port, vq);
    }
}

/* What is written to a port that is not there is lost. */
static void out_kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtio_serial_port *port = port_of(dev, vq);
    struct virtq_elem *elem;

    if (port) {
        port->output(port, vq);
        return;
    }
    while ((elem = virtqueue_pop(vq))) {
        virtqueue_push(vq, elem, 0);
    }
    virtqueue_notify(vq);
}

bool virtio_serial_guest_open(const struct virtio_serial_port *port)
{
    const struct virtio_serial *s = port->serial;

    return virtio_running(&s->dev) &&
           (s->guest_open[port->nr] || !virtio_has(&s->dev, F_MULTIPORT));
}

struct virtqueue *virtio_serial_input(const struct virtio_serial_port *port)
{
    return port->serial->in[port->nr];
}

struct virtqueue *virtio_serial_output(const struct virtio_serial_port *port)
{
    return port->serial->out[port->nr];
}

void virtio_serial_set_host_open(struct virtio_serial_port *port, bool open)
{
    if (port->host_open != open) {
        port->host_open = open;
        tell(port->serial, port->nr, TELL_OPEN);
    }
}

/* --- the device --------------------------------------------------------------------------------- */

static void get_config(struct virtio_device *dev, uint8_t *buf)
{
    st_le32(buf + CONFIG_MAX_PORTS, serial_of(dev)->max_ports);
}

static void set_config(struct virtio_device *dev, const uint8_t *buf)
{
    struct virtio_serial *s = serial_of(dev);
    uint32_t byte = ld_le32(buf + CONFIG_EMERGENCY);

    if (byte && s->emergency_write && s->ports[0]) {
        s->ports[0]->emergency(s->ports[0], (uint8_t)byte);
    }
}

static void stop(struct virtio_device *dev)
{
    struct virtio_serial *s = serial_of(dev);

    s->ready = false;
    memset(s->tell, 0, sizeof(s->tell));
    for (unsigned nr = 0; nr < VIRTIO_SERIAL_PORTS_MAX; nr++) {
        s->guest_open[nr] = false;
        if (s->ports[nr]) {
            s->ports[nr]->stopped(s->ports[nr]);
        }
    }
}

/* What is half out of it is lost with the queue; a message that waits finds the next one. */
static void queue_stop(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtio_serial_port *port = port_of(dev, vq);

    if (port && vq == virtio_serial_output(port)) {
        port->output_stopped(port);
    }
}

static const struct virtio_ops serial_ops = {.name = "virtio-serial",
                                             .id = VIRTIO_ID_CONSOLE,
                                             .config_size = CONFIG_SIZE,
                                             .get_config = get_config,
                                             .in_order = true,
                                             .set_config = set_config,
                                             .stop = stop,
                                             .queue_stop = queue_stop};

/* --- the bus ------------------------------------------------------------------------------------ */

static struct virtio_serial_port *to_port(struct device *device)
{
    return container_of(device, struct virtio_serial_port, device);
}

/* Port 0 is the console of drivers that know no other ports. */
static int choose_number(const struct virtio_serial *s, struct virtio_serial_port *port,
                         struct error **err)
{
    if (port->nr == VIRTIO_SERIAL_PORT_AUTO) {
        for (port->nr = port->is_console ? 0 : 1; port->nr < s->max_ports && s->ports[port->nr];) {
            port->nr++;
        }
    }
    if (port->nr >= s->max_ports) {
        error_set(err, "bus '%s' has %u ports only", s->bus.name, s->max_ports);
        return -ENOSPC;
    }
    if (s->ports[port->nr]) {
        error_set(err, "bus '%s' has a port %u already", s->bus.name, port->nr);
        return -EBUSY;
    }
    if (port->nr == 0 && !port->is_console) {
        error_set(err, "port 0 is for a virtconsole");
        return -EINVAL;
    }
    return 0;
}

static int port_plug(struct bus *bus, struct device *device, struct error **err)
{
    struct virtio_serial *s = container_of(bus, struct virtio_serial, bus);
    struct virtio_serial_port *port = to_port(device);

    port->serial = s;
    port->is_console = !strcmp(device->cls->name, "virtconsole");
    return choose_number(s, port, err);
}

static int port_plugged(struct bus *bus, struct device *device, struct error **err)
{
    struct virtio_serial *s = container_of(bus, struct virtio_serial, bus);
    struct virtio_serial_port *port = to_port(device);

    s->ports[port->nr] = port;
    s->guest_open[port->nr] = false;
    tell(s, port->nr, TELL_ADD);
    return 0;
}

static void port_unplugging(struct bus *bus, struct device *device)
{
    struct virtio_serial *s = container_of(bus, struct virtio_serial, bus);
    struct virtio_serial_port *port = to_port(device);

    if (s->ports[port->nr] != port) {
        return; /* was never announced */
    }
    s->ports[port->nr] = NULL;
    s->guest_open[port->nr] = false;
    /* If the guest has not heard of it yet it need not. */
    if (s->tell[port->nr] & TELL_ADD) {
        s->tell[port->nr] &= TELL_REMOVE;
    } else {
        s->tell[port->nr] = 0;
        tell(s, port->nr, TELL_REMOVE);
    }
}

/* Ports have no register a vCPU could be in: the guest is told, not asked. */
static int port_unplug_request(struct bus *bus, struct device *device, struct error **err)
{
    device_unplug_finish(device);
    return 0;
}

static void port_address(const struct bus *bus, const struct device *device, char *buf, size_t size)
{
    snprintf(buf, size, "%u", container_of(device, struct virtio_serial_port, device)->nr);
}

static const struct bus_ops serial_bus_ops = {.plug = port_plug,
                                              .plugged = port_plugged,
                                              .unplugging = port_unplugging,
                                              .unplug_request = port_unplug_request,
                                              .address = port_address};

static int make_bus(struct virtio_serial *s, struct device *device, struct error **err)
{
    char *name = device->id ? g_strdup_printf("%s.0", device->id) : NULL;

    if (name && bus_find(name)) {
        error_set(err, "there is a bus '%s' already", name);
        g_free(name);
        return -EEXIST;
    }
    bus_init(&s->bus, BUS_VIRTIO_SERIAL, name, device, &serial_bus_ops);
    s->bus.hotpluggable = true;
    g_free(name);
    return 0;
}

/* --- life --------------------------------------------------------------------------------------- */

static void make_queues(struct virtio_serial *s)
{
    for (unsigned nr = 0; nr < s->max_ports; nr++) {
        s->in[nr] = virtio_add_queue(&s->dev, DATA_QUEUE_SIZE, in_kicked);
        s->out[nr] = virtio_add_queue(&s->dev, DATA_QUEUE_SIZE, out_kicked);
        if (nr == 0) {
            s->control_in = virtio_add_queue(&s->dev, CONTROL_QUEUE_SIZE, control_in_kicked);
            s->control_out = virtio_add_queue(&s->dev, CONTROL_QUEUE_SIZE, control_out_kicked);
        }
    }
}

static int serial_realize(struct device *device, struct error **err)
{
    struct virtio_serial_pci *p = container_of(device, struct virtio_serial_pci, proxy.pci.dev);
    struct virtio_serial *s = &p->serial;

    virtio_init(&s->dev, &serial_ops, F_MULTIPORT | (s->emergency_write ? F_EMERGENCY_WRITE : 0));
    make_queues(s);
    int ret = make_bus(s, device, err);
    if (ret < 0) {
        return ret;
    }
    ret = virtio_pci_realize(&p->proxy, &s->dev, err);
    if (ret < 0) {
        bus_fini(&s->bus);
    }
    return ret;
}

static void serial_unrealize(struct device *device)
{
    struct virtio_serial_pci *p = container_of(device, struct virtio_serial_pci, proxy.pci.dev);

    virtio_fini(&p->serial.dev);
    bus_fini(&p->serial.bus);
    virtio_pci_unrealize(&p->proxy);
}

static void serial_reset(struct device *device, enum reset_kind kind)
{
    struct virtio_serial_pci *p = container_of(device, struct virtio_serial_pci, proxy.pci.dev);

    virtio_reset(&p->serial.dev);
    virtio_pci_reset(&p->proxy);
}

static const struct prop serial_props[] = {
    PROP_U32("max_ports", struct virtio_serial_pci, serial.max_ports, VIRTIO_SERIAL_PORTS_MAX, 1,
             VIRTIO_SERIAL_PORTS_MAX, "ports there may be"),
    PROP_BOOL("emergency-write", struct virtio_serial_pci, serial.emergency_write, true,
              "let the guest write to the console without a queue"),
    VIRTIO_PCI_PROPS(struct virtio_serial_pci),
    PROP_END,
};

static const struct vmstate serial_vmstate = {
    .name = "virtio-serial",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct virtio_serial_pci, proxy, &virtio_pci_vmstate),
            VM_BOOL(struct virtio_serial_pci, serial.ready),
            VM_U8_ARRAY(struct virtio_serial_pci, serial.tell),
            VM_BOOL_ARRAY(struct virtio_serial_pci, serial.guest_open),
            VM_STRUCT(struct virtio_serial_pci, serial.dev, &virtio_vmstate),
            VM_END,
        },
};

static const struct pci_info serial_pci = VIRTIO_PCI_INFO(PCI_CLASS_COMMUNICATION_OTHER);

VIRTIO_PCI_DEFINE(virtio_serial_pci, "virtio-serial", "bus of consoles and ports",
                  .pci = &serial_pci, .state_size = sizeof(struct virtio_serial_pci),
                  .props = serial_props, .vmstate = &serial_vmstate, .realize = serial_realize,
                  .unrealize = serial_unrealize, .reset = serial_reset);
