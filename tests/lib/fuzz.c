/* SPDX-License-Identifier: MIT */
/* The frame of fuzz targets (fuzz.h). */
#include "tests/lib/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t state;
static gint64 end;

uint64_t fuzz_below(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

static void change_once(GByteArray *bytes)
{
    uint8_t byte = (uint8_t)(fuzz_below(2) ? fuzz_below(256) : 0xffu << fuzz_below(8));
    guint at = bytes->len ? (guint)fuzz_below(bytes->len) : 0;

    switch (bytes->len ? fuzz_below(4) : 2) {
    case 0:
        bytes->data[at] = byte;
        break;
    case 1:
        g_byte_array_remove_index(bytes, at);
        break;
    case 2:
        g_byte_array_append(bytes, &byte, 1);
        break;
    default: {
        guint len = (guint)fuzz_below(MIN(bytes->len - at, 64u)) + 1;
        uint8_t *copy = g_memdup2(bytes->data + at, len);
        g_byte_array_append(bytes, copy, len);
        g_free(copy);
        break;
    }
    }
}

void fuzz_mutate(GByteArray *bytes, unsigned changes)
{
    for (uint64_t n = fuzz_below(changes + 1); n; n--) {
        change_once(bytes);
    }
}

void fuzz_begin(int argc, char **argv)
{
    uint64_t seconds = 2, seed = 1;

    for (int i = 1; i + 1 < argc; i += 2) {
        *(argv[i][1] == 't' ? &seconds : &seed) = strtoull(argv[i + 1], NULL, 0);
    }
    state = seed * 0x9e3779b97f4a7c15u | 1;
    end = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
    setenv("CK_FORK", "no", 1);
}

bool fuzz_goes_on(void)
{
    return g_get_monotonic_time() < end;
}

int fuzz_main(const char *name, int argc, char **argv, void (*round)(void))
{
    unsigned long rounds = 0;

    fuzz_begin(argc, argv);
    for (; fuzz_goes_on(); rounds++) {
        round();
    }
    printf("%s: %lu rounds\n", name, rounds);
    return EXIT_SUCCESS;
}
