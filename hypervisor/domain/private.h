/* SPDX-License-Identifier: MIT */
/* What the files of domain/ share. */
#ifndef DOMAIN_PRIVATE_H
#define DOMAIN_PRIVATE_H

#include <hv/domain.h>

/* vcpu.c */
void vcpu_free(struct vcpu *v);
int vcpu_release(struct vcpu *v);               /* gives back the frames it holds; it will not run again. 0 or -XEN_ERESTART */
/* switch.c: cpu_call function: an idle CPU drops what it still has loaded of domain arg. */
void domain_leave_lazy(void *arg);
void vcpu_unload(struct vcpu *v);               /* v, which does not run, is loaded on no CPU afterwards */
/* time.c */
void time_switched_in(struct vcpu *v);
/* dom0.c: dom0 has shut down: the machine does what the reason says. */
void dom0_shutdown(uint8_t reason) __noreturn;
/* hypercall/cpustate.c, hypercall/mmuext.c */
int vcpu_set_gdt(struct vcpu *v, const unsigned long *mfns, unsigned int entries);
void vcpu_drop_gdt(struct vcpu *v);
void vcpu_drop_ldt(struct vcpu *v);

/* inject.c: the guest kernel's NMI callback */
void inject_nmi(struct vcpu *v);

#endif
