/* SPDX-License-Identifier: MIT */
/* cpuid as a vCPU gets it: its domain's policy, what depends on its state, our own leaves (arch-x86/cpuid.h). */
#include "policy_features.h"

#include <xen/arch-x86/cpuid.h>

#define XEN_VERSION_MAJOR 4u
#define XEN_VERSION_MINOR 17u
#define LEAF_TIME_EMULATED 1u       /* leaf 0x40000003 */
#define LEAF_TIME_RELIABLE 2u
#define LEAF_TIME_RDTSCP   4u
#define AMD_COMMON_1D      0x0183f3ffu  /* bits of leaf 1's EDX that AMD repeats in 0x80000001's (APM 3 E.4.2) */
#define LINEAR_BITS        48u          /* 4-level page tables */

/* The largest mul below 2^32. */
void tsc_scale(uint64_t khz, uint32_t *mul, int8_t *shift)
{
    uint64_t num = 1000000UL << 32;
    for (*shift = 0; num / khz >= 1UL << 32; num >>= 1)
        ++*shift;
    for (; num / khz < 1UL << 31; num <<= 1)
        --*shift;
    *mul = (uint32_t)(num / khz);
}

static struct cpuid_regs leaf_time(const struct domain *d, uint32_t subleaf)
{
    struct cpuid_regs r = { 0, 0, 0, 0 };
    uint32_t khz = d->privileged ? d->tsc_khz : (uint32_t)domain_tsc_khz(d);
    int8_t shift = 0;
    switch (subleaf) {
    case 0:
        r.a = (d->tsc_mode == TSC_MODE_ALWAYS_EMULATE ? LEAF_TIME_EMULATED : 0) |
              (policy_has(&host_policy, XEN_X86_FEATURE_ITSC) ? LEAF_TIME_RELIABLE : 0) |
              (policy_has(d->policy, XEN_X86_FEATURE_RDTSCP) ? LEAF_TIME_RDTSCP : 0);
        r.b = d->tsc_mode;
        r.c = khz;
        r.d = d->tsc_incarnation;
        break;
    case 1:
        if (khz)
            tsc_scale(khz, &r.c, &shift);
        r.d = (uint32_t)shift;
        break;
    case 2: r.a = (uint32_t)(time_tsc_hz() / 1000); break;
    }
    return r;
}

/* Bits of a machine address: of the highest frame of RAM. */
static uint32_t machine_address_width(void)
{
    return max_mfn > 1 ? 64u - (uint32_t)__builtin_clzll(max_mfn - 1) + PAGE_SHIFT : PAGE_SHIFT;
}

static struct cpuid_regs hypervisor_leaf(const struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
    switch (leaf - XEN_CPUID_FIRST_LEAF) {
    case 0:
        return (struct cpuid_regs){ XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES), XEN_CPUID_SIGNATURE_EBX,
                                    XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX };
    case 1: return (struct cpuid_regs){ .a = XEN_VERSION_MAJOR << 16 | XEN_VERSION_MINOR };
    case 2: /* one hypercall page */
        return (struct cpuid_regs){ 1, MSR_HYPERCALL_PAGE, XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD, 0 };
    case 3: return leaf_time(v->domain, subleaf);
    case 5:
        if (subleaf == 0)
            return (struct cpuid_regs){ .b = machine_address_width() & XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK };
    }
    return (struct cpuid_regs){ 0 };
}

/* The parts of a leaf that depend on the vCPU. */
static void add_dynamic(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
    const struct cpu_policy *p = v->domain->policy;
    switch (leaf) {
    case 1:
        r->b = (r->b & 0x00ffffff) | (v->id * 2) << 24;     /* APIC id: as if each vCPU had a core of two threads */
        /* The hypervisor has XSAVE on in CR4 whatever the guest's copy says, and that is what ring 3 sees. */
        if (policy_has(p, XEN_X86_FEATURE_XSAVE))
            r->c |= FEATURE_BIT(XEN_X86_FEATURE_OSXSAVE);
        break;
    case 0xd:
        if (subleaf == 0 && r->c)
            r->b = policy_xsave_size(v->xcr0 ? v->xcr0 : policy_xcr0(p));  /* not set yet: all are on */
        break;
    case 0x80000001:
        if (policy_vendor_of(p) == VENDOR_AMD)
            r->d |= policy_word(p, WORD_1D) & AMD_COMMON_1D;
        break;
    case 0x80000008: r->a = (r->a & 0xff) | LINEAR_BITS << 8; break;
    }
}

struct cpuid_regs policy_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
    const struct cpu_policy *p = v->domain->policy;
    struct cpuid_regs r = { 0, 0, 0, 0 };
    int subleafs = policy_subleafs(leaf);
    if (leaf >= XEN_CPUID_FIRST_LEAF && leaf <= XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES))
        return hypervisor_leaf(v, leaf, subleaf);
    if (subleafs < 0 || leaf > policy_get(p, leaf & EXTD_FIRST, NO_SUB).a ||
        (subleafs > 0 && subleaf >= (uint32_t)subleafs))
        return r;
    r = policy_get(p, leaf, subleafs ? subleaf : NO_SUB);
    add_dynamic(v, leaf, subleaf, &r);
    return r;
}

bool policy_xcr0_valid(const struct vcpu *v, uint64_t xcr0) { return xcr0_valid(xcr0, policy_xcr0(v->domain->policy)); }
