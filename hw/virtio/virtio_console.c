/* SPDX-License-Identifier: MIT */
/*
 * Ports of a virtio console device whose other end is a character device: virtconsole, which the
 * guest makes a terminal, and virtserialport, a channel with a name.
 *
 * Nothing is lost: input is taken from the host only when the guest has the port open, and waits
 * here for buffers; output the host cannot take yet stays in the guest's ring.
 */
#include "hw/virtio/virtio_serial.h"

#include "chardev/chardev.h"
#include "hw/core/vmstate.h"
#include "system/mainloop.h"
#include "util/error.h"

#include <errno.h>

#define INPUT_MAX 4096u

struct virtio_console {
    struct virtio_serial_port port;
    struct chardev *chr;
    bool blocked;         /* derived: the host takes no more output for now */
    uint64_t output_done; /* bytes of the first buffer in the ring that are out already */
    uint32_t input_len;   /* bytes that wait for a buffer of the guest */
    uint8_t *input;
    struct deferred resume; /* after a saved state has been loaded */
};

static struct virtio_console *console_of(struct virtio_serial_port *port)
{
    return container_of(port, struct virtio_console, port);
}

/* --- from the guest ----------------------------------------------------------------------------- */

/* Nobody there: as on a serial line, it is lost. */
static bool write_out(struct virtio_console *c, const struct virtq_elem *elem)
{
    uint64_t skip = c->output_done;

    if (!c->chr || !c->chr->is_open) {
        return true;
    }
    for (unsigned i = 0; i < elem->out_num; i++) {
        const struct iovec *iov = &elem->out[i];
        if (skip >= iov->iov_len) {
            skip -= iov->iov_len;
            continue;
        }
        size_t len = iov->iov_len - (size_t)skip;
        size_t done = chardev_write(c->chr, (const uint8_t *)iov->iov_base + skip, len);
        c->output_done += done;
        skip = 0;
        if (done < len) {
            return false;
        }
    }
    return true;
}

static void output(struct virtio_serial_port *port, struct virtqueue *vq)
{
    struct virtio_console *c = console_of(port);
    struct virtq_elem *elem;

    while (!c->blocked && (elem = virtqueue_pop(vq))) {
        if (write_out(c, elem)) {
            c->output_done = 0;
            virtqueue_push(vq, elem, 0);
        } else {
            c->blocked = true;
            virtqueue_unpop(vq, elem);
        }
    }
    virtqueue_notify(vq);
}

static void writable(void *opaque)
{
    struct virtio_console *c = opaque;

    c->blocked = false;
    output(&c->port, virtio_serial_output(&c->port));
}

static void emergency(struct virtio_serial_port *port, uint8_t byte)
{
    chardev_write(console_of(port)->chr, &byte, 1);
}

/* --- to the guest ------------------------------------------------------------------------------- */

static void deliver(struct virtio_console *c)
{
    struct virtqueue *vq = virtio_serial_input(&c->port);
    uint32_t done = 0;
    struct virtq_elem *elem;

    while (done < c->input_len && virtio_serial_guest_open(&c->port) &&
           (elem = virtqueue_pop(vq))) {
        size_t len = virtq_elem_write(elem, 0, c->input + done, c->input_len - done);
        virtqueue_push(vq, elem, len);
        done += (uint32_t)len;
        if (!len) {
            break; /* one without room, and there may be no end of them */
        }
    }
    memmove(c->input, c->input + done, c->input_len - done);
    c->input_len -= done;
    virtqueue_notify(vq);
}

static size_t can_read(void *opaque)
{
    const struct virtio_console *c = opaque;

    return virtio_serial_guest_open(&c->port) ? INPUT_MAX - c->input_len : 0;
}

static void read_input(void *opaque, const uint8_t *buf, size_t len)
{
    struct virtio_console *c = opaque;

    len = MIN(len, (size_t)(INPUT_MAX - c->input_len));
    memcpy(c->input + c->input_len, buf, len);
    c->input_len += (uint32_t)len;
    deliver(c);
}

static void accept_input(struct virtio_console *c)
{
    if (c->chr) {
        chardev_accept_input(c->chr);
    }
}

static void room(struct virtio_serial_port *port, struct virtqueue *vq)
{
    deliver(console_of(port));
    accept_input(console_of(port));
}

