/* SPDX-License-Identifier: MIT */
/*
 * 8259A programmable interrupt controllers, the cascaded pair of a PC with the
 * edge/level control registers of its south bridge.
 *
 * Intel 8259A data sheet (231468-003): initialisation words, operation words,
 * priority modes; PIIX3 data sheet (290550) 2.5 (ports, ELCR).
 *
 * An edge-triggered request lasts as long as its line stays high: a line that
 * falls before it is acknowledged takes its request along, as the data sheet's
 * timing demands.
 *
 * Not modelled: the buffered mode's pin, and LTIM (ICW1 bit 3), which the south
 * bridge replaces by the ELCR.
 */
#include "hw/intc/i8259.h"

#include "hw/core/irq.h"
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "util/log.h"
#include "util/trace.h"

#define PIC_MASTER  0
#define PIC_SLAVE   1
#define PIC_CASCADE 2 /* the master's input the slave is wired to */

#define PIC_ICW1       0x10
#define PIC_ICW1_IC4   0x01
#define PIC_ICW1_SNGL  0x02
#define PIC_ICW1_ADI   0x04
#define PIC_ICW4_UPM   0x01
#define PIC_ICW4_AEOI  0x02
#define PIC_ICW4_SFNM  0x10
#define PIC_OCW3       0x08
#define PIC_OCW3_RIS   0x01
#define PIC_OCW3_RR    0x02
#define PIC_OCW3_POLL  0x04
#define PIC_OCW3_SMM   0x20
#define PIC_OCW3_ESMM  0x40
#define PIC_POLL_VALID 0x80

/* Bits 7..5 of OCW2. */
enum ocw2 {
    OCW2_ROTATE_AEOI_CLEAR,
    OCW2_EOI,
    OCW2_NOP,
    OCW2_EOI_SPECIFIC,
    OCW2_ROTATE_AEOI_SET,
    OCW2_ROTATE_EOI,
    OCW2_SET_PRIORITY,
    OCW2_ROTATE_EOI_SPECIFIC,
};

/* What the next write to the odd port is. */
enum pic_init {
    INIT_NONE, /* OCW1 */
    INIT_ICW2,
    INIT_ICW3,
    INIT_ICW4,
};

struct i8259;

struct pic {
    uint8_t irr;    /* edge requests; level ones come from `lines` */
    uint8_t isr;    /* in service */
    uint8_t imr;    /* masked */
    uint8_t lines;  /* inputs as they are */
    uint8_t elcr;   /* level triggered */
    uint8_t lowest; /* the input of lowest priority, 7 at first */
    uint8_t icw1, icw2, icw3, icw4;
    uint8_t init; /* enum pic_init */
    bool special_mask;
    bool rotate_aeoi;
    bool poll;
    bool read_isr;
    bool output; /* INT */

    struct i8259 *owner; /* wiring */
    unsigned index;
    uint8_t elcr_mask;
    struct mem_region io, elcr_io;
};

struct i8259 {
    struct isa_device isa;
    struct pic pic[2];
    struct irq inputs[ISA_IRQ_COUNT];
    struct irq *out;
};

static void pic_set_line(struct pic *pic, unsigned n, bool level);

static struct i8259 *to_i8259(const struct device *dev)
{
    return container_of(dev, struct i8259, isa.dev);
}

/* --- priorities ----------------------------------------------------------- */

/* 0 is the highest priority, 7 the lowest, 8 means none of `inputs`. */
static unsigned highest(const struct pic *pic, uint8_t inputs)
{
    unsigned first = (pic->lowest + 1) & 7;
    unsigned turned = ((inputs >> first) | (inputs << (8 - first))) & 0xff;

    return turned ? (unsigned)__builtin_ctz(turned) : 8;
}

static unsigned input_of_priority(const struct pic *pic, unsigned priority)
{
    return (priority + pic->lowest + 1) & 7;
}

static uint8_t requests(const struct pic *pic)
{
    return (pic->irr & ~pic->elcr) | (pic->lines & pic->elcr);
}

/* The input to be served next, or -1. */
static int next_request(const struct pic *pic)
{
    unsigned request = highest(pic, requests(pic) & ~pic->imr);
    unsigned service = highest(pic, pic->special_mask ? pic->isr & ~pic->imr : pic->isr);

    if (request == 8)
        return -1;
    if (request < service)
        return (int)input_of_priority(pic, request);
    /* Special fully nested: the slave's requests nest in each other. */
    if (request == service && (pic->icw4 & PIC_ICW4_SFNM) && pic->index == PIC_MASTER &&
        input_of_priority(pic, request) == PIC_CASCADE)
        return PIC_CASCADE;
    return -1;
}

