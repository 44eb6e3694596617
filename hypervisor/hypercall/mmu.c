/* SPDX-License-Identifier: MIT */
/* mmu_update, update_va_mapping(_otherdomain), mmuext_op (xen/xen.h). One L1 entry of the caller's own is the hottest
 * path of all; consecutive requests for one table find it once. A table whose last use goes is given back bit by bit:
 * what is left of it is v->deferred_put, and the call is made again. */
#include "private.h"

struct targets { struct domain *pt, *pg; };     /* whose tables are changed; whose frames may be mapped */

/* foreigndom: DOMID of the mapped frames; in the upper half, plus one, that of the tables. */
static int find_targets(unsigned long foreigndom, struct targets *t)
{
    struct domain *self = current->domain;
    uint16_t pt = (uint16_t)(foreigndom >> 16), pg = (uint16_t)foreigndom;
    t->pt = t->pg = self;
    int rc = likely(!pt) ? 0 : domain_target_alive((domid_t)(pt - 1), &t->pt);
    if (rc || likely(pg == DOMID_SELF))
        return rc;
    if (pg == DOMID_XEN && self->privileged)
        t->pg = dom_xen;
    else if (pg == DOMID_IO)
        t->pg = dom_io;
    else
        rc = domain_target_alive(pg, &t->pg);
    return rc;
}

/* A list of requests on its way: both calls end the same. *pdone is only written by a call and read by none but its own
 * continuation, which has this bit set in its count: what a guest left there means nothing. */
#define CONTINUED (1u << 31)

struct batch {
    unsigned int nr;                            /* the hypercall */
    size_t size;                                /* of a request */
    unsigned long ureqs, foreign;
    unsigned int count, done;
    uint32_t *pdone;                            /* the guest's counter of what was done, or NULL */
    bool continued;
};

#define BATCH(name, reqs, nr_reqs, counter, domid) \
    { .nr = __HYPERVISOR_##name, .size = sizeof(struct name), .ureqs = (reqs), .foreign = (domid), \
      .count = (unsigned int)(nr_reqs) & ~CONTINUED, .pdone = (uint32_t *)(counter), \
      .continued = (nr_reqs) & CONTINUED }

static unsigned long batch_next(const struct batch *b) { return b->ureqs + b->done * b->size; }

/* Counts in *pdone, whatever the outcome; a preempted call goes on with the rest. */
static long batch_end(const struct batch *b, int rc)
{
    uint32_t so_far = 0;
    if (b->pdone && (!b->continued || copy_from_guest(&so_far, b->pdone, sizeof(so_far)) == 0)) {
        so_far += b->done;
        if (copy_to_guest(b->pdone, &so_far, sizeof(so_far)) && !rc)
            rc = -XEN_EFAULT;
    }
    if (likely(rc != -XEN_ERESTART))
        return rc;
    return hypercall_continue(b->nr, 4, batch_next(b), (unsigned long)((b->count - b->done) | CONTINUED),
                              (unsigned long)b->pdone, b->foreign);
}

/* After a request: counts it, and says whether a table is left to be given back. */
static bool batch_step(struct batch *b, struct vcpu *v)
{
    b->done++;
    return unlikely(v->deferred_put != INVALID_MFN) && pt_finish_deferred(v);
}

/* Another vCPU may have taken it out of use: then what is left of it is left, true. */
static bool let_go(struct frame **cache)
{
    if (*cache)
        frame_put_deferrable(*cache, &current->deferred_cache);
    *cache = NULL;
    return current->deferred_cache != INVALID_MFN;
}

/* Takes hold of the frame that holds the entry: as the table it is, which stays in *cache, or as writable memory. */
static int hold_target(struct frame **cache, struct domain *d, mfn_t m)
{
    if (let_go(cache))
        return -XEN_ERESTART;
    struct frame *f = get_frame(m, d);
    if (!f)
        return -XEN_EINVAL;
    uint64_t type = READ_ONCE(f->type);
    if (!type_is_table(type) || !(type & TYPE_COUNT_MASK))
        type = TYPE_WRITABLE;
    int rc = frame_get_type(f, type & TYPE_MASK);
    if (rc)
        frame_put(f);
    else
        *cache = f;
    return rc;
}

