/* SPDX-License-Identifier: MIT */
/* MSRs against what Debian's Xen 4.17 gives Linux, on AMD and on Intel; time stamps. */
#include "emu.h"

static bool rdmsr(uint32_t msr, uint64_t *val)
{
    bool ok;

    r->rcx = 0xffffffff00000000 | msr;
    r->rax = r->rdx = ~0UL;
    ok = RUN("\x0f\x32");
    ck_assert_uint_eq(r->rip, (unsigned long)code + (ok ? 2 : 0));
    if (ok) {
        ck_assert_uint_eq(r->rax >> 32, 0);
        ck_assert_uint_eq(r->rdx >> 32, 0);
    }
    *val = r->eax | (uint64_t)r->edx << 32;
    return ok;
}

static bool wrmsr(uint32_t msr, uint64_t val)
{
    r->rcx = msr;
    r->rax = 0xffffffff00000000 | (uint32_t)val;
    r->rdx = 0xffffffff00000000 | val >> 32;
    return RUN("\x0f\x30");
}

static void check_msr(uint32_t msr, uint64_t want, bool writable)
{
    uint64_t val;

    ck_assert_msg(rdmsr(msr, &val), "MSR %x cannot be read", msr);
    ck_assert_msg(val == want, "MSR %x is %lx, not %lx", msr, (unsigned long)val, (unsigned long)want);
    ck_assert_msg(wrmsr(msr, val) == writable, "MSR %x: write", msr);
}

static void no_msr(uint32_t msr)
{
    uint64_t val;

    ck_assert_msg(!rdmsr(msr, &val), "MSR %x can be read", msr);
}

START_TEST(msrs_amd)
{
    setup(1);
    check_msr(0x1b, 0xfee00900, false);
    check_msr(0x8b, 0x0100006500000000, false);
    check_msr(0xce, 0, false);
    check_msr(0x140, 0, true);
    ck_assert(!wrmsr(0x140, 1));
    check_msr(0x179, 2, true);
    check_msr(0x17a, 0, true);
    check_msr(0x17b, 0, true);
    check_msr(0x1a0, 0x801801, true);
    check_msr(0x277, 0x0000050100070406, false);
    check_msr(0x280, 0, true);
    check_msr(0x345, 0, false);
    check_msr(0x400, ~0UL, true);
    check_msr(0x401, 0, true);
    check_msr(0x404, ~0UL, true);
    check_msr(0x407, 0, true);
    check_msr(0x40000000, 0, false);
    check_msr(0xc0000080, 0xd01, true);
    ck_assert(!wrmsr(0xc0000080, 0xd00));
    check_msr(0xc0000103, 0, true);
    check_msr(0xc0010000, 0, true);
    check_msr(0xc0010004, 0, true);
    check_msr(0xc0010015, 0, true);
    check_msr(0xc001001f, 0, true);
    check_msr(0xc0010061, 0, true);
    check_msr(0xc0010064, 0, true);
    check_msr(0xc0010200, 0, true);
    check_msr(0xc0011029, 2, true);
    static const uint32_t none[] = {
        0x17, 0x2a, 0x33, 0x3a, 0x3b, 0x48, 0x49, 0x79, 0xc1, 0xcd, 0x10a, 0x10b, 0x122, 0x174, 0x186, 0x198, 0x199,
        0x19b, 0x19c, 0x1d9, 0x200, 0x250, 0x2ff, 0x309, 0x38d, 0x38f, 0x408, 0x600, 0x606, 0x6e0, 0x802, 0xda0,
        0x4b564d00, 0x40000001, 0xc0000081, 0xc0000084, 0xc0000104, 0xc0010010, 0xc001001a, 0xc0010055, 0xc0010058,
        0xc0010117, 0xc0010140, 0xc0011004, 0xc001102c,
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) no_msr(none[i]);
    ck_assert(wrmsr(0xc0000082, 0x1234));           /* a kernel's syscall set-up does no harm */
    ck_assert(!wrmsr(0x2ff, 0));
    ck_assert(!wrmsr(0x10, 0));
    machine_stop();
}
END_TEST

START_TEST(msrs_intel)
{
    setup_on(&record_intel, 0);
    check_msr(0x17, 0, false);
    check_msr(0x3a, 1, false);
    check_msr(0x8b, 0x0100006500000000, false);
    ck_assert(wrmsr(0x8b, 0));
    check_msr(0xc1, 0, true);
    check_msr(0x10a, 4, false);
    check_msr(0x179, 0x1000c02, true);
    check_msr(0x186, 0, true);
    check_msr(0x198, 0, false);
    check_msr(0x199, 0, true);
    check_msr(0x19c, 0, false);
    check_msr(0x309, 0, true);
    check_msr(0x38d, 0, true);
    check_msr(0x390, 0, true);
    check_msr(0xc001001f, 0, true);
    no_msr(0xc0010015);
    no_msr(0xc0011029);
    no_msr(0x48);
    machine_stop();
}
END_TEST

