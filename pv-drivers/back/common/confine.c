/* SPDX-License-Identifier: MIT */
#include "confine.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <seccomp.h>

#include "log.h"

#define NOBODY 65534

static const int calls[] = {
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(fstat),
    SCMP_SYS(newfstatat), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(futex),
    SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(exit_group), SCMP_SYS(exit),
    SCMP_SYS(getrandom), SCMP_SYS(shutdown), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill), SCMP_SYS(fcntl),
    SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
};

/* Nothing new can be opened anyway; these keep what a bug might do small. */
static int drop_root(void)
{
    struct rlimit none = { 0, 0 };

    /* Not where namespaces are not to be had; the filter of system calls has no connect() in any case. */
    if (geteuid() == 0 && unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS))
        log_info("no namespaces of its own: %s", strerror(errno));
    if (geteuid() == 0 && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
        return -errno;
    setrlimit(RLIMIT_CORE, &none);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        return -errno;
    return 0;
}

static int load_filter(const unsigned long *ioctls, size_t n_ioctls, const int *extra, size_t n_extra)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int rc = ctx ? 0 : -ENOMEM;

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && !rc; i++)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
    for (size_t i = 0; i < n_extra && !rc; i++)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, extra[i], 0);
    for (size_t i = 0; i < n_ioctls && !rc; i++)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                              SCMP_A1_32(SCMP_CMP_EQ, (scmp_datum_t)(ioctls[i] & 0xffffffff)));
    /* Memory, but none that can be run. */
    if (!rc)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (!rc)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (!rc)
        rc = seccomp_load(ctx);
    if (ctx)
        seccomp_release(ctx);
    return rc;
}

int confine(const unsigned long *ioctls, size_t n_ioctls, const int *extra, size_t n_extra)
{
    int rc = drop_root();

    if (!rc)
        rc = load_filter(ioctls, n_ioctls, extra, n_extra);
    if (rc)
        log_error("cannot confine the worker: %s", strerror(-rc));
    return rc;
}
