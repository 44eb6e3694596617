/* SPDX-License-Identifier: MIT */
/*
 * Policies of two recorded CPUs against what Debian's Xen 4.17 makes of the same CPUs (xen-cpuid -p), cpuid as its
 * guests read it, serialisation and every refusal of DOMCTL_set_cpu_policy.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "../../../hypervisor/domain/policy_features.h"
#include "../run-suite.h"

#define N XEN_CPUID_NO_SUBLEAF

static void check_leaf(const struct cpu_policy *p, uint32_t leaf, uint32_t sub, uint32_t a, uint32_t b, uint32_t c,
                       uint32_t d)
{
    struct cpuid_regs r = policy_get(p, leaf, sub);

    ck_assert_msg(r.a == a && r.b == b && r.c == c && r.d == d,
                  "leaf %x.%x: %08x %08x %08x %08x, not %08x %08x %08x %08x",
                  leaf, sub, r.a, r.b, r.c, r.d, a, b, c, d);
}

START_TEST(amd_policies)
{
    machine_start(&record_amd, 0);
    check_leaf(&host_policy, 1, N, 0x60fb1, 0x800, 0xf6d8320b, 0x0fcbf3fd);
    check_leaf(&host_policy, 7, 0, 0, 0x018843a9, 0x20c, 0);
    check_leaf(&pv_max_policy, 1, N, 0x60fb1, 0x800, 0xf6f83203, 0x1fc9c3f5);
    check_leaf(&pv_max_policy, 7, 0, 2, 0x01880329, 0x200, 0);
    check_leaf(&pv_max_policy, 0xd, 0, 7, 0, 0x340, 0);
    check_leaf(&pv_max_policy, 0xd, 1, 5, 0, 0, 0);
    check_leaf(&pv_max_policy, 0xd, 2, 0x100, 0x240, 0, 0);
    check_leaf(&pv_max_policy, 0x80000001, N, 0x60fb1, 0, 0x63, 0xe8500800);
    check_leaf(&pv_default_policy, 0, N, 0xd, 0x68747541, 0x444d4163, 0x69746e65);
    check_leaf(&pv_default_policy, 1, N, 0x60fb1, 0x800, 0xf6d83203, 0x0fc9c3f5);
    check_leaf(&pv_default_policy, 5, N, 0, 0, 0, 0);
    check_leaf(&pv_default_policy, 7, 0, 0, 0x01880329, 0x200, 0);
    check_leaf(&pv_default_policy, 0xb, 0, 0, 0, 0, 0);
    check_leaf(&pv_default_policy, 0xd, 0, 7, 0, 0x340, 0);
    check_leaf(&pv_default_policy, 0xd, 9, 0, 0, 0, 0);
    check_leaf(&pv_default_policy, 0x80000001, N, 0x60fb1, 0, 0x61, 0xe8500800);
    check_leaf(&pv_default_policy, 0x80000005, N, 0x01ff01ff, 0x01ff01ff, 0x40020140, 0x40020140);
    check_leaf(&pv_default_policy, 0x80000006, N, 0, 0x42004200, 0x02008140, 0x00808140);
    check_leaf(&pv_default_policy, 0x80000008, N, 0x3928, 0, 0, 0);
    check_leaf(&pv_default_policy, 0x8000000a, N, 0, 0, 0, 0);
    ck_assert_uint_eq(pv_default_policy.arch_caps, 0);
    machine_stop();
}
END_TEST

/* Where Xen differs: under a hypervisor it takes AVX from this CPU (gather data sampling), and offers FB_CLEAR and
 * the like. */
