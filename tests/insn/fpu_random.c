/* SPDX-License-Identifier: MIT */
/*
 * Random FP and SIMD states and operands.
 */
#include "tests/insn/fpu_random.h"

static uint64_t state = 1;

void random_seed(uint64_t seed)
{
    state = seed * 2 + 1;
}

/* xorshift64*, Vigna 2016. */
uint64_t random_u64(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1dull;
}

uint64_t random_integer(void)
{
    static const uint64_t corner[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff};
    uint64_t v = random_u64();

    switch (random_below(6)) {
    case 0:
        return corner[random_below(ARRAY_SIZE(corner))];
    case 1:
        return -corner[random_below(ARRAY_SIZE(corner))];
    case 2:
        return (1ull << random_below(64)) - random_below(2);
    case 3:
        return v & 0x0f0f0f0f0f0f0f0f;
    default:
        return v;
    }
}

/* A number with `ebits` of exponent and `mbits` of fraction, by class. */
static uint64_t random_ieee(unsigned ebits, unsigned mbits)
{
    uint64_t v = random_u64(), emax = mask64(ebits), bias = emax >> 1;
    uint64_t sign = (v >> 63) << (ebits + mbits), fraction = random_u64() & mask64(mbits);
    uint64_t exponent;

    switch (random_below(12)) {
    case 0:
        return sign;
    case 1:
        return sign | (random_below(2) ? fraction : 1); /* denormal */
    case 2:
        return sign | emax << mbits; /* infinity */
    case 3:
        return sign | emax << mbits | 1ull << (mbits - 1) | fraction; /* quiet NaN */
    case 4:
        return sign | emax << mbits | (fraction & mask64(mbits - 1)) | 1; /* signalling NaN */
    case 5:
        exponent = random_below(2) ? 1 + random_below(3) : emax - 1 - random_below(3);
        break;
    case 6:
        exponent = bias + random_below(mbits + 4) - 2;
        fraction &= ~mask64(random_below(mbits)); /* near-integers, halves */
        break;
    case 7:
        exponent = bias + random_below(70);
        break;
    default:
        exponent = bias - 8 + random_below(16);
        break;
    }
    return sign | (exponent & emax) << mbits | fraction;
}

uint32_t random_float(void)
{
    return random_ieee(8, 23);
}

uint64_t random_double(void)
{
    return random_ieee(11, 52);
}

void random_extended(uint8_t out[10])
{
    uint64_t mantissa = random_u64() | 1ull << 63;
    uint16_t exponent = 0x3fff - 20 + random_below(90), sign = random_u64() & 0x8000;

    switch (random_below(12)) {
    case 0:
        mantissa = exponent = 0;
        break;
    case 1:
        exponent = 0;
        mantissa &= random_below(3) ? mask64(63) : mask64(64); /* denormal, pseudo-denormal */
        break;
    case 2:
        exponent = 0x7fff;
        mantissa = 1ull << 63; /* infinity */
        break;
    case 3:
        exponent = 0x7fff; /* NaNs, and invalid patterns without the integer bit */
        mantissa = random_u64();
        break;
    case 4:
        mantissa &= mask64(63); /* unnormal: invalid */
        break;
    case 5:
        exponent = random_below(2) ? 1 + random_below(70) : 0x7ffe - random_below(70);
        break;
    case 6:
        mantissa &= ~mask64(random_below(63));
        break;
    default:
        break;
    }
    st_le64(out, mantissa);
    st_le16(out + 8, exponent | sign);
}

void random_bcd(uint8_t out[10])
{
    for (unsigned i = 0; i < 9; i++)
        out[i] = random_below(10) << 4 | random_below(10);
    out[9] = random_below(2) ? 0x80 : 0;
    if (random_below(8) == 0) /* digits that are none */
        out[random_below(9)] = random_u64();
}

void random_vector(uint8_t out[16])
{
    unsigned kind = random_below(4);

    for (unsigned i = 0; i < 16; i += 8) {
        switch (kind) {
        case 0:
            st_le32(out + i, random_float());
            st_le32(out + i + 4, random_float());
            break;
        case 1:
            st_le64(out + i, random_double());
            break;
        case 2:
            st_le64(out + i, random_integer());
            break;
        default:
            st_le64(out + i, random_u64());
            break;
        }
    }
}

static void random_x87(struct native_state *s, bool unmask)
{
    uint16_t cw = 0x37f, sw = random_u64() & 0x7f00;

    if (random_below(2))
        cw = 0x7f | (random_u64() & 0x1f00);
    if (unmask)
        cw &= ~(random_u64() & random_u64() & 0x3f);
    if (random_below(2))
        sw |= random_u64() & 0x7f;
    st_le16(s->fx, cw);
    st_le16(s->fx + 2, sw);
    s->fx[4] = random_below(2) ? 0xff : random_u64();
    for (unsigned i = 0; i < 8; i++) {
        if (random_below(16) == 0) { /* an MMX value */
            st_le64(s->fx + 32 + 16 * i, random_integer());
            st_le16(s->fx + 32 + 16 * i + 8, 0xffff);
        } else {
            random_extended(s->fx + 32 + 16 * i);
        }
    }
}

static uint32_t random_mxcsr(bool unmask)
{
    uint32_t v = 0x1f80;

    if (random_below(2))
        v |= random_u64() & 0x603f;
    if (random_below(4) == 0)
        v |= random_u64() & 0x8040; /* FTZ, DAZ */
    if (unmask)
        v &= ~(random_u64() & random_u64() & 0x1f80);
    return v;
}

void random_state(struct native_state *s, bool unmask)
{
    native_init(s);
    random_x87(s, unmask);
    st_le32(s->fx + 24, random_mxcsr(unmask));
    for (unsigned i = 0; i < 16; i++) {
        random_vector(s->fx + 160 + 16 * i);
        s->greg[i] = random_integer();
    }
    s->flags = random_u64() & 0x8d5;
}
