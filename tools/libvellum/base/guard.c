/* SPDX-License-Identifier: MIT */
#include "base/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/uuid.h"

#define STACK_SIZE (64 << 10)
#define LAST_OF_ALL 19          /* nice */

enum verdict { PENDING, END, START, START_MONITOR, MONITOR, FINISH };

/* Written by the creator, read by the guardian when the pipe's end has told it that the creator is gone. */
struct guard {
    int pipe[2];
    volatile enum verdict verdict;
    volatile bool armed;        /* of a domain to be made: there may be one of that uuid, and it is the creator's */
    volatile pid_t script_group;
    volatile bool asked;        /* of the domain to be resumed: there is something to undo */
    volatile bool renamed;      /* and it may have got its name of one that has gone */
    char uuid[VL_UUID_TEXT], domid[16];
    char detach[20], device[16];        /* of a device: the command that takes it away, and its number; else empty */
    bool pool;                  /* it is no domain but the CPU pool domid */
    volatile bool numbered;     /* the domain that was made: it is domid, not that of uuid */
    bool resumes;               /* what undoes it: to resume the domain domid, not to destroy that of uuid */
    int priority;               /* the creator's, which what follows it gets again */
    volatile bool has_file;     /* what the domain is saved in, under the name that it has until it is whole, and then */
    char partial[PATH_MAX], path[PATH_MAX];
};

static struct guard *current;   /* at the low end of its guardian's stack, or NULL */
static pid_t current_pid;
static char program[PATH_MAX] = "/proc/self/exe";

static void run_xl(const char *command, const char *flag, const char *arg, const char *more)
{
    char *argv[] = { (char *)"xl", (char *)command, (char *)flag, (char *)arg, (char *)more, NULL };

    execv(program, argv);
    _exit(127);
}

/* The domain lives on in the file, if that has got its name. */
static bool file_stands(const struct guard *g)
{
    return !g->has_file || !rename(g->partial, g->path) || errno == ENOENT;
}