START_TEST(intel_policies)
{
    machine_start(&record_intel, 0);
    check_leaf(&pv_default_policy, 1, N, 0x50654, 0x800, 0xf6d83203 & 0xfed83203 & ~0x08000000u, 0x0789cbf5);
    check_leaf(&pv_default_policy, 2, N, 1, 0, 0x4d, 0x2c307d);
    check_leaf(&pv_default_policy, 4, 3, 0x163, 0x03c0003f, 0x3fff, 6);
    check_leaf(&pv_default_policy, 7, 0, 0, 0x00880329, 0, 0x20000000);
    check_leaf(&pv_default_policy, 0x80000000, N, 0x80000008, 0, 0, 0);
    check_leaf(&pv_default_policy, 0x80000001, N, 0, 0, 0x21, 0x28100800);
    check_leaf(&pv_default_policy, 0x80000005, N, 0, 0, 0, 0);
    check_leaf(&pv_default_policy, 0x80000006, N, 0, 0, 0x02008140, 0);
    check_leaf(&pv_default_policy, 0x80000008, N, 0x3028, 0, 0, 0);
    ck_assert_uint_eq(pv_default_policy.arch_caps, 4);      /* RSBA */
    ck_assert_uint_eq(pv_max_policy.arch_caps & 4, 4);
    check_leaf(&pv_max_policy, 7, 0, 2, 0x01880329, 0, 0x20000000);
    machine_stop();
}
END_TEST

/* ERMS is believed only of a CPU that stores bytes as fast as words. */
START_TEST(slow_bytes)
{
    machine_start(&record_intel, 0);
    ck_assert(policy_has(&pv_default_policy, XEN_X86_FEATURE_ERMS));
    machine_stop();
    fake_stores_bytes_slowly = true;
    machine_start(&record_intel, 0);
    ck_assert(policy_has(&raw_policy, XEN_X86_FEATURE_ERMS));
    ck_assert(!policy_has(&pv_default_policy, XEN_X86_FEATURE_ERMS) && !policy_has(&pv_max_policy, XEN_X86_FEATURE_ERMS));
    machine_stop();
    fake_stores_bytes_slowly = false;
}
END_TEST

/* The masks are the marks of the public header: 'A' is for all guests, 'a' for those that ask. */
START_TEST(masks_follow_the_abi)
{
    uint32_t max[FEATURE_WORDS] = { 0 }, def[FEATURE_WORDS] = { 0 };
    static struct xen_cpuid_leaf ones[16];
    struct cpu_record all = { "all", 0xe7, 0, ones };
    char line[256], marks[32];
    unsigned int w, b;
    FILE *f = fopen("/usr/include/xen/arch-x86/cpufeatureset.h", "r");

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof(line), f)) {
        if (strncmp(line, "XEN_CPUFEATURE(", 15)) continue;
        marks[0] = 0;
        ck_assert_int_ge(sscanf(line, "XEN_CPUFEATURE(%*[^,], %u*32+ %u) /*%31[^ ]", &w, &b, marks), 2);
        w += b / 32;
        b %= 32;
        if (strpbrk(marks, "Aa")) max[w] |= 1u << b;
        if (strchr(marks, 'A')) def[w] |= 1u << b;
    }
    fclose(f);
    /* A CPU that has everything. */
    for (unsigned int l = 0; l < 12; l++) {
        static const uint32_t leaf[12][2] = { { 0, N }, { 1, N }, { 7, 0 }, { 7, 1 }, { 7, 2 }, { 0xd, 0 }, { 0xd, 1 },
            { 0x80000000, N }, { 0x80000001, N }, { 0x80000007, N }, { 0x80000008, N }, { 0x80000021, N } };

        ones[l] = (struct xen_cpuid_leaf){ leaf[l][0], leaf[l][1], ~0u, ~0u, ~0u, ~0u };
    }
    ones[0] = (struct xen_cpuid_leaf){ 0, N, 0x20, 0x68747541, 0x444d4163, 0x69746e65 };
    ones[2].a = 2;
    ones[7] = (struct xen_cpuid_leaf){ 0x80000000, N, 0x80000028, 0x68747541, 0x444d4163, 0x69746e65 };
    all.count = 12;
    machine_start(&all, 0);
    max[WORD_1C] |= 1u << 21;                               /* x2APIC: a guest may be told */
    max[WORD_1D] &= ~(1u << (XEN_X86_FEATURE_SEP % 32));    /* not on AMD */
    def[WORD_1D] &= ~(1u << (XEN_X86_FEATURE_SEP % 32));
    max[WORD_ARCH_CAPS_LO] = def[WORD_ARCH_CAPS_LO] = max[WORD_ARCH_CAPS_HI] = def[WORD_ARCH_CAPS_HI] = 0;
    def[WORD_7D] &= ~0u;
    for (w = 0; w < FEATURE_WORDS; w++) {
        if (w == WORD_1C) def[w] |= 1u << 21;               /* this CPU has it */
        ck_assert_msg(policy_word(&pv_max_policy, w) == max[w], "max word %u: %08x, not %08x", w,
                      policy_word(&pv_max_policy, w), max[w]);
        if (w == WORD_1C) def[w] &= ~(1u << 21);
        ck_assert_msg(policy_word(&pv_default_policy, w) == def[w], "default word %u: %08x, not %08x", w,
                      policy_word(&pv_default_policy, w), def[w]);
    }
    ck_assert_uint_eq(policy_get(&pv_max_policy, 0, N).a, 0xd);
    ck_assert_uint_eq(policy_get(&pv_max_policy, 0x80000000, N).a, 0x80000021);
    machine_stop();
}
END_TEST

