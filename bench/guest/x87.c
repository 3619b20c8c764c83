/* SPDX-License-Identifier: MIT */
/* x87 floating point: Mandelbrot points and power series in extended precision. */
#include <math.h>
#include "bench.h"

const char bench_name[] = "x87";

void bench_prepare(void)
{
}

static int escape(long double x, long double y)
{
    long double re = 0, im = 0, re2, im2;
    int n;

    for (n = 0; n < 200; n++) {
        re2 = re * re;
        im2 = im * im;
        if (re2 + im2 > 4)
            break;
        im = 2 * re * im + y;
        re = re2 - im2 + x;
    }
    return n;
}

static long double exponential(long double x)
{
    long double term = 1, sum = 1;
    int n;

    for (n = 1; n < 24; n++) {
        term *= x / n;
        sum += term;
    }
    return sum;
}

static uint64_t bits(long double value)
{
    uint64_t pattern;

    memcpy(&pattern, &value, sizeof(pattern)); /* the significand */
    return pattern;
}

uint64_t bench_run(uint64_t iterations)
{
    uint64_t sum = 0;
    long double value = 0;
    int i;

    while (iterations--) {
        for (i = 0; i < 64; i++)
            sum += escape(i / 32.0L - 1.5L, iterations % 64 / 64.0L);
        for (i = 0; i < 64; i++)
            value += sqrtl(exponential(i / 64.0L - iterations % 3));
        sum = bench_mix(sum, bits(value));
    }
    return sum;
}
