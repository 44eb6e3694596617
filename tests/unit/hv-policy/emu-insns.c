/* SPDX-License-Identifier: MIT */
/* Each other instruction where it may and may not be used; instruction streams that are cut off or hostile. */
#include <sys/mman.h>

#include "emu.h"

START_TEST(control_registers)
{
    setup(1);
    DONE("\x0f\x20\xc0");                           /* mov %cr0, %rax */
    ck_assert_uint_eq(r->rax, 0x80050033);
    r->rbx = 0x8005003b;
    DONE("\x0f\x22\xc3");                           /* mov %rbx, %cr0: TS */
    ck_assert(m.ts);
    DONE("\x44\x0f\x20\xc0");                       /* mov %cr8, %rax */
    ck_assert_uint_eq(r->rax, 0);
    DONE("\x41\x0f\x20\xc7");                       /* mov %cr0, %r15 */
    ck_assert_uint_eq(r->r15, 0x8005003b);
    DONE("\x0f\x06");                               /* clts */
    ck_assert(!m.ts);
    r->rbx = 0x80050032;
    FAULTS("\x0f\x22\xc3");                         /* without PE */
    v->info->arch.cr2 = 0x123456;
    DONE("\x0f\x20\xd1");                           /* mov %cr2, %rcx */
    ck_assert_uint_eq(r->rcx, 0x123456);
    r->rcx = 7;
    DONE("\x0f\x22\xd1");
    ck_assert_uint_eq(v->info->arch.cr2, 7);
    v->cr3_kernel = 0x5000;
    DONE("\x0f\x20\xd9");
    ck_assert_uint_eq(r->rcx, 0x5000);
    FAULTS("\x0f\x22\xd9");                         /* CR3 is set by hypercall */
    DONE("\x0f\x20\xe1");                           /* mov %cr4, %rcx */
    ck_assert_uint_eq(r->rcx & 0x20, 0x20);
    r->rcx = 0x3506a0 | 4;                          /* with SMEP and SMAP: those are dropped */
    DONE("\x0f\x22\xe1");
    ck_assert_uint_eq(v->cr4_guest, 0x506a4);
    ck_assert(m.trap_tsc);                          /* TSD */
    r->rcx = 0x506a0;
    DONE("\x0f\x22\xe1");
    ck_assert(!m.trap_tsc);
    r->rcx = 0;
    FAULTS("\x0f\x22\xe1");                         /* PAE off */
    FAULTS("\x0f\x20\xc8");                         /* CR1, CR5.. */
    FAULTS("\x0f\x20\xe8");
    FAULTS("\x44\x0f\x20\xc8");
    r->rbx = 9;
    FAULTS("\x44\x0f\x22\xc3");                     /* CR8 = 9 */
    r->rbx = 0;
    DONE("\x44\x0f\x22\xc3");
    DONE("\x0f\x20\x00");                           /* ModRM.mod does not count: %cr0 to %rax */
    user_mode(3);
    FAULTS("\x0f\x20\xc0");
    FAULTS("\x0f\x22\xc0");
    FAULTS("\x0f\x06");
    machine_stop();
}
END_TEST

