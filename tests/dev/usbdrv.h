/* SPDX-License-Identifier: MIT */
/*
 * A USB driver for tests, on UHCI: one queue head, one transfer at a time, everything by polling
 * with the virtual clock.
 */
#ifndef TESTS_DEV_USBDRV_H
#define TESTS_DEV_USBDRV_H

#include "hw/core/hotplug.h"
#include "hw/core/timerq.h"
#include "hw/usb/usb.h"
#include "system/mainloop.h"
#include "tests/dev/guestram.h"
#include "tests/dev/pcibus.h"
#include "ui/input.h"

#define UDRV_SLOT   PCI_DEVFN(4, 0)
#define UDRV_IO     0xc000u
#define UDRV_FRAMES 0x10000u /* frame list */
#define UDRV_QH     0x20000u
#define UDRV_TD     0x21000u /* descriptors, 16 bytes each */
#define UDRV_DATA   0x30000u

enum {
    UHCI_CMD = 0,
    UHCI_STS = 2,
    UHCI_INTR = 4,
    UHCI_FRNUM = 6,
    UHCI_FRBASE = 8,
    UHCI_SOFMOD = 12,
    UHCI_PORT = 16
};

/* Flags of udrv_td(). */
enum { UDRV_IOC = 1, UDRV_SPD = 2, UDRV_INACTIVE = 4 };
#define UDRV_ERRORS(n) ((n) << 4 | 0x100) /* else 3 */

/* What a packet has come to, negative; else bytes. */
enum { UDRV_NAK = 1, UDRV_STALL, UDRV_TIMEOUT, UDRV_BABBLE };

static struct test_pci udrv_pci;

static inline uint16_t uhci_get(unsigned reg)
{
    return (uint16_t)io_port_read((uint16_t)(UDRV_IO + reg), 2);
}

static inline void uhci_put(unsigned reg, uint16_t val)
{
    io_port_write((uint16_t)(UDRV_IO + reg), val, 2);
}

static inline void udrv_word(uint32_t at, uint32_t word)
{
    st_le32(guest_mem(at), word);
}

static inline int udrv_irq(void)
{
    return udrv_pci.lines[0] || udrv_pci.lines[1] || udrv_pci.lines[2] || udrv_pci.lines[3];
}

static inline void udrv_map(void)
{
    config_write(UDRV_SLOT, PCI_BASE_ADDRESS_0 + 16, UDRV_IO, 4);
    config_write(UDRV_SLOT, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER, 2);
}

static inline void udrv_setup(void)
{
    struct error *err = NULL;

    ck_assert_int_eq(mainloop_init(NULL), 0);
    memory_init();
    device_lock();
    clock_manual(true);
    guest_ram_init();
    test_pci_init(&udrv_pci);
    isa_bus_init(g_new0(struct isa_bus, 1), NULL, NULL, NULL); /* for a keyboard controller */
    ck_assert_msg(device_add_text("piix3-usb-uhci,id=uhci,addr=4", &err) == 0, "%s",
                  err ? error_msg(err) : "");
    device_reset_all(RESET_COLD);
    device_hotplug_begin();
    udrv_map();
}

static inline void udrv_loop(void)
{
    mainloop_iterate(false);
    mainloop_iterate(false);
}

static inline void udrv_plug(const char *text)
{
    struct error *err = NULL;

    ck_assert_msg(device_add_text(text, &err) == 0, "%s", err ? error_msg(err) : "");
}

static inline void udrv_unplug(const char *id)
{
    ck_assert_int_eq(device_del(id, NULL), 0);
    udrv_loop();
    ck_assert_ptr_null(device_find(id));
}

static inline void udrv_fini(void)
{
    device_free(device_find("uhci"));
}

static inline void udrv_start(void)
{
    io_port_write(UDRV_IO + UHCI_FRBASE, UDRV_FRAMES, 4);
    for (unsigned i = 0; i < 1024; i++)
        udrv_word(UDRV_FRAMES + 4 * i, 1);
    uhci_put(UHCI_CMD, 0xc1);
}

static inline void udrv_reset_port(unsigned n)
{
    uhci_put(UHCI_PORT + 2 * n, 0x200);
    clock_step(50 * NS_PER_MS);
    uhci_put(UHCI_PORT + 2 * n, 0);
    uhci_put(UHCI_PORT + 2 * n, 0x0e);
}

/* --- descriptors ---------------------------------------------------------------------------------- */

static inline void udrv_queue(uint32_t qh, uint32_t element)
{
    udrv_word(qh, 1);
    udrv_word(qh + 4, element);
}

