/* SPDX-License-Identifier: MIT */
/* Guests' page tables: what an entry may refer to, and the references it holds. A present L1 entry holds a reference
 * to its frame, and a use as writable if it is; an entry of a higher table a use of the table below. I/O frames are
 * not counted: the domain's iomem rights decide. Entries change by compare-and-swap while the table's type is held:
 * no lock; who wins gives the old entry's references back. Guest kernels run in ring 3: every present entry is a
 * user entry, whatever the guest wrote, and none is global. What is cached otherwise than we map it is for those alone
 * who have devices. */
#include "private.h"

pte_t hv_l4_entries[HV_SLOT_LAST - HV_SLOT_FIRST + 1];

static bool is_io(mfn_t m) { return !mfn_valid(m) || READ_ONCE(mfn_to_frame(m)->owner) == DOMID_IO; }

/* Frames that are not plain memory of pg_owner's. Takes the write bit off pages of MSI-X tables. */
static noinline int l1_get_special(pte_t *p, struct domain *d, struct domain *pg_owner)
{
    mfn_t m = pte_mfn(*p);
    if (is_io(m)) {
        if (!iomem_access_permitted(d, m, m))
            return -XEN_EPERM;
        if (msi_table_page(m))
            *p &= ~PT_WRITE;
        return 0;
    }
    if (!frame_get(mfn_to_frame(m), pg_owner))
        return -XEN_EINVAL;
    if (!(*p & PT_WRITE) || !frame_get_type(mfn_to_frame(m), TYPE_WRITABLE))
        return 0;
    frame_put(mfn_to_frame(m));
    return -XEN_EINVAL;
}

static noinline void l1_put_special(pte_t p)
{
    if (is_io(pte_mfn(p)))
        return;
    if (p & PT_WRITE)
        frame_put_type(mfn_to_frame(pte_mfn(p)));
    frame_put(mfn_to_frame(pte_mfn(p)));
}

/* The frames of neither RAM nor guests have FRAME_XEN, or no struct frame. */
static always_inline int l1_get(pte_t *p, struct domain *d, struct domain *pg_owner)
{
    struct frame *f = mfn_to_frame(pte_mfn(*p));
    uint64_t x;
    if (unlikely(*p & PT_CACHING) && !d->privileged && !domain_has_device_rights(d))
        return -XEN_EINVAL;
    if (unlikely(!mfn_valid(pte_mfn(*p))))
        return l1_get_special(p, d, pg_owner);
    x = READ_ONCE(f->count);
    if (unlikely(!(x & FRAME_COUNT_MASK) || (x & (FRAME_FREE | FRAME_XEN)) || READ_ONCE(f->owner) != pg_owner->id) ||
        unlikely(!word_cas(&f->count, x, x + 1)))
        return l1_get_special(p, d, pg_owner);
    if (unlikely(READ_ONCE(f->owner) != pg_owner->id) || ((*p & PT_WRITE) && unlikely(frame_get_writable(f)))) {
        frame_put(f);
        return -XEN_EINVAL;
    }
    if (unlikely(d != pg_owner) && (*p & PT_WRITE))
        __atomic_fetch_or(&f->type, TYPE_FOREIGN, __ATOMIC_SEQ_CST);
    return 0;
}

static always_inline void l1_put(pte_t p)
{
    struct frame *f = mfn_to_frame(pte_mfn(p));
    if (unlikely(!mfn_valid(pte_mfn(p))) || unlikely(READ_ONCE(f->count) & FRAME_XEN) ||
        ((p & PT_WRITE) && unlikely(!frame_put_type_fast(f))))
        l1_put_special(p);
    else
        frame_put_fast(f);
}

/* Without PT_CACHING: tables are read as cached memory, as we write them, and bit 7 would make a large page of them.
 * get: frame_get_type, or frame_get_type_partly, whose TYPE_UNFINISHED leaves the table held. */
