/* SPDX-License-Identifier: MIT */
/*
 * 8237A DMA controllers: channels 0 to 3 move bytes, 5 to 7 words, 4 cascades the
 * first chip into the second. Ports 00h to 1Fh and C0h to DFh, page registers 80h
 * to 8Fh (of which eight are plain memory; firmware writes its progress to 80h).
 *
 * Intel 8237A data sheet (231466-005); PIIX3 data sheet (290550) 2.5.1.
 *
 * Not modelled: memory-to-memory transfers, which the PIIX3 does not have either,
 * and what has no effect outside of bus timing (compressed timing, DREQ and DACK
 * polarity, rotating priority; single, block and demand mode differ in who waits).
 */
#include "hw/dma/i8237.h"

#include "hw/core/memory.h"
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "util/log.h"
#include "util/trace.h"

#define CHANNELS    4
#define CONTROLLERS 2
#define CASCADE     4
#define PAGES       16

/* Registers of a chip */
enum dma_reg {
    DMA_COMMAND = 8, /* read: status */
    DMA_REQUEST,
    DMA_MASK,
    DMA_MODE,
    DMA_CLEAR_FLIP_FLOP,
    DMA_MASTER_CLEAR, /* read: temporary */
    DMA_CLEAR_MASK,
    DMA_ALL_MASK,
};

#define DMA_COMMAND_DISABLE 0x04
#define DMA_MODE_TRANSFER   0x0c
#define DMA_MODE_VERIFY     0x00
#define DMA_MODE_WRITE      0x04 /* to memory */
#define DMA_MODE_READ       0x08
#define DMA_MODE_AUTO       0x10
#define DMA_MODE_DOWN       0x20
#define DMA_MODE_SELECT     0xc0
#define DMA_MODE_CASCADE    0xc0

struct dma_channel {
    uint16_t base_addr, base_count;
    uint16_t addr, count; /* count is one less than what is left */
    uint8_t mode;
};

struct dma_chip {
    struct dma_channel channels[CHANNELS];
    uint8_t command;
    uint8_t reached;  /* terminal counts, low half of the status */
    uint8_t requests; /* lines */
    uint8_t software; /* requests by register */
    uint8_t mask;
    bool high; /* flip-flop: the high byte comes next */

    unsigned width; /* bytes per transfer; wiring */
    struct mem_region io;
};

struct i8237 {
    struct isa_device isa;
    struct dma_chip chips[CONTROLLERS];
    uint8_t pages[PAGES];
    struct mem_region page_io;
};

/* Where the page registers of the channels are. */
static const uint8_t page_of[CONTROLLERS * CHANNELS] = {7, 3, 1, 2, 15, 11, 9, 10};

/* --- transfers ------------------------------------------------------------ */

static bool chip_ready(const struct dma_chip *chip, unsigned n)
{
    return !(chip->command & DMA_COMMAND_DISABLE) && !(chip->mask & 1u << n);
}

/* Would the channel get a DACK? The first chip's go through channel 4. */
static bool channel_ready(const struct i8237 *s, unsigned channel)
{
    const struct dma_chip *chip = &s->chips[channel / CHANNELS];
    const struct dma_chip *top = &s->chips[1];
    unsigned n = channel % CHANNELS;

    if (channel == CASCADE || !chip_ready(chip, n) ||
        (chip->channels[n].mode & DMA_MODE_SELECT) == DMA_MODE_CASCADE)
        return false;
    return chip == top ||
           (chip_ready(top, 0) && (top->channels[0].mode & DMA_MODE_SELECT) == DMA_MODE_CASCADE);
}

/* Address lines: the page above the 16 bits that count; words leave out A0. */
static gpa_t bus_address(const struct i8237 *s, unsigned channel, uint16_t addr)
{
    gpa_t page = s->pages[page_of[channel]];

    return channel < CASCADE ? page << 16 | addr : (page & 0xfe) << 16 | (gpa_t)addr << 1;
}

/* Move one piece; a direction the channel is not programmed for moves nothing. */
static void move(const struct dma_channel *c, gpa_t gpa, uint8_t *buf, uint32_t len, bool to_memory)
{
    unsigned wanted = to_memory ? DMA_MODE_WRITE : DMA_MODE_READ;

    if ((c->mode & DMA_MODE_TRANSFER) == wanted) {
        if (to_memory)
            addr_space_write(&as_memory, gpa, buf, len);
        else
            addr_space_read(&as_memory, gpa, buf, len);
    } else if (!to_memory) {
        memset(buf, 0xff, len);
    }
}

/* How many units go in one piece: up to where the address turns over; going down
 * one at a time. */
static uint32_t piece_units(const struct dma_channel *c, uint32_t units)
{
    return c->mode & DMA_MODE_DOWN ? 1 : MIN(units, 0x10000u - c->addr);
}

