/* SPDX-License-Identifier: MIT */
/* AES-128 in counter mode by tables (FIPS 197): loads, XORs and shifts. */
#include "bench.h"

const char bench_name[] = "aes";

enum { ROUNDS = 10, BLOCKS = 256 };

static uint8_t sbox[256];
static uint32_t table[4][256];
static uint32_t key[4 * (ROUNDS + 1)];

static uint8_t twice(uint8_t x)
{
    return x << 1 ^ (x & 0x80 ? 0x1b : 0);
}

static uint8_t rotate8(uint8_t x, int by)
{
    return x << by | x >> (8 - by);
}

static uint32_t rotate32(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

/* Walks p through the field by its generator 3, q by 3's inverse (section 4). */
static void make_sbox(void)
{
    uint8_t p = 1, q = 1;

    do {
        p ^= twice(p);
        q ^= q << 1;
        q ^= q << 2;
        q ^= q << 4;
        if (q & 0x80)
            q ^= 0x09;
        sbox[p] = q ^ rotate8(q, 1) ^ rotate8(q, 2) ^ rotate8(q, 3) ^ rotate8(q, 4) ^ 0x63;
    } while (p != 1);
    sbox[0] = 0x63;
}

static void make_tables(void)
{
    int i, t;

    for (i = 0; i < 256; i++) {
        uint8_t s = sbox[i], s2 = twice(s);

        table[0][i] = (uint32_t)s2 << 24 | s << 16 | s << 8 | (s2 ^ s);
        for (t = 1; t < 4; t++)
            table[t][i] = rotate32(table[0][i], 32 - 8 * t);
    }
}

static uint32_t substitute(uint32_t word)
{
    return (uint32_t)sbox[word >> 24] << 24 | sbox[word >> 16 & 255] << 16 |
           sbox[word >> 8 & 255] << 8 | sbox[word & 255];
}

static void expand_key(void)
{
    uint8_t constant = 1;
    int i;

    for (i = 4; i < 4 * (ROUNDS + 1); i++) {
        uint32_t word = key[i - 1];

        if (i % 4 == 0) {
            word = substitute(rotate32(word, 8)) ^ (uint32_t)constant << 24;
            constant = twice(constant);
        }
        key[i] = key[i - 4] ^ word;
    }
}

static uint32_t mix_column(const uint32_t *in, int i)
{
    return table[0][in[i] >> 24] ^ table[1][in[(i + 1) % 4] >> 16 & 255] ^
           table[2][in[(i + 2) % 4] >> 8 & 255] ^ table[3][in[(i + 3) % 4] & 255];
}

static uint32_t last_column(const uint32_t *in, int i)
{
    return (uint32_t)sbox[in[i] >> 24] << 24 | sbox[in[(i + 1) % 4] >> 16 & 255] << 16 |
           sbox[in[(i + 2) % 4] >> 8 & 255] << 8 | sbox[in[(i + 3) % 4] & 255];
}

static void encrypt(uint32_t block[4])
{
    uint32_t in[4];
    int i, round;

    for (i = 0; i < 4; i++)
        in[i] = block[i] ^ key[i];
    for (round = 1; round < ROUNDS; round++) {
        for (i = 0; i < 4; i++)
            block[i] = mix_column(in, i) ^ key[4 * round + i];
        memcpy(in, block, sizeof(in));
    }
    for (i = 0; i < 4; i++)
        block[i] = last_column(in, i) ^ key[4 * ROUNDS + i];
}

/* FIPS 197, appendix C.1. */
void bench_prepare(void)
{
    static const uint32_t expected[4] = {0x69c4e0d8, 0x6a7b0430, 0xd8cdb780, 0x70b4c55a};
    uint32_t block[4] = {0x00112233, 0x44556677, 0x8899aabb, 0xccddeeff};
    int i;

    make_sbox();
    make_tables();
    for (i = 0; i < 4; i++)
        key[i] = 0x00010203 + 0x04040404u * i;
    expand_key();
    encrypt(block);
    bench_require(!memcmp(block, expected, sizeof(block)), "wrong cipher text");
}

uint64_t bench_run(uint64_t iterations)
{
    uint64_t sum = 0;
    int i;

    while (iterations--)
        for (i = 0; i < BLOCKS; i++) {
            uint32_t block[4] = {0, 0, iterations, i};

            encrypt(block);
            sum = bench_mix(sum, (uint64_t)block[0] << 32 ^ block[2]);
        }
    return sum;
}
