/* SPDX-License-Identifier: MIT */
/*
 * 16550A UART, the chip: it knows neither bus nor host. The wrapper (serial_isa.c, a PCI card)
 * gives it an interrupt line, a chardev and maps its eight registers. Device lock held.
 */
#ifndef HW_CHAR_SERIAL_H
#define HW_CHAR_SERIAL_H

#include "chardev/chardev.h"
#include "hw/core/clock.h"
#include "hw/core/irq.h"
#include "hw/core/memory.h"
#include "hw/core/regs.h"

#define SERIAL_FIFO      16
#define SERIAL_BASE_BAUD 115200 /* divisor 1 */

struct vmstate;

struct serial_fifo {
    uint8_t data[SERIAL_FIFO];
    uint8_t error[SERIAL_FIFO]; /* LSR bits that arrived with the byte */
    uint8_t head, count;
};

struct serial {
    struct irq *irq;      /* NULL: none */
    struct chardev *chr;  /* NULL: nothing connected */
    struct mem_region io; /* eight registers of one byte */
    struct reg_window window;

    uint8_t rbr, ier, fcr, lcr, mcr, lsr, msr, scr;
    uint16_t divisor;
    bool thre_pending;    /* the THRE interrupt has not been seen by a read of IIR yet */
    bool timeout_pending; /* the receive FIFO has been left alone for four characters */
    struct serial_fifo rx, tx;
    struct timer timeout;
    int irq_level; /* derived */
};

int serial_init(struct serial *s, struct error **err);
void serial_fini(struct serial *s);
void serial_reset(struct serial *s);
extern const struct vmstate serial_vmstate;

#endif
