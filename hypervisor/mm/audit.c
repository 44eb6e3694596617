/* SPDX-License-Identifier: MIT */
/* audit(): recomputes every frame's references and uses from what holds them - page tables, base registers, pins,
 * descriptor tables, vcpu_info, grants, event pages - and compares. Nothing else may run meanwhile. */
#include <hv/event.h>
#include "private.h"

struct tally { uint32_t refs, uses; };
struct audit { struct tally *t; unsigned long errors; };
#define MAX_REPORTS 20

/* None, and what is not RAM, does not count. */
static void add(struct audit *a, mfn_t m, bool use)
{
    if (!mfn_valid(m) || mfn_to_frame(m)->owner == DOMID_IO)
        return;
    a->t[m].refs++;
    a->t[m].uses += use;
}

static void add_held(mfn_t m, bool writable, void *arg) { add(arg, m, writable); }

/* Entries [0, n) of a table hold references. */
static void add_table(struct audit *a, mfn_t m, unsigned int level, unsigned int n)
{
    const pte_t *t = mfn_to_virt(m);
    for (unsigned int i = 0; i < n; i++)
        if ((t[i] & PT_PRESENT) && !(level == 4 && slot_is_ours(i)))
            add(a, pte_mfn(t[i]), level > 1 || (t[i] & PT_WRITE));
}

static void add_frame(struct audit *a, mfn_t m)
{
    const struct frame *f = mfn_to_frame(m);
    if (f->count & FRAME_ALLOCATED)
        a->t[m].refs++;
    if (f->count & FRAME_XEN) {
        a->t[m].refs++;
        a->t[m].uses += f->type & TYPE_VALIDATED ? 1 : 0;
    }
    if (f->type & TYPE_PINNED)
        add(a, m, true);
    if ((f->type & TYPE_PARTIAL) && (f->flags & FF_PARTIAL_GET))
        add(a, m, true);
    if (type_is_table(f->type) && (f->type & TYPE_COUNT_MASK))
        add_table(a, m, level_of_type(f->type), f->type & TYPE_PARTIAL ? f->extra : PT_ENTRIES);
}

static void add_vcpu(struct audit *a, const struct vcpu *v)
{
    if (v->cr3_kernel)
        add(a, PADDR_TO_MFN(v->cr3_kernel), true);
    if (v->cr3_user)
        add(a, PADDR_TO_MFN(v->cr3_user), true);
    for (unsigned int i = 0; i < (v->gdt_entries + 511) / 512; i++)
        add(a, v->gdt_mfn[i], true);
    for (unsigned int i = 0; i < (v->ldt_entries + 511) / 512; i++)
        add(a, v->ldt_mfn[i], true);
    add(a, v->info_mfn, true);
    add(a, v->deferred_put, true);
    add(a, v->deferred_cache, true);
}

static void compare(struct audit *a, mfn_t m)
{
    const struct frame *f = mfn_to_frame(m);
    unsigned long refs = f->count & FRAME_COUNT_MASK, uses = f->type & TYPE_COUNT_MASK;
    if (f->owner == DOMID_IO || (f->count & FRAME_FREE) || (!refs && !a->t[m].refs))
        return;
    if (refs == a->t[m].refs && (uses == a->t[m].uses || f->owner == DOMID_XEN || f->owner == DOMID_INVALID))
        return;
    if (a->errors++ < MAX_REPORTS)
        console_printf("audit: frame %#lx of d%u: count %016lx type %016lx, but %u references and %u uses found\n", m,
                       f->owner, (unsigned long)f->count, (unsigned long)f->type, a->t[m].refs, a->t[m].uses);
}

unsigned long mm_audit(void)
{
    struct audit a = { 0 };
    unsigned int order = 0;
    struct domain *d;
    struct vcpu *v;
    while ((PAGE_SIZE << order) < max_mfn * sizeof(a.t[0]))
        order++;
    a.t = hv_pages_alloc(order);
    if (!a.t) {
        console_printf("audit: no memory for its table\n");
        return 0;
    }
    for (mfn_t m = 0; m < max_mfn; m++)
        if (mfn_valid(m) && !(mfn_to_frame(m)->count & FRAME_FREE))
            add_frame(&a, m);
    for_each_domain (d) {
        for_each_vcpu (d, v)
            add_vcpu(&a, v);
        add(&a, d->deferred_put, true);
        if (d->pirq_eoi_mfn)
            add(&a, d->pirq_eoi_mfn, true);
        evtchn_walk_refs(d, add_held, &a);
    }
    grant_walk_refs(add_held, &a);
    for (mfn_t m = 0; m < max_mfn; m++)
        if (mfn_valid(m))
            compare(&a, m);
    hv_pages_free(a.t, order);
    return a.errors;
}
