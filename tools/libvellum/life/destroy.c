/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/uuid.h"
#include "device/device.h"
#include "life/handover.h"
#include "life/life.h"
#include "life/lock.h"
#include "life/names.h"
#include "life/userdata.h"

#define TTY_MS 250              /* how long the console's daemon is waited for, if there is one */
#define TTY_LOOK_MS 1
#define LOCK_SECONDS 20         /* what a device that is being attached to it may take */

/* Has another domain this UUID, and the nodes under /vm with it? A copy that takes over has them in common. */
static bool shared(struct vl *vl, uint32_t domid, const char *text)
{
    struct vl_domain_list list;
    bool found = false;
    uint8_t uuid[16];

    if (!vl_uuid_parse(text, uuid))
        return false;
    if (vl_domains(vl, &list, false))
        return true;
    for (size_t i = 0; i < list.count && !found; i++)
        found = list.all[i].info.domain != domid && !memcmp(list.all[i].info.handle, uuid, sizeof(uuid));
    vl_domains_free(&list);
    return found;
}

/* The domain's trees, however much of them there is: nobody looks at them together any more, so no transaction. */
static int forget(struct vl *vl, uint32_t domid, const char *vm)
{
    struct vl_store *s = vl_store(vl);

    /* First the node that all who change something of a domain expect: from then on nothing new comes. */
    vl_store_rm(s, "/local/domain/%u", domid);
    vl_store_rm(s, "/libxl/%u", domid);
    if (vm && !strncmp(vm, "/vm/", 4) && !shared(vl, domid, vm + 4))
        vl_store_rm(s, "%s", vm);
    return vl_store_apply_each(s);
}

/*
 * The console's daemon may just be making a terminal for a guest as young as this one. It would enter it in the store, and
 * so the guest's nodes anew, when they have gone: it is let finish. What was read of the console: ring-ref and tty.
 */
static void let_console_finish(struct vl *vl, uint32_t domid, const char *ring, const char *tty)
{
    const struct timespec pause = { 0, TTY_LOOK_MS * 1000000l };
    struct vl_arena arena = { 0 };

    for (int waited = 0; ring && tty && !*tty && waited < TTY_MS; waited += TTY_LOOK_MS) {
        nanosleep(&pause, NULL);
        tty = vl_store_read(vl->store, &arena, "/local/domain/%u/console/tty", domid);
    }
    vl_arena_free(&arena);
}

/* All that there is of the domain, which may have gone from the hypervisor. Every step runs; the first error is the answer. */
static int take_down(struct vl *vl, uint32_t domid, bool there)
{
    struct vl_arena arena = { 0 };
    static const char *const nodes[] = { "vm", "name", "console/ring-ref", "console/tty" };
    enum { VM, NAME, RING, TTY, NODES };
    char *paths[NODES], *values[NODES] = { NULL };
    int rc, first;

    if (there)
        xc_domain_pause(vl->xc, domid);
    for (int i = 0; i < NODES; i++)
        paths[i] = vl_printf(&arena, "/local/domain/%u/%s", domid, nodes[i]);
    vl_store_read_many(vl->store, &arena, paths, NODES, values);
    if (!vl_shell_name(values[NAME]))
        let_console_finish(vl, domid, values[RING], values[TTY]);
    vl_log_phase("domain paused");
    first = vl_devices_detach_all(vl, domid);
    vl_log_phase("devices detached");
    rc = there && xc_domain_destroy(vl->xc, domid) && errno != ESRCH ? vl_fail_errno("cannot destroy domain %u", domid) : 0;
    first = first ? first : rc;
    vl_log_phase("domain destroyed");
    vl_userdata_remove(domid);
    rc = forget(vl, domid, values[VM]);
    if (values[NAME])
        vl_name_hint_drop(values[NAME], domid);
    first = first ? first : rc;
    vl_log_phase("domain forgotten");
    vl_arena_free(&arena);
    return first;
}

/*
 * The same with the domain's lock, so that a device which is just being attached to it is whole, or gone, when we look for
 * it. *other: another command destroyed it before we had the lock; it is gone over once more, for something may have come
 * meanwhile.
 */
static int take_down_locked(struct vl *vl, uint32_t domid, bool *other)
{
    int lock = vl_domain_lock_soon(vl, domid, LOCK_SECONDS), rc;

    if (lock == -EBUSY)
        vl_warn("another command has been busy with domain %u for %d s: it is destroyed all the same", domid, LOCK_SECONDS);
    rc = take_down(vl, domid, true);
    vl_domain_unlock(lock);
    *other = lock == -ESRCH;
    if (*other)
        vl_devices_detach_orphans(vl, domid);
    return rc;
}

int vl_destroy(struct vl *vl, uint32_t domid)
{
    xc_domaininfo_t info;
    bool other;
    int rc;

    if (domid == 0)             /* the hypervisor would refuse, but its nodes would go */
        return vl_fail(-EPERM, "domain 0 is the host: it cannot be destroyed");
    if (!vl_xc(vl) || !vl_store(vl))
        return -EIO;
    if (vl_domain_info(vl, domid, &info))
        return vl_fail(-ESRCH, "there is no domain %u", domid);
    rc = take_down_locked(vl, domid, &other);
    /* Who destroyed it meanwhile meant it to stay away: the caller is not to go on as if it had ended the domain itself. */
    if (other && !(info.flags & XEN_DOMINF_dying))
        return vl_fail(-ESRCH, "domain %u has been destroyed by another command", domid);
    return rc;
}

void vl_destroy_unmade(struct vl *vl, uint32_t domid)
{
    xc_domaininfo_t info;
    bool other;

    /* Of one that has gone whoever ended it may have left something, such as a console that was entered meanwhile. */
    if (vl_domain_info(vl, domid, &info)) {
        take_down(vl, domid, false);
        vl_devices_detach_orphans(vl, domid);
    } else {
        take_down_locked(vl, domid, &other);
    }
}
