/* SPDX-License-Identifier: MIT */
/* Between the virtio console device (virtio_serial.c) and its ports (virtio_console.c). */
#ifndef HW_VIRTIO_VIRTIO_SERIAL_H
#define HW_VIRTIO_VIRTIO_SERIAL_H

#include "hw/core/device.h"
#include "hw/virtio/virtio.h"

#define VIRTIO_SERIAL_PORTS_MAX 31
#define VIRTIO_SERIAL_PORT_AUTO UINT32_MAX

struct virtio_serial;

/* First member of every port on the bus. */
struct virtio_serial_port {
    struct device device;
    struct virtio_serial *serial;
    uint32_t nr;
    char *name; /* for the guest; NULL: none */
    bool is_console;
    bool host_open; /* somebody is at the host's end */
    /* Set by the port's realize. */
    void (*output)(struct virtio_serial_port *port, struct virtqueue *vq); /* from the guest */
    void (*room)(struct virtio_serial_port *port, struct virtqueue *vq);   /* for input */
    void (*guest_opened)(struct virtio_serial_port *port, bool open);
    void (*stopped)(struct virtio_serial_port *port);        /* the queues are gone */
    void (*output_stopped)(struct virtio_serial_port *port); /* the output queue is */
    void (*emergency)(struct virtio_serial_port *port, uint8_t byte);
};

/* May input be put into the port's queue? */
bool virtio_serial_guest_open(const struct virtio_serial_port *port);
struct virtqueue *virtio_serial_input(const struct virtio_serial_port *port);
struct virtqueue *virtio_serial_output(const struct virtio_serial_port *port);
void virtio_serial_set_host_open(struct virtio_serial_port *port, bool open);

#endif
