/* SPDX-License-Identifier: MIT */
/* What the files of mm/ share. */
#pragma once
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/grant.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/pagetable.h>

/* struct frame.flags */
#define FF_SLAB         0x80    /* hv_alloc page; low bits: size class */
#define FF_PAGES        0x40    /* hv_alloc of whole pages; low bits: order */
#define FF_PARTIAL_GET  0x20    /* a validation left TYPE_PARTIAL: it holds the type count and a reference itself */
#define FF_RELINQUISHED 0x10    /* on the list of what a dying domain has left mapped elsewhere */
#define FF_UNSHARED     0x08    /* a shared hypervisor page that takes no new references */
#define FF_ZERO         0x04    /* free, and holds zeros */

/* alloc.c */
void heap_add(mfn_t start, mfn_t end);              /* frames [start, end) become free */
/* bits: machine addresses below 2^bits (0: any). d: for whom, and so whose claim may be used; NULL: the hypervisor. */
mfn_t heap_alloc(unsigned int order, unsigned int bits, const struct domain *d);
void heap_free(mfn_t start, mfn_t end);
void heap_zero(mfn_t m, unsigned int order);        /* frames that heap_alloc just gave hold zeros from now on */
void mm_claim_used(struct domain *d, unsigned long n);  /* d, whose page_lock is held, got n frames */
void heap_forget(void);                             /* unit tests only */
/* frame.c */
void frame_free(struct frame *f);                   /* the last reference is gone */

/* Lists of frames, by number: *head is the first, or NIL_LINK. */
static inline void frames_push(uint32_t *head, struct frame *f)
{
    f->prev = NIL_LINK;
    f->next = *head;
    if (*head != NIL_LINK)
        mfn_to_frame(*head)->prev = (uint32_t)frame_to_mfn(f);
    *head = (uint32_t)frame_to_mfn(f);
}

static inline void frames_remove(uint32_t *head, struct frame *f)
{
    if (f->prev != NIL_LINK)
        mfn_to_frame(f->prev)->next = f->next;
    else
        *head = f->next;
    if (f->next != NIL_LINK)
        mfn_to_frame(f->next)->prev = f->prev;
}

/* The common cases of frame.c's transitions, inline for page-table updates; anything else goes to the function. */
static inline bool word_cas(uint64_t *word, uint64_t old, uint64_t new)
{
    return __atomic_compare_exchange_n(word, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static inline bool frame_get_fast(struct frame *f, const struct domain *d)
{
    uint64_t x = READ_ONCE(f->count);
    if (unlikely(!(x & FRAME_COUNT_MASK) || (x & (FRAME_FREE | FRAME_XEN)) || READ_ONCE(f->owner) != d->id) ||
        unlikely(!word_cas(&f->count, x, x + 1)))
        return frame_get(f, d);
    if (likely(READ_ONCE(f->owner) == d->id))
        return true;
    frame_put(f);
    return false;
}

static inline void frame_put_fast(struct frame *f)
{
    uint64_t x = READ_ONCE(f->count);
    if (unlikely((x & FRAME_XEN) || (x & FRAME_COUNT_MASK) <= 1) || unlikely(!word_cas(&f->count, x, x - 1)))
        frame_put(f);
}

/* A frame that was last writable, or never anything else, needs no flush to be writable again. */
static inline int frame_get_writable(struct frame *f)
{
    uint64_t x = READ_ONCE(f->type);
    if (likely((x & TYPE_MASK) == TYPE_WRITABLE && !(x & (TYPE_LOCKED | TYPE_PARTIAL))) &&
        likely(word_cas(&f->type, x, (x | TYPE_VALIDATED) + 1)))
        return 0;
    return frame_get_type(f, TYPE_WRITABLE);
}

/* A use that is not the last: false, and nothing was done, when it is. */
static inline bool frame_put_type_fast(struct frame *f)
{
    uint64_t x = READ_ONCE(f->type);
    return likely((x & TYPE_COUNT_MASK) > 1 && !(x & TYPE_LOCKED)) && likely(word_cas(&f->type, x, x - 1));
}
