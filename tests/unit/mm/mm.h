/* SPDX-License-Identifier: MIT */
/* The real mm/ and its hypercalls on the fake machine: set-up and the calls as a guest makes them. */
#ifndef TEST_MM_H
#define TEST_MM_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fake/fake.h"
#include <hv/hypercall.h>
#include <hv/pagetable.h>
#include <xen/memory.h>

#define SET 40u                     /* frames that the tests shuffle */

extern struct domain *a, *b;        /* two plain domains; a's vCPU 0 is current; dom0 exists too */
extern mfn_t fa[SET], fb[SET];      /* frames of theirs, zeroed */

extern mfn_t hole_end;              /* frames below have no struct frame; 0: there is no hole */
void mm_setup(void);
TCase *heap_tests(void);
TCase *step_tests(void);
void mm_teardown(void);             /* kills the domains: everything must come back */
/* Hypercalls by the current vCPU, continued until they are done. */
long guest_mmu_update(uint64_t ptr, uint64_t val, domid_t foreign);
long guest_mmu_updates(const struct mmu_update *list, unsigned int count, uint32_t *done, domid_t foreign);
long guest_mmuexts(const struct mmuext_op *list, unsigned int count, uint32_t *done, domid_t domid);
long guest_mmuext(unsigned int cmd, unsigned long arg1, domid_t domid);
long guest_give_back(mfn_t m);
long guest_decrease(mfn_t m, unsigned int order);
extern unsigned int guest_restarts; /* times a call was continued, so far */
static inline uint64_t entry_at(mfn_t table, unsigned int i) { return MFN_TO_PADDR(table) + i * 8; }
static inline pte_t pte(mfn_t m, uint64_t flags) { return MFN_TO_PADDR(m) | flags; }
#define MUST_BE_SOUND() ck_assert_uint_eq(mm_audit(), 0)

#endif
