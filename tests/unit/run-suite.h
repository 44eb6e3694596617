/* SPDX-License-Identifier: MIT */
/* How the main() of each test ends. CK_VERBOSITY and CK_RUN_CASE in the environment are Check's own. */
#pragma once
#include <check.h>

/* Runs the suite and frees it. What main() returns: 0 only if nothing failed. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
