/* SPDX-License-Identifier: MIT */
/*
 * The BitBLT engine of the CL-GD5446. CL-GD5446 Technical Reference Manual, "BitBLT engine".
 *
 * A BLT is a sequence of rows; what differs is where a row's source bytes come from (video memory,
 * an 8x8 pattern, single bits, the CPU). They are gathered, then one function combines them with
 * the destination. Every address is taken modulo the size of video memory, byte by byte unless the
 * whole row is known to fit. Rows that overlap themselves are done byte by byte in the direction
 * asked for, as the hardware does. BLTs take no time but for those the CPU takes part in.
 *
 * The direction counts for copies within video memory only. Transparency compares what the raster
 * operation gave; GR38/39 are bits it does not look at.
 */
#include "cirrus_int.h"

/* --- raster operations --------------------------------------------------------------------------- */

/* A code's upper half says what is done with D where S is 0, the lower where it is 1. */
static uint8_t minterms_of(uint8_t rop)
{
    static const struct {
        uint8_t rop, minterms;
    } rops[] = {
        {0x00, 0x0}, {0x90, 0x1}, {0x50, 0x2}, {0xd0, 0x3}, {0x09, 0x4}, {0x0b, 0x5},
        {0x59, 0x6}, {0xda, 0x7}, {0x05, 0x8}, {0x95, 0x9}, {0x06, 0xa}, {0xd6, 0xb},
        {0x0d, 0xc}, {0xad, 0xd}, {0x6d, 0xe}, {0x0e, 0xf},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rops); i++) {
        if (rops[i].rop == rop) {
            return rops[i].minterms;
        }
    }
    return 0xa; /* undefined: leaves the destination alone */
}

#define ALL_BITS UINT32_MAX /* no pattern: bits do not repeat */

/* Of as many bits as a word has. */
static inline uint64_t combine(uint8_t minterms, uint64_t src, uint64_t dst)
{
    uint64_t m0 = -(uint64_t)(minterms & 1), m1 = -(uint64_t)(minterms >> 1 & 1);
    uint64_t m2 = -(uint64_t)(minterms >> 2 & 1), m3 = -(uint64_t)(minterms >> 3 & 1);

    return (m0 & ~src & ~dst) | (m1 & ~src & dst) | (m2 & src & ~dst) | (m3 & src & dst);
}

static void combine_bytes(uint8_t minterms, const uint8_t *src, uint8_t *dst, uint32_t n)
{
    for (; n >= 8; n -= 8, src += 8, dst += 8) {
        st_le64(dst, combine(minterms, ld_le64(src), ld_le64(dst)));
    }
    for (; n > 0; n--, src++, dst++) {
        *dst = (uint8_t)combine(minterms, *src, *dst);
    }
}

/* --- video memory --------------------------------------------------------------------------------- */

static uint8_t *byte_at(const struct cirrus *s, uint32_t addr)
{
    return ram_ptr(s->vga.vram.ram) + (addr & (s->vga.vram_size - 1));
}

void cirrus_mark(const struct cirrus *s, uint32_t addr, uint32_t len)
{
    uint32_t size = s->vga.vram_size;

    addr &= size - 1;
    uint32_t first = MIN(len, size - addr);
    dirty_mark(s->vga.vram.ram + addr, first);
    if (len > first) {
        dirty_mark(s->vga.vram.ram, MIN(len - first, size));
    }
}

/* --- a row ---------------------------------------------------------------------------------------- */

/* Source bytes of a row, and which of its bytes are left alone. */
struct row {
    uint8_t src[CIRRUS_ROW_MAX + 8];
    bool keep[CIRRUS_ROW_MAX + 8];
};

/* Pixel `x` (bytes) of the result is the key, all of its bytes. */
static bool is_key(const struct cirrus_blt *b, const uint8_t *result)
{
    unsigned n = MIN(b->pixel, 2u);
    uint16_t diff = 0;

    for (unsigned i = 0; i < n; i++) {
        diff |=
            (uint16_t)((result[i] ^ (uint8_t)(b->key >> 8 * i)) & ~(b->key_mask >> 8 * i) & 255);
    }
    return !diff;
}

static void write_transparent(struct cirrus *s, const struct cirrus_blt *b, const uint8_t *src,
                              uint32_t first)
{
    for (uint32_t x = first; x < b->width; x += b->pixel) {
        uint32_t n = MIN(b->pixel, b->width - x);
        uint8_t result[4] = {0};

        for (uint32_t i = 0; i < n; i++) {
            result[i] = (uint8_t)combine(b->minterms, src[x + i], *byte_at(s, b->dst + x + i));
        }
        for (uint32_t i = 0; i < n && !is_key(b, result); i++) {
            *byte_at(s, b->dst + x + i) = result[i];
        }
    }
}

