/* SPDX-License-Identifier: MIT */
/* What the files of cpu/ share among themselves. */
#ifndef CPU_PRIVATE_H
#define CPU_PRIVATE_H

#include <hv/console.h>
#include <hv/cpu.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/lock.h>
#include <hv/mm.h>
#include <hv/time.h>
#include <hv/types.h>
#include <linux/pci_regs.h>
#include "x86.h"

unsigned long *paging_window_ptes(unsigned long va);    /* the L1 entries from va to its table's end, made if need be */
/* `size` bytes of firmware tables at p, for good; NULL: cannot be mapped. acpi.c's only way to memory. */
const void *acpi_map(paddr_t p, size_t size);

/* apic.c */
uint32_t apic_id(void);                 /* of this CPU */
bool apic_is_x2apic(void);
uint32_t apic_errors(void);             /* error status since the last call (SDM 3A 11.5.3) */
void apic_send_init(uint32_t apicid);
void apic_send_startup(uint32_t apicid, uint8_t page);
bool apic_timer_has_deadline(void);
void apic_timer_count_start(void);      /* for calibration: starts the counter at its maximum */
uint32_t apic_timer_counted(void);      /* how far it has counted down since */
void apic_timer_set_rate(uint64_t counts_per_tsc);      /* 32.32 fixed point; not used with deadlines */
bool apic_irr_test(uint8_t vector);     /* requested on this CPU but not yet taken */

/* time.c, calibrate.c, timer.c, call.c, reboot.c */
void time_set_rate(uint64_t hz);
/* Seconds since 1970 of a date in the Gregorian calendar; month 1-12. */
uint64_t date_to_seconds(unsigned int year, unsigned int month, unsigned int day, unsigned int h, unsigned int m,
                         unsigned int s);
void udelay(unsigned int us);           /* busy wait; after time_init */
const char *time_calibrate(void);       /* sets both rates; the clock that was used, for the log */
void timers_init(void);
void timer_interrupt(void);
void nmi_work(void);                    /* traps.c: tells of a hardware NMI */
void call_init(void);                   /* exit work and quiescence; before the first timer */
void reboot_init(void);                 /* maps the reset register; after time_init, whose clock it uses */

/* irq.c: vectors and dispatch. ioapic.c and msi.c: the hardware behind an irq. pirq.c: the guests on it. */
#define IRQ_GUESTS_MAX 7u               /* domains that may share one level-triggered line */
struct irq;
struct irq_chip {                       /* all are called with irq->lock held */
    void (*update)(struct irq *irq);    /* irq->masked changed */
    void (*route)(struct irq *irq);     /* irq->cpu and irq->vector changed; the line keeps its mask state */
};
struct irq_guest { struct domain *d; int pirq; bool in_flight; };
struct irq {
    spinlock_t lock;                    /* RANK_IRQ; guards all below */
    const struct irq_chip *chip;
    unsigned int number;                /* the GSI; for an MSI its entry */
    bool configured;                    /* trigger and polarity were set explicitly */
    bool level, active_low;
    bool masked;
    bool shared;                        /* its guests agreed to share it */
    unsigned int cpu;                   /* where it is delivered */
    uint8_t vector;                     /* 0: nowhere */
    void (*handler)(void *arg);         /* the hypervisor's own; then there are no guests */
    void *arg;
    unsigned int nr_guests, in_flight;  /* in_flight: guests that have yet to say EOI; the line is masked until then */
    struct irq_guest guest[IRQ_GUESTS_MAX];
    struct timer eoi_timer;             /* shared lines: no guest may hold a line back from the others for long */
};
void irq_init(struct irq *irq, const struct irq_chip *chip, unsigned int number);
int irq_init_cpu(unsigned int cpu);     /* its vector table; before interrupts are routed there. -XEN_ENOMEM */
/* With irq->lock held. Delivers to cpu from now on, or to another if it has no vector left. -XEN_ENOSPC: none has. */
int irq_route(struct irq *irq, unsigned int cpu);
void irq_unroute(struct irq *irq);      /* masks it and gives the vector up */
void irq_mask(struct irq *irq, bool masked);
struct irq *irq_of_gsi(unsigned int gsi);       /* ioapic.c: made at first use; NULL: no such line, or no memory */

/* msi.c */
int msi_map(const struct pirq_msi *msi, struct irq **out);      /* the device's entry, programmed but masked */
void msi_unmap(struct irq *irq);        /* no guest is bound; frees it once no handler can hold it */
bool irq_is_msi(const struct irq *irq);
bool irq_move_may_lose(const struct irq *irq);  /* its device may send to neither place during a move */

/* pci.c, and msi.c on its devices */
/* never freed: a removed one is only marked, so the list may be walked without the lock */
struct pci_dev {
    struct pci_dev *next;
    uint16_t seg; uint8_t bus, devfn;
    bool present, virtfn;
    /* the MSI-X table; first > last: not known. msi_table_page reads it without the lock */
    mfn_t table_first, table_last;
    /* under pci_lock */
    paddr_t table_base; char *table; unsigned int table_entries;   /* as mapped by msi.c; NULL: not yet */
    struct msi *msis;
};
#define PCI_FMT "%04x:%02x:%02x.%u"
#define PCI_ARGS(d) (d)->seg, (d)->bus, (d)->devfn >> 3, (d)->devfn & 7
extern spinlock_t pci_lock;             /* RANK_PCI: the list of devices and their MSIs; held for all that follow */
struct pci_dev *pci_dev_get(uint16_t seg, uint8_t bus, uint8_t devfn);  /* made known if it was not; NULL: no memory */
uint32_t pci_dev_read(const struct pci_dev *dev, unsigned int reg, unsigned int size);
void pci_dev_write(const struct pci_dev *dev, unsigned int reg, uint32_t val, unsigned int size);
uint16_t pci_find_capability(const struct pci_dev *dev, uint8_t id);    /* its offset; 0: the device has none */
void pci_protect_table(struct pci_dev *dev, paddr_t table, size_t size);     /* for msi_table_page */
void msi_restore(struct pci_dev *dev);  /* writes all messages of the device again */
/* The MSI-X table's place by the configuration space; bar_base: of the BAR it lies in, 0: read it. False: none. */
bool msix_table_place(const struct pci_dev *dev, paddr_t bar_base, paddr_t *table, unsigned int *entries);

#endif