static int table_get(pte_t p, struct domain *d, unsigned int level, int (*get)(struct frame *f, uint64_t type))
{
    struct frame *f = mfn_to_frame(pte_mfn(p));
    int rc;
    if ((p & PT_CACHING) || is_io(pte_mfn(p)) || !frame_get(f, d))
        return -XEN_EINVAL;
    rc = get(f, type_of_level(level));
    if (rc < 0)
        frame_put(f);
    return rc;
}

static int table_put(pte_t p, bool preemptible)
{
    struct frame *f = mfn_to_frame(pte_mfn(p));
    int rc = frame_put_type_preemptible(f, preemptible);
    if (!rc)
        frame_put(f);
    return rc;
}

static pte_t normalise(pte_t p) { return (p | PT_USER) & ~PT_GLOBAL; }

/* Most entries of most tables are empty: the first of [i, PT_ENTRIES) that may be present, in steps of four. */
static inline unsigned int skip_empty(const pte_t *t, unsigned int i)
{
    while (!(i & 3) && i < PT_ENTRIES && !((t[i] | t[i + 1] | t[i + 2] | t[i + 3]) & PT_PRESENT))
        i += 4;
    return i;
}

static int validate_l1(pte_t *t, struct domain *d)
{
    for (unsigned int i = skip_empty(t, 0); i < PT_ENTRIES; i = skip_empty(t, i + 1)) {
        pte_t p = t[i], n;
        int rc;
        if (!(p & PT_PRESENT))
            continue;
        n = normalise(p);
        rc = l1_get(&n, d, d);
        if (unlikely(rc)) {
            log_guest(LOG_DEBUG, d, "page table entry %u: %#lx is not allowed: %d\n", i, (unsigned long)p, rc);
            while (i-- > 0)
                if (t[i] & PT_PRESENT)
                    l1_put(t[i]);
            return rc;
        }
        if (n != p)
            t[i] = n;
    }
    return 0;
}

static int validate_upper(pte_t *t, struct domain *d, unsigned int level, unsigned int *next)
{
    for (unsigned int i = *next; i < PT_ENTRIES; i++) {
        int rc;
        if (level == 4 && slot_is_ours(i)) {
            t[i] = hv_l4_entries[i - HV_SLOT_FIRST];
            continue;
        }
        if (!(t[i] & PT_PRESENT))
            continue;
        rc = i > *next && hypercall_preempt_check() ? -XEN_ERESTART
           : table_get(t[i], d, level - 1, frame_get_type_partly);
        if (rc) {
            *next = rc == TYPE_UNFINISHED ? i + 1 : i;
            return rc;
        }
        t[i] = normalise(t[i]);
    }
    *next = PT_ENTRIES;
    return 0;
}

int pt_validate(struct frame *f, struct domain *d, unsigned int level, unsigned int *next)
{
    pte_t *t = mfn_to_virt(frame_to_mfn(f));
    int rc;
    if (!d || d->is_system)
        return -XEN_EINVAL;
    if (level == 1)
        return validate_l1(t, d);
    rc = validate_upper(t, d, level, next);
    if (!rc || rc == -XEN_ERESTART)
        return rc;
    return pt_devalidate(f, level, next, true) ? TYPE_UNFINISHED : -XEN_EINVAL;
}

int pt_devalidate(struct frame *f, unsigned int level, unsigned int *next, bool preemptible)
{
    pte_t *t = mfn_to_virt(frame_to_mfn(f));
    if (level == 1) {                           /* always whole: validating one is not preempted */
        for (unsigned int i = skip_empty(t, 0); i < PT_ENTRIES; i = skip_empty(t, i + 1))
            if (t[i] & PT_PRESENT)
                l1_put(t[i]);
        *next = 0;
        return 0;
    }
    for (unsigned int i = *next; i-- > 0; ) {
        if (!(t[i] & PT_PRESENT) || (level == 4 && slot_is_ours(i)))
            continue;
        if ((preemptible && i + 1 != *next && hypercall_preempt_check()) || table_put(t[i], preemptible)) {
            *next = i + 1;                      /* this entry's use is still held */
            return -XEN_ERESTART;
        }
    }
    *next = 0;
    return 0;
}

