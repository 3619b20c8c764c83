/* SPDX-License-Identifier: MIT */
/*
 * PROGRAM ITERATIONS [ARGUMENTS]: prints
 *     bench NAME ITERATIONS CHECKSUM NANOSECONDS
 */
#define _GNU_SOURCE
#include <time.h>
#include "bench.h"

char **bench_args;

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

int main(int argc, char **argv)
{
    uint64_t iterations, start, sum;

    if (argc < 2 || !(iterations = strtoull(argv[1], NULL, 10))) {
        fprintf(stderr, "usage: %s ITERATIONS\n", argv[0]);
        return 2;
    }
    bench_args = argv + 2;
    bench_prepare();
    start = now();
    sum = bench_run(iterations);
    printf("bench %s %llu %016llx %llu\n", bench_name, (unsigned long long)iterations,
           (unsigned long long)sum, (unsigned long long)(now() - start));
    return 0;
}
