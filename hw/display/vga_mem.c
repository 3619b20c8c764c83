/* SPDX-License-Identifier: MIT */
/*
 * The VGA's memory as the CPU sees it at A0000h: sequencer (planes, chaining) and graphics
 * controller (latches, write and read modes). IBM PS/2 Hardware Interface Technical Reference,
 * "Video Subsystem"; FreeVGA, "Accessing the VGA Display Memory".
 *
 * Planes are interleaved byte by byte, so that the latches are one 32-bit word. With chain-4 byte A
 * is plane A mod 4 at A / 4, as on the linear frame buffers of later chips (IBM's own leaves holes).
 * With nothing between CPU and memory the window is plain RAM. The odd/even page bit (3C2h bit 5) is
 * ignored; latches are not loaded by reads that go to RAM directly.
 */
#include "vga_int.h"

#define PLANE_MASK 0xffffu /* 64 KiB each as the plain VGA has them */

static bool chain4(const struct vga *s)
{
    return s->seq[SEQ_MODE] & SEQ_MODE_CHAIN4;
}

/* Bit p of the low four to all of byte p. */
static uint32_t expand(unsigned planes)
{
    uint32_t v = (planes & 1) | (planes & 2) << 7 | (planes & 4) << 14 | (planes & 8) << 21;
    return v * 0xff;
}

static uint32_t replicate(uint8_t val)
{
    return val * 0x01010101u;
}

/* Offset in the window region to CPU address: counted from the start of the chosen map. */
static uint32_t cpu_address(const struct vga *s, uint64_t off)
{
    return (uint32_t)off + s->current.bank[off >= s->current.size / 2];
}

/* Byte offset of the latch word of an address whose low bits choose planes. */
static uint32_t word_offset(const struct vga *s, uint32_t addr, bool odd_even)
{
    if (chain4(s)) {
        return (addr & ~3u) & (s->vram_size - 1);
    }
    addr = odd_even ? addr & ~1u : addr;
    return s->current.wide ? addr * 4 & (s->vram_size - 1) : (addr & PLANE_MASK) * 4;
}

/* --- reading ---------------------------------------------------------------------------------- */

static uint8_t compare_colours(const struct vga *s)
{
    uint32_t diff = (s->latch ^ expand(s->gc[GC_COMPARE])) & expand(s->gc[GC_DONT_CARE]);

    diff |= diff >> 16;
    return (uint8_t) ~(diff | diff >> 8);
}

static uint8_t read_byte(struct vga *s, uint32_t addr)
{
    bool odd_even = s->gc[GC_MODE] & GC_MODE_ODDEVEN;
    unsigned plane = s->gc[GC_READ_MAP] & 3u;

    s->latch = ld_le32(ram_ptr(s->vram.ram) + word_offset(s, addr, odd_even));
    if (s->gc[GC_MODE] & GC_MODE_COMPARE) {
        return compare_colours(s);
    }
    if (chain4(s)) {
        plane = addr & 3;
    } else if (odd_even) {
        plane = (plane & 2) | (addr & 1);
    }
    return (uint8_t)(s->latch >> plane * 8);
}

static uint64_t planar_read(void *opaque, uint64_t off, unsigned size)
{
    struct vga *s = opaque;
    uint32_t addr = cpu_address(s, off);
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        val |= (uint64_t)read_byte(s, addr + i) << i * 8;
    }
    return val;
}

/* --- writing ---------------------------------------------------------------------------------- */

static uint8_t rotate(const struct vga *s, uint8_t val)
{
    unsigned n = s->gc[GC_ROTATE] & GC_ROTATE_COUNT;
    return (uint8_t)(val >> n | val << (8 - n));
}

static uint32_t logical(const struct vga *s, uint32_t val)
{
    switch (s->gc[GC_ROTATE] >> 3 & 3) {
    case 1:
        return val & s->latch;
    case 2:
        return val | s->latch;
    case 3:
        return val ^ s->latch;
    default:
        return val;
    }
}

static uint32_t masked(const struct vga *s, uint32_t val, uint8_t bits)
{
    uint32_t mask = replicate(bits);
    return (val & mask) | (s->latch & ~mask);
}

/* What the four planes are offered for one byte of the CPU. */
static uint32_t plane_data(const struct vga *s, uint8_t val)
{
    uint8_t bits = s->gc[GC_BIT_MASK];
    uint32_t sr, v;

    switch (s->gc[GC_MODE] & GC_MODE_WRITE) {
    case 0:
        if (!s->gc[GC_ENABLE_SR] && !s->gc[GC_ROTATE] && bits == 0xff) {
            return replicate(val); /* nearly always */
        }
        sr = expand(s->gc[GC_ENABLE_SR]);
        v = (replicate(rotate(s, val)) & ~sr) | (expand(s->gc[GC_SET_RESET]) & sr);
        return masked(s, logical(s, v), bits);
    case 1:
        return s->latch;
    case 2:
        return masked(s, logical(s, expand(val)), bits);
    default:
        return masked(s, logical(s, expand(s->gc[GC_SET_RESET])), rotate(s, val) & bits);
    }
}

