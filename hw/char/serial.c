/* SPDX-License-Identifier: MIT */
/*
 * 16550A UART: National Semiconductor PC16550D data sheet (June 1995).
 *
 * Not modelled: the time a character takes to be sent (the transmitter is empty again as soon as
 * the host has taken the byte), parity and framing errors of the line, DMA mode signals. Modem
 * status inputs are those of a connected, ready peer.
 */
#include "hw/char/serial.h"

#include "hw/core/vmstate.h"
#include "util/error.h"
#include "util/trace.h"

/* clang-format off */
enum { UART_RBR_THR = 0, UART_IER = 1, UART_IIR_FCR = 2, UART_LCR = 3, UART_MCR = 4, UART_LSR = 5,
       UART_MSR = 6, UART_SCR = 7 };
enum { UART_IER_RDI = 0x01, UART_IER_THRI = 0x02, UART_IER_RLSI = 0x04, UART_IER_MSI = 0x08 };
enum { UART_IIR_NONE = 0x01, UART_IIR_MSI = 0x00, UART_IIR_THRI = 0x02, UART_IIR_RDI = 0x04,
       UART_IIR_RLSI = 0x06, UART_IIR_TIMEOUT = 0x0c, UART_IIR_FIFO = 0xc0 };
enum { UART_FCR_ENABLE = 0x01, UART_FCR_CLEAR_RX = 0x02, UART_FCR_CLEAR_TX = 0x04, UART_FCR_KEPT = 0xc9 };
enum { UART_LCR_WORD = 0x03, UART_LCR_STOP = 0x04, UART_LCR_PARITY = 0x08, UART_LCR_BREAK = 0x40,
       UART_LCR_DLAB = 0x80 };
enum { UART_MCR_DTR = 0x01, UART_MCR_RTS = 0x02, UART_MCR_OUT1 = 0x04, UART_MCR_OUT2 = 0x08,
       UART_MCR_LOOP = 0x10 };
enum { UART_LSR_DR = 0x01, UART_LSR_OE = 0x02, UART_LSR_PE = 0x04, UART_LSR_FE = 0x08, UART_LSR_BI = 0x10,
       UART_LSR_THRE = 0x20, UART_LSR_TEMT = 0x40, UART_LSR_FIFO_ERROR = 0x80, UART_LSR_ERRORS = 0x1e };
enum { UART_MSR_DCTS = 0x01, UART_MSR_DDSR = 0x02, UART_MSR_TERI = 0x04, UART_MSR_DDCD = 0x08,
       UART_MSR_CTS = 0x10, UART_MSR_DSR = 0x20, UART_MSR_RI = 0x40, UART_MSR_DCD = 0x80,
       UART_MSR_DELTAS = 0x0f };
/* clang-format on */

static bool fifo_on(const struct serial *s)
{
    return s->fcr & UART_FCR_ENABLE;
}

/* --- FIFOs ---------------------------------------------------------------------------------- */

static void fifo_push(struct serial_fifo *f, uint8_t byte, uint8_t error)
{
    unsigned tail = (f->head + f->count) % SERIAL_FIFO;

    f->data[tail] = byte;
    f->error[tail] = error;
    f->count++;
}

static uint8_t fifo_pop(struct serial_fifo *f)
{
    uint8_t byte = f->data[f->head];

    f->head = (f->head + 1) % SERIAL_FIFO;
    f->count--;
    return byte;
}

static bool fifo_has_error(const struct serial_fifo *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        if (f->error[(f->head + i) % SERIAL_FIFO]) {
            return true;
        }
    }
    return false;
}

static unsigned rx_capacity(const struct serial *s)
{
    return fifo_on(s) ? SERIAL_FIFO : 1;
}

static unsigned rx_trigger(const struct serial *s)
{
    static const uint8_t levels[4] = {1, 4, 8, 14};
    return fifo_on(s) ? levels[s->fcr >> 6] : 1;
}