static void pic_update(struct pic *pic)
{
    bool output = pic->init == INIT_NONE && next_request(pic) >= 0;

    if (output == pic->output)
        return;
    pic->output = output;
    if (pic->index == PIC_SLAVE)
        pic_set_line(&pic->owner->pic[PIC_MASTER], PIC_CASCADE, output);
    else
        irq_set(pic->owner->out, output);
}

static void pic_set_line(struct pic *pic, unsigned n, bool level)
{
    uint8_t bit = (uint8_t)(1u << n);

    if (level) {
        pic->irr |= ~pic->lines & bit;
        pic->lines |= bit;
    } else {
        pic->irr &= ~bit;
        pic->lines &= ~bit;
    }
    pic_update(pic);
}

static void input_changed(void *opaque, int n, int level)
{
    struct i8259 *s = opaque;

    TRACE(i8259_line, "line %d level %d", n, level);
    pic_set_line(&s->pic[n / 8], (unsigned)n % 8, level != 0);
}

/* --- acknowledge and end of interrupt ------------------------------------- */

static void end_of_interrupt(struct pic *pic, unsigned n, bool rotate)
{
    pic->isr &= ~(1u << n);
    if (rotate)
        pic->lowest = (uint8_t)n;
}

static void begin_service(struct pic *pic, unsigned n)
{
    pic->irr &= ~(1u << n);
    pic->isr |= 1u << n;
    if (pic->icw4 & PIC_ICW4_AEOI)
        end_of_interrupt(pic, n, pic->rotate_aeoi);
    pic_update(pic);
}

/* The second byte of the acknowledge; 8080 mode's is the low half of an address. */
static uint8_t vector_of(const struct pic *pic, unsigned n)
{
    if (pic->icw4 & PIC_ICW4_UPM)
        return (uint8_t)((pic->icw2 & 0xf8) | n);
    if (pic->icw1 & PIC_ICW1_ADI)
        return (uint8_t)((pic->icw1 & 0xe0) | n << 2);
    return (uint8_t)((pic->icw1 & 0xc0) | n << 3);
}

/* One chip's part; a request that has gone is answered as IR7 without service. */
static unsigned acknowledge(struct pic *pic)
{
    int n = next_request(pic);

    if (n < 0)
        return 7;
    begin_service(pic, (unsigned)n);
    return (unsigned)n;
}

static bool has_slave_at(const struct pic *master, unsigned n)
{
    return n == PIC_CASCADE && !(master->icw1 & PIC_ICW1_SNGL) && (master->icw3 & 1u << n);
}

uint8_t i8259_ack(struct device *dev)
{
    struct pic *pic = to_i8259(dev)->pic;
    struct pic *answers = &pic[PIC_MASTER];
    bool real = next_request(answers) >= 0;
    unsigned n = acknowledge(answers);

    if (real && has_slave_at(answers, n)) {
        answers = &pic[PIC_SLAVE];
        n = acknowledge(answers);
    }
    TRACE(i8259_ack, "chip %u input %u%s", answers->index, n, real ? "" : " spurious");
    return vector_of(answers, n);
}

bool i8259_pending(const struct device *dev)
{
    return to_i8259(dev)->pic[PIC_MASTER].output;
}

/* --- writes --------------------------------------------------------------- */

static void write_icw1(struct pic *pic, uint8_t val)
{
    pic->icw1 = val;
    if (!(val & PIC_ICW1_IC4))
        pic->icw4 = 0;
    pic->irr = pic->isr = pic->imr = 0;
    pic->lowest = 7;
    pic->special_mask = pic->rotate_aeoi = pic->poll = pic->read_isr = false;
    pic->init = INIT_ICW2;
}

static void write_ocw2(struct pic *pic, uint8_t val)
{
    unsigned cmd = val >> 5, n = val & 7;
    unsigned top;

    switch (cmd) {
    case OCW2_ROTATE_AEOI_CLEAR:
    case OCW2_ROTATE_AEOI_SET:
        pic->rotate_aeoi = cmd == OCW2_ROTATE_AEOI_SET;
        break;
    case OCW2_EOI:
    case OCW2_ROTATE_EOI:
        top = highest(pic, pic->special_mask ? pic->isr & ~pic->imr : pic->isr);
        if (top < 8)
            end_of_interrupt(pic, input_of_priority(pic, top), cmd == OCW2_ROTATE_EOI);
        break;
    case OCW2_EOI_SPECIFIC:
    case OCW2_ROTATE_EOI_SPECIFIC:
        end_of_interrupt(pic, n, cmd == OCW2_ROTATE_EOI_SPECIFIC);
        break;
    case OCW2_SET_PRIORITY:
        pic->lowest = (uint8_t)n;
        break;
    default:
        break;
    }
}

