/* SPDX-License-Identifier: MIT */
/* cpuid as a vCPU gets it: its domain's policy, what depends on its state, the hypervisor's own leaves
 * (arch-x86/cpuid.h). */
#include "policy_features.h"

#include <xen/arch-x86/cpuid.h>

#define XEN_VERSION_MAJOR 4u
#define XEN_VERSION_MINOR 17u
#define LEAF_TIME_EMULATED 1u       /* leaf 0x40000003 */
#define LEAF_TIME_RELIABLE 2u
#define LEAF_TIME_RDTSCP   4u
#define AMD_COMMON_1D      0x0183f3ffu  /* bits of leaf 1's EDX that AMD repeats in 0x80000001's (APM 3 E.4.2) */
#define LINEAR_BITS        48u          /* 4-level page tables */

/* ns = (tsc << shift) * mul >> 32 for a TSC of khz; the largest mul below 2^32. */
static void khz_to_scale(uint32_t khz, uint32_t *mul, int8_t *shift)
{
    uint64_t num = 1000000UL << 32;
    *shift = 0;
    *mul = 0;
    if (!khz)
        return;
    while (num / khz >= 1UL << 32) {
        num >>= 1;
        ++*shift;
    }
    while (num / khz < 1UL << 31) {
        num <<= 1;
        --*shift;
    }
    *mul = (uint32_t)(num / khz);
}

static struct cpuid_regs leaf_time(const struct domain *d, uint32_t subleaf)
{
    struct cpuid_regs r = { 0, 0, 0, 0 };
    uint32_t mul, khz = d->tsc_khz;
    int8_t shift;
    if (!khz && !d->privileged)
        khz = (uint32_t)(time_tsc_hz() / 1000); /* not set: the host's */
    switch (subleaf) {
    case 0:
        if (d->tsc_mode == 1)
            r.a |= LEAF_TIME_EMULATED;
        if (policy_has(&host_policy, XEN_X86_FEATURE_ITSC))
            r.a |= LEAF_TIME_RELIABLE;
        if (policy_has(d->policy, XEN_X86_FEATURE_RDTSCP))
            r.a |= LEAF_TIME_RDTSCP;
        r.b = d->tsc_mode;
        r.c = khz;
        r.d = d->tsc_incarnation;
        break;
    case 1:
        khz_to_scale(khz, &mul, &shift);
        r.c = mul;
        r.d = (uint32_t)shift;
        break;
    case 2:
        r.a = (uint32_t)(time_tsc_hz() / 1000);
        break;
    }
    return r;
}

/* Bits of a machine address: of the highest frame of RAM. */
static uint32_t machine_address_width(void)
{
    uint64_t last = max_mfn ? max_mfn - 1 : 0;
    return last ? 64u - (uint32_t)__builtin_clzll(last) + PAGE_SHIFT : PAGE_SHIFT;
}

static struct cpuid_regs hypervisor_leaf(const struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r = { 0, 0, 0, 0 };
    switch (leaf - XEN_CPUID_FIRST_LEAF) {
    case 0:
        r.a = XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES);
        r.b = XEN_CPUID_SIGNATURE_EBX;
        r.c = XEN_CPUID_SIGNATURE_ECX;
        r.d = XEN_CPUID_SIGNATURE_EDX;
        break;
    case 1:
        r.a = XEN_VERSION_MAJOR << 16 | XEN_VERSION_MINOR;
        break;
    case 2:
        r.a = 1;                        /* hypercall pages */
        r.b = MSR_HYPERCALL_PAGE;
        r.c = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
        break;
    case 3: return leaf_time(v->domain, subleaf);
    case 5:
        if (subleaf == 0)
            r.b = machine_address_width() & XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK;
        break;
    }
    return r;
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
            r->c |= 1u << (XEN_X86_FEATURE_OSXSAVE % 32);
        break;
    case 0xd:
        if (subleaf == 0 && r->c)
            r->b = policy_xsave_size(v->xcr0 ? v->xcr0 : policy_xcr0(p));  /* not set yet: all are on */
        break;
    case 0x80000001:
        if (policy_vendor_of(p) == VENDOR_AMD)
            r->d |= policy_word(p, WORD_1D) & AMD_COMMON_1D;
        break;
    case 0x80000008:
        r->a = (r->a & 0xff) | LINEAR_BITS << 8;
        break;
    }
}

struct cpuid_regs policy_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
    const struct cpu_policy *p = v->domain->policy;
    struct cpuid_regs r = { 0, 0, 0, 0 };
    int subleafs = policy_subleafs(leaf);
    if (leaf >= XEN_CPUID_FIRST_LEAF && leaf <= XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES))
        return hypervisor_leaf(v, leaf, subleaf);
    if (subleafs < 0 || leaf > policy_get(p, leaf & EXTD_FIRST, XEN_CPUID_NO_SUBLEAF).a)
        return r;
    if (subleafs > 0 && subleaf >= (uint32_t)subleafs)
        return r;
    r = policy_get(p, leaf, subleafs ? subleaf : XEN_CPUID_NO_SUBLEAF);
    add_dynamic(v, leaf, subleaf, &r);
    return r;
}

bool policy_xcr0_valid(const struct vcpu *v, uint64_t xcr0) { return xcr0_valid(xcr0, policy_xcr0(v->domain->policy)); }
