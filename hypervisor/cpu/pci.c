/* SPDX-License-Identifier: MIT */
/* cpu/pci: configuration space, and the devices that dom0 has told of (PHYSDEVOP_pci_device_add). Segment 0's first 256
 * bytes a function are reached by ports. The rest needs the memory-mapped window (MCFG), which is used bus by bus after
 * dom0 has confirmed that its address space is reserved (PHYSDEVOP_pci_mmcfg_reserved).
 * Locks: pci_lock (RANK_PCI) guards the list of devices and their MSIs; config_lock (RANK_REGISTERS) the pair of ports.
 * The list only grows, at its head, so that it may be walked without the lock. */
#include <hv/acpi.h>
#include <xen/physdev.h>
#include "private.h"

enum { CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc };
#define   CONFIG_ENABLE       0x80000000u
#define   CONFIG_PORT_LIMIT   256u
#define   CONFIG_LIMIT        4096u
#define   MMCFG_BUS_SIZE      (1ul << 20)

spinlock_t pci_lock = SPINLOCK_INIT(RANK_PCI);
static spinlock_t config_lock = SPINLOCK_INIT(RANK_REGISTERS);
static struct pci_dev *devices;
static bool mmcfg_reserved;
static char *mmcfg_bus[256];            /* mapped when a device of the bus is added */

/* Reads, or writes, *val. False: there is no such register. */
static bool config_access(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int size, bool write,
                          uint32_t *val)
{
    if ((size != 1 && size != 2 && size != 4) || reg >= CONFIG_LIMIT || (reg & (size - 1)))
        return false;
    if (seg == 0 && reg < CONFIG_PORT_LIMIT) {
        uint16_t port = (uint16_t)(CONFIG_DATA + (reg & 3));
        spin_lock(&config_lock);
        outl(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)bus << 16 | (uint32_t)devfn << 8 | (reg & 0xfcu));
        if (write)
            port_out(port, *val, size);
        else
            *val = port_in(port, size);
        spin_unlock(&config_lock);
        return true;
    }
    char *window = seg == acpi.mcfg_segment ? __atomic_load_n(&mmcfg_bus[bus], __ATOMIC_ACQUIRE) : NULL;
    if (!window)
        return false;
    volatile void *p = window + ((unsigned long)devfn << 12) + reg;
    if (size == 4)
        write ? (*(volatile uint32_t *)p = *val) : (*val = *(volatile uint32_t *)p);
    else if (size == 2)
        write ? (*(volatile uint16_t *)p = (uint16_t)*val) : (*val = *(volatile uint16_t *)p);
    else
        write ? (*(volatile uint8_t *)p = (uint8_t)*val) : (*val = *(volatile uint8_t *)p);
    return true;
}

uint32_t pci_conf_read(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int size)
{
    uint32_t v = 0;
    if (config_access(seg, bus, devfn, reg, size, false, &v))
        return v;
    return size >= 4 ? UINT32_MAX : (1u << size * 8) - 1;
}

void pci_conf_write(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, uint32_t val, unsigned int size)
{
    config_access(seg, bus, devfn, reg, size, true, &val);
}

uint32_t pci_dev_read(const struct pci_dev *dev, unsigned int reg, unsigned int size)
{
    return pci_conf_read(dev->seg, dev->bus, dev->devfn, (uint16_t)reg, size);
}

void pci_dev_write(const struct pci_dev *dev, unsigned int reg, uint32_t val, unsigned int size)
{
    pci_conf_write(dev->seg, dev->bus, dev->devfn, (uint16_t)reg, val, size);
}

