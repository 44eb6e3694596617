/* SPDX-License-Identifier: MIT */
/*
 * domctl: a domain's memory, and its rights to the machine's. A caller can give no right that it has not itself.
 */
#include "domctl.h"

#include <hv/cpu.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/mm.h>

/* --- memory ----------------------------------------------------------------------------------- */
/* A limit below what the domain has now is allowed: it gets no more until it has given some back. */
long domctl_max_mem(void *ctx, void *arg)
{
    struct domain *d = ctx;
    uint64_t pages = ((struct xen_domctl *)arg)->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);

    spin_lock(&d->page_lock);
    d->max_pages = min(pages, (uint64_t)UINT32_MAX);
    spin_unlock(&d->page_lock);
    return 0;
}

long domctl_hypercall_init(void *ctx, void *arg)
{
    mfn_t m = ((struct xen_domctl *)arg)->u.hypercall_init.gmfn;

    if (!mfn_valid(m) || !frame_get_and_type(mfn_to_frame(m), ctx, TYPE_WRITABLE))
        return -XEN_EINVAL;
    hypercall_page_write(mfn_to_virt(m));
    frame_put_and_type(mfn_to_frame(m));
    return 0;
}

static xen_pfn_t frame_info(struct domain *d, mfn_t m)
{
    static const xen_pfn_t of_type[8] = {
        [TYPE_L1 >> 60] = XEN_DOMCTL_PFINFO_L1TAB, [TYPE_L2 >> 60] = XEN_DOMCTL_PFINFO_L2TAB,
        [TYPE_L3 >> 60] = XEN_DOMCTL_PFINFO_L3TAB, [TYPE_L4 >> 60] = XEN_DOMCTL_PFINFO_L4TAB,
    };
    xen_pfn_t info;
    struct frame *f;
    uint64_t type;

    if (!mfn_valid(m))
        return XEN_DOMCTL_PFINFO_XTAB;
    f = mfn_to_frame(m);
    if (f->count & FRAME_BROKEN)
        return XEN_DOMCTL_PFINFO_BROKEN;
    if (!frame_get(f, d))
        return XEN_DOMCTL_PFINFO_XTAB;
    type = READ_ONCE(f->type);
    info = of_type[(type & TYPE_MASK) >> 60];
    if (info && (type & TYPE_PINNED))
        info |= XEN_DOMCTL_PFINFO_LPINTAB;
    frame_put(f);
    return info;
}

#define PFINFO_MAX   1024
#define PFINFO_CHUNK 32

/* Frame numbers in, what they are used as out, in place. */
long domctl_getpageframeinfo3(void *ctx, void *arg)
{
    const struct xen_domctl_getpageframeinfo3 *op = &((struct xen_domctl *)arg)->u.getpageframeinfo3;
    xen_pfn_t chunk[PFINFO_CHUNK];

    if (op->num > PFINFO_MAX)
        return -XEN_E2BIG;
    for (uint64_t done = 0; done < op->num; done += PFINFO_CHUNK) {
        uint64_t n = min(op->num - done, (uint64_t)PFINFO_CHUNK);

        if (copy_handle_offset(chunk, op->array, done, n))
            return -XEN_EFAULT;
        for (uint64_t i = 0; i < n; i++)
            chunk[i] = frame_info(ctx, chunk[i]);
        if (put_handle_offset(op->array, done, chunk, n))
            return -XEN_EFAULT;
    }
    return 0;
}

/* Nothing to switch off: PV guests run on their own page tables. The log of dirtied pages is not there yet. */
long domctl_shadow_op(void *ctx __unused, void *arg)
{
    switch (((struct xen_domctl *)arg)->u.shadow_op.op) {
    case XEN_DOMCTL_SHADOW_OP_OFF:
        return 0;
    case XEN_DOMCTL_SHADOW_OP_ENABLE_TEST:
    case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
    case XEN_DOMCTL_SHADOW_OP_ENABLE:
    case XEN_DOMCTL_SHADOW_OP_CLEAN:
    case XEN_DOMCTL_SHADOW_OP_PEEK:
    case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
    case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION:
        return -XEN_EOPNOTSUPP;
    default:
        return -XEN_EINVAL;
    }
}

/* --- rights ----------------------------------------------------------------------------------- */
long domctl_irq_permission(void *ctx, void *arg)
{
    const struct xen_domctl_irq_permission *op = &((struct xen_domctl *)arg)->u.irq_permission;

    if (op->pirq > INT32_MAX || op->pad[0] || op->pad[1] || op->pad[2] || op->allow_access > 1)
        return -XEN_EINVAL;
    if (!irq_access_permitted(current->domain, op->pirq))
        return -XEN_EPERM;
    return irq_permit(ctx, op->pirq, op->allow_access);
}

/* A range of frames within what physical addresses can say. */
static bool mfn_range_ok(uint64_t first, uint64_t n)
{
    return n && first + n - 1 >= first && first + n - 1 <= PADDR_TO_MFN(BIT(52) - 1);
}

long domctl_iomem_permission(void *ctx, void *arg)
{
    const struct xen_domctl_iomem_permission *op = &((struct xen_domctl *)arg)->u.iomem_permission;
    mfn_t last = op->first_mfn + op->nr_mfns - 1;

    if (!mfn_range_ok(op->first_mfn, op->nr_mfns))
        return -XEN_EINVAL;
    if (!iomem_access_permitted(current->domain, op->first_mfn, last))
        return -XEN_EPERM;
    return iomem_permit(ctx, op->first_mfn, last, op->allow_access);
}

/* A domain whose port rights shrink is stopped over the change, so that no CPU goes on with the old bitmap. */
long domctl_ioport_permission(void *ctx, void *arg)
{
    struct domain *d = ctx;
    const struct xen_domctl_ioport_permission *op = &((struct xen_domctl *)arg)->u.ioport_permission;
    bool other = d != current->domain;
    uint32_t last = op->first_port + op->nr_ports - 1;
    long rc;

    if (!op->nr_ports || op->first_port > 0xffff || op->nr_ports > 0x10000 || last > 0xffff)
        return -XEN_EINVAL;
    if (!ioports_access_permitted(current->domain, op->first_port, last))
        return -XEN_EPERM;
    if (other)
        domain_pause(d);
    rc = ioports_permit(d, op->first_port, last, op->allow_access);
    if (other)
        domain_unpause(d);
    return rc;
}

/* A PV guest that has the right to device memory maps it by machine frame numbers: nothing is to be done before. */
long domctl_memory_mapping(void *ctx __unused, void *arg)
{
    const struct xen_domctl_memory_mapping *op = &((struct xen_domctl *)arg)->u.memory_mapping;

    if (!mfn_range_ok(op->first_mfn, op->nr_mfns) || !mfn_range_ok(op->first_gfn, op->nr_mfns) || op->add_mapping > 1)
        return -XEN_EINVAL;
    return 0;
}