/* Only system calls from here on: the memory is the creator's, which may have died holding any lock. */
static int guardian(void *arg)
{
    struct guard *g = arg;
    char byte;
    ssize_t n;

    setsid();                   /* a ^C on the terminal is for the creator alone */
    setpriority(PRIO_PROCESS, 0, LAST_OF_ALL);
    /* Nothing of the creator's but the three and the pipe: a lock would outlive it until we have had our turn. */
    close(g->pipe[1]);
    dup3(g->pipe[0], 3, O_CLOEXEC);        /* which fails when it is 3 already */
    close_range(4, ~0u, 0);
    do
        n = read(3, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (g->verdict == END)
        _exit(0);
    setpriority(PRIO_PROCESS, 0, g->priority);
    if (g->verdict == START)
        run_xl("monitor", "-s", g->domid, NULL);
    if (g->verdict == START_MONITOR)
        run_xl("monitor", "-du", g->domid, NULL);
    if (g->verdict == MONITOR)
        run_xl("monitor", "-d", g->domid, NULL);
    if (g->script_group > 0)
        kill(-g->script_group, SIGKILL);
    if (g->verdict == FINISH && file_stands(g))
        run_xl("destroy", "--remains", g->domid, NULL);
    if (*g->detach)
        run_xl(g->detach, "--force", g->domid, g->device);
    if (g->pool && g->armed)
        run_xl("cpupool-destroy", "--half-made", g->domid, NULL);
    if (g->pool)
        _exit(0);
    if (g->has_file)
        unlink(g->partial);
    if (g->resumes ? !g->asked : !g->armed)
        _exit(0);
    if (g->resumes)
        run_xl("resume", g->renamed ? "--after-rename" : "--after-death", g->domid, NULL);
    if (g->numbered)
        run_xl("destroy", "--remains", g->domid, NULL);
    run_xl("destroy", "--uuid", g->uuid, NULL);
    return 0;
}

static int start(struct guard guard)
{
    char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    struct guard *g = (struct guard *)stack;

    if (stack == MAP_FAILED)
        return vl_fail_errno("no memory for the guardian process");
    *g = guard;
    g->priority = getpriority(PRIO_PROCESS, 0);
    if (pipe2(g->pipe, O_CLOEXEC))
        return vl_fail_errno("cannot make a pipe");
    /* No SIGCHLD: whoever started us must not be asked to wait for it, nor we. */
    current_pid = clone(guardian, stack + STACK_SIZE, CLONE_VM, g);
    if (current_pid < 0)
        return vl_fail_errno("cannot start the guardian process");
    close(g->pipe[0]);
    current = g;
    return 0;
}

int vl_guard_start(const uint8_t uuid[16])
{
    struct guard g = { 0 };

    vl_uuid_format(uuid, g.uuid);
    return start(g);
}

int vl_guard_start_resume(uint32_t domid)
{
    struct guard g = { .resumes = true };

    snprintf(g.domid, sizeof(g.domid), "%u", domid);
    return start(g);
}

int vl_guard_start_pool(uint32_t id)
{
    struct guard g = { .pool = true };

    snprintf(g.domid, sizeof(g.domid), "%u", id);
    return start(g);
}

int vl_guard_start_end(uint32_t domid)
{
    int rc = vl_guard_start_resume(domid);

    if (!rc)
        current->verdict = FINISH;
    return rc;
}

static void judge(enum verdict verdict, uint32_t domid)
{
    if (!current)
        return;
    snprintf(current->domid, sizeof(current->domid), "%u", domid);
    current->verdict = verdict;
}

void vl_guard_done(bool monitor, uint32_t domid)
{
    judge(monitor ? MONITOR : END, domid);
}

void vl_guard_starting(bool monitor, uint32_t domid)
{
    judge(monitor ? START_MONITOR : START, domid);
}

void vl_guard_number(uint32_t domid)
{
    judge(PENDING, domid);
    if (current)
        current->numbered = true;
}

void vl_guard_arm(void)
{
    if (current)
        current->armed = true;
}

void vl_guard_file(const char *partial, const char *path)
{
    if (!current || strlen(partial) >= PATH_MAX || strlen(path) >= PATH_MAX)
        return;
    strcpy(current->partial, partial);
    strcpy(current->path, path);
    current->has_file = true;
}

void vl_guard_finish(void)
{
    if (current)
        current->verdict = FINISH;
}

void vl_guard_again(void)
{
    if (current)
        current->verdict = PENDING;
}

void vl_guard_settle(void)
{
    if (current && !current->asked)
        current->verdict = END;
}

void vl_guard_cancel(void)
{
    if (current)
        current->verdict = END;
}

int vl_guard_start_device(const char *command, uint32_t domid, unsigned device, bool coming)
{
    struct guard g = { .verdict = coming ? PENDING : END };

    snprintf(g.detach, sizeof(g.detach), "%s", command);
    snprintf(g.domid, sizeof(g.domid), "%u", domid);
    snprintf(g.device, sizeof(g.device), "%u", device);
    return start(g);
}

void vl_guard_dismiss(void)
{
    struct guard *g = current;

    if (!g)
        return;
    g->verdict = END;
    current = NULL;
    close(g->pipe[1]);
    /* Its stack may go when it has: it has no more than a few system calls to make. */
    while (waitpid(current_pid, NULL, __WCLONE) < 0)
        if (errno != EINTR)
            return;
    munmap(g, STACK_SIZE);
}

void vl_guard_program(const char *path)
{
    snprintf(program, sizeof(program), "%s", path);
}

void vl_guard_asked(bool asked)
{
    if (current)
        current->asked = asked;
}

void vl_guard_renamed(void)
{
    if (current)
        current->renamed = true;
}

void vl_guard_script(pid_t group)
{
    if (current)
        current->script_group = group;
}
