/* SPDX-License-Identifier: MIT */
/* The few different pixels of an area, numbered in order of appearance. */
#ifndef UI_VNC_ENC_PALETTE_H
#define UI_VNC_ENC_PALETTE_H

#include "ui/vnc/enc_int.h"

#define ENC_PALETTE_MAX   256u
#define ENC_PALETTE_BITS  10u
#define ENC_PALETTE_SLOTS (1u << ENC_PALETTE_BITS)

struct enc_palette {
    unsigned count, max;
    uint32_t colour[ENC_PALETTE_MAX];
    uint16_t slot[ENC_PALETTE_SLOTS]; /* 1 + number of a colour, 0: free */
};

void enc_palette_init(struct enc_palette *p, unsigned max);

static inline unsigned enc_palette_hash(uint32_t v)
{
    return v * 0x9e3779b1u >> (32 - ENC_PALETTE_BITS);
}

/* The number of v, which is in it. */
static inline unsigned enc_palette_find(const struct enc_palette *p, uint32_t v)
{
    unsigned i = enc_palette_hash(v);

    while (p->colour[p->slot[i] - 1] != v) {
        i = (i + 1) % ENC_PALETTE_SLOTS;
    }
    return p->slot[i] - 1u;
}

/* False if v is new and there is no room. */
static inline bool enc_palette_add(struct enc_palette *p, uint32_t v)
{
    unsigned i = enc_palette_hash(v);

    for (; p->slot[i]; i = (i + 1) % ENC_PALETTE_SLOTS) {
        if (p->colour[p->slot[i] - 1] == v) {
            return true;
        }
    }
    if (p->count == p->max) {
        return false;
    }
    p->colour[p->count++] = v;
    p->slot[i] = (uint16_t)p->count;
    return true;
}

/* All of an area; false if there are more than `max` (at most ENC_PALETTE_MAX). */
bool enc_palette_of_area(struct enc_palette *p, const struct enc_area *a, unsigned max);

/* The numbers of an area's pixels, rows without gaps. */
void enc_palette_indices(const struct enc_palette *p, const struct enc_area *a, uint8_t *out);

/*
 * The numbers of a row of n pixels, packed with 1, 2, 4 or 8 bits each, the leftmost in the highest
 * bits. Writes DIV_ROUND_UP(n * bits, 8) bytes.
 */
void enc_pack_row(const uint8_t *indices, unsigned n, unsigned bits, uint8_t *out);

/* One bit per pixel: 1 where it is `value`; each row starts a byte. */
void enc_put_mono(const struct enc_area *a, uint32_t value, GByteArray *out);

#endif