static void terminal_count(struct dma_chip *chip, unsigned n)
{
    struct dma_channel *c = &chip->channels[n];

    chip->reached |= 1u << n;
    chip->software &= ~(1u << n);
    if (c->mode & DMA_MODE_AUTO) {
        c->addr = c->base_addr;
        c->count = c->base_count;
    } else {
        chip->mask |= 1u << n;
    }
}

static uint32_t dma_transfer(void *opaque, unsigned channel, void *buf, uint32_t len,
                             bool to_memory, bool *tc)
{
    struct i8237 *s = opaque;
    struct dma_chip *chip = &s->chips[channel / CHANNELS % CONTROLLERS];
    struct dma_channel *c = &chip->channels[channel % CHANNELS];
    uint32_t left, done = 0;

    *tc = false;
    if (channel >= CONTROLLERS * CHANNELS || !channel_ready(s, channel))
        return 0;
    left = MIN(len / chip->width, c->count + 1u);
    *tc = left == c->count + 1u;
    c->count = (uint16_t)(c->count - left);
    while (left) {
        uint32_t units = piece_units(c, left);

        move(c, bus_address(s, channel, c->addr), (uint8_t *)buf + done, units * chip->width,
             to_memory);
        c->addr = (uint16_t)(c->mode & DMA_MODE_DOWN ? c->addr - units : c->addr + units);
        done += units * chip->width;
        left -= units;
    }
    TRACE(i8237_transfer, "channel %u: %u bytes%s", channel, done, *tc ? ", done" : "");
    if (*tc)
        terminal_count(chip, channel % CHANNELS);
    return done;
}

static void dma_request(void *opaque, unsigned channel, bool level)
{
    struct i8237 *s = opaque;
    struct dma_chip *chip = &s->chips[channel / CHANNELS % CONTROLLERS];
    uint8_t bit = (uint8_t)(1u << channel % CHANNELS);

    chip->requests = level ? chip->requests | bit : chip->requests & ~bit;
}

static const struct isa_dma_ops dma_ops = {
    .request = dma_request,
    .transfer = dma_transfer,
};

/* --- registers ------------------------------------------------------------ */

static void set_byte(uint16_t *reg, bool high, uint8_t val)
{
    *reg = high ? (uint16_t)((*reg & 0x00ff) | val << 8) : (uint16_t)((*reg & 0xff00) | val);
}

/* Address and count registers: a byte of base and current ones. */
static void write_channel(struct dma_chip *chip, unsigned reg, uint8_t val)
{
    struct dma_channel *c = &chip->channels[reg / 2];

    if (reg & 1) {
        set_byte(&c->base_count, chip->high, val);
        c->count = c->base_count;
    } else {
        set_byte(&c->base_addr, chip->high, val);
        c->addr = c->base_addr;
    }
    chip->high = !chip->high;
}

static uint8_t read_channel(struct dma_chip *chip, unsigned reg)
{
    const struct dma_channel *c = &chip->channels[reg / 2];
    uint16_t val = reg & 1 ? c->count : c->addr;
    bool high = chip->high;

    chip->high = !high;
    return (uint8_t)(high ? val >> 8 : val);
}

/* Bit 2 sets or clears the bit of the channel in bits 1 and 0. */
static void write_bit(uint8_t *bits, uint8_t val)
{
    uint8_t bit = (uint8_t)(1u << (val & 3));

    *bits = val & 4 ? *bits | bit : *bits & ~bit;
}

static void master_clear(struct dma_chip *chip)
{
    chip->command = chip->reached = chip->software = 0;
    chip->mask = 0xf;
    chip->high = false;
}

static void write_control(struct dma_chip *chip, enum dma_reg reg, uint8_t val)
{
    switch (reg) {
    case DMA_COMMAND:
        chip->command = val;
        if (val & 1)
            log_unimp("8237: memory-to-memory transfers");
        break;
    case DMA_REQUEST:
        write_bit(&chip->software, val);
        break;
    case DMA_MASK:
        write_bit(&chip->mask, val);
        break;
    case DMA_MODE:
        chip->channels[val & 3].mode = val & ~3;
        break;
    case DMA_CLEAR_FLIP_FLOP:
        chip->high = false;
        break;
    case DMA_MASTER_CLEAR:
        master_clear(chip);
        break;
    case DMA_CLEAR_MASK:
        chip->mask = 0;
        break;
    case DMA_ALL_MASK:
        chip->mask = val & 0xf;
        break;
    }
}

static uint8_t read_control(struct dma_chip *chip, enum dma_reg reg)
{
    uint8_t val;

    switch (reg) {
    case DMA_COMMAND:
        val = (uint8_t)(chip->reached | (chip->requests | chip->software) << 4);
        chip->reached = 0;
        return val;
    case DMA_ALL_MASK:
        return 0xf0 | chip->mask;
    default:
        return 0;
    }
}

/* The second chip's registers are two ports wide, as it sits on the word bus. */
static unsigned reg_of(const struct dma_chip *chip, uint64_t off)
{
    return (unsigned)off / chip->width % 16;
}

