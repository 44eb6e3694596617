/* SPDX-License-Identifier: MIT */
/*
 * event/: event channels, 2-level and FIFO, VIRQs, IPIs, PIRQ binding. ABI: xen/event_channel.h.
 * Lock: a domain's evtchn->lock (RANK_EVENT) guards allocation and binding; sending takes none (see event/channel.c).
 */
#ifndef HV_EVENT_H
#define HV_EVENT_H

#include <hv/types.h>

#include <xen/event_channel.h>

void evtchn_init(void);         /* boot: the debug key */
int evtchn_domain_init(struct domain *d, unsigned int max_port);   /* ports 1..max_port may be used */
int evtchn_domain_destroy(struct domain *d);    /* closes all (domain_kill): 0 or -XEN_ERESTART; then, with no vCPU left, _free */
void evtchn_domain_free(struct domain *d);
int evtchn_vcpu_init(struct vcpu *v);
void evtchn_vcpu_destroy(struct vcpu *v);
void evtchn_vcpu_info_moved(struct vcpu *v);    /* after VCPUOP_register_vcpu_info: all selectors pending, as the ABI says */

/* EVTCHNOP_*: arg as in the ABI, copied in by the callee. */
long evtchn_op(int cmd, XEN_GUEST_HANDLE(void) arg);

/* From the hypervisor to a guest: no effect when not bound. */
void virq_send_vcpu(struct vcpu *v, unsigned int virq);         /* VIRQ_TIMER, VIRQ_DEBUG */
void virq_send_global(unsigned int virq);                       /* to the domain that handles it: dom0, or virq_set_handler's */
int virq_set_handler(struct domain *d, unsigned int virq);
void pirq_event_send(struct domain *d, int pirq);               /* from the interrupt handler */
/* For SCHEDOP_poll: is the port pending now? -XEN_EINVAL: no such port. */
int evtchn_is_pending(struct domain *d, uint32_t port);
/* Hypervisor-side sends for others: suspend event channel. */
int evtchn_send_from_hv(struct domain *d, uint32_t port);
/* audit(): calls f for each guest page that d's event channels hold. */
void evtchn_walk_refs(struct domain *d, void (*f)(mfn_t m, bool writable, void *arg), void *arg);
void evtchn_debug_dump(struct domain *d);

#endif
