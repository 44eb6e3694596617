/* SPDX-License-Identifier: MIT */
/* The leaves and feature words of one policy, and bringing it within what a PV guest may have. No state. */
#include "policy_features.h"

/* Every leaf a policy has, in order: libxenguest writes as many back as it was given. */
static const struct group { uint32_t first, last, subleafs; } groups[] = {
    { 0, 3, 0 }, { 4, 4, 6 }, { 5, 6, 0 }, { 7, 7, FEAT_SUBLEAFS }, { 8, 0xa, 0 }, { 0xb, 0xb, 2 }, { 0xc, 0xc, 0 },
    { 0xd, 0xd, XSTATE_SUBLEAFS }, { HV_FIRST, HV_FIRST, 0 }, { HV2_FIRST, HV2_FIRST, 0 }, { EXTD_FIRST, EXTD_LAST, 0 },
};

static unsigned int group_size(const struct group *g) { return g->subleafs ? g->subleafs : g->last - g->first + 1; }

/* The group that leaf is in, *base being the place of its first; NULL: none. */
static const struct group *group_of(uint32_t leaf, unsigned int *base)
{
    *base = 0;
    for (unsigned int i = 0; i < ARRAY_SIZE(groups); i++) {
        if (leaf >= groups[i].first && leaf <= groups[i].last)
            return &groups[i];
        *base += group_size(&groups[i]);
    }
    return NULL;
}

int policy_subleafs(uint32_t leaf)
{
    unsigned int base;
    const struct group *g = group_of(leaf, &base);
    return g ? (int)g->subleafs : -1;
}

struct xen_cpuid_leaf policy_leaf_at(unsigned int n)
{
    const struct group *g = groups;
    for (; n >= group_size(g); g++)
        n -= group_size(g);
    return (struct xen_cpuid_leaf){ .leaf = g->subleafs ? g->first : g->first + n,
                                   .subleaf = g->subleafs ? n : NO_SUB };
}

struct cpuid_regs *policy_leaf(struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
    unsigned int base;
    const struct group *g = group_of(leaf, &base);
    if (!g || (g->subleafs ? subleaf >= g->subleafs : subleaf != NO_SUB))
        return NULL;
    return &p->leaf[base + index_clamp(g->subleafs ? subleaf : leaf - g->first, group_size(g))];
}

struct cpuid_regs policy_get(const struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
    const struct cpuid_regs *r = policy_leaf((struct cpu_policy *)p, leaf, subleaf);
    return r ? *r : (struct cpuid_regs){ 0, 0, 0, 0 };
}

/* Where each word of a feature set lies. */
#define AT(leaf, subleaf, reg) { (leaf), (subleaf), offsetof(struct cpuid_regs, reg) }
static const struct { uint32_t leaf, subleaf; size_t offset; } word_place[FEATURE_WORDS] = {
    [WORD_1D] = AT(1, NO_SUB, d), [WORD_1C] = AT(1, NO_SUB, c), [WORD_D1A] = AT(0xd, 1, a),
    [WORD_7B] = AT(7, 0, b), [WORD_7C] = AT(7, 0, c), [WORD_7D] = AT(7, 0, d), [WORD_71A] = AT(7, 1, a),
    [WORD_71B] = AT(7, 1, b), [WORD_71C] = AT(7, 1, c), [WORD_71D] = AT(7, 1, d), [WORD_72D] = AT(7, 2, d),
    [WORD_E1D] = AT(0x80000001, NO_SUB, d), [WORD_E1C] = AT(0x80000001, NO_SUB, c),
    [WORD_E7D] = AT(0x80000007, NO_SUB, d), [WORD_E8B] = AT(0x80000008, NO_SUB, b),
    [WORD_E21A] = AT(0x80000021, NO_SUB, a), [WORD_E21C] = AT(0x80000021, NO_SUB, c),
};

