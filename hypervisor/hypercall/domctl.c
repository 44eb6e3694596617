/* SPDX-License-Identifier: MIT */
/*
 * domctl (xen/domctl.h): the toolstack builds, controls and describes domains. For privileged domains.
 *
 * Dispatch: privilege, interface version, the domain named, then the row. A domain may not do to itself what would
 * need it to stand still (SUB_OTHER).
 */
#include "domctl.h"

#include <hv/cpu.h>
#include <hv/hypercall.h>
#include <hv/mm.h>

#define OP(n, fl)       SUBOP(#n, domctl_##n, sizeof(struct xen_domctl), fl)
#define NOT(n, err)     SUBOP_REFUSED(#n, XEN_##err, 0)
#define ROW(n, fl)      [XEN_DOMCTL_##n] = OP(n, fl)
#define REFUSED(n, err) [XEN_DOMCTL_##n] = NOT(n, err)

static const struct subop ops[] = {
    [XEN_DOMCTL_createdomain] = SUBOP_UNDO("createdomain", domctl_createdomain, domctl_createdomain_undo,
                                           sizeof(struct xen_domctl), SUB_OUT | SUB_NODOM),
    ROW(destroydomain, SUB_OTHER),
    ROW(pausedomain, SUB_OTHER),
    ROW(unpausedomain, 0),
    ROW(getdomaininfo, SUB_OUT | SUB_NODOM),
    ROW(setvcpuaffinity, SUB_OUT),
    ROW(shadow_op, SUB_OTHER | SUB_OUT),
    ROW(max_mem, 0),
    ROW(setvcpucontext, SUB_OTHER),
    ROW(getvcpucontext, SUB_OTHER | SUB_OUT),
    ROW(getvcpuinfo, SUB_OUT),
    ROW(max_vcpus, SUB_OTHER),
    ROW(scheduler_op, SUB_OUT),
    ROW(setdomainhandle, 0),
    ROW(setdebugging, SUB_OTHER),
    ROW(irq_permission, 0),
    ROW(iomem_permission, 0),
    ROW(ioport_permission, 0),
    ROW(hypercall_init, 0),
    ROW(settimeoffset, 0),
    ROW(getvcpuaffinity, 0),
    ROW(resumedomain, SUB_OTHER),
    ROW(sendtrigger, 0),
    ROW(subscribe, 0),
    REFUSED(gethvmcontext, EINVAL),
    REFUSED(sethvmcontext, EINVAL),
    ROW(set_address_size, 0),
    ROW(get_address_size, SUB_OUT),
    REFUSED(assign_device, EOPNOTSUPP),
    REFUSED(bind_pt_irq, EINVAL),
    ROW(memory_mapping, 0),
    REFUSED(ioport_mapping, EOPNOTSUPP),
    ROW(set_ext_vcpucontext, SUB_OTHER),
    ROW(get_ext_vcpucontext, SUB_OTHER | SUB_OUT),
    REFUSED(test_assign_device, EOPNOTSUPP),
    REFUSED(set_target, EOPNOTSUPP),
    REFUSED(deassign_device, EOPNOTSUPP),
    REFUSED(unbind_pt_irq, EINVAL),
    REFUSED(get_device_group, EOPNOTSUPP),
    REFUSED(debug_op, EOPNOTSUPP),
    REFUSED(gethvmcontext_partial, EINVAL),
    REFUSED(vm_event_op, ENOSYS),
    REFUSED(mem_sharing_op, ENOSYS),
    ROW(gettscinfo, SUB_OTHER | SUB_OUT),
    ROW(settscinfo, SUB_OTHER),
    ROW(getpageframeinfo3, 0),
    ROW(setvcpuextstate, SUB_OTHER),
    ROW(getvcpuextstate, SUB_OTHER | SUB_OUT),
    REFUSED(set_access_required, EOPNOTSUPP),
    REFUSED(audit_p2m, ENOSYS),
    ROW(set_virq_handler, 0),
    REFUSED(set_broken_page_p2m, EOPNOTSUPP),
    ROW(setnodeaffinity, 0),
    ROW(getnodeaffinity, 0),
    REFUSED(cacheflush, ENOSYS),
    ROW(get_vcpu_msrs, SUB_OTHER | SUB_OUT_ALWAYS),
    ROW(set_vcpu_msrs, SUB_OTHER | SUB_OUT_ALWAYS),
    REFUSED(setvnumainfo, EOPNOTSUPP),
    REFUSED(psr_cmt_op, ENODEV),
    REFUSED(monitor_op, EOPNOTSUPP),
    REFUSED(psr_alloc, ENODEV),
    REFUSED(soft_reset, EOPNOTSUPP),
    REFUSED(vuart_op, ENOSYS),
    ROW(get_cpu_policy, SUB_OUT_ALWAYS),
    ROW(set_cpu_policy, SUB_OTHER | SUB_OUT_ALWAYS),
    REFUSED(vmtrace_op, EOPNOTSUPP),
    REFUSED(get_paging_mempool_size, EOPNOTSUPP),
    REFUSED(set_paging_mempool_size, EOPNOTSUPP),
};

/* The debugger's numbers are far away from the others. */
static const struct subop gdbsx_ops[] = {
    NOT(gdbsx_guestmemio, ENOSYS), NOT(gdbsx_pausevcpu, ENOSYS), NOT(gdbsx_unpausevcpu, ENOSYS),
    NOT(gdbsx_domstatus, ENOSYS),
};

_Static_assert(sizeof(struct xen_domctl) <= SUBOP_MAX_ARG, "fits the buffer of subop_run");

struct vcpu *domctl_vcpu(struct domain *d, uint32_t id)
{
    return id < d->max_vcpus ? d->vcpu[index_clamp(id, d->max_vcpus)] : NULL;
}

static const struct subop *find_row(uint32_t cmd, long *error)
{
    if (cmd >= XEN_DOMCTL_gdbsx_guestmemio)
        return subop_find(gdbsx_ops, ARRAY_SIZE(gdbsx_ops), cmd - XEN_DOMCTL_gdbsx_guestmemio, error);
    return subop_find(ops, ARRAY_SIZE(ops), cmd, error);
}

HYPERCALL(domctl)
{
    struct { uint32_t cmd, version; domid_t domain; } head;
    struct domain *d = NULL;
    const struct subop *row;
    long rc;

    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (copy_from_guest(&head, (const void *)a1, sizeof(head)))
        return -XEN_EFAULT;
    if (head.version != XEN_DOMCTL_INTERFACE_VERSION)
        return -XEN_EACCES;
    row = find_row(head.cmd, &rc);
    if ((!row || !(row->flags & SUB_NODOM)) && !(d = domain_find(head.domain)))
        return -XEN_ESRCH;
    if (!row)
        return rc;
    if ((row->flags & SUB_OTHER) && d == current->domain)
        return -XEN_EINVAL;
    rc = subop_run(row, d, a1);
    return rc == -XEN_ERESTART ? hypercall_continue(__HYPERVISOR_domctl, 1, a1) : rc;
}
