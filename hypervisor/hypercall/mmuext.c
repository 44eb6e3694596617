/* SPDX-License-Identifier: MIT */
/*
 * mmuext_op (xen/xen.h): pins, base registers, flushes, LDT, page copies. A row a command.
 */
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/pagetable.h>

struct ext { struct vcpu *v; struct domain *pg; struct mmuext_op op; };

static int pin(struct ext *e)
{
    unsigned int level = e->op.cmd - MMUEXT_PIN_L1_TABLE + 1;
    mfn_t m = e->op.arg1.mfn;
    struct frame *f;
    int rc;

    if (!mfn_valid(m) || !frame_get(mfn_to_frame(m), e->pg))
        return -XEN_EINVAL;
    f = mfn_to_frame(m);
    rc = frame_get_type(f, type_of_level(level));
    if (rc) {
        frame_put(f);
        return rc;
    }
    if (__atomic_fetch_or(&f->type, TYPE_PINNED, __ATOMIC_SEQ_CST) & TYPE_PINNED) {
        frame_put_and_type(f);
        return -XEN_EINVAL;
    }
    return 0;
}

static int unpin(struct ext *e)
{
    mfn_t m = e->op.arg1.mfn;
    struct frame *f;
    struct vcpu *v = current;

    if (!mfn_valid(m) || !frame_get(mfn_to_frame(m), e->pg))
        return -XEN_EINVAL;
    f = mfn_to_frame(m);
    if (!(__atomic_fetch_and(&f->type, ~TYPE_PINNED, __ATOMIC_SEQ_CST) & TYPE_PINNED)) {
        frame_put(f);
        return -XEN_EINVAL;
    }
    frame_put(f);
    if (frame_put_type_preemptible(f, true)) {
        v->deferred_put = m;
    } else {
        frame_put(f);
    }
    return 0;
}

static int new_baseptr(struct ext *e) { return pt_set_base(e->v, e->op.arg1.mfn, false); }
static int new_user_baseptr(struct ext *e) { return pt_set_base(e->v, e->op.arg1.mfn, true); }

static int flush_local(struct ext *e __unused)
{
    tlb_flush_local();
    return 0;
}

static int invlpg_local(struct ext *e)
{
    tlb_flush_va_local(e->op.arg1.linear_addr);
    return 0;
}

static int vcpus_to_cpus(struct ext *e, cpumask_t *mask)
{
    struct domain *d = e->v->domain;
    unsigned int max = d->max_vcpus;
    uint64_t map[(MAX_VCPUS + 63) / 64] = { 0 };
    struct vcpu *v;

    if (copy_from_guest(map, e->op.arg2.vcpumask.p, (max + 7) / 8))
        return -XEN_EFAULT;
    *mask = 0;
    for_each_vcpu (d, v) {
        if (map[v->id / 64] >> (v->id % 64) & 1)
            *mask |= BIT(v->cpu);
    }
    *mask &= d->dirty_cpus;
    return 0;
}

static int flush_multi(struct ext *e)
{
    cpumask_t mask;
    int rc = vcpus_to_cpus(e, &mask);

    if (!rc)
        tlb_flush_mask(mask);
    return rc;
}

static int invlpg_multi(struct ext *e)
{
    cpumask_t mask;
    int rc = vcpus_to_cpus(e, &mask);

    if (!rc)
        tlb_flush_va_mask(mask, e->op.arg1.linear_addr);
    return rc;
}

static int flush_all(struct ext *e)
{
    tlb_flush_mask(e->v->domain->dirty_cpus);
    return 0;
}

static int invlpg_all(struct ext *e)
{
    tlb_flush_va_mask(e->v->domain->dirty_cpus, e->op.arg1.linear_addr);
    return 0;
}

static int flush_cache(struct ext *e)
{
    if (!e->v->domain->privileged)
        return -XEN_EACCES;
    wbinvd_local();
    return 0;
}

static int flush_cache_global(struct ext *e)
{
    if (!e->v->domain->privileged)
        return -XEN_EACCES;
    wbinvd_all();
    return 0;
}

/* Takes the descriptor frames of v's new LDT; all or none. */
static int ldt_take(struct vcpu *v, unsigned long base, unsigned int ents, mfn_t *mfns)
{
    unsigned int pages = (ents + 511) / 512;

    for (unsigned int i = 0; i < pages; i++) {
        pte_t pte;
        mfn_t m = pt_walk(v->cr3_kernel, base + i * PAGE_SIZE, &pte);
        if (m == INVALID_MFN || !mfn_valid(m) || !frame_get_and_type(mfn_to_frame(m), v->domain, TYPE_SEGDESC)) {
            while (i-- > 0)
                frame_put_and_type(mfn_to_frame(mfns[i]));
            return -XEN_EINVAL;
        }
        mfns[i] = m;
    }
    return 0;
}

void vcpu_drop_ldt(struct vcpu *v)
{
    unsigned int pages = (v->ldt_entries + 511) / 512;

    v->ldt_entries = 0;
    v->ldt_base = 0;
    for (unsigned int i = 0; i < pages; i++)
        frame_put_and_type(mfn_to_frame(v->ldt_mfn[i]));
}

static int set_ldt(struct ext *e)
{
    struct vcpu *v = e->v;
    unsigned long base = e->op.arg1.linear_addr, ents = e->op.arg2.nr_ents;
    mfn_t mfns[16], old[16];
    unsigned int old_pages = (v->ldt_entries + 511) / 512;
    int rc;

    if ((base & ~PAGE_MASK) || ents > 8192 || !guest_range_ok((void *)base, ents * 8))
        return -XEN_EINVAL;
    if (ents == v->ldt_entries && base == v->ldt_base && !ents)
        return 0;
    rc = ldt_take(v, base, (unsigned int)ents, mfns);
    if (rc)
        return rc;
    memcpy(old, v->ldt_mfn, sizeof(old));
    memcpy(v->ldt_mfn, mfns, sizeof(mfns));
    v->ldt_base = base;
    v->ldt_entries = (unsigned int)ents;
    cpu_load_ldt(v);
    for (unsigned int i = 0; i < old_pages; i++)
        frame_put_and_type(mfn_to_frame(old[i]));
    return 0;
}

