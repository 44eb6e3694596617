/* SPDX-License-Identifier: MIT */
/* Entry from and return to guests. The hypervisor runs with interrupts off from entry to exit; its per-CPU state is
 * struct cpu_info at the top of the CPU's stack, whose first member is the interrupted guest's registers: with all
 * registers pushed, rsp points at both. FS and GS bases stay the guest's: nothing here or in C uses them. A guest in
 * user mode has its kernel's GS base in the shadow (swapgs) register and the reverse. With SMAP, guest memory is
 * reached between STAC and CLAC alone. */
#include <hv/config.h>
#include "hv-offsets.h"
#include "x86.h"

#define __HYPERVISOR_iret 23
#define VGCF_IN_SYSCALL 0x100

#define TRAP_SYSCALL    0x100           /* in entry_vector: may be left by sysret, rcx and r11 need no restoring */
#define SEL_USER_CS64   0xe033
#define SEL_USER_CS32   0xe023
#define SEL_USER_SS     0xe02b

    .section .text.entry, "ax"
    .globl return_to_guest, resume_guest, run_on_fresh_stack, guest_copy_raw, guest_clear_raw, cpu_copy, load_gs_user_raw
    .globl sysenter_entry, vector_stubs, syscall_cpu

.macro PUSH_GPRS
    .irp reg, rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
    push %\reg
    .endr
.endm
.macro POP_GPRS
    .irp reg, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
    pop %\reg
    .endr
.endm

/* A three-byte no-op that becomes the instruction of this last byte when SMAP is switched on (smap_enable). */
.macro SMAP_SITE opcode
770:
    .byte 0x0f, 0x1f, 0x00
    .pushsection __smap_sites, "a"
    .quad 770b, \opcode
    .popsection
.endm
#define STAC SMAP_SITE 0xcb
#define CLAC SMAP_SITE 0xca

/* C code that returns to what the frame at rsp says, and the way back there. */
.macro CALL_NESTED fn
    mov %rsp, %rbp
    and $-16, %rsp
    call \fn
    mov %rbp, %rsp
    POP_GPRS
    add $8, %rsp
    iretq
.endm

/* fn(the vCPU, its registers), then back to the guest. */
.macro BOUNCE fn
    mov CPUINFO_curr(%rsp), %rdi
    mov %rsp, %rsi
    call \fn
    jmp return_to_guest
.endm

/* SYSCALL: in: rcx = rip, r11 = rflags, rsp = the guest's, IF clear by FMASK. There is no free register and no per-CPU
 * base, so each CPU has its own stub (LSTAR, and CSTAR for 32-bit code) that knows where its stack is. syscall_cpu[]
 * entry: 0 guest rsp saved, 8 the CPU's &guest_regs.es; a cache line each. */
.macro SYSCALL_STUBS name, cs
    .balign 64
    .globl \name
\name:
    .set i, 0
    .rept 64
    .balign 32
    mov %rsp, syscall_cpu + 64 * i(%rip)
    mov syscall_cpu + 64 * i + 8(%rip), %rsp
    push $SEL_USER_SS
    push syscall_cpu + 64 * i(%rip)
    jmp \cs
    .set i, i + 1
    .endr
.endm
SYSCALL_STUBS syscall_stubs, syscall64
SYSCALL_STUBS syscall32_stubs, syscall32

    .balign 64
syscall64:
    push %r11                           /* rflags */
    push $SEL_USER_CS64
    push %rcx                           /* rip */
    pushq $0
    movl $TRAP_SYSCALL, 4(%rsp)
    PUSH_GPRS
    mov CPUINFO_curr(%rsp), %rbx
    cld
    cmpb $0, VCPU_in_kernel(%rbx)
    je user_syscall
    cmp $__HYPERVISOR_iret, %eax
    je fast_iret
do_hypercall:
    /* hypercall: number in eax, arguments in rdi rsi rdx r10 r8 r9 */
    cmp $HYPERCALLS, %eax
    jae bad_hypercall
    mov %r10, %rcx
    sbb %r10d, %r10d                    /* all ones; 0 on a path that the CPU only guessed: no index out of the table */
    and %r10d, %eax
    mov CPUINFO_event(%rsp), %r10       /* cpu_event(number, first argument) */
    mov %rdi, %r11
    shl $16, %r11
    mov %ax, %r11w
    mov %r11, (%r10)
    add $8, %r10
    btr $EVENT_WRAP_BIT, %r10
    mov %r10, CPUINFO_event(%rsp)
    lea hypercall_table(%rip), %r10
    call *(%r10, %rax, 8)
