/* SPDX-License-Identifier: MIT */
/* The dump of translated code for perf: header, records, the mapping perf looks for. */
#include "tests/test.h"
#include "util/jitdump.h"
#include "util/perfmap.h"

#include <glib.h>
#include <stdio.h>
#include <unistd.h>

#define HEADER 40u
#define RECORD 56u

START_TEST(test_dump)
{
    static const uint8_t code[] = {0x90, 0xc3, 0xcc};
    char *path = g_strdup_printf("/tmp/jit-%d.dump", (int)getpid()), *maps;
    char *bytes;
    gsize len;

    ck_assert(!jitdump_enabled());
    ck_assert_int_eq(perfmap_open_dump(NULL), 0);
    ck_assert(perfmap_enabled);
    perfmap_add(code, sizeof(code), 0xfff0);
    perfmap_add(code, 2, 0x7c00);
    fflush(NULL);
    ck_assert(g_file_get_contents("/proc/self/maps", &maps, NULL, NULL));
    char *line = strstr(maps, path);
    ck_assert_ptr_nonnull(line);
    while (line > maps && line[-1] != '\n')
        line--;
    ck_assert_ptr_nonnull(g_strstr_len(line, 64, " r-xp "));
    ck_assert(g_file_get_contents(path, &bytes, &len, NULL));
    unlink(path);

    const uint8_t *p = (const uint8_t *)bytes;
    size_t names[2] = {sizeof("guest:0xfff0"), sizeof("guest:0x7c00")};
    ck_assert_uint_eq(len, HEADER + 2 * RECORD + names[0] + 3 + names[1] + 2);
    ck_assert_uint_eq(ld_le32(p), 0x4a695444);
    ck_assert_uint_eq(ld_le32(p + 8), HEADER);
    ck_assert_uint_eq(ld_le32(p + 20), (uint32_t)getpid());
    p += HEADER;
    ck_assert_uint_eq(ld_le32(p + 4), RECORD + names[0] + 3);
    ck_assert_uint_eq(ld_le64(p + 32), (uintptr_t)code);
    ck_assert_uint_eq(ld_le64(p + 40), 3);
    ck_assert_uint_eq(ld_le64(p + 48), 0);
    ck_assert_str_eq((const char *)p + RECORD, "guest:0xfff0");
    ck_assert_mem_eq(p + RECORD + names[0], code, 3);
    uint64_t before = ld_le64(p + 8);
    p += RECORD + names[0] + 3;
    ck_assert_uint_ge(ld_le64(p + 8), before);
    ck_assert_uint_eq(ld_le64(p + 48), 1);
    ck_assert_str_eq((const char *)p + RECORD, "guest:0x7c00");
    g_free(bytes);
    g_free(maps);
    g_free(path);
}
END_TEST

TEST_MAIN("jitdump", test_dump)
