/* SPDX-License-Identifier: MIT */
#include "life/apply.h"

#include <errno.h>
#include <time.h>

#include "base/log.h"
#include "device/pci.h"
#include "life/affinity.h"
#include "life/pool.h"
#include "life/sched.h"

int vl_apply_check(struct vl *vl, const struct vl_config *c)
{
    if (c->seclabel)
        return vl_fail(-EOPNOTSUPP, "seclabel: the hypervisor has no security policy (XSM) with labels");
    return c->n_pci ? vl_pci_supported(vl) : 0;
}

int vl_apply_pool(struct vl *vl, const struct vl_config *c, uint32_t *pool)
{
    struct vl_arena arena = { 0 };
    struct vl_pool found;
    int rc = 0;

    *pool = 0;
    if (c->pool) {
        rc = vl_pool_find(vl, &arena, c->pool, &found);
        if (!rc)
            *pool = found.id;
        vl_arena_free(&arena);
    }
    return rc;
}

static int set_clock(struct vl *vl, uint32_t domid, const struct vl_config *c)
{
    long offset = c->rtc_timeoffset;
    time_t now = time(NULL);
    struct tm tm;

    if (c->localtime && localtime_r(&now, &tm))
        offset += tm.tm_gmtoff;
    if (offset && xc_domain_set_time_offset(vl->xc, domid, (int32_t)offset))
        return vl_fail_errno("cannot set the clock of domain %u", domid);
    return 0;
}

static int allow(struct vl *vl, uint32_t domid, const struct vl_config *c)
{
    for (size_t i = 0; i < c->n_ioports; i++)
        if (xc_domain_ioport_permission(vl->xc, domid, (uint32_t)c->ioports[i].first, (uint32_t)c->ioports[i].count, 1))
            return vl_fail_errno("cannot let the domain use the I/O ports 0x%llx and %llu more",
                                 (unsigned long long)c->ioports[i].first, (unsigned long long)c->ioports[i].count - 1);
    for (size_t i = 0; i < c->n_irqs; i++) {
        int pirq = (int)c->irqs[i].first;

        if (xc_physdev_map_pirq(vl->xc, (int)domid, pirq, &pirq) ||
            xc_domain_irq_permission(vl->xc, domid, (uint32_t)pirq, true))
            return vl_fail_errno("cannot let the domain use the interrupt %llu", (unsigned long long)c->irqs[i].first);
    }
    for (size_t i = 0; i < c->n_iomem; i++)
        if (xc_domain_iomem_permission(vl->xc, domid, c->iomem[i].first, c->iomem[i].count, 1))
            return vl_fail_errno("cannot let the domain map %llu frames from 0x%llx",
                                 (unsigned long long)c->iomem[i].count, (unsigned long long)c->iomem[i].first);
    return 0;
}

int vl_apply(struct vl *vl, uint32_t domid, const struct vl_config *c)
{
    int rc = vl_affinity_set(vl, domid, c);

    if (!rc)
        rc = vl_sched_apply(vl, domid, c);
    if (!rc)
        rc = set_clock(vl, domid, c);
    if (!rc && c->tsc_mode && xc_domain_set_tsc_info(vl->xc, domid, (uint32_t)c->tsc_mode, 0, 0, 0))
        rc = vl_fail_errno("cannot set the domain's TSC mode");
    return rc ? rc : allow(vl, domid, c);
}
