/* SPDX-License-Identifier: MIT */
/* Locks between commands: who is kept out, and folders in which others could take them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/run-lock.h"
#include "messages.h"
#include "../run-suite.h"

static char base[32], folder[64];

static void start(void)
{
    strcpy(base, "/tmp/run-lock-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
    snprintf(folder, sizeof(folder), "%s/locks", base);
    vl_run_lock_folder(folder);
    messages_start();
}

static void end(void)
{
    char command[200];

    messages_end();
    vl_run_lock_folder(NULL);
    snprintf(command, sizeof(command), "rm -rf %s", base);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(one_at_a_time)
{
    int first = vl_run_lock("names", 0xfffffffeu, -1), other = vl_run_lock("names", 1, 0);
    struct stat st;

    ck_assert_int_ge(first, 0);
    ck_assert_int_ge(other, 0);
    ck_assert_int_eq(vl_run_lock("names", 0xfffffffeu, 0), -EBUSY);
    ck_assert_int_eq(vl_run_lock("names", 0xfffffffeu, 30), -EBUSY);
    close(vl_run_lock("states", 1, 0));
    close(first);
    first = vl_run_lock("names", 0xfffffffeu, 0);
    ck_assert_int_ge(first, 0);
    ck_assert_int_eq(stat(folder, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0700);
    close(first);
    close(other);
    messages_expect("locks", NULL);
}
END_TEST

/* A command that is killed leaves none. */
START_TEST(dies_with_its_process)
{
    int ready[2], fd;
    char byte;
    pid_t pid;

    ck_assert_int_eq(pipe(ready), 0);
    pid = fork();
    if (!pid) {
        if (vl_run_lock("names", 7, 0) < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(vl_run_lock("names", 7, 0), -EBUSY);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    fd = vl_run_lock("names", 7, 0);
    ck_assert_int_ge(fd, 0);
    close(fd);
}
END_TEST

START_TEST(folders_of_others)
{
    char away[80], link[80];

    ck_assert_int_eq(mkdir(folder, 0700), 0);
    ck_assert_int_eq(chmod(folder, 01777), 0);
    ck_assert_int_eq(vl_run_lock("names", 1, -1), -EPERM);
    messages_expect("a folder for all", "others can write in it");
    ck_assert_int_eq(chmod(folder, 0700), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(folder, 65534, 65534), 0);
        ck_assert_int_eq(vl_run_lock("names", 1, -1), -EPERM);
        messages_expect("another's folder", "others can write in it");
        ck_assert_int_eq(chown(folder, 0, 0), 0);
    }
    snprintf(link, sizeof(link), "%s/names", folder);
    ck_assert_int_eq(symlink("/tmp/elsewhere", link), 0);
    ck_assert_int_eq(vl_run_lock("names", 1, -1), -ELOOP);
    messages_expect("a link for the file", "locks/names");
    snprintf(away, sizeof(away), "%s/away", base);
    ck_assert_int_eq(rename(folder, away), 0);
    ck_assert_int_eq(symlink(away, folder), 0);
    ck_assert_int_lt(vl_run_lock("states", 1, -1), 0);
    messages_expect("a link for the folder", "locks");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tools: locks");
    TCase *t = tcase_create("run-lock");

    tcase_add_checked_fixture(t, start, end);
    tcase_add_test(t, one_at_a_time);
    tcase_add_test(t, dies_with_its_process);
    tcase_add_test(t, folders_of_others);
    suite_add_tcase(s, t);
    return run_suite(s);
}