static void check_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    struct cpuid_regs r = policy_cpuid(v, leaf, sub);

    ck_assert_msg(r.a == a && r.b == b && r.c == c && r.d == d,
                  "cpuid %x.%x: %08x %08x %08x %08x, not %08x %08x %08x %08x",
                  leaf, sub, r.a, r.b, r.c, r.d, a, b, c, d);
}

START_TEST(cpuid_of_a_guest)
{
    struct vcpu *v = machine_start(&record_amd, 1);

    max_mfn = 0x7ffe0;
    v->xcr0 = 7;
    check_cpuid(v, 0, 5, 0xd, 0x68747541, 0x444d4163, 0x69746e65);
    check_cpuid(v, 1, 0, 0x60fb1, 0x800, 0xfed83203, 0x0fc9c3f5);
    check_cpuid(v->domain->vcpu[1], 1, 0, 0x60fb1, 0x02000800, 0xfed83203, 0x0fc9c3f5);
    check_cpuid(v, 5, 0, 0, 0, 0, 0);
    check_cpuid(v, 7, 0, 0, 0x01880329, 0x200, 0);
    check_cpuid(v, 7, 1, 0, 0, 0, 0);
    check_cpuid(v, 7, 0xffffffff, 0, 0, 0, 0);
    check_cpuid(v, 0xb, 0, 0, 0, 0, 0);
    check_cpuid(v, 0xd, 0, 7, 0x340, 0x340, 0);
    check_cpuid(v, 0xd, 1, 5, 0, 0, 0);
    check_cpuid(v, 0xd, 2, 0x100, 0x240, 0, 0);
    check_cpuid(v, 0xd, 3, 0, 0, 0, 0);
    v->xcr0 = 1;
    check_cpuid(v, 0xd, 0, 7, 0x240, 0x340, 0);
    check_cpuid(v, 0xe, 0, 0, 0, 0, 0);
    check_cpuid(v, 0x12345678, 0, 0, 0, 0, 0);
    check_cpuid(v, 0x80000001, 0, 0x60fb1, 0, 0x61, 0xe9d1cbf5);
    check_cpuid(v, 0x80000008, 0, 0x3028, 0, 0, 0);
    check_cpuid(v, 0x8000000a, 0, 0, 0, 0, 0);
    check_cpuid(v, 0xc0000000, 0, 0, 0, 0, 0);
    check_cpuid(v, 0x40000000, 0, 0x40000005, 0x566e6558, 0x65584d4d, 0x4d4d566e);
    check_cpuid(v, 0x40000001, 0, 0x00040011, 0, 0, 0);
    check_cpuid(v, 0x40000002, 0, 1, 0x40000000, 1, 0);
    check_cpuid(v, 0x40000003, 0, 4, 0, (uint32_t)(time_tsc_hz() / 1000), 0);
    check_cpuid(domain_find(0)->vcpu[0], 0x40000003, 0, 4, 0, 0, 0);
    check_cpuid(domain_find(0)->vcpu[0], 0x40000003, 1, 0, 0, 0, 0);
    v->domain->tsc_khz = 0x279d1a;
    v->domain->tsc_mode = 1;
    v->domain->tsc_incarnation = 1;
    check_cpuid(v, 0x40000003, 0, 5, 1, 0x279d1a, 1);
    check_cpuid(v, 0x40000003, 1, 0, 0, 0xc5379ca5, 0xffffffff);
    check_cpuid(v, 0x40000003, 3, 0, 0, 0, 0);
    check_cpuid(v, 0x40000004, 0, 0, 0, 0, 0);
    check_cpuid(v, 0x40000005, 0, 0, 0x1f, 0, 0);
    check_cpuid(v, 0x40000006, 0, 0, 0, 0, 0);
    check_cpuid(v, 0x40000100, 0, 0, 0, 0, 0);
    machine_stop();
}
END_TEST