static void chip_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct dma_chip *chip = opaque;
    unsigned reg = reg_of(chip, off);

    if (reg < 2 * CHANNELS)
        write_channel(chip, reg, (uint8_t)val);
    else
        write_control(chip, reg, (uint8_t)val);
}

static uint64_t chip_read(void *opaque, uint64_t off, unsigned size)
{
    struct dma_chip *chip = opaque;
    unsigned reg = reg_of(chip, off);

    return reg < 2 * CHANNELS ? read_channel(chip, reg) : read_control(chip, reg);
}

static const struct mem_ops chip_ops = {
    .read = chip_read,
    .write = chip_write,
    .valid = {.min = 1, .max = 1},
};

static void page_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    ((struct i8237 *)opaque)->pages[off] = (uint8_t)val;
}

static uint64_t page_read(void *opaque, uint64_t off, unsigned size)
{
    return ((struct i8237 *)opaque)->pages[off];
}

static const struct mem_ops page_ops = {
    .read = page_read,
    .write = page_write,
    .valid = {.min = 1, .max = 1},
};

/* --- life ----------------------------------------------------------------- */

static struct i8237 *to_i8237(const struct device *dev)
{
    return container_of(dev, struct i8237, isa.dev);
}

void i8237_set_cascade(struct device *dev)
{
    struct dma_chip *chip = &to_i8237(dev)->chips[1];

    write_control(chip, DMA_MODE, DMA_MODE_CASCADE);
    write_control(chip, DMA_MASK, 0);
}

static void i8237_reset(struct device *dev, enum reset_kind kind)
{
    struct i8237 *s = to_i8237(dev);

    for (unsigned i = 0; i < CONTROLLERS; i++) {
        memset(s->chips[i].channels, 0, sizeof(s->chips[i].channels));
        master_clear(&s->chips[i]);
    }
    memset(s->pages, 0, sizeof(s->pages));
}

static int i8237_realize(struct device *dev, struct error **err)
{
    struct i8237 *s = to_i8237(dev);

    for (unsigned i = 0; i < CONTROLLERS; i++)
        s->chips[i].width = i + 1;
    mem_region_init_io(&s->chips[0].io, "dma1", 0x20, &chip_ops, &s->chips[0]);
    mem_region_init_io(&s->chips[1].io, "dma2", 0x20, &chip_ops, &s->chips[1]);
    mem_region_init_io(&s->page_io, "dma-pages", PAGES, &page_ops, s);
    isa_register_ioport(&s->isa, &s->chips[0].io, 0x00);
    isa_register_ioport(&s->isa, &s->chips[1].io, 0xc0);
    isa_register_ioport(&s->isa, &s->page_io, 0x80);
    isa_bus_set_dma(isa_device_bus(&s->isa), &dma_ops, s);
    return 0;
}

static void i8237_unrealize(struct device *dev)
{
    struct i8237 *s = to_i8237(dev);

    isa_bus_set_dma(isa_device_bus(&s->isa), NULL, NULL);
    isa_unregister_ioport(&s->isa, &s->chips[0].io);
    isa_unregister_ioport(&s->isa, &s->chips[1].io);
    isa_unregister_ioport(&s->isa, &s->page_io);
    mem_region_fini(&s->chips[0].io);
    mem_region_fini(&s->chips[1].io);
    mem_region_fini(&s->page_io);
}

static const struct vm_field channel_fields[] = {
    VM_U16(struct dma_channel, base_addr), VM_U16(struct dma_channel, base_count),
    VM_U16(struct dma_channel, addr),      VM_U16(struct dma_channel, count),
    VM_U8(struct dma_channel, mode),       VM_END,
};
static const struct vmstate channel_vmstate = {.name = "i8237-channel", .fields = channel_fields};

static const struct vm_field chip_fields[] = {
    VM_STRUCT_ARRAY(struct dma_chip, channels, &channel_vmstate),
    VM_U8(struct dma_chip, command),
    VM_U8(struct dma_chip, reached),
    VM_U8(struct dma_chip, requests),
    VM_U8(struct dma_chip, software),
    VM_U8(struct dma_chip, mask),
    VM_BOOL(struct dma_chip, high),
    VM_END,
};
static const struct vmstate chip_vmstate = {.name = "i8237-chip", .fields = chip_fields};

static const struct vm_field i8237_fields[] = {
    VM_STRUCT_ARRAY(struct i8237, chips, &chip_vmstate),
    VM_BUFFER(struct i8237, pages),
    VM_END,
};
static const struct vmstate i8237_vmstate = {
    .name = "i8237",
    .version = 1,
    .fields = i8237_fields,
};

DEVICE_DEFINE(i8237, .name = "i8237", .help = "pair of 8237A DMA controllers", .bus = BUS_ISA,
              .state_size = sizeof(struct i8237), .vmstate = &i8237_vmstate, .no_user = true,
              .is_default = true, .realize = i8237_realize, .unrealize = i8237_unrealize,
              .reset = i8237_reset);
