/* SPDX-License-Identifier: MIT */
/* Frames: references, types, and how a type changes. This file is the state machine that keeps guests apart.
 *
 *   count word: FRAME_* flags | number of references. An allocated frame holds one for FRAME_ALLOCATED (the owner's
 *   list); every mapping, pin, base register, grant and hypervisor use holds one more. At zero the frame is freed.
 *   type word: TYPE_x | flags | number of uses as that type. Each use as a type holds a reference besides.
 *
 *     count 0            any type may be taken: VALIDATED at once if writable, or LOCKED while entries are checked
 *     LOCKED             one CPU (de)validates; who wants the same type waits, another type is refused
 *     VALIDATED, n > 0   n uses; only the same type may be taken
 *     PARTIAL, 1         a (de)validation stopped for preemption; entries [0, extra) hold references. It goes on with
 *                        the next get or put of the type
 *
 * All transitions are compare-and-swap on the word. A frame list and a domain's totals are under d->page_lock. */
#include "private.h"

#define RUN_MOST 256            /* frames that a dying domain gives back under one hold of its lock */

static void frame_put_raw(struct frame *f)
{
    uint64_t x = __atomic_sub_fetch(&f->count, 1, __ATOMIC_SEQ_CST);
    HV_ASSERT((x & FRAME_COUNT_MASK) != FRAME_COUNT_MASK);
    if (unlikely(!(x & FRAME_COUNT_MASK)))
        frame_free(f);
}

