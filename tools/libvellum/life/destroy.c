/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "device/device.h"
#include "life/life.h"
#include "life/names.h"
#include "life/userdata.h"

/* Does another domain say that its node under /vm is this one? A copy that takes over has it in common. */
static bool shared(struct vl *vl, uint32_t domid, const char *vm)
{
    struct vl_arena arena = { 0 };
    struct vl_domain_list list;
    bool found = false;

    if (vl_domains(vl, &list, false))
        return true;
    for (size_t i = 0; i < list.count && !found; i++) {
        char *other = list.all[i].info.domain == domid ? NULL
            : vl_store_read(vl->store, &arena, "/local/domain/%u/vm", list.all[i].info.domain);

        found = other && !strcmp(other, vm);
    }
    vl_domains_free(&list);
    vl_arena_free(&arena);
    return found;
}

/* The domain's trees, however much of them there is. */
static int forget(struct vl *vl, uint32_t domid, const char *vm)
{
    struct vl_store *s = vl_store(vl);

    if (vm && !strncmp(vm, "/vm/", 4) && !shared(vl, domid, vm))
        vl_store_rm(s, "%s", vm);
    vl_store_rm(s, "/local/domain/%u", domid);
    vl_store_rm(s, "/libxl/%u", domid);
    return vl_store_apply(s);
}

int vl_destroy(struct vl *vl, uint32_t domid)
{
    struct vl_arena arena = { 0 };
    char *paths[2], *values[2] = { NULL, NULL };
    xc_domaininfo_t info;
    int rc, first;

    if (!vl_xc(vl) || !vl_store(vl))
        return -EIO;
    first = vl_domain_info(vl, domid, &info);
    if (first)
        return vl_fail(first, "there is no domain %u", domid);
    /* Every step runs, whatever became of the one before; the first error is the answer. */
    xc_domain_pause(vl->xc, domid);
    paths[0] = vl_printf(&arena, "/local/domain/%u/vm", domid);
    paths[1] = vl_printf(&arena, "/local/domain/%u/name", domid);
    vl_store_read_many(vl->store, &arena, paths, 2, values);
    vl_log_phase("domain paused");
    first = vl_devices_detach_all(vl, domid);
    vl_log_phase("devices detached");
    rc = xc_domain_destroy(vl->xc, domid) ? vl_fail_errno("cannot destroy domain %u", domid) : 0;
    first = first ? first : rc;
    vl_log_phase("domain destroyed");
    vl_userdata_remove(domid);
    rc = forget(vl, domid, values[0]);
    if (values[1])
        vl_name_hint_drop(values[1], domid);
    first = first ? first : rc;
    vl_log_phase("domain forgotten");
    vl_arena_free(&arena);
    return first;
}
