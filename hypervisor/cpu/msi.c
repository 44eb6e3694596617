/* SPDX-License-Identifier: MIT */
/* cpu/msi: message-signalled interrupts (PCI Local Bus 3.0, 6.8): a device writes `data` to `address` (SDM 3A 11.11),
 * which name a vector and a CPU. We own messages and masks; the enable bits of the capabilities are dom0's, who sets
 * them after mapping its interrupts. Mapping leaves an entry programmed and masked, binding unmasks it. A plain MSI
 * whose device cannot mask may interrupt before it is bound: that finds no guest and is dropped.
 * Locks: pci_lock (RANK_PCI) guards each device's list of MSIs; irq->lock the message and mask of one. */
#include "private.h"

#define MSI_ADDRESS_BASE        0xfee00000u     /* fixed delivery to one CPU by its physical id, edge-triggered */
#define MSI_ADDRESS_DEST_SHIFT  12

struct msi {
    struct irq irq;
    struct pci_dev *dev;
    struct msi *next;
    unsigned int cap, shift;            /* shift: 4 in a 64-bit capable device, of the fields behind the address */
    bool maskable;
    char *entry;                        /* MSI-X: its table entry; NULL: plain MSI */
    struct quiesce quiesce;
};

static struct msi *to_msi(const struct irq *irq) { return container_of(irq, struct msi, irq); }

