/* SPDX-License-Identifier: MIT */
/* grant/, inside: what a domain grants (its table) and what it has mapped (its maptrack). The table: pages shared
 * with the guest, which it may change at any time, and for each entry in use an active record of what was read when
 * it was first pinned: frame, grantee and range come from there only. All of it is under gt->lock; the arrays of
 * pages never move, so what is known to be in use is found without. Maptrack: one record a mapping, claimed and
 * released by compare-and-swap; maptrack_lock is taken only to add a page of them. Every use of an entry (mapping or
 * copy in progress) is one pin, one reference to the frame and, if it may write, one TYPE_WRITABLE reference, taken
 * as the granting domain's. A table with mappings holds one reference to its domain. */
#pragma once
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
#define MT_MAX_PAGES  8192u
#define MT_NIL        0xffffffffu

struct grant_table {
    spinlock_t lock;            /* RANK_GRANT */
    uint32_t version, max_version;
    uint32_t nr_frames, max_frames, nr_status;
    uint32_t nr_mapped;         /* pins of mappings; above 0 the table holds a reference to its domain */
    struct grant_frame *frames; /* [max_frames] */
    grant_status_t **status;    /* version 2: one half-word an entry */
    spinlock_t maptrack_lock;   /* RANK_MAPTRACK: growth */
    uint64_t mt_free;           /* stack of free handles: counter << 32 | handle; changed by compare-and-swap */
    uint32_t mt_pages, mt_max_pages;
    struct maptrack **mt_page;  /* [mt_max_pages] */
    uint32_t mt_release;        /* grant_release_mappings goes on here */
};

static inline uint32_t table_refs(const struct grant_table *gt)
{
    return gt->nr_frames * (gt->version == 1 ? V1_PER_PAGE : V2_PER_PAGE);
}

/* One use of an entry: what is asked for, then what it gave. */
struct grant_use {
    struct domain *granter;     /* NULL: not an entry, but a frame of the caller's own (copy.c) */
    uint32_t ref;
    domid_t grantee;            /* whom the entry must name */
    bool write, map;
    bool transitive;            /* while it begins: the entry only points to another */
    uint16_t start, length;
    mfn_t mfn;
    struct domain *via;         /* not NULL: the transitive entry that led to this one, also in use */
    uint32_t via_ref;
};

/* entry.c: GNTST_* results. */
int16_t use_map(struct grant_use *use);
int16_t use_copy(struct grant_use *use);
void use_map_end(struct domain *granter, uint32_t ref, bool write);
void use_copy_end(const struct grant_use *use);
bool take_frame(mfn_t mfn, struct domain *owner, bool write);
void *entry_at(const struct grant_table *gt, uint32_t ref);                 /* grant_entry_v1_t or _v2_t */
grant_status_t *entry_status(const struct grant_table *gt, uint32_t ref);
struct active *entry_active(const struct grant_table *gt, uint32_t ref);    /* NULL: never used */
uint16_t entry_pins(const struct grant_table *gt, uint32_t ref);            /* GTF_reading, GTF_writing. Lock held */

/* map.c: the records of mappings */
struct maptrack *maptrack_find(const struct grant_table *gt, uint32_t handle);  /* NULL: out of range */
void maptrack_destroy(struct grant_table *gt);

/* A batch: elements that are copied in, worked on, and copied out together. */
#define GRANT_BATCH 16u
struct grant_batch {
    unsigned int nr_unmapped;   /* map.c: unmaps wait for one TLB flush */
    bool flush;
    struct unmapped { struct maptrack *entry; uint32_t handle, flags; } unmapped[GRANT_BATCH];
    struct grant_side {         /* copy.c: what the last copy used is kept for the next */
        bool open, gref;
        domid_t domid;
        uint64_t name;          /* grant reference or frame, as the caller gave it */
        struct grant_use use;
    } source, dest;
};
void unmap_finish(struct grant_batch *b);
void side_close(struct grant_side *s);

/* A row's work on one element: GNTST_*, or where that has no status 0 or -errno, which the whole call returns. */
#define GRANT_OP(name) int grant_op_##name(struct grant_batch *b __unused, void *element __unused)
GRANT_OP(map_grant_ref); GRANT_OP(unmap_grant_ref); GRANT_OP(unmap_and_replace); GRANT_OP(copy); GRANT_OP(setup_table);
GRANT_OP(query_size); GRANT_OP(get_status_frames); GRANT_OP(set_version); GRANT_OP(get_version);
