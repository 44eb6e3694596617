/* SPDX-License-Identifier: MIT */
/* Which processes stand against serving the consoles: real ones, of root and of another user, under the name and not. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vellumd/rival.h"
#include "../run-suite.h"

#define NOBODY 65534

static char folder[32], program[64];
static int ready[2];

static void make_program(void)
{
    char command[200];

    strcpy(folder, "/tmp/rival-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chmod(folder, 0755), 0);
    snprintf(program, sizeof(program), "%s/xenconsoled", folder);
    snprintf(command, sizeof(command), "cp /bin/sleep %s", program);
    ck_assert_int_eq(system(command), 0);
}

static void remove_program(void)
{
    unlink(program);
    rmdir(folder);
}

/* A process that lives until it is killed: it runs the program, or only calls itself so. */
static pid_t start(uid_t user, int real)
{
    char byte;
    pid_t pid;

    ck_assert_int_eq(pipe(ready), 0);
    pid = fork();
    if (!pid) {
        close(ready[0]);
        if (user && setresuid(user, user, user))
            _exit(1);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (real) {
            char *argv[] = { program, (char *)"100", NULL };
            char *none[] = { NULL };

            dup2(ready[1], 1);  /* which the program keeps, so that only its start can be seen, in /proc */
            execve(program, argv, none);
            _exit(1);
        }
        prctl(PR_SET_NAME, "xenconsoled");
        if (write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    ck_assert_int_gt(pid, 0);
    if (!real)
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    for (int i = 0; real && i < 5000; i++) {
        char link[64], path[200] = "";

        snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
        if (readlink(link, path, sizeof(path) - 1) > 0 && !strcmp(path, program))
            break;
        usleep(1000);
    }
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ready[0]);
}

/* A test is run where none may serve consoles, or one: what is found is compared with what was. */
START_TEST(only_roots)
{
    static const struct { uid_t user; int real; int counts; } cases[] = {
        { 0, 1, 1 }, { 0, 0, 0 }, { NOBODY, 1, 0 }, { NOBODY, 0, 0 },
    };
    int root = geteuid() == 0;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pid_t before = rival_find(), pid;

        if (before)
            continue;
        pid = start(root ? cases[i].user : 0, cases[i].real);
        ck_assert_int_eq(rival_find(), root && cases[i].counts ? pid : 0);
        end(pid);
    }
}
END_TEST

START_TEST(replaced)
{
    pid_t before = rival_find(), pid = start(0, 1);

    unlink(program);
    if (geteuid() == 0 && !before)
        ck_assert_int_eq(rival_find(), pid);
    end(pid);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vellumd: who else serves consoles");
    TCase *t = tcase_create("rival");

    tcase_add_checked_fixture(t, make_program, remove_program);
    tcase_add_test(t, only_roots);
    tcase_add_test(t, replaced);
    suite_add_tcase(s, t);
    return run_suite(s);
}
