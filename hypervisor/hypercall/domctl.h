/* SPDX-License-Identifier: MIT */
/*
 * Handlers of rows in domctl.c, one file a group. ctx is the domain that the operation names, arg the struct
 * xen_domctl. -XEN_ERESTART makes the whole domctl start again.
 */
#ifndef HYPERCALL_DOMCTL_H
#define HYPERCALL_DOMCTL_H

#include "ctl.h"

/* domctl_life.c */
long domctl_createdomain(void *ctx, void *arg);
void domctl_createdomain_undo(void *ctx, void *arg);
long domctl_destroydomain(void *ctx, void *arg);
long domctl_pausedomain(void *ctx, void *arg);
long domctl_unpausedomain(void *ctx, void *arg);
long domctl_resumedomain(void *ctx, void *arg);
long domctl_max_vcpus(void *ctx, void *arg);
long domctl_getdomaininfo(void *ctx, void *arg);
long domctl_setdomainhandle(void *ctx, void *arg);
long domctl_setdebugging(void *ctx, void *arg);
long domctl_subscribe(void *ctx, void *arg);
long domctl_set_virq_handler(void *ctx, void *arg);
long domctl_settimeoffset(void *ctx, void *arg);
long domctl_gettscinfo(void *ctx, void *arg);
long domctl_settscinfo(void *ctx, void *arg);
long domctl_get_cpu_policy(void *ctx, void *arg);
long domctl_set_cpu_policy(void *ctx, void *arg);
long domctl_get_address_size(void *ctx, void *arg);
long domctl_set_address_size(void *ctx, void *arg);

/* domctl_vcpu.c */
long domctl_setvcpucontext(void *ctx, void *arg);
long domctl_getvcpucontext(void *ctx, void *arg);
long domctl_getvcpuinfo(void *ctx, void *arg);
long domctl_sendtrigger(void *ctx, void *arg);
long domctl_get_ext_vcpucontext(void *ctx, void *arg);
long domctl_set_ext_vcpucontext(void *ctx, void *arg);
/* domctl_xstate.c */
long domctl_getvcpuextstate(void *ctx, void *arg);
long domctl_setvcpuextstate(void *ctx, void *arg);
long domctl_get_vcpu_msrs(void *ctx, void *arg);
long domctl_set_vcpu_msrs(void *ctx, void *arg);

/* domctl_sched.c */
long domctl_setvcpuaffinity(void *ctx, void *arg);
long domctl_getvcpuaffinity(void *ctx, void *arg);
long domctl_setnodeaffinity(void *ctx, void *arg);
long domctl_getnodeaffinity(void *ctx, void *arg);
long domctl_scheduler_op(void *ctx, void *arg);

/* domctl_mem.c: memory and rights */
long domctl_max_mem(void *ctx, void *arg);
long domctl_hypercall_init(void *ctx, void *arg);
long domctl_getpageframeinfo3(void *ctx, void *arg);
long domctl_shadow_op(void *ctx, void *arg);
long domctl_irq_permission(void *ctx, void *arg);
long domctl_iomem_permission(void *ctx, void *arg);
long domctl_ioport_permission(void *ctx, void *arg);
long domctl_memory_mapping(void *ctx, void *arg);

/* The vCPU a domctl names: NULL when there is none. */
struct vcpu *domctl_vcpu(struct domain *d, uint32_t id);

#endif