/* --- interrupts ----------------------------------------------------------------------------- */

/* The identification register, highest priority first (data sheet, table IV). */
static uint8_t interrupt_id(const struct serial *s)
{
    if ((s->ier & UART_IER_RLSI) && (s->lsr & UART_LSR_ERRORS)) {
        return UART_IIR_RLSI;
    }
    if ((s->ier & UART_IER_RDI) && s->rx.count >= rx_trigger(s)) {
        return UART_IIR_RDI;
    }
    if ((s->ier & UART_IER_RDI) && s->timeout_pending) {
        return UART_IIR_TIMEOUT;
    }
    if ((s->ier & UART_IER_THRI) && s->thre_pending) {
        return UART_IIR_THRI;
    }
    if ((s->ier & UART_IER_MSI) && (s->msr & UART_MSR_DELTAS)) {
        return UART_IIR_MSI;
    }
    return UART_IIR_NONE;
}

/* OUT2 gates the line on every PC card, but firmware that never sets it expects interrupts too. */
static void update_irq(struct serial *s)
{
    int level = interrupt_id(s) != UART_IIR_NONE;

    if (level != s->irq_level) {
        s->irq_level = level;
        irq_set(s->irq, level);
    }
}

/* --- receiving ------------------------------------------------------------------------------ */

/* Nanoseconds of `n` characters at the programmed rate. */
static int64_t char_time(const struct serial *s, unsigned n)
{
    unsigned bits = 1 + 5 + (s->lcr & UART_LCR_WORD) + !!(s->lcr & UART_LCR_PARITY) + 1 +
                    !!(s->lcr & UART_LCR_STOP);
    unsigned divisor = s->divisor ? s->divisor : 65536u;
    return (int64_t)n * bits * divisor * NS_PER_SEC / SERIAL_BASE_BAUD;
}

static void rearm_timeout(struct serial *s)
{
    s->timeout_pending = false;
    if (fifo_on(s) && s->rx.count) {
        timer_arm(&s->timeout, clock_now(CLK_VIRTUAL) + char_time(s, 4));
    } else {
        timer_cancel(&s->timeout);
    }
}

/* A timeout that is pending stays so until the FIFO is read. */
static void restart_timeout(struct serial *s)
{
    if (!s->timeout_pending) {
        rearm_timeout(s);
    }
}

static void timeout_expired(void *opaque)
{
    struct serial *s = opaque;

    s->timeout_pending = s->rx.count != 0;
    update_irq(s);
}

/* An error stays in the FIFO until LSR is read while its byte is the oldest. */
static void show_fifo_error(struct serial *s)
{
    bool shown = s->lsr & (UART_LSR_BI | UART_LSR_FE | UART_LSR_PE);

    s->lsr &= (uint8_t)~UART_LSR_FIFO_ERROR;
    if (fifo_on(s) && (shown || fifo_has_error(&s->rx))) {
        s->lsr |= UART_LSR_FIFO_ERROR;
    }
}

/* The state of the oldest byte shows in LSR. */
static void show_head(struct serial *s)
{
    s->lsr &= (uint8_t)~UART_LSR_DR;
    if (s->rx.count) {
        s->lsr |= (uint8_t)(UART_LSR_DR | s->rx.error[s->rx.head]);
        s->rx.error[s->rx.head] = 0;
    }
    show_fifo_error(s);
}

static void receive_byte(struct serial *s, uint8_t byte, uint8_t error)
{
    if (s->rx.count >= rx_capacity(s)) {
        /* With FIFOs the new byte is lost, without them the old one. */
        s->lsr |= UART_LSR_OE;
        if (!fifo_on(s)) {
            s->rx.data[s->rx.head] = byte;
            s->rx.error[s->rx.head] = error;
        }
    } else {
        fifo_push(&s->rx, byte, error);
    }
    show_head(s);
    restart_timeout(s);
}

