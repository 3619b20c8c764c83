/* SPDX-License-Identifier: MIT */
/* Standard descriptors (USB 2.0, 9.6), written from a device's tables. */
#include "hw/usb/usb_int.h"

#define LANGUAGE_ENGLISH_US 0x0409

struct out {
    uint8_t *buf;
    unsigned len;
};

static void put8(struct out *o, unsigned v)
{
    assert(o->len < USB_CONTROL_MAX); /* our own tables */
    o->buf[o->len++] = (uint8_t)v;
}

static void put16(struct out *o, unsigned v)
{
    put8(o, v & 0xff);
    put8(o, v >> 8);
}

static unsigned string_index(const struct usb_desc *desc, unsigned n)
{
    return desc->strings[n] ? n : 0;
}

static void put_device(struct out *o, const struct usb_desc *desc)
{
    put8(o, 18);
    put8(o, USB_DT_DEVICE);
    put16(o, desc->version);
    put8(o, desc->class_code);
    put8(o, desc->subclass);
    put8(o, desc->protocol);
    put8(o, desc->max_packet0);
    put16(o, desc->vendor);
    put16(o, desc->product);
    put16(o, desc->release);
    put8(o, string_index(desc, USB_STRING_MANUFACTURER));
    put8(o, string_index(desc, USB_STRING_PRODUCT));
    put8(o, string_index(desc, USB_STRING_SERIAL));
    put8(o, desc->config_count);
}

static void put_endpoint(struct out *o, const struct usb_endpoint_desc *ep)
{
    put8(o, 7);
    put8(o, USB_DT_ENDPOINT);
    put8(o, ep->address);
    put8(o, ep->type);
    put16(o, ep->max_packet);
    put8(o, ep->interval);
}

static void put_interface(struct out *o, const struct usb_interface_desc *i)
{
    put8(o, 9);
    put8(o, USB_DT_INTERFACE);
    put8(o, i->number);
    put8(o, i->alternate);
    put8(o, i->endpoint_count);
    put8(o, i->class_code);
    put8(o, i->subclass);
    put8(o, i->protocol);
    put8(o, 0); /* no string */
    for (unsigned n = 0; n < i->extra_len; n++) {
        put8(o, i->extra[n]);
    }
    for (unsigned n = 0; n < i->endpoint_count; n++) {
        put_endpoint(o, &i->endpoints[n]);
    }
}

static unsigned interfaces_of(const struct usb_config_desc *c)
{
    unsigned count = 0;

    for (unsigned n = 0; n < c->interface_count; n++) {
        count += c->interfaces[n].alternate == 0;
    }
    return count;
}

static void put_config(struct out *o, const struct usb_config_desc *c)
{
    put8(o, 9);
    put8(o, USB_DT_CONFIG);
    put16(o, 0); /* total length, below */
    put8(o, interfaces_of(c));
    put8(o, c->value);
    put8(o, 0); /* no string */
    put8(o, c->attributes | USB_CONFIG_ONE);
    put8(o, c->max_power);
    for (unsigned n = 0; n < c->interface_count; n++) {
        put_interface(o, &c->interfaces[n]);
    }
    st_le16(o->buf + 2, (uint16_t)o->len);
}

static void put_string(struct out *o, const char *text)
{
    unsigned len = (unsigned)MIN(strlen(text), (size_t)126);

    put8(o, 2 + 2 * len);
    put8(o, USB_DT_STRING);
    for (unsigned n = 0; n < len; n++) {
        put16(o, (uint8_t)text[n]);
    }
}

int usb_write_descriptor(const struct usb_desc *desc, uint16_t value, uint8_t *buf)
{
    unsigned type = value >> 8, index = value & 0xff;
    struct out o = {buf, 0};

    if (type == USB_DT_DEVICE && index == 0) {
        put_device(&o, desc);
    } else if (type == USB_DT_CONFIG && index < desc->config_count) {
        put_config(&o, &desc->configs[index]);
    } else if (type == USB_DT_STRING && index == 0) {
        put8(&o, 4);
        put8(&o, USB_DT_STRING);
        put16(&o, LANGUAGE_ENGLISH_US);
    } else if (type == USB_DT_STRING && index < USB_STRINGS && desc->strings[index]) {
        put_string(&o, desc->strings[index]);
    } else {
        return USB_REQUEST_STALL;
    }
    return (int)o.len;
}

const struct usb_config_desc *usb_find_config(const struct usb_desc *desc, uint8_t value)
{
    for (unsigned n = 0; n < desc->config_count; n++) {
        if (desc->configs[n].value == value) {
            return &desc->configs[n];
        }
    }
    return NULL;
}
