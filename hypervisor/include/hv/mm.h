/* SPDX-License-Identifier: MIT */
/* mm/: machine frames: who owns them, how often they are used, and as what. The rule that keeps guests apart: a
 * frame has one type at a time (none, writable, L1..L4 page table, segment descriptors), changes it only at type
 * count zero, and is never writable by a guest while it is a page table or holds descriptors. Per-frame transitions
 * are compare-and-swap on the frame's words; a domain's frame list and totals are under d->page_lock
 * (RANK_PAGE_ALLOC); the free lists under the heap lock (RANK_HEAP). */
#pragma once
#include <hv/config.h>
#include <hv/types.h>

struct frame {
    uint64_t count;         /* FRAME_* flags and reference count */
    uint64_t type;          /* TYPE_* and type count; see mm/frame.c */
    uint32_t next, prev;    /* mfns: the owner's frame list, or the free list. NIL_LINK ends it */
    uint16_t owner;         /* domid; valid while allocated */
    uint8_t order;          /* free: buddy order of this block's head */
    uint8_t flags;
    uint32_t extra;         /* page table: entries validated so far; free: tlb clock of its freeing */
};
#define NIL_LINK 0xffffffffu
#define FRAME_ALLOCATED   (1UL << 63)   /* owned by a domain and on its list: dropped by frame_free_guest */
#define FRAME_XEN         (1UL << 62)   /* hypervisor memory (may be shared with a guest: shared info, grant table) */
#define FRAME_FREE        (1UL << 60)   /* on the free lists */
#define FRAME_COUNT_MASK  ((1UL << 40) - 1)
#define TYPE_NONE         (0UL << 60)
#define TYPE_L1           (1UL << 60)
#define TYPE_L2           (2UL << 60)
#define TYPE_L3           (3UL << 60)
#define TYPE_L4           (4UL << 60)
#define TYPE_SEGDESC      (5UL << 60)
#define TYPE_WRITABLE     (7UL << 60)
#define TYPE_MASK         (7UL << 60)
#define TYPE_PINNED       (1UL << 59)
#define TYPE_VALIDATED    (1UL << 58)
#define TYPE_PARTIAL      (1UL << 57)   /* validation or devalidation stopped half way; frame->extra says where */
#define TYPE_LOCKED       (1UL << 56)   /* a CPU is (de)validating it */
#define TYPE_FOREIGN      (1UL << 55)   /* writable, and another domain than its owner had it mapped so */
#define TYPE_COUNT_MASK   ((1UL << 40) - 1)

#ifndef HV_FAKE_CPU
#define FRAME_TABLE ((struct frame *)FRAME_TABLE_VIRT)
static inline void *mfn_to_virt(mfn_t m) { return (void *)(DIRECTMAP_VIRT + MFN_TO_PADDR(m)); }
static inline mfn_t virt_to_mfn(const void *v) { return ((unsigned long)v - DIRECTMAP_VIRT) >> PAGE_SHIFT; }
#else
extern struct frame *fake_frame_table;  /* the unit tests' machine */
extern char *fake_ram;
#define FRAME_TABLE fake_frame_table
static inline void *mfn_to_virt(mfn_t m) { return fake_ram + MFN_TO_PADDR(m); }
static inline mfn_t virt_to_mfn(const void *v) { return (mfn_t)((const char *)v - fake_ram) >> PAGE_SHIFT; }
#endif
static inline void *paddr_to_virt(paddr_t p) { return (char *)mfn_to_virt(p >> PAGE_SHIFT) + (p & ~PAGE_MASK); }
static inline struct frame *mfn_to_frame(mfn_t m) { return &FRAME_TABLE[m]; }
static inline mfn_t frame_to_mfn(const struct frame *f) { return (mfn_t)(f - FRAME_TABLE); }
extern mfn_t max_mfn;                   /* one above the highest frame of RAM */
#define MM_CHUNK_SHIFT 16
#ifdef HV_FAKE_CPU
bool mfn_valid(mfn_t m);
#else
extern unsigned long mm_chunk_map[];    /* a bit for each 2^MM_CHUNK_SHIFT frames: they have a frame table */
static inline bool mfn_valid(mfn_t m)   /* has a struct frame */
{
    return m < max_mfn && (mm_chunk_map[m >> MM_CHUNK_SHIFT >> 6] >> (m >> MM_CHUNK_SHIFT & 63) & 1);
}
#endif

/* Allocation. 2^order contiguous frames, and small objects, for the hypervisor: zeroed; NULL: none. */
void *hv_pages_alloc(unsigned int order);
void hv_pages_free(void *v, unsigned int order);
void *hv_alloc(size_t size);
void hv_free(void *p);
unsigned long mm_free_frames(void);
bool mm_scrub(void);                    /* idle CPUs: clears some free frames; false: there are none to clear */
unsigned long mm_total_frames(void);    /* RAM of the machine */
void mm_free_module(unsigned int i);    /* a boot module's memory, once it is copied */
extern unsigned long mm_outstanding_claims;
/* XENMEM_claim_pages: frames kept free until d has `pages` in all; 0 gives up the claim. -XEN_ENOMEM, -XEN_EINVAL. */
int mm_claim(struct domain *d, unsigned long pages);
/* 2^order contiguous frames, zeroed, for d (counted against d->max_pages). INVALID_MFN: none. */
#define MEMF_BITS(n)    ((unsigned int)(n) << 8)    /* memflags: machine addresses below 2^n */
#define MEMF_NO_REFCOUNT 1u                         /* not counted */
#define MEMF_NO_ZERO    2u
#define MEMF_HELD       4u                          /* with a reference of the caller's on each frame, besides the owner's */
mfn_t frames_alloc_domain(struct domain *d, unsigned int order, unsigned int memflags);

