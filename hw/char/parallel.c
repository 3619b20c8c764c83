/* SPDX-License-Identifier: MIT */
/*
 * isa-parallel: the parallel port of a PC (IBM Personal Computer AT Technical Reference, "Printer
 * Adapter"; bidirectional and with latched interrupt status as in the PS/2), and a printer at the
 * other end that takes bytes in IEEE 1284 compatibility mode and hands them to a chardev.
 *
 * Not modelled: EPP and ECP registers, reverse transfers (a bidirectional read finds the pulled-up
 * lines), paper and error conditions.
 */
#include "chardev/chardev.h"
#include "hw/core/clock.h"
#include "hw/core/regs.h"
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "util/error.h"

#include <errno.h>

enum { PAR_DATA = 0, PAR_STATUS = 1, PAR_CONTROL = 2, PAR_SIZE = 3 };

/* As read: BUSY is inverted by the adapter. */
#define STATUS_UNUSED   0x03u
#define STATUS_NO_IRQ   0x04u
#define STATUS_NO_ERROR 0x08u
#define STATUS_SELECT   0x10u
#define STATUS_NO_PAPER 0x20u
#define STATUS_NO_ACK   0x40u
#define STATUS_NOT_BUSY 0x80u

#define CONTROL_STROBE    0x01u
#define CONTROL_NO_INIT   0x04u
#define CONTROL_SELECT_IN 0x08u
#define CONTROL_IRQ       0x10u
#define CONTROL_REVERSE   0x20u
#define CONTROL_UNUSED    0xc0u

/* The printer is busy for so long with a byte, the end of it with nACK low. */
#define BUSY_NS 5500
#define ACK_NS  5000

struct parallel {
    struct isa_device isa;
    struct mem_region io;
    struct reg_window window;
    struct irq *line;

    /* Properties. */
    struct chardev *chr;
    uint32_t index; /* 0..2: LPT1..LPT3; ANY: the first free */
    uint16_t iobase;
    uint8_t irq;

    uint8_t data, control;
    bool waiting; /* `byte` is held back: the host is slow */
    uint8_t byte;
    bool irq_pending;
    struct timer ready; /* armed: busy until it expires */
};

#define ANY 255u

static const struct {
    uint16_t iobase;
    uint8_t irq;
} lpt_ports[] = {{0x378, 7}, {0x278, 5}, {0x3bc, 7}};

static uint8_t ports_taken; /* bit per LPT port */

static struct parallel *to_parallel(struct device *dev)
{
    return container_of(dev, struct parallel, isa.dev);
}

static void set_irq(struct parallel *s, bool pending)
{
    s->irq_pending = pending;
    irq_set(s->line, pending);
}

/* --- the printer ------------------------------------------------------------------------------ */

static void take_byte(struct parallel *s)
{
    s->waiting = chardev_write(s->chr, &s->byte, 1) == 0;
    if (!s->waiting) {
        timer_arm(&s->ready, clock_now(CLK_VIRTUAL) + BUSY_NS);
    }
}

/* The rising edge of nACK. */
static void acknowledged(void *opaque)
{
    struct parallel *s = opaque;

    if (s->control & CONTROL_IRQ) {
        set_irq(s, true);
    }
}

static void host_writable(void *opaque)
{
    struct parallel *s = opaque;

    if (s->waiting) {
        take_byte(s);
    }
}

/* Strobes while it is busy, held in reset or not selected go unheard. */
static void strobed(struct parallel *s)
{
    unsigned need = CONTROL_NO_INIT | CONTROL_SELECT_IN;

    if (s->chr && (s->control & need) == need && !s->waiting && !timer_pending(&s->ready)) {
        s->byte = s->data;
        take_byte(s);
    }
}

static void printer_reset(struct parallel *s)
{
    s->waiting = false;
    timer_cancel(&s->ready);
}

/* --- registers -------------------------------------------------------------------------------- */

static uint64_t read_data(void *opaque, const struct reg_desc *reg, uint64_t val)
{
    struct parallel *s = opaque;
    return s->control & CONTROL_REVERSE ? 0xff : val;
}

static uint64_t read_status(void *opaque, const struct reg_desc *reg, uint64_t val)
{
    struct parallel *s = opaque;
    uint8_t status = STATUS_UNUSED | STATUS_NO_ERROR | STATUS_SELECT | STATUS_NO_ACK;

    status |= s->irq_pending ? 0 : STATUS_NO_IRQ;
    set_irq(s, false);
    if (!s->chr) {
        return status | STATUS_NO_PAPER; /* all inputs are pulled up */
    }
    if (timer_pending(&s->ready)) {
        int64_t left = timer_expire_ns(&s->ready) - clock_now(CLK_VIRTUAL);
        return left > 0 && left <= ACK_NS ? status & ~STATUS_NO_ACK : status;
    }
    return s->waiting ? status : status | STATUS_NOT_BUSY;
}

