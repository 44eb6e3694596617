/* SPDX-License-Identifier: MIT */
/*
 * Where other CPUs start (SDM 3A 8.4): a page below 1 MiB into which smp.c copies this code, in real mode with CS at
 * the page. On to protected mode, and to long mode under the idle page tables, which map physical addresses below 4 GiB
 * one-to-one; then ap_entry in the hypervisor proper finds the CPU's number and stack.
 *
 * Several CPUs run through here at once: what they write (the three addresses that depend on the page) is the same for
 * all.
 */
#include "x86.h"

#define OFFSET(s) ((s) - trampoline_start)
#define SEL_CODE32 0x08
#define SEL_DATA   0x10
#define SEL_CODE64 0x18

    .section .rodata
    .globl trampoline_start, trampoline_end, trampoline_cr3, trampoline_cr0, trampoline_efer, trampoline_entry
    .hidden trampoline_start, trampoline_end, trampoline_cr3, trampoline_cr0, trampoline_efer, trampoline_entry
    .balign 16
    .code16
trampoline_start:
    cli
    cld
    xorl %ebx, %ebx
    movw %cs, %bx
    movw %bx, %ds
    shll $4, %ebx                               /* the page's address, kept */
    leal OFFSET(gdt)(%ebx), %eax
    movl %eax, OFFSET(gdt_ptr) + 2
    leal OFFSET(protected)(%ebx), %eax
    movl %eax, OFFSET(to_protected)
    leal OFFSET(long_mode)(%ebx), %eax
    movl %eax, OFFSET(to_long)
    lgdtl OFFSET(gdt_ptr)
    movl %cr0, %eax
    orl $CR0_PE, %eax
    movl %eax, %cr0
    ljmpl *OFFSET(to_protected)

    .code32
protected:
    movw $SEL_DATA, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl OFFSET(trampoline_cr3)(%ebx), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    movl OFFSET(trampoline_efer)(%ebx), %eax
    xorl %edx, %edx
    wrmsr
    movl OFFSET(trampoline_cr0)(%ebx), %eax     /* paging on */
    movl %eax, %cr0
    ljmpl *OFFSET(to_long)(%ebx)

    .code64
long_mode:
    movq OFFSET(trampoline_entry)(%rbx), %rax
    jmp *%rax

    .balign 8
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdt_ptr:
    .word . - gdt - 1
    .long 0
    .balign 4
to_protected:
    .long 0
    .word SEL_CODE32
    .balign 4
to_long:
    .long 0
    .word SEL_CODE64
    .balign 8
trampoline_entry:   .quad 0
trampoline_cr3:     .long 0
trampoline_cr0:     .long 0
trampoline_efer:    .long 0
trampoline_end:

/*
 * In: long mode, interrupts off, no stack. Out: ap_start(cpu) on the stack that smp.c made. The CPU is known by its
 * APIC id, which CPUID tells without an APIC: leaf 0xb where there is one, else leaf 1.
 */
    .text
    .globl ap_entry
    .hidden ap_entry
ap_entry:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl $SEL_DATA, %eax
    movl %eax, %ss
    xorl %eax, %eax
    cpuid
    cmpl $0xb, %eax
    jb 1f
    movl $0xb, %eax
    xorl %ecx, %ecx
    cpuid
    testl %ebx, %ebx
    jz 1f
    movl %edx, %edi
    jmp 2f
1:  movl $1, %eax
    cpuid
    shrl $24, %ebx
    movl %ebx, %edi
2:  leaq smp_apicids(%rip), %rsi
    leaq smp_stacks(%rip), %rdx
    xorl %ecx, %ecx
3:  cmpl cpu_count(%rip), %ecx
    jae 5f
    cmpl (%rsi,%rcx,4), %edi
    je 4f
    incl %ecx
    jmp 3b
4:  movq (%rdx,%rcx,8), %rsp
    testq %rsp, %rsp
    jz 5f
    movl %ecx, %edi
    xorl %ebp, %ebp
    call ap_start
5:  cli                                         /* nobody that we know of */
    hlt
    jmp 5b
