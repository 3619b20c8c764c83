/* SPDX-License-Identifier: MIT */
/* The UHCI host controller's state, shared by its registers and its schedule. */
#ifndef HW_USB_UHCI_INT_H
#define HW_USB_UHCI_INT_H

#include "hw/core/clock.h"
#include "hw/pci/pci.h"
#include "hw/usb/usb.h"

#define UHCI_PORTS  2
#define UHCI_FRAMES 1024 /* entries of the frame list */

/* clang-format off */
enum { UHCI_CMD_RS = 0x01, UHCI_CMD_HCRESET = 0x02, UHCI_CMD_GRESET = 0x04, UHCI_CMD_EGSM = 0x08,
       UHCI_CMD_FGR = 0x10, UHCI_CMD_SWDBG = 0x20, UHCI_CMD_CF = 0x40, UHCI_CMD_MAXP = 0x80,
       UHCI_CMD_MASK = 0xff };
enum { UHCI_STS_USBINT = 0x01, UHCI_STS_ERROR = 0x02, UHCI_STS_RESUME = 0x04, UHCI_STS_HOST_ERROR = 0x08,
       UHCI_STS_PROCESS_ERROR = 0x10, UHCI_STS_HALTED = 0x20 };
enum { UHCI_INTR_TIMEOUT = 0x01, UHCI_INTR_RESUME = 0x02, UHCI_INTR_IOC = 0x04, UHCI_INTR_SHORT = 0x08,
       UHCI_INTR_MASK = 0x0f };
/* clang-format on */

struct uhci;
struct uhci_async;

struct uhci_port {
    struct usb_port port;
    struct uhci *uhci;
    uint16_t ctrl;
};

struct uhci {
    struct pci_device pci;
    struct mem_region io;
    struct usb_bus bus;
    struct uhci_port ports[UHCI_PORTS];

    uint16_t cmd, status, intr;
    uint32_t frame_base;
    uint8_t sof_modify;
    bool ioc, short_packet; /* why UHCI_STS_USBINT is set */

    /* Time. Frames run late and several at once while nothing happens. */
    uint16_t frnum;     /* the next frame to be run, 11 bits ... */
    int64_t next_frame; /* ... and when it begins; while running */
    struct timer timer;
    uint8_t quiet;    /* frames since something has happened; stops at a limit */
    uint8_t interval; /* frames from round to round; derived */

    TAILQ_HEAD(, uhci_async) asyncs; /* not saved: saving takes them back */
    unsigned async_count;
};

/* uhci.c */
static inline bool uhci_running(const struct uhci *s)
{
    return s->cmd & UHCI_CMD_RS;
}
void uhci_update_irq(struct uhci *s);
void uhci_stop(struct uhci *s);
struct usb_device *uhci_find_device(struct uhci *s, uint8_t address);

/* uhci_schedule.c: run frame `frnum`. true: something has happened, not only NAKs; frames with the
 * same entry of the frame list need not be run until then. */
bool uhci_run_frame(struct uhci *s, uint32_t entry);

/* uhci_async.c: a packet through a device that may take its time. `id` names the descriptor in guest
 * memory; asked again with the same one, the packet's answer is given, USB_NAK until there is one. */
enum usb_result uhci_async_packet(struct uhci *s, struct usb_device *usb, uint32_t id,
                                  uint32_t token, struct usb_packet *p);
/* Of one device, or (NULL) of all. */
void uhci_async_cancel(struct uhci *s, const struct usb_device *usb);
/* So many frames have been run: what has not been asked for in all of them is taken back. */
void uhci_async_age(struct uhci *s, unsigned frames);

#endif
