/* SPDX-License-Identifier: MIT */
/* hypercall/grant: grant_table_op(cmd, ops, count). The table of operations is grant/ops.c. */
#include <hv/grant.h>
#include <hv/hypercall.h>

HYPERCALL(grant_table_op)
{
    XEN_GUEST_HANDLE(void) uop = { .p = (void *)a2 };
    unsigned int cmd = (unsigned int)a1, count = (unsigned int)a3;
    long done = grant_op(cmd, uop, count);

    (void)a4; (void)a5; (void)a6;
    if (done <= 0) return done;
    return hypercall_continue(__HYPERVISOR_grant_table_op, 3, a1, a2 + (unsigned long)done * grant_op_size(cmd),
                              (unsigned long)count - (unsigned long)done);
}