/* A row whose source cannot change while it is written. */
static void write_row(struct cirrus *s, const struct cirrus_blt *b, const struct row *row,
                      uint32_t first)
{
    uint32_t addr = b->dst & (s->vga.vram_size - 1);
    bool fits = range_fits(addr, b->width, s->vga.vram_size);

    if (b->mode & BLT_TRANSPARENT && !(b->mode & BLT_EXPAND)) {
        write_transparent(s, b, row->src, first);
    } else if (fits && !(b->mode & BLT_TRANSPARENT)) {
        combine_bytes(b->minterms, row->src + first, byte_at(s, addr + first), b->width - first);
    } else {
        for (uint32_t x = first; x < b->width; x++) {
            uint8_t *p = byte_at(s, b->dst + x);
            *p = row->keep[x] ? *p : (uint8_t)combine(b->minterms, row->src[x], *p);
        }
    }
    cirrus_mark(s, b->dst, b->width);
}

/* Bytes of the skipped pixels; at most the row. */
static uint32_t skipped(const struct cirrus_blt *b)
{
    return MIN(b->skip * b->pixel, b->width);
}

/* --- colour expansion ------------------------------------------------------------------------------ */

static uint8_t source_bits(const struct cirrus_blt *b, uint8_t bits)
{
    bool invert = b->ext & BLT_EXT_INVERT && b->mode & BLT_TRANSPARENT;

    return invert ? (uint8_t)~bits : bits;
}

/* A bit becomes a pixel, from the skipped ones on. With transparency zeros are left alone; inverted,
 * that are ones, and zeros are drawn in the background colour. */
static void expand_row(const struct cirrus_blt *b, const uint8_t *bits, unsigned period,
                       struct row *row)
{
    bool transparent = b->mode & BLT_TRANSPARENT, invert = transparent && b->ext & BLT_EXT_INVERT;
    unsigned pixel = b->skip;

    for (uint32_t x = skipped(b); x < b->width; x += b->pixel, pixel++) {
        unsigned at = pixel % period;
        bool one = source_bits(b, bits[at / 8]) >> (7 - at % 8) & 1;
        const uint8_t *colour = b->colour[invert ? 0 : one];
        memcpy(row->src + x, colour, b->pixel);
        memset(row->keep + x, transparent && !one, b->pixel);
    }
}

/* Bytes of a row of bits. */
static uint32_t bits_bytes(const struct cirrus_blt *b)
{
    return DIV_ROUND_UP(DIV_ROUND_UP(b->width, b->pixel), 8);
}

/* --- sources ---------------------------------------------------------------------------------------- */

static void fetch(const struct cirrus *s, uint32_t addr, uint8_t *out, uint32_t n)
{
    uint32_t at = addr & (s->vga.vram_size - 1);

    if (range_fits(at, n, s->vga.vram_size)) {
        memcpy(out, byte_at(s, at), n);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        out[i] = *byte_at(s, addr + i);
    }
}

/* A row of an 8x8 pattern of pixels; rows of three-byte pixels are 32 bytes apart. */
static unsigned pattern_pitch(const struct cirrus_blt *b)
{
    return b->mode & BLT_EXPAND ? 1 : b->pixel == 3 ? 32 : 8 * b->pixel;
}

static void pattern_row(const struct cirrus_blt *b, const uint8_t *pattern, unsigned y,
                        struct row *row)
{
    const uint8_t *line = pattern + y % 8 * pattern_pitch(b);

    if (b->mode & BLT_EXPAND) {
        expand_row(b, line, 8, row);
        return;
    }
    for (uint32_t x = skipped(b); x < b->width; x++) {
        row->src[x] = line[x % (8 * b->pixel)];
    }
}

/* The pattern's first row is chosen by the address's lowest bits. */
static void fill_pattern(struct cirrus *s, struct cirrus_blt *b, const uint8_t *pattern)
{
    struct row row = {.keep = {false}};

    for (uint32_t y = 0; y < b->height; y++) {
        pattern_row(b, pattern, (b->src & 7) + y, &row);
        write_row(s, b, &row, skipped(b));
        b->dst += b->dst_pitch;
    }
}

