# SPDX-License-Identifier: MIT
obj-y += hw/input/ps2_port.o hw/input/ps2_keyboard.o hw/input/ps2_mouse.o hw/input/i8042.o
obj-y += hw/input/virtio_input.o