static void control_written(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    struct parallel *s = opaque;

    if (!(s->control & CONTROL_IRQ)) {
        set_irq(s, false);
    }
    if (!(s->control & CONTROL_NO_INIT)) {
        printer_reset(s);
    }
    if ((s->control & CONTROL_STROBE) && !(old & CONTROL_STROBE)) {
        strobed(s);
    }
}

static const struct reg_desc parallel_regs[] = {
    {"DATA", PAR_DATA, 1, REG_FIELD(struct parallel, data), .wmask = 0xff, .read = read_data},
    {"STATUS", PAR_STATUS, 1, .read = read_status},
    {"CONTROL", PAR_CONTROL, 1, REG_FIELD(struct parallel, control), .wmask = 0x3f,
     .reset = CONTROL_NO_INIT | CONTROL_SELECT_IN, .rone = CONTROL_UNUSED,
     .write = control_written},
};
static const struct reg_bank parallel_bank = REG_BANK("parallel", parallel_regs, PAR_SIZE);

static void host_replaced(void *opaque, struct chardev *chr)
{
    ((struct parallel *)opaque)->chr = chr;
}

static const struct chardev_handlers host_handlers = {.replaced = host_replaced,
                                                      .writable = host_writable};

/* --- life ------------------------------------------------------------------------------------- */

static int choose_port(struct parallel *s, struct error **err)
{
    unsigned n = s->index;

    if (n == ANY) {
        for (n = 0; n < ARRAY_SIZE(lpt_ports) && ports_taken >> n & 1;) {
            n++;
        }
    }
    if (n >= ARRAY_SIZE(lpt_ports)) {
        error_set(err, "there are %zu parallel ports at most", ARRAY_SIZE(lpt_ports));
        return -EINVAL;
    }
    if (ports_taken >> n & 1) {
        error_set(err, "two parallel ports have index %u", n);
        return -EBUSY;
    }
    s->index = n;
    s->iobase = s->iobase ? s->iobase : lpt_ports[n].iobase;
    s->irq = s->irq ? s->irq : lpt_ports[n].irq;
    return 0;
}

static int parallel_realize(struct device *dev, struct error **err)
{
    struct parallel *s = to_parallel(dev);
    int ret = choose_port(s, err);

    if (ret < 0) {
        return ret;
    }
    if (s->chr) {
        ret = chardev_attach(s->chr, &host_handlers, s, err);
        if (ret < 0) {
            return ret;
        }
    }
    ports_taken |= (uint8_t)(1u << s->index);
    s->line = isa_irq(&s->isa, s->irq);
    timer_init(&s->ready, CLK_VIRTUAL, acknowledged, s);
    s->window = (struct reg_window){&parallel_bank, s};
    mem_region_init_io(&s->io, "parallel", PAR_SIZE, &reg_window_ops, &s->window);
    isa_register_ioport(&s->isa, &s->io, s->iobase);
    return 0;
}

static void parallel_unrealize(struct device *dev)
{
    struct parallel *s = to_parallel(dev);

    isa_unregister_ioport(&s->isa, &s->io);
    mem_region_fini(&s->io);
    timer_fini(&s->ready);
    if (s->chr) {
        chardev_detach(s->chr, s);
    }
    ports_taken &= (uint8_t) ~(1u << s->index);
}

static void parallel_reset(struct device *dev, enum reset_kind kind)
{
    struct parallel *s = to_parallel(dev);

    reg_bank_reset(&parallel_bank, s);
    s->byte = 0;
    printer_reset(s);
    set_irq(s, false);
}

static int parallel_post_load(void *state, unsigned version, struct error **err)
{
    struct parallel *s = state;

    irq_set(s->line, s->irq_pending);
    return 0;
}

static const struct vm_field parallel_fields[] = {
    VM_U8(struct parallel, data),
    VM_U8(struct parallel, control),
    VM_BOOL(struct parallel, waiting),
    VM_U8(struct parallel, byte),
    VM_BOOL(struct parallel, irq_pending),
    VM_TIMER(struct parallel, ready),
    VM_END,
};
static const struct vmstate parallel_vmstate = {
    .name = "isa-parallel",
    .version = 1,
    .fields = parallel_fields,
    .post_load = parallel_post_load,
};

static const struct prop parallel_props[] = {
    PROP_U32("index", struct parallel, index, ANY, 0, ANY, "0 to 2: LPT1 to LPT3"),
    PROP_U16("iobase", struct parallel, iobase, 0, 0, 0xfff8, "first port; 0: by index"),
    PROP_U8("irq", struct parallel, irq, 0, 0, 15, "interrupt line; 0: by index"),
    PROP_CHARDEV("chardev", struct parallel, chr, "what is at the other end"),
    PROP_END,
};

DEVICE_DEFINE(parallel, .name = "isa-parallel", .bus = BUS_ISA,
              .help = "parallel port (LPT1 to LPT3) with a printer",
              .state_size = sizeof(struct parallel), .props = parallel_props,
              .vmstate = &parallel_vmstate, .realize = parallel_realize,
              .unrealize = parallel_unrealize, .reset = parallel_reset);
