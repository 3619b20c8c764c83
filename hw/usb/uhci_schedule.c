/* SPDX-License-Identifier: MIT */
/*
 * The schedule of a UHCI host controller: queue heads and transfer descriptors in guest memory (UHCI
 * Design Guide 1.1, chapters 3 and 1.2). Nothing of it is kept from frame to frame.
 *
 * It is the guest's: lists may be circles, addresses garbage. A frame ends when its time is used up
 * (bytes and a fee for each transaction), after a number of fetches, or when a circle has been gone
 * round without a transaction.
 */
#include "hw/usb/uhci_int.h"

#include "util/log.h"
#include "util/trace.h"

#define LINK_TERMINATE 0x01u
#define LINK_QUEUE     0x02u
#define LINK_DEPTH     0x04u
#define LINK_ADDRESS   0xfffffff0u

#define TD_ACTLEN      0x000007ffu
#define TD_TIMEOUT     0x00040000u
#define TD_NAK         0x00080000u
#define TD_BABBLE      0x00100000u
#define TD_STALLED     0x00400000u
#define TD_ACTIVE      0x00800000u
#define TD_IOC         0x01000000u
#define TD_ISOCHRONOUS 0x02000000u
#define TD_ERRORS      0x18000000u /* errors left, 0: without limit */
#define TD_ERROR_ONE   0x08000000u
#define TD_SHORT       0x20000000u

#define FETCHES_MAX 512u  /* of a frame; real schedules have some ten */
#define FRAME_BYTES 1500u /* what a millisecond of full speed has room for */
#define PACKET_FEE  13u   /* bytes of protocol, USB 2.0 5.8.4 */

struct walk {
    struct uhci *uhci;
    unsigned fetches;
    unsigned bytes;  /* of the frame's time, used up */
    unsigned marked; /* bytes when the mark was set */
    uint32_t mark;   /* if we come here again without a transaction it is a circle */
    unsigned next_mark;
    bool happened;
};

struct td {
    uint32_t link, ctrl, token, buffer;
};

enum td_state { TD_DONE, TD_STAYS };

/* --- memory --------------------------------------------------------------------------------------- */

/* The controller stops; software has given it an address that is none. */
static void host_error(struct walk *w, uint16_t status, const char *what, uint32_t address)
{
    guest_error("uhci: %s at %#x", what, address);
    w->uhci->status |= status;
    uhci_stop(w->uhci);
    w->happened = true;
}

static bool fetch(struct walk *w, uint32_t address, uint32_t *words, unsigned count)
{
    uint8_t buf[16];

    w->fetches++;
    if (pci_dma_read(&w->uhci->pci, address, buf, count * 4) != MEM_RESULT_OK) {
        host_error(w, UHCI_STS_HOST_ERROR, "cannot read the schedule", address);
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        words[i] = ld_le32(buf + 4 * i);
    }
    return true;
}

static void store(struct walk *w, uint32_t address, uint32_t word)
{
    uint8_t buf[4];

    st_le32(buf, word);
    if (pci_dma_write(&w->uhci->pci, address, buf, sizeof(buf)) != MEM_RESULT_OK) {
        host_error(w, UHCI_STS_HOST_ERROR, "cannot write the schedule", address);
    }
}

/* --- transactions --------------------------------------------------------------------------------- */

static uint32_t max_length(uint32_t token)
{
    return ((token >> 21) + 1) & 0x7ff;
}

static bool token_valid(uint32_t token)
{
    uint8_t pid = token & 0xff;

    return (pid == USB_PID_IN || pid == USB_PID_OUT || pid == USB_PID_SETUP) &&
           max_length(token) <= USB_PACKET_MAX;
}

/* USB_NAK if memory fails: the controller has stopped. */
static enum usb_result transact(struct walk *w, uint32_t address, const struct td *td,
                                uint32_t *done)
{
    struct uhci *s = w->uhci;
    uint8_t data[USB_PACKET_MAX];
    struct usb_packet p = {.pid = td->token & 0xff,
                           .endpoint = td->token >> 15 & 0x0f,
                           .data = data,
                           .len = max_length(td->token)};
    struct usb_device *usb = uhci_find_device(s, td->token >> 8 & 0x7f);
    bool in = p.pid == USB_PID_IN;

    w->bytes += PACKET_FEE + p.len;
    if (!in && p.len && pci_dma_read(&s->pci, td->buffer, data, p.len) != MEM_RESULT_OK) {
        host_error(w, UHCI_STS_HOST_ERROR, "cannot read a buffer", td->buffer);
        return USB_NAK;
    }
    enum usb_result r = usb ? uhci_async_packet(s, usb, address, td->token, &p) : USB_TIMEOUT;
    if (in && r == USB_ACK && p.done &&
        pci_dma_write(&s->pci, td->buffer, data, p.done) != MEM_RESULT_OK) {
        host_error(w, UHCI_STS_HOST_ERROR, "cannot write a buffer", td->buffer);
        return USB_NAK;
    }
    *done = p.done;
    return r;
}

static void failed(struct walk *w, struct td *td, uint32_t bits)
{
    td->ctrl = (td->ctrl & ~TD_ACTIVE) | bits;
    w->uhci->status |= UHCI_STS_ERROR;
}