static int update_entry(struct frame **cache, const struct targets *t, uint64_t ptr, pte_t val, bool keep_ad)
{
    mfn_t m = PADDR_TO_MFN(ptr);
    int rc = *cache && frame_to_mfn(*cache) == m ? 0 : hold_target(cache, t->pt, m);
    if (rc)
        return rc;
    if (frame_type(*cache) != TYPE_WRITABLE)
        return pt_update_entry(*cache, level_of_type((*cache)->type), (ptr & ~PAGE_MASK) / 8, val, t->pt, t->pg,
                               keep_ad);
    /* not a table: an ordinary write, as to memory of its own; the frame may become one by the next request */
    __atomic_store_n((pte_t *)paddr_to_virt(ptr), val, __ATOMIC_RELAXED);
    frame_put_and_type(*cache);
    *cache = NULL;
    return 0;
}

static int update_one(struct frame **cache, const struct targets *t, const struct mmu_update *u)
{
    unsigned int what = u->ptr & 3;
    if (what != MMU_MACHPHYS_UPDATE)            /* PV tables hold machine frames: nothing is ever translated */
        return update_entry(cache, t, u->ptr & ~7UL, u->val, what == MMU_PT_UPDATE_PRESERVE_AD);
    struct frame *f = get_frame(PADDR_TO_MFN(u->ptr), t->pg);
    if (!f)
        return -XEN_EINVAL;
    m2p_set(frame_to_mfn(f), u->val);
    frame_put(f);
    return 0;
}

#define MMU_BATCH 32u

/* req[] holds the first `fill` requests already. */
static noinline long update_list(struct batch *b, struct mmu_update *req, unsigned int fill)
{
    struct vcpu *v = current;
    struct frame *cache = NULL;
    struct targets t;
    unsigned int n = 0;
    int rc = pt_finish_deferred(v);
    if (likely(!rc))
        rc = find_targets(b->foreign, &t);
    while (b->done < b->count && !rc) {
        if (n == fill) {
            fill = min(b->count - b->done, MMU_BATCH);
            n = 0;
            rc = b->done && hypercall_preempt_check() ? -XEN_ERESTART : 0;
            if (likely(!rc))
                rc = copy_from_guest(req, (void *)batch_next(b), fill * sizeof(req[0]));
            if (unlikely(rc))
                break;
        }
        rc = update_one(&cache, &t, &req[n++]);
        if (likely(!rc) && batch_step(b, v))
            rc = -XEN_ERESTART;
    }
    let_go(&cache);
    return batch_end(b, rc);
}

HYPERCALL(mmu_update)
{
    struct mmu_update req[MMU_BATCH];
    struct vcpu *v = current;
    bool one = (unsigned int)a2 == 1 && a4 == DOMID_SELF && !a3 && v->deferred_put == INVALID_MFN;
    int rc;
    if (likely(one)) {
        if (unlikely(copy_from_guest(req, (void *)a1, sizeof(req[0]))))
            return -XEN_EFAULT;
        if (likely((req[0].ptr & 7) == MMU_NORMAL_PT_UPDATE) &&
            likely(pt_update_own_l1(v->domain, req[0].ptr, req[0].val, &rc)))
            return rc;
    }
    struct batch b = BATCH(mmu_update, a1, a2, a3, a4);
    return update_list(&b, req, one);
}

/* The CPUs that vCPUs in a mask of the guest's, of nr_vcpus bits, may have left TLB entries on. 0, -XEN_EFAULT. */
static int vcpus_to_cpus(struct domain *d, const void *gva, unsigned int nr_vcpus, cpumask_t *mask)
{
    uint64_t map[(MAX_VCPUS + 63) / 64] = { 0 };
    struct vcpu *v;
    if (copy_from_guest(map, gva, (nr_vcpus + 7) / 8))
        return -XEN_EFAULT;
    *mask = 0;
    for_each_vcpu(d, v)
        *mask |= test_bit(v->id, map) ? BIT(v->cpu) & d->dirty_cpus : 0;
    return 0;
}