hypercall_done:
    mov %rax, REGS_rax(%rsp)

/* Leaves to the guest: runs exit work, delivers events, restores. rsp = &guest_regs; everything else is free. */
return_to_guest:
    mov CPUINFO_curr(%rsp), %rbx
return_check:
    cmpl $0, CPUINFO_pending(%rsp)
    jne exit_work
    mov VCPU_info(%rbx), %rax
    cmpb $0, INFO_pending(%rax)
    jne event_pending
return_now:
    testl $TRAP_SYSCALL, REGS_vector(%rsp)
    jz return_iret
    /* sysret to a non-canonical rip would fault with the guest's rsp in ring 0 */
    mov REGS_rip(%rsp), %rax
    mov %rax, %rdx
    shl $16, %rdx
    sar $16, %rdx
    cmp %rax, %rdx
    jne return_iret
    POP_GPRS
    mov 8(%rsp), %rcx                   /* rip */
    mov 24(%rsp), %r11                  /* rflags */
    mov 32(%rsp), %rsp
    sysretq
return_iret:
    POP_GPRS
    add $8, %rsp
iret_to_guest:
    iretq
    EX_TABLE iret_failed, iret_to_guest

/* The guest's frame could not be loaded (selector, rip...): rsp is at guest_regs.rip, registers are the guest's. */
iret_failed:
    pushq $0
    PUSH_GPRS
    call iret_fault
    jmp return_to_guest

event_pending:
    cmpb $0, INFO_mask(%rax)
    jne return_now
    mov %rbx, %rdi
    call deliver_event
    jmp return_check

exit_work:
    call cpu_do_work
    jmp return_to_guest

bad_hypercall:
    mov $-38, %rax                      /* -ENOSYS */
    jmp hypercall_done

/* A user program's system call goes to the guest kernel's callback: the frame that domain/inject.c describes, written
 * here because nothing is done more often. rbx = vCPU. */
user_syscall:
    cmpb $0, VCPU_fast_syscall(%rbx)
    je slow_syscall
    mov VCPU_kernel_sp(%rbx), %rdi
    mov VCPU_cr3_kernel(%rbx), %rsi
    and $-16, %rdi
    sub $56, %rdi
    movb $1, VCPU_in_kernel(%rbx)
    swapgs
    cmpb $0, VCPU_io_bitmap(%rbx)
    je 1f
    mov CPUINFO_iomap(%rsp), %rax
    movw $TSS_IOMAP_ON, (%rax)
1:  mov tlb_clock(%rip), %eax           /* as cpu_write_cr3 does: the time before the flush */
    mov CPUINFO_tlb_stamp(%rsp), %rdx
    mov %eax, (%rdx)
    mov %rsi, CPUINFO_cr3(%rsp)
    mov %rsi, %cr3
    mov VCPU_info(%rbx), %rcx
    mov REGS_rip(%rsp), %rax
    mov REGS_rflags(%rsp), %rdx
    mov VCPU_syscall_cb(%rbx), %r9
    mov %rdx, %r8
    mov %r9, REGS_rip(%rsp)
    movzbl INFO_mask(%rcx), %esi
    mov REGS_rsp(%rsp), %r9
    mov %rdi, REGS_rsp(%rsp)
    and $~(RFLAGS_IF | RFLAGS_IOPL), %r8    /* IF is the inverse of the mask; the virtual IOPL */
    or VCPU_iopl(%rbx), %r8
    test %esi, %esi
    jne 2f
    or $RFLAGS_IF, %r8
2:  shl $32, %rsi
    or $SEL_USER_CS64, %rsi
    STAC
frame_0: mov %rax, (%rdi)               /* rcx, as SYSCALL left it */
frame_1: mov %rdx, 8(%rdi)              /* r11 */
frame_2: mov %rax, 16(%rdi)             /* rip */
frame_3: mov %rsi, 24(%rdi)             /* cs, and the saved mask */
frame_4: mov %r8, 32(%rdi)              /* rflags */
frame_5: mov %r9, 40(%rdi)              /* rsp */
frame_6: movq $SEL_USER_SS, 48(%rdi)
    CLAC
    and $~(RFLAGS_AC | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT | RFLAGS_TF | RFLAGS_IOPL), %rdx
    mov %rdx, REGS_rflags(%rsp)
    jmp return_check
    EX_TABLE frame_fault, frame_0, frame_1, frame_2, frame_3, frame_4, frame_5, frame_6
