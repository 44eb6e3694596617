/* SPDX-License-Identifier: MIT */
/* Multiboot 1 and 2 entry: 32-bit protected mode without paging, eax = the loader's magic, ebx = its information
 * structure. Builds the first page tables (text, and the first 4 GiB both one-to-one and in the direct map),
 * switches to long mode and calls start_hypervisor(magic, info). */
#include <hv/config.h>
#include "hv-offsets.h"

#define PHYS(s) ((s) - TEXT_VIRT)

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
    .long mb2_request_end - .  + 4
    .long 1, 2, 3, 6, 14, 15
mb2_request_end:
    .balign 8
    .short 6, 0                                 /* modules page aligned */
    .long 8
    .balign 8
    .short 0, 0
    .long 8
mb2_end:

start:
    cld
    cli
    mov %eax, %ebp
    mov %ebx, %esi
    lea PHYS(boot_stack_end), %esp

    mov $PHYS(bss_start), %edi                  /* not every loader clears it */
    mov $PHYS(bss_end), %ecx
    sub %edi, %ecx
    shr $2, %ecx
    xor %eax, %eax
    rep stosl

    mov $0x80000000, %eax                       /* long mode? */
    cpuid
    cmp $0x80000001, %eax
    jb no_long_mode
    mov $0x80000001, %eax
    cpuid
    bt $29, %edx
    jnc no_long_mode
    mov %edx, %ebx                              /* bit 20: NX */

    /* four L2 tables of 2 MiB pages: physical 0 - 4 GiB */
    mov $PHYS(boot_l2), %edi
    mov $0x83, %eax
    mov $2048, %ecx
1:  mov %eax, (%edi)
    movl $0, 4(%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 1b
    mov $PHYS(boot_l2) + 3, %eax
    mov $PHYS(boot_l3), %edi
    mov $4, %ecx
2:  mov %eax, (%edi)
    mov %eax, PHYS(directmap_l3)-PHYS(boot_l3)(%edi)
    add $4096, %eax
    add $8, %edi
    loop 2b
    /* the text: its own L2, the 2 MiB pages from 0 up */
    mov $PHYS(text_l2), %edi
    mov $0x83, %eax
    mov $8, %ecx
3:  mov %eax, (%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 3b
    movl $PHYS(text_l2) + 3, PHYS(text_l3)
    movl $PHYS(boot_l3) + 3, PHYS(boot_l4)
    movl $PHYS(text_l3) + 3, PHYS(boot_l4) + 8 * 260
    movl $PHYS(directmap_l3) + 3, PHYS(boot_l4) + 8 * 262

    mov $0x6a0, %eax                            /* PAE, PGE, OSFXSR, OSXMMEXCPT */
    mov %eax, %cr4
    mov $PHYS(boot_l4), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx                       /* EFER: SCE, LME, and NXE when there */
    rdmsr
    or $0x101, %eax
    bt $20, %ebx
    jnc 4f
    or $0x800, %eax
4:  wrmsr
    mov $0x80010033, %eax                       /* PG, WP, NE, ET, MP, PE */
    mov %eax, %cr0
    lgdt PHYS(boot_gdt_ptr)
    ljmp $8, $PHYS(start64)

no_long_mode:
    mov $PHYS(no_long_mode_text), %esi
5:  lodsb
    test %al, %al
    jz 6f
    mov $0x3f8, %dx
    out %al, %dx
    jmp 5b
6:  hlt
    jmp 6b
no_long_mode_text:
    .asciz "vellum: this CPU has no 64-bit mode\r\n"

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
    mov $0x10, %eax
    mov %eax, %ss
    lea boot_stack_end(%rip), %rsp
    sub $CPUINFO_SIZE, %rsp                     /* struct cpu_info is at the top */
    and $-16, %rsp
    mov %ebp, %edi
    mov %esi, %esi
    xor %ebp, %ebp
    call start_hypervisor
    ud2

    .section .rodata
    .balign 8
boot_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdt_ptr:
    .word . - boot_gdt - 1
    .quad PHYS(boot_gdt)

    .section .bss.stack, "aw", @nobits
    .balign 32768
    .globl boot_stack, boot_stack_end
boot_stack:
    .skip 32768
boot_stack_end:

    .section .bss.page, "aw", @nobits
    .balign 4096
    .globl boot_l4, directmap_l3, text_l3, text_l2
boot_l4:        .skip 4096
boot_l3:        .skip 4096
directmap_l3:   .skip 4096
text_l3:        .skip 4096
text_l2:        .skip 4096
boot_l2:        .skip 4 * 4096