static size_t host_can_read(void *opaque)
{
    struct serial *s = opaque;

    if (s->mcr & UART_MCR_LOOP) {
        return 0;
    }
    return rx_capacity(s) - MIN(s->rx.count, rx_capacity(s));
}

static void host_read(void *opaque, const uint8_t *buf, size_t len)
{
    struct serial *s = opaque;

    for (size_t i = 0; i < len; i++) {
        receive_byte(s, buf[i], 0);
    }
    update_irq(s);
}

static void host_event(void *opaque, enum chardev_event event)
{
    struct serial *s = opaque;

    if (event == CHARDEV_BREAK && !(s->mcr & UART_MCR_LOOP)) {
        receive_byte(s, 0, UART_LSR_BI);
        update_irq(s);
    }
}

static uint64_t read_rbr(void *opaque, const struct reg_desc *reg, uint64_t val)
{
    struct serial *s = opaque;

    if (s->lcr & UART_LCR_DLAB) {
        return s->divisor & 0xff;
    }
    if (s->rx.count) {
        s->rbr = fifo_pop(&s->rx);
        show_head(s);
        rearm_timeout(s);
        update_irq(s);
        if (!(s->mcr & UART_MCR_LOOP)) {
            chardev_accept_input(s->chr);
        }
    }
    return s->rbr;
}

/* --- sending -------------------------------------------------------------------------------- */

/* The transmitter has room again: a THRE interrupt is due. */
static void show_sent(struct serial *s)
{
    bool empty = s->tx.count == 0;

    if (empty && !(s->lsr & UART_LSR_THRE)) {
        s->thre_pending = true;
    }
    s->lsr &= (uint8_t) ~(UART_LSR_THRE | UART_LSR_TEMT);
    s->lsr |= empty ? UART_LSR_THRE | UART_LSR_TEMT : 0;
}

static void send(struct serial *s)
{
    while (s->tx.count) {
        uint8_t byte = s->tx.data[s->tx.head];
        if (s->mcr & UART_MCR_LOOP) {
            receive_byte(s, byte, 0);
        } else if (chardev_write(s->chr, &byte, 1) == 0) {
            break; /* host_writable() goes on */
        }
        fifo_pop(&s->tx);
    }
    show_sent(s);
}

static void host_writable(void *opaque)
{
    struct serial *s = opaque;

    send(s);
    update_irq(s);
}

static void write_thr(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    struct serial *s = opaque;

    if (s->lcr & UART_LCR_DLAB) {
        s->divisor = (s->divisor & 0xff00) | (uint8_t)val;
        return;
    }
    if (s->tx.count >= (fifo_on(s) ? SERIAL_FIFO : 1)) {
        return; /* overwritten in the chip: lost */
    }
    fifo_push(&s->tx, (uint8_t)val, 0);
    s->lsr &= (uint8_t) ~(UART_LSR_THRE | UART_LSR_TEMT);
    s->thre_pending = false;
    update_irq(s); /* the line falls before it rises again: an edge */
    send(s);
    update_irq(s);
}

/* --- the other registers -------------------------------------------------------------------- */

static uint64_t read_ier(void *opaque, const struct reg_desc *reg, uint64_t val)
{
    struct serial *s = opaque;
    return s->lcr & UART_LCR_DLAB ? s->divisor >> 8 : s->ier;
}

static void write_ier(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    struct serial *s = opaque;

    if (s->lcr & UART_LCR_DLAB) {
        s->divisor = (uint16_t)((val & 0xff) << 8 | (s->divisor & 0xff));
        return;
    }
    uint8_t risen = (uint8_t)(val & ~s->ier & 0x0f);
    s->ier = val & 0x0f;
    /* Enabling the THRE interrupt while the register is empty raises it at once. */
    if ((risen & UART_IER_THRI) && (s->lsr & UART_LSR_THRE)) {
        s->thre_pending = true;
    }
    update_irq(s);
}

