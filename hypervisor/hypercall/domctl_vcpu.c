/* SPDX-License-Identifier: MIT */
/* domctl: one vCPU's state, set by the builder and kept by save and restore, and where it may run. A vCPU that is not
 * there is -XEN_ESRCH (contexts: -XEN_EINVAL), as tools know it. */
#include "private.h"

#define DOMCTL_VCPU(name, member) SUBOP_HANDLER_U(name, struct vcpu, v, struct xen_domctl, member)

/* Without a context the vCPU goes back to what it was when it was made. */
DOMCTL_VCPU(setvcpucontext, vcpucontext)
{
    spin_lock(&v->domain->ctl_lock);
    long rc = v->domain->dying ? -XEN_EINVAL            /* what it would take hold of, nobody would give back */
            : handle_is_null(op->ctxt) ? vcpu_reset(v) : vcpu_context_load(v, (unsigned long)op->ctxt.p, true);
    spin_unlock(&v->domain->ctl_lock);
    return rc;
}

DOMCTL_VCPU(getvcpucontext, vcpucontext)
{
    if (!v->initialised)
        return -XEN_ENODATA;
    struct vcpu_guest_context *c = hv_alloc(sizeof(*c));
    if (!c)
        return -XEN_ENOMEM;
    vcpu_get_context(v, c);
    long rc = put_handle(op->ctxt, c);
    hv_free(c);
    return rc;
}

DOMCTL_VCPU(getvcpuinfo, getvcpuinfo)
{
    op->online = !test_bit(VPF_DOWN, &v->pause_flags);
    op->blocked = test_bit(VPF_BLOCKED, &v->pause_flags);
    op->running = READ_ONCE(v->running);
    op->cpu_time = vcpu_time_running(v);
    op->cpu = v->cpu;
    return 0;
}

DOMCTL_VCPU(get_ext_vcpucontext, ext_vcpucontext)
{
    *op = (struct xen_domctl_ext_vcpucontext){
        .vcpu = op->vcpu, .size = sizeof(*op),
        .syscall32_callback_eip = v->syscall32_cb, .syscall32_callback_cs = v->syscall32_cb ? FLAT_KERNEL_CS : 0,
        .sysenter_callback_eip = v->sysenter_cb, .sysenter_callback_cs = v->sysenter_cb ? FLAT_KERNEL_CS : 0,
        .syscall32_disables_events = !!(v->callback_flags & VCPU_SYSCALL32_DISABLES),
        .sysenter_disables_events = !!(v->callback_flags & VCPU_SYSENTER_DISABLES),
    };
    return 0;
}

/* The machine-check fields, which follow the callbacks, describe a virtual MCA that PV guests do not get. */
DOMCTL_VCPU(set_ext_vcpucontext, ext_vcpucontext)
{
    if (op->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap) || !is_canonical(op->syscall32_callback_eip) ||
        !is_canonical(op->sysenter_callback_eip))
        return -XEN_EINVAL;
    v->syscall32_cb = op->syscall32_callback_eip;
    v->sysenter_cb = op->sysenter_callback_eip;
    v->callback_flags = (v->callback_flags & ~(uint32_t)(VCPU_SYSCALL32_DISABLES | VCPU_SYSENTER_DISABLES)) |
                        (op->syscall32_disables_events ? VCPU_SYSCALL32_DISABLES : 0) |
                        (op->sysenter_disables_events ? VCPU_SYSENTER_DISABLES : 0);
    return 0;
}

static const uint32_t kept_msrs[] = { MSR_SPEC_CTRL, MSR_MISC_FEATURES, MSR_TSC_AUX };
#define MSRS_MAX 64

/* Without a buffer: how many there can be. Those that are zero are left out. */
DOMCTL_VCPU(get_vcpu_msrs, vcpu_msrs)
{
    uint32_t n = 0, room = op->msr_count;
    op->msr_count = ARRAY_SIZE(kept_msrs);
    if (handle_is_null(op->msrs))
        return 0;
    for (unsigned int i = 0; i < ARRAY_SIZE(kept_msrs); i++) {
        struct xen_domctl_vcpu_msr msr = { .index = kept_msrs[i] };
        if (!vcpu_read_msr(v, msr.index, &msr.value) || !msr.value)
            continue;
        if (n == room)
            return -XEN_ENOBUFS;
        if (put_handle_offset(op->msrs, n, &msr, 1))
            return -XEN_EFAULT;
        n++;
    }
    op->msr_count = n;
    return 0;
}

