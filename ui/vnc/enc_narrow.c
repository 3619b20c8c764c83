/* SPDX-License-Identifier: MIT */
/*
 * Conversion to pixels of 8 and 16 bits, four at a time by SSE2: 256 times a component times a factor
 * is the component in fixed point, with `fraction` bits behind the point, in the upper half of the
 * product. Whoever prepares it compares it with the tables it replaces.
 */
#include "ui/vnc/enc_int.h"

#ifdef __SSE2__
#include <emmintrin.h>

#define PLACE_MAX 14u /* factors are signed */

static unsigned bits_of(unsigned max)
{
    return (unsigned)__builtin_popcount(max);
}

/* Red and blue are added up, which is no longer the same if they overlap. */
static bool overlap(const struct vnc_pixel_format *pf)
{
    return (uint32_t)pf->max[0] << pf->shift[0] & (uint32_t)pf->max[2] << pf->shift[2];
}

/* From 256 * 255 to max << fraction. */
static uint32_t scale_of(unsigned max, unsigned fraction)
{
    return ((uint32_t)max << (fraction + 8)) / 255 + 1;
}

bool enc_narrow_prepare(struct enc_narrow *by, const struct vnc_pixel_format *pf)
{
    const uint16_t *max = pf->max;
    const uint8_t *shift = pf->shift;
    unsigned most = MAX(bits_of(max[0]), MAX(bits_of(max[1]), bits_of(max[2])));

    if (pf->bits > 16 || most > 8 || shift[0] > PLACE_MAX || shift[2] > PLACE_MAX || overlap(pf)) {
        return false;
    }
    by->fraction = 15 - most; /* there is room to round up */
    by->scale[0] = scale_of(max[0], by->fraction) << 16 | scale_of(max[2], by->fraction);
    by->scale[1] = scale_of(max[1], by->fraction);
    by->place = 1u << (shift[0] + 16) | 1u << shift[2];
    by->green = shift[1];
    by->swap = pf->bits == 16 && pf->big_endian;
    return true;
}

static __m128i all(uint32_t v)
{
    return _mm_set1_epi32((int)v);
}

size_t enc_narrow_row(const struct enc_narrow *by, const uint32_t *from, size_t n, uint32_t *to)
{
    __m128i scale0 = all(by->scale[0]), scale1 = all(by->scale[1]), place = all(by->place);
    __m128i half = _mm_set1_epi16((short)(1 << (by->fraction - 1)));
    __m128i fraction = _mm_cvtsi32_si128((int)by->fraction), green = _mm_cvtsi32_si128(by->green);
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        __m128i p = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
        __m128i rb = _mm_mulhi_epu16(_mm_slli_epi16(p, 8), scale0);
        __m128i g = _mm_mulhi_epu16(_mm_and_si128(p, all(0xff00)), scale1);
        rb = _mm_srl_epi16(_mm_add_epi16(rb, half), fraction);
        g = _mm_srl_epi16(_mm_add_epi16(g, half), fraction);
        p = _mm_or_si128(_mm_madd_epi16(rb, place), _mm_sll_epi32(g, green));
        if (by->swap) {
            p = _mm_or_si128(_mm_srli_epi16(p, 8), _mm_slli_epi16(p, 8));
        }
        _mm_storeu_si128((__m128i *)(void *)(to + i), p);
    }
    return i;
}
#else
bool enc_narrow_prepare(struct enc_narrow *by, const struct vnc_pixel_format *pf)
{
    return false;
}

size_t enc_narrow_row(const struct enc_narrow *by, const uint32_t *from, size_t n, uint32_t *to)
{
    return 0;
}
#endif
