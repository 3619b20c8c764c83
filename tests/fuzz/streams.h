/* SPDX-License-Identifier: MIT */
/*
 * The frame of a fuzz target that runs streams of bytes: random ones for a time, by seeds that are
 * named when one fails, or those in files.
 *
 *     PROGRAM [-t SECONDS] [-s SEED]
 *     PROGRAM FILE...
 */
#ifndef TESTS_FUZZ_STREAMS_H
#define TESTS_FUZZ_STREAMS_H

#include "tests/test.h"

#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#define STREAM_MAX 4096

struct stream {
    const uint8_t *data;
    size_t len;
};

/* The next bytes as a number; zeros at the end. */
static inline uint64_t take(struct stream *s, unsigned bytes)
{
    uint64_t v = 0;

    for (; bytes && s->len; bytes--, s->data++, s->len--)
        v = v << 8 | *s->data;
    return v;
}

/* The target. */
void stream_run(const uint8_t *data, size_t size);

static unsigned stream_seconds = 2;
static uint64_t stream_seed = 1, stream_random;
static char **stream_files;
static const char *stream_name;

static inline uint8_t stream_byte(void)
{
    stream_random = stream_random * 6364136223846793005 + 1442695040888963407;
    return (uint8_t)(stream_random >> 40);
}

START_TEST(test_random_streams)
{
    time_t end = time(NULL) + (time_t)stream_seconds;
    uint8_t data[STREAM_MAX];
    unsigned long count = 0;

    for (; time(NULL) < end; stream_seed++, count++) {
        stream_random = stream_seed;
        size_t len = 64 + stream_byte() * 15u;
        for (size_t i = 0; i < len; i++)
            data[i] = stream_byte();
        stream_run(data, len);
    }
    printf("%s: %lu streams, up to seed %lu\n", stream_name, count, (unsigned long)stream_seed - 1);
}
END_TEST

START_TEST(test_stream_files)
{
    for (; *stream_files; stream_files++) {
        char *data;
        size_t len;
        ck_assert_msg(g_file_get_contents(*stream_files, &data, &len, NULL), "cannot read %s",
                      *stream_files);
        stream_run((uint8_t *)data, len);
        g_free(data);
    }
}
END_TEST

/* A report of a sanitizer or a failed assertion says where; this says with what. */
static inline void stream_name_seed(int sig)
{
    fprintf(stderr, "%s: seed %lu\n", stream_name, (unsigned long)stream_seed);
}

/* Called by AddressSanitizer before it reports. */
void __asan_on_error(void);
void __asan_on_error(void)
{
    stream_name_seed(0);
}

static inline int streams_main(const char *name, int argc, char **argv)
{
    int i = 1;

    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (argv[i][1] == 't')
            stream_seconds = (unsigned)strtoul(argv[i + 1], NULL, 0);
        else
            stream_seed = strtoull(argv[i + 1], NULL, 0);
    }
    stream_name = name;
    stream_files = argv + i;
    setenv("CK_FORK", "no", 1); /* one process, no time limit */
    signal(SIGABRT, stream_name_seed);
    const TTest *const tests[] = {i < argc ? test_stream_files : test_random_streams};
    char *suite = g_strdup_printf("fuzz/%s", name);
    int status = test_run_all(suite, tests, 1);
    g_free(suite);
    if (status)
        stream_name_seed(0);
    return status;
}

#endif
