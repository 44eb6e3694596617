/* SPDX-License-Identifier: MIT */
/*
 * Acts with a shape of their own: iret to anywhere, multicalls, a scribbled grant table, descriptor tables and the
 * selectors in them, privileged instructions.
 */
#include "fuzz.h"

#include <xen/callback.h>
#include <xen/grant_table.h>

void fuzz_try(void (*fn)(void *), void *arg);
void fuzz_iret(void *context);
void fuzz_load_fs(void *selector);
extern char fuzz_landed[];

static unsigned char *grant_page, *iret_stack;
static struct multicall_entry *entries; /* of a guarded page */

static void act_iret(void)
{
    static const uint64_t rips[] = {0,
                                    0x7ffffffff000,
                                    0x800000000000,
                                    0xffff7fffffffffff,
                                    0xffff800000000000,
                                    0xffff830000000000,
                                    0xffff87ffffffffff,
                                    ~0UL};
    struct iret_context *c = (struct iret_context *)(iret_stack + 2 * PAGE_SIZE - 256);

    memset(c, 0, sizeof(*c));
    c->flags = chance(50) ? 0 : any_number();
    c->rip = chance(60) ? (unsigned long)fuzz_landed : rips[below(ARRAY_SIZE(rips))];
    c->cs = chance(60) ? FLAT_KERNEL_CS & ~3UL : 0xe040 + (below(0x1f0) << 3); /* no 32-bit code: kill=13 */
    c->rflags = chance(50) ? 0x202 : any_number();
    c->rsp = (unsigned long)iret_stack + PAGE_SIZE;
    c->ss = chance(60) ? FLAT_KERNEL_SS : rnd() & 0xffff;
    fuzz_try(fuzz_iret, c);
    events_on();
    fuzz_check("iret", 0, true);
}

static void act_multicall(void)
{
    unsigned int n = 1 + below(NR_BUFFERS - 1);
    struct call c;
    long rc;

    for (unsigned int i = 0; i < n; i++) {
        row_call(&c, i);
        entries[i] =
            (struct multicall_entry){.op = c.nr,
                                     .result = 0x5a5a5a5a,
                                     .args = {c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], any_number()}};
        if (c.nr == __HYPERVISOR_get_debugreg || chance(2))
            entries[i].op = chance(50) ? __HYPERVISOR_multicall : any_number() | 64;
    }
    events_off();
    rc = HC(multicall, chance(95) ? (unsigned long)entries : bad_pointer(), chance(95) ? n : any_number());
    fuzz_check("multicall", rc, false);
    for (unsigned int i = 0; rc == 0 && i < n; i++)
        if (entries[i].result != 0x5a5a5a5a)
            fuzz_check("multicall entry", (long)entries[i].result, false);
    special_restore();
}

static void act_grant(void)
{
    struct grant_entry_v1 *g = (struct grant_entry_v1 *)grant_page + below(16);

    for (unsigned int i = 0; i < 4; i++) {
        struct grant_entry_v1 e = {.flags =
                                       (uint16_t)(chance(80) ? GTF_permit_access | (below(2) * GTF_readonly) : rnd()),
                                   .domid = chance(80) ? own_domid : (domid_t)rnd(),
                                   .frame = (uint32_t)any_frame()};
        uint64_t raw;

        memcpy(&raw, &e, sizeof(raw));
        safe_write((unsigned long)(g + i), raw);
    }
}

static void act_descriptors(void)
{
    unsigned int i = below(NR_SCRATCH);
    unsigned long frame = scratch_mfn[i];
    struct mmuext_op op = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)scratch[i], .arg2.nr_ents = 1 + below(600)};

    for (unsigned int n = 0; n < 16; n++) {
        uint64_t d = chance(50) ? 0x00cff2000000ffff : chance(50) ? 0x00affa000000ffff : rnd();

        safe_write((unsigned long)scratch[i] + 8 * n, d ^ (chance(20) ? 1UL << below(64) : 0));
    }
    if (chance(90))
        fuzz_check("update_va_mapping",
                   HC(update_va_mapping, scratch[i], frame << PAGE_SHIFT | PTE_P | PTE_A, UVMF_INVLPG), false);
    if (chance(50))
        fuzz_check("set_gdt", HC(set_gdt, &frame, 1 + below(512)), false);
    else
        fuzz_check("set_ldt", mmuext_op(&op, 1, NULL), false);
    fuzz_check("update_descriptor", HC(update_descriptor, (frame << PAGE_SHIFT) + 8 * below(20), rnd()), false);
    fuzz_try(fuzz_load_fs, (void *)(rnd() & 0xffff));
    fuzz_try(fuzz_load_fs, (void *)(unsigned long)(below(16) * 8 + below(8)));
    if (chance(30))
        fuzz_check("set_gdt", HC(set_gdt, NULL, 0), false);
}

