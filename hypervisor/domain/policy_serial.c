/* SPDX-License-Identifier: MIT */
/* Policies across the control interface, as libxenguest 4.17 has them: an array of leaves, absent ones zero, and one of
 * MSRs. What comes in goes into a policy of its own, is checked, brought within pv_max, then the domain's. */
#include "policy_features.h"

typedef XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) leaf_handle;
typedef XEN_GUEST_HANDLE_64(xen_msr_entry_t) msr_handle;

#define NO_LEAF 0xffffffffu

/* Leaves are copied this many at a time. */
#define BATCH 15u
_Static_assert(POLICY_LEAVES % BATCH == 0, "the last batch is full");

static int put_leaves(const struct cpu_policy *p, leaf_handle out)
{
    struct xen_cpuid_leaf batch[BATCH];
    for (unsigned int n = 0; n < POLICY_LEAVES; n++) {
        const struct cpuid_regs *r = &p->leaf[n];
        struct xen_cpuid_leaf at = policy_leaf_at(n);
        batch[n % BATCH] = (struct xen_cpuid_leaf){ at.leaf, at.subleaf, r->a, r->b, r->c, r->d };
        if (n % BATCH == BATCH - 1 && put_handle_offset(out, n + 1 - BATCH, batch, BATCH))
            return -XEN_EFAULT;
    }
    return 0;
}

int policy_copy_to_guest(const struct cpu_policy *p, leaf_handle leaves, uint32_t *nr_leaves, msr_handle msrs,
                         uint32_t *nr_msrs)
{
    const struct xen_msr_entry msr[POLICY_MSRS] = {
        { MSR_PLATFORM_INFO, 0, p->platform_info }, { MSR_ARCH_CAPABILITIES, 0, p->arch_caps },
    };
    uint32_t room_leaves = *nr_leaves, room_msrs = *nr_msrs;
    *nr_leaves = POLICY_LEAVES;
    *nr_msrs = POLICY_MSRS;
    if ((!handle_is_null(leaves) && room_leaves < POLICY_LEAVES) || (!handle_is_null(msrs) && room_msrs < POLICY_MSRS))
        return -XEN_ENOBUFS;
    if ((!handle_is_null(leaves) && put_leaves(p, leaves)) ||
        (!handle_is_null(msrs) && copy_to_guest(msrs.p, msr, sizeof(msr))))
        return -XEN_EFAULT;
    return 0;
}

static const struct cpu_policy none;    /* HVM guests: there are none here, and so nothing they may have */

int sysctl_get_cpu_policy(struct xen_sysctl_cpu_policy *op)
{
    static const struct cpu_policy *const policies[] = {
        [XEN_SYSCTL_cpu_policy_raw] = &raw_policy, [XEN_SYSCTL_cpu_policy_host] = &host_policy,
        [XEN_SYSCTL_cpu_policy_pv_max] = &pv_max_policy, [XEN_SYSCTL_cpu_policy_hvm_max] = &none,
        [XEN_SYSCTL_cpu_policy_pv_default] = &pv_default_policy, [XEN_SYSCTL_cpu_policy_hvm_default] = &none,
    };
    if (op->_rsvd || op->index >= ARRAY_SIZE(policies))
        return -XEN_EINVAL;
    return policy_copy_to_guest(policies[index_clamp(op->index, ARRAY_SIZE(policies))], op->leaves, &op->nr_leaves,
                                op->msrs, &op->nr_msrs);
}

int sysctl_get_cpu_featureset(struct xen_sysctl_cpu_featureset *op)
{
    static const struct cpu_policy *const policies[] = {
        [XEN_SYSCTL_cpu_featureset_raw] = &raw_policy, [XEN_SYSCTL_cpu_featureset_host] = &host_policy,
        [XEN_SYSCTL_cpu_featureset_pv] = &pv_default_policy, [XEN_SYSCTL_cpu_featureset_hvm] = &none,
        [XEN_SYSCTL_cpu_featureset_pv_max] = &pv_max_policy, [XEN_SYSCTL_cpu_featureset_hvm_max] = &none,
    };
    if (op->index >= ARRAY_SIZE(policies))
        return -XEN_EINVAL;
    const struct cpu_policy *p = policies[index_clamp(op->index, ARRAY_SIZE(policies))];
    uint32_t room = handle_is_null(op->features) ? FEATURE_WORDS : op->nr_features;
    for (unsigned int w = 0; !handle_is_null(op->features) && w < min(room, FEATURE_WORDS); w++) {
        uint32_t word = policy_word(p, w);
        if (put_handle_offset(op->features, w, &word, 1))
            return -XEN_EFAULT;
    }
    op->nr_features = FEATURE_WORDS;
    return room < FEATURE_WORDS ? -XEN_ENOBUFS : 0;
}

