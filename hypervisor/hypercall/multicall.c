/* SPDX-License-Identifier: MIT */
/*
 * multicall: a list of hypercalls in one entry. Guests make many short ones (a context switch is one of about 8
 * calls), so the loop does nothing but copy the entry in, call, and copy the result out.
 *
 * Preemption: between entries, the multicall continues with the rest of the list. Inside an entry, the call's own
 * continuation (hypercall_continue) goes to v->mc; that is written back to the guest's list, and the multicall
 * continues with this entry. v->mc, v->in_multicall and v->preempted are used here and in continue.c only, by the
 * vCPU itself.
 */
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/mm.h>

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
static bool must_stop(uint32_t count)
{
    return cpu_work_pending() || (!(count % 32) && hypercall_preempt_check());
}

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
