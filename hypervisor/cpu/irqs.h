/* SPDX-License-Identifier: MIT */
/*
 * A machine interrupt, as irq.c (vectors and dispatch), ioapic.c and msi.c (hardware), and pirq.c (guests) see it.
 */
#ifndef CPU_IRQS_H
#define CPU_IRQS_H

#include <hv/irq.h>
#include <hv/lock.h>
#include <hv/time.h>
#include <hv/types.h>

#define IRQ_GUESTS_MAX 7u               /* domains that may share one level-triggered line */

struct irq;
/* The hardware behind an irq. All are called with irq->lock held. */
struct irq_chip {
    const char *name;
    void (*mask)(struct irq *irq);
    void (*unmask)(struct irq *irq);
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
    uint64_t count;
    void (*handler)(void *arg);         /* the hypervisor's own; then there are no guests */
    void *arg;
    unsigned int nr_guests, in_flight;  /* in_flight: guests that have yet to say EOI; the line is masked until then */
    struct irq_guest guest[IRQ_GUESTS_MAX];
    struct timer eoi_timer;             /* shared lines: no guest may hold a line back from the others for long */
};

/* --- irq.c -------------------------------------------------------------------------------------------------------- */
void irq_init(struct irq *irq, const struct irq_chip *chip, unsigned int number);
int irq_init_cpu(unsigned int cpu);     /* its vector table; before interrupts are routed there. -XEN_ENOMEM */
/* Both with irq->lock held. Route: delivered to cpu from now on (or to another when cpu has no vector left);
 * -XEN_ENOSPC: nowhere has a vector, and nothing changed. Unroute: masks it and gives the vector up. */
int irq_route(struct irq *irq, unsigned int cpu);
void irq_unroute(struct irq *irq);
void irq_mask(struct irq *irq);
void irq_unmask(struct irq *irq);

/* --- ioapic.c ----------------------------------------------------------------------------------------------------- */
struct irq *irq_of_gsi(unsigned int gsi);       /* made at first use; NULL: no such line, or no memory */

/* --- msi.c: the device's entry, programmed but masked ------------------------------------------------------------- */
int msi_map(const struct pirq_msi *msi, struct irq **out);
void msi_unmap(struct irq *irq);        /* no guest is bound; frees it once no handler can hold it */
bool irq_is_msi(const struct irq *irq);
/* Its device may send to neither the old nor the new place during a move. */
bool irq_move_may_lose(const struct irq *irq);
void msi_describe(const struct irq *irq, char *buf, size_t size);

#endif