START_TEST(segment_bases)
{
    uint64_t val;

    setup(1);
    ck_assert(wrmsr(0xc0000100, 0x7f0012345678));
    ck_assert(wrmsr(0xc0000101, 0xffff888000000000));
    ck_assert(wrmsr(0xc0000102, 0x1000));
    ck_assert_uint_eq(m.fs_base, 0x7f0012345678);
    ck_assert_uint_eq(m.gs_base, 0xffff888000000000);
    ck_assert_uint_eq(m.gs_shadow, 0x1000);
    m.gs_shadow = 0x123456789abc;
    ck_assert(rdmsr(0xc0000102, &val));
    ck_assert_uint_eq(val, 0x123456789abc);
    ck_assert(rdmsr(0xc0000101, &val));
    ck_assert_uint_eq(val, 0xffff888000000000);
    for (uint32_t msr = 0xc0000100; msr <= 0xc0000102; msr++) {
        ck_assert(!wrmsr(msr, 0x0000800000000000));
        ck_assert(!wrmsr(msr, 0xffff7fffffffffff));
    }
    ck_assert_uint_eq(m.gs_shadow, 0x123456789abc);
    user_mode(3);
    r->rcx = 0xc0000102;
    FAULTS("\x0f\x32");
    FAULTS("\x0f\x30");
    machine_stop();
}
END_TEST

START_TEST(msr_special_cases)
{
    uint64_t val;

    setup(1);
    v->traps[13].address = 0;                       /* no handler yet */
    ck_assert(rdmsr(0x600, &val));
    ck_assert_uint_eq(val, 0);
    ck_assert(!wrmsr(0x600, 0));
    v->traps[13].address = 1;
    no_msr(0x600);
    v->domain->config.arch.misc_flags = XEN_X86_MSR_RELAXED;
    ck_assert(rdmsr(0x600, &val));
    ck_assert_uint_eq(val, 0);
    ck_assert(wrmsr(0x600, 0));
    v->domain->config.arch.misc_flags = 0;
    ck_assert(wrmsr(0xc0000103, 0xabcd));           /* TSC_AUX is on the CPU at once */
    ck_assert_uint_eq(v->tsc_aux, 0xabcd);
    ck_assert_int_eq(msr_read_safe(0xc0000103, &val), 0);
    ck_assert_uint_eq(val, 0xabcd);
    ck_assert(!wrmsr(0xc0000103, 1UL << 32));
    vcpu_msrs_load(v->domain->vcpu[1]);
    msr_read_safe(0xc0000103, &val);
    ck_assert_uint_eq(val, 0);
    ck_assert(vcpu_write_msr(v->domain->vcpu[1], 0xc0000103, 5));  /* not current: not on this CPU */
    msr_read_safe(0xc0000103, &val);
    ck_assert_uint_eq(val, 0);
    vcpu_msrs_load(v->domain->vcpu[1]);
    msr_read_safe(0xc0000103, &val);
    ck_assert_uint_eq(val, 5);
    vcpu_msrs_load(domain_find(0)->vcpu[0]);
    fake_log_lines = 0;
    for (unsigned int i = 0; i < 50; i++) no_msr(0x601);
    ck_assert_uint_le(fake_log_lines, 1);
    machine_stop();
}
END_TEST

START_TEST(time_stamps)
{
    uint64_t val, first;

    setup(1);
    DONE("\x0f\x31");
    ck_assert_uint_eq(r->rax >> 32, 0);
    ck_assert(rdmsr(0x10, &val));
    v->tsc_aux = 77;
    DONE("\x0f\x01\xf9");                           /* rdtscp */
    ck_assert_uint_eq(r->rcx, 77);
    v->domain->tsc_mode = 1;
    v->domain->tsc_khz = 2000000;
    vcpu_msrs_load(v);
    ck_assert(m.trap_tsc);
    vcpu_msrs_load(domain_find(0)->vcpu[0]);
    ck_assert(!m.trap_tsc);
    vcpu_msrs_load(v);
    ck_assert(rdmsr(0x10, &first));
    fake_time_advance(1500);
    ck_assert(rdmsr(0x10, &val));
    ck_assert_uint_eq(val - first, 3000);
    user_mode(0);
    DONE("\x0f\x31");                               /* trapped for the hypervisor's sake */
    v->cr4_guest = 4;
    FAULTS("\x0f\x31");                             /* its kernel set TSD */
    FAULTS("\x0f\x01\xf9");
    machine_stop();
}
END_TEST

TCase *msr_tests(void)
{
    TCase *t = tcase_create("msrs");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, msrs_amd);
    tcase_add_test(t, msrs_intel);
    tcase_add_test(t, segment_bases);
    tcase_add_test(t, msr_special_cases);
    tcase_add_test(t, time_stamps);
    return t;
}
