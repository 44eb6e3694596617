/* SPDX-License-Identifier: MIT */
/* cpu/ioapic: the IO-APICs: one redirection entry a line, lines numbered as GSIs (ACPI 6.4, 5.2.12.3). Each IO-APIC's
 * lock (RANK_REGISTERS) guards its index register; an entry belongs to its irq->lock. The array of irqs is made at
 * boot, the irqs at their first use; they stay. */
#include <hv/acpi.h>
#include "private.h"

enum { IOREGSEL = 0x00, IOWIN = 0x10 };         /* 82093AA data sheet: memory, then registers */
enum { IOAPICVER = 1, IOAPICARB = 2, IOREDTBL = 0x10 };
#define   IOAPICVER_MAX_ENTRY_SHIFT 16
/* Low half of a redirection entry; the high half has the destination in bits 24-31. */
#define   RTE_ACTIVE_LOW      0x00002000u
#define   RTE_REMOTE_IRR      0x00004000u
#define   RTE_LEVEL           0x00008000u
#define   RTE_MASKED          0x00010000u
#define   RTE_DEST_SHIFT      24

static struct ioapic {
    char *regs;
    paddr_t base;
    unsigned int gsi_base, lines;
    spinlock_t lock;
} ioapics[ARRAY_SIZE(acpi.ioapic)];
static unsigned int nr_ioapics, nr_gsis;
static struct irq **gsi_irqs;           /* [nr_gsis] */

unsigned int irq_gsi_count(void) { return nr_gsis; }

static uint32_t reg_read(struct ioapic *io, uint32_t reg)
{
    spin_lock(&io->lock);
    mmio_write32(io->regs + IOREGSEL, reg);
    uint32_t v = mmio_read32(io->regs + IOWIN);
    spin_unlock(&io->lock);
    return v;
}

static void reg_write(struct ioapic *io, uint32_t reg, uint32_t val)
{
    spin_lock(&io->lock);
    mmio_write32(io->regs + IOREGSEL, reg);
    mmio_write32(io->regs + IOWIN, val);
    spin_unlock(&io->lock);
}

static struct ioapic *ioapic_of_gsi(unsigned int gsi)
{
    for (unsigned int i = 0; i < nr_ioapics; i++)
        if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].lines)
            return &ioapics[i];
    return NULL;
}

static void write_low(const struct irq *irq, uint32_t also, uint32_t but)
{
    struct ioapic *io = ioapic_of_gsi(irq->number);
    uint32_t low = irq->vector | (irq->level ? RTE_LEVEL : 0) | (irq->active_low ? RTE_ACTIVE_LOW : 0) |
                   (irq->masked ? RTE_MASKED : 0);
    reg_write(io, IOREDTBL + 2 * (irq->number - io->gsi_base), (low | also) & ~but);
}

static void ioapic_update(struct irq *irq) { write_low(irq, 0, 0); }

/* The entry is masked while it is neither the old nor the new one. A level-triggered entry whose interrupt was accepted
 * but not ended waits for an EOI of its old vector, which it would not recognise any more: a moment as edge-triggered
 * makes it forget, and if the line is still active it interrupts again. */
static void ioapic_route(struct irq *irq)
{
    struct ioapic *io = ioapic_of_gsi(irq->number);
    uint32_t reg = IOREDTBL + 2 * (irq->number - io->gsi_base);
    write_low(irq, RTE_MASKED, 0);
    if (irq->level && (reg_read(io, reg) & RTE_REMOTE_IRR)) {
        write_low(irq, RTE_MASKED, RTE_LEVEL);
        write_low(irq, RTE_MASKED, 0);
    }
    reg_write(io, reg + 1, cpu_apicid(irq->cpu) << RTE_DEST_SHIFT);
    ioapic_update(irq);
}

static const struct irq_chip ioapic_chip = { ioapic_update, ioapic_route };