START_TEST(xcr0_values)
{
    struct vcpu *v = machine_start(&record_amd, 1);

    ck_assert(policy_xcr0_valid(v, 1));
    ck_assert(policy_xcr0_valid(v, 3));
    ck_assert(policy_xcr0_valid(v, 7));
    ck_assert(!policy_xcr0_valid(v, 0));
    ck_assert(!policy_xcr0_valid(v, 2));
    ck_assert(!policy_xcr0_valid(v, 5));            /* AVX without SSE */
    ck_assert(!policy_xcr0_valid(v, 0xe7));
    ck_assert(!policy_xcr0_valid(v, 1UL << 63 | 7));
    ck_assert(!policy_xcr0_valid(v, 0x207));
    machine_stop();
}
END_TEST

/* --- control interface ------------------------------------------------------------------------------------------- */

static struct xen_cpuid_leaf leaves[POLICY_LEAVES + 8];
static struct xen_msr_entry msrs[8];

START_TEST(sysctl_policy)
{
    struct xen_sysctl_cpu_policy op = { .index = XEN_SYSCTL_cpu_policy_pv_default };

    machine_start(&record_amd, 0);
    ck_assert_int_eq(sysctl_get_cpu_policy(&op), 0);        /* no handles: what to make room for */
    ck_assert_uint_eq(op.nr_leaves, 120);
    ck_assert_uint_eq(op.nr_msrs, 2);
    op.leaves.p = leaves;
    op.msrs.p = msrs;
    ck_assert_int_eq(sysctl_get_cpu_policy(&op), 0);
    ck_assert_uint_eq(op.nr_leaves, 120);                   /* all, absent ones as zeros */
    for (unsigned int i = 0; i < 120; i++) {
        struct cpuid_regs want = policy_get(&pv_default_policy, leaves[i].leaf, leaves[i].subleaf);

        ck_assert(leaves[i].a == want.a && leaves[i].b == want.b && leaves[i].c == want.c && leaves[i].d == want.d);
        ck_assert(i == 0 || leaves[i].leaf > leaves[i - 1].leaf || leaves[i].subleaf > leaves[i - 1].subleaf);
    }
    ck_assert_uint_eq(msrs[0].idx, 0xce);
    ck_assert_uint_eq(msrs[1].idx, 0x10a);
    op.nr_leaves--;
    ck_assert_int_eq(sysctl_get_cpu_policy(&op), -XEN_ENOBUFS);
    op.nr_msrs = 1;
    ck_assert_int_eq(sysctl_get_cpu_policy(&op), -XEN_ENOBUFS);
    op.leaves.p = (void *)16;
    op.nr_leaves = 120;
    ck_assert_int_eq(sysctl_get_cpu_policy(&op), -XEN_EFAULT);
    op.index = 6;
    ck_assert_int_eq(sysctl_get_cpu_policy(&op), -XEN_EINVAL);
    op.index = 0;
    op._rsvd = 1;
    ck_assert_int_eq(sysctl_get_cpu_policy(&op), -XEN_EINVAL);
    machine_stop();
}
END_TEST

