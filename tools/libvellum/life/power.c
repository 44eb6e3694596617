/* SPDX-License-Identifier: MIT */
#include "life/power.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

const char *vl_power_reason(unsigned reason)
{
    static const char *const names[] = { "poweroff", "reboot", "suspend", "crash", "watchdog", "soft reset" };

    return reason < sizeof(names) / sizeof(names[0]) ? names[reason] : "unknown";
}

int vl_power_request(struct vl *vl, uint32_t domid, const char *what)
{
    struct vl_store *store = vl_store(vl);
    xc_domaininfo_t info;
    int rc;

    if (!store)
        return -EIO;
    rc = vl_domain_info(vl, domid, &info);
    if (rc)
        return vl_fail(rc, "there is no domain %u", domid);
    if (domid == 0)
        return vl_fail(-EINVAL, "domain 0 is the host: it is not shut down this way");
    if (info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying))
        return vl_fail(-EINVAL, "domain %u has stopped already", domid);
    vl_store_expect(store, "/local/domain/%u", domid);
    vl_store_write(store, what, "/local/domain/%u/control/shutdown", domid);
    return vl_store_apply(store);
}

#define DYING 2
#define DYING_LOOK_MS 100       /* how often one that is dying is looked at: nothing tells when the last of it has gone */

/* What became of a domain: -ESRCH gone, 1 shut down, DYING, 0 nothing. */
static int look(struct vl *vl, uint32_t domid, unsigned *reason)
{
    xc_domaininfo_t info;
    int rc = vl_domain_info(vl, domid, &info);

    if (rc)
        return rc;
    if (info.flags & XEN_DOMINF_dying)
        return DYING;
    *reason = vl_shutdown_reason(&info);
    return info.flags & XEN_DOMINF_shutdown ? 1 : 0;
}

int vl_power_wait(struct vl *vl, uint32_t *domids, size_t n, bool death,
                  void (*ended)(uint32_t domid, enum vl_ending how, unsigned reason))
{
    struct vl_store *store = vl_store(vl);
    char token[32];
    int rc = store ? vl_store_watch(store, "@releaseDomain", "release") : -EIO;

    while (!rc && n) {
        int patience = -1;

        for (size_t i = 0; i < n;) {
            unsigned reason = 0;
            int state = look(vl, domids[i], &reason);

            if (state == DYING)
                patience = DYING_LOOK_MS;
            if (state == 0 || state == DYING || (state == 1 && death)) {
                i++;
                continue;
            }
            ended(domids[i], state < 0 ? VL_ENDED_GONE : VL_ENDED_SHUTDOWN, reason);
            memmove(&domids[i], &domids[i + 1], (--n - i) * sizeof(*domids));
        }
        if (n && (rc = vl_store_event(store, patience, token, sizeof(token))) > 0)
            rc = 0;
    }
    if (store)
        vl_store_unwatch(store, "@releaseDomain", "release");
    return rc ? vl_fail(rc, "lost the store while waiting: %s", strerror(-rc)) : 0;
}

int vl_power_wait_one(struct vl *vl, uint32_t domid, unsigned *reason)
{
    struct vl_store *store = vl_store(vl);
    char token[32];
    int rc = store ? vl_store_watch(store, "@releaseDomain", "release") : -EIO, state = 0;

    /* A suspended domain has not ended: it is resumed, or destroyed by what has saved it. */
    while (!rc && (!(state = look(vl, domid, reason)) || (state == 1 && *reason == SHUTDOWN_suspend))) {
        rc = vl_store_event(store, -1, token, sizeof(token));
        rc = rc > 0 ? 0 : rc;
    }
    if (store)
        vl_store_unwatch(store, "@releaseDomain", "release");
    if (rc)
        return vl_fail(rc, "lost the store while waiting: %s", strerror(-rc));
    return state == DYING || state == -ESRCH ? 0 : state;
}
