/* SPDX-License-Identifier: MIT */
/* The leaves of one policy: finding, setting, feature words, and bringing a policy within what a PV guest may have. No
 * state but the policy given; the callers see to it that nobody else changes it. */
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
                                   .subleaf = g->subleafs ? n : XEN_CPUID_NO_SUBLEAF };
}

static unsigned int place_of(uint32_t leaf, uint32_t subleaf)
{
    unsigned int base;
    const struct group *g = group_of(leaf, &base);
    if (!g || (g->subleafs ? subleaf >= g->subleafs : subleaf != XEN_CPUID_NO_SUBLEAF))
        return POLICY_LEAVES;
    return base + (unsigned int)index_clamp(g->subleafs ? subleaf : leaf - g->first, group_size(g));
}

struct cpuid_regs policy_get(const struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
    unsigned int n = place_of(leaf, subleaf);
    return n < POLICY_LEAVES ? p->leaf[n] : (struct cpuid_regs){ 0, 0, 0, 0 };
}

bool policy_put(struct cpu_policy *p, uint32_t leaf, uint32_t subleaf, struct cpuid_regs r)
{
    unsigned int n = place_of(leaf, subleaf);
    if (n < POLICY_LEAVES)
        p->leaf[n] = r;
    return n < POLICY_LEAVES;
}

/* Where each word of a feature set lies; reg is 0..3 for a..d. */
static const struct { uint32_t leaf, subleaf; uint8_t reg; } word_place[FEATURE_WORDS] = {
    [WORD_1D]   = { 1, XEN_CPUID_NO_SUBLEAF, 3 },
    [WORD_1C]   = { 1, XEN_CPUID_NO_SUBLEAF, 2 },
    [WORD_E1D]  = { 0x80000001, XEN_CPUID_NO_SUBLEAF, 3 },
    [WORD_E1C]  = { 0x80000001, XEN_CPUID_NO_SUBLEAF, 2 },
    [WORD_D1A]  = { 0xd, 1, 0 },
    [WORD_7B]   = { 7, 0, 1 },
    [WORD_7C]   = { 7, 0, 2 },
    [WORD_E7D]  = { 0x80000007, XEN_CPUID_NO_SUBLEAF, 3 },
    [WORD_E8B]  = { 0x80000008, XEN_CPUID_NO_SUBLEAF, 1 },
    [WORD_7D]   = { 7, 0, 3 },
    [WORD_71A]  = { 7, 1, 0 },
    [WORD_E21A] = { 0x80000021, XEN_CPUID_NO_SUBLEAF, 0 },
    [WORD_71B]  = { 7, 1, 1 },
    [WORD_72D]  = { 7, 2, 3 },
    [WORD_71C]  = { 7, 1, 2 },
    [WORD_71D]  = { 7, 1, 3 },
    [WORD_E21C] = { 0x80000021, XEN_CPUID_NO_SUBLEAF, 2 },
};

static uint32_t *reg_of(struct cpuid_regs *r, unsigned int n)
{
    return n == 0 ? &r->a : n == 1 ? &r->b : n == 2 ? &r->c : &r->d;
}

uint32_t policy_word(const struct cpu_policy *p, unsigned int word)
{
    struct cpuid_regs r;
    if (word == WORD_ARCH_CAPS_LO)
        return (uint32_t)p->arch_caps;
    if (word == WORD_ARCH_CAPS_HI)
        return (uint32_t)(p->arch_caps >> 32);
    r = policy_get(p, word_place[word].leaf, word_place[word].subleaf);
    return *reg_of(&r, word_place[word].reg);
}

void policy_set_word(struct cpu_policy *p, unsigned int word, uint32_t val)
{
    struct cpuid_regs r;
    if (word == WORD_ARCH_CAPS_LO) {
        p->arch_caps = (p->arch_caps & ~0xffffffffUL) | val;
    } else if (word == WORD_ARCH_CAPS_HI) {
        p->arch_caps = (uint32_t)p->arch_caps | (uint64_t)val << 32;
    } else {
        r = policy_get(p, word_place[word].leaf, word_place[word].subleaf);
        *reg_of(&r, word_place[word].reg) = val;
        policy_put(p, word_place[word].leaf, word_place[word].subleaf, r);
    }
}

#define F(n) XEN_X86_FEATURE_##n
/* Without the first feature the second makes no sense (SDM 1 13-15, each instruction's CPUID line). In order: a
 * chain is cut in one pass. */
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

