/* SPDX-License-Identifier: MIT */
/*
 * Tests of util/log.h: item lists, the mask, the log file.
 */
#include "tests/test.h"
#include "util/error.h"
#include "util/log.h"

#include <glib.h>
#include <unistd.h>

START_TEST(test_parse)
{
    uint32_t mask = 0;

    ck_assert_int_eq(log_parse_items("in_asm,int", &mask, NULL), 0);
    ck_assert_uint_eq(mask, LOG_IN_ASM | LOG_INT);
    ck_assert_int_eq(log_parse_items("none", &mask, NULL), 0);
    ck_assert_uint_eq(mask, 0);
    ck_assert_int_eq(log_parse_items("all", &mask, NULL), 0);
    ck_assert(mask & LOG_MMU);
    ck_assert(!(mask & LOG_NOCHAIN));
}
END_TEST

START_TEST(test_parse_unknown)
{
    uint32_t mask = 5;
    struct error *err = NULL;

    ck_assert_int_lt(log_parse_items("int,in_asn", &mask, &err), 0);
    ck_assert_uint_eq(mask, 5);
    ck_assert_str_eq(error_msg(err), "unknown log item 'in_asn' (did you mean 'in_asm'?)");
    error_free(err);
}
END_TEST

START_TEST(test_file)
{
    struct error *err = NULL;
    char *dir = g_dir_make_tmp("doppel-log-XXXXXX", NULL);
    char *path = g_strdup_printf("%s/log-%%d", dir);
    char *name = g_strdup_printf("%s/log-%d", dir, (int)getpid());
    char *text = NULL;

    ck_assert_int_eq(log_set_file(path, &err), 0);
    guest_error("silent %d", 1);
    log_set_mask(LOG_GUEST_ERRORS);
    guest_error("port %#x", 0x60);
    log_unimp("silent");
    log_printf("%s\n", "plain");
    ck_assert_int_eq(log_set_file(NULL, &err), 0);
    ck_assert(g_file_get_contents(name, &text, NULL, NULL));
    ck_assert_str_eq(text, "guest error: port 0x60\nplain\n");
    unlink(name);
    rmdir(dir);
    g_free(text);
    g_free(name);
    g_free(path);
    g_free(dir);
}
END_TEST

START_TEST(test_file_missing)
{
    struct error *err = NULL;

    ck_assert_int_lt(log_set_file("/nonexistent/x", &err), 0);
    ck_assert_ptr_nonnull(err);
    error_free(err);
}
END_TEST

TEST_MAIN("log", test_parse, test_parse_unknown, test_file, test_file_missing)
