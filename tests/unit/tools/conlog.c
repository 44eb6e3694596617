/* SPDX-License-Identifier: MIT */
/* A console's log: renamed at its limit; a file that cannot be written is tried again, and says what is missing. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "messages.h"
#include "vellumd/conlog.h"
#include "../run-suite.h"

static char folder[] = "/tmp/conlog-XXXXXX";
static char path[200];
static struct conlog log_;

static void setup(void)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/log/console/guest-g.log", folder);
    signal(SIGXFSZ, SIG_IGN);
    messages_start();
}

static void teardown(void)
{
    char command[300];

    conlog_close(&log_);
    messages_end();
    snprintf(command, sizeof(command), "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void open_it(off_t limit)
{
    char where[200];

    snprintf(where, sizeof(where), "%s/log/console", folder);
    ck_assert_int_eq(conlog_open(&log_, where, "guest-g", limit, 2), 0);
}

/* Files of this process may grow to `size` bytes: writing beyond fails as on a full disk. */
static void room(rlim_t size)
{
    struct rlimit l;

    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = size;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void put(const char *text)
{
    conlog_write(&log_, text, strlen(text));
}

static void file_is(const char *name, const char *text)
{
    char buf[1000];
    FILE *f = fopen(name, "r");

    ck_assert_msg(f != NULL, "%s is not there", name);
    buf[fread(buf, 1, sizeof(buf) - 1, f)] = 0;
    fclose(f);
    ck_assert_str_eq(buf, text);
}

START_TEST(folder_and_its_parent_are_made)
{
    open_it(0);
    put("one\n");
    file_is(path, "one\n");
}
END_TEST

START_TEST(renamed_at_the_limit)
{
    char old[220];

    open_it(8);
    put("one two\n");
    put("three\n");
    put("four\n");
    file_is(path, "four\n");
    snprintf(old, sizeof(old), "%s.1", path);
    file_is(old, "three\n");
    snprintf(old, sizeof(old), "%s.2", path);
    file_is(old, "one two\n");
}
END_TEST

START_TEST(full_disk)
{
    open_it(0);
    put("before\n");
    room(10);
    put("abcdefgh");            /* three of which go */
    put("more");
    put("and more");
    ck_assert_uint_eq(log_.lost, 17);
    fflush(messages_stream);
    ck_assert_ptr_eq(strchr(messages_text, '\n'), strrchr(messages_text, '\n'));      /* once */
    messages_expect("the first failure", "is not logged until there is room");
    room(RLIM_INFINITY);
    put("soon");                /* not tried again for every piece of output */
    ck_assert_uint_eq(log_.lost, 21);
    log_.next_try = 1;
    put("after\n");
    messages_expect("its end", "is written again; 21 bytes were lost");
    file_is(path, "before\nabc\n[21 bytes were lost here: the log could not be written]\nafter\n");
    ck_assert_uint_eq(log_.lost, 0);
    put("on\n");
    file_is(path, "before\nabc\n[21 bytes were lost here: the log could not be written]\nafter\non\n");
}
END_TEST

START_TEST(still_full_when_tried_again)
{
    open_it(0);
    room(4);
    put("abcdef");
    messages_clear();
    log_.next_try = 1;
    put("gh");
    ck_assert_uint_eq(log_.lost, 4);
    messages_expect("the second failure", NULL);
    ck_assert_int_gt(log_.next_try, 1);
    room(RLIM_INFINITY);
}
END_TEST

START_TEST(tries_again_after_five_seconds)
{
    open_it(0);
    room(1);
    put("ab");
    room(RLIM_INFINITY);
    sleep(CONLOG_RETRY_S);
    put("c");
    file_is(path, "a\n[1 bytes were lost here: the log could not be written]\nc");
}
END_TEST

/* The folder goes, and the log with it: it is made anew once there is a folder again. */
START_TEST(cannot_be_opened)
{
    char where[200], moved[200];

    open_it(0);
    put("lost with the folder");
    snprintf(where, sizeof(where), "%s/log/console", folder);
    snprintf(moved, sizeof(moved), "%s/log/away", folder);
    ck_assert_int_eq(rename(where, moved), 0);
    conlog_reopen(&log_);
    put("nowhere");
    ck_assert_uint_eq(log_.lost, 7);
    ck_assert_int_eq(rename(moved, where), 0);
    ck_assert_int_eq(unlink(path), 0);
    conlog_reopen(&log_);       /* SIGHUP: at once */
    put("here\n");
    file_is(path, "\n[7 bytes were lost here: the log could not be written]\nhere\n");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("conlog");
    TCase *t = tcase_create("conlog");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, folder_and_its_parent_are_made);
    tcase_add_test(t, renamed_at_the_limit);
    tcase_add_test(t, full_disk);
    tcase_add_test(t, still_full_when_tried_again);
    tcase_add_test(t, tries_again_after_five_seconds);
    tcase_add_test(t, cannot_be_opened);
    suite_add_tcase(s, t);
    return run_suite(s);
}
