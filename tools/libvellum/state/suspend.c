/* SPDX-License-Identifier: MIT */
/*
 * Suspending: the toolstack writes "suspend" to the guest's control/shutdown, the guest acknowledges by emptying the
 * node, quiets its devices and calls SCHEDOP_shutdown with SHUTDOWN_suspend. Resuming in place: that call returns 1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xen/io/xenbus.h>

#include "base/arena.h"
#include "base/guard.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/run-lock.h"
#include "life/power.h"
#include "state/state.h"

#define YOUNG_SECONDS 60        /* so long a guest may have devices that are not connected yet */
#define CONNECT_SECONDS 20
#define LATE_SECONDS 2          /* what a guest may need to stop that took its request just before we took it back */

int vl_state_lock(uint32_t domid, int patience_ms, int *fd)
{
    *fd = vl_run_lock("states", domid, patience_ms);
    if (*fd == -EBUSY)
        return vl_fail(-EBUSY, "another xl is saving, migrating, suspending or dumping domain %u", domid);
    return *fd < 0 ? *fd : 0;
}

/* A guest that holds devices of this host's cannot do without them. */
static bool has_host_devices(struct vl *vl, uint32_t domid)
{
    struct vl_arena arena = { 0 };
    size_t n = 0;

    vl_store_list(vl->store, &arena, &n, "/libxl/%u/device/pci", domid);
    vl_arena_free(&arena);
    return n > 0;
}

int vl_state_check(struct vl *vl, uint32_t domid)
{
    xc_domaininfo_t info;
    int rc = vl_xc(vl) && vl_store(vl) ? vl_domain_info(vl, domid, &info) : -EIO;

    if (rc)
        return rc == -EIO ? rc : vl_fail(rc, "there is no domain %u", domid);
    if (domid == 0)
        return vl_fail(-EINVAL, "domain 0 is the host: it cannot be saved");
    if (info.flags & XEN_DOMINF_dying)
        return vl_fail(-EINVAL, "domain %u is being destroyed", domid);
    if (info.flags & XEN_DOMINF_shutdown && vl_shutdown_reason(&info) != SHUTDOWN_suspend)
        return vl_fail(-EINVAL, "domain %u has shut down (%s)", domid, vl_power_reason(vl_shutdown_reason(&info)));
    if (info.flags & XEN_DOMINF_paused && !(info.flags & XEN_DOMINF_shutdown))
        return vl_fail(-EINVAL, "domain %u is paused: it cannot suspend (xl unpause first)", domid);
    if (has_host_devices(vl, domid))
        return vl_fail(-ENOTSUP, "domain %u has PCI devices of the host: they are to be detached first", domid);
    return 0;
}

/* 1: suspended; 0: not yet; -errno, told: it never will. */
static int look(struct vl *vl, uint32_t domid)
{
    xc_domaininfo_t info;
    int rc = vl_domain_info(vl, domid, &info);

    if (rc || info.flags & XEN_DOMINF_dying)
        return vl_fail(-ESRCH, "domain %u went away while it was to suspend", domid);
    if (!(info.flags & XEN_DOMINF_shutdown))
        return 0;
    if (vl_shutdown_reason(&info) == SHUTDOWN_suspend)
        return 1;
    return vl_fail(-EINVAL, "domain %u shut down (%s) instead of suspending", domid,
                   vl_power_reason(vl_shutdown_reason(&info)));
}

static int wait_suspended(struct vl *vl, uint32_t domid, int seconds)
{
    long end = vl_now_ms() + seconds * 1000L;
    char token[32];
    int state;

    while (!(state = look(vl, domid))) {
        long left = end - vl_now_ms();
        int rc = left > 0 ? vl_store_event(vl->store, (int)left, token, sizeof(token)) : 0;

        if (rc < 0)
            return vl_fail(rc, "lost the store while waiting: %s", strerror(-rc));
        if (!rc && left <= 0)
            return -ETIMEDOUT;
    }
    return state < 0 ? state : 0;
}

/* Does the guest have a device that is on its way to its back-end? */
static bool is_connecting(struct vl *vl, uint32_t domid)
{
    static const char *const classes[] = { "vbd", "vif" };
    struct vl_arena arena = { 0 };
    bool found = false;

    for (size_t c = 0; c < sizeof(classes) / sizeof(classes[0]); c++) {
        size_t n = 0;
        char **names = vl_store_list(vl->store, &arena, &n, "/local/domain/%u/device/%s", domid, classes[c]);

        for (size_t i = 0; i < n; i++) {
            long state = vl_store_read_number(vl->store, XenbusStateReconfigured, "/local/domain/%u/device/%s/%s/state",
                                              domid, classes[c], names[i]);

            found |= state >= XenbusStateInitialising && state <= XenbusStateInitialised;
        }
    }
    vl_arena_free(&arena);
    return found;
}

