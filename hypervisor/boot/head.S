/* SPDX-License-Identifier: MIT */
/* Where every CPU starts. The boot CPU comes by Multiboot 1 or 2, in 32-bit protected mode without paging, eax = the
 * loader's magic, ebx = its information structure: it builds the first page tables (the first 4 GiB one-to-one and in
 * the direct map, and the text). The others come by the trampoline, under the same tables. */
#include <hv/config.h>
#include <hv/x86.h>
#include "hv-offsets.h"

#define PHYS(s)         ((s) - TEXT_VIRT)
#define SEL_CODE64      0x08
#define SEL_DATA        0x10
#define SEL_CODE32      0x18
#define L4_SLOT(virt)   (PHYS(boot_l4) + 8 * (((virt) >> 39) & 511))
#define TABLE           3                       /* page-table entry: present, writable */
#define LARGE_PAGE      0x83

    .section .head, "ax"
    .code32
    .globl start
    .balign 8
mb1_header:
    .long 0x1badb002, 0x00000003, -(0x1badb002 + 0x00000003)    /* modules page aligned, memory map wanted */
    .balign 8
mb2_header:
    .long 0xe85250d6, 0, mb2_end - mb2_header, -(0xe85250d6 + 0 + (mb2_end - mb2_header))
    .balign 8
    .short 1, 0                                 /* information request: basic memory, map, modules, ACPI */
    .long 32, 1, 2, 3, 6, 14, 15
    .short 6, 0                                 /* modules page aligned */
    .long 8
    .short 0, 0
    .long 8
mb2_end:

/* `count` page-table entries: the first one, and how far apart they are. */
.macro FILL table, count, first, step
    mov $PHYS(\table), %edi
    mov $\count, %ecx
    mov $\first, %eax
1:  mov %eax, (%edi)
    add $\step, %eax
    add $8, %edi
    loop 1b
.endm

start:
    cld
    cli
    mov %eax, %ebp
    mov %ebx, %esi
    mov $PHYS(bss_start), %edi                  /* not every loader clears it */
    mov $PHYS(bss_end), %ecx
    sub %edi, %ecx
    shr $2, %ecx
    xor %eax, %eax
    rep stosl
    FILL boot_l2, 2048, LARGE_PAGE, 0x200000
    FILL boot_l3, 4, PHYS(boot_l2) + TABLE, 4096
    FILL directmap_l3, 4, PHYS(boot_l2) + TABLE, 4096
    FILL text_l2, 8, LARGE_PAGE, 0x200000
    movl $PHYS(text_l2) + TABLE, PHYS(text_l3)
    movl $PHYS(boot_l3) + TABLE, PHYS(boot_l4)
    movl $PHYS(text_l3) + TABLE, L4_SLOT(TEXT_VIRT)
    movl $PHYS(directmap_l3) + TABLE, L4_SLOT(DIRECTMAP_VIRT)

enter_long_mode:
    mov $0x80000001, %eax
    cpuid
    mov %edx, %edi
    mov $(CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT), %eax
    mov %eax, %cr4
    mov $PHYS(boot_l4), %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $(EFER_SCE | EFER_LME), %eax
    bt $20, %edi                                /* NX */
    jnc 1f
    or $EFER_NXE, %eax
1:  wrmsr
    mov $(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE), %eax
    mov %eax, %cr0
    lgdt PHYS(boot_gdt_ptr)
    ljmp $SEL_CODE64, $PHYS(start64)

/* The other CPUs (SDM 3A 8.4): smp.c copies this code to a page below 1 MiB, where they start in real mode. */
    .globl trampoline_start, trampoline_end
    .code16
trampoline_start:
    cli
    mov %cs, %ax
    mov %ax, %ds
    lgdtl trampoline_gdt_ptr - trampoline_start
    mov $CR0_PE, %eax
    mov %eax, %cr0
    ljmpl $SEL_CODE32, $PHYS(trampoline_done)
trampoline_gdt_ptr:
    .word boot_gdt_end - boot_gdt - 1
    .long PHYS(boot_gdt)
trampoline_end:
    .code32
trampoline_done:
    mov $SEL_DATA, %eax
    mov %eax, %ds
    jmp enter_long_mode

    .code64
start64:
    movabs $start_high, %rax
    jmp *%rax
start_high:
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov $SEL_DATA, %eax
    mov %eax, %ss
    mov start_cpu_info(%rip), %rsp
    and $-16, %rsp
    mov %ebp, %edi
    mov %esi, %esi
    xor %ebp, %ebp
    call *start_function(%rip)
    ud2

/* For the CPU that starts: its cpu_info, at the top of its stack; where it goes with (magic, info). */
    .data
    .balign 8
    .globl start_cpu_info, start_function
start_cpu_info: .quad boot_stack_end - CPUINFO_SIZE
start_function: .quad start_hypervisor

    .section .rodata
    .balign 8
boot_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
boot_gdt_end:
boot_gdt_ptr:
    .word boot_gdt_end - boot_gdt - 1
    .quad PHYS(boot_gdt)

    .section .bss.stack, "aw", @nobits
    .balign 32768
boot_stack:
    .skip 32768
boot_stack_end:

    .section .bss.page, "aw", @nobits
    .balign 4096
    .globl boot_l4
boot_l4:        .skip 4096
boot_l3:        .skip 4096
directmap_l3:   .skip 4096
text_l3:        .skip 4096
text_l2:        .skip 4096
boot_l2:        .skip 4 * 4096
