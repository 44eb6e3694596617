/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls that are one or two operations, or that we do not have: those answer what the ABI says a hypervisor
 * without the feature does, so that callers take their way round. docs/abi.md lists them all.
 */
#include "subop.h"

#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/mm.h>

#include <xen/nmi.h>

/* --- nmi_op (xen/nmi.h): hardware NMIs go to dom0's first vCPU -------------------------------- */
static long nmi_register(void *ctx __unused, void *arg)
{
    const struct xennmi_callback *op = arg;
    long sign = (long)op->handler_address >> 47;

    if (sign != 0 && sign != -1)
        return -XEN_EINVAL;         /* not canonical */
    current->nmi_cb = op->handler_address;
    return 0;
}

static long nmi_unregister(void *ctx __unused, void *arg __unused)
{
    current->nmi_cb = 0;
    return 0;
}

static const struct subop nmi_ops[] = {
    [XENNMI_register_callback]   = SUBOP("register_callback", nmi_register, sizeof(struct xennmi_callback), 0),
    [XENNMI_unregister_callback] = SUBOP("unregister_callback", nmi_unregister, 0, 0),
};

HYPERCALL(nmi_op)
{
    long rc;
    const struct subop *row = subop_find(nmi_ops, ARRAY_SIZE(nmi_ops), (unsigned int)a1, &rc);

    if (!row)
        return rc;
    if (current->domain != dom0 || current->id != 0)
        return -XEN_EINVAL;
    return subop_run(row, NULL, a2);
}

/* --- what is not there ------------------------------------------------------------------------ */
HYPERCALL(xsm_op)       /* no FLASK policy */
{
    return -XEN_ENOSYS;
}

HYPERCALL(hvm_op)       /* no HVM guests */
{
    return -XEN_ENOSYS;
}

HYPERCALL(kexec_op)
{
    return current->domain->privileged ? -XEN_ENOSYS : -XEN_EPERM;
}

HYPERCALL(xenpmu_op)    /* the virtual PMU is off, as Xen's is by default */
{
    return -XEN_EOPNOTSUPP;
}

HYPERCALL(hypfs_op)
{
    return current->domain->privileged ? -XEN_ENOSYS : -XEN_EPERM;
}
