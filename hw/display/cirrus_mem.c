/* SPDX-License-Identifier: MIT */
/*
 * The CL-GD5446's memory as the CPU sees it. CL-GD5446 Technical Reference Manual, "Programming
 * notes": banks at A0000h, extended write modes 4 and 5, eight-pixel addresses, the linear frame
 * buffer, and BLT registers in memory. While a BLT waits for the CPU, every address is its port.
 *
 * Not modelled: eight-byte latches; byte-swapping apertures.
 */
#include "cirrus_int.h"

#define BAR0_SIZE     MIB(32)
#define BLT_PORT      MIB(16) /* in BAR 0 */
#define BLT_PORT_SIZE MIB(4)
#define REGS_SIZE     0x100
#define BAR1_SIZE     0x1000
#define BAR1_PORTS    0x20 /* 3C0h to 3DFh */
#define BAR1_REGS     0x100
#define WINDOW_REGS   0x18000 /* B8000h */

unsigned cirrus_pixel_bytes(const struct cirrus *s)
{
    static const uint8_t bytes[8] = {1, 2, 3, 2, 4, 1, 1, 1};

    return bytes[s->sr[SR_MODE] >> 1 & 7];
}

/* --- write modes ----------------------------------------------------------------------------------- */

static unsigned write_mode(const struct cirrus *s)
{
    return s->gr[GC_MODE] & 7;
}

/* Modes 4 and 5 write a pixel per bit: ones in the foreground colour; zeros in the background colour
 * in mode 5, else not at all. */
static bool writes_pixels(const struct cirrus *s)
{
    return s->gr[GR_EXT] & GR_EXT_WRITE && (write_mode(s) == 4 || write_mode(s) == 5);
}

static void write_pixels(struct cirrus *s, uint32_t addr, uint8_t bits)
{
    uint32_t mask = s->vga.vram_size - 1;
    unsigned bytes = s->gr[GR_EXT] & GR_EXT_16BIT ? 2 : 1;
    uint8_t *vram = ram_ptr(s->vga.vram.ram);

    for (unsigned i = 0; i < 8; i++) {
        unsigned one = bits >> (7 - i) & 1;
        uint32_t at = addr + i * bytes;
        if (!one && write_mode(s) == 4) {
            continue;
        }
        vram[at & mask] = s->gr[one];
        if (bytes == 2) {
            vram[(at + 1) & mask] = s->gr[0x10 + one];
        }
    }
    cirrus_mark(s, addr, 8 * bytes);
}

/* How many bytes an address counts. */
static unsigned address_shift(const struct cirrus *s)
{
    if (!(s->gr[GR_EXT] & GR_EXT_BY8)) {
        return 0;
    }
    return s->gr[GR_EXT] & GR_EXT_16BIT ? 4 : 3;
}

static void write_byte(struct cirrus *s, uint32_t addr, uint8_t val)
{
    if (s->blt_active) {
        cirrus_blt_put(s, val);
        return;
    }
    addr <<= address_shift(s);
    if (writes_pixels(s)) {
        write_pixels(s, addr, val);
        return;
    }
    addr &= s->vga.vram_size - 1;
    ram_ptr(s->vga.vram.ram)[addr] = val;
    dirty_mark(s->vga.vram.ram + addr, 1);
}

static uint8_t read_byte(struct cirrus *s, uint32_t addr)
{
    if (s->blt_active) {
        return cirrus_blt_get(s);
    }
    return ram_ptr(s->vga.vram.ram)[(addr << address_shift(s)) & (s->vga.vram_size - 1)];
}

/* --- regions ------------------------------------------------------------------------------------------ */

/* The window: addresses in its two halves count from their banks. */
static uint32_t banked(const struct cirrus *s, uint64_t off)
{
    const struct vga_window *w = &s->vga.current;

    return (uint32_t)off + w->bank[off >= w->size / 2];
}

static uint64_t special_read(void *opaque, uint64_t off, unsigned size)
{
    return read_byte(opaque, banked(opaque, off));
}

static void special_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    write_byte(opaque, banked(opaque, off), (uint8_t)val);
}

static uint64_t linear_read(void *opaque, uint64_t off, unsigned size)
{
    return read_byte(opaque, (uint32_t)off);
}

static void linear_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    write_byte(opaque, (uint32_t)off, (uint8_t)val);
}

static uint64_t port_read(void *opaque, uint64_t off, unsigned size)
{
    struct cirrus *s = opaque;

    return s->blt_active ? cirrus_blt_get(s) : 0xff;
}

static void port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct cirrus *s = opaque;

    if (s->blt_active) {
        cirrus_blt_put(s, (uint8_t)val);
    }
}

static uint64_t regs_read(void *opaque, uint64_t off, unsigned size)
{
    return cirrus_blt_reg_read(opaque, (unsigned)off);
}

static void regs_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    cirrus_blt_reg_write(opaque, (unsigned)off, (uint8_t)val);
}

static uint64_t bar1_read(void *opaque, uint64_t off, unsigned size)
{
    struct cirrus *s = opaque;

    if (off < BAR1_PORTS) {
        return vga_port_read(&s->vga, VGA_PORTS + (unsigned)off);
    }
    return off >= BAR1_REGS && off < BAR1_REGS + REGS_SIZE
               ? cirrus_blt_reg_read(s, (unsigned)off - BAR1_REGS)
               : 0xff;
}

