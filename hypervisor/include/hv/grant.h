/* SPDX-License-Identifier: MIT */
/* grant/: grant tables v1 and v2. ABI: xen/grant_table.h. Locks: a table's lock (RANK_GRANT) for its size and
 * version and active entries; the mapping domain's maptrack lock (RANK_MAPTRACK). */
#pragma once
#include <hv/types.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

void grant_init(void);          /* boot: the debug key */
/* max_version: 1 or 2. -XEN_EINVAL: a limit out of range; -XEN_ENOMEM. */
int grant_domain_init(struct domain *d, unsigned int max_frames, unsigned int max_maptrack, unsigned int max_version);
/* domain_kill: drops all mappings that d holds of others' frames; -XEN_ERESTART when there is more. */
int grant_release_mappings(struct domain *d);
void grant_domain_destroy(struct domain *d);    /* no reference to d is left: nobody maps what it granted */
/* XENMEM_acquire_resource(grant_table): the numbers of d's shared (or, v2, status) frames [first, first+n), which grow
 * as needed. -XEN_EINVAL: no such resource or frame, or status frames of a version 1 table; -XEN_ENOMEM. */
int grant_acquire(struct domain *d, uint32_t id, unsigned int first, unsigned int n, mfn_t *mfns);
unsigned int grant_resource_frames(struct domain *d, uint32_t id);
void grant_debug_dump(struct domain *d);
/* audit(): calls f for each frame that a grant mapping of any domain holds a reference to. */
void grant_walk_refs(void (*f)(mfn_t m, bool writable, void *arg), void *arg);

/* Supplied by mm/grantmap.c. Puts a mapping of frame m (reference and type already taken by the caller) into the page
 * tables of the current domain, at host address `addr`: a linear one, or with GNTMAP_contains_pte the machine address
 * of an L1 entry. flags: GNTMAP_*. The entry's old content is released. Unmap takes it out again if it still maps m;
 * new_addr not 0: that linear address' entry moves there. GNTST_*. */
int16_t grant_pte_map(uint64_t addr, mfn_t m, unsigned int flags);
int16_t grant_pte_unmap(uint64_t addr, mfn_t m, unsigned int flags, uint64_t new_addr);
