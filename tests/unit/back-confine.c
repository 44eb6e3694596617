/* SPDX-License-Identifier: MIT */
/* What a confined worker can still do, and what ends it. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <seccomp.h>

#include "common/confine.h"
#include "run-suite.h"

static int pair[2];

static void enter(void)
{
    static const unsigned long ioctls[] = { FIONREAD };
    static const int extra[] = { SCMP_SYS(sigaltstack), SCMP_SYS(geteuid) };

    if (pipe(pair) || confine(ioctls, 1, extra, 2))
        _exit(3);
}

START_TEST(can_work)
{
    int n = -1;

    enter();
    if (write(pair[1], "abc", 3) != 3 || ioctl(pair[0], FIONREAD, &n) || n != 3)
        _exit(1);
    if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
        _exit(1);
    _exit(geteuid() == 0);
}
END_TEST

START_TEST(no_other_ioctl)
{
    struct termios t;

    enter();
    ioctl(pair[0], TCGETS, &t);
    _exit(0);
}
END_TEST

START_TEST(no_code)
{
    enter();
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    _exit(0);
}
END_TEST

START_TEST(no_file)
{
    enter();
    open("/etc/passwd", O_RDONLY);
    _exit(0);
}
END_TEST

START_TEST(no_socket)
{
    enter();
    socket(AF_INET, SOCK_STREAM, 0);
    _exit(0);
}
END_TEST

START_TEST(no_program)
{
    enter();
    execl("/bin/true", "true", (char *)NULL);
    _exit(0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("back-confine");
    TCase *t = tcase_create("confined");

    tcase_add_exit_test(t, can_work, 0);
    tcase_add_test_raise_signal(t, no_other_ioctl, SIGSYS);
    tcase_add_test_raise_signal(t, no_code, SIGSYS);
    tcase_add_test_raise_signal(t, no_file, SIGSYS);
    tcase_add_test_raise_signal(t, no_socket, SIGSYS);
    tcase_add_test_raise_signal(t, no_program, SIGSYS);
    suite_add_tcase(s, t);
    return run_suite(s);
}
