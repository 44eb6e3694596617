/* SPDX-License-Identifier: MIT */
/*
 * ELF notes, the first instructions, and the way in and out of traps. On a trap the hypervisor pushes, from the top: ss, rsp,
 * rflags, cs, rip, the error code of those that have one, r11, rcx. All run on the current stack: this kernel is ring 3 too.
 */
#include <xen/arch-x86/xen-x86_64.h>
#include <xen/elfnote.h>
#include <xen/features.h>

#define NR_iret 23 /* __HYPERVISOR_iret: <xen/xen.h> gives it to C only */

#define NOTE(type, value...) \
    .pushsection .note.Xen, "a", @note; .balign 4; .long 4, 2f - 1f, type; .asciz "Xen"; \
    1: value; 2: .balign 4; .popsection

    NOTE(XEN_ELFNOTE_GUEST_OS, .asciz "vellum-guest")
    NOTE(XEN_ELFNOTE_GUEST_VERSION, .asciz "1")
    NOTE(XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0")
    NOTE(XEN_ELFNOTE_VIRT_BASE, .quad KERNEL_BASE)
    NOTE(XEN_ELFNOTE_ENTRY, .quad start)
    NOTE(XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page)
    NOTE(XEN_ELFNOTE_FEATURES, .asciz "!writable_page_tables|pae_pgdir_above_4gb")
    NOTE(XEN_ELFNOTE_PAE_MODE, .asciz "yes")
    NOTE(XEN_ELFNOTE_LOADER, .asciz "generic")

    .set KERNEL_BASE, 0xffffffff80000000

    .text
    .globl start
start:                              /* rsi: start_info */
    cld
    lea stack_top(%rip), %rsp
    mov %rsi, %rdi
    xor %ebp, %ebp
    call guest_start
    ud2

    .globl secondary_start
secondary_start:                    /* rdi: the CPU's record */
    cld
    xor %ebp, %ebp
    call secondary_main
    ud2

    .macro trap_entry vector:req, has_error:req
    .balign 16
trap_\vector:
    pop %rcx
    pop %r11
    .if !\has_error
    push $0
    .endif
    push $\vector
    jmp trap_common
    .endm

    .altmacro
    .macro trap_entry_nr nr
    .if \nr == 8 || (\nr >= 10 && \nr <= 14) || \nr == 17 || \nr == 21
    trap_entry \nr, 1
    .else
    trap_entry \nr, 0
    .endif
    .endm
    .set i, 0
    .rept 32
    trap_entry_nr %i
    .set i, i + 1
    .endr

    .globl event_entry
event_entry:
    pop %rcx
    pop %r11
    push $0
    push $256
    jmp trap_common

    .globl failsafe_entry
failsafe_entry:                     /* rcx, r11, ds, es, fs, gs, then a frame that could not be returned to */
    pop %rcx
    pop %r11
    add $32, %rsp
    push $0
    push $257

trap_common:
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    mov %rsp, %rbp
    and $-16, %rsp
    call trap_handle
    mov %rbp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp                   /* vector and error code */
    push $0                         /* struct iret_context: flags, rcx, r11, rax */
    push %rcx
    push %r11
    push %rax
    mov $NR_iret, %eax
    syscall
    ud2

    /* bool safe_write(unsigned long va, uint64_t value) and bool safe_read(unsigned long va, uint64_t *value): trap_handle
     * resumes at safe_fail when the instruction at safe_write_insn or safe_read_insn faults. */
    .globl safe_write, safe_read, safe_write_insn, safe_read_insn, safe_fail
safe_write:
safe_write_insn:
    mov %rsi, (%rdi)
    mov $1, %eax
    ret
safe_read:
safe_read_insn:
    mov (%rdi), %rax
    mov %rax, (%rsi)
    mov $1, %eax
    ret
safe_fail:
    xor %eax, %eax
    ret

    .section .rodata
    .balign 8
    .globl trap_entries
trap_entries:
    .macro trap_address nr
    .quad trap_\nr
    .endm
    .set i, 0
    .rept 32
    trap_address %i
    .set i, i + 1
    .endr

    .bss
    .balign 4096
    .globl hypercall_page, shared_info_page
hypercall_page:                     /* the builder fills it; we use syscall ourselves */
    .skip 4096
shared_info_page:
    .skip 4096
    .skip 65536
stack_top:
    .section .note.GNU-stack, "", @progbits
