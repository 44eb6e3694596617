/* SPDX-License-Identifier: MIT */
/* event_channel_op(cmd, arg). The table of operations is event/ops.c. */
#include "private.h"

HYPERCALL(event_channel_op)
{
    long rc = evtchn_op((int)a1, (XEN_GUEST_HANDLE(void)){ .p = (void *)a2 });
    return rc == -XEN_ERESTART ? hypercall_continue(__HYPERVISOR_event_channel_op, 2, a1, a2) : rc;
}
