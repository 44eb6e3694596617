/* SPDX-License-Identifier: MIT */
/* physdev_op (xen/physdev.h): interrupts, I/O privilege, and what dom0 tells of PCI devices. cpu/irq does the work. */
#include "private.h"

#include <xen/physdev.h>

#define PHYSDEV(name, type) SUBOP_HANDLER(name, void, ctx, struct physdev_##type)

PHYSDEV(eoi, eoi) { return op->irq > INT32_MAX ? -XEN_EINVAL : pirq_eoi(current->domain, (int)op->irq); }

PHYSDEV(irq_status_query, irq_status_query)
{
    int flags = op->irq > INT32_MAX ? -XEN_EINVAL : pirq_status(current->domain, (int)op->irq);
    op->flags = (uint32_t)flags;
    return min(flags, 0);
}

/* The page holds one bit a PIRQ, which cpu/irq sets. We keep a reference to it as a writable page until the domain is
 * killed; it can be given once (-XEN_EBUSY). */
PHYSDEV(pirq_eoi_gmfn_v2, pirq_eoi_gmfn)
{
    struct domain *d = current->domain;
    mfn_t none = 0;
    if (op->gmfn == 0 || !get_frame_as(op->gmfn, d, TYPE_WRITABLE))
        return -XEN_EINVAL;
    if (!__atomic_compare_exchange_n(&d->pirq_eoi_mfn, &none, op->gmfn, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        frame_put_and_type(mfn_to_frame(op->gmfn));
        return -XEN_EBUSY;
    }
    pirq_set_eoi_map(d, mfn_to_virt(op->gmfn));
    return 0;
}

void physdev_domain_release(struct domain *d)
{
    mfn_t m = d->pirq_eoi_mfn;
    if (!m)
        return;
    pirq_set_eoi_map(d, NULL);
    d->pirq_eoi_mfn = 0;
    frame_put_and_type(mfn_to_frame(m));
}

/* The vector has had no meaning for long, but Linux wants the call to succeed for each of its own numbers. */
PHYSDEV(alloc_irq_vector, irq)
{
    op->vector = op->irq;
    return 0;
}

static bool gsi_ok(int gsi) { return gsi >= 0 && (unsigned int)gsi < irq_gsi_count(); }

PHYSDEV(setup_gsi, setup_gsi)
{
    if (!gsi_ok(op->gsi) || op->triggering > 1 || op->polarity > 1)
        return -XEN_EINVAL;
    return pirq_setup_gsi((unsigned int)op->gsi, op->triggering, op->polarity);
}

/* type MSI: bus 0-255 of segment 0; MSI_SEG and MULTI_MSI have the segment in bus[31:16]. table_base: MSI-X. */
static long map_msi(struct domain *d, struct physdev_map_pirq *op)
{
    bool multi = op->type == MAP_PIRQ_TYPE_MULTI_MSI, single = op->type == MAP_PIRQ_TYPE_MSI;
    struct pirq_msi msi = { .seg = single ? 0 : (uint16_t)((uint32_t)op->bus >> 16),
                            .bus = (uint8_t)op->bus, .devfn = (uint8_t)op->devfn, .table_base = op->table_base,
                            .entry_nr = multi ? 0 : op->entry_nr, .nvec = multi ? (unsigned int)op->entry_nr : 1 };
    if ((!multi && !single && op->type != MAP_PIRQ_TYPE_MSI_SEG) || (op->bus & (single ? ~0xff : 0xff00)) ||
        op->devfn < 0 || op->devfn > 0xff || (!multi && op->index != -1) ||     /* the vector is ours to choose */
        (multi && (op->table_base || op->entry_nr < 1 || op->entry_nr > 32)))
        return -XEN_EINVAL;
    return pirq_map_msi(d, &msi, &op->pirq);
}

PHYSDEV(map_pirq, map_pirq)
{
    struct domain *d;
    int rc = domain_target(op->domid, &d);
    if (rc)
        return rc;
    if (op->type == MAP_PIRQ_TYPE_GSI)
        return gsi_ok(op->index) ? pirq_map_gsi(d, op->index, &op->pirq) : -XEN_EINVAL;
    return map_msi(d, op);
}

static long unmap(domid_t domid, int pirq)
{
    struct domain *d;
    int rc = domain_target(domid, &d);
    return rc ? rc : pirq_unmap(d, pirq);
}

static void map_pirq_undo(void *ctx __unused, void *arg)
{
    unmap(((struct physdev_map_pirq *)arg)->domid, ((struct physdev_map_pirq *)arg)->pirq);
}

PHYSDEV(unmap_pirq, unmap_pirq) { return unmap(op->domid, op->pirq); }

PHYSDEV(get_free_pirq, get_free_pirq)
{
    int pirq = 0, rc;
    if (op->type != MAP_PIRQ_TYPE_GSI && op->type != MAP_PIRQ_TYPE_MSI)
        return -XEN_EINVAL;
    rc = pirq_get_free(current->domain, op->type, &pirq);
    op->pirq = (uint32_t)pirq;
    return rc;
}

static void get_free_pirq_undo(void *ctx __unused, void *arg)
{
    pirq_unmap(current->domain, (int)((const struct physdev_get_free_pirq *)arg)->pirq);
}

PHYSDEV(set_iopl, set_iopl)
{
    if (op->iopl > 3)
        return -XEN_EINVAL;
    current->iopl = (unsigned long)op->iopl << 12;
    return 0;
}

/* The bitmap is read where the guest has it (domain/emulate_port.c); it is the guest's to keep mapped. */
PHYSDEV(set_iobitmap, set_iobitmap)
{
    if (op->nr_ports > 65536 || (op->nr_ports && !guest_range_ok(op->bitmap.p, (op->nr_ports + 7) / 8)))
        return -XEN_EINVAL;
    current->iobmp = (unsigned long)op->bitmap.p;
    current->iobmp_limit = op->nr_ports;
    return 0;
}

PHYSDEV(apic_read, apic)  { return ioapic_guest_read(op->apic_physbase, op->reg, &op->value); }
PHYSDEV(apic_write, apic) { return ioapic_guest_write(op->apic_physbase, op->reg, op->value); }

PHYSDEV(manage_pci_add, manage_pci)    { return pci_device_add(0, op->bus, op->devfn, false); }
PHYSDEV(manage_pci_remove, manage_pci) { return pci_device_remove(0, op->bus, op->devfn); }

PHYSDEV(manage_pci_add_ext, manage_pci_ext)
{
    return op->is_extfn > 1 || op->is_virtfn > 1 ? -XEN_EINVAL : pci_device_add(0, op->bus, op->devfn, op->is_virtfn);
}

/* optarr[0], the ACPI proximity domain, follows the structure; with one NUMA node there is nothing to do with it. */
PHYSDEV(pci_device_add_op, pci_device_add)
{
    if (op->flags & ~(uint32_t)(XEN_PCI_DEV_EXTFN | XEN_PCI_DEV_VIRTFN | XEN_PCI_DEV_PXM))
        return -XEN_EINVAL;
    return pci_device_add(op->seg, op->bus, op->devfn, op->flags & XEN_PCI_DEV_VIRTFN);
}

PHYSDEV(pci_device_remove_op, pci_device) { return pci_device_remove(op->seg, op->bus, op->devfn); }
PHYSDEV(restore_msi, restore_msi)         { return pci_device_restore_msi(0, op->bus, op->devfn); }
PHYSDEV(restore_msi_ext, pci_device)      { return pci_device_restore_msi(op->seg, op->bus, op->devfn); }

/* MSI-X tables are located anew at each map_pirq, so an announcement that they stay or may move asks nothing of us. */
PHYSDEV(announce_msix, pci_device)
{
    return (pci_conf_read(op->seg, op->bus, op->devfn, 0, 2) & 0xffff) == 0xffff ? -XEN_ENODEV : 0;
}

PHYSDEV(mmcfg_reserved, pci_mmcfg_reserved)
{
    if ((op->flags & ~(uint32_t)XEN_PCI_MMCFG_RESERVED) || op->start_bus > op->end_bus)
        return -XEN_EINVAL;
    return pci_mmcfg_reserved(op->address, op->segment, op->start_bus, op->end_bus, op->flags);
}

/* dom0 is about to reset a USB controller whose debug port might be our console; it never is. */
PHYSDEV(dbgp_op, dbgp_op)
{
    if (op->op != PHYSDEVOP_DBGP_RESET_PREPARE && op->op != PHYSDEVOP_DBGP_RESET_DONE)
        return -XEN_ENOSYS;
    return op->bus == PHYSDEVOP_DBGP_BUS_UNKNOWN || op->bus == PHYSDEVOP_DBGP_BUS_PCI ? 0 : -XEN_EINVAL;
}

#define ROW_FN(n, fn, type, fl, ...) \
    [PHYSDEVOP_##n] = SUBOP(fn, sizeof(struct physdev_##type), .flags = (fl), __VA_ARGS__)
#define ROW(n, type, fl, ...) ROW_FN(n, n, type, fl, __VA_ARGS__)
static const struct subop ops[] = {
    ROW(irq_status_query, irq_status_query, SUB_OUT),
    ROW(eoi, eoi, 0),
    ROW(pirq_eoi_gmfn_v2, pirq_eoi_gmfn, 0),
    ROW(alloc_irq_vector, irq, SUB_PRIV | SUB_OUT),
    ROW(setup_gsi, setup_gsi, SUB_PRIV),
    ROW(map_pirq, map_pirq, SUB_PRIV | SUB_OUT, .undo = map_pirq_undo),
    ROW(unmap_pirq, unmap_pirq, SUB_PRIV),
    ROW(get_free_pirq, get_free_pirq, SUB_OUT, .undo = get_free_pirq_undo),
    ROW(set_iopl, set_iopl, 0), ROW(set_iobitmap, set_iobitmap, 0),
    ROW(apic_read, apic, SUB_PRIV | SUB_OUT), ROW(apic_write, apic, SUB_PRIV),
    ROW(manage_pci_add, manage_pci, SUB_PRIV), ROW(manage_pci_remove, manage_pci, SUB_PRIV),
    ROW(manage_pci_add_ext, manage_pci_ext, SUB_PRIV),
    ROW_FN(pci_device_add, pci_device_add_op, pci_device_add, SUB_PRIV),
    ROW_FN(pci_device_remove, pci_device_remove_op, pci_device, SUB_PRIV),
    ROW(restore_msi, restore_msi, SUB_PRIV), ROW(restore_msi_ext, pci_device, SUB_PRIV),
    ROW_FN(prepare_msix, announce_msix, pci_device, SUB_PRIV),
    ROW_FN(release_msix, announce_msix, pci_device, SUB_PRIV),
    ROW_FN(pci_mmcfg_reserved, mmcfg_reserved, pci_mmcfg_reserved, SUB_PRIV),
    ROW(dbgp_op, dbgp_op, SUB_PRIV),
};

HYPERCALL(physdev_op) { return SUBOP_CALL(ops, a1, a2); }
