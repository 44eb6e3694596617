/* SPDX-License-Identifier: MIT */
/* event/: event channels, 2-level and FIFO, VIRQs, IPIs, PIRQ binding. ABI: xen/event_channel.h. Lock: a domain's
 * evtchn->lock (RANK_EVENT) guards allocation and binding; sending takes none (see event/channel.c). */
#pragma once
#include <hv/types.h>
#include <xen/event_channel.h>

void evtchn_init(void);         /* boot: the debug key */
int evtchn_domain_init(struct domain *d, unsigned int max_port);   /* ports 1..max_port may be used */
int evtchn_domain_destroy(struct domain *d);    /* domain_kill: closes all: 0 or -XEN_ERESTART */
void evtchn_domain_free(struct domain *d);      /* after that, with no vCPU left */
int evtchn_vcpu_init(struct vcpu *v);
void evtchn_vcpu_destroy(struct vcpu *v);
void evtchn_vcpu_info_moved(struct vcpu *v);    /* VCPUOP_register_vcpu_info: all selectors pending, as the ABI says */
long evtchn_op(int cmd, XEN_GUEST_HANDLE(void) arg);    /* EVTCHNOP_* */

/* From the hypervisor to a guest: no effect when not bound. virq_set_handler: -XEN_EINVAL: not a global VIRQ;
 * -XEN_ESRCH: d is dying. */
void virq_send_vcpu(struct vcpu *v, unsigned int virq);         /* VIRQ_TIMER, VIRQ_DEBUG */
void virq_send_global(unsigned int virq);                       /* to its handler, else dom0 */
int virq_set_handler(struct domain *d, unsigned int virq);
void pirq_event_send(struct domain *d, int pirq);               /* from the interrupt handler */
/* For SCHEDOP_poll: is the port pending now? -XEN_EINVAL: no such port. */
int evtchn_is_pending(struct domain *d, uint32_t port);
int evtchn_send_from_hv(struct domain *d, uint32_t port);       /* the suspend event channel */
/* audit(): calls f for each guest page that d's event channels hold. */
void evtchn_walk_refs(struct domain *d, void (*f)(mfn_t m, bool writable, void *arg), void *arg);
void evtchn_debug_dump(struct domain *d);
