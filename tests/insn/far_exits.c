/* SPDX-License-Identifier: MIT */
/*
 * Near jumps as far away as a displacement reaches: further than an exit of a block can say. The
 * target is not mapped, so the page fault tells where it went.
 */
#include "tests/test.h"
#include "tests/insn/emu.h"

enum { PF = 14 };

static const char *const backends[] = {"interp", "jit"};

static const struct row {
    const char *name;
    uint8_t code[8], len;
    int64_t target; /* from the first byte */
} rows[] = {
    {"jmp", {0xe9, 0xff, 0xff, 0xff, 0x7f}, 5, 0x80000004},
    {"jmp, just near enough", {0xe9, 0xfa, 0xff, 0xff, 0x7f}, 5, 0x7fffffff},
    {"call", {0xe8, 0xff, 0xff, 0xff, 0x7f}, 5, 0x80000004},
    {"jz", {0x0f, 0x84, 0xfe, 0xff, 0xff, 0x7f}, 6, 0x80000004},
    {"jmp back", {0xe9, 0x00, 0x00, 0x00, 0x80}, 5, -0x7ffffffb},
};

START_TEST(test_far)
{
    if (!emu_start(backends[_i]))
        return;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        for (unsigned times = 0; times < 3; times++) {
            struct native_state s = {.flags = 0x40};

            ck_assert_msg(emu_run(&s, rows[i].code, rows[i].len) == PF, "%s", rows[i].name);
            ck_assert_msg((int64_t)s.fault_pc == rows[i].target, "%s: %llx", rows[i].name,
                          (unsigned long long)s.fault_pc);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("far_exits");
    TCase *tcase = tcase_create("far_exits");
    SRunner *runner = srunner_create(suite);
    int failed, n = ARRAY_SIZE(backends);

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, test_far, 0, n);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
