/* SPDX-License-Identifier: MIT */
/* hypercall/event: event_channel_op(cmd, arg). The table of operations is event/ops.c. */
#include <hv/event.h>
#include <hv/hypercall.h>

HYPERCALL(event_channel_op)
{
    XEN_GUEST_HANDLE(void) arg = { .p = (void *)a2 };
    long rc = evtchn_op((int)a1, arg);
    (void)a3; (void)a4; (void)a5; (void)a6;
    return rc == -XEN_ERESTART ? hypercall_continue(__HYPERVISOR_event_channel_op, 2, a1, a2) : rc;
}