frame_fault:                            /* the guest's stack is not there: say so by the slow path, from kernel mode */
    CLAC
    mov %rax, REGS_rip(%rsp)
    mov %r9, REGS_rsp(%rsp)
    mov %rbx, %rdi
    call syscall_frame_fault
    jmp return_to_guest

slow_syscall:
    BOUNCE bounce_syscall

/* HYPERVISOR_iret to user mode: hypercall/cpustate.c has the whole of it; this is the common case. Until the frame is
 * read nothing is changed, so that everything unusual can be left to C. */
fast_iret:
    mov REGS_rsp(%rsp), %rsi
    mov %rsi, %rdx
    shr $43, %rdx
    cmp $0x1ffff0, %edx                 /* in the hypervisor's slots? Below them are no canonical addresses */
    je slow_iret
    STAC
iret_0: mov IRET_cs(%rsi), %rdx
iret_1: mov IRET_rflags(%rsi), %rdi
iret_2: mov IRET_flags(%rsi), %rcx
    mov %edx, %r8d
    not %r8d
    test $3, %r8b                       /* to user mode */
    jne slow_iret
    test $VGCF_IN_SYSCALL, %ecx
    jne slow_iret
    mov VCPU_cr3_user(%rbx), %r9
    test %r9, %r9
    je slow_iret
iret_3: mov IRET_rip(%rsi), %rax
iret_4: mov IRET_rsp(%rsi), %r10
iret_5: mov IRET_ss(%rsi), %r11
iret_6: mov IRET_rcx(%rsi), %r8
iret_7: mov IRET_r11(%rsi), %r12
iret_8: mov IRET_rax(%rsi), %r13
    CLAC
    or $3, %r11d
    mov %rax, REGS_rip(%rsp)
    mov %dx, REGS_cs(%rsp)
    mov %r10, REGS_rsp(%rsp)
    mov %r11w, REGS_ss(%rsp)
    mov %r8, REGS_rcx(%rsp)
    mov %r12, REGS_r11(%rsp)
    mov %r13, REGS_rax(%rsp)
    movl $0, REGS_vector(%rsp)
    mov VCPU_info(%rbx), %rcx
    bt $9, %edi                         /* IF: the inverse of the mask */
    setnc INFO_mask(%rcx)
    and $0x244dd5, %edi                 /* ID, AC, NT, OF, DF, TF, SF, ZF, AF, PF, CF */
    or $(RFLAGS_IF | RFLAGS_FIXED), %edi
    mov %rdi, REGS_rflags(%rsp)
    movb $0, VCPU_nmi_masked(%rbx)
    movb $0, VCPU_in_kernel(%rbx)
    swapgs
    cmpb $0, VCPU_io_bitmap(%rbx)
    je 1f
    mov CPUINFO_iomap(%rsp), %rax
    movw $TSS_IOMAP_OFF, (%rax)
1:  mov %r9, CPUINFO_cr3(%rsp)
    mov %r9, %cr3
    jmp return_check
    EX_TABLE slow_iret, iret_0, iret_1, iret_2, iret_3, iret_4, iret_5, iret_6, iret_7, iret_8
slow_iret:
    CLAC
    mov $__HYPERVISOR_iret, %eax
    jmp do_hypercall

    .balign 16
syscall32:
    push %r11
    push $SEL_USER_CS32
    push %rcx
    pushq $0
    PUSH_GPRS
    cld
    BOUNCE bounce_syscall32

/* SYSENTER (Intel, 32-bit user code): rsp is the CPU's from its MSR; the guest's rip and rsp are not saved. */
    .balign 16
sysenter_entry:
    push $SEL_USER_SS
    pushq $0                            /* rsp: unknown, the ABI says so */
    pushfq
    push $SEL_USER_CS32
    pushq $0
    pushq $0
    pushq $RFLAGS_FIXED                 /* unlike SYSCALL it masks nothing: with NT set no iretq would work */
    popfq
    PUSH_GPRS
    BOUNCE bounce_sysenter

/* Starts running cpu_info.curr, whose registers are in guest_regs, on a fresh stack. rdi = this CPU's cpu_info. */
resume_guest:
    mov %rdi, %rsp
    jmp return_to_guest

/* Calls rsi() on a fresh stack below cpu_info rdi; it does not return. */
run_on_fresh_stack:
    mov %rdi, %rsp
    and $-16, %rsp
    xor %ebp, %ebp
    call *%rsi
    ud2

/* The gates of the IDT, 16 bytes each: an error code where the CPU gives none, the vector above it. */
    .balign 16
