/* SPDX-License-Identifier: MIT */
/*
 * grant/: grant tables v1 and v2. ABI: xen/grant_table.h. Locks: a table's lock (RANK_GRANT) for its size and
 * version and active entries; the mapping domain's maptrack lock (RANK_MAPTRACK).
 *
 * mm/ supplies what touches page tables: grant_pte_map/unmap below (implemented in mm/grantmap.c).
 */
#ifndef HV_GRANT_H
#define HV_GRANT_H

#include <hv/types.h>

#include <xen/grant_table.h>
#include <xen/memory.h>

void grant_init(void);          /* boot: the debug key */
/* max_version: 1 or 2. -XEN_EINVAL: a limit out of range; -XEN_ENOMEM. */
int grant_domain_init(struct domain *d, unsigned int max_frames, unsigned int max_maptrack_frames,
                      unsigned int max_version);
/* domain_kill: drops all mappings that d holds of others' frames; -XEN_ERESTART when there is more. */
int grant_release_mappings(struct domain *d);
void grant_domain_destroy(struct domain *d);    /* no reference to d is left (it frees the table itself) */

/* XENMEM_acquire_resource(grant_table): frame numbers of the shared (or, v2, status) frames [first, first+n) of d,
 * which grow as needed. */
int grant_acquire(struct domain *d, uint32_t id, unsigned int first, unsigned int n, mfn_t *mfns);
unsigned int grant_resource_frames(struct domain *d, uint32_t id);
void grant_debug_dump(struct domain *d);
/* audit(): calls f for each frame that a grant mapping of any domain holds a reference to. */
void grant_walk_refs(void (*f)(mfn_t m, bool writable, void *arg), void *arg);

/* --- supplied by mm/ -------------------------------------------------------------------------------------------------
 * Puts a mapping of frame m (reference and type already taken by the caller) into the current domain's page tables,
     at host
 * address `addr`: a linear address, or with GNTMAP_contains_pte the machine address of an L1 entry. flags: GNTMAP_*.
 * The entry's old content is released. GNTST_* result. */
int16_t grant_pte_map(uint64_t addr, mfn_t m, unsigned int flags);
/* Takes it out again if it still maps m; if new_addr is not 0 (unmap_and_replace), that linear address' entry is
 * moved there. */
int16_t grant_pte_unmap(uint64_t addr, mfn_t m, unsigned int flags, uint64_t new_addr);

#endif
