/* SPDX-License-Identifier: MIT */
/* What hardware a domain may touch: ports, machine memory that is not RAM, interrupts: three range sets under
 * d->rights_lock (RANK_RIGHTS, a leaf but for the allocators). From the ports follows the TSS I/O bitmap, made with the
 * first one: a clear bit lets the guest kernel use a port without a trap. The CPU reads it while the guest runs; a
 * caller that takes ports away pauses the domain over it. */
#include "private.h"

#define PORTS        0x10000u
#define BITMAP_ORDER 1u                 /* 8 KiB */
#define MAX_IRQ      0xffffu

_Static_assert((PAGE_SIZE << BITMAP_ORDER) * 8 == PORTS, "one bit a port");

/* Ports that need our help trap even for their owner. */
static void bitmap_update(unsigned long *map, unsigned int first, unsigned int last, bool open)
{
    for (unsigned int port = first; port <= last; port++) {
        if (!open)
            set_bit(port, map);
        else if (!ioport_special(port, port))
            clear_bit(port, map);
    }
}

static int permit(struct domain *d, struct rangeset *set, unsigned long first, unsigned long last, bool allow)
{
    if (first > last)
        return -XEN_EINVAL;
    spin_lock(&d->rights_lock);
    int rc = allow ? rangeset_add(set, first, last) : rangeset_remove(set, first, last);
    if (!rc && set == d->ioports && d->io_bitmap)
        bitmap_update(d->io_bitmap, (unsigned int)first, (unsigned int)last, allow);
    spin_unlock(&d->rights_lock);
    return rc;
}

int ioports_permit(struct domain *d, unsigned int first, unsigned int last, bool allow)
{
    unsigned long *map, *none = NULL;
    if (first > last || last >= PORTS)
        return -XEN_EINVAL;
    if (allow && !d->io_bitmap) {
        map = hv_pages_alloc(BITMAP_ORDER);
        if (!map)
            return -XEN_ENOMEM;
        memset(map, 0xff, PAGE_SIZE << BITMAP_ORDER);
        if (!__atomic_compare_exchange_n(&d->io_bitmap, &none, map, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            hv_pages_free(map, BITMAP_ORDER);       /* another CPU was faster */
    }
    return permit(d, d->ioports, first, last, allow);
}

int iomem_permit(struct domain *d, mfn_t first, mfn_t last, bool allow)
{
    return permit(d, d->iomem, first, last, allow);
}

int irq_permit(struct domain *d, unsigned int irq, bool allow)
{
    return irq > MAX_IRQ ? -XEN_EINVAL : permit(d, d->irqs, irq, irq, allow);
}

static bool permitted(const struct domain *d, const struct rangeset *set, unsigned long first, unsigned long last)
{
    spinlock_t *lock = (spinlock_t *)&d->rights_lock;
    if (!set || first > last)
        return false;
    spin_lock(lock);
    bool yes = rangeset_contains(set, first, last);
    spin_unlock(lock);
    return yes;
}

bool ioports_access_permitted(const struct domain *d, unsigned int first, unsigned int last)
{
    return permitted(d, d->ioports, first, last);
}

bool iomem_access_permitted(const struct domain *d, mfn_t first, mfn_t last)
{
    return permitted(d, d->iomem, first, last);
}

bool irq_access_permitted(const struct domain *d, unsigned int irq) { return permitted(d, d->irqs, irq, irq); }

bool domain_has_device_rights(const struct domain *d)
{
    spinlock_t *lock = (spinlock_t *)&d->rights_lock;
    spin_lock(lock);
    bool yes = (d->iomem && rangeset_overlaps(d->iomem, 0, ~0UL)) ||
               (d->ioports && rangeset_overlaps(d->ioports, 0, ~0UL));
    spin_unlock(lock);
    return yes;
}
