/* SPDX-License-Identifier: MIT */
/* cpu/irq: vectors and dispatch. Each CPU has its own table from vector to struct irq, so that a machine has room for
 * CPUs times 174 device interrupts. Interrupts come only from guest mode or the idle halt, so handlers never nest.
 * Locks: irq->lock (RANK_IRQ) guards an irq. A slot of a vector table is taken by compare-and-swap and read without a
 * lock: a struct irq is freed only after every CPU has left the hypervisor once (GSIs' never).
 * Moving an irq to another CPU: a new slot there, then the hardware is told, then the old CPU is asked whether it has
 * the old vector requested but not yet taken. Else the slot is free, or stays until it comes. */
#include <hv/domain.h>
#include <hv/event.h>
#include "private.h"

#define DEVICE_APICID_MAX 0xfeu         /* messages of devices have 8 bits for the destination, and 0xff is everyone */
#define NR_DEVICE_VECTORS (VECTOR_LAST_DYNAMIC - VECTOR_FIRST_DYNAMIC + 1u)

static struct irq **vector_table[NR_CPUS];      /* [cpu][vector - VECTOR_FIRST_DYNAMIC] */

static struct irq **slot_of(unsigned int cpu, unsigned int vector)
{
    return &vector_table[cpu][vector - VECTOR_FIRST_DYNAMIC];
}

int irq_init_cpu(unsigned int cpu)
{
    if (!vector_table[cpu])
        vector_table[cpu] = hv_alloc(NR_DEVICE_VECTORS * sizeof(struct irq *));
    return vector_table[cpu] ? 0 : -XEN_ENOMEM;
}

void irq_init(struct irq *irq, const struct irq_chip *chip, unsigned int number)
{
    *irq = (struct irq){ .lock = SPINLOCK_INIT(RANK_IRQ), .chip = chip, .number = number, .masked = true };
}

/* 0: the CPU has no vector left, or devices cannot reach it. */
static uint8_t take_vector(struct irq *irq, unsigned int cpu)
{
    if (!vector_table[cpu] || cpu_apicid(cpu) > DEVICE_APICID_MAX)
        return 0;
    for (unsigned int v = VECTOR_FIRST_DYNAMIC; v <= VECTOR_LAST_DYNAMIC; v++) {
        struct irq *none = NULL;
        if (v == VECTOR_LEGACY_SYSCALL || v == VECTOR_HYPERCALL)
            continue;
        /* Release: pairs with the acquire in device_irq. */
        if (__atomic_compare_exchange_n(slot_of(cpu, v), &none, irq, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            return (uint8_t)v;
    }
    return 0;
}

static void free_slot(struct irq *irq, unsigned int cpu, uint8_t vector)
{
    struct irq *mine = irq;
    __atomic_compare_exchange_n(slot_of(cpu, vector), &mine, NULL, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

struct retire { struct irq *irq; uint8_t vector; bool keep_pending; };

/* On the old CPU, with interrupts off: its request bits hold all that will ever come for the old vector. */
static void retire_here(void *arg)
{
    const struct retire *r = arg;
    if (!r->keep_pending || !apic_irr_test(r->vector))
        free_slot(r->irq, cpu_id(), r->vector);
}

int irq_route(struct irq *irq, unsigned int cpu)
{
    unsigned int old_cpu = irq->cpu;
    uint8_t old_vector = irq->vector, vector = 0;
    if (old_vector && old_cpu == cpu)
        return 0;
    if (cpu_online_map & BIT(cpu))
        vector = take_vector(irq, cpu);
    if (!vector && old_vector)
        return 0;               /* it stays where it is rather than wander */
    for (unsigned int c = 0; !vector && c < NR_CPUS; c++)
        if ((cpu_online_map & BIT(c)) && (vector = take_vector(irq, c)))
            cpu = c;
    if (!vector)
        return -XEN_ENOSPC;
    irq->cpu = cpu;
    irq->vector = vector;
    irq->chip->route(irq);
    if (old_vector)
        cpu_call(BIT(old_cpu), retire_here, &(struct retire){ irq, old_vector, true });
    return 0;
}

void irq_unroute(struct irq *irq)
{
    irq_mask(irq, true);
    if (irq->vector) {
        cpu_call(BIT(irq->cpu), retire_here, &(struct retire){ irq, irq->vector, false });
        irq->vector = 0;
    }
}

void irq_mask(struct irq *irq, bool masked)
{
    if (irq->masked != masked) {
        irq->masked = masked;
        irq->chip->update(irq);
    }
}

/* A level-triggered line stays masked until all its guests have said EOI. Events are sent without the lock. */
static void guest_irq(struct irq *irq)
{
    struct irq_guest to[IRQ_GUESTS_MAX];
    unsigned int n = irq->nr_guests;
    if (irq->level) {
        irq_mask(irq, true);
        irq->in_flight = n;
        for (unsigned int i = 0; i < n; i++)
            irq->guest[i].in_flight = true;
        if (n > 1)
            timer_set(&irq->eoi_timer, now() + MILLISECS(50));
    }
    memcpy(to, irq->guest, n * sizeof(to[0]));
    spin_unlock(&irq->lock);
    apic_eoi();
    for (unsigned int i = 0; i < n; i++)
        pirq_event_send(to[i].d, to[i].pirq);
}

static void device_irq(unsigned int vector)
{
    unsigned int cpu = cpu_id();
    /* Acquire: pairs with the release in take_vector. */
    struct irq *irq = __atomic_load_n(slot_of(cpu, vector), __ATOMIC_ACQUIRE);
    if (unlikely(!irq))
        return apic_eoi();              /* nobody has a use for it any more */
    spin_lock(&irq->lock);
    if (unlikely(irq->cpu != cpu || irq->vector != vector))
        free_slot(irq, cpu, (uint8_t)vector);   /* it has moved, and this was the last of the old vector */
    if (irq->handler) {
        spin_unlock(&irq->lock);
        irq->handler(irq->arg);         /* before the EOI: it silences its device, which would interrupt again */
        apic_eoi();
    } else {
        guest_irq(irq);
    }
}

/* The masked 8259s' vectors below the dynamic ones do not come; a spurious one needs no EOI (SDM 3A 11.9). */
void irq_handle(unsigned int vector)
{
    static unsigned int apic_errors_logged;
    cpu_event(EVENT_IRQ | vector, 0);
    if (likely(vector >= VECTOR_FIRST_DYNAMIC && vector <= VECTOR_LAST_DYNAMIC))
        return device_irq(vector);
    if (vector < VECTOR_FIRST_DYNAMIC || vector == VECTOR_SPURIOUS)
        return;
    apic_eoi();
    if (vector == VECTOR_TIMER)
        timer_interrupt();
    else if (vector == VECTOR_CALL)
        cpu_poll_requests();
    else if (vector == VECTOR_ERROR && apic_errors_logged++ < 16)
        log_warn("CPU%u: APIC error %#x\n", cpu_id(), apic_errors());
    /* VECTOR_WORK: exit work is looked at on the way out anyway */
}

int irq_request_gsi(unsigned int gsi, void (*handler)(void *arg), void *arg)
{
    struct irq *irq = irq_of_gsi(gsi);
    if (!irq)
        return -XEN_EINVAL;
    spin_lock(&irq->lock);
    int rc = irq->handler || irq->nr_guests ? -XEN_EBUSY : irq_route(irq, cpu_id());
    if (rc == 0) {
        irq->handler = handler;
        irq->arg = arg;
        irq_mask(irq, false);
    }
    spin_unlock(&irq->lock);
    return rc;
}
