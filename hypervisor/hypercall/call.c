/* SPDX-License-Identifier: MIT */
/* How hypercalls are made: the page of stubs, lists of calls, and letting go of a long-running one: the guest's
 * registers are set so that it makes the call again with new arguments, and exit work runs in between. In a multicall
 * it is the call's entry that changes: hypercall_continue leaves it in v->mc, it is written back to the guest's list,
 * and the multicall continues with it. v->mc, v->in_multicall and v->preempted belong to this file. */
#include "private.h"

/* 32 bytes a hypercall (arch-x86/xen-x86_64.h). A call may clobber only its argument registers: rcx and r11, which
 * syscall overwrites, are kept. iret's does not return: it completes struct iret_context, which begins rax, r11, rcx */
#define STUB_SIZE 32

static const uint8_t call_stub[] = {
    0x51,                               /* push %rcx */
    0x41, 0x53,                         /* push %r11 */
    0xb8, 0, 0, 0, 0,                   /* mov $nr, %eax */
    0x0f, 0x05,                         /* syscall */
    0x41, 0x5b,                         /* pop %r11 */
    0x59,                               /* pop %rcx */
    0xc3,                               /* ret */
};
static const uint8_t iret_stub[] = {
    0x51,                               /* push %rcx */
    0x41, 0x53,                         /* push %r11 */
    0x50,                               /* push %rax */
    0xb8, __HYPERVISOR_iret, 0, 0, 0,   /* mov $__HYPERVISOR_iret, %eax */
    0x0f, 0x05,                         /* syscall */
};
#define CALL_STUB_NR 4                  /* where call_stub holds the number */

void hypercall_page_write(void *page)
{
    uint8_t *stub = page;
    memset(page, 0xcc, PAGE_SIZE);      /* int3 */
    for (uint8_t nr = 0; nr < NR_HYPERCALLS; nr++, stub += STUB_SIZE) {
        memcpy(stub, call_stub, sizeof(call_stub));
        stub[CALL_STUB_NR] = nr;
    }
    stub = (uint8_t *)page + __HYPERVISOR_iret * STUB_SIZE;
    memset(stub, 0xcc, STUB_SIZE);
    memcpy(stub, iret_stub, sizeof(iret_stub));
}

#define SYSCALL_LENGTH 2        /* of syscall, and of int $0x82 */

long hypercall_continue(unsigned int nr, unsigned int nargs, ...)
{
    struct vcpu *v = current;
    struct cpu_user_regs *r = &cpu_info()->guest_regs;
    uint64_t *const place[6] = { &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9 };
    va_list ap;
    va_start(ap, nargs);
    for (unsigned int i = 0; i < min(nargs, 6u); i++) {
        if (v->in_multicall)
            v->mc.args[i] = va_arg(ap, unsigned long);
        else
            *place[i] = va_arg(ap, unsigned long);
    }
    va_end(ap);
    if (v->in_multicall) {
        v->mc.op = nr;
        v->preempted = true;
        return 0;
    }
    r->rip -= SYSCALL_LENGTH;
    return nr;      /* becomes rax: the number of the call that is made again */
}

bool hypercall_preempt_check(void) { return cpu_work_pending() || apic_interrupt_waiting(); }

static long run(struct vcpu *v)
{
    unsigned long op = v->mc.op;
    const unsigned long *a = v->mc.args;
    if (unlikely(op >= NR_HYPERCALLS))
        return -XEN_ENOSYS;
    if (unlikely(op == __HYPERVISOR_multicall))
        return -XEN_EINVAL;
    return hypercall_table[index_clamp(op, NR_HYPERCALLS)](a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Raised work is one load to see; asking the interrupt controller is dear, so not after each call of a short list. */
static bool must_stop(uint32_t count) { return cpu_work_pending() || (!(count % 32) && hypercall_preempt_check()); }

/* a1: struct multicall_entry[], a2: how many (32 bits). 0; -XEN_EFAULT: a part of the list is not accessible. */
HYPERCALL(multicall)
{
    struct vcpu *v = current;
    unsigned long entry = a1;
    uint32_t count = (uint32_t)a2;
    if (unlikely(v->in_multicall))
        return -XEN_EINVAL;
    for (; count; entry += sizeof(v->mc), count--) {
        unsigned long op;
        long rc;
        if (unlikely(copy_from_guest(&v->mc, (void *)entry, sizeof(v->mc))))
            return -XEN_EFAULT;
        op = v->mc.op;
        v->in_multicall = true;
        rc = run(v);
        v->in_multicall = false;
        if (unlikely(op == __HYPERVISOR_iret))
            return rc;      /* the guest goes on elsewhere, with all its registers set */
        if (unlikely(v->preempted)) {
            v->preempted = false;
            if (copy_to_guest((void *)entry, &v->mc, sizeof(v->mc)))
                return -XEN_EFAULT;
            break;
        }
        if (unlikely(copy_to_guest((void *)(entry + offsetof(struct multicall_entry, result)), &rc, sizeof(rc))))
            return -XEN_EFAULT;
        if (unlikely(must_stop(count)) && count > 1) {
            entry += sizeof(v->mc), count--;
            break;
        }
    }
    return count ? hypercall_continue(__HYPERVISOR_multicall, 2, entry, (unsigned long)count) : 0;
}
