/* SPDX-License-Identifier: MIT */
#include "base/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/uuid.h"

#define STACK_SIZE (64 << 10)

enum verdict { PENDING, END, MONITOR };

/* Written by the creator, read by the guardian after the pipe has woken it. */
static int guard_pipe[2] = { -1, -1 };
static volatile enum verdict verdict;
static volatile pid_t script_group;
static char uuid_text[VL_UUID_TEXT], domid_text[16];
static bool resumes;            /* what undoes it: to resume the domain domid_text, not to destroy that of uuid_text */
static void *guard_stack;

static void run_xl(const char *command, const char *flag, const char *arg)
{
    char *argv[] = { (char *)"xl", (char *)command, (char *)flag, (char *)arg, NULL };

    execv("/proc/self/exe", argv);
    _exit(127);
}

/* Only system calls from here on: the memory is the creator's, which may have died holding any lock. */
static int guardian(void *unused)
{
    char byte;
    ssize_t n;

    (void)unused;
    setsid();                   /* a ^C on the terminal is for the creator alone */
    close(guard_pipe[1]);
    do
        n = read(guard_pipe[0], &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1) {
        if (verdict == MONITOR)
            run_xl("monitor", "-d", domid_text);
        _exit(0);
    }
    if (script_group > 0)
        kill(-script_group, SIGKILL);
    if (resumes)
        run_xl("resume", "--if-suspended", domid_text);
    run_xl("destroy", "--uuid", uuid_text);
    return 0;
}

static int start(void)
{
    verdict = PENDING;
    script_group = 0;
    if (pipe2(guard_pipe, O_CLOEXEC))
        return vl_fail_errno("cannot make a pipe");
    guard_stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    /* No SIGCHLD: whoever started us must not be asked to wait for it, nor we. */
    if (guard_stack == MAP_FAILED ||
        clone(guardian, (char *)guard_stack + STACK_SIZE, CLONE_VM, NULL) < 0)
        return vl_fail_errno("cannot start the guardian process");
    close(guard_pipe[0]);
    return 0;
}

int vl_guard_start(const uint8_t uuid[16])
{
    vl_uuid_format(uuid, uuid_text);
    resumes = false;
    return start();
}

int vl_guard_start_resume(uint32_t domid)
{
    snprintf(domid_text, sizeof(domid_text), "%u", domid);
    resumes = true;
    return start();
}

static void wake(enum verdict v)
{
    ssize_t n;

    if (guard_pipe[1] < 0)
        return;
    verdict = v;
    do
        n = write(guard_pipe[1], "", 1);
    while (n < 0 && errno == EINTR);
}

void vl_guard_done(bool monitor, uint32_t domid)
{
    snprintf(domid_text, sizeof(domid_text), "%u", domid);
    wake(monitor ? MONITOR : END);
}

void vl_guard_cancel(void)
{
    wake(END);
}

void vl_guard_script(pid_t group)
{
    script_group = group;
}
