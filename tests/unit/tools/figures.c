/* SPDX-License-Identifier: MIT */
/* What domains use, as xentop's columns and as Prometheus' text. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/text.h"
#include "top/top.h"
#include "../run-suite.h"

/* As Debian's xentop -b prints them. */
static const char xentop[] =
    "      NAME  STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  MAXMEM(k) MAXMEM(%) VCPUS NETS NETTX(k) NETRX(k) VBDS   VBD_OO"
    "   VBD_RD   VBD_WR  VBD_RSECT  VBD_WSECT SSID\n"
    "  Domain-0 -----r          7    0.0     786432   37.5   no limit       n/a     1    0        0        0    0        0"
    "        0        0          0          0    0\n"
    "  withdisk ------          0    0.0      16384    0.8      17408       0.8     1    0        0        0    1        0"
    "        0        0          0          0    0\n"
    "VBD BlkBack 51712 [ca: 0]  OO:        0   RD:        0   WR:        0   RSECT:          0   WSECT:          0\n";

START_TEST(columns)
{
    struct sample_disk disk = { .devid = 51712 };
    struct sample_domain all[] = {
        { .domid = 8, .name = "withdisk", .memory_kb = 16384, .max_kb = 17408, .online_vcpus = 1, .disks = &disk,
          .n_disks = 1 },
        { .domid = 0, .name = "Domain-0", .flags = XEN_DOMINF_running, .cpu_ns = 7575456250, .memory_kb = 786432,
          .max_kb = UINT64_MAX, .online_vcpus = 1 },
    };
    struct sample s = { .domains = all, .n_domains = 2, .total_kb = 2096636 };
    struct top_options o = { .batch = true, .disks = true };
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    top_sort(&s, ORDER_NAME, false);
    top_print(&o, &s, to);
    fclose(to);
    ck_assert_str_eq(text, xentop);
    free(text);
}
END_TEST

START_TEST(long_names)
{
    struct sample_domain d = { .name = "a-name-of-23-characters", .max_kb = UINT64_MAX };
    struct sample s = { .domains = &d, .n_domains = 1 };
    struct top_options o = { .full_names = true };
    char line[1024];

    top_header(&o, &s, line, sizeof(line));
    ck_assert_int_eq(strncmp(line, "                   NAME  STATE", 30), 0);
    top_row(&o, &s, &d, line, sizeof(line));
    ck_assert_int_eq(strncmp(line, "a-name-of-23-characters ------", 30), 0);
    o.full_names = false;
    top_row(&o, &s, &d, line, sizeof(line));
    ck_assert_int_eq(strncmp(line, "a-name-of- ------", 17), 0);
}
END_TEST

START_TEST(states)
{
    static const struct { uint32_t flags; const char *letters; } rows[] = {
        { 0, "------" }, { XEN_DOMINF_running, "-----r" }, { XEN_DOMINF_blocked, "--b---" }, { XEN_DOMINF_paused, "----p-" },
        { XEN_DOMINF_shutdown, "-s----" }, { XEN_DOMINF_dying, "d-----" },
        { XEN_DOMINF_shutdown | SHUTDOWN_crash << XEN_DOMINF_shutdownshift, "---c--" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char letters[7];

        sample_state(rows[i].flags, letters);
        ck_assert_str_eq(letters, rows[i].letters);
    }
}
END_TEST

START_TEST(sorted)
{
    struct sample_domain all[] = {
        { .name = "b", .cpu_ns = 5, .memory_kb = 1 }, { .name = "A", .cpu_ns = 7, .memory_kb = 2 },
        { .name = "c", .cpu_ns = 6, .memory_kb = 2 },
    };
    struct sample s = { .domains = all, .n_domains = 3 };

    top_sort(&s, ORDER_NAME, false);
    ck_assert_str_eq(all[0].name, "A");
    top_sort(&s, ORDER_CPU, false);
    ck_assert_str_eq(all[1].name, "c");
    top_sort(&s, ORDER_MEMORY, true);
    ck_assert_str_eq(all[0].name, "b");
}
END_TEST

/* A name cannot end its label, or its line. */
START_TEST(metrics)
{
    struct sample_domain d = { .domid = 3, .name = "a\"} 1\n\\x", .cpu_ns = 1500000000 };
    struct sample s = { .domains = &d, .n_domains = 1, .cpus = 4, .total_kb = 8 };
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    metrics_print(&s, to);
    fclose(to);
    ck_assert_ptr_nonnull(strstr(text, "vellum_domain_cpu_seconds_total{domain=\"a\\\"} 1?\\\\x\",domid=\"3\"} 1.5\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nvellum_host_memory_bytes 8192\n"));
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("figures");
    TCase *t = tcase_create("figures");

    tcase_add_test(t, columns);
    tcase_add_test(t, long_names);
    tcase_add_test(t, states);
    tcase_add_test(t, sorted);
    tcase_add_test(t, metrics);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