/* Seconds since the domain was made or restored, as the store has it; negative when it does not say. */
static double age(struct vl *vl, uint32_t domid)
{
    struct vl_arena arena = { 0 };
    char *vm = vl_store_read(vl->store, &arena, "/local/domain/%u/vm", domid);
    char *start = vm ? vl_store_read(vl->store, &arena, "%s/start_time", vm) : NULL;
    double seconds = start ? (double)time(NULL) - strtod(start, NULL) : -1;

    vl_arena_free(&arena);
    return seconds;
}

/*
 * A guest that has just been restored connects its devices again. Linux's block front-end crashes when it is to suspend
 * before it is through with that (blkback_changed in drivers/block/xen-blkfront.c), so it is given some time.
 */
static void let_connect(struct vl *vl, uint32_t domid)
{
    static const struct timespec pause = { .tv_nsec = 100000000 };
    double seconds = age(vl, domid);
    long end = vl_now_ms() + CONNECT_SECONDS * 1000L;

    if (seconds < 0 || seconds > YOUNG_SECONDS)
        return;
    while (is_connecting(vl, domid) && vl_now_ms() < end)
        nanosleep(&pause, NULL);
}

/* Take the request back. Returns whether the guest has not begun to act on it: Linux takes it in a transaction, too. */
static bool withdraw(struct vl *vl, uint32_t domid)
{
    return vl_store_swap(vl->store, "suspend", "", "/local/domain/%u/control/shutdown", domid) == 1;
}

static int watch(struct vl *vl)
{
    int rc = vl_store_watch(vl->store, "@releaseDomain", "release");

    return rc ? vl_fail(rc, "cannot watch for the domain's suspension: %s", strerror(-rc)) : 0;
}

int vl_suspend(struct vl *vl, uint32_t domid)
{
    xc_domaininfo_t info;
    int rc = vl_state_check(vl, domid);

    if (rc)
        return rc;
    rc = vl_domain_info(vl, domid, &info);
    if (!rc && info.flags & XEN_DOMINF_shutdown)
        return 0;               /* it is suspended already */
    let_connect(vl, domid);
    rc = watch(vl);
    if (rc)
        return rc;
    vl_guard_asked(true);
    rc = vl_power_request(vl, domid, "suspend");
    if (!rc)
        rc = wait_suspended(vl, domid, VL_SUSPEND_SECONDS);
    if (rc == -ETIMEDOUT) {
        bool never = withdraw(vl, domid);

        vl_guard_asked(!never);         /* one that has begun to suspend is resumed when it has */
        vl_fail(rc, never
                ? "domain %u did not answer the request to suspend within %d s (has its kernel support for it?)"
                : "domain %u did not finish suspending within %d s", domid, VL_SUSPEND_SECONDS);
    } else if (rc == -ESRCH || rc == -EINVAL) {
        vl_guard_asked(false);          /* it never will */
    }
    vl_store_unwatch(vl->store, "@releaseDomain", "release");
    return rc;
}

int vl_resume(struct vl *vl, uint32_t domid)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_resumedomain, .domain = (domid_t)domid };
    vcpu_guest_context_any_t *any;
    xc_domaininfo_t info;
    int rc = vl_xc(vl) && vl_store(vl) ? vl_domain_info(vl, domid, &info) : -EIO;

    if (rc)
        return rc == -EIO ? rc : vl_fail(rc, "there is no domain %u", domid);
    if (!(info.flags & XEN_DOMINF_shutdown) || vl_shutdown_reason(&info) != SHUTDOWN_suspend)
        return vl_fail(-EINVAL, "domain %u is not suspended", domid);
    /* Its call returns 1: suspended, but still here. */
    any = vl_xmalloc(sizeof(*any));
    if (xc_vcpu_getcontext(vl->xc, domid, 0, any)) {
        rc = vl_fail_errno("cannot read the registers of domain %u", domid);
    } else {
        any->x64.user_regs.rax = 1;
        if (xc_vcpu_setcontext(vl->xc, domid, 0, any))
            rc = vl_fail_errno("cannot set the registers of domain %u", domid);
    }
    free(any);
    if (!rc && xc_domctl(vl->xc, &op))
        rc = vl_fail_errno("cannot resume domain %u", domid);
    if (!rc)
        vl_guard_asked(false);
    if (!rc && (rc = vl_store_resume(vl->store, domid)))
        vl_fail(rc, "xenstored did not take domain %u back: %s", domid, strerror(-rc));
    return rc;
}

int vl_suspend_undo(struct vl *vl, uint32_t domid)
{
    int rc = vl_xc(vl) && vl_store(vl) ? watch(vl) : -EIO;

    if (rc)
        return rc;
    rc = wait_suspended(vl, domid, withdraw(vl, domid) ? LATE_SECONDS : VL_SUSPEND_SECONDS);
    vl_store_unwatch(vl->store, "@releaseDomain", "release");
    return rc == -ETIMEDOUT ? 0 : rc ? rc : vl_resume(vl, domid);
}
