/* SPDX-License-Identifier: MIT */
/* What the files of the USB core share. */
#ifndef HW_USB_USB_INT_H
#define HW_USB_USB_INT_H

#include "hw/usb/usb.h"

/* control.c: a packet for endpoint 0. */
enum usb_result usb_control_packet(struct usb_device *usb, struct usb_packet *p);

/* usb.c: the controller takes back what it has left with the device. */
void usb_device_flush(struct usb_device *usb);

/* descriptors.c: bytes of a descriptor, at most USB_CONTROL_MAX; USB_REQUEST_STALL: there is none.
 * `value` as of GET_DESCRIPTOR. */
int usb_write_descriptor(const struct usb_desc *desc, uint16_t value, uint8_t *buf);
const struct usb_config_desc *usb_find_config(const struct usb_desc *desc, uint8_t value);

#endif