START_TEST(sysctl_featureset)
{
    uint32_t words[32];
    struct xen_sysctl_cpu_featureset op = { .index = XEN_SYSCTL_cpu_featureset_pv };

    machine_start(&record_amd, 0);
    ck_assert_int_eq(sysctl_get_cpu_featureset(&op), 0);
    ck_assert_uint_eq(op.nr_features, 19);
    memset(words, 0xee, sizeof(words));
    op.features.p = words;
    op.nr_features = 32;
    ck_assert_int_eq(sysctl_get_cpu_featureset(&op), 0);
    ck_assert_uint_eq(op.nr_features, 19);
    ck_assert_uint_eq(words[0], 0x0fc9c3f5);
    ck_assert_uint_eq(words[1], 0xf6d83203);
    ck_assert_uint_eq(words[2], 0xe8500800);
    ck_assert_uint_eq(words[3], 0x61);
    ck_assert_uint_eq(words[4], 5);
    ck_assert_uint_eq(words[5], 0x01880329);
    ck_assert_uint_eq(words[6], 0x200);
    ck_assert_uint_eq(words[19], 0xeeeeeeee);
    words[5] = 0;
    op.nr_features = 5;
    ck_assert_int_eq(sysctl_get_cpu_featureset(&op), -XEN_ENOBUFS);
    ck_assert_uint_eq(words[5], 0);
    op.index = 9;
    ck_assert_int_eq(sysctl_get_cpu_featureset(&op), -XEN_EINVAL);
    machine_stop();
}
END_TEST

static struct xen_domctl_cpu_policy set_op(unsigned int nr_leaves, unsigned int nr_msrs)
{
    struct xen_domctl_cpu_policy op = { .nr_leaves = nr_leaves, .nr_msrs = nr_msrs };

    op.leaves.p = leaves;
    op.msrs.p = msrs;
    return op;
}

/* One leaf alone: the rest of the policy stays. */
static int set_leaf(struct domain *d, uint32_t leaf, uint32_t sub, uint32_t a, uint32_t b, uint32_t c, uint32_t dd)
{
    struct xen_domctl_cpu_policy op = set_op(1, 0);
    struct cpu_policy before = *d->policy;
    int rc;

    leaves[0] = (struct xen_cpuid_leaf){ leaf, sub, a, b, c, dd };
    rc = policy_set_from_guest(d, &op);
    if (rc) {
        ck_assert_int_eq(memcmp(&before, d->policy, sizeof(before)), 0);
        ck_assert_uint_eq(op.err_leaf, leaf);
        ck_assert_uint_eq(op.err_subleaf, sub);
    } else {
        ck_assert_uint_eq(op.err_leaf, 0xffffffff);
    }
    ck_assert_uint_eq(d->control_pause, 0);
    return rc;
}

