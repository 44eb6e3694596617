/* SPDX-License-Identifier: MIT */
/* Features by their numbers in the ABI's feature set (cpufeatureset.h: word * 32 + bit), and a policy's leaves. */
#ifndef DOMAIN_POLICY_FEATURES_H
#define DOMAIN_POLICY_FEATURES_H

#include "private.h"
#include <xen/arch-x86/cpufeatureset.h>

#define FEATURE_WORDS 19u
enum { WORD_1D, WORD_1C, WORD_E1D, WORD_E1C, WORD_D1A, WORD_7B, WORD_7C, WORD_E7D, WORD_E8B, WORD_7D, WORD_71A,
       WORD_E21A, WORD_71B, WORD_72D, WORD_71C, WORD_71D, WORD_ARCH_CAPS_LO, WORD_ARCH_CAPS_HI, WORD_E21C };

enum { VENDOR_OTHER = 1, VENDOR_INTEL = 2, VENDOR_AMD = 4 };    /* Hygon counts as AMD */
unsigned int policy_vendor(void);               /* of the host */
unsigned int policy_vendor_of(const struct cpu_policy *p);

/* How far each group of leaves reaches in what the toolstack can hold (libxenguest refuses more). */
#define BASIC_LAST     0x0du
#define FEAT_SUBLEAFS  3u       /* leaf 7 */
#define XSTATE_SUBLEAFS 63u     /* leaf 0xd */
#define EXTD_FIRST     0x80000000u
#define EXTD_LAST      0x80000021u
#define HV_FIRST       0x40000000u      /* the hypervisor's own leaves: their upper limits travel with a policy */
#define HV2_FIRST      0x40000100u
#define POLICY_MSRS 2u

#define NO_SUB XEN_CPUID_NO_SUBLEAF

/* How many subleaves `leaf` may have in a policy; 0: none (its subleaf is NO_SUB); -1: no such leaf. */
int policy_subleafs(uint32_t leaf);
/* The nth leaf of a policy, in the order of the control interface: numbers only. */
struct xen_cpuid_leaf policy_leaf_at(unsigned int n);
/* Where a leaf lies in p; NULL: there is no such leaf (policy_get: zeros). */
struct cpuid_regs *policy_leaf(struct cpu_policy *p, uint32_t leaf, uint32_t subleaf);
struct cpuid_regs policy_get(const struct cpu_policy *p, uint32_t leaf, uint32_t subleaf);

uint32_t *policy_word_of(struct cpu_policy *p, unsigned int word);     /* where it lies */
#define FEATURE_BIT(f) (1u << ((f) % 32))
static inline bool policy_has(const struct cpu_policy *p, unsigned int f)
{
    return policy_word(p, f / 32) & FEATURE_BIT(f);
}
static inline void policy_drop(struct cpu_policy *p, unsigned int f) { *policy_word_of(p, f / 32) &= ~FEATURE_BIT(f); }
uint64_t policy_xcr0(const struct cpu_policy *p);      /* the bits that p's features allow */

/* Makes p what a PV guest may have at most under max: features masked, those that miss what they need dropped,
 * leaves that PV guests do not see removed, XSAVE leaves worked out anew. */
void policy_restrict(struct cpu_policy *p, const struct cpu_policy *max);

extern struct cpu_policy raw_policy;            /* cpuid as the CPU says it, within the limits above */

#endif
