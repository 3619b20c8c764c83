/* SPDX-License-Identifier: MIT */
/*
 * Random FP and SIMD states and operands for the differential tests: mostly the values where
 * something happens (zeros, denormals, limits, infinities, NaNs, integers near powers of two).
 */
#ifndef TESTS_INSN_FPU_RANDOM_H
#define TESTS_INSN_FPU_RANDOM_H

#include "tests/insn/inprocess.h"

void random_seed(uint64_t seed);
uint64_t random_u64(void);
static inline unsigned random_below(unsigned n)
{
    return random_u64() % n;
}

uint32_t random_float(void);
uint64_t random_double(void);
uint64_t random_integer(void);
void random_extended(uint8_t out[10]); /* 80-bit, pseudo-denormals and invalid patterns included */
void random_bcd(uint8_t out[10]);
void random_vector(uint8_t out[16]); /* lanes of one of the classes above */

/* Registers and flags; TOP, tags, x87 and XMM contents. Exceptions masked unless `unmask`. */
void random_state(struct native_state *s, bool unmask);

#endif
