/* SPDX-License-Identifier: MIT */
/*
 * Control transfers (USB 2.0, 8.5.3) and the standard device requests (9.4).
 *
 * A request to the host runs when its SETUP packet comes, one from the host in its status stage, when
 * all data are there. A SETUP packet always begins a new transfer.
 */
#include "hw/usb/usb_int.h"

#include "util/log.h"

enum stage {
    STAGE_IDLE,
    STAGE_DATA_IN,
    STAGE_DATA_OUT,
    STAGE_STATUS_IN,
    STAGE_STALL, /* until the next SETUP */
};

static struct usb_setup setup_of(const struct usb_device *usb)
{
    const uint8_t *b = usb->setup;

    return (struct usb_setup){b[0], b[1], ld_le16(b + 2), ld_le16(b + 4), ld_le16(b + 6)};
}

/* --- standard requests ---------------------------------------------------------------------------- */

static int get_descriptor(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    return usb_write_descriptor(usb->desc, s->value, data);
}

static int set_address(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    if (s->value > 127) {
        return USB_REQUEST_STALL;
    }
    usb->address = (uint8_t)s->value;
    return 0;
}

static int get_configuration(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    data[0] = usb->config;
    return 1;
}

static int set_configuration(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    if (s->value > 0xff || (s->value && !usb_find_config(usb->desc, (uint8_t)s->value))) {
        return USB_REQUEST_STALL;
    }
    usb_device_flush(usb);
    usb->config = (uint8_t)s->value;
    usb->halted = 0;
    memset(usb->alternate, 0, sizeof(usb->alternate));
    if (usb->ops->configured) {
        usb->ops->configured(usb);
    }
    return 0;
}

static int device_status(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    const struct usb_config_desc *c = usb_find_config(usb->desc, usb->config);
    bool self = c && (c->attributes & USB_CONFIG_SELF_POWERED);

    st_le16(data, (uint16_t)(self | usb->remote_wakeup << 1));
    return 2;
}

static int device_feature(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    if (s->value != USB_FEATURE_REMOTE_WAKEUP) {
        return USB_REQUEST_STALL;
    }
    usb->remote_wakeup = s->request == USB_SET_FEATURE;
    return 0;
}

/* The setting in the tables; NULL: the configuration has no such interface. */
static const struct usb_interface_desc *find_interface(const struct usb_device *usb,
                                                       unsigned number, unsigned alternate)
{
    const struct usb_config_desc *c = usb_find_config(usb->desc, usb->config);

    for (unsigned n = 0; c && n < c->interface_count; n++) {
        const struct usb_interface_desc *i = &c->interfaces[n];
        if (i->number == number && i->alternate == alternate && number < USB_INTERFACES_MAX) {
            return i;
        }
    }
    return NULL;
}

static int interface_status(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    st_le16(data, 0);
    return find_interface(usb, s->index, 0) ? 2 : USB_REQUEST_STALL;
}

static int get_interface(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    if (!find_interface(usb, s->index, 0)) {
        return USB_REQUEST_STALL;
    }
    data[0] = usb->alternate[s->index];
    return 1;
}

static int set_interface(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    if (!find_interface(usb, s->index, s->value)) {
        return USB_REQUEST_STALL;
    }
    usb_device_flush(usb);
    usb->alternate[s->index] = (uint8_t)s->value;
    usb->halted = 0;
    return 0;
}

static uint32_t halt_bit(unsigned address)
{
    return 1u << ((address & 0x0f) + (address & USB_DIR_IN ? 16 : 0));
}

static bool has_endpoint(const struct usb_device *usb, unsigned address)
{
    return !(address & 0xff7f) || (address < 0x100 && usb_find_endpoint(usb, (uint8_t)address));
}

static int endpoint_status(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    if (!has_endpoint(usb, s->index)) {
        return USB_REQUEST_STALL;
    }
    st_le16(data, !!(usb->halted & halt_bit(s->index)));
    return 2;
}

static int endpoint_feature(struct usb_device *usb, const struct usb_setup *s, uint8_t *data)
{
    if (s->value != USB_FEATURE_HALT || !has_endpoint(usb, s->index)) {
        return USB_REQUEST_STALL;
    }
    if (!(s->index & 0x0f)) {
        return 0; /* the control endpoint does not halt */
    }
    if (s->request == USB_SET_FEATURE) {
        usb->halted |= halt_bit(s->index);
    } else {
        usb->halted &= ~halt_bit(s->index);
    }
    return 0;
}

