/* SPDX-License-Identifier: MIT */
/*
 * Time arithmetic (hypervisor/cpu/time.c): system time from the TSC and back, for CPUs slow and fast, for minutes and
 * for years; calendar dates against libc.
 */
#include <check.h>
#include <stdlib.h>
#include <time.h>
#include "fake.h"

#include "private.h"
#include "../run-suite.h"

/* Not called: time_init is for the real machine. */
const char *time_calibrate(void) { abort(); }
void timers_init(void) { abort(); }
void reboot_init(void) { abort(); }
void time_init_cpu(void) { abort(); }

#define YEAR 31557600000000000ul        /* ns */
static const uint64_t rates[] = { 100000000, 999999999, 1000000000, 1000000001, 1193182000, 1999999999,
                                  2000000000, 2596123000, 2999999997, 3600000000, 5000000000, 7999999999, 15999999999 };
static const nsec_t times[] = { 0, 1, 2, 999, 1000, 123456789, SECONDS(1), SECONDS(3600), YEAR / 10, YEAR, 20 * YEAR };

START_TEST(test_scale)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
        uint32_t mul;
        int8_t shift;

        time_set_rate(rates[i]);
        time_scale(&mul, &shift);
        ck_assert_uint_eq(time_tsc_hz(), rates[i]);
        ck_assert_uint_ge(mul, 0x80000000u);
        long double ns = (long double)mul / 4294967296.0L;
        ns = shift < 0 ? ns / (1 << -shift) : ns * (1 << shift);
        long double error = ns * (long double)rates[i] / 1e9L - 1;
        ck_assert(error < 1e-9L && error > -1e-9L);
        ck_assert_uint_eq(time_from_tsc(0), 0);
        ck_assert_uint_eq(time_from_tsc(-5ul), 0);      /* a little behind */
    }
}
END_TEST

/* A deadline is reached when its TSC value is, and not two ticks before: a timer interrupt finds its timer due. After
 * many years it may come some nanoseconds early, and is then set once more. */
START_TEST(test_round_trip)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
        time_set_rate(rates[i]);
        uint64_t slack = 2 + rates[i] / 1000000000;

        for (unsigned int k = 0; k < ARRAY_SIZE(times); k++) {
            uint64_t tsc = time_to_tsc(times[k]);

            if ((unsigned __int128)times[k] * rates[i] / 1000000000 >> 62)
                continue;               /* saturated */
            ck_assert_uint_ne(tsc, 0);
            ck_assert_uint_ge(time_from_tsc(tsc + 1) + 1 + (times[k] >> 52), times[k]);
            if (tsc > slack)
                ck_assert_uint_lt(time_from_tsc(tsc - slack), times[k] + 1);
        }
        ck_assert_uint_ge(time_to_tsc(UINT64_MAX), 1ul << 60);  /* never: far away, and not in the past */
        ck_assert((int64_t)time_to_tsc(UINT64_MAX) > 0);
    }
}
END_TEST

START_TEST(test_monotonic)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
        time_set_rate(rates[i]);
        for (uint64_t tsc = rates[i] * 86400 * 365, end = tsc + 5000; tsc < end; tsc++)
            ck_assert_uint_le(time_from_tsc(tsc), time_from_tsc(tsc + 1));
    }
}
END_TEST

START_TEST(test_dates)
{
    for (unsigned int year = 2000; year < 2200; year++) {
        for (unsigned int month = 1; month <= 12; month++) {
            struct tm tm = { .tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = 28, .tm_hour = 23,
                             .tm_min = 59, .tm_sec = 58 };

            ck_assert_uint_eq(date_to_seconds(year, month, 28, 23, 59, 58), (uint64_t)timegm(&tm));
        }
    }
    ck_assert_uint_eq(date_to_seconds(1970, 1, 1, 0, 0, 0), 0);
}
END_TEST

START_TEST(test_wallclock)
{
    uint64_t sec;
    uint32_t nsec;

    wallclock_set(1700000000, 987654321);
    wallclock_get(&sec, &nsec);
    ck_assert(sec == 1700000000 && nsec == 987654321);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("time");
    TCase *t = tcase_create("arithmetic");

    suite_add_tcase(s, t);
    tcase_add_test(t, test_scale);
    tcase_add_test(t, test_round_trip);
    tcase_add_test(t, test_monotonic);
    tcase_add_test(t, test_dates);
    tcase_add_test(t, test_wallclock);
    return run_suite(s);
}
