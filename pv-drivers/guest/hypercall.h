/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: number in rax, arguments in rdi, rsi, rdx, r10, r8; rcx and r11 are lost. Results are the ABI's: negative
 * errno.
 */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include "guest.h"

#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

static inline long hypercall5(unsigned long nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4,
                              unsigned long a5)
{
    register unsigned long r10 __asm__("r10") = a4;
    register unsigned long r8 __asm__("r8") = a5;
    long ret;

    __asm__ volatile("syscall"
                     : "=a"(ret), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                     : "0"(nr)
                     : "rcx", "r11", "r9", "memory");
    return ret;
}

#define HC(name, ...) HC_(name, __VA_ARGS__, 0, 0, 0, 0, 0)
#define HC_(name, a, b, c, d, e, ...)                                                                                  \
    hypercall5(__HYPERVISOR_##name, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), (unsigned long)(d),    \
               (unsigned long)(e))

static inline long event_op(unsigned int cmd, void *arg) { return HC(event_channel_op, cmd, arg); }
static inline long sched_op(unsigned int cmd, void *arg) { return HC(sched_op, cmd, arg); }
static inline long memory_op(unsigned int cmd, void *arg) { return HC(memory_op, cmd, arg); }
static inline long vcpu_op(unsigned int cmd, unsigned int vcpu, void *arg) { return HC(vcpu_op, cmd, vcpu, arg); }

/* count page-table entries: ptr is the entry's machine address, its low bits the command (MMU_NORMAL_PT_UPDATE). */
static inline long mmu_update(struct mmu_update *req, unsigned int count, unsigned int *done)
{
    return HC(mmu_update, req, count, done, DOMID_SELF);
}

static inline long mmuext_op(struct mmuext_op *op, unsigned int count, unsigned int *done)
{
    return HC(mmuext_op, op, count, done, DOMID_SELF);
}

#endif
