# SPDX-License-Identifier: MIT
obj-y += hw/virtio/virtio.o hw/virtio/queue.o hw/virtio/queue_split.o hw/virtio/queue_packed.o
obj-y += hw/virtio/virtio_pci.o hw/virtio/virtio_rng.o
obj-y += hw/virtio/virtio_serial.o hw/virtio/virtio_console.o \
    hw/virtio/virtio_balloon.o
