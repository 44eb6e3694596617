/* SPDX-License-Identifier: MIT */
#include "life/balloon.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/run-lock.h"
#include "config/hostconf.h"
#include "life/memory.h"

#define OVERHEAD_KB 4096        /* page tables of the hypervisor's own, per guest */
#define WAIT_SECONDS 30
#define POLL_MS 100
#define CLAIM_TRIES 8

/* "auto" means: unless the administrator has given dom0 its size. */
static bool allowed(struct vl *vl)
{
    xen_commandline_t line = { 0 };

    if (vl_hostconf()->autoballoon != VL_AUTOBALLOON_AUTO)
        return vl_hostconf()->autoballoon == VL_AUTOBALLOON_ON;
    if (xc_version(vl->xc, XENVER_commandline, &line) < 0)
        return false;
    line[sizeof(line) - 1] = 0;
    return !strstr(line, "dom0_mem=");
}

static int64_t free_kb(struct vl *vl)
{
    xc_physinfo_t host;

    return xc_physinfo(vl->xc, &host) ? -1 : (int64_t)(host.free_pages - host.outstanding_pages) * 4;
}

/* What a new guest of that size would lack; 0 also when nobody knows. */
static int64_t missing_kb(struct vl *vl, uint64_t memory_kb)
{
    int64_t have = free_kb(vl), want = (int64_t)(memory_kb + OVERHEAD_KB);

    return have < 0 || have > want ? 0 : want - have;
}

/* Take it from dom0, which gets it back when it does not give all of it. */
static int shrink_dom0(struct vl *vl, uint64_t memory_kb, int64_t missing, uint64_t have)
{
    const struct timespec pause = { 0, POLL_MS * 1000000L };
    int rc;

    vl_note("dom0 gives %" PRId64 " MiB for the guest (autoballoon)", (missing + 1023) >> 10);
    rc = vl_memory_set_target(vl, 0, (have - (uint64_t)missing) & ~1023ull);
    if (rc)
        return rc;
    for (int i = 0; i < WAIT_SECONDS * 1000 / POLL_MS && missing_kb(vl, memory_kb) > 0; i++)
        nanosleep(&pause, NULL);
    if (missing_kb(vl, memory_kb) <= 0)
        return 0;
    vl_memory_set_target(vl, 0, have);
    return vl_fail(-ENOMEM, "dom0 did not give the memory within %d s", WAIT_SECONDS);
}

int vl_balloon_make_room(struct vl *vl, uint64_t memory_kb, int *lock)
{
    xc_domaininfo_t dom0;
    int64_t missing;

    if (!missing_kb(vl, memory_kb) || !allowed(vl))
        return 0;
    if (*lock < 0)
        *lock = vl_run_lock("memory", 0, -1);
    if (*lock < 0)
        return *lock;
    missing = missing_kb(vl, memory_kb);
    /* What dom0 cannot give whatever it does is left to the claim to tell. */
    if (!missing || vl_domain_info(vl, 0, &dom0) || (uint64_t)missing >= dom0.tot_pages * 4ull)
        return 0;
    return shrink_dom0(vl, memory_kb, missing, dom0.tot_pages * 4ull);
}

/* -ENOMEM, not told. A hypervisor that knows no claims gives the memory, or not, when the domain is built. */
static int claim(struct vl *vl, uint32_t domid, uint64_t memory_kb)
{
    int64_t have;

    if (!xc_domain_claim_pages(vl->xc, domid, memory_kb / 4))
        return 0;
    if (errno == ENOMEM)
        return -ENOMEM;
    have = free_kb(vl);
    return have >= 0 && memory_kb > (uint64_t)have ? -ENOMEM : 0;
}

int vl_balloon_claim(struct vl *vl, uint32_t domid, uint64_t memory_kb, int *lock)
{
    int rc = claim(vl, domid, memory_kb), told = 0;
    int64_t have;

    /* Another creation may have claimed what was free when we looked: one that found enough has not waited for us. */
    for (int i = 0; i < CLAIM_TRIES && rc && !told; i++) {
        told = vl_balloon_make_room(vl, memory_kb, lock);
        rc = told ? told : claim(vl, domid, memory_kb);
    }
    if (*lock >= 0)
        close(*lock);
    *lock = -1;
    have = rc && !told ? free_kb(vl) : 0;
    return rc && !told ? vl_fail(rc, "not enough memory: the guest wants %" PRIu64 " MiB, the host has %" PRId64 " MiB free",
                                 memory_kb >> 10, have < 0 ? 0 : have >> 10) : rc;
}
