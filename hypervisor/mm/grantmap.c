/* SPDX-License-Identifier: MIT */
/* Grant mappings in page tables (hv/grant.h). The entry holds its own reference to the frame, and its use as writable,
 * as every L1 entry does. So one that the guest destroys by other means leaves all counts right. */
#include "private.h"

/* The L1 entry that addr means, its table's type held. */
static pte_t *find_entry(uint64_t addr, unsigned int flags, struct frame **table)
{
    mfn_t m = PADDR_TO_MFN(addr);
    if (!(flags & GNTMAP_contains_pte))
        return pt_find_l1(current, addr, table);
    if ((addr & 7) || !mfn_valid(m) || !pt_hold_l1(mfn_to_frame(m), current->domain))
        return NULL;
    *table = mfn_to_frame(m);
    return (pte_t *)paddr_to_virt(addr);
}

static int16_t replace(uint64_t addr, unsigned int flags, pte_t new, struct domain *pg_owner, mfn_t expect)
{
    struct domain *d = current->domain;
    struct frame *table;
    pte_t *p = find_entry(addr, flags, &table), old;
    int rc;
    if (!p)
        return flags & GNTMAP_contains_pte ? GNTST_general_error : GNTST_bad_virt_addr;
    do {
        old = READ_ONCE(*p);
        rc = expect != INVALID_MFN && (!(old & PT_PRESENT) || pte_mfn(old) != expect)
           ? -XEN_EINVAL : pt_cmpxchg_l1(p, old, new, d, pg_owner);
    } while (rc == -XEN_EAGAIN);
    if (!rc && !(flags & GNTMAP_contains_pte) && (old & PT_PRESENT))
        tlb_flush_va_local(addr);
    pt_release_l1(table);
    return rc ? GNTST_general_error : GNTST_okay;
}

int16_t grant_pte_map(uint64_t addr, mfn_t m, unsigned int flags)
{
    struct domain *owner = domain_any(mfn_to_frame(m)->owner);
    pte_t new = MFN_TO_PADDR(m) | PT_PRESENT | PT_USER | PT_ACCESSED | PT_DIRTY |
                (flags & GNTMAP_readonly ? 0 : PT_WRITE) |
                (pte_t)(flags >> _GNTMAP_guest_avail0 & 7) << 9;
    return owner ? replace(addr, flags, new, owner, INVALID_MFN) : GNTST_general_error;
}

/* new_addr: the entry there (a plain mapping of the caller's own) moves into the grant's place. */
int16_t grant_pte_unmap(uint64_t addr, mfn_t m, unsigned int flags, uint64_t new_addr)
{
    struct domain *d = current->domain;
    struct frame *table;
    pte_t *src, moved = 0;
    int16_t rc;
    if (new_addr) {
        src = pt_find_l1(current, new_addr, &table);
        if (!src)
            return GNTST_bad_virt_addr;
        moved = READ_ONCE(*src);
        /* Another mapping of the grant would outlive it here, as one of the caller's own frames. */
        rc = (moved & PT_PRESENT) && pte_mfn(moved) == m ? GNTST_general_error : replace(addr, flags, moved, d, m);
        if (rc == GNTST_okay && pt_cmpxchg_l1(src, moved, 0, d, d))
            log_guest(LOG_DEBUG, d, "unmap_and_replace: the entry at %#lx changed meanwhile\n",
                      (unsigned long)new_addr);
        pt_release_l1(table);
        tlb_flush_va_local(new_addr);
        return rc;
    }
    return replace(addr, flags, 0, d, m);
}
