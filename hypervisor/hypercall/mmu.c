/* SPDX-License-Identifier: MIT */
/*
 * mmu_update, update_va_mapping, update_va_mapping_otherdomain (xen/xen.h). One L1 entry of the caller's own is the hottest path of all:
 * consecutive requests for one table find it once.
 */
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/pagetable.h>

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

/* A present L1 entry that maps pfns (guest frame numbers) never happens: PV tables hold machine frames. */
static int update_frame_entry(struct frame **cache, const struct targets *t, uint64_t ptr, pte_t val, bool keep_ad)
{
    mfn_t m = PADDR_TO_MFN(ptr);
    struct frame *f = *cache;
    uint64_t type;
    int rc;

    if (!f || frame_to_mfn(f) != m) {
        if (f)
            frame_put_and_type(f);
        *cache = NULL;
        if (!mfn_valid(m))
            return -XEN_EINVAL;
        f = mfn_to_frame(m);
        if (!frame_get(f, t->pt))
            return -XEN_EINVAL;
        type = READ_ONCE(f->type);
        if (!type_is_table(type) || !(type & TYPE_COUNT_MASK)) {
            /* not a table: an ordinary write, as to memory of its own */
            if (frame_get_type(f, TYPE_WRITABLE)) {
                frame_put(f);
                return -XEN_EINVAL;
            }
            __atomic_store_n((pte_t *)mfn_to_virt(m) + (ptr & ~PAGE_MASK) / 8, val, __ATOMIC_RELAXED);
            frame_put_and_type(f);
            return 0;
        }
        rc = frame_get_type(f, type & TYPE_MASK);
        if (rc) {
            frame_put(f);
            return rc;
        }
        *cache = f;
    }
    return pt_update_entry(f, level_of_type(f->type), (ptr & ~PAGE_MASK) / 8, val, t->pt, t->pg, keep_ad);
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
        return update_frame_entry(cache, t, u->ptr & ~3UL, u->val, false);
    case MMU_PT_UPDATE_PRESERVE_AD:
        return update_frame_entry(cache, t, u->ptr & ~3UL, u->val, true);
    case MMU_MACHPHYS_UPDATE:
        return update_m2p(t->pg, PADDR_TO_MFN(u->ptr), u->val);
    default:
        return -XEN_ENOSYS;
    }
}

#define MMU_BATCH 32

HYPERCALL(mmu_update)
{
    struct mmu_update req[MMU_BATCH];
    char *ureqs = (char *)a1, *pdone = (char *)a3;
    unsigned int count = (unsigned int)a2, done = 0, fill = 0, n = 0;
    struct vcpu *v = current;
    struct frame *cache = NULL;
    struct targets t;
    int rc;

    if (likely(count == 1 && a4 == DOMID_SELF && !pdone && v->deferred_put == INVALID_MFN)) {
        if (unlikely(copy_from_guest(req, ureqs, sizeof(req[0]))))
            return -XEN_EFAULT;
        if (likely((req[0].ptr & 7) == MMU_NORMAL_PT_UPDATE) &&
            likely(pt_update_own_l1(v->domain, req[0].ptr, req[0].val, &rc)))
            return rc;
        n = 0;
        fill = 1;                       /* it is here already */
    }
    rc = pt_finish_deferred(v);
    if (unlikely(rc))
        return hypercall_continue(__HYPERVISOR_mmu_update, 4, a1, a2, a3, a4);
    rc = find_targets(a4, &t);
    if (unlikely(rc))
        return rc;
    if (unlikely(count > 0x7fffffff))
        return -XEN_EINVAL;
    for (; done < count; done++) {
        if (n == fill) {
            if (done && hypercall_preempt_check()) {
                rc = -XEN_ERESTART;
                break;
            }
            fill = min(count - done, (unsigned)MMU_BATCH);
            n = 0;
            rc = copy_from_guest(req, ureqs + (size_t)done * sizeof(req[0]), fill * sizeof(req[0]));
            if (unlikely(rc))
                break;
        }
        rc = update_one(&cache, &t, &req[n++]);
        if (unlikely(rc))
            break;
        if (unlikely(v->deferred_put != INVALID_MFN) && pt_finish_deferred(v)) {
            done++;
            rc = -XEN_ERESTART;
            break;
        }
    }
    if (cache)
        frame_put_and_type(cache);
    if (pdone && (done || rc)) {
        uint32_t so_far = 0;
        if (copy_from_guest(&so_far, pdone, sizeof(so_far)) == 0) {
            so_far += done;
            if (copy_to_guest(pdone, &so_far, sizeof(so_far)) && !rc)
                rc = -XEN_EFAULT;
        }
    }
    if (unlikely(rc == -XEN_ERESTART))
        return hypercall_continue(__HYPERVISOR_mmu_update, 4, (unsigned long)(ureqs + (size_t)done * sizeof(req[0])),
                                  (unsigned long)(count - done), a3, a4);
    return rc;
}

static void flush_va(struct vcpu *v, unsigned long va, unsigned long flags)
{
    cpumask_t mask = BIT(cpu_id());
    unsigned long where = flags & ~(unsigned long)UVMF_FLUSHTYPE_MASK;

    if (!(flags & UVMF_FLUSHTYPE_MASK))
        return;
    if (where == UVMF_ALL) {
        mask = v->domain->dirty_cpus;
    } else if (where != UVMF_LOCAL) {
        uint64_t vcpus;
        struct vcpu *o;
        if (copy_from_guest(&vcpus, (void *)where, sizeof(vcpus)))
            return;
        mask = 0;
        for (unsigned int i = 0; i < 64 && i < v->domain->max_vcpus; i++) {
            if ((vcpus >> i & 1) && (o = v->domain->vcpu[i]) != NULL)
                mask |= BIT(o->cpu);
        }
        mask &= v->domain->dirty_cpus;
    }
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
    do {
        rc = pt_cmpxchg_l1(p, READ_ONCE(*p), val, v->domain, pg_owner);
    } while (unlikely(rc == -XEN_EAGAIN));
    pt_release_l1(table);
    if (!rc)
        flush_va(v, va, flags);
    return rc;
}

HYPERCALL(update_va_mapping)
{
    (void)a4; (void)a5; (void)a6;
    return va_mapping(a1, a2, a3, current->domain);
}

HYPERCALL(update_va_mapping_otherdomain)
{
    struct targets t;
    int rc = find_targets(a4 & 0xffff, &t);

    (void)a5; (void)a6;
    return rc ? rc : va_mapping(a1, a2, a3, t.pg);
}
