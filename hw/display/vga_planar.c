/* SPDX-License-Identifier: MIT */
/*
 * The VGA's memory as the CPU sees it through sequencer (planes, chaining) and graphics controller
 * (latches, write and read modes). IBM PS/2 Hardware Interface Technical Reference, "Video
 * Subsystem"; FreeVGA, "Accessing the VGA Display Memory". Compiled for general registers only:
 * translated code calls it with the guest's FP state in the host's registers.
 *
 * Planes are interleaved byte by byte, so that the latches are one 32-bit word. With chain-4 byte A
 * is plane A mod 4 at A / 4, as on the linear frame buffers of later chips (IBM's own leaves holes).
 * The odd/even page bit (3C2h bit 5) is ignored.
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

    s->latch = ld_le32(s->memory + word_offset(s, addr, odd_even));
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

uint64_t vga_planar_read(void *opaque, uint64_t off, unsigned size)
{
    struct vga *s = opaque;
    uint32_t addr = cpu_address(s, off);
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        val |= (uint64_t)read_byte(s, addr + i) << i * 8;
    }
    return val;
}

bool vga_planar_read_leaf(void *opaque, uint64_t off, unsigned size, uint64_t *val)
{
    *val = vga_planar_read(opaque, off, size);
    return true;
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

static bool writes_odd_even(const struct vga *s)
{
    return !(s->seq[SEQ_MODE] & SEQ_MODE_SEQUENTIAL);
}

static void write_byte(struct vga *s, uint32_t addr, uint8_t val)
{
    bool odd_even = writes_odd_even(s);
    uint32_t planes = expand(writable_planes(s, addr, odd_even));
    uint8_t *p = s->memory + word_offset(s, addr, odd_even);

    st_le32(p, (ld_le32(p) & ~planes) | (plane_data(s, val) & planes));
}

uint32_t vga_planar_offset(const struct vga *s, uint64_t off)
{
    return word_offset(s, cpu_address(s, off), writes_odd_even(s));
}

/* The words of an access follow each other but where addresses start over. */
static bool mark_words(const struct vga *s, uint32_t addr, unsigned size)
{
    bool odd_even = writes_odd_even(s), done = true;
    uint32_t first = word_offset(s, addr, odd_even);
    uint32_t last = word_offset(s, addr + size - 1, odd_even);

    if (likely(first <= last)) {
        return dirty_mark_leaf(s->vram.ram + first, last + 4 - first);
    }
    for (unsigned i = 0; i < size; i++) {
        done &= dirty_mark_leaf(s->vram.ram + word_offset(s, addr + i, odd_even), 4);
    }
    return done;
}

bool vga_planar_write_leaf(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct vga *s = opaque;
    uint32_t addr = cpu_address(s, off);

    if (!(s->seq[SEQ_MAP_MASK] & 0xf)) {
        return true;
    }
    for (unsigned i = 0; i < size; i++) {
        write_byte(s, addr + i, (uint8_t)(val >> i * 8));
    }
    return mark_words(s, addr, size);
}
