/* SPDX-License-Identifier: MIT */
/*
 * physdev_op (xen/physdev.h): interrupts, I/O privilege, and what dom0 tells of PCI devices. The work is done by
 * cpu/irq.
 */
#include "subop.h"

#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/mm.h>

#include <xen/physdev.h>

/* --- interrupts ------------------------------------------------------------------------------- */
static long eoi(void *ctx __unused, void *arg)
{
    const struct physdev_eoi *op = arg;

    return op->irq > INT32_MAX ? -XEN_EINVAL : pirq_eoi(current->domain, (int)op->irq);
}

static long irq_status_query(void *ctx __unused, void *arg)
{
    struct physdev_irq_status_query *op = arg;
    int flags = op->irq > INT32_MAX ? -XEN_EINVAL : pirq_status(current->domain, (int)op->irq);

    if (flags < 0)
        return flags;
    op->flags = (uint32_t)flags;
    return 0;
}

/*
 * The page holds one bit a PIRQ, which cpu/irq sets. The domain keeps it, and we keep a reference to it as a writable
 * page, until the domain is killed; it can be given once (-XEN_EBUSY).
 */
static long pirq_eoi_gmfn(void *ctx __unused, void *arg)
{
    const struct physdev_pirq_eoi_gmfn *op = arg;
    struct domain *d = current->domain;
    mfn_t none = 0;

    if (!mfn_valid(op->gmfn) || op->gmfn == 0)
        return -XEN_EINVAL;
    if (!frame_get_and_type(mfn_to_frame(op->gmfn), d, TYPE_WRITABLE))
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

/* An old call: the vector it returns has had no meaning for long, but Linux wants it to succeed for each of its own
 * numbers. */
static long alloc_irq_vector(void *ctx __unused, void *arg)
{
    struct physdev_irq *op = arg;

    op->vector = op->irq;
    return 0;
}

static long setup_gsi(void *ctx __unused, void *arg)
{
    const struct physdev_setup_gsi *op = arg;

    if (op->gsi < 0 || (unsigned int)op->gsi >= irq_gsi_count() || op->triggering > 1 || op->polarity > 1)
        return -XEN_EINVAL;
    return pirq_setup_gsi((unsigned int)op->gsi, op->triggering, op->polarity);
}

static long map_gsi(struct domain *d, struct physdev_map_pirq *op)
{
    if (op->index < 0 || (unsigned int)op->index >= irq_gsi_count())
        return -XEN_EINVAL;
    return pirq_map_gsi(d, op->index, &op->pirq);
}

/* type MSI: bus 0-255 of segment 0; MSI_SEG and MULTI_MSI have the segment in bus[31:16]. table_base: MSI-X. */
static long map_msi(struct domain *d, struct physdev_map_pirq *op)
{
    struct pirq_msi msi = { .bus = (uint8_t)op->bus, .devfn = (uint8_t)op->devfn, .entry_nr = op->entry_nr,
                            .table_base = op->table_base, .nvec = 1 };
    long rc;

    if ((op->bus & 0xff00) || op->devfn < 0 || op->devfn > 0xff)
        return -XEN_EINVAL;
    if (op->type != MAP_PIRQ_TYPE_MULTI_MSI && op->index != -1)
        return -XEN_EINVAL;             /* the vector is ours to choose */
    if (op->type == MAP_PIRQ_TYPE_MSI) {
        if (op->bus & ~0xff)
            return -XEN_EINVAL;
    } else {
        msi.seg = (uint16_t)((uint32_t)op->bus >> 16);
    }
    if (op->type == MAP_PIRQ_TYPE_MULTI_MSI) {
        if (op->table_base || op->entry_nr < 1 || op->entry_nr > 32)
            return -XEN_EINVAL;
        msi.nvec = (unsigned int)op->entry_nr;
        msi.entry_nr = 0;
    }
    rc = pirq_map_msi(d, &msi, &op->pirq);
    return rc;
}

static long map_pirq(void *ctx __unused, void *arg)
{
    struct physdev_map_pirq *op = arg;
    struct domain *d;
    int rc = domain_target(op->domid, &d);

    if (rc)
        return rc;
    switch (op->type) {
    case MAP_PIRQ_TYPE_GSI:
        return map_gsi(d, op);
    case MAP_PIRQ_TYPE_MSI:
    case MAP_PIRQ_TYPE_MSI_SEG:
    case MAP_PIRQ_TYPE_MULTI_MSI:
        return map_msi(d, op);
    default:
        return -XEN_EINVAL;
    }
}

static void map_pirq_undo(void *ctx __unused, void *arg)
{
    const struct physdev_map_pirq *op = arg;
    struct domain *d;

    if (!domain_target(op->domid, &d))
        pirq_unmap(d, op->pirq);
}

static long unmap_pirq(void *ctx __unused, void *arg)
{
    const struct physdev_unmap_pirq *op = arg;
    struct domain *d;
    int rc = domain_target(op->domid, &d);

    return rc ? rc : pirq_unmap(d, op->pirq);
}

static long get_free_pirq(void *ctx __unused, void *arg)
{
    struct physdev_get_free_pirq *op = arg;
    int pirq, rc;

    if (op->type != MAP_PIRQ_TYPE_GSI && op->type != MAP_PIRQ_TYPE_MSI)
        return -XEN_EINVAL;
    rc = pirq_get_free(current->domain, op->type, &pirq);
    if (!rc)
        op->pirq = (uint32_t)pirq;
    return rc;
}

static void get_free_pirq_undo(void *ctx __unused, void *arg)
{
    const struct physdev_get_free_pirq *op = arg;

    pirq_unmap(current->domain, (int)op->pirq);
}

/* --- I/O privilege: of the calling vCPU ------------------------------------------------------- */
static long set_iopl(void *ctx __unused, void *arg)
{
    const struct physdev_set_iopl *op = arg;

    if (op->iopl > 3)
        return -XEN_EINVAL;
    current->iopl = (unsigned long)op->iopl << 12;
    return 0;
}

/* The emulator of port instructions in user mode reads the bitmap where the guest has it; it is the guest's to keep
 * mapped. */
static long set_iobitmap(void *ctx __unused, void *arg)
{
    const struct physdev_set_iobitmap *op = arg;
    struct vcpu *v = current;

    if (op->nr_ports > 65536)
        return -XEN_EINVAL;
    if (op->nr_ports && !guest_range_ok(op->bitmap.p, (op->nr_ports + 7) / 8))
        return -XEN_EINVAL;
    v->iobmp = (unsigned long)op->bitmap.p;
    v->iobmp_limit = op->nr_ports;
    return 0;
}

static long apic_read(void *ctx __unused, void *arg)
{
    struct physdev_apic *op = arg;

    return ioapic_guest_read(op->apic_physbase, op->reg, &op->value);
}

static long apic_write(void *ctx __unused, void *arg)
{
    const struct physdev_apic *op = arg;

    return ioapic_guest_write(op->apic_physbase, op->reg, op->value);
}

/* --- PCI -------------------------------------------------------------------------------------- */
static long manage_pci_add(void *ctx __unused, void *arg)
{
    const struct physdev_manage_pci *op = arg;

    return pci_device_add(0, op->bus, op->devfn, false);
}

static long manage_pci_remove(void *ctx __unused, void *arg)
{
    const struct physdev_manage_pci *op = arg;

    return pci_device_remove(0, op->bus, op->devfn);
}

static long manage_pci_add_ext(void *ctx __unused, void *arg)
{
    const struct physdev_manage_pci_ext *op = arg;

    if (op->is_extfn > 1 || op->is_virtfn > 1)
        return -XEN_EINVAL;
    return pci_device_add(0, op->bus, op->devfn, op->is_virtfn);
}

/* optarr[0], the ACPI proximity domain, follows the structure; with one NUMA node there is nothing to do with it. */
static long device_add(void *ctx __unused, void *arg)
{
    const struct physdev_pci_device_add *op = arg;

    if (op->flags & ~(uint32_t)(XEN_PCI_DEV_EXTFN | XEN_PCI_DEV_VIRTFN | XEN_PCI_DEV_PXM))
        return -XEN_EINVAL;
    return pci_device_add(op->seg, op->bus, op->devfn, op->flags & XEN_PCI_DEV_VIRTFN);
}

static long device_remove(void *ctx __unused, void *arg)
{
    const struct physdev_pci_device *op = arg;

    return pci_device_remove(op->seg, op->bus, op->devfn);
}

static long restore_msi(void *ctx __unused, void *arg)
{
    const struct physdev_restore_msi *op = arg;

    return pci_device_restore_msi(0, op->bus, op->devfn);
}

static long restore_msi_ext(void *ctx __unused, void *arg)
{
    const struct physdev_pci_device *op = arg;

    return pci_device_restore_msi(op->seg, op->bus, op->devfn);
}

/* MSI-X tables are located anew at each map_pirq, so an announcement that they stay or may move asks nothing of us. */
static long announce_msix(void *ctx __unused, void *arg)
{
    const struct physdev_pci_device *op = arg;

    return (pci_conf_read(op->seg, op->bus, op->devfn, 0, 2) & 0xffff) == 0xffff ? -XEN_ENODEV : 0;
}

static long mmcfg_reserved(void *ctx __unused, void *arg)
{
    const struct physdev_pci_mmcfg_reserved *op = arg;

    if ((op->flags & ~(uint32_t)XEN_PCI_MMCFG_RESERVED) || op->start_bus > op->end_bus)
        return -XEN_EINVAL;
    return pci_mmcfg_reserved(op->address, op->segment, op->start_bus, op->end_bus, op->flags);
}

/* dom0 is about to reset a USB controller whose debug port might be our console; it never is. */
static long dbgp_op(void *ctx __unused, void *arg)
{
    const struct physdev_dbgp_op *op = arg;

    if (op->op != PHYSDEVOP_DBGP_RESET_PREPARE && op->op != PHYSDEVOP_DBGP_RESET_DONE)
        return -XEN_ENOSYS;
    return op->bus == PHYSDEVOP_DBGP_BUS_UNKNOWN || op->bus == PHYSDEVOP_DBGP_BUS_PCI ? 0 : -XEN_EINVAL;
}

#define SIZE(s) sizeof(struct physdev_##s)
static const struct subop ops[] = {
    [PHYSDEVOP_irq_status_query]   = SUBOP("irq_status_query", irq_status_query, SIZE(irq_status_query), SUB_OUT),
    [PHYSDEVOP_set_iopl]           = SUBOP("set_iopl", set_iopl, SIZE(set_iopl), 0),
    [PHYSDEVOP_set_iobitmap]       = SUBOP("set_iobitmap", set_iobitmap, SIZE(set_iobitmap), 0),
    [PHYSDEVOP_apic_read]          = SUBOP("apic_read", apic_read, SIZE(apic), SUB_PRIV | SUB_OUT),
    [PHYSDEVOP_apic_write]         = SUBOP("apic_write", apic_write, SIZE(apic), SUB_PRIV),
    [PHYSDEVOP_alloc_irq_vector]   = SUBOP("alloc_irq_vector", alloc_irq_vector, SIZE(irq), SUB_PRIV | SUB_OUT),
    [PHYSDEVOP_eoi]                = SUBOP("eoi", eoi, SIZE(eoi), 0),
    [PHYSDEVOP_map_pirq]           = SUBOP_UNDO("map_pirq", map_pirq, map_pirq_undo, SIZE(map_pirq),
                                                SUB_PRIV | SUB_OUT),
    [PHYSDEVOP_unmap_pirq]         = SUBOP("unmap_pirq", unmap_pirq, SIZE(unmap_pirq), SUB_PRIV),
    [PHYSDEVOP_manage_pci_add]     = SUBOP("manage_pci_add", manage_pci_add, SIZE(manage_pci), SUB_PRIV),
    [PHYSDEVOP_manage_pci_remove]  = SUBOP("manage_pci_remove", manage_pci_remove, SIZE(manage_pci), SUB_PRIV),
    /* v1 wants the event channel unmasked by eoi; Linux and its likes have used v2 for many years */
    [PHYSDEVOP_pirq_eoi_gmfn_v1]   = SUBOP_REFUSED("pirq_eoi_gmfn_v1", XEN_ENOSYS, 0),
    [PHYSDEVOP_restore_msi]        = SUBOP("restore_msi", restore_msi, SIZE(restore_msi), SUB_PRIV),
    [PHYSDEVOP_manage_pci_add_ext] = SUBOP("manage_pci_add_ext", manage_pci_add_ext, SIZE(manage_pci_ext), SUB_PRIV),
    [PHYSDEVOP_setup_gsi]          = SUBOP("setup_gsi", setup_gsi, SIZE(setup_gsi), SUB_PRIV),
    [PHYSDEVOP_get_free_pirq]      = SUBOP_UNDO("get_free_pirq", get_free_pirq, get_free_pirq_undo, SIZE(get_free_pirq),
                                                SUB_OUT),
    [PHYSDEVOP_pci_mmcfg_reserved] = SUBOP("pci_mmcfg_reserved", mmcfg_reserved, SIZE(pci_mmcfg_reserved), SUB_PRIV),
    [PHYSDEVOP_pci_device_add]     = SUBOP("pci_device_add", device_add, SIZE(pci_device_add), SUB_PRIV),
    [PHYSDEVOP_pci_device_remove]  = SUBOP("pci_device_remove", device_remove, SIZE(pci_device), SUB_PRIV),
    [PHYSDEVOP_restore_msi_ext]    = SUBOP("restore_msi_ext", restore_msi_ext, SIZE(pci_device), SUB_PRIV),
    [PHYSDEVOP_pirq_eoi_gmfn_v2]   = SUBOP("pirq_eoi_gmfn_v2", pirq_eoi_gmfn, SIZE(pirq_eoi_gmfn), 0),
    [PHYSDEVOP_dbgp_op]            = SUBOP("dbgp_op", dbgp_op, SIZE(dbgp_op), SUB_PRIV),
    [PHYSDEVOP_prepare_msix]       = SUBOP("prepare_msix", announce_msix, SIZE(pci_device), SUB_PRIV),
    [PHYSDEVOP_release_msix]       = SUBOP("release_msix", announce_msix, SIZE(pci_device), SUB_PRIV),
};

HYPERCALL(physdev_op)
{
    long rc;
    const struct subop *row = subop_find(ops, ARRAY_SIZE(ops), (unsigned int)a1, &rc);

    return row ? subop_run(row, NULL, a2) : rc;
}