static void write_ocw3(struct pic *pic, uint8_t val)
{
    if (val & PIC_OCW3_POLL)
        pic->poll = true;
    else if (val & PIC_OCW3_RR)
        pic->read_isr = val & PIC_OCW3_RIS;
    if (val & PIC_OCW3_ESMM)
        pic->special_mask = val & PIC_OCW3_SMM;
}

static void write_even(struct pic *pic, uint8_t val)
{
    if (val & PIC_ICW1)
        write_icw1(pic, val);
    else if (val & PIC_OCW3)
        write_ocw3(pic, val);
    else
        write_ocw2(pic, val);
}

static enum pic_init after_icw3(const struct pic *pic)
{
    return pic->icw1 & PIC_ICW1_IC4 ? INIT_ICW4 : INIT_NONE;
}

static void write_odd(struct pic *pic, uint8_t val)
{
    switch (pic->init) {
    case INIT_NONE:
        pic->imr = val;
        break;
    case INIT_ICW2:
        pic->icw2 = val;
        pic->init = pic->icw1 & PIC_ICW1_SNGL ? after_icw3(pic) : INIT_ICW3;
        break;
    case INIT_ICW3:
        pic->icw3 = val;
        pic->init = after_icw3(pic);
        break;
    default:
        pic->icw4 = val & 0x1f;
        pic->init = INIT_NONE;
        break;
    }
}

static void pic_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct pic *pic = opaque;

    TRACE(i8259_write, "chip %u port %u = %#x", pic->index, (unsigned)off, (unsigned)val);
    if (off == 0)
        write_even(pic, (uint8_t)val);
    else
        write_odd(pic, (uint8_t)val);
    pic_update(pic);
}

/* --- reads ---------------------------------------------------------------- */

/* A read in poll mode is an acknowledge. */
static uint8_t read_poll(struct pic *pic)
{
    int n = next_request(pic);

    pic->poll = false;
    if (n < 0)
        return 0;
    begin_service(pic, (unsigned)n);
    return (uint8_t)(PIC_POLL_VALID | n);
}

static uint64_t pic_read(void *opaque, uint64_t off, unsigned size)
{
    struct pic *pic = opaque;

    if (pic->poll)
        return read_poll(pic);
    if (off == 1)
        return pic->imr;
    return pic->read_isr ? pic->isr : requests(pic);
}

static const struct mem_ops pic_ops = {
    .read = pic_read,
    .write = pic_write,
    .valid = {.min = 1, .max = 1},
};

/* --- edge/level control --------------------------------------------------- */

static void elcr_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct pic *pic = opaque;

    pic->elcr = (uint8_t)val & pic->elcr_mask;
    pic_update(pic);
}

static uint64_t elcr_read(void *opaque, uint64_t off, unsigned size)
{
    return ((struct pic *)opaque)->elcr;
}

static const struct mem_ops elcr_ops = {
    .read = elcr_read,
    .write = elcr_write,
    .valid = {.min = 1, .max = 1},
};

/* --- life ----------------------------------------------------------------- */

struct irq *i8259_input(struct device *dev, unsigned n)
{
    return n < ISA_IRQ_COUNT && n != PIC_CASCADE ? &to_i8259(dev)->inputs[n] : NULL;
}

void i8259_set_output(struct device *dev, struct irq *out)
{
    to_i8259(dev)->out = out;
}

static void pic_reset(struct pic *pic)
{
    pic->irr = pic->isr = pic->elcr = 0;
    pic->imr = 0xff; /* nothing gets through before software has set the chips up */
    pic->icw1 = pic->icw2 = pic->icw3 = pic->icw4 = 0;
    pic->lowest = 7;
    pic->init = INIT_NONE;
    pic->special_mask = pic->rotate_aeoi = pic->poll = pic->read_isr = false;
    pic_update(pic);
}

static void i8259_reset(struct device *dev, enum reset_kind kind)
{
    struct i8259 *s = to_i8259(dev);

    pic_reset(&s->pic[PIC_SLAVE]);
    pic_reset(&s->pic[PIC_MASTER]);
}

