/* SPDX-License-Identifier: MIT */
/*
 * Acts that the ABI punishes with the end of the domain, one a run (kill=N on the command line): what matters is that
 * nobody else is hurt. Nothing here returns on a hypervisor that keeps the ABI.
 */
#include "fuzz.h"

void fuzz_iret(void *context);

static void bad_stack(unsigned long rsp) { __asm__ volatile("mov %0, %%rsp; ud2" ::"r"(rsp)); }

static void no_trap_table(void)
{
    HC(set_trap_table, NULL);
    __asm__ volatile("ud2");
}

static void bad_trap_handler(unsigned long address)
{
    struct trap_info t[2] = {{.vector = 6, .cs = FLAT_KERNEL_CS, .address = address}};
    struct trap_info f[2] = {{.vector = 14, .cs = FLAT_KERNEL_CS, .address = address}};

    HC(set_trap_table, t);
    HC(set_trap_table, f);
    __asm__ volatile("ud2");
}

/* A top table that maps nothing: the next instruction cannot be fetched, nor its fault delivered. */
static void empty_address_space(void)
{
    struct mmuext_op op = {.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = scratch_mfn[0]};

    memset(scratch[0], 0, PAGE_SIZE);
    remap(scratch[0], scratch_mfn[0] << PAGE_SHIFT | PTE_P);
    mmuext_op(&op, 1, NULL);
}

static void user_mode_without_tables(void)
{
    static struct iret_context c;

    c = (struct iret_context){.rip = 0x1000, .cs = FLAT_USER_CS, .rflags = 0x202, .rsp = 0x2000, .ss = FLAT_USER_SS};
    fuzz_iret(&c);
}

/* 32-bit code: the fault that follows finds a stack pointer cut to 32 bits. */
static void compatibility_mode(void)
{
    static struct iret_context c;

    c = (struct iret_context){.rip = 0,
                              .cs = FLAT_KERNEL_CS32 & ~3UL,
                              .rflags = 0x202,
                              .rsp = (unsigned long)scratch[1],
                              .ss = FLAT_KERNEL_SS};
    fuzz_iret(&c);
}

static void unmap_self(void)
{
    extern char start[];

    for (unsigned long va = (unsigned long)start & ~4095UL, i = 0; i < 64; i++)
        HC(update_va_mapping, va + i * PAGE_SIZE, 0, UVMF_TLB_FLUSH);
}

void kill_act(unsigned long which)
{
    switch (which) {
    case 1: fuzz_iret(NULL); break;
    case 2: fuzz_iret((void *)0xffff830000000000); break;
    case 3: fuzz_iret((void *)0x800000000000); break;
    case 4: bad_stack(0); break;
    case 5: bad_stack(0xffff830000001000); break;
    case 6: bad_stack(0x800000000010); break;
    case 7: no_trap_table(); break;
    case 8: bad_trap_handler(0x7ffffffff000); break;
    case 9: bad_trap_handler(0xffff830000000000); break;
    case 10: empty_address_space(); break;
    case 11: user_mode_without_tables(); break;
    case 12: unmap_self(); break;
    case 13: compatibility_mode(); break;
    default: break;
    }
}