vector_stubs:
    .set i, 0
    .rept 256
    .balign 16
    .if !(i == 8 || (i >= 10 && i <= 14) || i == 17 || i == 21)
    pushq $0
    .endif
    movl $i, 4(%rsp)
    .if i == 1
    jmp debug_exception
    .elseif i == 2
    jmp nmi
    .elseif i == 8
    jmp double_fault
    .elseif i == 14
    jmp page_fault
    .elseif i == 18
    jmp machine_check
    .elseif i < 32 || i == 0x80
    jmp exception
    .else
    jmp interrupt
    .endif
    .set i, i + 1
    .endr

/* From a guest: the frame is guest_regs. From the hypervisor: a nested frame, for the exception tables or a panic. */
.macro ENTRY_POINT name, guest, nested, arg:vararg
    .balign 16
\name:
    PUSH_GPRS
    CLAC
    cld
    mov %rsp, %rdi
    \arg
    testb $3, REGS_cs(%rsp)
    jz 1f
    call \guest
    jmp return_to_guest
1:  CALL_NESTED \nested
.endm
ENTRY_POINT exception, guest_exception, hypervisor_exception
ENTRY_POINT page_fault, guest_page_fault, hypervisor_page_fault, mov %cr2, %rsi
/* Interrupts are taken in a guest or in the idle loop only. */
ENTRY_POINT interrupt, irq_handle, irq_handle, mov REGS_vector(%rsp), %edi

/* Debug exceptions have a stack of their own: one that MOV SS puts off until after SYSCALL comes in ring 0 with the
 * guest's rsp. A guest's is moved to where entries from guests are. */
debug_exception:
    PUSH_GPRS
    CLAC
    cld
    mov %rsp, %rdi
    testb $3, REGS_cs(%rsp)
    jz 1f
    call move_to_guest_regs
    mov %rax, %rsp
    mov %rax, %rdi
    call guest_exception
    jmp return_to_guest
1:  CALL_NESTED hypervisor_debug

/* On stacks of their own in the CPU's block (cpu_info() works there). */
.macro IST_EXCEPTION name, handler
\name:
    PUSH_GPRS
    CLAC
    cld
    mov %rsp, %rdi
    CALL_NESTED \handler
.endm
IST_EXCEPTION nmi, handle_nmi
IST_EXCEPTION double_fault, handle_double_fault
IST_EXCEPTION machine_check, handle_machine_check

/* size_t guest_copy_raw(void *dst [rdi], const void *src [rsi], size_t n [rdx]): the bytes not copied. */
    .balign 16
guest_copy_raw:
    STAC
    mov %rdx, %rcx
    shr $3, %rcx
    and $7, %edx
copy_words: rep movsq
    mov %edx, %ecx
copy_bytes: rep movsb
copy_done:
    mov %rcx, %rax
    CLAC
    ret
copy_words_fault:
    lea (%rdx, %rcx, 8), %rcx
    jmp copy_done
    EX_TABLE copy_words_fault, copy_words
    EX_TABLE copy_done, copy_bytes

/* void cpu_copy(void *dst [rdi], const void *src [rsi], size_t n [rdx]) */
    .balign 16
cpu_copy:
    mov %rdx, %rcx
    shr $3, %rcx
    rep movsq
    mov %edx, %ecx
    and $7, %ecx
    rep movsb
    ret

/* size_t guest_clear_raw(void *dst [rdi], size_t n [rsi]) */
    .balign 16
guest_clear_raw:
    STAC
    mov %rsi, %rcx
    xor %eax, %eax
clear_bytes: rep stosb
clear_done:
    mov %rcx, %rax
    CLAC
    ret
    EX_TABLE clear_done, clear_bytes

/* void load_ds_raw(uint32_t sel [edi]), and so es, fs, gs: one that cannot be loaded leaves the register null. */
.irp seg, ds, es, fs, gs
    .globl load_\seg\()_raw
load_\seg\()_raw:
    mov %edi, %\seg
    ret
load_\seg\()_fault:
    xor %edi, %edi
    jmp load_\seg\()_raw
    EX_TABLE load_\seg\()_fault, load_\seg\()_raw
.endr

/* long load_gs_user_raw(uint32_t sel [edi]): into the user's GS. 0, or -EFAULT and GS is null. */
load_gs_user_raw:
    xor %eax, %eax
    swapgs
gs_user: mov %edi, %gs
    swapgs
    ret
gs_user_fault:
    xor %edi, %edi
    mov $-14, %rax
    jmp gs_user
    EX_TABLE gs_user_fault, gs_user

    .bss
    .balign 64
syscall_cpu:
    .skip 64 * 64
