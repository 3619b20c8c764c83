/* SPDX-License-Identifier: MIT */
/* Tests of monitor/json_frame.h: texts in pieces, limits, and finding the way after errors. */
#include "monitor/json_frame.h"
#include "tests/test.h"

struct seen {
    GString *log; /* "T<text>" and "E" */
};

static void emit(void *opaque, const char *text, size_t len, const char *error)
{
    struct seen *s = opaque;

    if (error) {
        g_string_append(s->log, "E;");
    } else {
        ck_assert_uint_eq(strlen(text), len);
        g_string_append_printf(s->log, "T%s;", text);
    }
}

/* Feeds `n` bytes, `step` at a time; what came of it. */
static char *feed(const char *bytes, size_t n, size_t step)
{
    struct seen s = {g_string_new(NULL)};
    struct json_frame f;

    json_frame_init(&f, emit, &s);
    for (size_t i = 0; i < n; i += step) {
        json_frame_feed(&f, (const uint8_t *)bytes + i, MIN(step, n - i));
    }
    json_frame_fini(&f);
    return g_string_free(s.log, FALSE);
}

static void expect(const char *bytes, const char *want)
{
    for (size_t step = 1; step < 6; step++) {
        char *got = feed(bytes, strlen(bytes), step);
        ck_assert_str_eq(got, want);
        g_free(got);
    }
}

START_TEST(test_texts)
{
    expect("{\"a\":1}{\"b\":[2]}\r\n", "T{\"a\":1};T{\"b\":[2]};");
    expect(" {\"}\\\"]\":\"{[\"} ", "T{\"}\\\"]\":\"{[\"};");
    expect("12 \"x\"true\n", "T12;T\"x\";Ttrue;");
    expect("12{}", "T12;T{};");
}
END_TEST

START_TEST(test_resync)
{
    expect("{]}\n{}", "T{];T};T{};");           /* the parser says what is wrong */
    expect("{\"a\n{\"b\":1}", "E;T{\"b\":1};"); /* a string does not go over lines */
    expect("{\"half\":\xff{}", "E;T{};");
    expect("\xff\xff{}", "T{};");
    expect("\x80{}", "E;T{};");
    expect("{\"x\":\x80 1}{}\n{}", "E;T{};"); /* inside: the line is lost */
}
END_TEST

START_TEST(test_depth)
{
    GString *text = g_string_new(NULL);

    for (int i = 0; i < 10000; i++) {
        g_string_append_c(text, '[');
    }
    for (int i = 0; i < 10000; i++) {
        g_string_append_c(text, ']');
    }
    g_string_append(text, "\n{}");
    char *got = feed(text->str, text->len, 999);
    ck_assert_str_eq(got, "E;T{};");
    g_free(got);
    g_string_free(text, TRUE);
}
END_TEST

START_TEST(test_size)
{
    struct seen s = {g_string_new(NULL)};
    struct json_frame f;
    uint8_t block[65536];

    json_frame_init(&f, emit, &s);
    memset(block, 'a', sizeof(block));
    json_frame_feed(&f, (const uint8_t *)"{\"a\":\"", 6);
    for (int i = 0; i < 16384; i++) { /* 1 GiB */
        json_frame_feed(&f, block, sizeof(block));
        ck_assert_uint_le(f.text->len, JSON_TEXT_MAX);
    }
    json_frame_feed(&f, (const uint8_t *)"\"}\n{}", 5);
    ck_assert_str_eq(s.log->str, "E;T{};");
    json_frame_fini(&f);
    g_string_free(s.log, TRUE);
}
END_TEST

START_TEST(test_marks)
{
    GString *text = g_string_new("[0");

    for (unsigned i = 0; i < JSON_MARKS_MAX; i++) {
        g_string_append(text, ",0");
    }
    g_string_append(text, "]\n{}");
    char *got = feed(text->str, text->len, 4096);
    ck_assert_str_eq(got, "E;T{};");
    g_free(got);
    g_string_free(text, TRUE);
}
END_TEST

TEST_MAIN("frame", test_texts, test_resync, test_depth, test_size, test_marks)