static inline void udrv_td(uint32_t td, unsigned address, unsigned endpoint, unsigned pid,
                           uint32_t buffer, unsigned len, unsigned flags)
{
    uint32_t errors = flags & 0x100 ? flags >> 4 & 3 : 3;

    udrv_word(td, 1);
    udrv_word(td + 4, (flags & UDRV_INACTIVE ? 0 : 1u << 23) | (flags & UDRV_IOC ? 1u << 24 : 0) |
                          (flags & UDRV_SPD ? 1u << 29 : 0) | errors << 27);
    udrv_word(td + 8, pid | address << 8 | endpoint << 15 | ((len - 1) & 0x7ff) << 21);
    udrv_word(td + 12, buffer);
}

static inline int udrv_outcome(uint32_t td)
{
    uint32_t ctrl = ld_le32(guest_mem(td + 4));

    if (ctrl & 1u << 23)
        return -UDRV_NAK;
    if (ctrl & 1u << 20)
        return -UDRV_BABBLE;
    if (ctrl & 1u << 18)
        return -UDRV_TIMEOUT;
    return ctrl & 1u << 22 ? -UDRV_STALL : (int)((ctrl + 1) & 0x7ff);
}

/* One packet, for as long as a NAK may take. */
static inline int udrv_packet(unsigned address, unsigned endpoint, unsigned pid, void *data,
                              unsigned len)
{
    if (data && pid != USB_PID_IN)
        memcpy(guest_mem(UDRV_DATA), data, len);
    udrv_queue(UDRV_QH, UDRV_TD);
    udrv_td(UDRV_TD, address, endpoint, pid, UDRV_DATA, len, 0);
    for (unsigned i = 0; i < 1024; i++)
        udrv_word(UDRV_FRAMES + 4 * i, UDRV_QH | 2);
    for (unsigned i = 0; i < 150 && udrv_outcome(UDRV_TD) == -UDRV_NAK; i++)
        clock_step(NS_PER_MS);
    for (unsigned i = 0; i < 1024; i++)
        udrv_word(UDRV_FRAMES + 4 * i, 1);
    int ret = udrv_outcome(UDRV_TD);
    if (pid == USB_PID_IN && ret > 0)
        memcpy(data, guest_mem(UDRV_DATA), (size_t)ret);
    return ret;
}

/* A control transfer in packets of 8 bytes; `length` is what SETUP says, `len` what is moved. */
static inline int udrv_control(unsigned address, uint8_t type, uint8_t request, uint16_t value,
                               uint16_t index, uint16_t length, uint8_t *data, unsigned len)
{
    uint8_t setup[8] = {type, request};
    bool in = type & 0x80;
    unsigned done = 0;

    st_le16(setup + 2, value);
    st_le16(setup + 4, index);
    st_le16(setup + 6, length);
    int ret = udrv_packet(address, 0, USB_PID_SETUP, setup, 8);
    while (ret >= 0 && done < len) {
        unsigned part = MIN(len - done, in ? 64u : 8u);
        ret = udrv_packet(address, 0, in ? USB_PID_IN : USB_PID_OUT, data + done, part);
        done += ret > 0 ? (unsigned)ret : 0;
        if (in && ret < 8)
            break;
    }
    if (ret >= 0)
        ret = udrv_packet(address, 0, in && length ? USB_PID_OUT : USB_PID_IN, NULL, 0);
    return ret < 0 ? ret : (int)done;
}

static inline int udrv_in(unsigned address, uint8_t type, uint8_t request, uint16_t value,
                          uint16_t index, uint8_t *data, uint16_t len)
{
    return udrv_control(address, type, request, value, index, len, data, len);
}

static inline int udrv_out(unsigned address, uint8_t type, uint8_t request, uint16_t value,
                           uint16_t index, uint8_t *data, uint16_t len)
{
    return udrv_control(address, type, request, value, index, len, data, len);
}

/* Reset the port, give its device this address and its first configuration. */
static inline void udrv_configure(unsigned port, unsigned address)
{
    udrv_reset_port(port);
    ck_assert_int_eq(udrv_out(0, 0, USB_SET_ADDRESS, (uint16_t)address, 0, NULL, 0), 0);
    ck_assert_int_eq(udrv_out(address, 0, USB_SET_CONFIGURATION, 1, 0, NULL, 0), 0);
}

/* Of the report descriptor, by the HID descriptor. */
static inline unsigned udrv_report_length(unsigned address)
{
    uint8_t buf[9];

    ck_assert_int_eq(udrv_in(address, 0x81, USB_GET_DESCRIPTOR, 0x2100, 0, buf, 9), 9);
    return ld_le16(buf + 7);
}

#endif