/* The read makes sure that the write has reached the device, and that what it sent before has reached the CPU. */
static void msi_write_mask(struct irq *irq)
{
    struct msi *m = to_msi(irq);
    if (m->entry) {
        mmio_write32(m->entry + PCI_MSIX_ENTRY_VECTOR_CTRL, irq->masked ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
        mmio_read32(m->entry + PCI_MSIX_ENTRY_VECTOR_CTRL);
    } else if (m->maskable) {
        pci_dev_write(m->dev, m->cap + PCI_MSI_MASK_32 + m->shift, irq->masked ? 1 : 0, 4);
    }
}

/* With masking the device never sees half a message. Without, it may send the new address with the old data: see
 * pirq.c, which sends the guest an event after a move to make up for an interrupt that went astray. */
static void msi_route(struct irq *irq)
{
    struct msi *m = to_msi(irq);
    uint32_t address = MSI_ADDRESS_BASE | cpu_apicid(irq->cpu) << MSI_ADDRESS_DEST_SHIFT;
    bool masked = irq->masked;
    irq->masked = true;
    msi_write_mask(irq);
    if (m->entry) {
        mmio_write32(m->entry + PCI_MSIX_ENTRY_LOWER_ADDR, address);
        mmio_write32(m->entry + PCI_MSIX_ENTRY_UPPER_ADDR, 0);
        mmio_write32(m->entry + PCI_MSIX_ENTRY_DATA, irq->vector);
    } else {
        pci_dev_write(m->dev, m->cap + PCI_MSI_ADDRESS_LO, address, 4);
        if (m->shift)
            pci_dev_write(m->dev, m->cap + PCI_MSI_ADDRESS_HI, 0, 4);
        pci_dev_write(m->dev, m->cap + PCI_MSI_DATA_32 + m->shift, irq->vector, 2);
    }
    irq->masked = masked;
    msi_write_mask(irq);
}

static const struct irq_chip msi_chip = { msi_write_mask, msi_route };

bool irq_is_msi(const struct irq *irq) { return irq->chip == &msi_chip; }
bool irq_move_may_lose(const struct irq *irq) { return irq_is_msi(irq) && !to_msi(irq)->maskable; }

/* Where memory BAR n points; 0: not a memory BAR, or not assigned. */
static paddr_t bar_address(const struct pci_dev *dev, unsigned int n)
{
    uint32_t bar = n < PCI_STD_NUM_BARS ? pci_dev_read(dev, PCI_BASE_ADDRESS_0 + 4 * n, 4) : UINT32_MAX;
    paddr_t address = bar & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;
    if (bar == UINT32_MAX || (bar & PCI_BASE_ADDRESS_SPACE_IO))
        return 0;
    if ((bar & PCI_BASE_ADDRESS_MEM_TYPE_MASK) != PCI_BASE_ADDRESS_MEM_TYPE_64)
        return address;
    return n + 1 < PCI_STD_NUM_BARS ? address | (paddr_t)pci_dev_read(dev, PCI_BASE_ADDRESS_0 + 4 * n + 4, 4) << 32 : 0;
}

bool msix_table_place(const struct pci_dev *dev, paddr_t bar_base, paddr_t *table, unsigned int *entries)
{
    uint16_t cap = pci_find_capability(dev, PCI_CAP_ID_MSIX);
    if (!cap)
        return false;
    uint32_t where = pci_dev_read(dev, cap + PCI_MSIX_TABLE, 4);
    if (!bar_base)
        bar_base = bar_address(dev, where & PCI_MSIX_TABLE_BIR);
    *table = bar_base + (where & PCI_MSIX_TABLE_OFFSET);
    *entries = (pci_dev_read(dev, cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
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
    paddr_t table;
    unsigned int entries;
    /* A virtual function's BARs read as 0: there dom0's word must do. */
    if (!msix_table_place(dev, dev->virtfn ? claimed_base : 0, &table, &entries))
        return -XEN_ENODEV;
    if (dev->table && dev->table_base == table && dev->table_entries == entries)
        return 0;
    if (dev->msis)
        return -XEN_EBUSY;      /* the table moved under mapped entries */
    if (!(pci_dev_read(dev, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) && !dev->virtfn)
        return -XEN_ENXIO;
    size_t size = entries * (size_t)PCI_MSIX_ENTRY_SIZE;
    if (!outside_ram(table, size)) {
        log_warn("PCI " PCI_FMT ": MSI-X table at %#lx is not in device memory\n", PCI_ARGS(dev), table);
        return -XEN_EINVAL;
    }
    dev->table = ioremap(table, size);
    dev->table_base = table;
    dev->table_entries = entries;
    pci_protect_table(dev, table, size);
    return 0;
}

static int init_msix(struct msi *m, const struct pirq_msi *msi)
{
    int rc = map_table(m->dev, msi->table_base);
    if (rc)
        return rc;
    if ((unsigned int)msi->entry_nr >= m->dev->table_entries)
        return -XEN_EINVAL;
    m->maskable = true;
    m->entry = m->dev->table + (unsigned int)msi->entry_nr * PCI_MSIX_ENTRY_SIZE;
    return 0;
}

static int init_msi(struct msi *m)
{
    uint32_t control = pci_dev_read(m->dev, m->cap + PCI_MSI_FLAGS, 2);
    m->shift = control & PCI_MSI_FLAGS_64BIT ? 4 : 0;
    m->maskable = control & PCI_MSI_FLAGS_MASKBIT;
    if (control & PCI_MSI_FLAGS_QSIZE)         /* one vector, whatever was set before */
        pci_dev_write(m->dev, m->cap + PCI_MSI_FLAGS, control & ~PCI_MSI_FLAGS_QSIZE, 2);
    return 0;
}

/* A device uses either MSI or MSI-X, and each entry once. */
static bool in_use(const struct pci_dev *dev, const struct pirq_msi *msi)
{
    bool msix = msi->table_base != 0;
    for (const struct msi *m = dev->msis; m; m = m->next)
        if ((m->entry != NULL) != msix || !msix || m->irq.number == (unsigned int)msi->entry_nr)
            return true;
    return false;
}

/* pci_lock held. */
static int msi_create(const struct pirq_msi *msi, struct msi *m)
{
    bool msix = msi->table_base != 0;
    m->dev = pci_dev_get(msi->seg, msi->bus, msi->devfn);
    if (!m->dev)
        return -XEN_ENOMEM;
    if (in_use(m->dev, msi))
        return -XEN_EBUSY;
    m->cap = pci_find_capability(m->dev, msix ? PCI_CAP_ID_MSIX : PCI_CAP_ID_MSI);
    if (!m->cap)
        return -XEN_ENODEV;
    int rc = msix ? init_msix(m, msi) : init_msi(m);
    if (rc)
        return rc;
    irq_init(&m->irq, &msi_chip, msix ? (unsigned int)msi->entry_nr : 0);
    spin_lock(&m->irq.lock);
    rc = irq_route(&m->irq, cpu_id());
    spin_unlock(&m->irq.lock);
    if (rc == 0) {
        m->next = m->dev->msis;
        m->dev->msis = m;
    }
    return rc;
}

/* Several vectors of one MSI capability could only move from CPU to CPU together; dom0 falls back to one vector. */
int msi_map(const struct pirq_msi *msi, struct irq **out)
{
    struct msi *m = msi->nvec > 1 ? NULL : hv_alloc(sizeof(*m));
    if (!m)
        return msi->nvec > 1 ? -XEN_EOPNOTSUPP : -XEN_ENOMEM;
    spin_lock(&pci_lock);
    int rc = msi_create(msi, m);
    spin_unlock(&pci_lock);
    if (rc) {
        log_warn("PCI " PCI_FMT ": %s entry %d cannot be mapped: %d\n", PCI_ARGS(msi),
                 msi->table_base ? "MSI-X" : "MSI", msi->entry_nr, rc);
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
    if (!m->entry)
        pci_dev_write(m->dev, m->cap + PCI_MSI_FLAGS,
                      pci_dev_read(m->dev, m->cap + PCI_MSI_FLAGS, 2) & ~PCI_MSI_FLAGS_ENABLE, 2);
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
        msi_route(&m->irq);
        spin_unlock(&m->irq.lock);
    }
}
