# SPDX-License-Identifier: MIT
obj-y += hw/usb/usb.o hw/usb/control.o hw/usb/descriptors.o
obj-y += hw/usb/uhci.o hw/usb/uhci_schedule.o hw/usb/uhci_async.o
obj-y += hw/usb/hid.o hw/usb/pointer.o hw/usb/keyboard.o hw/usb/hub.o