static void bar1_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct cirrus *s = opaque;

    if (off < BAR1_PORTS) {
        vga_port_write(&s->vga, VGA_PORTS + (unsigned)off, (uint8_t)val);
    } else if (off >= BAR1_REGS && off < BAR1_REGS + REGS_SIZE) {
        cirrus_blt_reg_write(s, (unsigned)off - BAR1_REGS, (uint8_t)val);
    }
}

/* Bytes, one after the other, whatever the access. */
#define BYTE_OPS(name, in, out)                                                                    \
    static const struct mem_ops name = {                                                           \
        .read = in, .write = out, .valid = {1, 8, true}, .impl = {1, 1, false}}

BYTE_OPS(special_ops, special_read, special_write);
BYTE_OPS(linear_ops, linear_read, linear_write);
BYTE_OPS(port_ops, port_read, port_write);
BYTE_OPS(regs_ops, regs_read, regs_write);
BYTE_OPS(bar1_ops, bar1_read, bar1_write);

/* --- what is mapped ------------------------------------------------------------------------------------- */

/* Bytes do not simply go to memory. */
static bool is_special(const struct cirrus *s)
{
    return s->blt_active || (cirrus_packed(s) && (writes_pixels(s) || address_shift(s)));
}

static uint32_t bank_of(const struct cirrus *s, unsigned reg)
{
    return (uint32_t)s->gr[reg] << (s->gr[GR_EXT] & GR_EXT_BANK16K ? 14 : 12);
}

/* With one bank the halves are consecutive, else each has its own; both add to the address. */
void cirrus_window(const struct vga *vga, struct vga_window *w)
{
    const struct cirrus *s = cirrus_of(vga);
    bool two = s->gr[GR_EXT] & GR_EXT_TWO;
    uint32_t mask = vga->vram_size - 1;

    w->bank[0] = bank_of(s, GR_OFFSET0) & mask;
    w->bank[1] = two ? (bank_of(s, GR_OFFSET1) - w->size / 2) & mask : w->bank[0];
    w->wide = cirrus_packed(s) || w->bank[0] || w->bank[1];
    w->direct &= !is_special(s) && w->bank[0] + w->size <= vga->vram_size &&
                 ((w->bank[1] + w->size / 2) & mask) + w->size / 2 <= vga->vram_size;
}

void cirrus_mapped(struct vga *vga)
{
    struct cirrus *s = cirrus_of(vga);
    uint8_t regs = s->sr[SR_CONFIG] & (SR_CONFIG_MMIO | SR_CONFIG_MMIO_END);
    bool special = is_special(s);

    mem_txn_begin();
    mem_region_set_enabled(&s->special, special);
    mem_region_set_offset(&s->special, s->vga.current.base);
    mem_region_set_size(&s->special, s->vga.current.size);
    mem_region_set_enabled(&s->window_regs, regs == SR_CONFIG_MMIO);
    mem_region_set_enabled(&s->linear_blt, special);
    mem_region_set_enabled(&s->linear_regs, regs == (SR_CONFIG_MMIO | SR_CONFIG_MMIO_END));
    mem_txn_commit();
}

/* --- life ------------------------------------------------------------------------------------------------- */

static void init_window(struct cirrus *s)
{
    mem_region_init_io(&s->special, "cirrus-window", VGA_WINDOW_SIZE, &special_ops, s);
    mem_region_init_io(&s->window_regs, "cirrus-window-blt", REGS_SIZE, &regs_ops, s);
    mem_region_add_overlap(&s->vga.window, 0, &s->special, 1);
    mem_region_add_overlap(&s->vga.window, WINDOW_REGS, &s->window_regs, 2);
}

static void init_bars(struct cirrus *s)
{
    uint32_t size = s->vga.vram_size;

    mem_region_init_container(&s->bar0, "cirrus-bar0", BAR0_SIZE);
    mem_region_init_alias(&s->linear, "cirrus-linear", &s->vga.vram, 0, size);
    mem_region_init_io(&s->linear_blt, "cirrus-linear-blt", size, &linear_ops, s);
    mem_region_init_io(&s->linear_regs, "cirrus-linear-regs", REGS_SIZE, &regs_ops, s);
    mem_region_init_io(&s->blt_port, "cirrus-blt", BLT_PORT_SIZE, &port_ops, s);
    mem_region_add(&s->bar0, 0, &s->linear);
    mem_region_add_overlap(&s->bar0, 0, &s->linear_blt, 1);
    mem_region_add_overlap(&s->bar0, size - REGS_SIZE, &s->linear_regs, 2);
    mem_region_add(&s->bar0, BLT_PORT, &s->blt_port);
    mem_region_init_io(&s->bar1, "cirrus-bar1", BAR1_SIZE, &bar1_ops, s);
}

int cirrus_mem_init(struct cirrus *s, struct error **err)
{
    int ret = vga_init(&s->vga, err);

    if (ret < 0) {
        return ret;
    }
    init_window(s);
    init_bars(s);
    cirrus_mapped(&s->vga);
    return 0;
}

void cirrus_mem_fini(struct cirrus *s)
{
    struct mem_region *const regions[] = {&s->special,    &s->window_regs, &s->linear,
                                          &s->linear_blt, &s->linear_regs, &s->blt_port};

    for (unsigned i = 0; i < ARRAY_SIZE(regions); i++) {
        mem_region_del(regions[i]->parent, regions[i]);
        mem_region_fini(regions[i]);
    }
    mem_region_fini(&s->bar0);
    mem_region_fini(&s->bar1);
    vga_fini(&s->vga);
}