/* A broken device's list may be a loop: no device has more capabilities than fit its 192 bytes. */
uint16_t pci_find_capability(const struct pci_dev *dev, uint8_t id)
{
    if (!(pci_dev_read(dev, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
        return 0;
    uint8_t pos = (uint8_t)pci_dev_read(dev, PCI_CAPABILITY_LIST, 1) & 0xfc;
    for (unsigned int i = 0; i < 48 && pos >= 0x40; i++) {
        uint32_t header = pci_dev_read(dev, pos, 2);
        if ((header & 0xff) == 0xff)
            return 0;
        if ((header & 0xff) == id)
            return pos;
        pos = (header >> 8) & 0xfc;
    }
    return 0;
}

static struct pci_dev *pci_dev_find(uint16_t seg, uint8_t bus, uint8_t devfn)
{
    /* Acquire: pairs with the release in pci_dev_get. */
    for (struct pci_dev *p = __atomic_load_n(&devices, __ATOMIC_ACQUIRE); p; p = p->next)
        if (p->seg == seg && p->bus == bus && p->devfn == devfn)
            return p;
    return NULL;
}

/* Maps the bus's window, if it may be used. */
static void map_bus(uint16_t seg, uint8_t bus)
{
    if (!mmcfg_reserved || mmcfg_bus[bus] || seg != acpi.mcfg_segment || bus < acpi.mcfg_start_bus ||
        bus > acpi.mcfg_end_bus)
        return;
    char *p = ioremap(acpi.mcfg_base + bus * MMCFG_BUS_SIZE, MMCFG_BUS_SIZE);
    __atomic_store_n(&mmcfg_bus[bus], p, __ATOMIC_RELEASE);
}

struct pci_dev *pci_dev_get(uint16_t seg, uint8_t bus, uint8_t devfn)
{
    struct pci_dev *dev = pci_dev_find(seg, bus, devfn);
    if (dev || !(dev = hv_alloc(sizeof(*dev))))
        return dev;
    *dev = (struct pci_dev){ devices, seg, bus, devfn, .present = true, .table_first = 1 };
    __atomic_store_n(&devices, dev, __ATOMIC_RELEASE);
    return dev;
}

void pci_protect_table(struct pci_dev *dev, paddr_t table, size_t size)
{
    WRITE_ONCE(dev->table_last, PADDR_TO_MFN(table + size - 1));
    WRITE_ONCE(dev->table_first, PADDR_TO_MFN(table));
}

int pci_device_add(uint16_t seg, uint8_t bus, uint8_t devfn, bool is_virtfn)
{
    paddr_t table;
    unsigned int entries;
    spin_lock(&pci_lock);
    map_bus(seg, bus);
    struct pci_dev *dev = pci_dev_get(seg, bus, devfn);
    if (dev) {
        dev->present = true;
        dev->virtfn = is_virtfn;
        if (!is_virtfn && msix_table_place(dev, 0, &table, &entries))
            pci_protect_table(dev, table, entries * (size_t)PCI_MSIX_ENTRY_SIZE);
    }
    spin_unlock(&pci_lock);
    return dev ? 0 : -XEN_ENOMEM;
}

/* Calls fn for the device under the lock. -XEN_ENODEV: dom0 has told of none. */
static int with_device(uint16_t seg, uint8_t bus, uint8_t devfn, void (*fn)(struct pci_dev *dev))
{
    spin_lock(&pci_lock);
    struct pci_dev *dev = pci_dev_find(seg, bus, devfn);
    bool there = dev && dev->present;
    if (there)
        fn(dev);
    spin_unlock(&pci_lock);
    return there ? 0 : -XEN_ENODEV;
}

static void forget(struct pci_dev *dev)
{
    dev->present = false;
    WRITE_ONCE(dev->table_first, 1);
    WRITE_ONCE(dev->table_last, 0);
    dev->table = NULL;          /* what comes back in its place may have another table */
}

int pci_device_remove(uint16_t seg, uint8_t bus, uint8_t devfn) { return with_device(seg, bus, devfn, forget); }
int pci_device_restore_msi(uint16_t seg, uint8_t bus, uint8_t dev) { return with_device(seg, bus, dev, msi_restore); }

bool msi_table_page(mfn_t mfn)
{
    for (struct pci_dev *p = __atomic_load_n(&devices, __ATOMIC_ACQUIRE); p; p = p->next)
        if (mfn >= READ_ONCE(p->table_first) && mfn <= READ_ONCE(p->table_last))
            return true;
    return false;
}

/* dom0 may trim the bus range, but address and segment must be the ones of the MCFG. */
int pci_mmcfg_reserved(uint64_t address, uint16_t seg, uint8_t start_bus, uint8_t end_bus, uint32_t flags)
{
    if (!acpi.mcfg_base || address != acpi.mcfg_base || seg != acpi.mcfg_segment || start_bus < acpi.mcfg_start_bus ||
        end_bus > acpi.mcfg_end_bus || end_bus < start_bus)
        return -XEN_ENODEV;
    spin_lock(&pci_lock);
    mmcfg_reserved = flags & XEN_PCI_MMCFG_RESERVED;
    acpi.mcfg_start_bus = start_bus;
    acpi.mcfg_end_bus = end_bus;
    spin_unlock(&pci_lock);
    return 0;
}
