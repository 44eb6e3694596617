/* SPDX-License-Identifier: MIT */
/* Guests that end again and again: how long their restarts wait, and which of their dumps are kept. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "life/monitor.h"
#include "../run-suite.h"

START_TEST(waits_grow_to_a_minute)
{
    static const unsigned wanted[] = { 1, 2, 4, 8, 16, 32, 60, 60 };

    for (unsigned i = 0; i < 10; i++)
        ck_assert_uint_eq(vl_restart_delay(i), 0);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(vl_restart_delay(10 + i), wanted[i]);
    ck_assert_uint_eq(vl_restart_delay(~0u), 60);
}
END_TEST

START_TEST(newest_dumps_of_the_name_stay)
{
    static const char *const before[] = {
        "e-20260101T000001Z", "e-20260101T000002Z", "e-20260101T000003Z", "e-20251231T235959Z",
        "e-20260101T000001Z-20260101T000001Z", "e2-20260101T000001Z", "f-20260101T000001Z", "e-20260101T000001Z.part", "e-notes", "e",
    };
    char folder[] = "/tmp/dumps-XXXXXX", path[200];

    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, before[i]);
        close(open(path, O_WRONLY | O_CREAT, 0600));
    }
    vl_dumps_trim(folder, "e", 2);
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        bool gone = !strcmp(before[i], "e-20260101T000001Z") || !strcmp(before[i], "e-20251231T235959Z");

        snprintf(path, sizeof(path), "%s/%s", folder, before[i]);
        ck_assert_msg(access(path, F_OK) == (gone ? -1 : 0), "%s", before[i]);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(folder), 0);
    vl_dumps_trim(folder, "e", 2);      /* a folder that is not there has none */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("quick-ends");
    TCase *t = tcase_create("quick-ends");

    tcase_add_test(t, waits_grow_to_a_minute);
    tcase_add_test(t, newest_dumps_of_the_name_stay);
    suite_add_tcase(s, t);
    return run_suite(s);
}
