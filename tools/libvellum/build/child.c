/* SPDX-License-Identifier: MIT */
/*
 * The kernel, the ramdisk and the P2M are written by a child process, for the sake of its end: then all its mappings of
 * the guest's frames go at once, with its page tables, while taking them away one by one takes a PV dom0 longer than
 * making them (memory.c). The builder waits for that end, so no mapping is left when it goes on.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "build/guest.h"
#include "build/image.h"

/* What the child hands over, in memory that both have. */
struct outcome {
    bool ended;                 /* all else is there */
    int rc;
    bool cached;                /* the image's expansion was good, or there is none */
    struct vl_elf elf;
    struct vl_notes notes;
    struct vl_layout lay;
};

static void run(struct vl_guest *g, struct outcome *o, pid_t builder)
{
    struct vl own = { 0 };      /* the builder's handles cannot be used in a child */

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != builder)
        _exit(1);
    g->vl = &own;
    g->ends_soon = true;
    o->rc = vl_xc(&own) ? vl_guest_load_kernel(g) : -EIO;
    if (!o->rc)
        o->rc = vl_guest_load_ramdisk(g);
    if (!o->rc)
        o->rc = vl_guest_write_p2m(g);
    vl_log_phase("ramdisk loaded, P2M written");
    o->cached = g->image->cached != NULL;
    o->elf = g->elf;
    o->notes = g->notes;
    o->lay = g->lay;
    o->ended = true;
    _exit(0);
}

static int wait_for(pid_t pid, const struct outcome *o)
{
    int status = 0;

    /* Where SIGCHLD is ignored there is no status, but waitpid returns at the child's end. */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (o->ended)
        return o->rc;
    return vl_fail(-EIO, "the process that loads the kernel was ended by signal %d", WTERMSIG(status));
}

int vl_guest_load(struct vl_guest *g)
{
    struct outcome *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid, builder = getpid();
    int rc;

    if (o == MAP_FAILED)
        return vl_fail_errno("no memory to load the kernel");
    pid = fork();
    if (!pid)
        run(g, o, builder);
    if (pid < 0) {
        rc = vl_fail_errno("cannot start a process to load the kernel");
    } else {
        rc = wait_for(pid, o);
        g->elf = o->elf;
        g->notes = o->notes;
        g->lay = o->lay;
        if (o->ended && !o->cached)
            vl_image_forget_cached(g->image);
    }
    munmap(o, sizeof(*o));
    return rc;
}
