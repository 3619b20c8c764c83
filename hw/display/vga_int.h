/* SPDX-License-Identifier: MIT */
/* What the files of the VGA share: names of registers and bits. */
#ifndef HW_DISPLAY_VGA_INT_H
#define HW_DISPLAY_VGA_INT_H

#include "hw/display/vga.h"

/* clang-format off */
#define MISC_COLOUR    0x01 /* CRTC at 3Dxh, else 3Bxh */
#define MISC_CLOCK     0x0c
#define MISC_CLOCK_28  0x04

#define SEQ_RESET      0
#define  SEQ_RESET_RUN   0x03
#define SEQ_CLOCKING   1
#define  SEQ_CLOCKING_8DOT 0x01
#define  SEQ_CLOCKING_HALF 0x08
#define  SEQ_CLOCKING_OFF  0x20
#define SEQ_MAP_MASK   2
#define SEQ_FONT       3
#define SEQ_MODE       4
#define  SEQ_MODE_SEQUENTIAL 0x04 /* clear: odd/even */
#define  SEQ_MODE_CHAIN4     0x08

#define GC_SET_RESET   0
#define GC_ENABLE_SR   1
#define GC_COMPARE     2
#define GC_ROTATE      3
#define  GC_ROTATE_COUNT 0x07
#define GC_READ_MAP    4
#define GC_MODE        5
#define  GC_MODE_WRITE   0x03
#define  GC_MODE_COMPARE 0x08 /* read mode 1 */
#define  GC_MODE_ODDEVEN 0x10
#define  GC_MODE_SHIFT2  0x20
#define  GC_MODE_256     0x40
#define GC_MISC        6
#define  GC_MISC_GRAPHICS 0x01
#define GC_DONT_CARE   7
#define GC_BIT_MASK    8

#define CRTC_HTOTAL       0x00
#define CRTC_HDISPLAY     0x01
#define CRTC_VTOTAL       0x06
#define CRTC_OVERFLOW     0x07
#define  CRTC_OVERFLOW_LC8  0x10 /* line compare: not write protected */
#define CRTC_PRESET_ROW   0x08
#define CRTC_MAX_SCAN     0x09
#define  CRTC_MAX_SCAN_LC9    0x40
#define  CRTC_MAX_SCAN_DOUBLE 0x80
#define CRTC_CURSOR_FIRST 0x0a
#define  CRTC_CURSOR_OFF    0x20
#define CRTC_CURSOR_LAST  0x0b
#define CRTC_START_HIGH   0x0c
#define CRTC_START_LOW    0x0d
#define CRTC_CURSOR_HIGH  0x0e
#define CRTC_CURSOR_LOW   0x0f
#define CRTC_VSYNC_FIRST  0x10
#define CRTC_VSYNC_LAST   0x11
#define  CRTC_PROTECT       0x80
#define CRTC_VDISPLAY     0x12
#define CRTC_OFFSET       0x13
#define CRTC_UNDERLINE    0x14
#define  CRTC_DWORD         0x40
#define CRTC_MODE         0x17
#define  CRTC_MODE_LINES2   0x04 /* the vertical counter counts every other line */
#define  CRTC_MODE_NO_ROW13 0x01
#define  CRTC_MODE_NO_ROW14 0x02
#define  CRTC_MODE_WRAP15   0x20
#define  CRTC_MODE_BYTE     0x40
#define CRTC_LINE_COMPARE 0x18

#define ATTR_MODE       0x10
#define  ATTR_MODE_GRAPHICS 0x01
#define  ATTR_MODE_SPLIT_PAN 0x20 /* no panning below the split */
#define  ATTR_MODE_P54      0x80
#define ATTR_PLANES     0x12
#define ATTR_PANNING    0x13
#define ATTR_COLOUR_SEL 0x14
#define ATTR_INDEX_PAS  0x20 /* the screen shows, the palette is the screen's */
/* clang-format on */

enum {
    DISPI_ID,
    DISPI_XRES,
    DISPI_YRES,
    DISPI_BPP,
    DISPI_ENABLE,
    DISPI_BANK,
    DISPI_VIRT_WIDTH,
    DISPI_VIRT_HEIGHT,
    DISPI_X_OFFSET,
    DISPI_Y_OFFSET,
    DISPI_MEMORY_64K,
};
#define DISPI_ENABLED  0x01
#define DISPI_GETCAPS  0x02
#define DISPI_8BIT_DAC 0x20
#define DISPI_LFB      0x40
#define DISPI_NO_CLEAR 0x80

/* Pixels come from DISPI's frame buffer, the VGA's own modes are out of the way. */
static inline bool vga_dispi_linear(const struct vga *s)
{
    return (s->dispi[DISPI_ENABLE] & DISPI_ENABLED) && s->dispi[DISPI_BPP] > 4;
}

static inline bool vga_dispi_on(const struct vga *s)
{
    return s->dispi[DISPI_ENABLE] & DISPI_ENABLED;
}

/* CRTC values that are spread over several registers. */
unsigned vga_vertical_total(const struct vga *s);
unsigned vga_vertical_display(const struct vga *s);
unsigned vga_vertical_sync(const struct vga *s);
unsigned vga_line_compare(const struct vga *s);

/* The colour of one DAC register, seen through the mask; six bits are stretched to eight. */
uint32_t vga_dac_colour(const struct vga *s, unsigned index);

/* To the next third of a colour. */
void vga_dac_advance(struct vga *s);

/* Make the window show what the registers say. */
void vga_update_window(struct vga *s);

/* Through the graphics controller: `off` in the window. Reading loads the latches. */
uint64_t vga_planar_read(void *vga, uint64_t off, unsigned size);
bool vga_planar_read_leaf(void *vga, uint64_t off, unsigned size, uint64_t *val);
bool vga_planar_write_leaf(void *vga, uint64_t off, uint64_t val, unsigned size);
/* Of the four bytes of video memory that a byte is written to. */
uint32_t vga_planar_offset(const struct vga *s, uint64_t off);

extern const struct mem_ops vga_planar_ops;
extern const struct mem_ops vga_dispi_ops;
extern const struct display_source_ops vga_source_ops;

void vga_dispi_reset(struct vga *s);

#endif
