/* SPDX-License-Identifier: MIT */
/* CPUID and MSR policy per domain (domain/policy.c): what a guest sees of the CPU. Host policy: what the CPU has.
 * Max: what a PV guest may be given. Default: what it is given. */
#pragma once
#include <hv/cpu.h>
#include <hv/x86.h>
#include <xen/sysctl.h>

#define POLICY_LEAVES 120
struct cpu_policy {
    struct cpuid_regs leaf[POLICY_LEAVES];      /* zeros where absent; which is which: domain/policy_leaves.c */
    uint64_t platform_info;         /* MSR_INTEL_PLATFORM_INFO (0xce): bit 31 cpuid faulting */
    union { uint64_t arch_caps; uint32_t arch_caps_word[2]; };      /* MSR_ARCH_CAPABILITIES (0x10a) */
};
extern struct cpu_policy host_policy, pv_max_policy, pv_default_policy;

extern bool policy_branch_barrier;      /* the CPU has IBPB: a barrier between two domains */

void policy_init(void);
int policy_domain_init(struct domain *d);           /* a copy of the default (dom0: with dom0's extras) */
void policy_domain_destroy(struct domain *d);
/* What vCPU v of the guest reads: static leaves from the policy, plus dynamic bits (OSXSAVE, APIC id, xstate size),
 * the hypervisor's leaves 0x40000000-0x40000005, and zero beyond the maxima as Intel's manual says. */
struct cpuid_regs policy_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf);
/* As XSETBV takes it: x87 always, AVX with SSE, AVX-512 whole and with AVX (SDM 1, 13.3). */
static inline bool xcr0_valid(uint64_t xcr0, uint64_t features)
{
    return !(xcr0 & ~features) && (xcr0 & XCR0_X87) && (!(xcr0 & XCR0_YMM) || (xcr0 & XCR0_SSE)) &&
           (!(xcr0 & XCR0_AVX512) || ((xcr0 & XCR0_AVX512) == XCR0_AVX512 && (xcr0 & XCR0_YMM)));
}
uint32_t policy_word(const struct cpu_policy *p, unsigned int word);    /* of the feature set (cpufeatureset.h) */
uint32_t policy_xsave_size(uint64_t xcr0);      /* bytes of an XSAVE area (standard format) with these components */
bool policy_xcr0_valid(const struct vcpu *v, uint64_t xcr0);    /* v may set XCR0 to it */
/* DOMCTL_get/set_cpu_policy and SYSCTL_get_cpu_policy: serialise to guest handles; -XEN_ENOBUFS with the needed
 * counts in *nr. */
int policy_copy_to_guest(const struct cpu_policy *p, XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) leaves, uint32_t *nr_leaves,
                         XEN_GUEST_HANDLE_64(xen_msr_entry_t) msrs, uint32_t *nr_msrs);
int policy_set_from_guest(struct domain *d, struct xen_domctl_cpu_policy *op);
int sysctl_get_cpu_policy(struct xen_sysctl_cpu_policy *op);
int sysctl_get_cpu_featureset(struct xen_sysctl_cpu_featureset *op);