static void guest_opened(struct virtio_serial_port *port, bool open)
{
    struct virtio_console *c = console_of(port);

    /* What it has written before it closed the port is still on its way out. */
    if (open) {
        accept_input(c);
    } else {
        c->input_len = 0;
    }
}

static void output_stopped(struct virtio_serial_port *port)
{
    console_of(port)->output_done = 0;
}

static void stopped(struct virtio_serial_port *port)
{
    console_of(port)->input_len = 0;
    output_stopped(port);
}

/* --- life --------------------------------------------------------------------------------------- */

static void event(void *opaque, enum chardev_event event)
{
    struct virtio_console *c = opaque;

    /* A console is always open, as a serial line is. */
    if ((event == CHARDEV_OPENED || event == CHARDEV_CLOSED) && !c->port.is_console) {
        virtio_serial_set_host_open(&c->port, event == CHARDEV_OPENED);
    }
    if (event == CHARDEV_CLOSED && c->blocked) {
        writable(c); /* what it did not take is lost with it */
    }
}

static void replaced(void *opaque, struct chardev *chr)
{
    ((struct virtio_console *)opaque)->chr = chr;
}

static const struct chardev_handlers handlers = {.can_read = can_read,
                                                 .read = read_input,
                                                 .event = event,
                                                 .writable = writable,
                                                 .replaced = replaced,
                                                 .lossless = true};

static void resume(void *opaque)
{
    struct virtio_console *c = opaque;

    writable(c);
    deliver(c);
    accept_input(c);
}

static int console_realize(struct device *device, struct error **err)
{
    struct virtio_console *c = container_of(device, struct virtio_console, port.device);

    c->port.output = output;
    c->port.room = room;
    c->port.guest_opened = guest_opened;
    c->port.stopped = stopped;
    c->port.output_stopped = output_stopped;
    c->port.emergency = emergency;
    c->input = g_malloc(INPUT_MAX);
    deferred_init(&c->resume, resume, c);
    c->port.host_open = c->port.is_console || (c->chr && c->chr->is_open);
    int ret = c->chr ? chardev_attach(c->chr, &handlers, c, err) : 0;
    if (ret < 0) {
        g_free(c->input);
    }
    return ret;
}

static void console_unrealize(struct device *device)
{
    struct virtio_console *c = container_of(device, struct virtio_console, port.device);

    if (c->chr) {
        chardev_detach(c->chr, c);
    }
    deferred_cancel(&c->resume);
    g_free(c->input);
    c->input = NULL;
}

static void console_reset(struct device *device, enum reset_kind kind)
{
    stopped(&container_of(device, struct virtio_console, port.device)->port);
}

static int console_post_load(void *state, unsigned version, struct error **err)
{
    struct virtio_console *c = state;

    deferred_schedule(&c->resume);
    return 0;
}

static const struct vmstate console_vmstate = {
    .name = "virtio-console-port",
    .version = 1,
    .post_load = console_post_load,
    .fields =
        (const struct vm_field[]){
            VM_U64(struct virtio_console, output_done),
            VM_U32(struct virtio_console, input_len),
            VM_VBUFFER(struct virtio_console, input, input_len, INPUT_MAX),
            VM_END,
        },
};

static const struct prop port_props[] = {
    PROP_CHARDEV("chardev", struct virtio_console, chr, "what is at the other end"),
    PROP_STR("name", struct virtio_console, port.name, NULL, "what the guest calls the port"),
    PROP_U32("nr", struct virtio_console, port.nr, VIRTIO_SERIAL_PORT_AUTO, 0, UINT32_MAX,
             "number of the port; not given: the first free"),
    PROP_END,
};

DEVICE_DEFINE(virtconsole, .name = "virtconsole", .bus = BUS_VIRTIO_SERIAL,
              .help = "terminal on a virtio-serial bus", .hotpluggable = true,
              .state_size = sizeof(struct virtio_console), .props = port_props,
              .vmstate = &console_vmstate, .realize = console_realize,
              .unrealize = console_unrealize, .reset = console_reset);
DEVICE_DEFINE(virtserialport, .name = "virtserialport", .bus = BUS_VIRTIO_SERIAL,
              .help = "channel on a virtio-serial bus", .hotpluggable = true,
              .state_size = sizeof(struct virtio_console), .props = port_props,
              .vmstate = &console_vmstate, .realize = console_realize,
              .unrealize = console_unrealize, .reset = console_reset);