bool frame_get(struct frame *f, const struct domain *d)
{
    uint64_t x = READ_ONCE(f->count);
    do {
        if (!(x & FRAME_COUNT_MASK) || (x & FRAME_FREE) || READ_ONCE(f->owner) != d->id)
            return false;
    } while (!__atomic_compare_exchange_n(&f->count, &x, x + 1, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    if (unlikely(READ_ONCE(f->owner) != d->id)) {       /* freed and given to another in between */
        frame_put_raw(f);
        return false;
    }
    /* a shared hypervisor page lives as long as its domain: each reference to one keeps the domain */
    if (unlikely(x & FRAME_XEN) &&
        ((READ_ONCE(f->flags) & FF_UNSHARED) || !domain_ref((struct domain *)(unsigned long)d))) {
        frame_put_raw(f);
        return false;
    }
    return true;
}

void frame_put(struct frame *f)
{
    struct domain *d = unlikely(READ_ONCE(f->count) & FRAME_XEN) ? domain_any(f->owner) : NULL;
    frame_put_raw(f);
    if (unlikely(d))
        domain_put(d);
}

static struct domain *owner_of(struct frame *f) { return domain_any(f->owner); }

/* No CPU may keep a writable translation of a frame that becomes a table, nor walk through a cached upper entry into a
 * former table that becomes writable. Such are on CPUs of the owner, or, TYPE_FOREIGN, on any. */
static void flush_stale(struct frame *f, uint64_t old)
{
    struct domain *d = old & TYPE_MASK ? owner_of(f) : NULL;
    cpumask_t stale = d ? tlb_stale(old & TYPE_FOREIGN ? cpu_online_map : READ_ONCE(d->dirty_cpus), f->extra) : 0;
    if (stale)
        tlb_flush_mask(stale);
}

/* Descriptors a guest may have: code and data of ring 3; no gates, no system segments. */
static int segdesc_validate(struct frame *f)
{
    uint64_t *d = mfn_to_virt(frame_to_mfn(f));
    for (unsigned int i = 0; i < PAGE_SIZE / 8; i++)
        if (!descriptor_fix(&d[i]))
            return -XEN_EINVAL;
    return 0;
}

/* Ends a LOCKED state. The pin, if any, stays: its holder takes it off. */
static void set_type(struct frame *f, uint64_t word)
{
    __atomic_store_n(&f->type, word | (READ_ONCE(f->type) & TYPE_PINNED), __ATOMIC_SEQ_CST);
}

/* The frame is LOCKED with `type`: entries from `start` are validated. held: a stopped devalidation's holder still
 * has its use, whatever becomes of this: then a failure leaves it a table of which nothing is validated any more. */
static int type_validate(struct frame *f, uint64_t type, unsigned int start, bool held)
{
    unsigned int next = start;
    int rc = 0;
    if (type_is_table(type))
        rc = pt_validate(f, owner_of(f), level_of_type(type), &next);
    else if (type == TYPE_SEGDESC)
        rc = segdesc_validate(f);
    if (!rc) {
        set_type(f, type | TYPE_VALIDATED | (held ? 2 : 1));
    } else if (rc == TYPE_UNFINISHED) {         /* the use of a stopped devalidation: its holder's, or the caller's */
        rc = held ? -XEN_EINVAL : TYPE_UNFINISHED;
        f->extra = next;
        set_type(f, type | TYPE_PARTIAL | 1);
    } else if (held || rc == -XEN_ERESTART) {
        if (!held) {
            f->flags |= FF_PARTIAL_GET;
            __atomic_add_fetch(&f->count, 1, __ATOMIC_SEQ_CST);
        }
        f->extra = next;
        set_type(f, type | TYPE_PARTIAL | 1);
    } else {
        /* Nobody flushed if it was that before: a CPU may walk it as that yet. So it is remembered. */
        f->extra = tlb_now();
        set_type(f, type);
    }
    return rc;
}

static uint64_t wait_for_type(struct frame *f)
{
    cpu_relax();
    cpu_poll_requests();
    return READ_ONCE(f->type);
}

int frame_get_type_partly(struct frame *f, uint64_t type)
{
    uint64_t x = READ_ONCE(f->type), n;
    bool held;
    int rc;
    for (;;) {
        if (likely((x & (TYPE_MASK | TYPE_VALIDATED)) == (type | TYPE_VALIDATED) && (x & TYPE_COUNT_MASK))) {
            n = x + 1;
        } else if (x & TYPE_LOCKED) {
            /* Waits go from a table to one of the level below, so they end. One for another type would not: the
             * table may be the one that we validate, or two CPUs may each validate what the other waits for. */
            if ((x & TYPE_MASK) != type)
                return -XEN_EINVAL;
            x = wait_for_type(f);
            continue;
        } else if (!(x & TYPE_COUNT_MASK)) {
            n = type | 1;
            n |= type == TYPE_WRITABLE && !type_is_table(x) ? TYPE_VALIDATED | (x & TYPE_FOREIGN) : TYPE_LOCKED;
        } else if ((x & TYPE_MASK) != type) {
            return -XEN_EINVAL;
        } else {                        /* partial */
            n = (x & ~TYPE_PARTIAL) | TYPE_LOCKED;
        }
        if (__atomic_compare_exchange_n(&f->type, &x, n, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            break;
    }
    if (!(n & TYPE_LOCKED))
        return 0;
    if ((x & TYPE_MASK) != type)
        flush_stale(f, x);
    if (!(x & TYPE_PARTIAL))
        return type_validate(f, type, 0, false);
    held = !(f->flags & FF_PARTIAL_GET);
    f->flags &= (uint8_t)~FF_PARTIAL_GET;
    rc = type_validate(f, type, f->extra, held);
    if (!held)
        frame_put(f);                   /* what the stopped validation held; the caller holds its own */
    return rc;
}

int frame_put_type_preemptible(struct frame *f, bool preemptible)
{
    uint64_t x = READ_ONCE(f->type), n;
    unsigned int entries;
    int rc;
    for (;;) {
        bool last = (x & TYPE_COUNT_MASK) == 1;
        if (x & TYPE_LOCKED) {
            x = wait_for_type(f);
            continue;
        }
        HV_ASSERT(x & TYPE_COUNT_MASK);
        if (last && type_is_table(x)) {     /* its entries are given back */
            n = (x & ~(TYPE_VALIDATED | TYPE_PARTIAL)) | TYPE_LOCKED;
        } else {
            if (last)
                f->extra = tlb_now();
            n = last ? x & (TYPE_MASK | TYPE_FOREIGN) : x - 1;  /* count 0: what it was is remembered for the flush */
        }
        if (__atomic_compare_exchange_n(&f->type, &x, n, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            break;
    }
    if (!(n & TYPE_LOCKED))
        return 0;
    entries = x & TYPE_PARTIAL ? f->extra : PT_ENTRIES;
    rc = pt_devalidate(f, level_of_type(x), &entries, preemptible);
    f->extra = rc ? entries : tlb_now();
    set_type(f, rc ? (x & TYPE_MASK) | TYPE_PARTIAL | 1 : x & TYPE_MASK);
    return rc;
}

void frame_put_type(struct frame *f) { frame_put_type_preemptible(f, false); }

void frame_put_deferrable(struct frame *f, mfn_t *deferred)
{
    HV_BUG_ON(*deferred != INVALID_MFN);
    *deferred = frame_to_mfn(f);
    frame_finish_put(deferred);
}

int frame_get_type(struct frame *f, uint64_t type)
{
    int rc = frame_get_type_partly(f, type);
    if (unlikely(rc == TYPE_UNFINISHED)) {
        __atomic_add_fetch(&f->count, 1, __ATOMIC_SEQ_CST);
        frame_put_deferrable(f, &current->deferred_put);
        rc = -XEN_EINVAL;
    }
    return rc;
}

bool frame_get_and_type(struct frame *f, const struct domain *d, uint64_t type)
{
    if (!frame_get(f, d))
        return false;
    if (frame_get_type(f, type) == 0)
        return true;
    frame_put(f);
    return false;
}

void frame_put_and_type(struct frame *f)
{
    frame_put_type(f);
    frame_put(f);
}

static void list_remove(struct domain *d, struct frame *f)
{
    frames_remove(f->flags & FF_RELINQUISHED ? &d->relinquished : &d->frames, f);
}

/* Off its domain's list, the lock released, to the free frames. */
static void free_locked(struct domain *d, struct frame *f)
{
    bool last;
    list_remove(d, f);
    f->flags = 0;
    last = --d->tot_pages == 0;
    spin_unlock(&d->page_lock);
    m2p_set(frame_to_mfn(f), M2P_INVALID);
    f->owner = DOMID_INVALID;
    heap_free(frame_to_mfn(f), frame_to_mfn(f) + 1);
    if (last)
        domain_put(d);
}

/* Held by nothing but its owner's list: nobody can get at it any more. */
static bool take_unused(struct frame *f)
{
    return !(READ_ONCE(f->type) & (TYPE_COUNT_MASK | TYPE_PINNED)) && word_cas(&f->count, FRAME_ALLOCATED | 1, 0);
}

/* The first frame of d's list, which is taken, and those that follow it on the list as in memory are freed at once. The
 * lock is released. */
static void free_run_locked(struct domain *d)
{
    mfn_t start = d->frames, end = start;
    struct frame *f;
    bool last;
    do {
        f = mfn_to_frame(end);
        f->flags = 0;
        f->owner = DOMID_INVALID;
        m2p_set(end++, M2P_INVALID);
    } while (f->next == end && end - start < RUN_MOST && take_unused(mfn_to_frame(end)));
    d->frames = f->next;
    if (f->next != NIL_LINK)
        mfn_to_frame(f->next)->prev = NIL_LINK;
    d->tot_pages -= (unsigned int)(end - start);
    last = d->tot_pages == 0;
    spin_unlock(&d->page_lock);
    heap_free(start, end);
    if (last)
        domain_put(d);
}

bool frame_unpin(struct frame *f, mfn_t *deferred)
{
    if (!(__atomic_fetch_and(&f->type, ~TYPE_PINNED, __ATOMIC_SEQ_CST) & TYPE_PINNED))
        return false;                   /* who takes the flag off gives the pin's use back, and nobody else */
    frame_put_deferrable(f, deferred);
    return true;
}

int frame_finish_put(mfn_t *deferred)
{
    struct frame *f = mfn_to_frame(*deferred);
    if (likely(*deferred == INVALID_MFN))
        return 0;
    if (frame_put_type_preemptible(f, true))
        return -XEN_ERESTART;
    *deferred = INVALID_MFN;
    frame_put(f);
    return 0;
}

/* From the domain's frames to those that others hold yet. */
static void relinquish_locked(struct domain *d, struct frame *f)
{
    list_remove(d, f);
    f->flags |= FF_RELINQUISHED;
    frames_push(&d->relinquished, f);
}

/* No longer pinned, no longer allocated. The caller holds a reference. */
static int relinquish_one(struct domain *d, struct frame *f)
{
    if ((READ_ONCE(f->type) & TYPE_PARTIAL) && (f->flags & FF_PARTIAL_GET)) {
        if (frame_put_type_preemptible(f, true))
            return -XEN_ERESTART;
        f->flags &= (uint8_t)~FF_PARTIAL_GET;
        frame_put(f);                   /* what the stopped validation held */
    }
    if (frame_unpin(f, &d->deferred_put) && frame_finish_put(&d->deferred_put))
        return -XEN_ERESTART;
    spin_lock(&d->page_lock);
    relinquish_locked(d, f);
    spin_unlock(&d->page_lock);
    frame_release_allocated(f);
    return 0;
}

/* One after the other. Those that others still map stay, on a list of their own, until their last reference goes. */
int frames_relinquish(struct domain *d)
{
    do {
        struct frame *f;
        int rc = frame_finish_put(&d->deferred_put);
        if (rc)
            return rc;
        spin_lock(&d->page_lock);
        if (d->frames == NIL_LINK) {
            spin_unlock(&d->page_lock);
            return 0;
        }
        f = mfn_to_frame(d->frames);
        if (take_unused(f)) {           /* as most are */
            free_run_locked(d);
            continue;
        }
        if (!frame_get(f, d)) {             /* whoever put the last reference waits for the lock, to free it */
            relinquish_locked(d, f);
            spin_unlock(&d->page_lock);
            continue;
        }
        spin_unlock(&d->page_lock);
        rc = relinquish_one(d, f);
        frame_put(f);
        if (rc)
            return rc;
    } while (!hypercall_preempt_check());
    return -XEN_ERESTART;
}

mfn_t frames_alloc_domain(struct domain *d, unsigned int order, unsigned int memflags)
{
    mfn_t m = heap_alloc(order, memflags >> 8, d);
    unsigned long n = 1UL << order;
    if (m == INVALID_MFN)
        return m;
    if (!(memflags & MEMF_NO_ZERO))
        heap_zero(m, order);
    spin_lock(&d->page_lock);
    if (d->dying || (!(memflags & MEMF_NO_REFCOUNT) && d->tot_pages + n > d->max_pages)) {
        spin_unlock(&d->page_lock);
        heap_free(m, m + n);
        return INVALID_MFN;
    }
    if (!d->tot_pages)
        domain_hold(d);
    d->tot_pages += n;
    mm_claim_used(d, n);
    for (unsigned long i = n; i-- > 0; ) {
        struct frame *f = mfn_to_frame(m + i);
        f->type = TYPE_NONE;
        f->owner = d->id;
        f->flags = 0;
        f->extra = tlb_now();
        frames_push(&d->frames, f);
        __atomic_store_n(&f->count, FRAME_ALLOCATED | (memflags & MEMF_HELD ? 2 : 1), __ATOMIC_RELEASE);
    }
    spin_unlock(&d->page_lock);
    return m;
}

void frame_free(struct frame *f)
{
    struct domain *d = owner_of(f);
    if (f->count & FRAME_XEN) {             /* a page that was shared, and let go while it was mapped */
        HV_BUG_ON(!(f->flags & FF_UNSHARED));
        f->owner = DOMID_INVALID;
        hv_pages_free(mfn_to_virt(frame_to_mfn(f)), 0);
        return;
    }
    HV_BUG_ON(f->type & (TYPE_COUNT_MASK | TYPE_PINNED));
    if (!d)
        panic("frame %#lx freed without owner d%u", frame_to_mfn(f), f->owner);
    spin_lock(&d->page_lock);
    free_locked(d, f);
}

bool frame_release_allocated(struct frame *f)
{
    if (!(__atomic_fetch_and(&f->count, ~FRAME_ALLOCATED, __ATOMIC_SEQ_CST) & FRAME_ALLOCATED))
        return false;
    frame_put(f);
    return true;
}

bool frame_steal(struct frame *f, const struct domain *d)
{
    return READ_ONCE(f->owner) == d->id && word_cas(&f->count, FRAME_ALLOCATED | 1, FRAME_ALLOCATED) &&
           (READ_ONCE(f->owner) == d->id || (frame_unsteal(f), false));
}

void frame_unsteal(struct frame *f) { __atomic_store_n(&f->count, FRAME_ALLOCATED | 1, __ATOMIC_SEQ_CST); }

void frame_free_stolen(struct frame *f)
{
    f->count = 0;
    frame_free(f);
}

void frame_share_with(void *page, struct domain *d)
{
    struct frame *f = mfn_to_frame(virt_to_mfn(page));
    f->type = TYPE_WRITABLE | TYPE_VALIDATED | 1;      /* ours: its type cannot change */
    f->flags = 0;
    f->owner = d->id;
}

bool frame_unshare(void *page)
{
    struct frame *f = mfn_to_frame(virt_to_mfn(page));
    /* pairs with the test in frame_get: no new references */
    __atomic_fetch_or(&f->flags, FF_UNSHARED, __ATOMIC_SEQ_CST);
    f->type &= TYPE_MASK | TYPE_COUNT_MASK;
    if (__atomic_sub_fetch(&f->count, 1, __ATOMIC_SEQ_CST) & FRAME_COUNT_MASK)
        return false;
    f->count = FRAME_XEN | 1;
    f->owner = DOMID_INVALID;
    f->type = 0;
    return true;
}