START_TEST(set_policy)
{
    struct domain *d;
    struct xen_domctl_cpu_policy op;

    machine_start(&record_amd, 0);
    d = domain_find(1);
    ck_assert_int_eq(set_leaf(d, 1, N, 0x60fb1, 0x800, ~0u, ~0u), 0);   /* more than the host has: masked */
    check_leaf(d->policy, 1, N, 0x60fb1, 0x800, 0xf6f83203, 0x1fc9c3f5);
    ck_assert_int_eq(set_leaf(d, 1, N, 0x60fb1, 0x800, 0xf6d83203 & ~(1u << 26), 0x0fc9c3f5), 0);    /* no XSAVE */
    check_leaf(d->policy, 1, N, 0x60fb1, 0x800, 0xf6d83203 & ~(1u << 26 | 1u << 28 | 1u << 12 | 1u << 29), 0x0fc9c3f5);
    check_leaf(d->policy, 7, 0, 0, 0x01880329 & ~(1u << 5), 0, 0);      /* and so no AVX2, no VAES */
    check_leaf(d->policy, 0xd, 0, 0, 0, 0, 0);
    check_leaf(d->policy, 0xd, 1, 0, 0, 0, 0);
    ck_assert_int_eq(set_leaf(d, 0x8000000a, N, 1, 1, 1, 1), 0);        /* not for PV: gone */
    check_leaf(d->policy, 0x8000000a, N, 0, 0, 0, 0);
    ck_assert_int_eq(set_leaf(d, 0x40000000, N, 0x40000005, 0, 0, 0), 0);
    ck_assert_int_eq(set_leaf(d, 0x40000100, N, 0, 0, 0, 0), 0);
    ck_assert_int_eq(set_leaf(d, 0, N, 0xe, 0, 0, 0), -XEN_EINVAL);
    ck_assert_int_eq(set_leaf(d, 7, 0, 3, 0, 0, 0), -XEN_EINVAL);
    ck_assert_int_eq(set_leaf(d, 0x80000000, N, 0x80000022, 0, 0, 0), -XEN_EINVAL);
    ck_assert_int_eq(set_leaf(d, 0xe, N, 1, 0, 0, 0), -XEN_ERANGE);
    ck_assert_int_eq(set_leaf(d, 0x80000022, N, 1, 0, 0, 0), -XEN_ERANGE);
    ck_assert_int_eq(set_leaf(d, 0x40000001, N, 1, 0, 0, 0), -XEN_ERANGE);
    ck_assert_int_eq(set_leaf(d, 1, 0, 1, 0, 0, 0), -XEN_EINVAL);
    ck_assert_int_eq(set_leaf(d, 7, N, 1, 0, 0, 0), -XEN_EINVAL);
    ck_assert_int_eq(set_leaf(d, 7, 3, 1, 0, 0, 0), -XEN_ERANGE);
    ck_assert_int_eq(set_leaf(d, 0xd, 63, 1, 0, 0, 0), -XEN_ERANGE);
    ck_assert_int_eq(set_leaf(d, 0xd, 62, 1, 0, 0, 0), 0);              /* lay-out is the CPU's */
    check_leaf(d->policy, 0xd, 62, 0, 0, 0, 0);
    op = set_op(POLICY_LEAVES + 1, 0);
    ck_assert_int_eq(policy_set_from_guest(d, &op), -XEN_E2BIG);
    op = set_op(0, 3);
    ck_assert_int_eq(policy_set_from_guest(d, &op), -XEN_E2BIG);
    op = set_op(0, 0);
    ck_assert_int_eq(policy_set_from_guest(current->domain, &op), -XEN_EINVAL);
    guest_memory_add(leaves, 2 * sizeof(leaves[0]));
    op = set_op(3, 0);
    for (unsigned int i = 0; i < 3; i++) leaves[i] = (struct xen_cpuid_leaf){ 2, N, 0, 0, 0, 0 };
    ck_assert_int_eq(policy_set_from_guest(d, &op), -XEN_EFAULT);
    machine_stop();
}
END_TEST

static int set_msr(struct domain *d, uint32_t idx, uint32_t flags, uint64_t val)
{
    struct xen_domctl_cpu_policy op = set_op(0, 1);
    int rc;

    msrs[0] = (struct xen_msr_entry){ idx, flags, val };
    rc = policy_set_from_guest(d, &op);
    ck_assert_uint_eq(op.err_msr, rc ? idx : 0xffffffff);
    return rc;
}

START_TEST(set_policy_msrs)
{
    struct domain *d;

    machine_start(&record_intel, 0);
    d = domain_find(1);
    ck_assert_int_eq(set_msr(d, 0xce, 0, 0), 0);
    ck_assert_int_eq(set_msr(d, 0xce, 0, 0x80000000), -XEN_EINVAL);     /* this CPU cannot */
    ck_assert_int_eq(set_msr(d, 0xce, 0, 1), -XEN_EOVERFLOW);
    ck_assert_int_eq(set_msr(d, 0xce, 1, 0), -XEN_EINVAL);
    ck_assert_int_eq(set_msr(d, 0x10a, 0, 0), 0);
    ck_assert_uint_eq(d->policy->arch_caps, 0);
    ck_assert_int_eq(set_msr(d, 0x10a, 0, ~0UL), 0);
    ck_assert_uint_eq(d->policy->arch_caps, pv_max_policy.arch_caps);
    ck_assert_int_eq(set_msr(d, 0x10b, 0, 0), -XEN_ERANGE);
    machine_stop();
}
END_TEST

