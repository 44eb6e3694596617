/* SPDX-License-Identifier: MIT */
#include "state/vcpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "state/call.h"

#define POLICY_LEAVES_MAX 1024u
#define POLICY_MSRS_MAX 1024u

static int write_blob(struct vl_out *out, uint32_t type, uint32_t vcpu, const void *blob, size_t len)
{
    struct vl_vcpu_header h = { .vcpu = vcpu };

    return vl_record_write(out, type, &h, sizeof(h), blob, len);
}

/* --- saving --------------------------------------------------------------------------------------- */

static int write_basic(struct vl *vl, uint32_t domid, uint32_t vcpu, struct vl_out *out, vl_frame_map *map, void *ctx)
{
    vcpu_guest_context_any_t *any = vl_xmalloc(sizeof(*any));
    int rc;

    if (xc_vcpu_getcontext(vl->xc, domid, vcpu, any))
        rc = vl_fail_errno("cannot read the registers of vCPU %u", vcpu);
    else
        rc = vl_vcpu_to_guest(vcpu, &any->x64, map, ctx);
    if (!rc)
        rc = write_blob(out, VL_REC_VCPU_BASIC, vcpu, &any->x64, sizeof(any->x64));
    free(any);
    return rc;
}

static int write_extended(struct vl *vl, uint32_t domid, uint32_t vcpu, struct vl_out *out)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_get_ext_vcpucontext, .domain = (domid_t)domid };

    op.u.ext_vcpucontext.vcpu = vcpu;
    if (xc_domctl(vl->xc, &op))
        return vl_fail_errno("cannot read the call-backs of vCPU %u", vcpu);
    return write_blob(out, VL_REC_VCPU_EXTENDED, vcpu, &op.u.ext_vcpucontext, sizeof(op.u.ext_vcpucontext));
}

static int write_xsave(struct vl *vl, uint32_t domid, uint32_t vcpu, struct vl_out *out)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpuextstate, .domain = (domid_t)domid };
    struct vl_buffer buffer;
    int rc = 0;

    op.u.vcpuextstate.vcpu = vcpu;
    if (xc_domctl(vl->xc, &op))
        return vl_fail_errno("cannot learn the size of the extended state of vCPU %u", vcpu);
    /* Without XSAVE the hypervisor gives a size all the same, for a head that says nothing. */
    if (!op.u.vcpuextstate.size || !op.u.vcpuextstate.xfeature_mask)
        return 0;
    if (op.u.vcpuextstate.size > VL_BLOB_MAX - sizeof(struct vl_vcpu_header))
        return vl_fail(-E2BIG, "vCPU %u has %llu bytes of extended state", vcpu,
                       (unsigned long long)op.u.vcpuextstate.size);
    if (!vl_buffer(vl, &buffer, op.u.vcpuextstate.size))
        return -ENOMEM;
    VL_HANDLE(op.u.vcpuextstate.buffer, buffer.p);
    if (xc_domctl(vl->xc, &op))
        rc = vl_fail_errno("cannot read the extended state of vCPU %u", vcpu);
    else if (op.u.vcpuextstate.size)
        rc = write_blob(out, VL_REC_VCPU_XSAVE, vcpu, buffer.p, op.u.vcpuextstate.size);
    vl_buffer_free(&buffer);
    return rc;
}

static int write_msrs(struct vl *vl, uint32_t domid, uint32_t vcpu, struct vl_out *out)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_get_vcpu_msrs, .domain = (domid_t)domid };
    struct vl_buffer buffer;
    int rc = 0;

    op.u.vcpu_msrs.vcpu = vcpu;
    if (xc_domctl(vl->xc, &op))
        return vl_fail_errno("cannot count the MSRs of vCPU %u", vcpu);
    if (!op.u.vcpu_msrs.msr_count)
        return 0;
    if (op.u.vcpu_msrs.msr_count > POLICY_MSRS_MAX)
        return vl_fail(-E2BIG, "vCPU %u has %u MSRs", vcpu, op.u.vcpu_msrs.msr_count);
    if (!vl_buffer(vl, &buffer, op.u.vcpu_msrs.msr_count * sizeof(struct xen_domctl_vcpu_msr)))
        return -ENOMEM;
    VL_HANDLE(op.u.vcpu_msrs.msrs, buffer.p);
    if (xc_domctl(vl->xc, &op))
        rc = vl_fail_errno("cannot read the MSRs of vCPU %u", vcpu);
    else if (op.u.vcpu_msrs.msr_count)
        rc = write_blob(out, VL_REC_VCPU_MSRS, vcpu, buffer.p,
                        op.u.vcpu_msrs.msr_count * sizeof(struct xen_domctl_vcpu_msr));
    vl_buffer_free(&buffer);
    return rc;
}

