/* SPDX-License-Identifier: MIT */
/* domctl (xen/domctl.h): what concerns a whole domain: its life, settings, memory and rights; domctl_vcpu.c has what
 * concerns one vCPU. A setting of one field is written under the domain's ctl_lock or whole. */
#include "private.h"

#define DOMCTL(name, member) SUBOP_HANDLER_U(name, struct domain, d, struct xen_domctl, member)

#define KNOWN_FLAGS (XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_xs_domain)   /* for a PV guest without IOMMU */

/* A PV guest that we can give what it is promised: -XEN_EINVAL, -XEN_EOPNOTSUPP. */
static long check_config(const struct xen_domctl_createdomain *c)
{
    unsigned int grant_version = XEN_DOMCTL_GRANT_version(c->grant_opts);
    if ((c->flags & ~(uint32_t)KNOWN_FLAGS) || c->iommu_opts || c->vmtrace_size || c->max_vcpus == 0 ||
        c->max_vcpus > MAX_VCPUS || (c->arch.misc_flags & ~XEN_X86_MSR_RELAXED) ||
        (c->grant_opts & ~(uint32_t)XEN_DOMCTL_GRANT_version_mask) || grant_version < 1 || grant_version > 2)
        return -XEN_EINVAL;
    return c->arch.emulation_flags ? -XEN_EOPNOTSUPP : 0;
}

SUBOP_HANDLER(createdomain, void, ctx, struct xen_domctl)
{
    domid_t id = op->domain == 0 || op->domain >= DOMID_FIRST_RESERVED ? DOMID_INVALID : op->domain;
    struct domain *d;
    long rc = check_config(&op->u.createdomain);
    if (!rc)
        rc = domain_create(id, &op->u.createdomain, false, &d);
    if (!rc)
        op->domain = d->id;
    return rc;
}

/* The caller never learned the id: the domain goes. It has no memory, unless somebody has guessed its id: then it stays,
 * dying, until he destroys it. */
static void createdomain_undo(void *ctx __unused, void *arg)
{
    struct domain *d = domain_find(((struct xen_domctl *)arg)->domain);
    for (unsigned int i = 0; d && i < 4096 && domain_kill(d) == -XEN_ERESTART; i++)
        ;
}

/* The first domain whose id is not below the one asked for: so tools step through all. */
SUBOP_HANDLER(getdomaininfo, void, ctx, struct xen_domctl)
{
    struct domain *d = domain_next(op->domain);
    if (!d)
        return op->domain < DOMID_FIRST_RESERVED ? -XEN_ESRCH : -XEN_EINVAL;
    ctl_domain_info(d, &op->u.getdomaininfo);
    op->domain = d->id;
    return 0;
}

DOMCTL(destroydomain, max_vcpus) { return domain_kill(d); }
DOMCTL(pausedomain, max_vcpus)   { return domain_pause_by_control(d); }
DOMCTL(unpausedomain, max_vcpus) { return domain_unpause_by_control(d); }
/* The number is that of createdomain: this call only makes the vCPUs. */
DOMCTL(max_vcpus, max_vcpus)     { return op->max == d->max_vcpus ? domain_max_vcpus(d, op->max) : -XEN_EINVAL; }

DOMCTL(resumedomain, max_vcpus)
{
    domain_resume(d);
    return 0;
}

