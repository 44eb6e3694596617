/* SPDX-License-Identifier: MIT */
/* The CPUID and MSR policies: raw (the CPU), host (what the hypervisor uses of it), pv_max (what a PV guest may be
 * given), pv_default (what it is given): made at boot, then only read; and one a domain, written while it is paused.
 * What concerns ring 0, paging and virtualization is not for PV guests: the masks are the features that cpufeatureset.h
 * marks 'A' (for all guests) and 'a' (if asked for), without those that hang on one that PV guests do not have. */
#include "policy_features.h"

struct cpu_policy raw_policy, host_policy, pv_max_policy, pv_default_policy;

/* Public features that the hypervisor knows; others are hidden even from the host's policy. */
static const uint32_t known_features[FEATURE_WORDS] = {
    0xbfebfbff, 0xfffef3ff, 0xee500800, 0x2469bfff, 0x0000000f, 0xffbfffff, 0x3a405fdf, 0x00000780, 0x779fd205,
    0xfc91ef1c, 0x00001c30, 0xf8000164, 0x00000001, 0x00000037, 0x00000000, 0x00040000,
    0x1fbeffff, 0x40000000, 0x00000006,
};
static const uint32_t pv_max_features[FEATURE_WORDS] = {
    0x1fc9cbf5, 0xf6f83203, 0xea500800, 0x042109e3, 0x00000007, 0xfdaf0b39, 0x1a405f43, 0x00000100, 0x64001005,
    0xac01451c, 0x00001c30, 0x78000064, 0x00000000, 0x00000021, 0x00000000, 0x00000000, 0x1d12e173,
    0x40000000, 0x00000006,
};
static const uint32_t pv_default_features[FEATURE_WORDS] = {
    0x1fc9cbf5, 0xf6d83203, 0xea500800, 0x042109e3, 0x00000007, 0xfdaf0b29, 0x02405f43, 0x00000000, 0x64001005,
    0xac00441c, 0x00001c30, 0x78000064, 0x00000000, 0x00000021, 0x00000000, 0x00000000, 0x1d12e173,
    0x40000000, 0x00000006,
};
/* A guest may be told of these whatever the host has: they say how software should behave, or are emulated. */
static const uint32_t max_synthetic[FEATURE_WORDS] = {
    [WORD_1D] = FEATURE_BIT(XEN_X86_FEATURE_HTT),
    [WORD_1C] = FEATURE_BIT(XEN_X86_FEATURE_X2APIC) | FEATURE_BIT(XEN_X86_FEATURE_HYPERVISOR),
    [WORD_E1C] = FEATURE_BIT(XEN_X86_FEATURE_CMP_LEGACY),
};
#define SKYLAKE_SERVER 0x55u            /* and its successors Cascade Lake, Cooper Lake */
#define ARCH_CAPS_RSBA ((uint64_t)FEATURE_BIT(XEN_X86_FEATURE_RSBA))
#define ARCH_CAPS_RDCL_NO ((uint64_t)FEATURE_BIT(XEN_X86_FEATURE_RDCL_NO))

unsigned int policy_vendor_of(const struct cpu_policy *p)
{
    struct cpuid_regs r = policy_get(p, 0, NO_SUB);
    const uint32_t name[] = { r.b, r.d, r.c };
    if (!memcmp(name, "GenuineIntel", sizeof(name)))
        return VENDOR_INTEL;
    return !memcmp(name, "AuthenticAMD", sizeof(name)) || !memcmp(name, "HygonGenuine", sizeof(name)) ? VENDOR_AMD
                                                                                                    : VENDOR_OTHER;
}

unsigned int policy_vendor(void) { return policy_vendor_of(&host_policy); }

/* Does the CPU have the leaf? Of caches and topology levels the first without a type ends the list. */
static bool leaf_there(struct xen_cpuid_leaf l, struct cpuid_regs r)
{
    uint32_t first = l.leaf & EXTD_FIRST, max = cpuid_native(first, 0).a;
    if (l.leaf < first || l.leaf > max || max > first + 0xffff || l.leaf == HV_FIRST || l.leaf == HV2_FIRST)
        return false;
    return l.leaf == 4 ? (r.a & 0x1f) != 0 : l.leaf == 0xb ? (r.c >> 8 & 0xff) != 0
                       : l.leaf != 7 || l.subleaf <= cpuid_native(7, 0).a;
}

static void make_raw(void)
{
    uint64_t val;
    for (unsigned int n = 0; n < POLICY_LEAVES; n++) {
        struct xen_cpuid_leaf l = policy_leaf_at(n);
        struct cpuid_regs r = cpuid_native(l.leaf, l.subleaf == NO_SUB ? 0 : l.subleaf);
        if (leaf_there(l, r))
            raw_policy.leaf[n] = r;
    }
    uint32_t *basic = &policy_leaf(&raw_policy, 0, NO_SUB)->a;
    uint32_t *extended = &policy_leaf(&raw_policy, EXTD_FIRST, NO_SUB)->a;
    *basic = min(*basic, BASIC_LAST);
    *extended = min(*extended, EXTD_LAST);
    if (policy_vendor_of(&raw_policy) == VENDOR_INTEL && msr_read_safe(MSR_PLATFORM_INFO, &val) == 0)
        raw_policy.platform_info = val & PLATFORM_INFO_CPUID_FAULT;
    if (policy_has(&raw_policy, XEN_X86_FEATURE_ARCH_CAPS) && msr_read_safe(MSR_ARCH_CAPABILITIES, &val) == 0)
        raw_policy.arch_caps = val;
}

