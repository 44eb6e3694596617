/* SPDX-License-Identifier: MIT */
/*
 * The journal's files, and daemons that take them up one after the other, each a process of its own: what one could not
 * survive the next leaves out.
 */
#include "server.h"

#include "xenstore-nohyp.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the files ---- */

static unsigned records;

static int count_record(uint64_t gen, const char *data, size_t len, void *arg)
{
    (void)arg;
    ck_assert_uint_eq(gen, records + 1);
    ck_assert_uint_eq(len, 10 + records % 50);
    ck_assert_int_eq(data[len - 1], (char)records);
    records++;
    return 0;
}

START_TEST(journal)
{
    char dir[] = "/tmp/xs-journal.XXXXXX", command[128], text[64];
    struct journal j;
    bool found;
    uint64_t cut;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(journal_open(&j, dir, true, &found), 0);
    ck_assert(!found);
    for (unsigned i = 0; i < 1000; i++) {
        struct buf b = { text, 10 + i % 50, sizeof(text) };

        memset(text, (char)i, sizeof(text));
        ck_assert_int_eq(journal_append(&j, i + 1, &b), 0);
    }
    cut = j.used;
    {
        struct journal other;

        ck_assert_int_eq(journal_open(&other, dir, true, &found), -EBUSY); /* one daemon a folder */
    }
    journal_close(&j);
    ck_assert_int_eq(journal_open(&j, dir, true, &found), 0);
    ck_assert(found);
    records = 0;
    journal_each(&j, count_record, NULL);
    ck_assert_uint_eq(records, 1000);
    ck_assert_uint_eq(j.used, cut);
    j.map[cut / 2] ^= 1; /* damage: what is before it counts, and what is appended then follows that */
    records = 0;
    journal_each(&j, count_record, NULL);
    ck_assert_uint_gt(records, 400);
    ck_assert_uint_lt(records, 600);
    journal_close(&j);
    snprintf(command, sizeof(command), "truncate -s %llu %s/journal", (unsigned long long)cut / 3, dir);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(journal_open(&j, dir, true, &found), 0);
    records = 0;
    journal_each(&j, count_record, NULL);
    ck_assert_uint_gt(records, 250);
    ck_assert_uint_lt(records, 400);
    journal_close(&j);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

/* ---- one daemon after the other ---- */

static char run_dir[] = "/tmp/xs-recover.XXXXXX";
static struct server server;

static void make_run_dir(void)
{
    strcpy(strrchr(run_dir, '.'), ".XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(run_dir));
}

static void remove_run_dir(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -r %s", run_dir);
    ck_assert_int_eq(system(command), 0);
}

/* A daemon on the folder, which does WORK and is then gone as if killed; its wait status. */
static int daemon_does(void (*work)(void))
{
    const struct config config = { .run_dir = run_dir, .no_domain_init = true };
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        if (server_init(&server, &config) < 0)
            _exit(9);
        work();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static void put(const char *path, const char *value)
{
    static struct path p;

    path_parse(&p, path, strlen(path), 0, XENSTORE_ABS_PATH_MAX);
    mutate_write(&server.st, &server.st.root, &p, 0, value, strlen(value));
    server_commit(&server, NULL);
}

static void expect(const char *path, const char *value)
{
    static struct path p;
    const struct node *n;

    path_parse(&p, path, strlen(path), 0, XENSTORE_ABS_PATH_MAX);
    n = tree_find(server.st.root, &p, NULL, NULL);
    if (n == NULL || n->value_len != strlen(value) || memcmp(node_value(n), value, n->value_len)) {
        fprintf(stderr, "%s is not %s\n", path, value);
        _exit(8);
    }
}

static void before_and_after_a_release(void)
{
    for (unsigned i = 1; i <= 2; i++)
        domain_introduce(&server.st, i, 1, 1);
    put("/before", "1");
    domain_release(&server.st, server.st.domain[2]);
    server_commit(&server, NULL);
    put("/after", "2");
}

static void all_but_the_release(void)
{
    expect("/before", "1");
    expect("/after", "2");
    if (server.st.domain[1]->introduced && server.st.domain[2]->introduced)
        put("/more", "3");
}

static void all_and_more(void)
{
    all_but_the_release();
    expect("/more", "3");
}

/* A record whose taking up is fatal ends one daemon, not all that follow. */
START_TEST(fatal_record)
{
    int status;

    make_run_dir();
    ck_assert_int_eq(daemon_does(before_and_after_a_release), 0);
    nohyp_fault = 2;
    status = daemon_does(all_but_the_release);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
    ck_assert_int_eq(daemon_does(all_but_the_release), 0);
    ck_assert_int_eq(daemon_does(all_and_more), 0);
    nohyp_fault = 0;
    remove_run_dir();
}
END_TEST

static void many_nodes(void)
{
    char path[32];

    for (unsigned i = 0; i < 5000; i++) {
        snprintf(path, sizeof(path), "/many/node%u", i);
        put(path, "value");
    }
    snapshot_start(&server);
    while (server.snapshot != NULL)
        snapshot_step(&server, 1000);
}

static void write_behind(void)
{
    expect("/many", "");
    put("/behind", "it");
}

static void find_behind(void)
{
    expect("/many", "");
    expect("/behind", "it");
}

/* A snapshot that is damaged in its middle: its first part counts, and so does what is written behind it from then on. */
START_TEST(damaged_snapshot)
{
    struct journal j;
    bool found;

    make_run_dir();
    ck_assert_int_eq(daemon_does(many_nodes), 0);
    ck_assert_int_eq(journal_open(&j, run_dir, true, &found), 0);
    ck_assert(found);
    j.map[100000] ^= 1;
    journal_close(&j);
    ck_assert_int_eq(daemon_does(write_behind), 0);
    ck_assert_int_eq(daemon_does(find_behind), 0);
    remove_run_dir();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xenstore-recover");
    TCase *tc = tcase_create("journals");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, journal);
    tcase_add_test(tc, fatal_record);
    tcase_add_test(tc, damaged_snapshot);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