static int take_leaf(struct cpu_policy *p, const struct xen_cpuid_leaf *l)
{
    struct cpuid_regs *r = policy_leaf(p, l->leaf, l->subleaf);
    int subleafs = policy_subleafs(l->leaf);
    if (!r)
        return subleafs >= 0 && (!subleafs || l->subleaf == NO_SUB) ? -XEN_EINVAL : -XEN_ERANGE;
    /* Not how many of the hypervisor's leaves to show, which is all, and not the CPU's XSAVE lay-out. */
    if (l->leaf != HV_FIRST && l->leaf != HV2_FIRST && (l->leaf != 0xd || l->subleaf <= 1))
        *r = (struct cpuid_regs){ l->a, l->b, l->c, l->d };
    return 0;
}

static int take_leaves(struct cpu_policy *p, struct xen_domctl_cpu_policy *op)
{
    struct xen_cpuid_leaf batch[BATCH];
    int rc = 0;
    if (op->nr_leaves > POLICY_LEAVES)
        return -XEN_E2BIG;
    for (uint32_t n = 0; !rc && n < op->nr_leaves; n++) {
        const struct xen_cpuid_leaf *l = &batch[n % BATCH];
        if (n % BATCH == 0 && copy_handle_offset(batch, op->leaves, n, min(BATCH, op->nr_leaves - n)))
            return -XEN_EFAULT;
        rc = take_leaf(p, l);
        op->err_leaf = rc ? l->leaf : NO_LEAF;
        op->err_subleaf = rc ? l->subleaf : NO_LEAF;
    }
    return rc;
}

static int take_msr(struct cpu_policy *p, const struct xen_msr_entry *m)
{
    if (m->flags)
        return -XEN_EINVAL;
    switch (m->idx) {
    case MSR_PLATFORM_INFO:
        if (m->val & ~PLATFORM_INFO_CPUID_FAULT)
            return -XEN_EOVERFLOW;
        p->platform_info = m->val;
        return 0;
    case MSR_ARCH_CAPABILITIES:
        p->arch_caps = m->val;
        return 0;
    default: return -XEN_ERANGE;
    }
}

static int take_msrs(struct cpu_policy *p, struct xen_domctl_cpu_policy *op)
{
    struct xen_msr_entry m;
    int rc = 0;
    if (op->nr_msrs > POLICY_MSRS)
        return -XEN_E2BIG;
    for (uint32_t n = 0; !rc && n < op->nr_msrs; n++) {
        if (copy_handle_offset(&m, op->msrs, n, 1))
            return -XEN_EFAULT;
        rc = take_msr(p, &m);
        op->err_msr = rc ? m.idx : NO_LEAF;
    }
    return rc;
}

/* Refuses what this host cannot do at all; single features that it lacks are masked later, as toolstacks expect. */
static int check_limits(const struct cpu_policy *p, struct xen_domctl_cpu_policy *op)
{
    static const uint32_t maximum[][2] = { { 0, NO_SUB }, { 7, 0 }, { EXTD_FIRST, NO_SUB } };
    for (unsigned int n = 0; n < ARRAY_SIZE(maximum); n++) {
        uint32_t leaf = maximum[n][0], subleaf = maximum[n][1];
        if (policy_get(p, leaf, subleaf).a > policy_get(&pv_max_policy, leaf, subleaf).a) {
            op->err_leaf = leaf;
            op->err_subleaf = subleaf;
            return -XEN_EINVAL;
        }
    }
    if (p->platform_info & ~pv_max_policy.platform_info) {
        op->err_msr = MSR_PLATFORM_INFO;
        return -XEN_EINVAL;
    }
    return 0;
}

int policy_set_from_guest(struct domain *d, struct xen_domctl_cpu_policy *op)
{
    op->err_leaf = op->err_subleaf = op->err_msr = NO_LEAF;
    if (d == current->domain)
        return -XEN_EINVAL;
    struct cpu_policy *p = hv_alloc(sizeof(*p));
    if (!p)
        return -XEN_ENOMEM;
    *p = *d->policy;
    int rc = take_leaves(p, op);
    if (!rc)
        rc = take_msrs(p, op);
    if (!rc)
        rc = check_limits(p, op);
    if (!rc) {
        policy_restrict(p, &pv_max_policy);
        *d->policy = *p;
    } else {
        log_debug("d%u: CPU policy refused (%d): leaf %x.%x, MSR %x\n", d->id, rc, op->err_leaf, op->err_subleaf,
                  op->err_msr);
    }
    hv_free(p);
    return rc;
}
