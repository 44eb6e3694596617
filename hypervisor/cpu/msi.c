/* SPDX-License-Identifier: MIT */
/*
 * cpu/msi: message-signalled interrupts (PCI Local Bus 3.0, 6.8): a device writes `data` to `address` (SDM 3A 11.11),
 * which name a vector and a CPU.
 *
 * We own messages and masks; the enable bits of the capabilities are dom0's, who sets them after mapping its
 * interrupts. Mapping leaves an entry programmed and masked, binding unmasks it. A plain MSI whose device cannot mask
 * may interrupt before it is bound: that finds no guest and is dropped.
 *
 * Locks: pci_lock (RANK_PCI) guards each device's list of MSIs; irq->lock the message and mask of one.
 */
#include <hv/console.h>
#include <hv/cpu.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/mm.h>

#include "irqs.h"
#include "pci.h"
#include "x86.h"

/* MSI capability: offsets from its start; 64-bit capable devices have the later fields 4 bytes further on. */
enum { MSI_CONTROL = 2, MSI_ADDRESS = 4, MSI_ADDRESS_HIGH = 8, MSI_DATA_32 = 8, MSI_DATA_64 = 12, MSI_MASK_32 = 12,
       MSI_MASK_64 = 16 };
#define   MSI_CONTROL_ENABLE    0x0001u
#define   MSI_CONTROL_MULTIPLE  0x0070u /* vectors in use, as a power of two */
#define   MSI_CONTROL_64BIT     0x0080u
#define   MSI_CONTROL_MASKABLE  0x0100u
/* MSI-X capability and table entry */
enum { MSIX_CONTROL = 2, MSIX_TABLE = 4 };
#define   MSIX_CONTROL_SIZE     0x07ffu /* entries - 1 */
#define   MSIX_TABLE_BIR        0x7u
enum { MSIX_ENTRY_ADDRESS = 0, MSIX_ENTRY_ADDRESS_HIGH = 4, MSIX_ENTRY_DATA = 8, MSIX_ENTRY_CONTROL = 12,
       MSIX_ENTRY_SIZE = 16 };
#define   MSIX_ENTRY_MASKED     0x1u

#define MSI_ADDRESS_BASE        0xfee00000u     /* fixed delivery to one CPU by its physical id, edge-triggered */
#define MSI_ADDRESS_DEST_SHIFT  12

struct msi {
    struct irq irq;
    struct pci_dev *dev;
    struct msi *next;
    uint16_t cap;
    bool msix, is64, maskable;
    char *entry;                        /* MSI-X: its table entry */
    struct quiesce quiesce;
};

static struct msi *to_msi(const struct irq *irq)
{
    return container_of(irq, struct msi, irq);
}

static uint32_t message_address(const struct irq *irq)
{
    return MSI_ADDRESS_BASE | cpu_apicid(irq->cpu) << MSI_ADDRESS_DEST_SHIFT;
}

/* --- the chip: plain MSI ------------------------------------------------------------------------------------------ */
static void msi_write_mask(struct irq *irq)
{
    struct msi *m = to_msi(irq);

    if (m->maskable)
        pci_dev_write(m->dev, (uint16_t)(m->cap + (m->is64 ? MSI_MASK_64 : MSI_MASK_32)), irq->masked ? 1 : 0, 4);
}

/* With masking the device never sees half a message. Without, it may send the new address with the old data: see
 * pirq.c, which sends the guest an event after a move to make up for an interrupt that went astray. */
static void msi_route(struct irq *irq)
{
    struct msi *m = to_msi(irq);
    bool masked = irq->masked;

    irq->masked = true;
    msi_write_mask(irq);
    pci_dev_write(m->dev, (uint16_t)(m->cap + MSI_ADDRESS), message_address(irq), 4);
    if (m->is64)
        pci_dev_write(m->dev, (uint16_t)(m->cap + MSI_ADDRESS_HIGH), 0, 4);
    pci_dev_write(m->dev, (uint16_t)(m->cap + (m->is64 ? MSI_DATA_64 : MSI_DATA_32)), irq->vector, 2);
    irq->masked = masked;
    msi_write_mask(irq);
}

/* --- the chip: MSI-X ---------------------------------------------------------------------------------------------- */
/* The read makes sure that the write has reached the device, and that what it sent before has reached the CPU. */
static void msix_write_mask(struct irq *irq)
{
    char *e = to_msi(irq)->entry;

    mmio_write32(e + MSIX_ENTRY_CONTROL, irq->masked ? MSIX_ENTRY_MASKED : 0);
    mmio_read32(e + MSIX_ENTRY_CONTROL);
}

