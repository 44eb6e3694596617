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
#include <hv/x86.h>

void vcpu_free(struct vcpu *v);
int vcpu_release(struct vcpu *v);               /* gives its frames back; it will not run again. 0 or -XEN_ERESTART */
void leave_lazy(void *arg);                     /* cpu_call: an idle CPU drops what it has loaded of a domain or vCPU */
void vcpu_unload(struct vcpu *v);               /* v, which does not run, is loaded on no CPU afterwards */
void time_switched_in(struct vcpu *v);
void dom0_shutdown(uint8_t reason) __noreturn;  /* the machine does what the reason says */
void inject_nmi(struct vcpu *v);
/* hypercall/descriptor.c */
int vcpu_set_gdt(struct vcpu *v, const unsigned long *mfns, unsigned int entries);
int vcpu_set_ldt(struct vcpu *v, unsigned long base, unsigned long entries);
void vcpu_drop_descriptors(struct vcpu *v);

/* What rdtsc counts for d, in kHz: as the toolstack set it, or the host's. */
static inline uint64_t domain_tsc_khz(const struct domain *d)
{
    return d->tsc_khz ? d->tsc_khz : time_tsc_hz() / 1000;
}

/* TSC_MODE_ALWAYS_EMULATE: the guest's TSC when so many ns of its TSC time have passed. */
static inline uint64_t domain_ns_to_tsc(const struct domain *d, uint64_t ns)
{
    uint64_t khz = domain_tsc_khz(d);
    return ns / 1000000 * khz + ns % 1000000 * khz / 1000000;
}

void tsc_scale(uint64_t khz, uint32_t *mul, int8_t *shift);     /* ns = (tsc << shift) * mul >> 32 */

/* Ports that need the hypervisor between the guest and the device, however much the guest owns them */
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