static always_inline int cmpxchg_l1(pte_t *p, pte_t old, pte_t new, struct domain *d, struct domain *pg_owner)
{
    int rc;
    if (new & PT_PRESENT) {
        new = normalise(new);
        if ((old & PT_PRESENT) && !((old ^ new) & (PT_ADDR | PT_WRITE | PT_CACHING)) && d == pg_owner)
            return word_cas(p, old, new) ? 0 : -XEN_EAGAIN;
        rc = l1_get(&new, d, pg_owner);
        if (rc)
            return rc;
    }
    if (unlikely(!word_cas(p, old, new))) {
        if (new & PT_PRESENT)
            l1_put(new);
        return -XEN_EAGAIN;
    }
    if (old & PT_PRESENT)
        l1_put(old);
    return 0;
}

int pt_cmpxchg_l1(pte_t *p, pte_t old, pte_t new, struct domain *d, struct domain *pg_owner)
{
    return cmpxchg_l1(p, old, new, d, pg_owner);
}

static always_inline int update_l1(pte_t *p, pte_t new, struct domain *d, struct domain *pg_owner, pte_t keep)
{
    int rc;
    do {
        pte_t old = READ_ONCE(*p);
        rc = cmpxchg_l1(p, old, new | (old & keep), d, pg_owner);
    } while (unlikely(rc == -XEN_EAGAIN));
    return rc;
}

int pt_update_l1(pte_t *p, pte_t new, struct domain *d, struct domain *pg_owner)
{
    return update_l1(p, new, d, pg_owner, 0);
}

static void put_deferrable(pte_t old) { frame_put_deferrable(mfn_to_frame(pte_mfn(old)), &current->deferred_put); }

static int update_upper(pte_t *p, unsigned int level, pte_t new, struct domain *d, pte_t keep)
{
    pte_t old;
    int rc;
    for (;;) {
        old = READ_ONCE(*p);
        new |= old & keep;
        if ((new & PT_PRESENT) && (old & PT_PRESENT) && pte_mfn(new) == pte_mfn(old)) {
            if (new & PT_CACHING)
                return -XEN_EINVAL;
            if (word_cas(p, old, normalise(new)))
                return 0;
            continue;
        }
        if (new & PT_PRESENT) {
            new = normalise(new);
            rc = table_get(new, d, level - 1, frame_get_type);
            if (rc)
                return rc;
        }
        if (word_cas(p, old, new))
            break;
        if (new & PT_PRESENT)
            put_deferrable(new);
        if (unlikely(current->deferred_put != INVALID_MFN))
            return -XEN_ERESTART;
    }
    if (old & PT_PRESENT)
        put_deferrable(old);
    return 0;
}

int pt_update_entry(struct frame *table, unsigned int level, unsigned int index, pte_t new, struct domain *d,
                    struct domain *pg_owner, bool keep_ad)
{
    pte_t *p = (pte_t *)mfn_to_virt(frame_to_mfn(table)) + index, keep = keep_ad ? PT_ACCESSED | PT_DIRTY : 0;
    if (level == 1)
        return update_l1(p, new, d, pg_owner, keep);
    if (level == 4 && slot_is_ours(index))
        return -XEN_EINVAL;
    return update_upper(p, level, new, d, keep);
}

/* Holds the type of a table of d that is validated already, however many CPUs do so at once; false: it is none such. */
static always_inline bool table_hold(struct frame *f, struct domain *d, uint64_t type)
{
    uint64_t x;
    if (unlikely(!frame_get_fast(f, d)))
        return false;
    do {
        x = READ_ONCE(f->type);
        if (unlikely((x & (TYPE_MASK | TYPE_VALIDATED)) != (type | TYPE_VALIDATED) || !(x & TYPE_COUNT_MASK))) {
            frame_put_fast(f);
            return false;
        }
    } while (unlikely(!word_cas(&f->type, x, x + 1)));
    return true;
}