START_TEST(machine_status)
{
    uint16_t w;

    setup(1);
    r->rax = ~0UL;
    DONE("\x66\x0f\x01\xe0");                       /* smsw %ax */
    ck_assert_uint_eq(r->rax, 0xffffffffffff0033);
    DONE("\x0f\x01\xe0");
    ck_assert_uint_eq(r->rax, 0x80050033);
    r->rdi = (unsigned long)data;
    DONE("\x0f\x01\x27");                           /* smsw (%rdi) */
    memcpy(&w, data, 2);
    ck_assert_uint_eq(w, 0x33);
    ck_assert_uint_eq(data[2], 0);
    w = 0x3b;
    memcpy(data, &w, 2);
    DONE("\x0f\x01\x37");                           /* lmsw (%rdi) */
    ck_assert(m.ts);
    r->rax = 0x33;
    DONE("\x0f\x01\xf0");
    ck_assert(!m.ts);
    DONE("\x0f\x01\x07");                           /* sgdt (%rdi): not the real one */
    ck_assert_uint_eq(data[0] | data[1], 0);
    DONE("\x0f\x01\x0f");                           /* sidt */
    DONE("\x0f\x00\xc0");                           /* sldt %eax */
    ck_assert_uint_eq(r->rax, 0);
    DONE("\x0f\x00\x0f");                           /* str (%rdi) */
    FAULTS("\x0f\x00\xd0");                         /* lldt */
    FAULTS("\x0f\x01\x17");                         /* lgdt */
    FAULTS("\x0f\x01\x1f");                         /* lidt */
    r->rdi = 0x10;
    ck_assert(RUN("\x0f\x01\x27"));
    ck_assert_uint_eq(m.vector, 14);
    ck_assert_uint_eq(m.cr2, 0x10);
    m.exceptions = 0;
    ck_assert(RUN("\x0f\x01\x37"));
    ck_assert_uint_eq(m.error, 0);
    m.exceptions = 0;
    user_mode(0);
    r->rdi = (unsigned long)data;
    DONE("\x0f\x01\x27");                           /* with UMIP it traps for users too */
    FAULTS("\x0f\x01\x37");
    machine_stop();
}
END_TEST

START_TEST(debug_registers)
{
    setup(1);
    r->rax = 0x1000;
    DONE("\x0f\x23\xd8");                           /* mov %rax, %dr3 */
    ck_assert_uint_eq(v->dr[3], 0x1000);
    DONE("\x0f\x21\xdb");                           /* mov %dr3, %rbx */
    ck_assert_uint_eq(r->rbx, 0x1000);
    r->rax = 0xffff800000000000;                    /* ours */
    FAULTS("\x0f\x23\xc0");
    r->rax = 0xffff87ffffffffff;
    FAULTS("\x0f\x23\xc0");
    r->rax = 0xffff880000000000;
    DONE("\x0f\x23\xc0");
    r->rax = 0x800000000000;
    FAULTS("\x0f\x23\xc0");
    r->rax = 0;
    DONE("\x0f\x23\xf0");                           /* DR6, by its two names */
    ck_assert_uint_eq(v->dr[6], 0xffff0ff0);
    DONE("\x0f\x21\xe3");
    ck_assert_uint_eq(r->rbx, 0xffff0ff0);
    r->rax = 0x00010003 | 0x2000;                   /* DR7: a write... and GD, which stays off */
    DONE("\x0f\x23\xf8");
    ck_assert_uint_eq(v->dr[7], 0x00010403);
    r->rax = 0x00020001;                            /* an I/O breakpoint */
    FAULTS("\x0f\x23\xf8");
    r->rax = 1UL << 32;
    FAULTS("\x0f\x23\xf8");
    FAULTS("\x44\x0f\x23\xc0");                     /* DR8 */
    ck_assert_int_eq(vcpu_set_debugreg(v->domain->vcpu[1], 0, 0x77), 0);
    ck_assert_uint_eq(v->domain->vcpu[1]->dr[0], 0x77);
    ck_assert_uint_eq(v->dr[0], 0xffff880000000000);
    user_mode(3);
    FAULTS("\x0f\x21\xd8");
    machine_stop();
}
END_TEST

