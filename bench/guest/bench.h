/* SPDX-License-Identifier: MIT */
/* A benchmark program: bench.c is its main, each program defines the rest. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const char bench_name[];
extern char **bench_args; /* what follows the iteration count, NULL at the end */

/* Prepare what is not to be timed (and check that the work is done right). */
void bench_prepare(void);

/* Do the work `iterations` times; the checksum depends on all of it. */
uint64_t bench_run(uint64_t iterations);

static inline void bench_require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "%s: %s\n", bench_name, what);
    exit(1);
}

/* A small generator with a full period, the same everywhere. */
static inline uint64_t bench_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 29;
}

static inline uint64_t bench_mix(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * 0x9e3779b97f4a7c15u;
}

#endif
