/* SPDX-License-Identifier: MIT */
/* What is plugged into the USB ports: info usb. */
#include "hw/usb/usb.h"
#include "monitor/internal.h"

static void describe(struct monitor *m, const struct bus *bus, const struct usb_device *usb)
{
    const char *product = usb->desc->strings[USB_STRING_PRODUCT];

    mon_print(m, "  %s, port %s, address %u, speed %s Mb/s, product %s%s%s\n", bus->name,
              usb->port->path, usb->address, usb->desc->speed == USB_LOW_SPEED ? "1.5" : "12",
              product ? product : "-", usb->dev.id ? ", ID: " : "", usb->dev.id ? usb->dev.id : "");
}

static bool show(struct device *dev, void *opaque)
{
    if (dev->bus && dev->bus->type == BUS_USB) {
        describe(opaque, dev->bus, usb_device(dev));
    }
    return false;
}

void hmp_info_usb(struct monitor *m, json_t *args)
{
    if (!bus_find_type(BUS_USB)) {
        mon_puts(m, "USB support not enabled\n");
    }
    device_for_each(show, m);
}