static void pic_realize(struct i8259 *s, unsigned index)
{
    static const struct {
        const char *name, *elcr_name;
        uint16_t port, elcr_port;
        uint8_t elcr_mask; /* timer, keyboard, cascade, RTC and FPU are edges */
    } rows[2] = {
        {"pic", "elcr", 0x20, 0x4d0, 0xf8},
        {"pic2", "elcr2", 0xa0, 0x4d1, 0xde},
    };
    struct pic *pic = &s->pic[index];

    pic->owner = s;
    pic->index = index;
    pic->elcr_mask = rows[index].elcr_mask;
    mem_region_init_io(&pic->io, rows[index].name, 2, &pic_ops, pic);
    mem_region_init_io(&pic->elcr_io, rows[index].elcr_name, 1, &elcr_ops, pic);
    isa_register_ioport(&s->isa, &pic->io, rows[index].port);
    isa_register_ioport(&s->isa, &pic->elcr_io, rows[index].elcr_port);
}

static int i8259_realize(struct device *dev, struct error **err)
{
    struct i8259 *s = to_i8259(dev);

    pic_realize(s, PIC_MASTER);
    pic_realize(s, PIC_SLAVE);
    irq_init_array(s->inputs, ISA_IRQ_COUNT, input_changed, s);
    return 0;
}

static void i8259_unrealize(struct device *dev)
{
    struct i8259 *s = to_i8259(dev);

    for (unsigned i = 0; i < 2; i++) {
        isa_unregister_ioport(&s->isa, &s->pic[i].io);
        isa_unregister_ioport(&s->isa, &s->pic[i].elcr_io);
        mem_region_fini(&s->pic[i].io);
        mem_region_fini(&s->pic[i].elcr_io);
    }
}

static const struct vm_field pic_fields[] = {
    VM_U8(struct pic, irr),
    VM_U8(struct pic, isr),
    VM_U8(struct pic, imr),
    VM_U8(struct pic, lines),
    VM_U8(struct pic, elcr),
    VM_U8(struct pic, lowest),
    VM_U8(struct pic, icw1),
    VM_U8(struct pic, icw2),
    VM_U8(struct pic, icw3),
    VM_U8(struct pic, icw4),
    VM_U8(struct pic, init),
    VM_BOOL(struct pic, special_mask),
    VM_BOOL(struct pic, rotate_aeoi),
    VM_BOOL(struct pic, poll),
    VM_BOOL(struct pic, read_isr),
    VM_BOOL(struct pic, output),
    VM_END,
};
static const struct vmstate pic_vmstate = {.name = "i8259-chip", .fields = pic_fields};

static int i8259_post_load(void *state, unsigned version, struct error **err)
{
    struct i8259 *s = state;

    for (unsigned i = 0; i < 2; i++) {
        s->pic[i].lowest &= 7;
        s->pic[i].elcr &= s->pic[i].elcr_mask;
        if (s->pic[i].init > INIT_ICW4)
            s->pic[i].init = INIT_NONE;
    }
    irq_set(s->out, s->pic[PIC_MASTER].output);
    return 0;
}

static const struct vm_field i8259_fields[] = {
    VM_STRUCT_ARRAY(struct i8259, pic, &pic_vmstate),
    VM_END,
};
static const struct vmstate i8259_vmstate = {
    .name = "isa-i8259",
    .version = 1,
    .fields = i8259_fields,
    .post_load = i8259_post_load,
};

char *i8259_describe(const struct device *dev)
{
    const struct i8259 *s = container_of(dev, struct i8259, isa.dev);
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; i < ARRAY_SIZE(s->pic); i++) {
        const struct pic *p = &s->pic[i];
        g_string_append_printf(out,
                               "pic%u: irr=%02x imr=%02x isr=%02x hprio=%u irq_base=%02x rr_sel=%u "
                               "elcr=%02x fnm=%u\n",
                               i, p->irr | (p->lines & p->elcr), p->imr, p->isr,
                               (p->lowest + 1) & 7, p->icw2, p->read_isr, p->elcr,
                               (p->icw4 & PIC_ICW4_SFNM) != 0);
    }
    return g_string_free(out, FALSE);
}

DEVICE_DEFINE(i8259, .name = "isa-i8259", .help = "pair of 8259A interrupt controllers",
              .bus = BUS_ISA, .state_size = sizeof(struct i8259), .vmstate = &i8259_vmstate,
              .no_user = true, .is_default = true, .realize = i8259_realize,
              .unrealize = i8259_unrealize, .reset = i8259_reset);