/* Of the triggers only the NMI means something to a PV guest. Its vCPU is named by the second word. */
DOMCTL(sendtrigger, sendtrigger)
{
    struct vcpu *v = domain_vcpu(d, op->vcpu);
    if (!v)
        return -XEN_ESRCH;
    if (op->trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
        return -XEN_EINVAL;
    vcpu_send_nmi(v);
    return 0;
}

DOMCTL(setdomainhandle, setdomainhandle)
{
    spin_lock(&d->ctl_lock);
    memcpy(d->uuid, op->handle, sizeof(d->uuid));
    spin_unlock(&d->ctl_lock);
    return 0;
}

/* There is no debugger to attach. */
DOMCTL(setdebugging, setdebugging) { return op->enable ? -XEN_EOPNOTSUPP : 0; }

/* The port is of the domain named; if it is none when the domain suspends, nobody is told. */
DOMCTL(subscribe, subscribe)
{
    WRITE_ONCE(d->suspend_evtchn, op->port);
    return 0;
}

DOMCTL(set_virq_handler, set_virq_handler)
{
    return op->virq >= NR_VIRQS ? -XEN_EINVAL : virq_set_handler(d, op->virq);
}

DOMCTL(settimeoffset, settimeoffset)
{
    WRITE_ONCE(d->time_offset, op->time_offset_seconds);
    time_update_domain_wallclock(d);
    return 0;
}

#define TSC_MODE_MAX 2          /* as in xl.cfg(5): 0 default, 1 always emulated, 2 never */

DOMCTL(gettscinfo, tsc_info)
{
    op->tsc_mode = d->tsc_mode;
    op->gtsc_khz = d->tsc_khz ? d->tsc_khz : (uint32_t)(time_tsc_hz() / 1000);
    op->incarnation = d->tsc_incarnation;
    op->elapsed_nsec = now() + d->tsc_elapsed;
    return 0;
}

DOMCTL(settscinfo, tsc_info)
{
    if (op->tsc_mode > TSC_MODE_MAX)
        return -XEN_EINVAL;
    d->tsc_mode = op->tsc_mode;
    d->tsc_khz = op->gtsc_khz;
    d->tsc_incarnation = op->incarnation;
    d->tsc_elapsed = op->elapsed_nsec ? op->elapsed_nsec - now() : 0;
    return 0;
}

DOMCTL(get_cpu_policy, cpu_policy)
{
    return policy_copy_to_guest(d->policy, op->leaves, &op->nr_leaves, op->msrs, &op->nr_msrs);
}

DOMCTL(set_cpu_policy, cpu_policy) { return policy_set_from_guest(d, op); }

#define ADDRESS_SIZE 64

DOMCTL(set_address_size, address_size)
{
    return op->size == ADDRESS_SIZE ? 0 : op->size == 32 ? -XEN_EOPNOTSUPP : -XEN_EINVAL;
}

DOMCTL(get_address_size, address_size)
{
    op->size = ADDRESS_SIZE;
    return 0;
}

/* One node: a set with it changes nothing, a set without it leaves the domain nowhere. */
DOMCTL(setnodeaffinity, nodeaffinity)
{
    uint64_t nodes;
    if (ctl_bitmap_get(&nodes, &op->nodemap))
        return -XEN_EFAULT;
    return nodes & 1 ? 0 : -XEN_EINVAL;
}

DOMCTL(getnodeaffinity, nodeaffinity) { return ctl_bitmap_put(&op->nodemap, 1); }

DOMCTL(scheduler_op, scheduler_op) { return sched_domctl(d, op); }

/* A limit below what the domain has now is allowed: it gets no more until it has given some back. */
DOMCTL(max_mem, max_mem)
{
    spin_lock(&d->page_lock);
    d->max_pages = min(op->max_memkb >> (PAGE_SHIFT - 10), (uint64_t)UINT32_MAX);
    spin_unlock(&d->page_lock);
    return 0;
}

DOMCTL(hypercall_init, hypercall_init)
{
    struct frame *f = get_frame_as(op->gmfn, d, TYPE_WRITABLE);
    if (!f)
        return -XEN_EINVAL;
    hypercall_page_write(mfn_to_virt(frame_to_mfn(f)));
    frame_put_and_type(f);
    return 0;
}

static xen_pfn_t frame_info(struct domain *d, mfn_t m)
{
    static const xen_pfn_t of_type[8] = {
        [TYPE_L1 >> 60] = XEN_DOMCTL_PFINFO_L1TAB, [TYPE_L2 >> 60] = XEN_DOMCTL_PFINFO_L2TAB,
        [TYPE_L3 >> 60] = XEN_DOMCTL_PFINFO_L3TAB, [TYPE_L4 >> 60] = XEN_DOMCTL_PFINFO_L4TAB,
    };
    struct frame *f = get_frame(m, d);
    if (!f)
        return XEN_DOMCTL_PFINFO_XTAB;
    uint64_t type = READ_ONCE(f->type);
    frame_put(f);
    xen_pfn_t info = of_type[(type & TYPE_MASK) >> 60];
    return info && (type & TYPE_PINNED) ? info | XEN_DOMCTL_PFINFO_LPINTAB : info;
}

#define PFINFO_MAX   1024
#define PFINFO_CHUNK 32

/* Frame numbers in, what they are used as out, in place. */
DOMCTL(getpageframeinfo3, getpageframeinfo3)
{
    xen_pfn_t chunk[PFINFO_CHUNK];
    if (op->num > PFINFO_MAX)
        return -XEN_E2BIG;
    for (uint64_t done = 0; done < op->num; done += PFINFO_CHUNK) {
        uint64_t n = min(op->num - done, (uint64_t)PFINFO_CHUNK);
        if (copy_handle_offset(chunk, op->array, done, n))
            return -XEN_EFAULT;
        for (uint64_t i = 0; i < n; i++)
            chunk[i] = frame_info(d, chunk[i]);
        if (put_handle_offset(op->array, done, chunk, n))
            return -XEN_EFAULT;
    }
    return 0;
}

/* Nothing to switch off: PV guests run on their own page tables. The log of dirtied pages is not there yet. */
DOMCTL(shadow_op, shadow_op)
{
    return op->op == XEN_DOMCTL_SHADOW_OP_OFF ? 0 : -XEN_EOPNOTSUPP;
}

DOMCTL(irq_permission, irq_permission)
{
    if (op->pirq > INT32_MAX || op->pad[0] || op->pad[1] || op->pad[2] || op->allow_access > 1)
        return -XEN_EINVAL;
    return irq_access_permitted(current->domain, op->pirq) ? irq_permit(d, op->pirq, op->allow_access) : -XEN_EPERM;
}

/* A range of frames within what physical addresses can say. */
static bool mfn_range_ok(uint64_t first, uint64_t n)
{
    return n && first + n - 1 >= first && first + n - 1 <= PADDR_TO_MFN(BIT(52) - 1);
}

DOMCTL(iomem_permission, iomem_permission)
{
    mfn_t last = op->first_mfn + op->nr_mfns - 1;
    if (!mfn_range_ok(op->first_mfn, op->nr_mfns))
        return -XEN_EINVAL;
    if (!iomem_access_permitted(current->domain, op->first_mfn, last))
        return -XEN_EPERM;
    return iomem_permit(d, op->first_mfn, last, op->allow_access);
}

/* A domain whose port rights shrink stands still over the change, so that no CPU goes on with the old bitmap. */
DOMCTL(ioport_permission, ioport_permission)
{
    uint32_t last = op->first_port + op->nr_ports - 1;
    if (!op->nr_ports || op->first_port > 0xffff || op->nr_ports > 0x10000 || last > 0xffff)
        return -XEN_EINVAL;
    if (!ioports_access_permitted(current->domain, op->first_port, last))
        return -XEN_EPERM;
    return ioports_permit(d, op->first_port, last, op->allow_access);
}

/* A PV guest that has the right to device memory maps it by machine frame numbers: nothing is to be done before. */
DOMCTL(memory_mapping, memory_mapping)
{
    return mfn_range_ok(op->first_mfn, op->nr_mfns) && mfn_range_ok(op->first_gfn, op->nr_mfns) && op->add_mapping <= 1
           ? 0 : -XEN_EINVAL;
}

#define ROW(n, ...)     [XEN_DOMCTL_##n] = SUBOP(n, sizeof(struct xen_domctl), .flags = __VA_ARGS__)
#define REFUSED(n, err) [XEN_DOMCTL_##n] = SUBOP_REFUSED(err)
static const struct subop ops[] = {
    ROW(createdomain, SUB_OUT | SUB_NODOM, .undo = createdomain_undo), ROW(getdomaininfo, SUB_OUT | SUB_NODOM),
    ROW(max_vcpus, SUB_OTHER), ROW(destroydomain, SUB_OTHER), ROW(pausedomain, SUB_OTHER), ROW(unpausedomain, 0),
    ROW(resumedomain, SUB_OTHER), ROW(setdomainhandle, 0), ROW(setdebugging, SUB_OTHER), ROW(subscribe, 0),
    ROW(sendtrigger, 0), ROW(set_virq_handler, 0), ROW(settimeoffset, 0), ROW(gettscinfo, SUB_OTHER | SUB_OUT),
    ROW(settscinfo, SUB_OTHER | SUB_PAUSED), ROW(get_cpu_policy, SUB_OUT_ALWAYS),
    ROW(set_cpu_policy, SUB_OTHER | SUB_PAUSED | SUB_OUT_ALWAYS), ROW(set_address_size, 0),
    ROW(get_address_size, SUB_OUT), ROW(setnodeaffinity, 0), ROW(getnodeaffinity, 0), ROW(scheduler_op, SUB_OUT),
    ROW(max_mem, 0), ROW(hypercall_init, 0), ROW(getpageframeinfo3, 0), ROW(shadow_op, SUB_OTHER | SUB_OUT),
    ROW(irq_permission, 0), ROW(iomem_permission, 0), ROW(ioport_permission, SUB_PAUSED), ROW(memory_mapping, 0),
    /* for HVM guests */
    REFUSED(gethvmcontext, EINVAL), REFUSED(sethvmcontext, EINVAL), REFUSED(gethvmcontext_partial, EINVAL),
    REFUSED(bind_pt_irq, EINVAL), REFUSED(unbind_pt_irq, EINVAL), REFUSED(ioport_mapping, EOPNOTSUPP),
    REFUSED(set_target, EOPNOTSUPP), REFUSED(debug_op, EOPNOTSUPP), REFUSED(set_access_required, EOPNOTSUPP),
    REFUSED(set_broken_page_p2m, EOPNOTSUPP), REFUSED(monitor_op, EOPNOTSUPP), REFUSED(soft_reset, EOPNOTSUPP),
    REFUSED(get_paging_mempool_size, EOPNOTSUPP), REFUSED(set_paging_mempool_size, EOPNOTSUPP),
    /* an IOMMU, virtual NUMA, resource control, traces */
    REFUSED(assign_device, EOPNOTSUPP), REFUSED(test_assign_device, EOPNOTSUPP), REFUSED(deassign_device, EOPNOTSUPP),
    REFUSED(get_device_group, EOPNOTSUPP), REFUSED(setvnumainfo, EOPNOTSUPP), REFUSED(psr_cmt_op, ENODEV),
    REFUSED(psr_alloc, ENODEV), REFUSED(vmtrace_op, EOPNOTSUPP),
};

HYPERCALL(domctl)
{
    struct xen_domctl op;
    long rc = ctl_begin(&op, sizeof(op), XEN_DOMCTL_INTERFACE_VERSION, a1);
    if (rc)
        return rc;
    bool of_vcpu = op.cmd < DOMCTL_VCPU_OPS && domctl_vcpu_ops[index_clamp(op.cmd, DOMCTL_VCPU_OPS)].fn;
    const struct subop *row = of_vcpu ? subop_find(domctl_vcpu_ops, DOMCTL_VCPU_OPS, op.cmd, &rc)
                                      : subop_find(ops, ARRAY_SIZE(ops), op.cmd, &rc);
    bool named = !row || !(row->flags & SUB_NODOM);
    struct domain *d = named ? domain_find(op.domain) : NULL;
    if (named && !d)
        return -XEN_ESRCH;
    if (!row)
        return rc;
    if ((row->flags & SUB_OTHER) && d == current->domain)
        return -XEN_EINVAL;
    void *ctx = row->flags & SUB_VCPU ? (void *)domain_vcpu(d, op.u.vcpucontext.vcpu) : d;  /* the first word of all */
    if ((row->flags & SUB_VCPU) && !ctx)
        return -(long)(row->error ? row->error : XEN_ESRCH);
    bool pause = (row->flags & SUB_PAUSED) && d != current->domain;
    if (pause)
        domain_pause(d);
    rc = subop_finish(row, ctx, &op, a1);
    if (pause)
        domain_unpause(d);
    return rc == -XEN_ERESTART ? hypercall_continue(__HYPERVISOR_domctl, 1, a1) : rc;
}
