/* SPDX-License-Identifier: MIT */
#include "life/balloon.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "config/hostconf.h"
#include "life/memory.h"

#define OVERHEAD_KB 4096        /* page tables of the hypervisor's own, per guest */
#define WAIT_SECONDS 30
#define POLL_MS 100

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

static int64_t missing_kb(struct vl *vl, uint64_t memory_kb)
{
    xc_physinfo_t host;

    if (xc_physinfo(vl->xc, &host))
        return 0;
    return (int64_t)(memory_kb + OVERHEAD_KB) - (int64_t)(host.free_pages - host.outstanding_pages) * 4;
}

int vl_balloon_make_room(struct vl *vl, uint64_t memory_kb)
{
    const struct timespec pause = { 0, POLL_MS * 1000000L };
    int64_t missing = missing_kb(vl, memory_kb);
    xc_domaininfo_t dom0;
    uint64_t have;
    int rc;

    if (missing <= 0 || !allowed(vl))
        return 0;
    if (vl_domain_info(vl, 0, &dom0))
        return 0;
    have = dom0.tot_pages * 4ull;
    if ((uint64_t)missing >= have)
        return 0;
    vl_note("dom0 gives %" PRId64 " MiB for the guest (autoballoon)", (missing + 1023) >> 10);
    rc = vl_memory_set_target(vl, 0, (have - (uint64_t)missing) & ~1023ull);
    for (int i = 0; !rc && i < WAIT_SECONDS * 1000 / POLL_MS && missing_kb(vl, memory_kb) > 0; i++)
        nanosleep(&pause, NULL);
    if (!rc && missing_kb(vl, memory_kb) > 0)
        rc = vl_fail(-ENOMEM, "dom0 did not give the memory within %d s", WAIT_SECONDS);
    return rc;
}