static bool set_msr(struct vcpu *v, const struct xen_domctl_vcpu_msr *msr)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(kept_msrs); i++) {
        if (msr->index == kept_msrs[i] && msr->value)
            return vcpu_write_msr(v, msr->index, msr->value);
    }
    return msr->value == 0;
}

/* On -XEN_EINVAL msr_count is the index of the MSR at fault. */
DOMCTL_VCPU(set_vcpu_msrs, vcpu_msrs)
{
    if (handle_is_null(op->msrs))
        op->msr_count = 0;
    if (op->msr_count > MSRS_MAX)
        return -XEN_EINVAL;
    for (uint32_t i = 0; i < op->msr_count; i++) {
        struct xen_domctl_vcpu_msr msr;
        if (copy_handle_offset(&msr, op->msrs, i, 1))
            return -XEN_EFAULT;
        if (msr.reserved || !set_msr(v, &msr)) {
            op->msr_count = i;
            return -XEN_EINVAL;
        }
    }
    return 0;
}

/* Extended state: XCR0, the features ever enabled, then an XSAVE area in the standard format (SDM 1, 13.4), as v->fpu,
 * of the size those features need. An area that comes in is checked so that the CPU can load it without a fault. */
#define CPUID1_ECX_OSXSAVE BIT(27)
#define MXCSR_OFFSET    24
#define MXCSR_KNOWN     0xffffu
#define LEGACY_SIZE     512

struct xstate_prefix { uint64_t xcr0, accum; };
struct xsave_header { uint64_t xstate_bv, xcomp_bv, reserved[6]; };

#define AREA_MIN (LEGACY_SIZE + sizeof(struct xsave_header))

static bool have_xsave(void) { return cpuid_native(1, 0).c & CPUID1_ECX_OSXSAVE; }

static size_t area_size(uint64_t features) { return min(policy_xsave_size(features), fpu_state_size); }

/* What the area may hold: also SSE, which runs whatever XCR0 says, and what the guest has switched off since. */
static struct xstate_prefix prefix_of(const struct vcpu *v)
{
    const struct xsave_header *h = (const void *)((const uint8_t *)v->fpu + LEGACY_SIZE);
    uint64_t xcr0 = v->xcr0 ? v->xcr0 : fpu_features;
    return (struct xstate_prefix){ xcr0, xcr0 | XCR0_X87 | XCR0_SSE | h->xstate_bv };
}

static void *area_address(const struct xen_domctl_vcpuextstate *op)
{
    return (void *)((unsigned long)op->buffer.p + sizeof(struct xstate_prefix));
}

/* Without a buffer, or with size and mask 0: what a caller has to bring. */
DOMCTL_VCPU(getvcpuextstate, vcpuextstate)
{
    struct xstate_prefix prefix = prefix_of(v);
    size_t size = have_xsave() ? sizeof(prefix) + area_size(prefix.accum) : 0;
    if (handle_is_null(op->buffer) || (!op->size && !op->xfeature_mask)) {
        op->size = size;
        op->xfeature_mask = fpu_features;
        return 0;
    }
    if (op->size != size || op->xfeature_mask != fpu_features)
        return -XEN_EINVAL;
    return size && (copy_to_guest(op->buffer.p, &prefix, sizeof(prefix)) ||
                    copy_to_guest(area_address(op), v->fpu, size - sizeof(prefix))) ? -XEN_EFAULT : 0;
}

static bool area_ok(const uint8_t *area, uint64_t features)
{
    static const struct xsave_header none;
    struct xsave_header h;
    uint32_t mxcsr;
    memcpy(&h, area + LEGACY_SIZE, sizeof(h));
    memcpy(&mxcsr, area + MXCSR_OFFSET, sizeof(mxcsr));
    return !(h.xstate_bv & ~features) && !memcmp(&h.xcomp_bv, &none.xcomp_bv, sizeof(h) - sizeof(h.xstate_bv)) &&
           !(mxcsr & ~MXCSR_KNOWN);
}