static unsigned writable_planes(const struct vga *s, uint32_t addr, bool odd_even)
{
    unsigned planes = s->seq[SEQ_MAP_MASK];

    if (chain4(s)) {
        return planes & 1u << (addr & 3);
    }
    return odd_even ? planes & (addr & 1 ? 0xa : 0x5) : planes;
}

static void write_byte(struct vga *s, uint32_t addr, uint8_t val)
{
    bool odd_even = !(s->seq[SEQ_MODE] & SEQ_MODE_SEQUENTIAL);
    uint32_t off = word_offset(s, addr, odd_even);
    uint32_t planes = expand(writable_planes(s, addr, odd_even));
    uint8_t *p = ram_ptr(s->vram.ram) + off;

    if (planes) {
        st_le32(p, (ld_le32(p) & ~planes) | (plane_data(s, val) & planes));
        dirty_mark(s->vram.ram + off, 4);
    }
}

static void planar_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct vga *s = opaque;
    uint32_t addr = cpu_address(s, off);

    for (unsigned i = 0; i < size; i++) {
        write_byte(s, addr + i, (uint8_t)(val >> i * 8));
    }
}

/* Without the device lock: the registers and latches are bytes and a word, and CPUs that use them at
 * the same time get what such CPUs get. */
const struct mem_ops vga_planar_ops = {
    .read = planar_read,
    .write = planar_write,
    .valid = {1, 8, true},
    .impl = {1, 8, true},
    .flags = MEM_OPS_LOCKLESS,
};

/* --- the window ------------------------------------------------------------------------------- */

/* Does a byte go through unchanged, both ways? */
static bool transparent(const struct vga *s)
{
    return chain4(s) && s->seq[SEQ_MAP_MASK] == 0xf && !s->gc[GC_ENABLE_SR] && !s->gc[GC_ROTATE] &&
           !(s->gc[GC_MODE] & (GC_MODE_WRITE | GC_MODE_COMPARE)) && s->gc[GC_BIT_MASK] == 0xff;
}

static struct vga_window wanted_window(const struct vga *s)
{
    static const struct {
        uint32_t base, size;
    } maps[] = {{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};
    unsigned map = s->gc[GC_MISC] >> 2 & 3;
    struct vga_window w = {
        .base = maps[map].base, .size = maps[map].size, .direct = transparent(s)};

    if (vga_dispi_on(s)) {
        w.base = 0;
        w.size = 0x10000;
        w.bank[0] = w.bank[1] = (uint32_t)s->dispi[DISPI_BANK] << 16 & (s->vram_size - 1);
        w.direct |= vga_dispi_linear(s);
        w.wide = true;
    }
    if (s->ext) {
        s->ext->window(s, &w);
    }
    return w;
}

static bool same_window(const struct vga_window *a, const struct vga_window *b)
{
    return a->base == b->base && a->size == b->size && a->bank[0] == b->bank[0] &&
           a->bank[1] == b->bank[1] && a->direct == b->direct && a->wide == b->wide;
}

/* A half of the window as memory, which may end before the half does. */
static void update_half(struct vga *s, unsigned half)
{
    const struct vga_window *w = &s->current;
    struct mem_region *mr = &s->direct[half];
    uint32_t size = w->size / 2, at = (half * size + w->bank[half]) & (s->vram_size - 1);

    mem_region_set_enabled(mr, w->direct);
    mem_region_set_offset(mr, w->base + half * size);
    mem_region_set_size(mr, MIN(size, s->vram_size - at));
    mem_region_set_alias_offset(mr, at);
}

static void show_window(struct vga *s, const struct vga_window *w)
{
    s->current = *w;
    mem_region_set_enabled(&s->planar, !w->direct);
    mem_region_set_offset(&s->planar, w->base);
    mem_region_set_size(&s->planar, w->size);
    update_half(s, 0);
    update_half(s, 1);
}

void vga_update_window(struct vga *s)
{
    struct vga_window w = wanted_window(s);

    mem_txn_begin();
    if (!same_window(&w, &s->current)) {
        show_window(s, &w);
    }
    if (s->ext) {
        s->ext->mapped(s);
    }
    mem_txn_commit();
}
