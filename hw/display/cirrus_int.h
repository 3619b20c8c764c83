/* SPDX-License-Identifier: MIT */
/* What the files of the CL-GD5446 share. */
#ifndef HW_DISPLAY_CIRRUS_INT_H
#define HW_DISPLAY_CIRRUS_INT_H

#include "hw/display/vga_int.h"

#define CIRRUS_SR_COUNT 0x20
#define CIRRUS_GR_COUNT 0x40
#define CIRRUS_CR_COUNT 0x28

/* clang-format off */
#define SR_UNLOCK       0x06
#define SR_MODE         0x07
#define  SR_MODE_PACKED    0x01
#define SR_CURSOR_X     0x10 /* the index's upper three bits are the position's lower ones */
#define SR_CURSOR_Y     0x11
#define SR_CURSOR       0x12
#define  SR_CURSOR_ON      0x01
#define  SR_CURSOR_COLOURS 0x02 /* 3C9h is the cursor's palette */
#define  SR_CURSOR_64      0x04
#define SR_CURSOR_SHAPE 0x13
#define SR_CONFIG       0x17
#define  SR_CONFIG_MMIO    0x04 /* BLT registers at B8000h ... */
#define  SR_CONFIG_MMIO_END 0x40 /* ... or at the end of video memory */

#define GR_OFFSET0      0x09
#define GR_OFFSET1      0x0a
#define GR_EXT          0x0b
#define  GR_EXT_TWO        0x01 /* two banks of 32 KiB */
#define  GR_EXT_BY8        0x02 /* addresses count eight pixels */
#define  GR_EXT_WRITE      0x04 /* write modes 4 and 5 */
#define  GR_EXT_16BIT      0x10 /* of two bytes per pixel */
#define  GR_EXT_BANK16K    0x20 /* banks start at multiples of 16 KiB, not 4 */
#define GR_BLT_WIDTH    0x20
#define GR_BLT_HEIGHT   0x22
#define GR_BLT_DST_PITCH 0x24
#define GR_BLT_SRC_PITCH 0x26
#define GR_BLT_DST      0x28
#define GR_BLT_SRC      0x2c
#define GR_BLT_SKIP     0x2f
#define GR_BLT_MODE     0x30
#define  BLT_BACKWARDS     0x01
#define  BLT_TO_SYSTEM     0x02
#define  BLT_FROM_SYSTEM   0x04
#define  BLT_TRANSPARENT   0x08
#define  BLT_WIDTH_SHIFT   4
#define  BLT_PATTERN       0x40
#define  BLT_EXPAND        0x80
#define GR_BLT_STATUS   0x31
#define  BLT_BUSY          0x01
#define  BLT_START         0x02
#define  BLT_RESET         0x04
#define  BLT_BUFFERED      0x08
#define  BLT_AUTOSTART     0x80
#define GR_BLT_ROP      0x32
#define GR_BLT_EXT      0x33
#define  BLT_EXT_DWORDS    0x01 /* rows of bits from the CPU are whole words */
#define  BLT_EXT_INVERT    0x02
#define  BLT_EXT_SOLID     0x04
#define GR_BLT_KEY      0x34
#define GR_BLT_KEY_MASK 0x38

#define CR_EXT          0x1b
#define CR_OVERLAY      0x1d
#define CR_ID           0x27

#define HDR_EXTENDED    0x80 /* hidden DAC register: more than 256 colours ... */
#define HDR_565         0x01 /* ... in sixteen bits, else fifteen */
/* clang-format on */

#define CIRRUS_ROW_MAX 8192u /* bytes of a row of a BLT */
#define CIRRUS_PATTERN 256u  /* bytes of the largest pattern */