static void msix_route(struct irq *irq)
{
    char *e = to_msi(irq)->entry;
    bool masked = irq->masked;

    irq->masked = true;
    msix_write_mask(irq);
    mmio_write32(e + MSIX_ENTRY_ADDRESS, message_address(irq));
    mmio_write32(e + MSIX_ENTRY_ADDRESS_HIGH, 0);
    mmio_write32(e + MSIX_ENTRY_DATA, irq->vector);
    irq->masked = masked;
    if (!masked)
        msix_write_mask(irq);
}

static const struct irq_chip msi_chip = { "MSI", msi_write_mask, msi_write_mask, msi_route };
static const struct irq_chip msix_chip = { "MSI-X", msix_write_mask, msix_write_mask, msix_route };

bool irq_is_msi(const struct irq *irq)
{
    return irq->chip == &msi_chip || irq->chip == &msix_chip;
}

bool irq_move_may_lose(const struct irq *irq)
{
    return irq->chip == &msi_chip && !to_msi(irq)->maskable;
}

void msi_describe(const struct irq *irq, char *buf, size_t size)
{
    const struct pci_dev *d = to_msi(irq)->dev;

    hv_snprintf(buf, size, "%s %04x:%02x:%02x.%u entry %u", irq->chip->name, d->seg, d->bus, d->devfn >> 3,
                d->devfn & 7, irq->number);
}

/* --- the MSI-X table ---------------------------------------------------------------------------------------------- */
bool msix_table_place(const struct pci_dev *dev, paddr_t bar_base, paddr_t *table, unsigned int *entries)
{
    uint16_t cap = pci_find_capability(dev, PCI_CAP_MSIX);

    if (!cap)
        return false;
    uint32_t where = pci_dev_read(dev, (uint16_t)(cap + MSIX_TABLE), 4);

    if (!bar_base)
        bar_base = pci_bar_address(dev, where & MSIX_TABLE_BIR);
    *table = bar_base + (where & ~MSIX_TABLE_BIR);
    *entries = (pci_dev_read(dev, (uint16_t)(cap + MSIX_CONTROL), 2) & MSIX_CONTROL_SIZE) + 1;
    return bar_base != 0;
}

/* The table must lie in device memory: its place comes from BARs that dom0 writes, and we will write there. */
static bool outside_ram(paddr_t start, size_t size)
{
    for (mfn_t m = PADDR_TO_MFN(start); m <= PADDR_TO_MFN(start + size - 1); m++)
        if (mfn_valid(m))
            return false;
    return start + size > start && start + size <= (paddr_t)1 << 52;
}