/* clang-format off */
static const struct standard_request {
    uint8_t type, request;
    int (*run)(struct usb_device *usb, const struct usb_setup *s, uint8_t *data);
} standard_requests[] = {
    {USB_DIR_IN | USB_TO_DEVICE,     USB_GET_DESCRIPTOR,    get_descriptor},
    {USB_DIR_IN | USB_TO_DEVICE,     USB_GET_STATUS,        device_status},
    {USB_DIR_IN | USB_TO_DEVICE,     USB_GET_CONFIGURATION, get_configuration},
    {USB_TO_DEVICE,                  USB_SET_ADDRESS,       set_address},
    {USB_TO_DEVICE,                  USB_SET_CONFIGURATION, set_configuration},
    {USB_TO_DEVICE,                  USB_CLEAR_FEATURE,     device_feature},
    {USB_TO_DEVICE,                  USB_SET_FEATURE,       device_feature},
    {USB_DIR_IN | USB_TO_INTERFACE,  USB_GET_STATUS,        interface_status},
    {USB_DIR_IN | USB_TO_INTERFACE,  USB_GET_INTERFACE,     get_interface},
    {USB_TO_INTERFACE,               USB_SET_INTERFACE,     set_interface},
    {USB_DIR_IN | USB_TO_ENDPOINT,   USB_GET_STATUS,        endpoint_status},
    {USB_TO_ENDPOINT,                USB_CLEAR_FEATURE,     endpoint_feature},
    {USB_TO_ENDPOINT,                USB_SET_FEATURE,       endpoint_feature},
};
/* clang-format on */

static int run_request(struct usb_device *usb)
{
    struct usb_setup s = setup_of(usb);

    for (unsigned i = 0; i < ARRAY_SIZE(standard_requests); i++) {
        const struct standard_request *r = &standard_requests[i];
        if (r->type == s.type && r->request == s.request) {
            return r->run(usb, &s, usb->control);
        }
    }
    return usb->ops->request ? usb->ops->request(usb, &s, usb->control) : USB_REQUEST_STALL;
}

/* --- transfers ------------------------------------------------------------------------------------ */

static enum usb_result stall(struct usb_device *usb)
{
    struct usb_setup s = setup_of(usb);

    guest_error("%s: request %02x %02x value %04x index %04x length %u refused", usb->dev.cls->name,
                s.type, s.request, s.value, s.index, s.length);
    usb->stage = STAGE_STALL;
    return USB_STALL;
}

static enum usb_result begin(struct usb_device *usb, struct usb_packet *p)
{
    if (p->len != sizeof(usb->setup)) {
        return USB_TIMEOUT;
    }
    memcpy(usb->setup, p->data, sizeof(usb->setup));
    p->done = p->len;
    struct usb_setup s = setup_of(usb);
    usb->control_pos = 0;
    usb->control_len = s.length <= USB_CONTROL_MAX ? s.length : 0;
    if (s.type & USB_DIR_IN) {
        int len = run_request(usb);
        usb->control_len = (uint16_t)MIN(MAX(len, 0), (int)s.length);
        usb->stage = STAGE_DATA_IN;
        if (len < 0) {
            stall(usb);
        }
    } else if (s.length > USB_CONTROL_MAX) {
        stall(usb);
    } else {
        usb->stage = s.length ? STAGE_DATA_OUT : STAGE_STATUS_IN;
    }
    return USB_ACK; /* SETUP packets are always accepted */
}

static enum usb_result data_in(struct usb_device *usb, struct usb_packet *p)
{
    uint32_t left = (uint32_t)(usb->control_len - usb->control_pos);
    uint32_t len = MIN(left, (uint32_t)usb->desc->max_packet0);

    if (len > p->len) {
        return USB_BABBLE;
    }
    memcpy(p->data, usb->control + usb->control_pos, len);
    usb->control_pos = (uint16_t)(usb->control_pos + len);
    p->done = len;
    return USB_ACK;
}

static enum usb_result data_out(struct usb_device *usb, struct usb_packet *p)
{
    if (p->len > (uint32_t)(usb->control_len - usb->control_pos)) {
        return stall(usb);
    }
    memcpy(usb->control + usb->control_pos, p->data, p->len);
    usb->control_pos = (uint16_t)(usb->control_pos + p->len);
    p->done = p->len;
    if (usb->control_pos == usb->control_len) {
        usb->stage = STAGE_STATUS_IN;
    }
    return USB_ACK;
}

static enum usb_result status_in(struct usb_device *usb)
{
    bool whole = usb->control_len == setup_of(usb).length;

    usb->stage = STAGE_IDLE;
    return !whole || run_request(usb) < 0 ? stall(usb) : USB_ACK;
}

enum usb_result usb_control_packet(struct usb_device *usb, struct usb_packet *p)
{
    if (p->pid == USB_PID_SETUP) {
        return begin(usb, p);
    }
    if (p->len > usb->desc->max_packet0 && p->pid == USB_PID_OUT) {
        return USB_BABBLE;
    }
    if (p->pid == USB_PID_IN && usb->stage == STAGE_DATA_IN) {
        return data_in(usb, p);
    }
    if (p->pid == USB_PID_OUT && usb->stage == STAGE_DATA_OUT) {
        return data_out(usb, p);
    }
    if (p->pid == USB_PID_IN && usb->stage == STAGE_STATUS_IN) {
        return status_in(usb);
    }
    if (p->pid == USB_PID_OUT && usb->stage == STAGE_DATA_IN) { /* the host's status stage */
        usb->stage = STAGE_IDLE;
        p->done = p->len;
        return USB_ACK;
    }
    return stall(usb);
}
