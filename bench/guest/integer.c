/* SPDX-License-Identifier: MIT */
/* Integer code: a heap sort, a bitwise CRC and greatest common divisors. */
#include "bench.h"

const char bench_name[] = "integer";

enum { COUNT = 2048 };

static uint32_t values[COUNT];

void bench_prepare(void)
{
}

static void sift_down(uint32_t *heap, size_t root, size_t size)
{
    uint32_t value = heap[root];
    size_t child;

    while ((child = 2 * root + 1) < size) {
        if (child + 1 < size && heap[child + 1] > heap[child])
            child++;
        if (heap[child] <= value)
            break;
        heap[root] = heap[child];
        root = child;
    }
    heap[root] = value;
}

static void heap_sort(uint32_t *heap, size_t size)
{
    size_t i;

    for (i = size / 2; i-- > 0;)
        sift_down(heap, i, size);
    for (i = size; i-- > 1;) {
        uint32_t last = heap[i];

        heap[i] = heap[0];
        heap[0] = last;
        sift_down(heap, 0, i);
    }
}

static uint32_t crc(const uint32_t *data, size_t count)
{
    uint32_t sum = 0xffffffff;
    size_t i;
    int bit;

    for (i = 0; i < count; i++) {
        sum ^= data[i];
        for (bit = 0; bit < 32; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
    }
    return sum;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

uint64_t bench_run(uint64_t iterations)
{
    uint64_t state = 1, sum = 0;
    size_t i;

    while (iterations--) {
        for (i = 0; i < COUNT; i++)
            values[i] = bench_random(&state);
        heap_sort(values, COUNT);
        sum = bench_mix(sum, crc(values, COUNT));
        for (i = 0; i + 1 < COUNT; i += 16)
            sum += gcd(values[i], values[i + 1] | 1);
    }
    return sum;
}
