/* SPDX-License-Identifier: MIT */
/*
 * Memory for a new guest: what is free is claimed for it in the hypervisor, so that nobody else is given it meanwhile, and
 * what is missing is taken from dom0 first (autoballoon in xl.conf(5)).
 *
 * Who takes memory from dom0 holds a lock from the look at what is missing until the claim: another creation would count
 * the memory that dom0 has given for this one as its own.
 */
#ifndef VL_LIFE_BALLOON_H
#define VL_LIFE_BALLOON_H

#include <stdint.h>

#include "base/vl.h"

/*
 * Before the domain is made, which takes memory too: where the host may do so, shrink dom0 until the guest fits, or for
 * 30 s at most. 0 also when nothing was to be done or may be: then vl_balloon_claim says what is missing. -errno, told,
 * when dom0 did not give enough. *lock, -1 at first, is then the lock or still -1: for vl_balloon_claim, or to be closed.
 */
int vl_balloon_make_room(struct vl *vl, uint64_t memory_kb, int *lock);

/* Claim the memory for the domain, and close the lock. -ENOMEM, told, when there is not as much. */
int vl_balloon_claim(struct vl *vl, uint32_t domid, uint64_t memory_kb, int *lock);

#endif
