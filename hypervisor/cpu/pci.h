/* SPDX-License-Identifier: MIT */
/*
 * PCI devices as pci.c keeps them and msi.c uses them.
 */
#ifndef CPU_PCI_H
#define CPU_PCI_H

#include <hv/lock.h>
#include <hv/types.h>

/* Configuration header (PCI Local Bus 3.0, 6.1) */
enum { PCI_VENDOR_ID = 0x00, PCI_COMMAND = 0x04, PCI_STATUS = 0x06, PCI_BAR0 = 0x10, PCI_CAPABILITIES = 0x34 };
#define   PCI_COMMAND_MEMORY      0x0002u
#define   PCI_STATUS_CAP_LIST     0x0010u
#define   PCI_BAR_IO              0x1u
#define   PCI_BAR_MEM_TYPE        0x6u
#define     PCI_BAR_MEM_64        0x4u
#define   PCI_BAR_MEM_ADDRESS     0xfffffff0u
#define PCI_NR_BARS               6u
enum { PCI_CAP_MSI = 0x05, PCI_CAP_MSIX = 0x11 };

struct msi;
/* Never freed: a removed device is only marked, so that the list may be walked without the lock. */
struct pci_dev {
    struct pci_dev *next;
    uint16_t seg; uint8_t bus, devfn;
    bool present, virtfn;
    /* the MSI-X table; first > last: not known. Read without the lock by msi_table_page */
    mfn_t table_first, table_last;
    /* under pci_lock */
    paddr_t table_base; void *table; unsigned int table_entries;   /* as mapped by msi.c; NULL: not yet */
    struct msi *msis;
};
extern spinlock_t pci_lock;             /* RANK_PCI */

/* pci_lock held. The device, made known if it was not; NULL: no memory. */
struct pci_dev *pci_dev_get(uint16_t seg, uint8_t bus, uint8_t devfn);
struct pci_dev *pci_dev_find(uint16_t seg, uint8_t bus, uint8_t devfn);
uint32_t pci_dev_read(const struct pci_dev *dev, uint16_t reg, unsigned int size);
void pci_dev_write(const struct pci_dev *dev, uint16_t reg, uint32_t val, unsigned int size);
/* Offset of a capability; 0: the device has none. */
uint16_t pci_find_capability(const struct pci_dev *dev, uint8_t id);
/* Where memory BAR n points; 0: not a memory BAR, or not assigned. */
paddr_t pci_bar_address(const struct pci_dev *dev, unsigned int n);

/* msi.c: writes all messages of the device again; pci_lock held. */
void msi_restore(struct pci_dev *dev);
/* The MSI-X table's place by the configuration space; bar_base: of the BAR it lies in, 0: read it. False: none.
 * pci_lock held. */
bool msix_table_place(const struct pci_dev *dev, paddr_t bar_base, paddr_t *table, unsigned int *entries);

#endif
