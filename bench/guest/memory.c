/* SPDX-License-Identifier: MIT */
/* memcpy and memset of the C library, 16 bytes to 256 KiB, and a REP MOVSB. */
#include "bench.h"

const char bench_name[] = "memory";

enum { BUFFER = 1 << 20, LARGEST = 1 << 18, TOTAL = 1 << 20 };

static uint8_t from[BUFFER], to[BUFFER];

void bench_prepare(void)
{
    uint64_t state = 9;
    size_t i;

    for (i = 0; i < BUFFER; i++)
        from[i] = bench_random(&state);
}

static void copy_string(uint8_t *target, const uint8_t *source, size_t size)
{
    __asm__ volatile("rep movsb" : "+D"(target), "+S"(source), "+c"(size) : : "memory");
}

/* As many copies of each size as make TOTAL bytes, misaligned more and more. */
uint64_t bench_run(uint64_t iterations)
{
    uint64_t sum = 0, state = 4;
    size_t size, done, at;

    while (iterations--)
        for (size = 16; size <= LARGEST; size *= 4) {
            for (done = 0; done < TOTAL; done += size) {
                at = bench_random(&state) % (BUFFER - size + 1);
                memcpy(to + at, from + BUFFER - size - at, size);
            }
            memset(to + at, done, size / 2);
            copy_string(to, from + at, size);
            sum = bench_mix(sum, to[at] ^ to[BUFFER / 2]);
        }
    return sum;
}
