/* SPDX-License-Identifier: MIT */
/* System calls: getppid, and reads and writes of a byte through a pipe. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>
#include "bench.h"

const char bench_name[] = "syscall";

static int ends[2];

void bench_prepare(void)
{
    bench_require(!pipe(ends), "no pipe");
}

uint64_t bench_run(uint64_t iterations)
{
    uint64_t i, sum = 0;
    char byte;

    for (i = 0; i < iterations; i++) {
        sum += syscall(SYS_getppid) > 0;
        if (i % 16)
            continue;
        byte = i;
        if (write(ends[1], &byte, 1) == 1 && read(ends[0], &byte, 1) == 1)
            sum += (uint8_t)byte;
    }
    return sum;
}