START_TEST(cpuid_instructions)
{
    setup(1);
    r->rax = 0xffffffff40000000;
    r->rcx = 0xffffffff00000000;
    DONE("\x0f\xa2");
    ck_assert_uint_eq(r->rbx, 0x566e6558);
    ck_assert_uint_eq(r->rax, 0x40000005);
    memcpy(code, "\x0f\x0bxen\x0f\xa2", 7);
    r->rip = (unsigned long)code;
    r->rax = 0x40000001;
    ck_assert(emulate_forced(v, r));
    ck_assert_uint_eq(r->rax, 0x40011);
    ck_assert_uint_eq(r->rip, (unsigned long)code + 7);
    memcpy(code, "\x0f\x0bxem\x0f\xa2", 7);
    r->rip = (unsigned long)code;
    ck_assert(!emulate_forced(v, r));
    memcpy(code, "\x0f\x0bxen\x0f\x31", 7);
    ck_assert(!emulate_forced(v, r));
    r->rip = (unsigned long)code + 2 * PAGE_SIZE - 4;
    memcpy((void *)r->rip, "\x0f\x0bxe", 4);
    ck_assert(!emulate_forced(v, r));
    user_mode(0);
    r->rax = 1;
    DONE("\x0f\xa2");
    v->cpuid_faulting = true;
    FAULTS("\x0f\xa2");
    memcpy(code, "\x0f\x0bxen\x0f\xa2", 7);
    r->rip = (unsigned long)code;
    ck_assert(!emulate_forced(v, r));
    v->in_kernel = true;
    DONE("\x0f\xa2");
    machine_stop();
}
END_TEST

START_TEST(extended_state)
{
    setup(1);
    r->rcx = 0;
    r->rdx = 0;
    r->rax = 7;
    DONE("\x0f\x01\xd1");
    ck_assert_uint_eq(v->xcr0, 7);
    ck_assert_uint_eq(m.xcr0, 7);
    r->rax = 5;
    FAULTS("\x0f\x01\xd1");
    r->rax = 0x1f;
    FAULTS("\x0f\x01\xd1");
    r->rax = 7;
    r->rdx = 1;
    FAULTS("\x0f\x01\xd1");
    r->rdx = 0;
    r->rcx = 1;
    FAULTS("\x0f\x01\xd1");
    r->rcx = 0;
    user_mode(3);
    FAULTS("\x0f\x01\xd1");
    machine_stop();
}
END_TEST

START_TEST(others)
{
    setup(0);
    DONE("\x0f\x09");                               /* wbinvd: dom0 has devices */
    DONE("\x0f\x08");
    ck_assert_uint_eq(m.flushes, 2);
    v->info->evtchn_upcall_mask = 1;
    DONE("\xf4");                                   /* hlt */
    ck_assert_uint_eq(m.blocks, 1);
    ck_assert_uint_eq(v->info->evtchn_upcall_mask, 0);
    DONE("\xfa");
    DONE("\xfb");
    ck_assert_uint_eq(v->info->evtchn_upcall_mask, 0);
    r->rdi = 0x7000;
    DONE("\x0f\x01\x7f\x08");                       /* invlpg 8(%rdi) */
    ck_assert_uint_eq(m.invalidated_va, 0x7008);
    FAULTS("\x0f\x01\xf8");                         /* swapgs */
    FAULTS("\x0f\x07");                             /* sysret */
    FAULTS("\x0f\x35");                             /* sysexit */
    FAULTS("\x0f\x33");                             /* rdpmc */
    FAULTS("\xcf");                                 /* iret */
    FAULTS("\x0f\xae\x07");
    FAULTS("\x66\x0f\x38\x82\x07");                 /* invpcid */
    FAULTS("\x0f\x01\xc1");                         /* vmcall */
    FAULTS("\x0f\x01\xc8");                         /* monitor */
    FAULTS("\x0f\x01\xc9");                         /* mwait */
    FAULTS("\xf0\x0f\x32");                         /* lock */
    r->error_code = 8;
    FAULTS("\x0f\xa2");                             /* a selector's fault */
    r->error_code = 0;
    user_mode(3);
    FAULTS("\x0f\x09");
    FAULTS("\xf4");
    FAULTS("\x0f\x01\x3f");
    machine_stop();
    setup(1);
    DONE("\x0f\x09");                               /* done, but nobody's caches are emptied */
    ck_assert_uint_eq(m.flushes, 0);
    machine_stop();
}
END_TEST