bool pt_hold_l1(struct frame *f, struct domain *d) { return table_hold(f, d, TYPE_L1); }

void pt_release_l1(struct frame *f)
{
    if (unlikely(!frame_put_type_fast(f)))
        frame_put_type(f);
    frame_put_fast(f);
}

bool pt_update_own_l1(struct domain *d, paddr_t entry, pte_t new, int *rc)
{
    struct frame *f = mfn_to_frame(PADDR_TO_MFN(entry));
    if (unlikely(!mfn_valid(PADDR_TO_MFN(entry))) || unlikely(!table_hold(f, d, TYPE_L1)))
        return false;
    *rc = pt_update_l1(paddr_to_virt(entry), new, d, d);
    pt_release_l1(f);
    return true;
}

/* The L1 table that covers va, or INVALID_MFN. Guest tables change under us; every frame we follow was valid when its
 * entry was written, and frames of page tables stay RAM, so a stale read is harmless. */
static mfn_t walk_to_l1(unsigned long cr3, unsigned long va)
{
    mfn_t m = PADDR_TO_MFN(cr3);
    for (unsigned int level = 4; level > 1; level--) {
        pte_t p = READ_ONCE(((pte_t *)mfn_to_virt(m))[pt_index(va, level)]);
        if (!(p & PT_PRESENT) || (p & PT_PSE) || is_io(pte_mfn(p)) || (level == 4 && slot_is_ours(pt_index(va, 4))))
            return INVALID_MFN;
        m = pte_mfn(p);
    }
    return m;
}

pte_t *pt_find_l1(struct vcpu *v, unsigned long va, struct frame **table)
{
    mfn_t m = walk_to_l1(v->cr3_kernel, va);
    if (m == INVALID_MFN || !pt_hold_l1(mfn_to_frame(m), v->domain))
        return NULL;
    *table = mfn_to_frame(m);
    return (pte_t *)mfn_to_virt(m) + pt_index(va, 1);
}

mfn_t pt_walk(unsigned long cr3, unsigned long va, pte_t *pte)
{
    mfn_t m = walk_to_l1(cr3, va);
    if (m == INVALID_MFN)
        return m;
    *pte = READ_ONCE(((pte_t *)mfn_to_virt(m))[pt_index(va, 1)]);
    return *pte & PT_PRESENT ? pte_mfn(*pte) : INVALID_MFN;
}

int pt_finish_deferred(struct vcpu *v)
{
    return frame_finish_put(&v->deferred_put) ?: frame_finish_put(&v->deferred_cache);
}

bool pt_unpin(struct frame *f) { return frame_unpin(f, &current->deferred_put); }

int pt_set_base(struct vcpu *v, mfn_t m, bool user)
{
    unsigned long *base = user ? &v->cr3_user : &v->cr3_kernel, old = *base;
    int rc = 0;
    if (m || !user)
        rc = !mfn_valid(m) ? -XEN_EINVAL : table_hold(mfn_to_frame(m), v->domain, TYPE_L4) ? 0
           : table_get(MFN_TO_PADDR(m), v->domain, 4, frame_get_type);
    if (rc)
        return rc;
    *base = MFN_TO_PADDR(m);
    if (v == current && v->in_kernel && !user)
        cpu_write_cr3(*base);           /* before the old one can go away */
    if (old && likely(frame_put_type_fast(mfn_to_frame(PADDR_TO_MFN(old)))))
        frame_put_fast(mfn_to_frame(PADDR_TO_MFN(old)));
    else if (old)
        put_deferrable(old);
    return 0;
}

int pt_drop_bases(struct vcpu *v)
{
    unsigned long *base[] = { &v->cr3_kernel, &v->cr3_user };
    for (unsigned int i = 0; i < ARRAY_SIZE(base); i++) {
        if (*base[i] && table_put(*base[i], true))
            return -XEN_ERESTART;
        *base[i] = 0;
    }
    return 0;
}