DOMCTL_VCPU(setvcpuextstate, vcpuextstate)
{
    struct xstate_prefix prefix;
    long rc = 0;
    if (!have_xsave() || op->size < sizeof(prefix) + AREA_MIN)
        return -XEN_EINVAL;
    if (copy_from_guest(&prefix, op->buffer.p, sizeof(prefix)))
        return -XEN_EFAULT;
    size_t size = op->size - sizeof(prefix);
    if (!xcr0_valid(prefix.xcr0, fpu_features) || (prefix.xcr0 & ~prefix.accum) || (prefix.accum & ~fpu_features) ||
        size > area_size(prefix.accum))
        return -XEN_EINVAL;
    uint8_t *area = hv_alloc(size);
    if (!area)
        return -XEN_ENOMEM;
    if (copy_from_guest(area, area_address(op), size)) {
        rc = -XEN_EFAULT;
    } else if (!area_ok(area, prefix.accum | XCR0_X87 | XCR0_SSE)) {
        rc = -XEN_EINVAL;
    } else {
        memset(v->fpu, 0, fpu_state_size);
        memcpy(v->fpu, area, size);
        v->xcr0 = prefix.xcr0;
        v->fpu_cpu = NR_CPUS;       /* no CPU's registers hold this state */
    }
    hv_free(area);
    return rc;
}

/* The CPUs that a domain's pool has. */
static cpumask_t pool_cpus(const struct domain *d)
{
    struct xen_sysctl_cpupool_op op = { .op = XEN_SYSCTL_CPUPOOL_OP_INFO, .cpupool_id = d->cpupool };
    cpumask_t map = 0;
    return sched_cpupool(&op, &map) ? cpu_online_map : map & cpu_online_map;
}

/* Both sets are copied in before anything changes; what comes out is what takes effect. */
DOMCTL_VCPU(setvcpuaffinity, vcpuaffinity)
{
    bool set_hard = op->flags & XEN_VCPUAFFINITY_HARD, set_soft = op->flags & XEN_VCPUAFFINITY_SOFT;
    cpumask_t hard, soft;
    if (!(set_hard || set_soft) ||
        (op->flags & ~(uint32_t)(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE)))
        return -XEN_EINVAL;
    if ((set_hard && ctl_bitmap_get(&hard, &op->cpumap_hard)) || (set_soft && ctl_bitmap_get(&soft, &op->cpumap_soft)))
        return -XEN_EFAULT;
    if (set_hard && (op->flags & XEN_VCPUAFFINITY_FORCE))
        sched_pin_override(v, -1);
    long rc = sched_set_affinity(v, set_hard ? &hard : NULL, set_soft ? &soft : NULL);
    cpumask_t pool = pool_cpus(v->domain);
    if (!rc && set_hard)
        rc = ctl_bitmap_put(&op->cpumap_hard, v->sched.hard & pool);
    if (!rc && set_soft)
        rc = ctl_bitmap_put(&op->cpumap_soft, v->sched.soft & v->sched.hard & pool);
    return rc;
}

DOMCTL_VCPU(getvcpuaffinity, vcpuaffinity)
{
    long rc = 0;
    if (!(op->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
        return -XEN_EINVAL;
    if (op->flags & XEN_VCPUAFFINITY_HARD)
        rc = ctl_bitmap_put(&op->cpumap_hard, v->sched.hard);
    if (!rc && (op->flags & XEN_VCPUAFFINITY_SOFT))
        rc = ctl_bitmap_put(&op->cpumap_soft, v->sched.soft);
    return rc;
}

#define ROW(n, fl, ...) [XEN_DOMCTL_##n] = SUBOP(n, sizeof(struct xen_domctl), .flags = SUB_VCPU | (fl), __VA_ARGS__)
#define STATE           (SUB_OTHER | SUB_PAUSED)
const struct subop domctl_vcpu_ops[DOMCTL_VCPU_OPS] = {
    ROW(setvcpucontext, STATE, .error = XEN_EINVAL), ROW(getvcpucontext, STATE | SUB_OUT, .error = XEN_EINVAL),
    ROW(getvcpuinfo, SUB_OUT, .error = XEN_EINVAL), ROW(set_ext_vcpucontext, STATE),
    ROW(get_ext_vcpucontext, STATE | SUB_OUT), ROW(setvcpuextstate, STATE), ROW(getvcpuextstate, STATE | SUB_OUT),
    ROW(set_vcpu_msrs, STATE | SUB_OUT_ALWAYS), ROW(get_vcpu_msrs, STATE | SUB_OUT_ALWAYS),
    ROW(setvcpuaffinity, SUB_OUT), ROW(getvcpuaffinity, 0),
};