void policy_drop(struct cpu_policy *p, unsigned int f)
{
    policy_set_word(p, f / 32, policy_word(p, f / 32) & ~(1u << (f % 32)));
}

uint64_t policy_xcr0(const struct cpu_policy *p)
{
    uint64_t x = XCR0_X87 | XCR0_SSE;
    if (!policy_has(p, XEN_X86_FEATURE_XSAVE))
        return 0;
    if (policy_has(p, XEN_X86_FEATURE_AVX))
        x |= XCR0_YMM;
    if (policy_has(p, XEN_X86_FEATURE_AVX512F))
        x |= XCR0_AVX512;
    return x & fpu_features;
}

/* The legacy area and header, then each component where the CPU says it lies. */
uint32_t policy_xsave_size(uint64_t xcr0)
{
    uint32_t size = 512 + 64;
    for (unsigned int n = 2; n < XSTATE_SUBLEAFS; n++) {
        struct cpuid_regs r;
        if (!(xcr0 & BIT(n)))
            continue;
        r = policy_get(&raw_policy, 0xd, n);
        size = max(size, r.a + r.b);
    }
    return size;
}

static void remake_xstate(struct cpu_policy *p)
{
    uint64_t xcr0 = policy_xcr0(p);
    struct cpuid_regs features = { policy_word(p, WORD_D1A), 0, 0, 0 };
    if (!xcr0)
        features.a = 0;
    for (unsigned int n = 0; n < XSTATE_SUBLEAFS; n++)
        policy_put(p, 0xd, n, (struct cpuid_regs){ 0, 0, 0, 0 });
    if (!xcr0)
        return;
    policy_put(p, 0xd, 0, (struct cpuid_regs){ (uint32_t)xcr0, 0, policy_xsave_size(xcr0), (uint32_t)(xcr0 >> 32) });
    policy_put(p, 0xd, 1, features);
    for (unsigned int n = 2; n < XSTATE_SUBLEAFS; n++)
        if (xcr0 & BIT(n))
            policy_put(p, 0xd, n, policy_get(&raw_policy, 0xd, n));
}

/* Keeps of a leaf the bits of the four masks. */
static void keep(struct cpu_policy *p, uint32_t leaf, struct cpuid_regs m)
{
    struct cpuid_regs r = policy_get(p, leaf, XEN_CPUID_NO_SUBLEAF);
    policy_put(p, leaf, XEN_CPUID_NO_SUBLEAF, (struct cpuid_regs){ r.a & m.a, r.b & m.b, r.c & m.c, r.d & m.d });
}

static bool leaf_visible(uint32_t leaf, unsigned int vendor)
{
    switch (leaf) {
    case 0: case 1: case 7: case 0xd:
        return true;
    case 2: case 4:
        return vendor == VENDOR_INTEL;
    case 0x80000000: case 0x80000001: case 0x80000002: case 0x80000003: case 0x80000004:
    case 0x80000006: case 0x80000007: case 0x80000008:
        return true;
    case 0x80000005: case 0x80000021:
        return vendor == VENDOR_AMD;
    default:
        return false;       /* monitor, thermal, performance counters, topology: the host's, and no guest's */
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
    struct cpuid_regs r;
    for (unsigned int w = 0; max && w < FEATURE_WORDS; w++)
        policy_set_word(p, w, policy_word(p, w) & policy_word(max, w));
    for (unsigned int n = 0; n < ARRAY_SIZE(needs); n++)
        if (!policy_has(p, needs[n][0]))
            policy_drop(p, needs[n][1]);
    if (!policy_has(p, XEN_X86_FEATURE_ARCH_CAPS))
        p->arch_caps = 0;
    hide_leaves(p);
    remake_xstate(p);
    for (unsigned int s = policy_get(p, 7, 0).a + 1; s < FEAT_SUBLEAFS; s++)
        policy_put(p, 7, s, (struct cpuid_regs){ 0, 0, 0, 0 });
    r = policy_get(p, EXTD_FIRST, XEN_CPUID_NO_SUBLEAF);
    if (r.a) {
        r.a = min(r.a, policy_vendor_of(p) == VENDOR_AMD ? EXTD_LAST : 0x80000008u);
        policy_put(p, EXTD_FIRST, XEN_CPUID_NO_SUBLEAF, r);
    }
}