static struct frame *own_writable(struct ext *e, mfn_t m)
{
    return mfn_valid(m) && frame_get_and_type(mfn_to_frame(m), e->pg, TYPE_WRITABLE) ? mfn_to_frame(m) : NULL;
}

static int clear_page(struct ext *e)
{
    struct frame *f = own_writable(e, e->op.arg1.mfn);

    if (!f)
        return -XEN_EINVAL;
    memset(mfn_to_virt(e->op.arg1.mfn), 0, PAGE_SIZE);
    frame_put_and_type(f);
    return 0;
}

static int copy_page(struct ext *e)
{
    mfn_t src = e->op.arg2.src_mfn;
    struct frame *f;

    if (!mfn_valid(src) || !frame_get(mfn_to_frame(src), e->pg))
        return -XEN_EINVAL;
    f = own_writable(e, e->op.arg1.mfn);
    if (f) {
        memcpy(mfn_to_virt(e->op.arg1.mfn), mfn_to_virt(src), PAGE_SIZE);
        frame_put_and_type(f);
    }
    frame_put(mfn_to_frame(src));
    return f ? 0 : -XEN_EINVAL;
}

static int no_superpages(struct ext *e __unused) { return -XEN_EOPNOTSUPP; }

/* foreign: the command may act for another domain (the builder pins a new domain's tables). */
static const struct { int (*fn)(struct ext *e); bool foreign; } commands[] = {
    [MMUEXT_PIN_L1_TABLE] = { pin, true }, [MMUEXT_PIN_L2_TABLE] = { pin, true },
    [MMUEXT_PIN_L3_TABLE] = { pin, true }, [MMUEXT_PIN_L4_TABLE] = { pin, true },
    [MMUEXT_UNPIN_TABLE] = { unpin, true },
    [MMUEXT_NEW_BASEPTR] = { new_baseptr, false },
    [MMUEXT_TLB_FLUSH_LOCAL] = { flush_local, false }, [MMUEXT_INVLPG_LOCAL] = { invlpg_local, false },
    [MMUEXT_TLB_FLUSH_MULTI] = { flush_multi, false }, [MMUEXT_INVLPG_MULTI] = { invlpg_multi, false },
    [MMUEXT_TLB_FLUSH_ALL] = { flush_all, false }, [MMUEXT_INVLPG_ALL] = { invlpg_all, false },
    [MMUEXT_FLUSH_CACHE] = { flush_cache, false },
    [MMUEXT_SET_LDT] = { set_ldt, false },
    [MMUEXT_NEW_USER_BASEPTR] = { new_user_baseptr, false },
    [MMUEXT_CLEAR_PAGE] = { clear_page, true }, [MMUEXT_COPY_PAGE] = { copy_page, true },
    [MMUEXT_FLUSH_CACHE_GLOBAL] = { flush_cache_global, false },
    [MMUEXT_MARK_SUPER] = { no_superpages, true }, [MMUEXT_UNMARK_SUPER] = { no_superpages, true },
};

static int run_one(struct ext *e)
{
    unsigned int cmd = e->op.cmd;

    if (cmd >= ARRAY_SIZE(commands) || !commands[index_clamp(cmd, ARRAY_SIZE(commands))].fn)
        return -XEN_ENOSYS;
    cmd = (unsigned int)index_clamp(cmd, ARRAY_SIZE(commands));
    if (!commands[cmd].foreign && e->pg != e->v->domain)
        return -XEN_EPERM;
    return commands[cmd].fn(e);
}

HYPERCALL(mmuext_op)
{
    const char *uops = (const char *)a1;
    char *pdone = (char *)a3;
    unsigned int count = (unsigned int)a2, done = 0;
    struct ext e = { .v = current, .pg = current->domain };
    uint32_t so_far = 0;
    int rc;

    (void)a5; (void)a6;
    rc = pt_finish_deferred(e.v);
    if (unlikely(rc))
        return hypercall_continue(__HYPERVISOR_mmuext_op, 4, a1, a2, a3, a4);
    if ((uint16_t)a4 != DOMID_SELF) {
        rc = domain_target((domid_t)a4, &e.pg);
        if (rc)
            return rc;
    }
    for (; done < count && !rc; done++) {
        if (done && unlikely(hypercall_preempt_check())) {
            rc = -XEN_ERESTART;
            break;
        }
        rc = copy_from_guest(&e.op, uops + (size_t)done * sizeof(e.op), sizeof(e.op));
        if (!rc)
            rc = run_one(&e);
        if (rc)
            break;
        if (unlikely(e.v->deferred_put != INVALID_MFN) && pt_finish_deferred(e.v)) {
            done++;
            rc = -XEN_ERESTART;
            break;
        }
    }
    if (pdone && copy_from_guest(&so_far, pdone, sizeof(so_far)) == 0) {
        so_far += done;
        if (copy_to_guest(pdone, &so_far, sizeof(so_far)) && !rc)
            rc = -XEN_EFAULT;
    }
    if (unlikely(rc == -XEN_ERESTART))
        return hypercall_continue(__HYPERVISOR_mmuext_op, 4, (unsigned long)(uops + (size_t)done * sizeof(e.op)),
                                  (unsigned long)(count - done), a3, a4);
    return rc;
}