uint32_t *policy_word_of(struct cpu_policy *p, unsigned int word)
{
    if (word == WORD_ARCH_CAPS_LO || word == WORD_ARCH_CAPS_HI)
        return &p->arch_caps_word[word - WORD_ARCH_CAPS_LO];
    struct cpuid_regs *r = policy_leaf(p, word_place[word].leaf, word_place[word].subleaf);
    return (uint32_t *)((char *)r + word_place[word].offset);
}

uint32_t policy_word(const struct cpu_policy *p, unsigned int word)
{
    return *policy_word_of((struct cpu_policy *)p, word);
}

#define F(n) XEN_X86_FEATURE_##n
/* Without the first feature the second makes no sense (SDM 1 13-15). In order: a chain is cut in one pass. */
static const uint16_t needs[][2] = {
    { F(FPU), F(MMX) }, { F(FPU), F(FXSR) }, { F(FXSR), F(SSE) }, { F(FXSR), F(FFXSR) }, { F(SSE), F(SSE2) },
    { F(MMX), F(MMXEXT) }, { F(MMX), F(3DNOW) }, { F(3DNOW), F(3DNOWEXT) }, { F(SSE), F(SSE4A) },
    { F(SSE), F(MISALIGNSSE) }, { F(SSE2), F(SSE3) }, { F(SSE3), F(SSSE3) }, { F(SSSE3), F(SSE4_1) },
    { F(SSE4_1), F(SSE4_2) }, { F(SSE2), F(AESNI) }, { F(SSE2), F(PCLMULQDQ) }, { F(SSE2), F(SHA) },
    { F(SSE2), F(GFNI) }, { F(FXSR), F(XSAVE) }, { F(XSAVE), F(XSAVEOPT) }, { F(XSAVE), F(XSAVEC) },
    { F(XSAVE), F(XGETBV1) }, { F(XSAVE), F(AVX) }, { F(AVX), F(FMA) }, { F(AVX), F(FMA4) }, { F(AVX), F(F16C) },
    { F(AVX), F(XOP) }, { F(AVX), F(AVX2) }, { F(AVX), F(VAES) }, { F(AVX), F(VPCLMULQDQ) }, { F(AVX2), F(AVX_VNNI) },
    { F(AVX2), F(AVX512F) }, { F(AVX512F), F(AVX512DQ) }, { F(AVX512F), F(AVX512_IFMA) }, { F(AVX512F), F(AVX512PF) },
    { F(AVX512F), F(AVX512ER) }, { F(AVX512F), F(AVX512CD) }, { F(AVX512F), F(AVX512BW) },
    { F(AVX512F), F(AVX512VL) }, { F(AVX512BW), F(AVX512_VBMI) }, { F(AVX512F), F(AVX512_4VNNIW) },
    { F(AVX512F), F(AVX512_4FMAPS) }, { F(AVX512F), F(AVX512_VNNI) }, { F(AVX512F), F(AVX512_VPOPCNTDQ) },
    { F(AVX512VL), F(AVX512_VP2INTERSECT) }, { F(AVX512BW), F(AVX512_VBMI2) }, { F(AVX512BW), F(AVX512_BITALG) },
    { F(AVX512BW), F(AVX512_BF16) }, { F(LM), F(LAHF_LM) }, { F(LM), F(FSGSBASE) }, { F(IBRSB), F(STIBP) },
    { F(IBRSB), F(SSBD) },
};
#undef F

uint64_t policy_xcr0(const struct cpu_policy *p)
{
    if (!policy_has(p, XEN_X86_FEATURE_XSAVE))
        return 0;
    return (XCR0_X87 | XCR0_SSE | (policy_has(p, XEN_X86_FEATURE_AVX) ? XCR0_YMM : 0) |
            (policy_has(p, XEN_X86_FEATURE_AVX512F) ? XCR0_AVX512 : 0)) & fpu_features;
}

/* The legacy area and header, then each component where the CPU says it lies. */
uint32_t policy_xsave_size(uint64_t xcr0)
{
    uint32_t size = 512 + 64;
    for (unsigned int n = 2; n < XSTATE_SUBLEAFS; n++) {
        struct cpuid_regs r = policy_get(&raw_policy, 0xd, n);
        size = max(size, xcr0 & BIT(n) ? r.a + r.b : 0);
    }
    return size;
}

