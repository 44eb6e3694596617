/* SPDX-License-Identifier: MIT */
/*
 * domctl: state of one vCPU, set by the builder and kept by save and restore. The domain is paused while its state is
 * read or written. A vCPU that is not there is -XEN_ESRCH (contexts: -XEN_EINVAL), as tools know it.
 */
#include "domctl.h"
#include "vcpu.h"

#include <hv/cpu.h>
#include <hv/mm.h>

long domctl_setvcpucontext(void *ctx, void *arg)
{
    struct domain *d = ctx;
    const struct xen_domctl_vcpucontext *op = &((struct xen_domctl *)arg)->u.vcpucontext;
    struct vcpu *v = domctl_vcpu(d, op->vcpu);
    struct vcpu_guest_context *c = NULL;
    long rc;

    if (!v)
        return -XEN_EINVAL;
    if (!handle_is_null(op->ctxt) && !(c = vcpu_context_copy((unsigned long)op->ctxt.p, &rc)))
        return rc;
    domain_pause(d);
    spin_lock(&d->ctl_lock);
    if (c) {
        rc = vcpu_set_context(v, c);
        if (!rc)
            vcpu_set_down(v, !(c->flags & VGCF_online));
    } else {
        vcpu_reset(v);
        rc = 0;
    }
    spin_unlock(&d->ctl_lock);
    domain_unpause(d);
    hv_free(c);
    return rc;
}

long domctl_getvcpucontext(void *ctx, void *arg)
{
    struct domain *d = ctx;
    const struct xen_domctl_vcpucontext *op = &((struct xen_domctl *)arg)->u.vcpucontext;
    struct vcpu *v = domctl_vcpu(d, op->vcpu);
    struct vcpu_guest_context *c;
    long rc;

    if (!v)
        return -XEN_EINVAL;
    if (!v->initialised)
        return -XEN_ENODATA;
    c = hv_alloc(sizeof(*c));
    if (!c)
        return -XEN_ENOMEM;
    domain_pause(d);
    vcpu_get_context(v, c);
    if (!test_bit(VPF_DOWN, &v->pause_flags))
        c->flags |= VGCF_online;
    domain_unpause(d);
    rc = put_handle(op->ctxt, c);
    hv_free(c);
    return rc;
}

long domctl_getvcpuinfo(void *ctx, void *arg)
{
    struct xen_domctl_getvcpuinfo *op = &((struct xen_domctl *)arg)->u.getvcpuinfo;
    const struct vcpu *v = domctl_vcpu(ctx, op->vcpu);

    if (!v)
        return op->vcpu < ((struct domain *)ctx)->max_vcpus ? -XEN_ESRCH : -XEN_EINVAL;
    op->online = !test_bit(VPF_DOWN, &v->pause_flags);
    op->blocked = test_bit(VPF_BLOCKED, &v->pause_flags);
    op->running = READ_ONCE(v->running);
    op->cpu_time = vcpu_time_running(v);
    op->cpu = v->cpu;
    return 0;
}

/* Of the triggers only the NMI means something to a PV guest. */
long domctl_sendtrigger(void *ctx, void *arg)
{
    const struct xen_domctl_sendtrigger *op = &((struct xen_domctl *)arg)->u.sendtrigger;
    struct vcpu *v = domctl_vcpu(ctx, op->vcpu);

    if (!v)
        return -XEN_ESRCH;
    if (op->trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
        return -XEN_EINVAL;
    vcpu_send_nmi(v);
    return 0;
}

/* --- callbacks that vcpu_guest_context has no place for --------------------------------------- */
long domctl_get_ext_vcpucontext(void *ctx, void *arg)
{
    struct domain *d = ctx;
    struct xen_domctl_ext_vcpucontext *op = &((struct xen_domctl *)arg)->u.ext_vcpucontext;
    const struct vcpu *v = domctl_vcpu(d, op->vcpu);

    if (!v)
        return -XEN_ESRCH;
    memset(&op->size, 0, sizeof(*op) - offsetof(struct xen_domctl_ext_vcpucontext, size));
    domain_pause(d);
    op->size = sizeof(*op);
    op->syscall32_callback_eip = v->syscall32_cb;
    op->sysenter_callback_eip = v->sysenter_cb;
    op->syscall32_callback_cs = v->syscall32_cb ? FLAT_KERNEL_CS : 0;
    op->sysenter_callback_cs = v->sysenter_cb ? FLAT_KERNEL_CS : 0;
    op->syscall32_disables_events = !!(v->callback_flags & VCPU_SYSCALL32_DISABLES);
    op->sysenter_disables_events = !!(v->callback_flags & VCPU_SYSENTER_DISABLES);
    domain_unpause(d);
    return 0;
}

static bool canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

/* The machine-check fields, which follow the callbacks, describe a virtual MCA that PV guests do not get. */
long domctl_set_ext_vcpucontext(void *ctx, void *arg)
{
    struct domain *d = ctx;
    const struct xen_domctl_ext_vcpucontext *op = &((struct xen_domctl *)arg)->u.ext_vcpucontext;
    struct vcpu *v = domctl_vcpu(d, op->vcpu);

    if (!v)
        return -XEN_ESRCH;
    if (op->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap) || !canonical(op->syscall32_callback_eip) ||
        !canonical(op->sysenter_callback_eip))
        return -XEN_EINVAL;
    domain_pause(d);
    v->syscall32_cb = op->syscall32_callback_eip;
    v->sysenter_cb = op->sysenter_callback_eip;
    v->callback_flags &= ~(uint32_t)(VCPU_SYSCALL32_DISABLES | VCPU_SYSENTER_DISABLES);
    if (op->syscall32_disables_events)
        v->callback_flags |= VCPU_SYSCALL32_DISABLES;
    if (op->sysenter_disables_events)
        v->callback_flags |= VCPU_SYSENTER_DISABLES;
    domain_unpause(d);
    return 0;
}

/* --- MSRs of a vCPU: we keep none that a PV guest may set, but a stream may say that they are zero  */
#define MSRS_MAX 64

long domctl_get_vcpu_msrs(void *ctx, void *arg)
{
    struct xen_domctl_vcpu_msrs *op = &((struct xen_domctl *)arg)->u.vcpu_msrs;

    if (!domctl_vcpu(ctx, op->vcpu))
        return -XEN_ESRCH;
    op->msr_count = 0;
    return 0;
}

/* On -XEN_EINVAL msr_count is the index of the MSR at fault. */
long domctl_set_vcpu_msrs(void *ctx, void *arg)
{
    struct xen_domctl_vcpu_msrs *op = &((struct xen_domctl *)arg)->u.vcpu_msrs;

    if (!domctl_vcpu(ctx, op->vcpu))
        return -XEN_ESRCH;
    if (handle_is_null(op->msrs)) {
        op->msr_count = 0;
        return 0;
    }
    if (op->msr_count > MSRS_MAX)
        return -XEN_EINVAL;
    for (uint32_t i = 0; i < op->msr_count; i++) {
        struct xen_domctl_vcpu_msr msr;

        if (copy_handle_offset(&msr, op->msrs, i, 1))
            return -XEN_EFAULT;
        if (msr.reserved || msr.value) {
            op->msr_count = i;
            return -XEN_EINVAL;
        }
    }
    return 0;
}
