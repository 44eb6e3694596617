/* SPDX-License-Identifier: MIT */
#include "life/monitor.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/guard.h"
#include "base/late.h"
#include "base/log.h"
#include "life/memory.h"
#include "life/power.h"
#include "life/userdata.h"

#define QUICK_S 10              /* an end this soon after the start is a quick one */
#define FREE_RESTARTS 10        /* quick ends in a row that are followed by a restart at once */
#define LONGEST_WAIT_S 60
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

static bool restarts(enum vl_action what)
{
    return what == VL_ACT_RESTART || what == VL_ACT_RENAME_RESTART || what == VL_ACT_COREDUMP_RESTART;
}

unsigned vl_restart_delay(unsigned quick_ends)
{
    if (quick_ends < FREE_RESTARTS)
        return 0;
    return quick_ends - FREE_RESTARTS < 6 ? 1u << (quick_ends - FREE_RESTARTS) : LONGEST_WAIT_S;
}

/* How many domains in a row ended right after their start and were restarted, up to this one. */
static unsigned quick_ends(struct vl *vl, uint32_t domid)
{
    long n = vl_store(vl) ? vl_store_read_number(vl->store, 1 << 20, "/libxl/%u/quick-ends", domid) : 0;

    return n > 0 ? (unsigned)n : 0;
}

/* Was a domain started less than `seconds` ago? */
static bool young(struct vl *vl, uint32_t domid, unsigned seconds)
{
    struct vl_arena arena = { 0 };
    char *vm = vl_store(vl) ? vl_store_read(vl->store, &arena, "/local/domain/%u/vm", domid) : NULL;
    char *start = vm && !strncmp(vm, "/vm/", 4) ? vl_store_read(vl->store, &arena, "%s/start_time", vm) : NULL;
    double age = start ? (double)time(NULL) - strtod(start, NULL) : -1e9;

    vl_arena_free(&arena);
    return age > -2 && age < (double)seconds;   /* a clock that was set back says nothing */
}

unsigned vl_monitor_wait(struct vl *vl, uint32_t domid, unsigned reason)
{
    unsigned wait = vl_restart_delay(quick_ends(vl, domid));
    struct vl_config *c = wait && young(vl, domid, QUICK_S) ? current_config(vl, domid) : NULL;

    wait = c && restarts(action_for(c, reason)) ? wait : 0;
    vl_config_free(c);
    return wait;
}

/* YYYYMMDDThhmmssZ */
static bool is_stamp(const char *s)
{
    for (int i = 0; i < 16; i++)
        if (i == 8 ? s[i] != 'T' : i == 15 ? s[i] != 'Z' : s[i] < '0' || s[i] > '9')
            return false;
    return !s[16];
}

void vl_dumps_trim(const char *folder, const char *name, unsigned keep)
{
    size_t len = strlen(name);
    struct dirent **all;
    int n = scandir(folder, &all, NULL, alphasort), ours = 0;

    for (int i = n; i-- > 0;) {
        const char *entry = all[i]->d_name;
        char path[PATH_MAX];

        if (!strncmp(entry, name, len) && entry[len] == '-' && is_stamp(entry + len + 1) && ++ours > (int)keep) {
            snprintf(path, sizeof(path), "%s/%s", folder, entry);
            vl_info("Removing the older dump %s", path);
            unlink(path);
        }
        free(all[i]);
    }
    if (n >= 0)
        free(all);
}

static void core_dump(struct vl *vl, uint32_t domid, const struct vl_config *c)
{
    char path[512], stamp[32];
    time_t now = time(NULL);
    struct tm tm;

    mkdir(DUMP_FOLDER, 0700);
    vl_dumps_trim(DUMP_FOLDER, c->name, VL_DUMPS_KEPT - 1);
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

/* `quick`: how many ended right after their start, up to the one that is replaced. */
static int restart(struct vl *vl, const struct vl_config *c, uint32_t *domid, unsigned quick)
{
    struct vl_arena arena = { 0 };
    int rc = vl_guard_start(c->uuid);

    if (rc)
        return rc;
    rc = vl_create(vl, c, domid);
    if (!rc && quick) {
        vl_store_expect(vl->store, "/libxl/%u", *domid);
        vl_store_write(vl->store, vl_printf(&arena, "%u", quick), "/libxl/%u/quick-ends", *domid);
        vl_store_apply(vl->store);
        vl_arena_free(&arena);
    }
    if (!rc && xc_domain_unpause(vl->xc, *domid)) {
        rc = vl_fail_errno("cannot start domain %u", *domid);
        vl_destroy(vl, *domid);
    }
    vl_guard_dismiss();
    return rc;
}

int vl_monitor_act(struct vl *vl, uint32_t *domid, unsigned reason)
{
    struct vl_config *c = current_config(vl, *domid);
    enum vl_action what = c ? action_for(c, reason) : VL_ACT_DESTROY;
    bool again = restarts(what);
    unsigned quick = again ? quick_ends(vl, *domid) : 0;
    int rc = 0;

    /* It has been left alone for a while, so it looks older than it became. */
    if (again)
        quick = young(vl, *domid, QUICK_S + vl_restart_delay(quick)) ? quick + 1 : 0;

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
        rc = restart(vl, c, domid, quick);
        rc = rc ? rc : 1;
    }
    vl_config_free(c);
    return rc;
}

/* Wait as vl_monitor_wait says. Whoever destroys the domain meanwhile ends it for good: -ESRCH then. */
static int leave_alone(struct vl *vl, uint32_t domid, unsigned reason)
{
    unsigned wait = vl_monitor_wait(vl, domid, reason);
    xc_domaininfo_t info;

    if (!wait)
        return 0;
    vl_info("Domain %u ended right after its start, as those before it: restarted in %u s", domid, wait);
    while (wait--) {
        sleep(1);
        if (vl_domain_info(vl, domid, &info) || info.flags & XEN_DOMINF_dying || !(info.flags & XEN_DOMINF_shutdown))
            return -ESRCH;
    }
    return 0;
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
        rc = leave_alone(vl, domid, reason);
        rc = rc < 0 ? 0 : vl_monitor_act(vl, &domid, reason);
        vl_late_unmap_now();
    } while (rc > 0);
    vl_info("Done. Exiting now");
    vl_arena_free(&arena);
    return rc;
}