static int map_table(struct pci_dev *dev, paddr_t claimed_base)
{
    /* A virtual function's BARs read as 0: there dom0's word must do. */
    paddr_t base = dev->virtfn ? claimed_base : 0, table;
    unsigned int entries;

    if (!msix_table_place(dev, base, &table, &entries))
        return -XEN_ENODEV;
    if (dev->table && dev->table_base == table && dev->table_entries == entries)
        return 0;
    if (dev->msis)
        return -XEN_EBUSY;      /* the table moved under mapped entries */
    if (!(pci_dev_read(dev, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) && !dev->virtfn)
        return -XEN_ENXIO;
    size_t size = entries * (size_t)MSIX_ENTRY_SIZE;

    if (!outside_ram(table, size)) {
        log_warn("PCI %04x:%02x:%02x.%u: MSI-X table at %#lx is not in device memory\n", dev->seg, dev->bus,
                 dev->devfn >> 3, dev->devfn & 7, (unsigned long)table);
        return -XEN_EINVAL;
    }
    char *virt = ioremap(table & PAGE_MASK, ROUND_UP((table & ~PAGE_MASK) + size, PAGE_SIZE));
    if (!virt)
        return -XEN_ENOMEM;
    dev->table = virt + (table & ~PAGE_MASK);
    dev->table_base = table;
    dev->table_entries = entries;
    WRITE_ONCE(dev->table_last, PADDR_TO_MFN(table + size - 1));
    WRITE_ONCE(dev->table_first, PADDR_TO_MFN(table));
    return 0;
}

/* --- mapping ------------------------------------------------------------------------------------------------------ */
static int init_msix(struct msi *m, const struct pirq_msi *msi)
{
    int rc = map_table(m->dev, msi->table_base);

    if (rc)
        return rc;
    if (msi->entry_nr < 0 || (unsigned int)msi->entry_nr >= m->dev->table_entries)
        return -XEN_EINVAL;
    m->msix = m->maskable = true;
    m->entry = (char *)m->dev->table + (unsigned int)msi->entry_nr * MSIX_ENTRY_SIZE;
    irq_init(&m->irq, &msix_chip, (unsigned int)msi->entry_nr);
    return 0;
}

static int init_msi(struct msi *m)
{
    uint32_t control = pci_dev_read(m->dev, (uint16_t)(m->cap + MSI_CONTROL), 2);

    m->is64 = control & MSI_CONTROL_64BIT;
    m->maskable = control & MSI_CONTROL_MASKABLE;
    irq_init(&m->irq, &msi_chip, 0);
    /* One vector, whatever was set before. */
    if (control & MSI_CONTROL_MULTIPLE)
        pci_dev_write(m->dev, (uint16_t)(m->cap + MSI_CONTROL), control & ~MSI_CONTROL_MULTIPLE, 2);
    return 0;
}

/* A device uses either MSI or MSI-X, and each entry once. */
static bool in_use(const struct pci_dev *dev, const struct pirq_msi *msi)
{
    bool msix = msi->table_base != 0;

    for (const struct msi *m = dev->msis; m; m = m->next)
        if (m->msix != msix || !msix || m->irq.number == (unsigned int)msi->entry_nr)
            return true;
    return false;
}

/* pci_lock held. */
static int msi_create(const struct pirq_msi *msi, struct msi *m)
{
    bool msix = msi->table_base != 0;
    int rc;

    m->dev = pci_dev_get(msi->seg, msi->bus, msi->devfn);
    if (!m->dev)
        return -XEN_ENOMEM;
    if (in_use(m->dev, msi))
        return -XEN_EBUSY;
    m->cap = pci_find_capability(m->dev, msix ? PCI_CAP_MSIX : PCI_CAP_MSI);
    if (!m->cap)
        return -XEN_ENODEV;
    rc = msix ? init_msix(m, msi) : init_msi(m);
    if (rc)
        return rc;
    spin_lock(&m->irq.lock);
    rc = irq_route(&m->irq, cpu_id());
    spin_unlock(&m->irq.lock);
    if (rc)
        return rc;
    m->next = m->dev->msis;
    m->dev->msis = m;
    return 0;
}

/* Several vectors of one MSI capability share one address, so they could only move from CPU to CPU together; dom0 falls
 * back to one vector, as it does on any hypervisor without interrupt remapping. */
int msi_map(const struct pirq_msi *msi, struct irq **out)
{
    int rc;

    if (msi->nvec > 1)
        return -XEN_EOPNOTSUPP;
    struct msi *m = hv_alloc(sizeof(*m));
    if (!m)
        return -XEN_ENOMEM;
    spin_lock(&pci_lock);
    rc = msi_create(msi, m);
    spin_unlock(&pci_lock);
    if (rc) {
        log_warn("PCI %04x:%02x:%02x.%u: %s entry %d cannot be mapped: %d\n", msi->seg, msi->bus, msi->devfn >> 3,
                 msi->devfn & 7, msi->table_base ? "MSI-X" : "MSI", msi->entry_nr, rc);
        hv_free(m);
        return rc;
    }
    *out = &m->irq;
    return 0;
}

void msi_unmap(struct irq *irq)
{
    struct msi *m = to_msi(irq), **pp;

    spin_lock(&pci_lock);
    for (pp = &m->dev->msis; *pp != m;)
        pp = &(*pp)->next;
    *pp = m->next;
    if (!m->msix) {
        uint32_t control = pci_dev_read(m->dev, (uint16_t)(m->cap + MSI_CONTROL), 2);

        pci_dev_write(m->dev, (uint16_t)(m->cap + MSI_CONTROL), control & ~MSI_CONTROL_ENABLE, 2);
    }
    spin_lock(&irq->lock);
    irq_unroute(irq);
    spin_unlock(&irq->lock);
    spin_unlock(&pci_lock);
    /* A handler that was on its way may still hold it. */
    cpu_after_quiesce(&m->quiesce, hv_free, m);
}

void msi_restore(struct pci_dev *dev)
{
    for (struct msi *m = dev->msis; m; m = m->next) {
        spin_lock(&m->irq.lock);
        m->irq.chip->route(&m->irq);
        if (m->irq.masked)
            m->irq.chip->mask(&m->irq);
        spin_unlock(&m->irq.lock);
    }
}