int vl_vcpu_write(struct vl *vl, uint32_t domid, uint32_t vcpu, struct vl_out *out, vl_frame_map *map, void *ctx)
{
    xc_vcpuinfo_t info;
    int rc;

    if (xc_vcpu_getinfo(vl->xc, domid, vcpu, &info))
        return errno == ESRCH ? 0 : vl_fail_errno("cannot ask about vCPU %u", vcpu);
    if (!info.online)
        return 0;
    rc = write_basic(vl, domid, vcpu, out, map, ctx);
    if (!rc)
        rc = write_extended(vl, domid, vcpu, out);
    if (!rc)
        rc = write_xsave(vl, domid, vcpu, out);
    return rc ? rc : write_msrs(vl, domid, vcpu, out);
}

int vl_policy_write(struct vl *vl, uint32_t domid, struct vl_out *out)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_get_cpu_policy, .domain = (domid_t)domid };
    struct vl_buffer leaves, msrs;
    int rc = 0;

    if (!vl_buffer(vl, &leaves, POLICY_LEAVES_MAX * sizeof(xen_cpuid_leaf_t)))
        return -ENOMEM;
    if (!vl_buffer(vl, &msrs, POLICY_MSRS_MAX * sizeof(xen_msr_entry_t))) {
        vl_buffer_free(&leaves);
        return -ENOMEM;
    }
    op.u.cpu_policy.nr_leaves = POLICY_LEAVES_MAX;
    op.u.cpu_policy.nr_msrs = POLICY_MSRS_MAX;
    VL_HANDLE(op.u.cpu_policy.leaves, leaves.p);
    VL_HANDLE(op.u.cpu_policy.msrs, msrs.p);
    if (xc_domctl(vl->xc, &op))
        rc = vl_fail_errno("cannot read the guest's CPU policy");
    if (!rc && op.u.cpu_policy.nr_leaves)
        rc = vl_record_write(out, VL_REC_CPUID_POLICY, leaves.p, op.u.cpu_policy.nr_leaves * sizeof(xen_cpuid_leaf_t),
                             NULL, 0);
    if (!rc && op.u.cpu_policy.nr_msrs)
        rc = vl_record_write(out, VL_REC_MSR_POLICY, msrs.p, op.u.cpu_policy.nr_msrs * sizeof(xen_msr_entry_t),
                             NULL, 0);
    vl_buffer_free(&leaves);
    vl_buffer_free(&msrs);
    return rc;
}

int vl_tsc_write(struct vl *vl, uint32_t domid, struct vl_out *out)
{
    struct vl_tsc_info tsc = { 0 };

    if (xc_domain_get_tsc_info(vl->xc, domid, &tsc.mode, &tsc.nsec, &tsc.khz, &tsc.incarnation))
        return vl_fail_errno("cannot read the guest's TSC mode");
    return vl_record_write(out, VL_REC_TSC_INFO, &tsc, sizeof(tsc), NULL, 0);
}

/* --- restoring ------------------------------------------------------------------------------------ */

static int set_basic(struct vl *vl, uint32_t domid, uint32_t vcpu, const void *blob, size_t len)
{
    vcpu_guest_context_any_t *any;
    int rc = 0;

    if (len != sizeof(any->x64))
        return vl_fail(-EINVAL, "vCPU %u: registers of %zu bytes, not %zu", vcpu, len, sizeof(any->x64));
    any = vl_xmalloc(sizeof(*any));
    memset(any, 0, sizeof(*any));
    memcpy(&any->x64, blob, len);
    if (xc_vcpu_setcontext(vl->xc, domid, vcpu, any))
        rc = vl_fail_errno("the hypervisor refused the registers of vCPU %u", vcpu);
    free(any);
    return rc;
}

