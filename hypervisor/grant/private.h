/* SPDX-License-Identifier: MIT */
/*
 * grant/, inside: what a domain grants (its table) and what it has mapped (its maptrack).
 *
 * The table: pages shared with the guest, which it may change at any time, and for each entry in use an active
 * record of what was read when it was first pinned: frame, grantee and range come from there only. All of it is
 * under gt->lock. Maptrack: one record a mapping, claimed and released by compare-and-swap; maptrack_lock is taken
 * only to add a page of them.
 *
 * Every use of an entry (mapping or copy in progress) is one pin, one reference to the frame and, if it may write,
 * one TYPE_WRITABLE reference, taken as the granting domain's. A table with mappings holds one reference to its
 * domain.
 */
#ifndef GRANT_PRIVATE_H
#define GRANT_PRIVATE_H

#include <hv/console.h>
#include <hv/domain.h>
#include <hv/grant.h>
#include <hv/hypercall.h>
#include <hv/mm.h>

struct active {
    uint32_t readers, writers;  /* pins for reading only, and for reading and writing */
    mfn_t mfn;
    uint16_t domid;             /* the grantee */
    uint16_t start, length;     /* bytes of the frame that may be used */
    uint8_t sub_page;           /* not the whole page: copy only */
    uint8_t transitive;         /* no frame of its own: copy only */
};

#define V1_PER_PAGE     512u    /* PAGE_SIZE / sizeof(grant_entry_v1_t) */
#define V2_PER_PAGE     256u
#define STATUS_PER_PAGE 2048u
#define CHUNK_ENTRIES   32u
#define CHUNKS_PER_PAGE (V1_PER_PAGE / CHUNK_ENTRIES)

struct grant_frame {
    void *page;                 /* shared with the guest */
    struct active **chunk;      /* [CHUNKS_PER_PAGE], on demand; entry r is in frame r / V1_PER_PAGE always */
};

struct maptrack {
    struct domain *granter;
    uint32_t ref;               /* free: the next free handle */
    uint32_t flags;             /* GNTMAP_* of the mapping that still is, and MT_* */
};
#define MT_USED 0x80000000u
#define MT_BUSY 0x40000000u     /* an unmap works on it */
#define MT_GNTMAP_MASK 0xffffu

#define MT_PER_PAGE   256u      /* PAGE_SIZE / sizeof(struct maptrack) */
#define MT_DIR_PAGES  512u      /* pages of records a directory page holds */
#define MT_DIRS       16u
#define MT_MAX_FRAMES (MT_DIR_PAGES * MT_DIRS)
#define MT_NIL        0xffffffffu

struct grant_table {
    spinlock_t lock;            /* RANK_GRANT */
    uint32_t version, max_version;
    uint32_t nr_frames, max_frames, frames_size;    /* in use; limit; room in frames[] */
    uint32_t nr_status, status_size;
    uint32_t nr_mapped;         /* pins of mappings; above 0 the table holds a reference to its domain */
    struct grant_frame *frames;
    grant_status_t **status;    /* version 2: one half-word an entry */

    spinlock_t maptrack_lock;   /* RANK_MAPTRACK: growth */
    uint64_t mt_free;           /* stack of free handles: counter << 32 | handle; changed by compare-and-swap */
    uint32_t mt_pages, mt_max_pages;
    struct maptrack **mt_dir[MT_DIRS];
    uint32_t mt_release;        /* grant_release_mappings goes on here */
};

static inline uint32_t table_refs(const struct grant_table *gt)
{
    return gt->nr_frames * (gt->version == 1 ? V1_PER_PAGE : V2_PER_PAGE);
}

/* One use of an entry. */
struct grant_use {
    struct domain *granter;
    uint32_t ref;
    bool write;
    mfn_t mfn;
    uint16_t start, length;
    /* A transitive grant, and only that: the entry it stands for. */
    struct domain *via;         /* NULL: none */
    uint32_t via_ref;
};

/* entry.c: GNTST_* results. grantee: the domid the entry must name. */
int16_t entry_use_map(struct domain *granter, uint32_t ref, domid_t grantee, bool write, struct grant_use *use);
int16_t entry_use_copy(struct domain *granter, uint32_t ref, domid_t grantee, bool write, struct grant_use *use);
void entry_end_map(struct domain *granter, uint32_t ref, bool write);
void entry_end_copy(const struct grant_use *use);
struct active *entry_active(const struct grant_table *gt, uint32_t ref);    /* NULL: never used. Lock held */
bool entry_pinned(const struct grant_table *gt, uint32_t ref);              /* lock held */
grant_entry_v1_t *entry_v1(const struct grant_table *gt, uint32_t ref);
grant_entry_v2_t *entry_v2(const struct grant_table *gt, uint32_t ref);
grant_status_t *entry_status(const struct grant_table *gt, uint32_t ref);

/* table.c */
int table_grow(struct domain *d, uint32_t nr_frames);     /* lock held; -XEN_ENOMEM, -XEN_EINVAL: above the limit */
int16_t table_setup(struct gnttab_setup_table *op);
int16_t table_query_size(struct gnttab_query_size *op);
int16_t table_status_frames(struct gnttab_get_status_frames *op);
int16_t table_swap(struct gnttab_swap_grant_ref *op);
int table_get_version(struct gnttab_get_version *op);
int table_set_version(struct gnttab_set_version *op);

/* map.c: the records of mappings */
struct maptrack *maptrack_find(const struct grant_table *gt, uint32_t handle);  /* NULL: out of range */
void maptrack_destroy(struct grant_table *gt);

/* Elements copied in, worked on, and copied out at a time; unmaps share one TLB flush. */
#define GRANT_BATCH 16u
union grant_batch {
    struct gnttab_map_grant_ref map[GRANT_BATCH];
    struct gnttab_unmap_grant_ref unmap[GRANT_BATCH];
    struct gnttab_unmap_and_replace replace[GRANT_BATCH];
    struct gnttab_copy copy[GRANT_BATCH];
    struct gnttab_transfer transfer[GRANT_BATCH];
    struct gnttab_swap_grant_ref swap[GRANT_BATCH];
    struct gnttab_setup_table setup;
    struct gnttab_query_size query;
    struct gnttab_dump_table dump;
    struct gnttab_set_version set_version;
    struct gnttab_get_version get_version;
    struct gnttab_get_status_frames status_frames;
};
/* A row's work on n elements (map.c, copy.c, ops.c): 0, statuses are in the elements; negative: the whole call
 * fails. */
#define GRANT_OP(name) long grant_op_##name(union grant_batch *b __unused, unsigned int n __unused)
GRANT_OP(map_grant_ref);
GRANT_OP(unmap_grant_ref);
GRANT_OP(unmap_and_replace);
GRANT_OP(copy);

#endif