/* Trigger and polarity until someone says otherwise: ISA lines as the MADT has them, PCI lines level and active low. */
static void set_defaults(struct irq *irq)
{
    irq->level = irq->active_low = irq->number >= 16;
    for (const struct acpi_override *o = acpi.override; o < acpi.override + acpi.nr_overrides; o++) {
        if (o->gsi == irq->number) {
            irq->level = o->level;
            irq->active_low = o->active_low;
        }
    }
}

struct irq *irq_of_gsi(unsigned int gsi)
{
    struct irq *none = NULL;
    if (gsi >= nr_gsis || !ioapic_of_gsi(gsi))
        return NULL;
    gsi = (unsigned int)index_clamp(gsi, nr_gsis);
    struct irq *irq = __atomic_load_n(&gsi_irqs[gsi], __ATOMIC_ACQUIRE);
    if (irq || !(irq = hv_alloc(sizeof(*irq))))
        return irq;
    irq_init(irq, &ioapic_chip, gsi);
    set_defaults(irq);
    /* Two CPUs may do this at once: one of them is late. Release: pairs with the acquires here. */
    if (!__atomic_compare_exchange_n(&gsi_irqs[gsi], &none, irq, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) {
        hv_free(irq);
        irq = none;
    }
    return irq;
}

/* The IO-APIC at base, if it has such a register. */
static struct ioapic *ioapic_at(uint64_t base, uint32_t reg)
{
    for (unsigned int i = 0; i < nr_ioapics; i++)
        if (ioapics[i].base == base && (reg <= IOAPICARB || (reg >= IOREDTBL && reg < IOREDTBL + 2 * ioapics[i].lines)))
            return &ioapics[i];
    return NULL;
}

int ioapic_guest_read(uint64_t base, uint32_t reg, uint32_t *value)
{
    struct ioapic *io = ioapic_at(base, reg);
    if (!io)
        return -XEN_EINVAL;
    *value = reg_read(io, reg);
    return 0;
}

/* Old kernels set a line up by writing its entry: trigger and polarity are taken from it; the rest is ours. */
int ioapic_guest_write(uint64_t base, uint32_t reg, uint32_t value)
{
    struct ioapic *io = ioapic_at(base, reg);
    if (!io)
        return -XEN_EINVAL;
    if (reg >= IOREDTBL && !((reg - IOREDTBL) & 1) && !(value & RTE_MASKED))
        pirq_setup_gsi(io->gsi_base + (reg - IOREDTBL) / 2, value & RTE_LEVEL, value & RTE_ACTIVE_LOW);
    return 0;
}

static void ioapic_add(const struct acpi_ioapic *a)
{
    struct ioapic *io = &ioapics[nr_ioapics];
    *io = (struct ioapic){ .regs = ioremap(a->base, IOWIN + 4), .base = a->base, .gsi_base = a->gsi_base };
    spin_lock_init(&io->lock, RANK_REGISTERS);
    io->lines = (reg_read(io, IOAPICVER) >> IOAPICVER_MAX_ENTRY_SHIFT & 0xff) + 1;
    if (io->lines > 240 || io->gsi_base > 4096) {
        log_warn("IO-APIC %u at %#lx: %u lines from GSI %u cannot be; ignored\n", a->id, a->base, io->lines,
                 io->gsi_base);
        return;
    }
    for (unsigned int i = 0; i < io->lines; i++) {
        reg_write(io, IOREDTBL + 2 * i, RTE_MASKED);
        reg_write(io, IOREDTBL + 2 * i + 1, 0);
    }
    nr_ioapics++;
    nr_gsis = max(nr_gsis, io->gsi_base + io->lines);
    log_info("IO-APIC %u at %#lx: GSI %u-%u\n", a->id, a->base, io->gsi_base, io->gsi_base + io->lines - 1);
}

void ioapic_init(void)
{
    for (unsigned int i = 0; i < acpi.nr_ioapics; i++)
        ioapic_add(&acpi.ioapic[i]);
    if (nr_ioapics == 0)
        panic("This machine has no IO-APIC that ACPI tells of");
    gsi_irqs = hv_alloc(nr_gsis * sizeof(*gsi_irqs));
    if (!gsi_irqs || irq_init_cpu(0) != 0)
        panic("No memory for interrupt tables");
}