/* References: false if d does not own the frame, or it is being freed. The last put frees it. */
bool frame_get(struct frame *f, const struct domain *d);
void frame_put(struct frame *f);
/* A type reference besides (the caller holds a reference): 0, -XEN_EINVAL (in use as another type), -XEN_ERESTART
 * (preempted). A put that is preemptible may say -XEN_ERESTART: the caller still holds its use and calls again. */
int frame_get_type(struct frame *f, uint64_t type);
/* May also say TYPE_UNFINISHED: it cannot be had, but what was validated of the table is not given back yet. The caller
 * holds its use, for frame_put_type_preemptible. (frame_get_type then lets current->deferred_put have it.) */
#define TYPE_UNFINISHED 1
int frame_get_type_partly(struct frame *f, uint64_t type);
void frame_put_type(struct frame *f);
int frame_put_type_preemptible(struct frame *f, bool preemptible);
/* A use and a reference; a table that is given back bit by bit is left in *deferred for frame_finish_put. */
void frame_put_deferrable(struct frame *f, mfn_t *deferred);
/* Both; writable, segdesc and none only: never preempted. */
bool frame_get_and_type(struct frame *f, const struct domain *d, uint64_t type);
void frame_put_and_type(struct frame *f);
static inline uint64_t frame_type(const struct frame *f) { return READ_ONCE(f->type) & TYPE_MASK; }
/* Takes the pin off a frame that the caller holds a reference to; false: there is none. *deferred, INVALID_MFN before,
 * names the frame when it is a table that is given back bit by bit: frame_finish_put goes on: 0, -XEN_ERESTART. */
bool frame_unpin(struct frame *f, mfn_t *deferred);
int frame_finish_put(mfn_t *deferred);
/* Takes the frame off its owner: drops the reference of FRAME_ALLOCATED, once. False: it was done before. */
bool frame_release_allocated(struct frame *f);
int frames_relinquish(struct domain *d);    /* gives back all frames of a dying domain: 0 or -XEN_ERESTART */
/* A descriptor as a guest may have it: privilege raised to ring 3; false for gates and system segments. */
bool descriptor_fix(uint64_t *desc);
/* Takes d's frame, which nothing else refers to, out of everyone's reach; false: it is in use, or not d's. Then one of
 * the two others. */
bool frame_steal(struct frame *f, const struct domain *d);
void frame_unsteal(struct frame *f);
void frame_free_stolen(struct frame *f);
/* Makes a hypervisor page visible to guest d (as the shared info page is): owner d, not on its list. */
void frame_share_with(void *page, struct domain *d);
/* Ends that when d dies, dropping the hypervisor's reference. True: the page is ours alone again (hv_pages_free it).
 * False: someone still has it mapped; the last frame_put frees it. */
bool frame_unshare(void *page);

/* Boot, in this order: our own page tables and the struct frames; the rest of RAM to the heap; what guests may map of
 * the M2P to DOMID_XEN. mm_boot_alloc: contiguous memory below 4 GiB, before there is a heap; panics. */
void mm_init(void);
void *mm_boot_alloc(size_t size);
void mm_boot_free(void *v, size_t size);
void mm_init_heap(void);
void mm_init_late(void);

/* M2P */
#define M2P_INVALID   (~0UL)
void m2p_set(mfn_t m, unsigned long pfn);
unsigned long m2p_get(mfn_t m);
/* The frame of the i-th 2 MiB of the M2P (XENMEM_machphys_mfn_list); INVALID_MFN: none there. */
mfn_t m2p_chunk_mfn(unsigned long i);

/* Guest copy (mm/guestcopy.c), by the running vCPU's virtual addresses, in its current address space. 0, or -XEN_EFAULT
 * when any byte is not accessible or is the hypervisor's; nothing is promised of bytes copied before the fault. */
int copy_from_guest(void *dst, const void *gva, size_t n);
int copy_to_guest(void *gva, const void *src, size_t n);
int clear_guest(void *gva, size_t n);
bool guest_range_ok(const void *gva, size_t n);
/* The address of element i: whatever the guest gave as a base is a number, not a pointer that may not overflow. */
#define handle_address(hnd, i)             ((void *)((unsigned long)(hnd).p + (unsigned long)(i) * sizeof(*(hnd).p)))
#define copy_handle_offset(dst, hnd, i, n) copy_from_guest((dst), handle_address(hnd, i), sizeof(*(dst)) * (n))
#define put_handle(hnd, src)               copy_to_guest((hnd).p, (src), sizeof(*(src)))
#define put_handle_offset(hnd, i, src, n)  copy_to_guest(handle_address(hnd, i), (src), sizeof(*(src)) * (n))
#define handle_is_null(hnd)                ((hnd).p == NULL)

void *ioremap(paddr_t p, size_t size);      /* device registers: uncached, for good */
/* Recomputes every count and type from page tables and grants; logs differences; their number. */
unsigned long mm_audit(void);