static void remake_xstate(struct cpu_policy *p)
{
    const struct cpuid_regs none = { 0 };
    uint64_t xcr0 = policy_xcr0(p);
    uint32_t features = policy_word(p, WORD_D1A);
    for (unsigned int n = 0; n < XSTATE_SUBLEAFS; n++)
        *policy_leaf(p, 0xd, n) = n >= 2 && (xcr0 & BIT(n)) ? policy_get(&raw_policy, 0xd, n) : none;
    if (xcr0) {
        *policy_leaf(p, 0xd, 0) = (struct cpuid_regs){ (uint32_t)xcr0, 0, policy_xsave_size(xcr0), xcr0 >> 32 };
        policy_leaf(p, 0xd, 1)->a = features;
    }
}

/* Keeps of a leaf the bits of the four masks. */
static void keep(struct cpu_policy *p, uint32_t leaf, struct cpuid_regs m)
{
    struct cpuid_regs *r = policy_leaf(p, leaf, NO_SUB);
    *r = (struct cpuid_regs){ r->a & m.a, r->b & m.b, r->c & m.c, r->d & m.d };
}

/* Monitor, thermal, performance counters, topology are the host's, and no guest's. */
static bool leaf_visible(uint32_t leaf, unsigned int vendor)
{
    switch (leaf) {
    case 2: case 4: return vendor == VENDOR_INTEL;
    case 0x80000005: case 0x80000021: return vendor == VENDOR_AMD;
    default: return leaf <= 1 || leaf == 7 || leaf == 0xd || (leaf >= 0x80000000 && leaf <= 0x80000008);
    }
}

static void hide_leaves(struct cpu_policy *p)
{
    unsigned int vendor = policy_vendor_of(p);
    const uint32_t all = ~0u;
    for (unsigned int n = 0; n < POLICY_LEAVES; n++) {
        if (!leaf_visible(policy_leaf_at(n).leaf, vendor))
            p->leaf[n] = (struct cpuid_regs){ 0, 0, 0, 0 };
    }
    keep(p, 1, (struct cpuid_regs){ 0x0fff3fff, 0x00ffff00, all, all });    /* signature; CLFLUSH size, logical CPUs */
    keep(p, 0x80000007, (struct cpuid_regs){ 0, 0, 0, all });
    keep(p, 0x80000008, (struct cpuid_regs){ 0x0000ffff, all, 0, 0 });
    keep(p, 0x80000021, (struct cpuid_regs){ all, 0, all, 0 });
    if (vendor == VENDOR_INTEL) {
        keep(p, 0x80000000, (struct cpuid_regs){ all, 0, 0, 0 });
        keep(p, 0x80000001, (struct cpuid_regs){ 0, 0, all, all });
        keep(p, 0x80000006, (struct cpuid_regs){ 0, 0, all, 0 });
    }
}

void policy_restrict(struct cpu_policy *p, const struct cpu_policy *max)
{
    for (unsigned int w = 0; max && w < FEATURE_WORDS; w++)
        *policy_word_of(p, w) &= policy_word(max, w);
    for (unsigned int n = 0; n < ARRAY_SIZE(needs); n++)
        if (!policy_has(p, needs[n][0]))
            policy_drop(p, needs[n][1]);
    if (!policy_has(p, XEN_X86_FEATURE_ARCH_CAPS))
        p->arch_caps = 0;
    hide_leaves(p);
    remake_xstate(p);
    for (unsigned int s = policy_leaf(p, 7, 0)->a + 1; s < FEAT_SUBLEAFS; s++)
        *policy_leaf(p, 7, s) = (struct cpuid_regs){ 0 };
    uint32_t *last = &policy_leaf(p, EXTD_FIRST, NO_SUB)->a;
    *last = min(*last, policy_vendor_of(p) == VENDOR_AMD ? EXTD_LAST : 0x80000008u);
}