/* What libxenguest does at every creation: reads the default, and writes the whole back with absent leaves as zeros. */
START_TEST(round_trip)
{
    struct domain *d;
    struct cpu_policy before;
    struct xen_domctl_cpu_policy op = set_op(0, 2);
    unsigned int n = 0;

    machine_start(&record_intel, 0);
    d = domain_find(1);
    before = *d->policy;
    for (uint32_t leaf = 0; leaf <= BASIC_LAST; leaf++) {
        int subs = policy_subleafs(leaf);

        for (int s = 0; s < (subs ? subs : 1); s++) {
            struct cpuid_regs r = policy_get(&before, leaf, subs ? (uint32_t)s : N);

            leaves[n++] = (struct xen_cpuid_leaf){ leaf, subs ? (uint32_t)s : N, r.a, r.b, r.c, r.d };
        }
    }
    leaves[n++] = (struct xen_cpuid_leaf){ 0x40000000, N, 0, 0, 0, 0 };
    leaves[n++] = (struct xen_cpuid_leaf){ 0x40000100, N, 0, 0, 0, 0 };
    for (uint32_t leaf = EXTD_FIRST; leaf <= EXTD_LAST; leaf++) {
        struct cpuid_regs r = policy_get(&before, leaf, N);

        leaves[n++] = (struct xen_cpuid_leaf){ leaf, N, r.a, r.b, r.c, r.d };
    }
    ck_assert_uint_eq(n, POLICY_LEAVES);
    op.nr_leaves = n;
    msrs[0] = (struct xen_msr_entry){ 0xce, 0, before.platform_info };
    msrs[1] = (struct xen_msr_entry){ 0x10a, 0, before.arch_caps };
    ck_assert_int_eq(policy_set_from_guest(d, &op), 0);
    ck_assert_int_eq(memcmp(d->policy->leaf, before.leaf, sizeof(before.leaf)), 0);
    ck_assert_uint_eq(d->policy->arch_caps, before.arch_caps);
    machine_stop();
}
END_TEST

/* Random leaves: always either refused or within the maximum. */
START_TEST(random_sets)
{
    struct domain *d;

    machine_start(&record_amd, 0);
    d = domain_find(1);
    srandom(4711);
    for (unsigned int round = 0; round < 3000; round++) {
        struct xen_domctl_cpu_policy op = set_op((unsigned int)random() % 100, 0);

        for (unsigned int i = 0; i < op.nr_leaves; i++) {
            uint32_t leaf = (uint32_t)random() % 0xf | (random() & 1 ? EXTD_FIRST | (uint32_t)random() % 0x30 : 0);
            int subs = policy_subleafs(leaf);

            leaves[i] = (struct xen_cpuid_leaf){
                leaf, subs > 0 ? (uint32_t)random() % (uint32_t)subs : N,
                (uint32_t)random(), (uint32_t)random() * 2, (uint32_t)random() * 2, (uint32_t)random() * 2,
            };
            if (leaf == 0 || leaf == EXTD_FIRST || (leaf == 7 && leaves[i].subleaf == 0)) leaves[i].a &= leaf | 0xf;
        }
        policy_set_from_guest(d, &op);
            for (unsigned int w = 0; w < FEATURE_WORDS; w++)
            ck_assert_uint_eq(policy_word(d->policy, w) & ~policy_word(&pv_max_policy, w), 0);
        ck_assert_uint_eq(policy_xcr0(d->policy) & ~fpu_features, 0);
    }
    machine_stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("policy");
    TCase *t = tcase_create("policy");

    tcase_add_test(t, amd_policies);
    tcase_add_test(t, intel_policies);
    tcase_add_test(t, slow_bytes);
    tcase_add_test(t, masks_follow_the_abi);
    tcase_add_test(t, cpuid_of_a_guest);
    tcase_add_test(t, xcr0_values);
    tcase_add_test(t, sysctl_policy);
    tcase_add_test(t, sysctl_featureset);
    tcase_add_test(t, set_policy);
    tcase_add_test(t, set_policy_msrs);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, random_sets);
    suite_add_tcase(s, t);
    return run_suite(s);
}
