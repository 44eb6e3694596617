/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/uuid.h"
#include "device/device.h"
#include "life/life.h"
#include "life/names.h"
#include "life/userdata.h"

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

    if (vm && !strncmp(vm, "/vm/", 4) && !shared(vl, domid, vm + 4))
        vl_store_rm(s, "%s", vm);
    vl_store_rm(s, "/local/domain/%u", domid);
    vl_store_rm(s, "/libxl/%u", domid);
    return vl_store_apply_each(s);
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
