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
    int rc;
    t->pt = t->pg = self;
    if (likely(pg == DOMID_SELF && !pt))
        return 0;
    if (pt) {
        rc = domain_target((domid_t)(pt - 1), &t->pt);
        if (rc)
            return rc;
    }
    if (pg == DOMID_SELF || pg == self->id)
        t->pg = self;
    else if (pg == DOMID_IO)
        t->pg = dom_io;
    else if (!self->privileged)
        return -XEN_EPERM;
    else
        t->pg = pg == DOMID_XEN ? dom_xen : domain_find(pg);
    return t->pg ? 0 : -XEN_ESRCH;
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
    return hypercall_continue(b->nr, 4, batch_next(b), (unsigned long)((b->count - b->done) | CONTINUED), (unsigned long)b->pdone,
                              b->foreign);
}

/* After a request: counts it, and says whether a table is left to be given back. */
static bool batch_step(struct batch *b, struct vcpu *v)
{
    b->done++;
    return unlikely(v->deferred_put != INVALID_MFN) && pt_finish_deferred(v);
}

/* Takes hold of the frame that holds the entry: as the table it is, which stays in *cache, or as writable memory. */
static int hold_target(struct frame **cache, struct domain *d, mfn_t m)
{
    uint64_t type;
    int rc;
    if (*cache)
        frame_put_and_type(*cache);
    *cache = NULL;
    if (!mfn_valid(m) || !frame_get(mfn_to_frame(m), d))
        return -XEN_EINVAL;
    type = READ_ONCE(mfn_to_frame(m)->type);
    if (!type_is_table(type) || !(type & TYPE_COUNT_MASK))
        type = TYPE_WRITABLE;
    rc = frame_get_type(mfn_to_frame(m), type & TYPE_MASK);
    if (rc)
        frame_put(mfn_to_frame(m));
    else
        *cache = mfn_to_frame(m);
    return rc;
}

static int update_entry(struct frame **cache, const struct targets *t, uint64_t ptr, pte_t val, bool keep_ad)
{
    mfn_t m = PADDR_TO_MFN(ptr);
    int rc;
    if (!*cache || frame_to_mfn(*cache) != m) {
        rc = hold_target(cache, t->pt, m);
        if (rc)
            return rc;
    }
    if (frame_type(*cache) != TYPE_WRITABLE)
        return pt_update_entry(*cache, level_of_type((*cache)->type), (ptr & ~PAGE_MASK) / 8, val, t->pt, t->pg,
                               keep_ad);
    /* not a table: an ordinary write, as to memory of its own; the frame may become one by the next request */
    __atomic_store_n((pte_t *)paddr_to_virt(ptr), val, __ATOMIC_RELAXED);
    frame_put_and_type(*cache);
    *cache = NULL;
    return 0;
}

static int update_m2p(struct domain *d, mfn_t m, uint64_t pfn)
{
    if (!mfn_valid(m) || !frame_get(mfn_to_frame(m), d))
        return -XEN_EINVAL;
    m2p_set(m, pfn);
    frame_put(mfn_to_frame(m));
    return 0;
}

static int update_one(struct frame **cache, const struct targets *t, const struct mmu_update *u)
{
    switch (u->ptr & 3) {
    case MMU_NORMAL_PT_UPDATE:
    case MMU_PT_UPDATE_NO_TRANSLATE:            /* PV tables hold machine frames: nothing is ever translated */
        return update_entry(cache, t, u->ptr & ~7UL, u->val, false);
    case MMU_PT_UPDATE_PRESERVE_AD: return update_entry(cache, t, u->ptr & ~7UL, u->val, true);
    default: return update_m2p(t->pg, PADDR_TO_MFN(u->ptr), u->val);
    }
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
    if (unlikely(rc))
        return batch_end(b, rc);
    rc = find_targets(b->foreign, &t);
    if (unlikely(rc))
        return batch_end(b, rc);
    while (b->done < b->count && !rc) {
        if (n == fill) {
            fill = min(b->count - b->done, MMU_BATCH);
            n = 0;
            rc = b->done && hypercall_preempt_check() ? -XEN_ERESTART : copy_from_guest(req, (void *)batch_next(b),
                                                                        fill * sizeof(req[0]));
            if (unlikely(rc))
                break;
        }
        rc = update_one(&cache, &t, &req[n++]);
        if (likely(!rc) && batch_step(b, v))
            rc = -XEN_ERESTART;
    }
    if (cache)
        frame_put_and_type(cache);
    return batch_end(b, rc);
}