static uint64_t read_iir(void *opaque, const struct reg_desc *reg, uint64_t val)
{
    struct serial *s = opaque;
    uint8_t id = interrupt_id(s);

    if (id == UART_IIR_THRI) {
        s->thre_pending = false;
        update_irq(s);
    }
    return id | (fifo_on(s) ? UART_IIR_FIFO : 0u);
}

static void clear_rx(struct serial *s)
{
    s->rx = (struct serial_fifo){0};
    s->lsr &= (uint8_t) ~(UART_LSR_BI | UART_LSR_FE | UART_LSR_PE);
    show_head(s);
    rearm_timeout(s);
    chardev_accept_input(s->chr);
}

static void clear_tx(struct serial *s)
{
    s->tx = (struct serial_fifo){0};
    show_sent(s);
}

static void write_fcr(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    struct serial *s = opaque;
    bool on = val & UART_FCR_ENABLE, toggled = (val ^ s->fcr) & UART_FCR_ENABLE;

    s->fcr = on ? val & UART_FCR_KEPT : 0; /* the other bits count with bit 0 only */
    if (toggled || (on && (val & UART_FCR_CLEAR_RX))) {
        clear_rx(s);
    }
    if (toggled || (on && (val & UART_FCR_CLEAR_TX))) {
        clear_tx(s);
    }
    update_irq(s);
}

