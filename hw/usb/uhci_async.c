/* SPDX-License-Identifier: MIT */
/*
 * Packets that a device answers later. The descriptor stays active in the guest's schedule and is
 * met again in every frame; when the answer is there it gets it. A descriptor that is not met any
 * more has been taken out of the schedule, and so its packet is taken back.
 */
#include "hw/usb/uhci_int.h"

#define ASYNC_MAX 32u /* more of them wait in the schedule */
#define AGE_MAX   (2 * UHCI_FRAMES)

struct uhci_async {
    struct usb_packet p;
    struct uhci *uhci;
    struct usb_device *usb; /* NULL: it has answered */
    uint32_t id, token;
    unsigned age; /* frames since it was met */
    TAILQ_ENTRY(uhci_async) link;
    uint8_t data[USB_PACKET_MAX];
};

static struct uhci_async *find(struct uhci *s, uint32_t id, uint32_t token)
{
    struct uhci_async *a;

    TAILQ_FOREACH(a, &s->asyncs, link)
    {
        if (a->id == id && a->token == token) {
            return a;
        }
    }
    return NULL;
}

static void forget(struct uhci_async *a)
{
    if (a->usb) {
        usb_cancel_packet(a->usb, &a->p);
    }
    TAILQ_REMOVE(&a->uhci->asyncs, a, link);
    a->uhci->async_count--;
    g_free(a);
}

/* The device has answered: look at the schedule soon. */
static void complete(struct usb_packet *p)
{
    struct uhci_async *a = container_of(p, struct uhci_async, p);
    struct usb_device *usb = a->usb;

    a->usb = NULL;
    usb_device_ready(usb);
}

/* What is answered at once is not kept. */
static enum usb_result submit(struct uhci *s, struct usb_device *usb, uint32_t id, uint32_t token,
                              struct usb_packet *p)
{
    struct uhci_async *a = g_new0(struct uhci_async, 1);
    bool in = p->pid == USB_PID_IN;

    *a = (struct uhci_async){.uhci = s, .usb = usb, .id = id, .token = token, .p = *p};
    a->p.data = a->data;
    a->p.complete = complete;
    memcpy(a->data, p->data, in ? 0 : p->len);
    enum usb_result r = usb_handle_packet(usb, &a->p);
    if (r == USB_ASYNC) {
        TAILQ_INSERT_TAIL(&s->asyncs, a, link);
        s->async_count++;
        return USB_NAK;
    }
    p->done = a->p.done;
    memcpy(p->data, a->data, in ? p->done : 0);
    g_free(a);
    return r;
}

enum usb_result uhci_async_packet(struct uhci *s, struct usb_device *usb, uint32_t id,
                                  uint32_t token, struct usb_packet *p)
{
    struct uhci_async *a = find(s, id, token);

    if (!usb->ops->cancel || !p->endpoint) { /* never takes its time */
        return usb_handle_packet(usb, p);
    }
    if (!a) {
        return s->async_count < ASYNC_MAX ? submit(s, usb, id, token, p) : USB_NAK;
    }
    a->age = 0;
    if (a->usb) {
        return USB_NAK;
    }
    enum usb_result r = a->p.result;
    p->done = MIN(a->p.done, p->len);
    if (p->pid == USB_PID_IN) {
        memcpy(p->data, a->data, p->done);
    }
    forget(a);
    return r;
}

void uhci_async_cancel(struct uhci *s, const struct usb_device *usb)
{
    struct uhci_async *a, *next;

    for (a = TAILQ_FIRST(&s->asyncs); a; a = next) {
        next = TAILQ_NEXT(a, link);
        if (!usb || a->usb == usb) {
            forget(a);
        }
    }
}

void uhci_async_age(struct uhci *s, unsigned frames)
{
    struct uhci_async *a, *next;

    for (a = TAILQ_FIRST(&s->asyncs); a; a = next) {
        next = TAILQ_NEXT(a, link);
        a->age += frames;
        if (a->age > AGE_MAX) {
            forget(a);
        }
    }
}