/* Nobody answers: tried again, as often as the descriptor says. */
static void timed_out(struct walk *w, struct td *td)
{
    td->ctrl |= TD_TIMEOUT;
    if (td->ctrl & TD_ERRORS) {
        td->ctrl -= TD_ERROR_ONE;
        if (!(td->ctrl & TD_ERRORS)) {
            failed(w, td, TD_STALLED);
        }
    }
}

/* What has come of a transaction goes into the descriptor. */
static enum td_state finish(struct walk *w, struct td *td, enum usb_result r, uint32_t done)
{
    bool in = (td->token & 0xff) == USB_PID_IN;

    switch (r) {
    case USB_ACK:
        td->ctrl = (td->ctrl & ~(TD_ACTIVE | TD_NAK | TD_ACTLEN)) | ((done - 1) & TD_ACTLEN);
        if (in && (td->ctrl & TD_SHORT) && done < max_length(td->token)) {
            w->uhci->short_packet = true;
            return TD_STAYS;
        }
        return TD_DONE;
    case USB_STALL:
        failed(w, td, TD_STALLED);
        break;
    case USB_BABBLE:
        failed(w, td, TD_STALLED | TD_BABBLE);
        break;
    case USB_TIMEOUT:
        timed_out(w, td);
        break;
    case USB_NAK:
    case USB_ASYNC:
        td->ctrl |= TD_NAK;
        break;
    }
    if (td->ctrl & TD_ISOCHRONOUS) { /* these are not tried again */
        td->ctrl &= ~TD_ACTIVE;
        return TD_DONE;
    }
    return TD_STAYS;
}

static enum td_state run_td(struct walk *w, uint32_t address, struct td *td)
{
    uint32_t words[4], done = 0;

    if (!fetch(w, address, words, 4)) {
        return TD_STAYS;
    }
    *td = (struct td){words[0], words[1], words[2], words[3]};
    if (!(td->ctrl & TD_ACTIVE)) { /* IOC counts even if it was done before (1.2.2) */
        w->happened |= (td->ctrl & TD_IOC) && !w->uhci->ioc;
        w->uhci->ioc |= !!(td->ctrl & TD_IOC);
        return TD_STAYS;
    }
    if (!token_valid(td->token)) {
        host_error(w, UHCI_STS_PROCESS_ERROR, "wrong token of a descriptor", address);
        return TD_STAYS;
    }
    enum usb_result r = transact(w, address, td, &done);
    if (!uhci_running(w->uhci)) {
        return TD_STAYS;
    }
    enum td_state state = finish(w, td, r, done);
    w->happened |= r != USB_NAK && r != USB_ASYNC;
    if (td->ctrl != words[1]) {
        store(w, address + 4, td->ctrl);
    }
    if (!(td->ctrl & TD_ACTIVE) && (td->ctrl & TD_IOC)) {
        w->uhci->ioc = true;
    }
    return state;
}

/* --- queues --------------------------------------------------------------------------------------- */

static bool may_go_on(const struct walk *w)
{
    return w->fetches < FETCHES_MAX && w->bytes < FRAME_BYTES && uhci_running(w->uhci);
}

/* Descriptors of a queue, depth first as long as they ask for it. Where to go then. */
static uint32_t run_queue(struct walk *w, uint32_t address)
{
    uint32_t head[2];
    struct td td;

    if (!fetch(w, address, head, 2)) {
        return LINK_TERMINATE;
    }
    if (!(head[1] & LINK_TERMINATE) && (head[1] & LINK_QUEUE)) {
        return head[1];
    }
    while (!(head[1] & (LINK_TERMINATE | LINK_QUEUE)) && may_go_on(w)) {
        if (run_td(w, head[1] & LINK_ADDRESS, &td) == TD_STAYS) {
            break;
        }
        head[1] = td.link;
        store(w, address + 4, head[1]);
        if (!(td.link & LINK_DEPTH)) {
            break;
        }
    }
    return head[0];
}

/* Outside of queues a descriptor is passed whatever has come of it. */
static uint32_t run_single(struct walk *w, uint32_t address)
{
    struct td td = {.link = LINK_TERMINATE};

    run_td(w, address, &td);
    return td.link;
}

/* Brent's way of seeing a circle: marks at growing distances. Between two transactions only. */
static bool is_circle(struct walk *w, uint32_t link)
{
    if (link == w->mark && w->bytes == w->marked) {
        return true;
    }
    if (w->fetches >= w->next_mark || w->bytes != w->marked) {
        w->mark = link;
        w->marked = w->bytes;
        w->next_mark = w->fetches * 2;
    }
    return false;
}

static void set_interrupts(struct uhci *s)
{
    if (s->ioc || s->short_packet) {
        s->status |= UHCI_STS_USBINT;
    }
    uhci_update_irq(s);
}

bool uhci_run_frame(struct uhci *s, uint32_t entry)
{
    struct walk w = {.uhci = s, .mark = LINK_TERMINATE, .next_mark = 1};
    uint32_t link = entry;

    while (!(link & LINK_TERMINATE) && may_go_on(&w) && !is_circle(&w, link)) {
        link = link & LINK_QUEUE ? run_queue(&w, link & LINK_ADDRESS)
                                 : run_single(&w, link & LINK_ADDRESS);
    }
    TRACE(uhci_frame, "%u: entry %#x, %u fetches, %u bytes", s->frnum, entry, w.fetches, w.bytes);
    set_interrupts(s);
    return w.happened;
}
