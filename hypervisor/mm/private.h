/* SPDX-License-Identifier: MIT */
/* What the files of mm/ share. */
#ifndef MM_PRIVATE_H
#define MM_PRIVATE_H

#include <hv/boot.h>
#include <hv/console.h>
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/mm.h>

#include <hv/pagetable.h>

/* struct frame.flags */
#define FF_SLAB         0x80    /* hv_alloc page; low bits: size class */
#define FF_PAGES        0x40    /* hv_alloc of whole pages; low bits: order */
#define FF_PARTIAL_GET  0x20    /* TYPE_PARTIAL was left by a validation: it holds the type count and a reference itself */
#define FF_RELINQUISHED 0x10    /* on the list of what a dying domain has left mapped elsewhere */

#define FF_UNSHARED     0x08    /* a shared hypervisor page that takes no new references */

/* alloc.c */
void heap_add(mfn_t start, mfn_t end);              /* frames [start, end) become free */
mfn_t heap_alloc(unsigned int order, unsigned int bits);
void heap_free(mfn_t m, unsigned int order);
void heap_forget(void);                             /* unit tests only */
/* frame.c */
void frame_free(struct frame *f);                   /* the last reference is gone */


/* --- the common cases of frame.c's transitions, inline for page-table updates; anything else goes to the function ------------- */

static inline bool frame_get_fast(struct frame *f, const struct domain *d)
{
    uint64_t x = READ_ONCE(f->count);

    if (unlikely(!(x & FRAME_COUNT_MASK) || (x & (FRAME_FREE | FRAME_XEN)) || READ_ONCE(f->owner) != d->id) ||
        unlikely(!__atomic_compare_exchange_n(&f->count, &x, x + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)))
        return frame_get(f, d);
    if (unlikely(READ_ONCE(f->owner) != d->id)) {
        frame_put(f);
        return false;
    }
    return true;
}

static inline void frame_put_fast(struct frame *f)
{
    uint64_t x = READ_ONCE(f->count);

    if (unlikely((x & FRAME_XEN) || (x & FRAME_COUNT_MASK) <= 1) ||
        unlikely(!__atomic_compare_exchange_n(&f->count, &x, x - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)))
        frame_put(f);
}

/* A frame that was last writable, or never anything else, needs no flush to be writable again. */
static inline int frame_get_writable(struct frame *f)
{
    uint64_t x = READ_ONCE(f->type);

    if (likely((x & TYPE_MASK) == TYPE_WRITABLE && !(x & (TYPE_LOCKED | TYPE_PARTIAL))) &&
        likely(__atomic_compare_exchange_n(&f->type, &x, (x | TYPE_VALIDATED) + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)))
        return 0;
    return frame_get_type(f, TYPE_WRITABLE);
}

static inline void frame_put_writable(struct frame *f)
{
    uint64_t x = READ_ONCE(f->type);

    if (unlikely((x & TYPE_COUNT_MASK) <= 1) ||
        unlikely(!__atomic_compare_exchange_n(&f->type, &x, x - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)))
        frame_put_type(f);
}

#endif
