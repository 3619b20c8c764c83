/* SPDX-License-Identifier: MIT */
/*
 * The frame of a test program: START_TEST functions of check(1) and, last,
 *     TEST_MAIN("rtc", test_alarm, test_update)
 * Each test runs in a child process of its own; CK_FORK=no runs them in one
 * (for a debugger), CK_RUN_CASE has no use here as there is one case.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include "util/base.h"

#include <check.h>
#include <stdlib.h>

static inline int test_run_all(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner = srunner_create(suite);
    int failed;

    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define TEST_MAIN(name, ...)                                                                       \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return test_run_all(name, tests, ARRAY_SIZE(tests));                                       \
    }

#endif