static void flush_va(struct vcpu *v, unsigned long va, unsigned long flags)
{
    unsigned long where = flags & ~(unsigned long)UVMF_FLUSHTYPE_MASK;
    cpumask_t mask = where == UVMF_ALL ? v->domain->dirty_cpus : BIT(cpu_id());
    if (!(flags & UVMF_FLUSHTYPE_MASK) ||
        (where != UVMF_ALL && where != UVMF_LOCAL && vcpus_to_cpus(v->domain, (void *)where, 64, &mask)))
        return;
    if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH)
        tlb_flush_mask(mask);
    else
        tlb_flush_va_mask(mask, va);
}

static long va_mapping(unsigned long va, pte_t val, unsigned long flags, struct domain *pg_owner)
{
    struct vcpu *v = current;
    struct frame *table;
    pte_t *p = pt_find_l1(v, va, &table);
    if (unlikely(!p))
        return -XEN_EINVAL;
    int rc = pt_update_l1(p, val, v->domain, pg_owner);
    pt_release_l1(table);
    if (!rc)
        flush_va(v, va, flags);
    return rc;
}

HYPERCALL(update_va_mapping) { return va_mapping(a1, a2, a3, current->domain); }

HYPERCALL(update_va_mapping_otherdomain)
{
    struct targets t;
    int rc = find_targets(a4 & 0xffff, &t);
    return rc ? rc : va_mapping(a1, a2, a3, t.pg);
}

struct ext { struct vcpu *v; struct domain *pg; struct mmuext_op op; };

static int pin(struct ext *e)
{
    struct frame *f = get_frame(e->op.arg1.mfn, e->pg);
    if (!f)
        return -XEN_EINVAL;
    int rc = frame_get_type(f, type_of_level(e->op.cmd - MMUEXT_PIN_L1_TABLE + 1));
    if (rc) {
        frame_put(f);
    } else if (__atomic_fetch_or(&f->type, TYPE_PINNED, __ATOMIC_SEQ_CST) & TYPE_PINNED) {
        frame_put_deferrable(f, &e->v->deferred_put);
        rc = -XEN_EINVAL;
    }
    return rc;
}

static int unpin(struct ext *e)
{
    struct frame *f = get_frame(e->op.arg1.mfn, e->pg);
    if (!f)
        return -XEN_EINVAL;
    bool was_pinned = pt_unpin(f);
    frame_put(f);
    return was_pinned ? 0 : -XEN_EINVAL;
}

static int new_baseptr(struct ext *e)
{
    return pt_set_base(e->v, e->op.arg1.mfn, e->op.cmd == MMUEXT_NEW_USER_BASEPTR);
}

static int flush_local(struct ext *e)
{
    if (e->op.cmd == MMUEXT_TLB_FLUSH_LOCAL)
        tlb_flush_local();
    else
        tlb_flush_va_local(e->op.arg1.linear_addr);
    return 0;
}

static int flush_remote(struct ext *e)
{
    struct domain *d = e->v->domain;
    bool multi = e->op.cmd == MMUEXT_TLB_FLUSH_MULTI || e->op.cmd == MMUEXT_INVLPG_MULTI;
    cpumask_t mask = d->dirty_cpus;
    if (multi && vcpus_to_cpus(d, e->op.arg2.vcpumask.p, d->max_vcpus, &mask))
        return -XEN_EFAULT;
    if (e->op.cmd == MMUEXT_TLB_FLUSH_MULTI || e->op.cmd == MMUEXT_TLB_FLUSH_ALL)
        tlb_flush_mask(mask);
    else
        tlb_flush_va_mask(mask, e->op.arg1.linear_addr);
    return 0;
}

