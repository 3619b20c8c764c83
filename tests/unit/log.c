/* SPDX-License-Identifier: MIT */
/*
 * Tests of util/log.h: item lists, the mask, the log file.
 */
#include "tests/test.h"
#include "util/error.h"
#include "util/log.h"
#include "util/perfmap.h"

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

START_TEST(test_filter)
{
    static const char *const bad[] = {"1", "1.2", "x..y", "1+0", "5..4", "1..", "1+2x", "1..2,"};
    struct error *err = NULL;

    ck_assert(log_in_filter(0));
    ck_assert_int_eq(log_set_filter("0x1000..0x1fff,0x4000+0x10,0x5000-0x10", NULL), 0);
    ck_assert(log_in_filter(0x1000) && log_in_filter(0x1fff) && !log_in_filter(0x2000));
    ck_assert(log_in_filter(0x400f) && !log_in_filter(0x4010));
    ck_assert(log_in_filter(0x4ff1) && log_in_filter(0x5000) && !log_in_filter(0x4ff0));
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        ck_assert_int_lt(log_set_filter(bad[i], &err), 0);
        error_free(err);
        err = NULL;
    }
    ck_assert(log_in_filter(0));
}
END_TEST

/* System.map and ELF, damaged too. */
START_TEST(test_symbols)
{
    char *dir = g_dir_make_tmp("doppel-log-XXXXXX", NULL);
    char *path = g_strdup_printf("%s/map", dir), *self;
    struct error *err = NULL;
    uint64_t off = 0;
    gsize len;

    ck_assert_ptr_null(guest_symbol_at(0x1000, &off));
    ck_assert(g_file_set_contents(path, "0000000000001000 T first\nffffffff81000000 t last\n", -1, NULL));
    ck_assert_int_eq(guest_symbols_load(path, NULL), 0);
    ck_assert_str_eq(guest_symbol_at(0x1004, &off), "first");
    ck_assert_uint_eq(off, 4);
    ck_assert_ptr_null(guest_symbol_at(0xfff, &off));
    ck_assert_ptr_null(guest_symbol_at(0x10000000, &off));
    ck_assert_str_eq(guest_symbol_at(0xffffffff81000010, &off), "last");
    ck_assert(g_file_get_contents("/proc/self/exe", &self, &len, NULL));
    ck_assert_int_eq(guest_symbols_load("/proc/self/exe", NULL), 0);
    for (gsize cut = 64; cut < 4096; cut += 97) { /* section headers are at the end */
        ck_assert(g_file_set_contents(path, self, (gssize)(len - cut), NULL));
        if (guest_symbols_load(path, &err) < 0)
            error_free(err);
        err = NULL;
    }
    unlink(path);
    rmdir(dir);
    g_free(self);
    g_free(path);
    g_free(dir);
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

TEST_MAIN("log", test_parse, test_filter, test_symbols, test_parse_unknown, test_file, test_file_missing)