static int set_extended(struct vl *vl, uint32_t domid, uint32_t vcpu, const void *blob, size_t len)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_set_ext_vcpucontext, .domain = (domid_t)domid };

    if (len > sizeof(op.u.ext_vcpucontext))
        return vl_fail(-EINVAL, "vCPU %u: call-backs of %zu bytes", vcpu, len);
    memcpy(&op.u.ext_vcpucontext, blob, len);
    op.u.ext_vcpucontext.vcpu = vcpu;
    return xc_domctl(vl->xc, &op) ? vl_fail_errno("the hypervisor refused the call-backs of vCPU %u", vcpu) : 0;
}

static int set_buffer(struct vl *vl, uint32_t domid, uint32_t record, uint32_t vcpu, const void *blob, size_t len)
{
    struct xen_domctl op = { .domain = (domid_t)domid };
    struct vl_buffer buffer;
    int rc = 0;

    if (!vl_buffer(vl, &buffer, len))
        return -ENOMEM;
    memcpy(buffer.p, blob, len);
    if (record == VL_REC_VCPU_XSAVE) {
        op.cmd = XEN_DOMCTL_setvcpuextstate;
        op.u.vcpuextstate.vcpu = vcpu;
        op.u.vcpuextstate.size = len;
        VL_HANDLE(op.u.vcpuextstate.buffer, buffer.p);
    } else {
        op.cmd = XEN_DOMCTL_set_vcpu_msrs;
        op.u.vcpu_msrs.vcpu = vcpu;
        op.u.vcpu_msrs.msr_count = (uint32_t)(len / sizeof(struct xen_domctl_vcpu_msr));
        VL_HANDLE(op.u.vcpu_msrs.msrs, buffer.p);
    }
    if (xc_domctl(vl->xc, &op))
        rc = vl_fail_errno("the hypervisor refused the %s of vCPU %u",
                           record == VL_REC_VCPU_XSAVE ? "extended state" : "MSRs", vcpu);
    vl_buffer_free(&buffer);
    return rc;
}

int vl_vcpu_set(struct vl *vl, uint32_t domid, uint32_t record, uint32_t vcpu, const void *blob, size_t len)
{
    switch (record) {
    case VL_REC_VCPU_BASIC: return set_basic(vl, domid, vcpu, blob, len);
    case VL_REC_VCPU_EXTENDED: return set_extended(vl, domid, vcpu, blob, len);
    default: return set_buffer(vl, domid, record, vcpu, blob, len);
    }
}

int vl_policy_set(struct vl *vl, uint32_t domid, const struct vl_policy *policy)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_set_cpu_policy, .domain = (domid_t)domid };
    struct vl_buffer leaves, msrs;
    int rc = 0;

    if (!policy->n_leaves && !policy->n_msrs)
        return 0;
    if (!vl_buffer(vl, &leaves, policy->n_leaves * sizeof(xen_cpuid_leaf_t)))
        return -ENOMEM;
    if (!vl_buffer(vl, &msrs, policy->n_msrs * sizeof(xen_msr_entry_t))) {
        vl_buffer_free(&leaves);
        return -ENOMEM;
    }
    if (policy->n_leaves)
        memcpy(leaves.p, policy->leaves, policy->n_leaves * sizeof(xen_cpuid_leaf_t));
    if (policy->n_msrs)
        memcpy(msrs.p, policy->msrs, policy->n_msrs * sizeof(xen_msr_entry_t));
    op.u.cpu_policy.nr_leaves = policy->n_leaves;
    op.u.cpu_policy.nr_msrs = policy->n_msrs;
    VL_HANDLE(op.u.cpu_policy.leaves, leaves.p);
    VL_HANDLE(op.u.cpu_policy.msrs, msrs.p);
    if (xc_domctl(vl->xc, &op))
        rc = vl_fail_errno("this host cannot give the guest the CPU it was saved with (CPUID leaf %#x/%#x, MSR %#x)",
                           op.u.cpu_policy.err_leaf, op.u.cpu_policy.err_subleaf, op.u.cpu_policy.err_msr);
    vl_buffer_free(&leaves);
    vl_buffer_free(&msrs);
    return rc;
}

int vl_tsc_set(struct vl *vl, uint32_t domid, const struct vl_tsc_info *tsc)
{
    if (xc_domain_set_tsc_info(vl->xc, domid, tsc->mode, tsc->nsec, tsc->khz, tsc->incarnation))
        return vl_fail_errno("the hypervisor refused the guest's TSC mode");
    return 0;
}
