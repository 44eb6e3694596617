/* SPDX-License-Identifier: MIT */
#include "life/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/late.h"
#include "base/log.h"
#include "life/memory.h"
#include "life/power.h"
#include "life/userdata.h"

#define DUMP_FOLDER "/var/lib/xen/dump"

static enum vl_action action_for(const struct vl_config *c, unsigned reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff: return c->on_poweroff;
    case SHUTDOWN_reboot: return c->on_reboot;
    case SHUTDOWN_watchdog: return c->on_watchdog;
    case SHUTDOWN_crash: return c->on_crash;
    default: return VL_ACT_DESTROY;
    }
}

/* The configuration as it is now: what other commands changed is in the kept file and in the store. */
static struct vl_config *current_config(struct vl *vl, uint32_t domid)
{
    xc_domaininfo_t info;
    struct vl_config *c;

    if (vl_domain_info(vl, domid, &info))
        return NULL;
    c = vl_userdata_load(domid, info.handle);
    if (!c) {
        vl_fail(-ENOENT, "the configuration of domain %u is lost", domid);
        return NULL;
    }
    vl_config_refresh(vl, domid, c);
    return c;
}

static void core_dump(struct vl *vl, uint32_t domid, const struct vl_config *c)
{
    char path[512], stamp[32];
    time_t now = time(NULL);
    struct tm tm;

    mkdir(DUMP_FOLDER, 0700);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    snprintf(path, sizeof(path), DUMP_FOLDER "/%s-%s", c->name, stamp);
    vl_info("Dumping domain %u to %s", domid, path);
    vl_dump_core(vl, domid, path);
}

/* The old domain keeps its state under another name and UUID. */
static int rename_old(struct vl *vl, uint32_t domid, const struct vl_config *c)
{
    char name[300], stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    uint8_t uuid[16];

    strftime(stamp, sizeof(stamp), "-%Y%m%dT%H%MZ", gmtime_r(&now, &tm));
    snprintf(name, sizeof(name), "%.200s%s", c->name, stamp);
    vl_uuid_random(uuid);
    vl_info("Domain %u stays as '%s'", domid, name);
    return vl_domain_preserve(vl, domid, name, uuid);
}

static int restart(struct vl *vl, const struct vl_config *c, uint32_t *domid)
{
    int rc = vl_create(vl, c, domid);

    if (!rc && xc_domain_unpause(vl->xc, *domid)) {
        rc = vl_fail_errno("cannot start domain %u", *domid);
        vl_destroy(vl, *domid);
    }
    return rc;
}

int vl_monitor_act(struct vl *vl, uint32_t *domid, unsigned reason)
{
    struct vl_config *c = current_config(vl, *domid);
    enum vl_action what = c ? action_for(c, reason) : VL_ACT_DESTROY;
    bool again = what == VL_ACT_RESTART || what == VL_ACT_RENAME_RESTART || what == VL_ACT_COREDUMP_RESTART;
    int rc = 0;

    vl_info("Action for shutdown reason code %u is %s", reason, vl_action_names[what]);
    if (what == VL_ACT_COREDUMP_DESTROY || what == VL_ACT_COREDUMP_RESTART)
        core_dump(vl, *domid, c);
    if (what == VL_ACT_RENAME_RESTART) {
        rc = rename_old(vl, *domid, c);
    } else if (what != VL_ACT_PRESERVE) {
        vl_info("Domain %u needs to be cleaned up: destroying the domain", *domid);
        rc = vl_destroy(vl, *domid);
        rc = rc == -ETIMEDOUT || rc == -EIO ? 0 : rc;   /* told; the domain itself is gone */
    }
    if (!rc && again) {
        vl_info("Done. Rebooting now");
        rc = restart(vl, c, domid);
        rc = rc ? rc : 1;
    }
    vl_config_free(c);
    return rc;
}

int vl_monitor(struct vl *vl, uint32_t domid)
{
    struct vl_arena arena = { 0 };
    int rc;

    do {
        unsigned reason = 0;
        char *name = vl_store(vl) ? vl_store_read(vl->store, &arena, "/local/domain/%u/name", domid) : NULL;

        vl_info("Waiting for domain %s (domid %u) to die [pid %d]", name ? name : "?", domid, (int)getpid());
        rc = vl_power_wait_one(vl, domid, &reason);
        if (rc == 0)
            vl_info("Domain %u has been destroyed.", domid);
        if (rc <= 0)
            break;
        vl_info("Domain %u has shut down, reason code %u 0x%x", domid, reason, reason);
        rc = vl_monitor_act(vl, &domid, reason);
        vl_late_unmap_now();
    } while (rc > 0);
    vl_info("Done. Exiting now");
    vl_arena_free(&arena);
    return rc;
}
