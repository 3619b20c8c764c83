/* SPDX-License-Identifier: MIT */
/*
 * The DISPI interface of the Bochs VBE: sixteen-bit registers behind ports 1CEh (index) and 1CFh or
 * 1D0h (data) which set modes beyond the VGA's with a linear frame buffer. Version B0C5h.
 *
 * Whatever the guest stores, the mode that counts is checked where it is used (vga_mode.c).
 */
#include "vga_int.h"

#define DISPI_VERSION_FIRST 0xb0c0
#define DISPI_VERSION_LAST  0xb0c5
#define DISPI_MAX_XRES      16000
#define DISPI_MAX_YRES      12000
#define DISPI_MAX_BPP       32

static unsigned bytes_for(unsigned bpp, unsigned pixels)
{
    return bpp == 4 ? pixels / 2 : pixels * ((bpp + 7) / 8);
}

static bool depth_known(unsigned bpp)
{
    return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32;
}

/* The largest rectangle allowed: whole lines that fit into memory. */
static void clamp_mode(struct vga *s)
{
    uint16_t *r = s->dispi;

    r[DISPI_BPP] = depth_known(r[DISPI_BPP]) ? r[DISPI_BPP] : 8;
    r[DISPI_XRES] = (uint16_t)(MIN(r[DISPI_XRES], DISPI_MAX_XRES) & ~7);
    r[DISPI_XRES] = MAX(r[DISPI_XRES], 8);
    r[DISPI_YRES] = MAX(MIN(r[DISPI_YRES], DISPI_MAX_YRES), 1);
    unsigned lines = s->vram_size / bytes_for(r[DISPI_BPP], r[DISPI_XRES]);
    r[DISPI_YRES] = (uint16_t)MIN(r[DISPI_YRES], lines);
}

/* The virtual screen is at least as wide as the real one and as high as memory allows. */
static void clamp_virtual(struct vga *s)
{
    uint16_t *r = s->dispi;
    unsigned width = MAX(r[DISPI_VIRT_WIDTH], r[DISPI_XRES]) & ~7u;
    unsigned lines = s->vram_size / bytes_for(r[DISPI_BPP], width);

    if (lines < r[DISPI_YRES]) {
        width = r[DISPI_XRES];
        lines = s->vram_size / bytes_for(r[DISPI_BPP], width);
    }
    r[DISPI_VIRT_WIDTH] = (uint16_t)width;
    r[DISPI_VIRT_HEIGHT] = (uint16_t)MIN(lines, 0xffffu);
    r[DISPI_X_OFFSET] = (uint16_t)MIN(r[DISPI_X_OFFSET], width - r[DISPI_XRES]);
    r[DISPI_Y_OFFSET] = (uint16_t)MIN(r[DISPI_Y_OFFSET], r[DISPI_VIRT_HEIGHT] - r[DISPI_YRES]);
}

static void clear_screen(struct vga *s)
{
    uint32_t len = bytes_for(s->dispi[DISPI_BPP], s->dispi[DISPI_XRES]) * s->dispi[DISPI_YRES];

    memset(ram_ptr(s->vram.ram), 0, len);
    dirty_mark(s->vram.ram, len);
}

static void write_enable(struct vga *s, uint16_t val)
{
    bool was_on = vga_dispi_on(s);

    s->dispi[DISPI_ENABLE] = val;
    s->dispi[DISPI_BANK] = 0;
    if (vga_dispi_on(s) && !was_on) {
        clamp_mode(s);
        s->dispi[DISPI_VIRT_WIDTH] = s->dispi[DISPI_XRES];
        s->dispi[DISPI_X_OFFSET] = 0;
        s->dispi[DISPI_Y_OFFSET] = 0;
        clamp_virtual(s);
        if (!(val & DISPI_NO_CLEAR)) {
            clear_screen(s);
        }
    }
}

/* XRES, YRES and BPP can be changed while the mode is off only. */
static void write_geometry(struct vga *s, unsigned index, uint16_t val)
{
    if (!vga_dispi_on(s)) {
        s->dispi[index] = val;
    }
}

static void write_virtual(struct vga *s, unsigned index, uint16_t val)
{
    s->dispi[index] = val;
    if (vga_dispi_on(s)) {
        clamp_virtual(s);
    }
}

static void write_id(struct vga *s, uint16_t val)
{
    if (val >= DISPI_VERSION_FIRST && val <= DISPI_VERSION_LAST) {
        s->dispi[DISPI_ID] = val;
    }
}

void vga_dispi_write(struct vga *s, unsigned index, uint16_t val)
{
    switch (index) {
    case DISPI_ID:
        write_id(s, val);
        break;
    case DISPI_XRES:
    case DISPI_YRES:
    case DISPI_BPP:
        write_geometry(s, index, val);
        break;
    case DISPI_ENABLE:
        write_enable(s, val);
        break;
    case DISPI_BANK:
        s->dispi[DISPI_BANK] = (uint16_t)(val & ((s->vram_size >> 16) - 1));
        break;
    case DISPI_VIRT_WIDTH:
    case DISPI_X_OFFSET:
    case DISPI_Y_OFFSET:
        write_virtual(s, index, val);
        break;
    default:
        break; /* read-only, or not there */
    }
    vga_update_window(s);
}

static uint16_t capability(unsigned index)
{
    static const uint16_t caps[] = {
        [DISPI_XRES] = DISPI_MAX_XRES,
        [DISPI_YRES] = DISPI_MAX_YRES,
        [DISPI_BPP] = DISPI_MAX_BPP,
    };
    return caps[index];
}

uint16_t vga_dispi_read(struct vga *s, unsigned index)
{
    if (index >= VGA_DISPI_COUNT) {
        return 0;
    }
    if (index >= DISPI_XRES && index <= DISPI_BPP && (s->dispi[DISPI_ENABLE] & DISPI_GETCAPS)) {
        return capability(index);
    }
    return index == DISPI_MEMORY_64K ? (uint16_t)(s->vram_size >> 16) : s->dispi[index];
}

void vga_dispi_reset(struct vga *s)
{
    memset(s->dispi, 0, sizeof(s->dispi));
    s->dispi_index = 0;
    s->dispi[DISPI_ID] = DISPI_VERSION_LAST;
}

/* --- ports 1CEh to 1D1h ----------------------------------------------------------------------- */

static uint64_t dispi_port_read(void *opaque, uint64_t off, unsigned size)
{
    struct vga *s = opaque;

    if (off == 0) {
        return s->dispi_index;
    }
    return off <= 2 ? vga_dispi_read(s, s->dispi_index) : 0xffff;
}

static void dispi_port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct vga *s = opaque;

    if (off == 0) {
        s->dispi_index = (uint16_t)val;
    } else if (off <= 2) {
        vga_dispi_write(s, s->dispi_index, (uint16_t)val);
    }
}

/* The data port at 1CFh is a misaligned word. */
const struct mem_ops vga_dispi_ops = {
    .read = dispi_port_read,
    .write = dispi_port_write,
    .valid = {2, 2, true},
    .impl = {2, 2, true},
};
