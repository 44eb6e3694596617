/* SPDX-License-Identifier: MIT */
/* mm/pagetable: guests' page tables: validation, update, walking. The hypercalls (hypercall/mmu.c) and the emulation
 * of page-table writes (domain/ptwrite.c) use it. */
#pragma once
#include <hv/mm.h>

typedef uint64_t pte_t;

#define PT_PRESENT   0x001UL
#define PT_WRITE     0x002UL
#define PT_USER      0x004UL
#define PT_PWT       0x008UL
#define PT_PCD       0x010UL
#define PT_ACCESSED  0x020UL
#define PT_DIRTY     0x040UL
#define PT_PSE       0x080UL
#define PT_PAT       0x080UL            /* in an L1 entry */
#define PT_CACHING   (PT_PWT | PT_PCD | PT_PAT)
#define PT_GLOBAL    0x100UL
#define PT_NX        (1UL << 63)
#define PT_ADDR      0x000ffffffffff000UL
#define PT_ENTRIES   512

static inline mfn_t pte_mfn(pte_t p) { return (p & PT_ADDR) >> PAGE_SHIFT; }
static inline unsigned int pt_index(unsigned long va, unsigned int level) { return va >> (12 + 9 * (level - 1)) & 511; }
static inline uint64_t type_of_level(unsigned int level) { return (uint64_t)level << 60; }
static inline unsigned int level_of_type(uint64_t type) { return (unsigned int)((type & TYPE_MASK) >> 60); }
static inline bool type_is_table(uint64_t type) { return level_of_type(type) >= 1 && level_of_type(type) <= 4; }
static inline bool slot_is_ours(unsigned int l4_slot) { return l4_slot >= HV_SLOT_FIRST && l4_slot <= HV_SLOT_LAST; }

/* The hypervisor's L4 entries, copied into every guest L4. Filled by cpu/paging.c. */
extern pte_t hv_l4_entries[HV_SLOT_LAST - HV_SLOT_FIRST + 1];
/* cpu/paging.c, for mm/init.c: the hypervisor's own page tables. */
void paging_init(void *(*alloc)(void));
void paging_init_done(void);
void paging_map(unsigned long va, paddr_t p, size_t size, unsigned long flags);

/* Takes what a table at `level` needs: references to all its entries, from entry *next on, which are normalised in
 * place. 0; -XEN_ERESTART with *next where to go on; other errors with everything undone. */
int pt_validate(struct frame *f, struct domain *d, unsigned int level, unsigned int *next);
/* Gives back entries [0, *next), from the top; 0 or -XEN_ERESTART (only when preemptible) with *next. */
int pt_devalidate(struct frame *f, unsigned int level, unsigned int *next, bool preemptible);

/* Replaces entry `index` of a table whose type the caller holds. pg_owner: whose frames an L1 entry may map (d itself,
 * or for a privileged d another). keep_ad: accessed and dirty bits of the old entry stay. 0 or -errno. */
int pt_update_entry(struct frame *table, unsigned int level, unsigned int index, pte_t new, struct domain *d,
                    struct domain *pg_owner, bool keep_ad);
/* One L1 entry: if *p is still `old`, becomes `new` (0, -XEN_EAGAIN, or another error); the same whatever it was. */
int pt_cmpxchg_l1(pte_t *p, pte_t old, pte_t new, struct domain *d, struct domain *pg_owner);
int pt_update_l1(pte_t *p, pte_t new, struct domain *d, struct domain *pg_owner);
/* The entry at machine address `entry` of an L1 table of d's own becomes new. False: no validated L1 of d is there,
 * nothing was done; else *rc is the result. */
bool pt_update_own_l1(struct domain *d, paddr_t entry, pte_t new, int *rc);
/* Holds the type (and a reference) of a frame that is a validated L1 table of d, for pt_cmpxchg_l1. */
bool pt_hold_l1(struct frame *f, struct domain *d);
void pt_release_l1(struct frame *f);
/* The L1 entry that maps va in the running vCPU's current (kernel) tables, its table held; NULL: no L1 table there.
 * *table is given back with pt_release_l1. */
pte_t *pt_find_l1(struct vcpu *v, unsigned long va, struct frame **table);
/* The frame that va is mapped to, or INVALID_MFN. *pte: the entry. */
mfn_t pt_walk(unsigned long cr3, unsigned long va, pte_t *pte);

/* Takes the pin off a frame that the caller holds a reference to; false: no pin. That, and any change of an entry or
 * base of current, may leave a put unfinished in v->deferred_put: pt_finish_deferred, 0 or -XEN_ERESTART. */
bool pt_unpin(struct frame *f);
int pt_finish_deferred(struct vcpu *v);
/* CR3 of v: m becomes the kernel (or user) base, 0 user: none. Takes the L4 reference, drops the old one's. */
int pt_set_base(struct vcpu *v, mfn_t m, bool user);
/* Of a vCPU that does not run and is loaded nowhere. 0, or -XEN_ERESTART: call again. */
int pt_drop_bases(struct vcpu *v);
