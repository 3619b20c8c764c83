/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4) of a buffer: rotations and additions. */
#include "bench.h"

const char bench_name[] = "sha256";

enum { BUFFER = 8192 };

static uint32_t initial[8], constants[64];
static uint32_t words[BUFFER / 4];

static uint32_t rotate(uint32_t x, int by)
{
    return x >> by | x << (32 - by);
}

/* The first 32 bits of the fraction of the n-th root (2 or 3) of a prime. */
static uint32_t root_fraction(uint32_t prime, int n)
{
    unsigned __int128 wanted = (unsigned __int128)prime << 32 * n, power;
    uint64_t root = 0, bit;
    int i;

    for (bit = 1ull << 36; bit; bit >>= 1) {
        uint64_t tried = root | bit;

        for (i = 1, power = tried; i < n; i++)
            power *= tried;
        if (power <= wanted)
            root = tried;
    }
    return root;
}

static int is_prime(uint32_t n)
{
    uint32_t i;

    for (i = 2; i * i <= n; i++)
        if (n % i == 0)
            return 0;
    return 1;
}

static void make_constants(void)
{
    uint32_t prime = 2;
    int i;

    for (i = 0; i < 64; i++, prime++) {
        while (!is_prime(prime))
            prime++;
        constants[i] = root_fraction(prime, 3);
        if (i < 8)
            initial[i] = root_fraction(prime, 2);
    }
}

static void schedule(uint32_t w[64], const uint32_t *block)
{
    int i;

    memcpy(w, block, 64);
    for (i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];

        w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
}

static void compress(uint32_t state[8], const uint32_t *block)
{
    uint32_t w[64], a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    int i;

    schedule(w, block);
    for (i = 0; i < 64; i++) {
        uint32_t t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) +
                      constants[i] + w[i];
        uint32_t t2 =
            (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));

        h = g, g = f, f = e, e = d + t1;
        d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

/* FIPS 180-4's example: the message "abc". */
void bench_prepare(void)
{
    uint32_t block[16] = {0x61626380}, state[8], i;
    uint64_t seed = 2;

    make_constants();
    block[15] = 24;
    memcpy(state, initial, sizeof(state));
    compress(state, block);
    bench_require(state[0] == 0xba7816bf && state[7] == 0xf20015ad, "wrong digest");
    for (i = 0; i < BUFFER / 4; i++)
        words[i] = bench_random(&seed);
}

uint64_t bench_run(uint64_t iterations)
{
    uint32_t state[8];
    size_t i;

    memcpy(state, initial, sizeof(state));
    while (iterations--)
        for (i = 0; i < BUFFER / 4; i += 16)
            compress(state, words + i);
    return (uint64_t)state[0] << 32 | state[7];
}
