/* SPDX-License-Identifier: MIT */
/* Comparisons of up to 64 pixels at a time, as bits: SSE2 where the compiler has it, else plain C. */
#ifndef UI_VNC_ENC_SIMD_H
#define UI_VNC_ENC_SIMD_H

#include "util/base.h"

#ifdef __SSE2__
#include <emmintrin.h>

/* Sixteen bytes of all ones or zeros to 16 bits, from four comparisons of four pixels. */
static inline uint32_t enc_simd_bits(__m128i a, __m128i b, __m128i c, __m128i d)
{
    __m128i low = _mm_packs_epi32(a, b), high = _mm_packs_epi32(c, d);

    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high));
}

static inline __m128i enc_simd_load(const uint32_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Bit k: p[k] equals q[k], for 16 of them. */
static inline uint32_t enc_simd_equal16(const uint32_t *p, const uint32_t *q)
{
    __m128i r[4];

    for (unsigned k = 0; k < 4; k++) {
        r[k] = _mm_cmpeq_epi32(enc_simd_load(p + 4 * k), enc_simd_load(q + 4 * k));
    }
    return enc_simd_bits(r[0], r[1], r[2], r[3]);
}

/* Bit k: p[k] equals p[k - 1], for k in [1, 16); p[-1] is not read. Bit 0 is anything. */
static inline uint32_t enc_simd_like_left16(const uint32_t *p)
{
    __m128i first = enc_simd_load(p), r[4];

    r[0] = _mm_cmpeq_epi32(first, _mm_slli_si128(first, 4));
    for (unsigned k = 1; k < 4; k++) {
        r[k] = _mm_cmpeq_epi32(enc_simd_load(p + 4 * k), enc_simd_load(p + 4 * k - 1));
    }
    return enc_simd_bits(r[0], r[1], r[2], r[3]);
}

static inline uint32_t enc_simd_is16(const uint32_t *p, uint32_t value)
{
    __m128i v = _mm_set1_epi32((int)value), r[4];

    for (unsigned k = 0; k < 4; k++) {
        r[k] = _mm_cmpeq_epi32(enc_simd_load(p + 4 * k), v);
    }
    return enc_simd_bits(r[0], r[1], r[2], r[3]);
}
#else
static inline uint32_t enc_simd_equal16(const uint32_t *p, const uint32_t *q)
{
    uint32_t bits = 0;

    for (unsigned k = 0; k < 16; k++) {
        bits |= (uint32_t)(p[k] == q[k]) << k;
    }
    return bits;
}

static inline uint32_t enc_simd_like_left16(const uint32_t *p)
{
    uint32_t bits = 0;

    for (unsigned k = 1; k < 16; k++) {
        bits |= (uint32_t)(p[k] == p[k - 1]) << k;
    }
    return bits;
}

static inline uint32_t enc_simd_is16(const uint32_t *p, uint32_t value)
{
    uint32_t bits = 0;

    for (unsigned k = 0; k < 16; k++) {
        bits |= (uint32_t)(p[k] == value) << k;
    }
    return bits;
}
#endif

/*
 * Of a row of n pixels, n at most 64. From 16 pixels on the last 16 are looked at together, whether or
 * not some of them were before.
 */

/* Bit k: pixel k differs from the one before it. Bit 0 is clear. */
static inline uint64_t enc_edges(const uint32_t *px, unsigned n)
{
    uint64_t bits = 0;
    unsigned k = 1;

    if (n >= 16) {
        bits = ~enc_simd_like_left16(px) & 0xfffe;
        for (k = 16; k < n; k += 16) {
            unsigned at = MIN(k, n - 16);
            bits |= (uint64_t)(~enc_simd_equal16(px + at, px + at - 1) & 0xffff) << at;
        }
    }
    for (; k < n; k++) {
        bits |= (uint64_t)(px[k] != px[k - 1]) << k;
    }
    return bits;
}

/* Bit k: pixel k is `value`. */
static inline uint64_t enc_matches(const uint32_t *px, unsigned n, uint32_t value)
{
    uint64_t bits = 0;
    unsigned k = 0;

    for (; n >= 16 && k < n; k += 16) {
        unsigned at = MIN(k, n - 16);
        bits |= (uint64_t)enc_simd_is16(px + at, value) << at;
    }
    for (; k < n; k++) {
        bits |= (uint64_t)(px[k] == value) << k;
    }
    return bits;
}

/* Bit k: pixel k is that of the other row. */
static inline uint64_t enc_equals(const uint32_t *px, const uint32_t *other, unsigned n)
{
    uint64_t bits = 0;
    unsigned k = 0;

    for (; n >= 16 && k < n; k += 16) {
        unsigned at = MIN(k, n - 16);
        bits |= (uint64_t)enc_simd_equal16(px + at, other + at) << at;
    }
    for (; k < n; k++) {
        bits |= (uint64_t)(px[k] == other[k]) << k;
    }
    return bits;
}

#endif
