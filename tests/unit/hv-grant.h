/* SPDX-License-Identifier: MIT */
/*
 * What the grant tests and the grant fuzzer share: domains with tables, a page table to map into (mm/'s part), calls
 * as a guest makes them, and grant_audit(), which recomputes every pin, reference and flag from the mappings there
 * are.
 */
#ifndef TEST_HV_GRANT_H
#define TEST_HV_GRANT_H

#ifndef FUZZING
#include <check.h>
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fake/fake.h"
#include "../../hypervisor/grant/private.h"

#ifndef FUZZING
#define MUST(c) do { if (!(c)) ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #c); } while (0)
#else
#define MUST(c) do { if (!(c)) panic("%s:%d: %s", __FILE__, __LINE__, #c); } while (0)
#endif

/* --- mm/'s part: 1024 page-table entries; host address n * 4096 + 0x1000000 is entry n */
#define NR_PTES   1024u
#define PTE(n)    (0x1000000ul + (n) * 4096ul)
struct fake_pte { mfn_t mfn; unsigned int flags; bool present; };
extern struct fake_pte fake_ptes[NR_PTES];

/* --- domains with `pages` frames of their own, page[0..] */
#define MAX_PAGES 64
struct guest { struct domain *d; mfn_t page[MAX_PAGES]; unsigned int pages; };
void guest_new(struct guest *g, domid_t id, bool privileged, unsigned int pages, unsigned int max_version);
void guest_free(struct guest *g);       /* dies as domain_kill does it: mappings, then all else */

/* The call as the hypercall makes it, restarts included; checks all invariants after. */
long gop(struct guest *g, unsigned int cmd, void *ops, unsigned int n);
/* hostile: the shared entries' flags may be anything */
void grant_audit(bool hostile);
extern bool audit_hostile;              /* what gop() passes */

/* The guest's side, version 1 and 2. Sets the table up as far as needed. */
void grant_v1(struct guest *g, uint32_t ref, domid_t to, mfn_t mfn, uint16_t flags);
void grant_v2(struct guest *g, uint32_t ref, domid_t to, mfn_t mfn, uint16_t flags, uint16_t off, uint16_t len);
void grant_v2_transitive(struct guest *g, uint32_t ref, domid_t to, domid_t via, uint32_t via_ref);
static inline grant_entry_v1_t *entry_v1(const struct grant_table *gt, uint32_t ref) { return entry_at(gt, ref); }
static inline grant_entry_v2_t *entry_v2(const struct grant_table *gt, uint32_t ref) { return entry_at(gt, ref); }
uint16_t grant_bits(struct guest *g, uint32_t ref);     /* GTF_reading | GTF_writing as the guest sees them */

#endif
