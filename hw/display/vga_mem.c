/* SPDX-License-Identifier: MIT */
/*
 * Where the VGA's memory is seen at A0000h, and whether as it is or through the graphics controller
 * (vga_planar.c). IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem".
 *
 * With nothing between CPU and memory the window is plain RAM; latches are not loaded by reads that
 * go to RAM directly.
 */
#include "vga_int.h"

/* Where the leaf cannot mark what was written: pages with translated code. */
static void planar_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct vga *s = opaque;

    if (vga_planar_write_leaf(s, off, val, size)) {
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        dirty_mark(s->vram.ram + vga_planar_offset(s, off + i), 4);
    }
}

/* Without the device lock: the registers and latches are bytes and a word, and CPUs that use them at
 * the same time get what such CPUs get. */
const struct mem_ops vga_planar_ops = {
    .read = vga_planar_read,
    .write = planar_write,
    .read_leaf = vga_planar_read_leaf,
    .write_leaf = vga_planar_write_leaf,
    .valid = {1, 8, true},
    .impl = {1, 8, true},
    .flags = MEM_OPS_LOCKLESS,
};

static bool chain4(const struct vga *s)
{
    return s->seq[SEQ_MODE] & SEQ_MODE_CHAIN4;
}

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
