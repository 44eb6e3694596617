/* SPDX-License-Identifier: MIT */
/* What the files of domain/ share. */
#ifndef DOMAIN_PRIVATE_H
#define DOMAIN_PRIVATE_H

#include <hv/boot.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/event.h>
#include <hv/grant.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/pagetable.h>
#include <hv/policy.h>

/* vcpu.c */
void vcpu_free(struct vcpu *v);
/* gives back the frames it holds; it will not run again. 0 or -XEN_ERESTART */
int vcpu_release(struct vcpu *v);
/* switch.c: cpu_call function: an idle CPU drops what it still has loaded of domain arg. */
void domain_leave_lazy(void *arg);
void vcpu_unload(struct vcpu *v);               /* v, which does not run, is loaded on no CPU afterwards */
/* time.c */
void time_switched_in(struct vcpu *v);
/* dom0.c: dom0 has shut down: the machine does what the reason says. */
void dom0_shutdown(uint8_t reason) __noreturn;
/* hypercall/descriptor.c */
int vcpu_set_gdt(struct vcpu *v, const unsigned long *mfns, unsigned int entries);
void vcpu_drop_gdt(struct vcpu *v);
void vcpu_drop_ldt(struct vcpu *v);

/* inject.c: the guest kernel's NMI callback */
void inject_nmi(struct vcpu *v);

/* rights.c: ports that need the hypervisor between the guest and the device, however much the guest owns them */
#define PORT_CMOS_INDEX  0x70u
#define PORT_CMOS_DATA   0x71u
#define PORT_PCI_ADDRESS 0xcf8u
#define PORT_PCI_DATA    0xcfcu         /* to 0xcff */

static inline bool ioport_special(unsigned int first, unsigned int last)
{
    return (first <= PORT_CMOS_DATA && last >= PORT_CMOS_INDEX) ||
           (first <= PORT_PCI_DATA + 3 && last >= PORT_PCI_ADDRESS);
}

#endif
