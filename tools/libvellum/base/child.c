/* SPDX-License-Identifier: MIT */
#include "base/child.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

struct outcome {
    bool ended;
    int rc;
};

static int wait_for(pid_t pid, const char *what, const struct outcome *o)
{
    int status = 0;

    /* Where SIGCHLD is ignored there is no status, but waitpid returns at the child's end. */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return o->ended ? o->rc : vl_fail(-EIO, "%s was ended by signal %d", what, WTERMSIG(status));
}

int vl_child_run(const char *what, int (*work)(void *ctx), void *ctx)
{
    struct outcome *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid, parent = getpid();
    int rc;

    if (o == MAP_FAILED)
        return vl_fail_errno("no memory for %s", what);
    pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        o->rc = work(ctx);
        o->ended = true;
        _exit(0);
    }
    rc = pid < 0 ? vl_fail_errno("cannot start %s", what) : wait_for(pid, what, o);
    munmap(o, sizeof(*o));
    return rc;
}
