/* SPDX-License-Identifier: MIT */
/* cpu/irq: interrupt vectors, local APIC, IO-APICs, MSI, and the guests' physical IRQs (PIRQs). A PIRQ is a domain's
 * number for a machine interrupt: a GSI (pirq == gsi for dom0's GSIs), or one MSI/MSI-X vector. The interrupt
 * handler acknowledges, masks level-triggered lines, and sends the PIRQ's event to its domain; a level-triggered
 * line is unmasked when the guest says PHYSDEVOP_eoi. */
#pragma once
#include <hv/types.h>

enum {                              /* vectors above the exceptions */
    VECTOR_FIRST_DYNAMIC = 0x30, VECTOR_LAST_DYNAMIC = 0xdf,
    VECTOR_LEGACY_SYSCALL = 0x80, VECTOR_HYPERCALL = 0x82,  /* never given out */
    VECTOR_TIMER         = 0xf0,
    VECTOR_WORK          = 0xf1,    /* exit work was raised for this CPU */
    VECTOR_CALL          = 0xf2,    /* cpu_call */
    VECTOR_ERROR         = 0xfe, VECTOR_SPURIOUS = 0xff,
};

void apic_init_bsp(void);           /* x2APIC when there, else xAPIC; masks the 8259s */
void apic_init_cpu(void);
void apic_eoi(void);
void apic_timer_set(uint64_t tsc_deadline);  /* 0: stop */
void apic_send_ipi(unsigned int cpu, uint8_t vector);
void apic_send_nmi(unsigned int cpu);
bool apic_interrupt_waiting(void);  /* in this CPU's APIC, until interrupts are enabled (IRR is not empty) */
void ioapic_init(void);             /* from the MADT; all lines masked */
unsigned int irq_gsi_count(void);   /* one above the highest GSI */

void irq_handle(unsigned int vector);   /* the common handler's C part, for vectors from 0x20 up */
/* A machine interrupt for the hypervisor itself (the UART): handler runs with interrupts off. */
int irq_request_gsi(unsigned int gsi, void (*handler)(void *arg), void *arg);

/* PIRQs (physdev_op, domctl; event/ binds them to ports) */
int pirq_domain_init(struct domain *d, unsigned int nr_pirqs);
void pirq_domain_destroy(struct domain *d);     /* unbinds and masks all */
/* GSI trigger and polarity, once a line (PHYSDEVOP_setup_gsi). -XEN_EEXIST when set up before. */
int pirq_setup_gsi(unsigned int gsi, bool level, bool active_low);
/* Makes pirq (or a free one when *pirq < 0) of d stand for gsi. -XEN_EPERM, -XEN_EINVAL, -XEN_ENOSPC. */
int pirq_map_gsi(struct domain *d, int gsi, int *pirq);
struct pirq_msi { uint16_t seg; uint8_t bus, devfn; int entry_nr; uint64_t table_base; unsigned int nvec; };
/* MSI (table_base 0) or MSI-X entry; programs the device's capability by PCI configuration access, masked. */
int pirq_map_msi(struct domain *d, const struct pirq_msi *msi, int *pirq);
int pirq_unmap(struct domain *d, int pirq);
int pirq_get_free(struct domain *d, int type, int *pirq);
/* event/ calls these when a port is bound to or freed from a pirq. will_share: BIND_PIRQ__WILL_SHARE. */
int pirq_bind(struct vcpu *v, int pirq, bool will_share);
void pirq_unbind(struct domain *d, int pirq);
void pirq_set_affinity(struct domain *d, int pirq, unsigned int cpu);
int pirq_eoi(struct domain *d, int pirq);
int pirq_status(struct domain *d, int pirq);    /* XENIRQSTAT_needs_eoi or 0; -XEN_EINVAL */
/* PHYSDEVOP_pirq_eoi_gmfn_v2: a guest page with one bit a pirq that needs eoi. map is our mapping of it, NULL: none. */
void pirq_set_eoi_map(struct domain *d, unsigned long *map);
bool pirq_is_mapped(struct domain *d, int pirq);
/* PHYSDEVOP_apic_read/write: -XEN_EINVAL for an unknown IO-APIC. Writes to redirection entries are checked. */
int ioapic_guest_read(uint64_t base, uint32_t reg, uint32_t *value);
int ioapic_guest_write(uint64_t base, uint32_t reg, uint32_t value);
bool msi_table_page(mfn_t mfn);     /* an MSI-X table page: guests may map it read-only at most */
/* PCI configuration space by ports 0xcf8/0xcfc or MMCFG; size 1, 2, 4. */
uint32_t pci_conf_read(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int size);
void pci_conf_write(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, uint32_t val, unsigned int size);
/* PHYSDEVOP_pci_device_add/remove, pci_mmcfg_reserved, restore_msi_ext. */
int pci_device_add(uint16_t seg, uint8_t bus, uint8_t devfn, bool is_virtfn);
int pci_device_remove(uint16_t seg, uint8_t bus, uint8_t devfn);
int pci_device_restore_msi(uint16_t seg, uint8_t bus, uint8_t devfn);
int pci_mmcfg_reserved(uint64_t address, uint16_t seg, uint8_t start_bus, uint8_t end_bus, uint32_t flags);
