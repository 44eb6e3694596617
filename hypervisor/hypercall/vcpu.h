/* SPDX-License-Identifier: MIT */
/*
 * What vcpu_op and domctl share.
 */
#ifndef HYPERCALL_VCPU_H
#define HYPERCALL_VCPU_H

#include <hv/domain.h>

/* Takes v off its CPU for good, or lets it run (VGCF_online, VCPUOP_up and down). Does not wait. */
void vcpu_set_down(struct vcpu *v, bool down);
/* A context copied from guest address garg into new memory (hv_free). NULL: *error is -XEN_ENOMEM or -XEN_EFAULT. */
struct vcpu_guest_context *vcpu_context_copy(unsigned long garg, long *error);
/* An NMI for v's guest kernel; one that is pending already is enough. */
void vcpu_send_nmi(struct vcpu *v);

#endif
