/* SPDX-License-Identifier: MIT */
/*
 * Tests of util/error.h: error objects and suggestions.
 */
#include "tests/test.h"
#include "util/error.h"

#include <errno.h>

START_TEST(test_set_and_prepend)
{
    struct error *err = NULL;

    error_set(&err, "bad value %d", 7);
    error_prepend(&err, "drive %d: ", 2);
    ck_assert_str_eq(error_msg(err), "drive 2: bad value 7");
    error_free(err);
}
END_TEST

START_TEST(test_errno)
{
    struct error *err = NULL;

    ck_assert_int_eq(error_set_errno(&err, ENOENT, "cannot open '%s'", "x"), -ENOENT);
    ck_assert_str_eq(error_msg(err), "cannot open 'x': No such file or directory");
    error_free(err);
    ck_assert_int_eq(error_set_errno(NULL, EIO, "unheard"), -EIO);
}
END_TEST

START_TEST(test_null_target)
{
    struct error *err = NULL;

    error_set(NULL, "unheard");
    error_prepend(NULL, "unheard");
    error_prepend(&err, "nothing to prepend to");
    ck_assert_ptr_null(err);
    error_free(NULL);
}
END_TEST

START_TEST(test_propagate)
{
    struct error *from = NULL, *to = NULL;

    error_propagate(&to, from);
    ck_assert_ptr_null(to);
    error_set(&from, "text");
    error_propagate(&to, from);
    ck_assert_str_eq(error_msg(to), "text");
    error_propagate(NULL, to);
}
END_TEST

START_TEST(test_suggest)
{
    static const char *const words[] = {"serial", "parallel", "kernel", "-m", "ide-hd", NULL};
    static const struct {
        const char *word, *expect;
    } rows[] = {
        {"seral", "serial"}, {"SERIAL", "serial"}, {"kernle", "kernel"}, {"parralel", "parallel"},
        {"idehd", "ide-hd"}, {"xyzzy", NULL},      {"", NULL},           {"q", NULL},
    };
    char big[300];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert_pstr_eq(util_suggest(rows[i].word, words), rows[i].expect);
    memset(big, 's', sizeof(big) - 1);
    big[sizeof(big) - 1] = 0;
    ck_assert_ptr_null(util_suggest(big, words));
}
END_TEST

TEST_MAIN("error", test_set_and_prepend, test_errno, test_null_target, test_propagate, test_suggest)