/* Of an Intel CPU of family 6; 0: another CPU. */
static unsigned int intel_model(void)
{
    uint32_t sig = policy_get(&raw_policy, 1, NO_SUB).a;
    if (policy_vendor_of(&raw_policy) != VENDOR_INTEL || (sig >> 8 & 0xf) != 6)
        return 0;
    return (sig >> 4 & 0xf) | (sig >> 12 & 0xf0);
}

static void make_host(void)
{
    /* models whose return predictor falls back to the branch predictor when it runs empty, by Intel's list */
    static const uint8_t rsb_alternative[] = { 0x4e, 0x55, 0x5e, 0x66, 0x8e, 0x9e, 0xa5, 0xa6 };
    host_policy = raw_policy;
    for (unsigned int w = 0; w < FEATURE_WORDS; w++)
        *policy_word_of(&host_policy, w) &= known_features[w];
    /* These two say what the running OS has switched on: they are added when a guest asks. */
    policy_drop(&host_policy, XEN_X86_FEATURE_OSXSAVE);
    policy_drop(&host_policy, XEN_X86_FEATURE_OSPKE);
    /* AMD CPUs have no sysenter in long mode. */
    if (policy_vendor_of(&raw_policy) == VENDOR_AMD)
        policy_drop(&host_policy, XEN_X86_FEATURE_SEP);
    /* QEMU's emulator has ERMS and takes a step for each byte: a kernel that goes by words is eight times as fast. */
    if (policy_has(&raw_policy, XEN_X86_FEATURE_ERMS) && !cpu_stores_bytes_fast())
        policy_drop(&host_policy, XEN_X86_FEATURE_ERMS);
    if (memchr(rsb_alternative, (int)intel_model(), sizeof(rsb_alternative)) &&
        !policy_has(&raw_policy, XEN_X86_FEATURE_ARCH_CAPS))
        host_policy.arch_caps |= ARCH_CAPS_RSBA;
}

static void make_pv_max(void)
{
    pv_max_policy = host_policy;
    for (unsigned int w = 0; w < FEATURE_WORDS; w++)
        *policy_word_of(&pv_max_policy, w) = (policy_word(&host_policy, w) | max_synthetic[w]) & pv_max_features[w];
    /* Intel guests get the register always: it says how the CPU speculates, and what it lacks reads as not there. */
    if (policy_vendor() == VENDOR_INTEL) {
        *policy_word_of(&pv_max_policy, WORD_7D) |= FEATURE_BIT(XEN_X86_FEATURE_ARCH_CAPS);
        pv_max_policy.arch_caps |= ARCH_CAPS_RSBA;
    }
    if (policy_get(&host_policy, 0, NO_SUB).a >= 7)
        policy_leaf(&pv_max_policy, 7, 0)->a = FEAT_SUBLEAFS - 1;
    policy_restrict(&pv_max_policy, NULL);
}

static void make_pv_default(void)
{
    pv_default_policy = pv_max_policy;
    for (unsigned int w = 0; w < FEATURE_WORDS; w++) {
        uint32_t synthetic = max_synthetic[w] & ~policy_word(&host_policy, w);
        if (w == WORD_1C)
            synthetic &= ~FEATURE_BIT(XEN_X86_FEATURE_HYPERVISOR);
        *policy_word_of(&pv_default_policy, w) &= pv_default_features[w] & ~synthetic;
    }
    /* There CLWB is no more than CLFLUSHOPT: a guest that goes without it may move to older CPUs. */
    if (intel_model() == SKYLAKE_SERVER)
        policy_drop(&pv_default_policy, XEN_X86_FEATURE_CLWB);
    pv_default_policy.arch_caps |= host_policy.arch_caps & ARCH_CAPS_RSBA;
    policy_leaf(&pv_default_policy, 7, 0)->a = min(policy_get(&host_policy, 7, 0).a, FEAT_SUBLEAFS - 1);
    policy_restrict(&pv_default_policy, &pv_max_policy);
}

bool policy_branch_barrier;

/* What we do about guesses of the CPU, and, said once, what we do not: our memory is mapped while guests run. */
static void note_speculation(void)
{
    policy_branch_barrier = policy_has(&host_policy, XEN_X86_FEATURE_IBRSB) || policy_has(&host_policy, XEN_X86_FEATURE_IBPB);
    if (policy_vendor() == VENDOR_INTEL && !(host_policy.arch_caps & ARCH_CAPS_RDCL_NO))
        log_warn("this CPU may have the Meltdown flaw, which is not worked around: programs in guests could read all memory\n");
}

void policy_init(void)
{
    make_raw();
    make_host();
    make_pv_max();
    make_pv_default();
    note_speculation();
}

int policy_domain_init(struct domain *d)
{
    d->policy = hv_alloc(sizeof(*d->policy));
    if (!d->policy)
        return -XEN_ENOMEM;
    *d->policy = pv_default_policy;
    if (d->privileged)      /* dom0 runs only here: the invariant TSC is no hindrance to a migration */
        *policy_word_of(d->policy, WORD_E7D) |= policy_word(&pv_max_policy, WORD_E7D) &
                                                FEATURE_BIT(XEN_X86_FEATURE_ITSC);
    return 0;
}

void policy_domain_destroy(struct domain *d)
{
    hv_free(d->policy);
    d->policy = NULL;
}