static void fill_solid(struct cirrus *s, struct cirrus_blt *b)
{
    struct row row = {.keep = {false}};

    for (uint32_t x = 0; x < b->width; x += b->pixel) {
        memcpy(row.src + x, b->colour[1], b->pixel);
    }
    b->mode &= (uint8_t) ~(BLT_EXPAND | BLT_TRANSPARENT);
    for (uint32_t y = 0; y < b->height; y++) {
        write_row(s, b, &row, skipped(b));
        b->dst += b->dst_pitch;
    }
}

static void copy_pattern(struct cirrus *s, struct cirrus_blt *b)
{
    uint8_t pattern[CIRRUS_PATTERN];

    fetch(s, b->src & ~7u, pattern, 8 * pattern_pitch(b));
    fill_pattern(s, b, pattern);
}

/* Rows of bits follow each other without a pitch. */
static void copy_bits(struct cirrus *s, struct cirrus_blt *b)
{
    struct row row = {.keep = {false}};
    uint8_t bits[CIRRUS_ROW_MAX];

    for (uint32_t y = 0; y < b->height; y++) {
        fetch(s, b->src, bits, bits_bytes(b));
        expand_row(b, bits, ALL_BITS, &row);
        write_row(s, b, &row, skipped(b));
        b->src += bits_bytes(b);
        b->dst += b->dst_pitch;
    }
}

/* Would a row written in the direction asked for change what is still to be read? */
static bool overtakes(const struct cirrus *s, const struct cirrus_blt *b)
{
    uint32_t ahead = b->mode & BLT_BACKWARDS ? b->src - b->dst : b->dst - b->src;

    ahead &= s->vga.vram_size - 1;
    return ahead && ahead < b->width;
}

/* Byte by byte or pixel by pixel, each stored before the next is read. */
static void copy_stepwise(struct cirrus *s, const struct cirrus_blt *b)
{
    uint32_t step = b->mode & BLT_TRANSPARENT ? b->pixel : 1;
    struct cirrus_blt one = *b;
    uint8_t src[4];

    for (uint32_t x = 0; x < b->width; x += step) {
        one.width = MIN(step, b->width - x);
        uint32_t at = b->mode & BLT_BACKWARDS ? b->width - one.width - x : x;
        fetch(s, b->src + at, src, one.width);
        one.dst = b->dst + at;
        if (b->mode & BLT_TRANSPARENT) {
            write_transparent(s, &one, src, 0);
        } else {
            uint8_t *p = byte_at(s, one.dst);
            *p = (uint8_t)combine(b->minterms, src[0], *p);
        }
    }
    cirrus_mark(s, b->dst, b->width);
}

static void copy_row(struct cirrus *s, const struct cirrus_blt *b, struct row *row)
{
    if (overtakes(s, b)) {
        copy_stepwise(s, b);
        return;
    }
    fetch(s, b->src, row->src, b->width);
    write_row(s, b, row, 0);
}

/* Backwards the addresses are those of the last byte. */
static void copy_screen(struct cirrus *s, struct cirrus_blt *b)
{
    struct row row = {.keep = {false}};
    uint32_t down = 1;

    if (b->mode & BLT_BACKWARDS) {
        b->dst -= b->width - 1;
        b->src -= b->width - 1;
        down = -1u;
    }
    for (uint32_t y = 0; y < b->height; y++) {
        copy_row(s, b, &row);
        b->dst += down * b->dst_pitch;
        b->src += down * b->src_pitch;
    }
}

/* --- the CPU's part --------------------------------------------------------------------------------- */

/* Bytes the CPU sends or takes per row; of a pattern all at once. */
static uint32_t system_row(const struct cirrus_blt *b)
{
    if (b->mode & BLT_PATTERN) {
        return 8 * pattern_pitch(b);
    }
    if (b->mode & BLT_EXPAND) {
        return b->ext & BLT_EXT_DWORDS ? ALIGN_UP(bits_bytes(b), 4u) : bits_bytes(b);
    }
    return ALIGN_UP(b->width, 4u);
}

static void finish(struct cirrus *s)
{
    s->blt_active = false;
    vga_update_window(&s->vga);
}

/* To the next row; the CPU's part ends with the last. */
static void row_done(struct cirrus *s)
{
    s->row_pos = 0;
    if (--s->blt.height == 0) {
        finish(s);
    }
}

static void take_row(struct cirrus *s)
{
    struct cirrus_blt *b = &s->blt;
    struct row row = {.keep = {false}};

    if (b->mode & BLT_PATTERN) {
        fill_pattern(s, b, s->row);
        finish(s);
        return;
    }
    if (b->mode & BLT_EXPAND) {
        expand_row(b, s->row, ALL_BITS, &row);
    } else {
        memcpy(row.src, s->row, b->width);
    }
    write_row(s, b, &row, skipped(b));
    b->dst += b->dst_pitch;
    row_done(s);
}