START_TEST(prefixes_and_steps)
{
    setup(0);
    r->rdx = 0x80;
    r->rax = 0;
    DONE("\x2e\x3e\x26\x36\x66\x67\xf2\xed");       /* all of them, 16-bit */
    ck_assert_uint_eq(m.io[m.nr_io - 1].size, 2);
    DONE("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\xed");
    FAULTS("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\xed");  /* 16 bytes */
    r->rflags |= 0x10100;                           /* single step, resume */
    ck_assert(RUN("\xec"));
    ck_assert_uint_eq(m.exceptions, 1);
    ck_assert_uint_eq(m.vector, 1);
    ck_assert_uint_eq(r->rip, (unsigned long)code + 1);
    ck_assert_uint_eq(v->dr[6] & 0x4000, 0x4000);
    ck_assert_uint_eq(r->rflags & 0x10000, 0);
    machine_stop();
}
END_TEST

/* The instruction ends where the readable memory does, or one byte later. */
START_TEST(end_of_memory)
{
    static const struct { const char *bytes; unsigned int len; } insns[] = {
        { "\xec", 1 }, { "\xe4\x80", 2 }, { "\x0f\x32", 2 }, { "\x0f\xa2", 2 }, { "\x66\xe5\x80", 3 },
        { "\x0f\x20\xc0", 3 },
        { "\x0f\x01\xe0", 3 }, { "\x44\x0f\x20\xc0", 4 }, { "\x0f\x01\x7f\x08", 4 }, { "\x0f\x01\xbf\0\0\0\0", 7 },
        { "\x0f\x01\x3d\0\0\0\0", 7 }, { "\x0f\x01\xbc\x24\0\0\0\0", 8 },
    };

    setup(0);
    r->rdx = 0x80;
    for (unsigned int i = 0; i < ARRAY_SIZE(insns); i++) {
        for (unsigned int n = 0; n <= insns[i].len; n++) {
            uint8_t *at = code + 2 * PAGE_SIZE - n;

            r->rcx = 0xc0000100;
            r->rax = 0;
            memcpy(at, insns[i].bytes, n);
            r->rip = (unsigned long)at;
            ck_assert_int_eq(emulate_privileged(v, r), n == insns[i].len);
            /* Across the page boundary inside readable memory it works. */
            if (n) {
                at = code + PAGE_SIZE - n;
                memcpy(at, insns[i].bytes, insns[i].len);
                r->rip = (unsigned long)at;
                r->rcx = 0xc0000100;
                r->rax = 0;
                ck_assert(emulate_privileged(v, r));
                ck_assert_uint_eq(r->rip, (unsigned long)at + insns[i].len);
            }
        }
    }
    machine_stop();
}
END_TEST

