/* SPDX-License-Identifier: MIT */
/* Sets of small numbers as bits in an array. No locking; nothing is checked against its size. */
#ifndef UTIL_BITS_H
#define UTIL_BITS_H

#include "util/base.h"

#define BITS_WORD (8 * sizeof(unsigned long))

/* Words for the numbers below n. */
static inline size_t bits_words(size_t n)
{
    return DIV_ROUND_UP(n, BITS_WORD);
}

static inline bool bits_test(const unsigned long *bits, size_t i)
{
    return bits[i / BITS_WORD] >> i % BITS_WORD & 1;
}

static inline void bits_set(unsigned long *bits, size_t i)
{
    bits[i / BITS_WORD] |= 1ul << i % BITS_WORD;
}

static inline void bits_clear(unsigned long *bits, size_t i)
{
    bits[i / BITS_WORD] &= ~(1ul << i % BITS_WORD);
}

#endif
