/* SPDX-License-Identifier: MIT */
/*
 * void fuzz_try(void (*fn)(void *), void *arg): calls fn; a trap in it lands at fuzz_landed (fuzz.c's hook), and fuzz_try
 * returns. void fuzz_iret(void *context): the iret hypercall on a context; ends in a trap or at fuzz_landed.
 */
    .text
    .globl fuzz_try, fuzz_landed, fuzz_iret, fuzz_load_fs
fuzz_try:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    sub $8, %rsp
    mov %rsp, fuzz_saved_rsp(%rip)
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
fuzz_landed:
    mov fuzz_saved_rsp(%rip), %rsp
    movq $0, fuzz_saved_rsp(%rip)
    cld
    add $8, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

fuzz_iret:
    mov %rdi, %rsp
    mov $23, %eax
    syscall
    ud2

fuzz_load_fs:                       /* void fuzz_load_fs(void *selector) */
    mov %edi, %fs
    mov %edi, %gs
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    ret

    .bss
    .balign 8
    .globl fuzz_saved_rsp
fuzz_saved_rsp:
    .skip 8
    .section .note.GNU-stack, "", @progbits