void cirrus_blt_put(struct cirrus *s, uint8_t val)
{
    if (!(s->blt.mode & BLT_FROM_SYSTEM)) {
        return;
    }
    s->row[s->row_pos++] = val;
    if (s->row_pos == s->row_len) {
        take_row(s);
    }
}

uint8_t cirrus_blt_get(struct cirrus *s)
{
    struct cirrus_blt *b = &s->blt;

    if (!(b->mode & BLT_TO_SYSTEM)) {
        return 0xff;
    }
    uint8_t val = s->row_pos < b->width ? *byte_at(s, b->src + s->row_pos) : 0;
    if (++s->row_pos == s->row_len) {
        b->src += b->src_pitch;
        row_done(s);
    }
    return val;
}

bool cirrus_blt_sane(const struct cirrus *s)
{
    const struct cirrus_blt *b = &s->blt;

    return !s->blt_active ||
           (b->width && b->width <= CIRRUS_ROW_MAX && b->height && b->pixel >= 1 && b->pixel <= 4 &&
            b->skip < 32 && s->row_len == system_row(b) && s->row_pos < s->row_len);
}

/* --- registers ---------------------------------------------------------------------------------------- */

static uint32_t reg16(const struct cirrus *s, unsigned index, uint32_t mask)
{
    return ld_le16(s->gr + index) & mask;
}

static uint32_t reg24(const struct cirrus *s, unsigned index)
{
    return (s->gr[index] | s->gr[index + 1] << 8 | (uint32_t)s->gr[index + 2] << 16) & 0x3fffff;
}

static void read_registers(const struct cirrus *s, struct cirrus_blt *b)
{
    *b = (struct cirrus_blt){
        .width = reg16(s, GR_BLT_WIDTH, 0x1fff) + 1,
        .height = reg16(s, GR_BLT_HEIGHT, 0x7ff) + 1,
        .dst = reg24(s, GR_BLT_DST),
        .src = reg24(s, GR_BLT_SRC),
        .dst_pitch = reg16(s, GR_BLT_DST_PITCH, 0x1fff),
        .src_pitch = reg16(s, GR_BLT_SRC_PITCH, 0x1fff),
        .pixel = (s->gr[GR_BLT_MODE] >> BLT_WIDTH_SHIFT & 3) + 1,
        .mode = s->gr[GR_BLT_MODE],
        .ext = s->gr[GR_BLT_EXT],
        .minterms = minterms_of(s->gr[GR_BLT_ROP]),
        .key = ld_le16(s->gr + GR_BLT_KEY),
        .key_mask = ld_le16(s->gr + GR_BLT_KEY_MASK),
    };
    if (b->mode & (BLT_PATTERN | BLT_EXPAND)) { /* three-byte pixels are skipped by bytes */
        uint8_t skip = s->gr[GR_BLT_SKIP];
        b->skip = b->pixel == 3 ? (skip & 0x1f) / 3 : skip & 7;
    }
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t bytes[4] = {s->gr[i], s->gr[0x10 + i], s->gr[0x12 + i], s->gr[0x14 + i]};
        memcpy(b->colour[i], bytes, 4);
    }
}

static void start_system(struct cirrus *s, const struct cirrus_blt *b)
{
    s->blt = *b;
    s->row_len = system_row(b);
    s->row_pos = 0;
    s->blt_active = true;
    vga_update_window(&s->vga);
}

void cirrus_blt_start(struct cirrus *s)
{
    struct cirrus_blt b;
    uint8_t both = BLT_FROM_SYSTEM | BLT_TO_SYSTEM;

    cirrus_blt_reset(s);
    read_registers(s, &b);
    if ((b.mode & both) == both) {
        return;
    }
    if (b.mode & BLT_TO_SYSTEM) {
        b.mode &= (uint8_t) ~(BLT_PATTERN | BLT_EXPAND);
    }
    if (b.mode & both) {
        start_system(s, &b);
    } else if (b.ext & BLT_EXT_SOLID && b.mode & BLT_PATTERN && b.mode & BLT_EXPAND) {
        fill_solid(s, &b);
    } else if (b.mode & BLT_PATTERN) {
        copy_pattern(s, &b);
    } else if (b.mode & BLT_EXPAND) {
        copy_bits(s, &b);
    } else {
        copy_screen(s, &b);
    }
}

void cirrus_blt_reset(struct cirrus *s)
{
    if (s->blt_active) {
        finish(s);
    }
}
