/* SPDX-License-Identifier: MIT */
/* The table of hypercalls, which is total, and those that are little more than a row. What we do not have answers as a
 * hypervisor without the feature does. docs/abi.md lists them all. */
#include "private.h"

#include <xen/nmi.h>

#define __HYPERVISOR_mca __HYPERVISOR_arch_0

#define ROW(name) [__HYPERVISOR_##name] = hypercall_##name
#define NONE(nr)  [nr] = hypercall_unknown
const hypercall_fn hypercall_table[NR_HYPERCALLS] = {
    ROW(set_trap_table), ROW(mmu_update), ROW(set_gdt), ROW(stack_switch), ROW(set_callbacks), ROW(fpu_taskswitch),
    NONE(6), ROW(platform_op), ROW(set_debugreg), ROW(get_debugreg), ROW(update_descriptor), NONE(11), ROW(memory_op),
    ROW(multicall), ROW(update_va_mapping), ROW(set_timer_op), NONE(16), ROW(xen_version), ROW(console_io), NONE(19),
    ROW(grant_table_op), ROW(vm_assist), ROW(update_va_mapping_otherdomain), ROW(iret), ROW(vcpu_op),
    ROW(set_segment_base), ROW(mmuext_op), ROW(xsm_op), ROW(nmi_op), ROW(sched_op), ROW(callback_op), NONE(31),
    ROW(event_channel_op), ROW(physdev_op), ROW(hvm_op), ROW(sysctl), ROW(domctl), ROW(kexec_op), NONE(38), NONE(39),
    ROW(xenpmu_op), NONE(41), ROW(hypfs_op), NONE(43), NONE(44), NONE(45), NONE(46), NONE(47), ROW(mca), NONE(49),
    NONE(50), NONE(51), NONE(52), NONE(53), NONE(54), NONE(55), NONE(56), NONE(57), NONE(58), NONE(59), NONE(60),
    NONE(61), NONE(62), NONE(63),
};

static long refuse_all_but_dom0(void) { return current->domain->privileged ? -XEN_ENOSYS : -XEN_EPERM; }

HYPERCALL(unknown)   { return -XEN_ENOSYS; }
HYPERCALL(xsm_op)    { return -XEN_ENOSYS; }        /* no FLASK policy */
HYPERCALL(hvm_op)    { return -XEN_ENOSYS; }        /* no HVM guests */
HYPERCALL(xenpmu_op) { return -XEN_EOPNOTSUPP; }    /* the virtual PMU is off, as Xen's is by default */
HYPERCALL(kexec_op)  { return refuse_all_but_dom0(); }
HYPERCALL(hypfs_op)  { return refuse_all_but_dom0(); }

/* Hardware NMIs go to dom0's first vCPU (xen/nmi.h). */
HYPERCALL(nmi_op)
{
    struct xennmi_callback cb = { .handler_address = 0 };
    if (a1 != XENNMI_register_callback && a1 != XENNMI_unregister_callback)
        return -XEN_ENOSYS;
    if (current->domain != dom0 || current->id != 0)
        return -XEN_EINVAL;
    if (a1 == XENNMI_register_callback && copy_from_guest(&cb, (void *)a2, sizeof(cb)))
        return -XEN_EFAULT;
    if (!is_canonical(cb.handler_address))
        return -XEN_EINVAL;
    current->nmi_cb = cb.handler_address;
    return 0;
}

/* console_io: every domain may write (the console room limits what guests write), privileged ones read. */
#define CHUNK 256u

static long console_write(unsigned long buf, unsigned int count)
{
    char chunk[CHUNK];
    while (count) {
        unsigned int n = min(count, CHUNK);
        if (copy_from_guest(chunk, (void *)buf, n))
            return -XEN_EFAULT;
        console_guest_write(current->domain, chunk, n);
        buf += n;
        count -= n;
        if (count && hypercall_preempt_check())
            return hypercall_continue(__HYPERVISOR_console_io, 3, (unsigned long)CONSOLEIO_write, (unsigned long)count,
                                      buf);
    }
    return 0;
}

/* Returns the bytes read. Input that cannot be written to the guest is lost, so the buffer is tried first. */
static long console_read(unsigned long buf, unsigned int count)
{
    char chunk[CHUNK];
    size_t done = 0;
    if (!current->domain->privileged)
        return -XEN_EPERM;
    while (done < count) {
        size_t n = min((size_t)(count - done), (size_t)CHUNK);
        if (clear_guest((void *)(buf + done), n))
            return done ? (long)done : -XEN_EFAULT;
        n = console_guest_read(chunk, n);
        if (!n)
            break;
        if (copy_to_guest((void *)(buf + done), chunk, n))
            return -XEN_EFAULT;
        done += n;
    }
    return (long)done;
}

HYPERCALL(console_io)
{
    unsigned int cmd = (unsigned int)a1, count = (unsigned int)a2;
    if (count > INT32_MAX)
        return -XEN_EINVAL;
    if (cmd == CONSOLEIO_write)
        return console_write(a3, count);
    return cmd == CONSOLEIO_read ? console_read(a3, count) : -XEN_ENOSYS;
}