/* Modem inputs: a ready peer, or in loopback the outputs. */
static uint8_t modem_inputs(const struct serial *s)
{
    if (!(s->mcr & UART_MCR_LOOP)) {
        return s->chr ? UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD : 0;
    }
    return (uint8_t)((s->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
                     (s->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
                     (s->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
                     (s->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0));
}

static void update_modem(struct serial *s)
{
    uint8_t now = modem_inputs(s), was = s->msr & 0xf0, changed = now ^ was;
    uint8_t deltas = s->msr & UART_MSR_DELTAS;

    deltas |= (changed & (UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD)) >> 4;
    if ((was & UART_MSR_RI) && !(now & UART_MSR_RI)) {
        deltas |= UART_MSR_TERI; /* trailing edge only */
    }
    s->msr = now | deltas;
}

static void mcr_written(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    struct serial *s = opaque;

    update_modem(s);
    if (!(s->mcr & UART_MCR_LOOP) && (old & UART_MCR_LOOP)) {
        chardev_accept_input(s->chr);
    }
    update_irq(s);
}

static uint64_t read_lsr(void *opaque, const struct reg_desc *reg, uint64_t val)
{
    struct serial *s = opaque;

    s->lsr &= (uint8_t)~UART_LSR_ERRORS;
    show_fifo_error(s);
    update_irq(s);
    return val;
}

static uint64_t read_msr(void *opaque, const struct reg_desc *reg, uint64_t val)
{
    struct serial *s = opaque;

    s->msr &= (uint8_t)~UART_MSR_DELTAS;
    update_irq(s);
    return val;
}

static void msr_written(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    struct serial *s = opaque;

    /* The deltas are writable in the chip (factory test); drivers do not use it. */
    s->msr = (uint8_t)((s->msr & 0xf0) | (val & UART_MSR_DELTAS));
    update_irq(s);
}

/* --- life ----------------------------------------------------------------------------------- */

static const struct reg_desc serial_regs[] = {
    {"RBR/THR/DLL", UART_RBR_THR, 1, .read = read_rbr, .write = write_thr},
    {"IER/DLM", UART_IER, 1, .read = read_ier, .write = write_ier},
    {"IIR/FCR", UART_IIR_FCR, 1, .read = read_iir, .write = write_fcr},
    {"LCR", UART_LCR, 1, REG_FIELD(struct serial, lcr), .wmask = 0xff},
    {"MCR", UART_MCR, 1, REG_FIELD(struct serial, mcr), .wmask = 0x1f, .write = mcr_written},
    {"LSR", UART_LSR, 1, REG_FIELD(struct serial, lsr), .reset = UART_LSR_THRE | UART_LSR_TEMT,
     .read = read_lsr},
    {"MSR", UART_MSR, 1, REG_FIELD(struct serial, msr), .read = read_msr, .write = msr_written},
    {"SCR", UART_SCR, 1, REG_FIELD(struct serial, scr), .wmask = 0xff},
};

static const struct reg_bank serial_bank = REG_BANK("serial", serial_regs, 8);

static void host_replaced(void *opaque, struct chardev *chr)
{
    ((struct serial *)opaque)->chr = chr;
}

static const struct chardev_handlers host_handlers = {
    .replaced = host_replaced,
    .can_read = host_can_read,
    .read = host_read,
    .event = host_event,
    .writable = host_writable,
};

void serial_reset(struct serial *s)
{
    reg_bank_reset(&serial_bank, s);
    s->rbr = s->ier = s->fcr = 0;
    s->divisor = 12; /* 9600 baud, what firmware leaves; undefined in the chip */
    s->rx = s->tx = (struct serial_fifo){0};
    s->thre_pending = s->timeout_pending = false;
    timer_cancel(&s->timeout);
    s->msr = modem_inputs(s);
    update_irq(s);
    chardev_accept_input(s->chr); /* the receiver has room again */
}

int serial_init(struct serial *s, struct error **err)
{
    s->window = (struct reg_window){&serial_bank, s};
    mem_region_init_io(&s->io, "serial", 8, &reg_window_ops, &s->window);
    timer_init(&s->timeout, CLK_VIRTUAL, timeout_expired, s);
    if (s->chr && chardev_attach(s->chr, &host_handlers, s, err) < 0) {
        timer_fini(&s->timeout);
        mem_region_fini(&s->io);
        return -1;
    }
    return 0;
}

void serial_fini(struct serial *s)
{
    if (s->chr) {
        chardev_detach(s->chr, s);
    }
    timer_fini(&s->timeout);
    mem_region_fini(&s->io);
}

static int fifo_post_load(void *state, unsigned version, struct error **err)
{
    struct serial_fifo *f = state;

    if (f->head >= SERIAL_FIFO || f->count > SERIAL_FIFO) {
        error_set(err, "serial: FIFO position %u, count %u", f->head, f->count);
        return -1;
    }
    return 0;
}

static const struct vmstate fifo_vmstate = {
    .name = "serial-fifo",
    .version = 1,
    .post_load = fifo_post_load,
    .fields =
        (const struct vm_field[]){
            VM_BUFFER(struct serial_fifo, data),
            VM_BUFFER(struct serial_fifo, error),
            VM_U8(struct serial_fifo, head),
            VM_U8(struct serial_fifo, count),
            VM_END,
        },
};

static int serial_post_load(void *state, unsigned version, struct error **err)
{
    struct serial *s = state;

    s->irq_level = -1; /* drive the line whatever it was */
    update_irq(s);
    return 0;
}

const struct vmstate serial_vmstate = {
    .name = "serial",
    .version = 1,
    .post_load = serial_post_load,
    .fields =
        (const struct vm_field[]){
            VM_U8(struct serial, rbr),
            VM_U8(struct serial, ier),
            VM_U8(struct serial, fcr),
            VM_U8(struct serial, lcr),
            VM_U8(struct serial, mcr),
            VM_U8(struct serial, lsr),
            VM_U8(struct serial, msr),
            VM_U8(struct serial, scr),
            VM_U16(struct serial, divisor),
            VM_BOOL(struct serial, thre_pending),
            VM_BOOL(struct serial, timeout_pending),
            VM_STRUCT(struct serial, rx, &fifo_vmstate),
            VM_STRUCT(struct serial, tx, &fifo_vmstate),
            VM_TIMER(struct serial, timeout),
            VM_END,
        },
};