/* A BLT as the registers describe it. */
struct cirrus_blt {
    uint32_t width, height; /* bytes, rows */
    uint32_t dst, src;      /* byte addresses, any value: masked where they are used */
    uint32_t dst_pitch, src_pitch;
    unsigned pixel;       /* bytes */
    unsigned skip;        /* pixels at the left of each row */
    uint8_t mode;         /* BLT_* */
    uint8_t ext;          /* BLT_EXT_* */
    uint8_t minterms;     /* the raster operation: bit 2 * S + D of the result */
    uint8_t colour[2][4]; /* of bits 0 and 1 */
    uint16_t key, key_mask;
};

struct cirrus {
    struct vga vga;
    uint8_t sr[CIRRUS_SR_COUNT]; /* beyond the VGA's */
    uint8_t gr[CIRRUS_GR_COUNT]; /* 0, 1 and 5 too: eight bits here, four there */
    uint8_t cr[CIRRUS_CR_COUNT];
    uint8_t cursor_fraction[2];   /* lower three bits of the position */
    uint8_t cursor_colours[2][3]; /* background, foreground; six bits each */
    uint8_t hidden_dac, hidden_count;

    /* A BLT that the CPU feeds or takes from: rows left, and the current one. */
    struct cirrus_blt blt;
    bool blt_active;
    uint32_t row_len, row_pos;
    uint8_t row[CIRRUS_ROW_MAX];

    struct mem_region special;     /* the window, while a byte is not just a byte */
    struct mem_region window_regs; /* BLT registers at B8000h */
    struct mem_region bar0;        /* holds the next four */
    struct mem_region linear;      /* alias of video memory */
    struct mem_region linear_blt;  /* in its place while the CPU takes part in a BLT */
    struct mem_region linear_regs; /* BLT registers at its end */
    struct mem_region blt_port;    /* takes part in BLTs only */
    struct mem_region bar1;        /* ports and BLT registers */
};

static inline struct cirrus *cirrus_of(const struct vga *s)
{
    return (struct cirrus *)container_of((struct vga *)s, struct cirrus, vga);
}

/* Pixels are packed, the CRTC's addresses linear. */
static inline bool cirrus_packed(const struct cirrus *s)
{
    return s->sr[SR_MODE] & SR_MODE_PACKED;
}

unsigned cirrus_pixel_bytes(const struct cirrus *s);

/* --- BitBLT (cirrus_blt.c) ---------------------------------------------------------------------- */

/* Start what the registers say. */
void cirrus_blt_start(struct cirrus *s);
void cirrus_blt_reset(struct cirrus *s);
/* A byte from or to the CPU while blt_active. */
void cirrus_blt_put(struct cirrus *s, uint8_t val);
uint8_t cirrus_blt_get(struct cirrus *s);
/* Bytes `addr` to `addr + len` of video memory have changed; they may go on at 0. */
void cirrus_mark(const struct cirrus *s, uint32_t addr, uint32_t len);
/* After loading: is the state one that can be? */
bool cirrus_blt_sane(const struct cirrus *s);

/* --- memory (cirrus_mem.c) ---------------------------------------------------------------------- */

int cirrus_mem_init(struct cirrus *s, struct error **err);
void cirrus_mem_fini(struct cirrus *s);
/* For struct vga_ext. vga_update_window() is to be called when registers change, or a BLT begins or
 * ends. */
void cirrus_window(const struct vga *vga, struct vga_window *w);
void cirrus_mapped(struct vga *vga);

/* --- registers (cirrus.c) ------------------------------------------------------------------------ */

uint8_t cirrus_gr_read(const struct cirrus *s, unsigned index);
void cirrus_gr_write(struct cirrus *s, unsigned index, uint8_t val);
/* BLT registers as they are laid out in memory. */
uint8_t cirrus_blt_reg_read(const struct cirrus *s, unsigned off);
void cirrus_blt_reg_write(struct cirrus *s, unsigned off, uint8_t val);

/* --- the picture (cirrus_mode.c) ------------------------------------------------------------------ */

extern const struct display_source_ops cirrus_source_ops;

#endif
