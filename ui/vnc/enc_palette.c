/* SPDX-License-Identifier: MIT */
/* The few different pixels of an area: finding them, and the area as their numbers. */
#include "ui/vnc/enc_palette.h"

#include "ui/vnc/enc_simd.h"

void enc_palette_init(struct enc_palette *p, unsigned max)
{
    p->count = 0;
    p->max = max;
    memset(p->slot, 0, sizeof(p->slot));
}

/* Only where a pixel differs from the one before is there anything to look up. */
static bool add_row(struct enc_palette *p, const uint32_t *px, unsigned n)
{
    for (unsigned at = 0; at < n; at += 64) {
        uint64_t edges = enc_edges(px + at, MIN(64u, n - at)) | 1;
        for (; edges; edges &= edges - 1) {
            if (!enc_palette_add(p, px[at + (unsigned)__builtin_ctzll(edges)])) {
                return false;
            }
        }
    }
    return true;
}

bool enc_palette_of_area(struct enc_palette *p, const struct enc_area *a, unsigned max)
{
    enc_palette_init(p, max);
    for (unsigned y = 0; y < a->h; y++) {
        if (!add_row(p, a->px + y * a->stride, a->w)) {
            return false;
        }
    }
    return true;
}

static void index_row(const struct enc_palette *p, const uint32_t *px, unsigned n, uint8_t *out)
{
    for (unsigned at = 0; at < n; at += 64) {
        unsigned part = MIN(64u, n - at), start = 0;
        uint64_t edges = enc_edges(px + at, part);
        while (start < part) {
            unsigned end = edges ? (unsigned)__builtin_ctzll(edges) : part;
            memset(out + at + start, (int)enc_palette_find(p, px[at + start]), end - start);
            start = end;
            edges &= edges - 1;
        }
    }
}

void enc_palette_indices(const struct enc_palette *p, const struct enc_area *a, uint8_t *out)
{
    for (unsigned y = 0; y < a->h; y++, out += a->w) {
        index_row(p, a->px + y * a->stride, a->w, out);
    }
}

void enc_pack_row(const uint8_t *indices, unsigned n, unsigned bits, uint8_t *out)
{
    unsigned per_byte = 8 / bits;

    for (unsigned i = 0; i < n; i += per_byte) {
        unsigned byte = 0;
        for (unsigned k = 0; k < per_byte; k++) {
            byte = byte << bits | (i + k < n ? indices[i + k] : 0u);
        }
        *out++ = (uint8_t)byte;
    }
}

/* Turn every byte around. */
static uint64_t reverse_bits(uint64_t v)
{
    v = (v >> 1 & 0x5555555555555555u) | (v & 0x5555555555555555u) << 1;
    v = (v >> 2 & 0x3333333333333333u) | (v & 0x3333333333333333u) << 2;
    return (v >> 4 & 0x0f0f0f0f0f0f0f0fu) | (v & 0x0f0f0f0f0f0f0f0fu) << 4;
}

void enc_put_mono(const struct enc_area *a, uint32_t value, GByteArray *out)
{
    uint8_t *p = enc_grow(out, (size_t)DIV_ROUND_UP(a->w, 8) * a->h), bytes[8];

    for (unsigned y = 0; y < a->h; y++) {
        const uint32_t *px = a->px + y * a->stride;
        for (unsigned x = 0; x < a->w; x += 64) {
            unsigned n = MIN(64u, a->w - x), count = DIV_ROUND_UP(n, 8);
            st_le64(bytes, reverse_bits(enc_matches(px + x, n, value)));
            memcpy(p, bytes, count);
            p += count;
        }
    }
}