static int flush_cache(struct ext *e)
{
    if (!e->v->domain->privileged)
        return -XEN_EACCES;
    if (e->op.cmd == MMUEXT_FLUSH_CACHE_GLOBAL)
        wbinvd_all();
    else
        wbinvd_local();
    return 0;
}

static int set_ldt(struct ext *e) { return vcpu_set_ldt(e->v, e->op.arg1.linear_addr, e->op.arg2.nr_ents); }

/* Clears, or copies from another frame. */
static int fill_page(struct ext *e)
{
    bool copy = e->op.cmd == MMUEXT_COPY_PAGE;
    struct frame *src = copy ? get_frame(e->op.arg2.src_mfn, e->pg) : NULL;
    struct frame *dst = copy && !src ? NULL : get_frame_as(e->op.arg1.mfn, e->pg, TYPE_WRITABLE);
    if (dst) {
        void *to = mfn_to_virt(frame_to_mfn(dst));
        if (copy)
            memcpy(to, mfn_to_virt(frame_to_mfn(src)), PAGE_SIZE);
        else
            memset(to, 0, PAGE_SIZE);
        frame_put_and_type(dst);
    }
    if (src)
        frame_put(src);
    return dst ? 0 : -XEN_EINVAL;
}

static int no_superpages(struct ext *e __unused) { return -XEN_EOPNOTSUPP; }

/* foreign: the command may act for another domain (the builder pins a new domain's tables). */
#define OWN(name, fn)     [MMUEXT_##name] = { (fn), false }
#define FOREIGN(name, fn) [MMUEXT_##name] = { (fn), true }
static const struct { int (*fn)(struct ext *e); bool foreign; } commands[] = {
    FOREIGN(PIN_L1_TABLE, pin), FOREIGN(PIN_L2_TABLE, pin), FOREIGN(PIN_L3_TABLE, pin), FOREIGN(PIN_L4_TABLE, pin),
    FOREIGN(UNPIN_TABLE, unpin), FOREIGN(CLEAR_PAGE, fill_page), FOREIGN(COPY_PAGE, fill_page),
    OWN(NEW_BASEPTR, new_baseptr), OWN(NEW_USER_BASEPTR, new_baseptr), OWN(SET_LDT, set_ldt),
    OWN(TLB_FLUSH_LOCAL, flush_local), OWN(TLB_FLUSH_MULTI, flush_remote), OWN(TLB_FLUSH_ALL, flush_remote),
    OWN(INVLPG_LOCAL, flush_local), OWN(INVLPG_MULTI, flush_remote), OWN(INVLPG_ALL, flush_remote),
    OWN(FLUSH_CACHE, flush_cache), OWN(FLUSH_CACHE_GLOBAL, flush_cache),
    FOREIGN(MARK_SUPER, no_superpages), FOREIGN(UNMARK_SUPER, no_superpages),
};

static int run_one(struct ext *e)
{
    unsigned int cmd = (unsigned int)index_clamp(e->op.cmd, ARRAY_SIZE(commands));
    if (e->op.cmd >= ARRAY_SIZE(commands) || !commands[cmd].fn)
        return -XEN_ENOSYS;
    if (!commands[cmd].foreign && e->pg != e->v->domain)
        return -XEN_EPERM;
    return commands[cmd].fn(e);
}

HYPERCALL(mmuext_op)
{
    struct batch b = BATCH(mmuext_op, a1, a2, a3, a4);
    struct ext e = { .v = current, .pg = current->domain };
    int rc = pt_finish_deferred(e.v);
    if (!rc && (uint16_t)a4 != DOMID_SELF)
        rc = domain_target_alive((domid_t)a4, &e.pg);
    while (b.done < b.count && !rc) {
        rc = b.done && unlikely(hypercall_preempt_check()) ? -XEN_ERESTART : 0;
        if (!rc)
            rc = copy_from_guest(&e.op, (void *)batch_next(&b), sizeof(e.op));
        if (!rc)
            rc = run_one(&e);
        if (!rc && batch_step(&b, e.v))
            rc = -XEN_ERESTART;
    }
    return batch_end(&b, rc);
}