/* One instruction, with anything in its registers; eax and edx must not name this kernel's own control state. */
static void privileged(void *arg)
{
    uint64_t *a = arg;
    unsigned int eax = (unsigned int)a[1], edx = (unsigned int)a[2], ecx = (unsigned int)a[3];

    switch (a[0]) {
    case 0: __asm__ volatile("rdmsr" : "+a"(eax), "+d"(edx) : "c"(ecx)); break;
    case 1: __asm__ volatile("wrmsr" ::"a"(eax), "d"(edx), "c"(ecx)); break;
    case 2: __asm__ volatile("inb %%dx, %%al" : "+a"(eax) : "d"(edx)); break;
    case 3: __asm__ volatile("outl %%eax, %%dx" ::"a"(eax), "d"(edx)); break;
    case 4: __asm__ volatile("cpuid" : "+a"(eax), "+d"(edx), "+c"(ecx)::"rbx"); break;
    case 5: __asm__ volatile("mov %0, %%cr4" ::"r"(a[1])); break;
    case 6: __asm__ volatile("mov %0, %%cr0" ::"r"(a[1] | 0x80000001)); break;
    case 7: __asm__ volatile("wbinvd"); break;
    case 8: __asm__ volatile("invlpg (%0)" ::"r"(a[1])); break;
    case 9: __asm__ volatile("xgetbv" : "+a"(eax), "+d"(edx) : "c"(ecx)); break;
    case 10: __asm__ volatile("xsetbv" ::"a"(eax), "d"(edx), "c"(ecx)); break;
    case 11: __asm__ volatile("lgdt (%0)" ::"r"(a[1])); break;
    case 12: __asm__ volatile("int $0x80"); break;
    case 13: __asm__ volatile("ud2"); break;
    case 14: __asm__ volatile("clts"); break;
    case 15: __asm__ volatile("mov %%cr8, %0" : "=r"(a[1])); break;
    case 16: __asm__ volatile("rep insl" : "+D"(a[1]), "+c"(a[3]) : "d"(edx) : "memory"); break;
    case 17: __asm__ volatile("mov %%dr7, %0" : "=r"(a[1])); break;
    case 18: __asm__ volatile("sysenter"); break;
    default: __asm__ volatile("rdpmc" : "+a"(eax), "+d"(edx) : "c"(ecx)); break;
    }
}

static void act_privileged(void)
{
    static const uint32_t msrs[] = {0x10,       0x1b,       0x3a,       0x8b,       0xce,       0x140,      0x174,
                                    0x175,      0x176,      0x179,      0x17a,      0x1a0,      0x1d9,      0x277,
                                    0x6e0,      0x802,      0xda0,      0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084,
                                    0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0xc0010015, 0x40000000};
    uint64_t a[4] = {below(20), any_number(), any_number(), any_number()};

    if (a[0] <= 1 && chance(80))
        a[3] = msrs[below(ARRAY_SIZE(msrs))];
    if (a[0] == 16) { /* port input to memory: only where nothing is kept, or nothing may be */
        a[1] = chance(50) ? good_pointer() : not_our_frame() << 40;
        a[3] &= 15;
    }
    fuzz_try(privileged, a);
    fuzz_check("instruction", 0, true);
    HC(fpu_taskswitch, 0);
}

void special_restore(void)
{
    struct evtchn_unmask timer = {.port = 1};

    HC(set_debugreg, 7, 0x400);
    traps_init();
    event_op(EVTCHNOP_unmask, &timer);
    events_on();
}

void special_act(void)
{
    switch (below(6)) {
    case 0: act_iret(); break;
    case 1: act_grant(); break;
    case 2: act_descriptors(); break;
    case 3: act_privileged(); break;
    default: act_multicall(); break;
    }
}

void special_init(void)
{
    unsigned long frame = 0;
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};

    setup.frame_list.p = &frame;
    grant_page = page_alloc(0);
    iret_stack = page_alloc(1);
    entries = guarded_pages(0);
    if (HC(grant_table_op, GNTTABOP_setup_table, &setup, 1) || setup.status ||
        remap(grant_page, frame << PAGE_SHIFT | PTE_KERNEL))
        panic("grant table: %d", setup.status);
}
