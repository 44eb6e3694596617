/* SPDX-License-Identifier: MIT */
/* void native_run(struct native_regs *regs, const void *code): calls code with all general registers but rsp and the
 * flags from regs, and stores them after. regs: rax rcx rdx rbx (rsp) rbp rsi rdi r8..r15 rflags. */
    .text
    .globl native_run
    .type native_run, @function
native_run:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rdi
    mov %rsi, code(%rip)
    mov 8*0(%rdi), %rax
    mov 8*1(%rdi), %rcx
    mov 8*2(%rdi), %rdx
    mov 8*3(%rdi), %rbx
    mov 8*5(%rdi), %rbp
    mov 8*6(%rdi), %rsi
    mov 8*8(%rdi), %r8
    mov 8*9(%rdi), %r9
    mov 8*10(%rdi), %r10
    mov 8*11(%rdi), %r11
    mov 8*12(%rdi), %r12
    mov 8*13(%rdi), %r13
    mov 8*14(%rdi), %r14
    mov 8*15(%rdi), %r15
    pushq 8*16(%rdi)
    mov 8*7(%rdi), %rdi
    popf
    call *code(%rip)
    xchg %rdi, (%rsp)
    mov %rax, 8*0(%rdi)
    mov %rcx, 8*1(%rdi)
    mov %rdx, 8*2(%rdi)
    mov %rbx, 8*3(%rdi)
    mov %rbp, 8*5(%rdi)
    mov %rsi, 8*6(%rdi)
    mov %r8, 8*8(%rdi)
    mov %r9, 8*9(%rdi)
    mov %r10, 8*10(%rdi)
    mov %r11, 8*11(%rdi)
    mov %r12, 8*12(%rdi)
    mov %r13, 8*13(%rdi)
    mov %r14, 8*14(%rdi)
    mov %r15, 8*15(%rdi)
    pushf
    popq 8*16(%rdi)
    popq 8*7(%rdi)
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    cld
    ret
    .size native_run, . - native_run
    .bss
    .balign 8
code: .quad 0
    .section .note.GNU-stack, "", @progbits