/* Code segments of user mode: 64-bit, 32-bit flat, 32-bit with a base, 16-bit, out of the table. */
START_TEST(user_segments)
{
    uint64_t *gdt, *ldt;
    unsigned long low = (unsigned long)mmap((void *)0x20000000, PAGE_SIZE, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    ck_assert_uint_eq(low, 0x20000000);
    setup(0);
    guest_memory_add((void *)low, PAGE_SIZE);
    user_mode(3);
    gdt = hv_pages_alloc(0);
    v->gdt_mfn[0] = virt_to_mfn(gdt);
    v->gdt_entries = 16;
    gdt[5] = 0x00cffb000000ffff;                    /* 32-bit, base 0 */
    gdt[6] = 0x20cffb200000ffff;                    /* 32-bit, base 0x20200000 */
    gdt[7] = 0x008ffb000000ffff;                    /* 16-bit */
    gdt[8] = 0x00affb000000ffff;                    /* 64-bit */
    memcpy((void *)low, "\x40\xec", 2);             /* 32-bit code: inc %eax; 64-bit: a REX prefix */
    r->rdx = 0x80;
    r->rip = low;
    r->cs = 5 << 3 | 3;
    ck_assert(!emulate_privileged(v, r));
    r->rip = low + 1;
    ck_assert(emulate_privileged(v, r));
    r->cs = 8 << 3 | 3;
    r->rip = low;
    ck_assert(emulate_privileged(v, r));
    r->cs = 0xe023;
    r->rip = low + 1;
    ck_assert(emulate_privileged(v, r));
    r->cs = 6 << 3 | 3;
    r->rip = 0xffe00001;                            /* wraps at 4 GiB: base + rip = low + 1 */
    ck_assert(emulate_privileged(v, r));
    r->cs = 7 << 3 | 3;
    r->rip = low + 1;
    ck_assert(!emulate_privileged(v, r));
    r->cs = 16 << 3 | 3;                            /* beyond the GDT */
    ck_assert(!emulate_privileged(v, r));
    r->cs = 0xe0fb;                                 /* in ours, no such segment */
    ck_assert(!emulate_privileged(v, r));
    ldt = (uint64_t *)(data + 64);
    v->ldt_base = (unsigned long)ldt;
    v->ldt_entries = 2;
    ldt[1] = gdt[5];
    r->cs = 1 << 3 | 7;
    ck_assert(emulate_privileged(v, r));
    r->cs = 2 << 3 | 7;
    ck_assert(!emulate_privileged(v, r));
    r->cs = 5 << 3 | 3;                             /* strings: data segments are not known */
    memcpy((void *)low, "\x6c", 1);
    r->rip = low;
    ck_assert(!emulate_privileged(v, r));
    memcpy((void *)low, "\x0f\x01\x27", 3);         /* smsw (%edi), 32-bit */
    r->rdi = (low + 64) | 1UL << 40;
    ck_assert(emulate_privileged(v, r));
    hv_pages_free(gdt, 0);
    munmap((void *)low, PAGE_SIZE);
    machine_stop();
}
END_TEST

/* Random instructions in both modes: never past 15 bytes, faults change nothing. */
START_TEST(random_bytes)
{
    static const uint8_t likely_bytes[] = { 0x0f, 0x66, 0xf3, 0x48, 0x6c, 0x6e, 0xec, 0xef, 0xe4, 0x01, 0x20, 0x22,
        0x23, 0x32, 0x30, 0xa2 };

    setup(0);
    srandom(99);
    for (unsigned int round = 0; round < 300000; round++) {
        struct cpu_user_regs before;
        unsigned int faults = m.exceptions;

        for (unsigned int i = 0; i < 16; i++)
            code[i] = random() & 1 ? likely_bytes[random() % 16] : (uint8_t)random();
        for (unsigned int i = 0; i < 16; i++)
            reg_write(r, i, 8, true, random() & 1 ? (uint64_t)random() : (unsigned long)data + random() % 64);
        r->rcx &= 0xff;
        r->rflags = 2;
        r->rip = (unsigned long)code;
        r->error_code = 0;
        m.nr_io = 0;
        v->in_kernel = random() & 1;
        v->iopl = (random() & 3) << 12;
        before = *r;
        if (!emulate_privileged(v, r)) {
            ck_assert_int_eq(memcmp(&before, r, sizeof(before)), 0);
            ck_assert_uint_eq(m.exceptions, faults);
        } else {
            ck_assert_uint_le(r->rip - (unsigned long)code, 15);
            ck_assert(r->rip != (unsigned long)code || m.exceptions > faults);
        }
    }
    machine_stop();
}
END_TEST

TCase *instruction_tests(void)
{
    TCase *t = tcase_create("instructions");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, control_registers);
    tcase_add_test(t, machine_status);
    tcase_add_test(t, debug_registers);
    tcase_add_test(t, cpuid_instructions);
    tcase_add_test(t, extended_state);
    tcase_add_test(t, others);
    tcase_add_test(t, prefixes_and_steps);
    tcase_add_test(t, end_of_memory);
    tcase_add_test(t, user_segments);
    tcase_add_test(t, random_bytes);
    return t;
}
