/* SPDX-License-Identifier: MIT */
/*
 * Letting go of a long-running hypercall. The guest's registers are set so that it executes its system-call
 * instruction again with the new number and arguments: exit work runs and events are delivered in between, and no
 * state is kept here. Inside a multicall it is the entry of the call in the guest's list that is changed instead: see
 * multicall.c.
 */
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/irq.h>

#define SYSCALL_LENGTH 2        /* of syscall, and of int $0x82 */

static void set_registers(struct cpu_user_regs *r, const unsigned long *arg, unsigned int nargs)
{
    uint64_t *const place[6] = { &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9 };

    for (unsigned int i = 0; i < nargs; i++)
        *place[i] = arg[i];
    r->rip -= SYSCALL_LENGTH;
}

long hypercall_continue(unsigned int nr, unsigned int nargs, ...)
{
    struct vcpu *v = current;
    unsigned long arg[6];
    va_list ap;

    nargs = min(nargs, 6u);
    va_start(ap, nargs);
    for (unsigned int i = 0; i < nargs; i++)
        arg[i] = va_arg(ap, unsigned long);
    va_end(ap);

    if (v->in_multicall) {
        for (unsigned int i = 0; i < nargs; i++)
            v->mc.args[i] = arg[i];
        v->mc.op = nr;
        v->preempted = true;
        return 0;
    }
    set_registers(&cpu_info()->guest_regs, arg, nargs);
    return nr;      /* becomes rax: the number of the call that is made again */
}

bool hypercall_preempt_check(void)
{
    return cpu_work_pending() || apic_interrupt_waiting();
}