HYPERCALL(mmu_update)
{
    struct mmu_update req[MMU_BATCH];
    struct vcpu *v = current;
    struct batch b;
    bool one = (unsigned int)a2 == 1 && a4 == DOMID_SELF && !a3 && v->deferred_put == INVALID_MFN;
    int rc;
    if (likely(one)) {
        if (unlikely(copy_from_guest(req, (void *)a1, sizeof(req[0]))))
            return -XEN_EFAULT;
        if (likely((req[0].ptr & 7) == MMU_NORMAL_PT_UPDATE) &&
            likely(pt_update_own_l1(v->domain, req[0].ptr, req[0].val, &rc)))
            return rc;
    }
    b = (struct batch){ .nr = __HYPERVISOR_mmu_update, .size = sizeof(req[0]), .ureqs = a1, .foreign = a4,
                        .count = (unsigned int)a2 & ~CONTINUED, .pdone = (uint32_t *)a3,
                        .continued = a2 & CONTINUED };
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
    for_each_vcpu(d, v) {
        if (map[v->id / 64] >> (v->id % 64) & 1)
            *mask |= BIT(v->cpu);
    }
    *mask &= d->dirty_cpus;
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
    int rc;
    if (unlikely(!p))
        return -XEN_EINVAL;
    rc = pt_update_l1(p, val, v->domain, pg_owner);
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
    mfn_t m = e->op.arg1.mfn;
    int rc;
    if (!mfn_valid(m) || !frame_get(mfn_to_frame(m), e->pg))
        return -XEN_EINVAL;
    rc = frame_get_type(mfn_to_frame(m), type_of_level(e->op.cmd - MMUEXT_PIN_L1_TABLE + 1));
    if (rc) {
        frame_put(mfn_to_frame(m));
        return rc;
    }
    if (__atomic_fetch_or(&mfn_to_frame(m)->type, TYPE_PINNED, __ATOMIC_SEQ_CST) & TYPE_PINNED) {
        frame_put_and_type(mfn_to_frame(m));
        return -XEN_EINVAL;
    }
    return 0;
}

static int unpin(struct ext *e)
{
    mfn_t m = e->op.arg1.mfn;
    bool was_pinned;
    if (!mfn_valid(m) || !frame_get(mfn_to_frame(m), e->pg))
        return -XEN_EINVAL;
    was_pinned = pt_unpin(mfn_to_frame(m));
    frame_put(mfn_to_frame(m));
    return was_pinned ? 0 : -XEN_EINVAL;
}

static int new_baseptr(struct ext *e) { return pt_set_base(e->v, e->op.arg1.mfn,
                                                           e->op.cmd == MMUEXT_NEW_USER_BASEPTR); }

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
    mfn_t dst = e->op.arg1.mfn, src = e->op.arg2.src_mfn;
    bool ok;
    if (copy && (!mfn_valid(src) || !frame_get(mfn_to_frame(src), e->pg)))
        return -XEN_EINVAL;
    ok = mfn_valid(dst) && frame_get_and_type(mfn_to_frame(dst), e->pg, TYPE_WRITABLE);
    if (ok && copy)
        memcpy(mfn_to_virt(dst), mfn_to_virt(src), PAGE_SIZE);
    else if (ok)
        memset(mfn_to_virt(dst), 0, PAGE_SIZE);
    if (ok)
        frame_put_and_type(mfn_to_frame(dst));
    if (copy)
        frame_put(mfn_to_frame(src));
    return ok ? 0 : -XEN_EINVAL;
}

static int no_superpages(struct ext *e __unused) { return -XEN_EOPNOTSUPP; }

/* foreign: the command may act for another domain (the builder pins a new domain's tables). */
#define OWN(name, fn)     [MMUEXT_##name] = { (fn), false }
#define FOREIGN(name, fn) [MMUEXT_##name] = { (fn), true }
static const struct { int (*fn)(struct ext *e); bool foreign; } commands[] = {
    FOREIGN(PIN_L1_TABLE, pin),
    FOREIGN(PIN_L2_TABLE, pin),
    FOREIGN(PIN_L3_TABLE, pin),
    FOREIGN(PIN_L4_TABLE, pin),
    FOREIGN(UNPIN_TABLE, unpin),
    OWN(NEW_BASEPTR, new_baseptr),
    OWN(TLB_FLUSH_LOCAL, flush_local),
    OWN(INVLPG_LOCAL, flush_local),
    OWN(TLB_FLUSH_MULTI, flush_remote),
    OWN(INVLPG_MULTI, flush_remote),
    OWN(TLB_FLUSH_ALL, flush_remote),
    OWN(INVLPG_ALL, flush_remote),
    OWN(FLUSH_CACHE, flush_cache),
    OWN(SET_LDT, set_ldt),
    OWN(NEW_USER_BASEPTR, new_baseptr),
    FOREIGN(CLEAR_PAGE, fill_page),
    FOREIGN(COPY_PAGE, fill_page),
    OWN(FLUSH_CACHE_GLOBAL, flush_cache),
    FOREIGN(MARK_SUPER, no_superpages),
    FOREIGN(UNMARK_SUPER, no_superpages),
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
    struct batch b = { .nr = __HYPERVISOR_mmuext_op, .size = sizeof(struct mmuext_op), .ureqs = a1, .foreign = a4,
                       .count = (unsigned int)a2 & ~CONTINUED, .pdone = (uint32_t *)a3, .continued = a2 & CONTINUED };
    struct ext e = { .v = current, .pg = current->domain };
    int rc = pt_finish_deferred(e.v);
    if (unlikely(rc))
        return batch_end(&b, rc);
    if ((uint16_t)a4 != DOMID_SELF)
        rc = domain_target((domid_t)a4, &e.pg);
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
