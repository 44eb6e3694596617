/* SPDX-License-Identifier: MIT */
/* memory_op (xen/memory.h): reservations, memory maps, the M2P, resources. A preempted call is made again with what was
 * done so far above bit MEMOP_SHIFT of the command. */
#include "private.h"

#include <hv/grant.h>

#include <xen/memory.h>

#define MEMOP_SHIFT 6
#define MEMOP_MASK  ((1u << MEMOP_SHIFT) - 1)
#define GUEST_MAX_ORDER 9           /* 2 MiB; privileged domains up to HW_MAX_ORDER */
#define HW_MAX_ORDER    18

struct memop { unsigned int op; unsigned long start, done; };

#define MEMORY(name, type) SUBOP_HANDLER(name, struct memop, c, struct xen_##type)

static unsigned int max_order(void) { return current->domain->privileged ? HW_MAX_ORDER : GUEST_MAX_ORDER; }

static bool more(struct memop *c, unsigned long nr, bool *preempted)
{
    *preempted = c->done < nr && c->done != c->start && hypercall_preempt_check();
    return c->done < nr && !*preempted;
}

static void m2p_set_extent(mfn_t m, unsigned long pfn, unsigned int order)
{
    for (unsigned long i = 0; i < 1UL << order; i++)
        m2p_set(m + i, pfn + i);
}

/* One extent of d's: populate_physmap says which guest frames it is to be. */
static bool add_extent(struct domain *d, struct xen_memory_reservation *r, unsigned long i, bool populate)
{
    unsigned int bits = XENMEMF_get_address_bits(r->mem_flags);
    xen_pfn_t pfn = 0;
    if (populate && copy_handle_offset(&pfn, r->extent_start, i, 1))
        return false;
    mfn_t m = frames_alloc_domain(d, r->extent_order, bits && bits < 52 ? MEMF_BITS(bits) : 0);
    if (m == INVALID_MFN)
        return false;
    if (populate)
        m2p_set_extent(m, pfn, r->extent_order);
    return (!populate && handle_is_null(r->extent_start)) || !put_handle_offset(r->extent_start, i, &m, 1);
}

/* One frame goes back to the machine. It is freed when its last mapping goes; a pinned table is unpinned for it. */
static bool give_back(struct domain *d, mfn_t m)
{
    struct frame *f = get_frame(m, d);
    if (!f)
        return false;
    pt_unpin(f);
    bool done = frame_release_allocated(f);
    frame_put(f);
    return done;
}

/* Counts frames, not extents, so that it may stop within a large one. Extents done. */
static long decrease(struct memop *c, struct domain *d, struct xen_memory_reservation *r)
{
    unsigned long mask = (1UL << r->extent_order) - 1;
    bool preempted;
    xen_pfn_t m = 0;
    for (; more(c, r->nr_extents << r->extent_order, &preempted); c->done++) {
        if ((c->done == c->start || !(c->done & mask)) &&
            copy_handle_offset(&m, r->extent_start, c->done >> r->extent_order, 1))
            break;
        if (!give_back(d, m + (c->done & mask)))
            break;
        if (pt_finish_deferred(current)) {
            c->done++;
            return -XEN_ERESTART;
        }
    }
    return preempted ? -XEN_ERESTART : (long)(c->done >> r->extent_order);
}

MEMORY(reservation, memory_reservation)
{
    bool preempted, decreases = c->op == XENMEM_decrease_reservation;
    struct domain *d;
    int rc = domain_target(op->domid, &d);
    if (rc)
        return rc;
    if (op->extent_order > max_order())
        return -XEN_EPERM;
    if (op->nr_extents > ~0UL >> (MEMOP_SHIFT + op->extent_order) ||
        c->start > op->nr_extents << (decreases ? op->extent_order : 0))
        return -XEN_EINVAL;
    if (decreases)
        return decrease(c, d, op);
    while (more(c, op->nr_extents, &preempted) && add_extent(d, op, c->done, c->op == XENMEM_populate_physmap))
        c->done++;
    return preempted ? -XEN_ERESTART : (long)c->done;
}

/* Everything about the shape is checked before anything changes. */
static int exchange_check(const struct xen_memory_exchange *x)
{
    unsigned int in = x->in.extent_order, out = x->out.extent_order;
    if (in > max_order() || out > max_order())
        return -XEN_EPERM;
    if (x->nr_exchanged > x->in.nr_extents || x->in.nr_extents > ~0UL >> (in + MEMOP_SHIFT) ||
        x->out.nr_extents > ~0UL >> (out + MEMOP_SHIFT) || x->in.nr_extents << in != x->out.nr_extents << out ||
        x->out.domid != x->in.domid || ((x->in.nr_extents << in) & ((1UL << max(in, out)) - 1)))
        return -XEN_EINVAL;
    return 0;
}

/* One chunk: in[] has room for its 2^order input frames, out[] for its first output frames. Input that is in use
 * anywhere is refused: it would stay, and the domain would have more than it may. */
struct chunk { unsigned long nr; unsigned int order; mfn_t *in, *out; unsigned long nr_in, nr_out; };

static int take_input(const struct xen_memory_exchange *x, struct domain *d, struct chunk *c)
{
    unsigned int in = x->in.extent_order;
    unsigned long n = 1UL << (c->order - in);
    for (unsigned long j = 0; j < n; j++) {
        xen_pfn_t m;
        if (copy_handle_offset(&m, x->in.extent_start, c->nr * n + j, 1))
            return -XEN_EFAULT;
        for (unsigned long i = 0; i < 1UL << in; i++) {
            if (!mfn_valid(m + i) || !frame_steal(mfn_to_frame(m + i), d))
                return -XEN_EINVAL;
            c->in[c->nr_in++] = m + i;
        }
    }
    return 0;
}

static int give_output(const struct xen_memory_exchange *x, struct domain *d, struct chunk *c)
{
    unsigned int out = x->out.extent_order, bits = XENMEMF_get_address_bits(x->out.mem_flags);
    unsigned long n = 1UL << (c->order - out);
    for (unsigned long j = 0; j < n; j++) {
        xen_pfn_t pfn;
        if (copy_handle_offset(&pfn, x->out.extent_start, c->nr * n + j, 1))
            return -XEN_EFAULT;
        /* Held, since from here on the guest may find them, and give them back or map them. */
        mfn_t m = frames_alloc_domain(d, out, MEMF_NO_REFCOUNT | MEMF_HELD | (bits ? MEMF_BITS(bits) : 0));
        if (m == INVALID_MFN)
            return -XEN_ENOMEM;
        c->out[c->nr_out++] = m;
        m2p_set_extent(m, pfn, out);
        if (put_handle_offset(x->out.extent_start, c->nr * n + j, &m, 1))
            return -XEN_EFAULT;
    }
    return 0;
}

/* All of the chunk or nothing. For a moment the domain holds both. */
static int exchange_one(const struct xen_memory_exchange *x, struct domain *d, unsigned long nr, unsigned int order)
{
    mfn_t *frames = hv_alloc(2 * sizeof(mfn_t) << order);
    struct chunk c = { .nr = nr, .order = order, .in = frames, .out = frames + (1UL << order) };
    if (!frames)
        return -XEN_ENOMEM;
    /* Output of a chunk that failed stays with a guest that has mapped it, which has more than it may from then on: so no
     * more than once. (While others of its vCPUs exchange, it has more for a moment, too.) */
    int rc = d->tot_pages > d->max_pages + (2UL << order) ? -XEN_ENOMEM : take_input(x, d, &c);
    if (!rc)
        rc = give_output(x, d, &c);
    for (unsigned long i = 0; i < c.nr_out << x->out.extent_order; i++) {
        struct frame *f = mfn_to_frame(c.out[i >> x->out.extent_order] + i % (1UL << x->out.extent_order));
        if (rc)
            frame_release_allocated(f);
        frame_put(f);
    }
    for (unsigned long i = 0; i < c.nr_in; i++)
        (rc ? frame_unsteal : frame_free_stolen)(mfn_to_frame(c.in[i]));
    hv_free(frames);
    return rc;
}

MEMORY(exchange, memory_exchange)
{
    unsigned int in = op->in.extent_order, order = max(in, op->out.extent_order);
    struct domain *d;
    int rc = exchange_check(op);
    if (!rc)
        rc = domain_target(op->in.domid, &d);
    /* Another's frames could go with it while we have them off its list. */
    if (!rc && d != current->domain)
        rc = -XEN_EOPNOTSUPP;
    if (rc)
        return rc;
    unsigned long start = (op->nr_exchanged << in) >> order, done = start;
    while (!rc && done < (op->in.nr_extents << in) >> order) {
        rc = done != start && hypercall_preempt_check() ? -XEN_ERESTART : exchange_one(op, d, done, order);
        done += !rc;
    }
    op->nr_exchanged = (done << order) >> in;
    return rc;
}

SUBOP_HANDLER(maximum_ram_page, struct memop, c, void) { return (long)max_mfn - 1; }
SUBOP_HANDLER(nothing_shared, struct memop, c, void)   { return 0; }

MEMORY(domain_figure, memory_domain)
{
    unsigned long pfns;
    struct domain *d;
    int rc = domain_target(op->domid, &d);
    if (rc)
        return rc;
    if (c->op == XENMEM_current_reservation)
        return (long)d->tot_pages;
    if (c->op == XENMEM_maximum_reservation)
        return (long)d->max_pages;
    pfns = d->shared_info ? READ_ONCE(d->shared_info->arch.max_pfn) : 0;
    return pfns ? (long)pfns - 1 : 0; /* not -1, which a restore into a new domain would take for an error */
}

/* A domU's pseudo-physical map: what it was given, or RAM from 0 to its maximum. dom0 has the machine's. */
MEMORY(memory_map, memory_map)
{
    struct domain *d = current->domain;
    struct e820_entry all = { .addr = 0, .size = (uint64_t)d->max_pages << PAGE_SHIFT, .type = E820_RAM };
    int rc = 0;
    if (d->privileged)
        return -XEN_ENOSYS;
    spin_lock(&d->page_lock);
    if (!d->e820_count && !op->nr_entries)
        rc = -XEN_EINVAL;
    op->nr_entries = min(op->nr_entries, max(d->e820_count, 1u));
    if (!rc)
        rc = copy_to_guest(op->buffer.p, d->e820_count ? d->e820 : &all, op->nr_entries * sizeof(all));
    spin_unlock(&d->page_lock);
    return rc;
}

MEMORY(set_memory_map, foreign_memory_map)
{
    struct domain *d;
    int rc = domain_target(op->domid, &d);
    if (rc || op->map.nr_entries > E820_MAX)
        return rc ? rc : -XEN_EINVAL;
    struct e820_entry *map = hv_alloc(max(op->map.nr_entries, 1u) * sizeof(*map));
    if (!map)
        return -XEN_ENOMEM;
    rc = copy_from_guest(map, op->map.buffer.p, op->map.nr_entries * sizeof(*map));
    if (rc) {
        hv_free(map);
        return rc;
    }
    spin_lock(&d->page_lock);
    struct e820_entry *old = d->e820;
    d->e820 = map;
    d->e820_count = op->map.nr_entries;
    spin_unlock(&d->page_lock);
    hv_free(old);
    return 0;
}

MEMORY(machine_memory_map, memory_map)
{
    op->nr_entries = min(op->nr_entries, boot_info.nr_e820);
    return copy_to_guest(op->buffer.p, boot_info.e820, op->nr_entries * sizeof(struct e820_entry));
}

MEMORY(machphys_mfn_list, machphys_mfn_list)
{
    mfn_t last = 0;
    unsigned int i;
    for (i = 0; i < op->max_extents && ((mfn_t)i << 18) < max_mfn; i++) {
        mfn_t m = m2p_chunk_mfn(i);
        last = m == INVALID_MFN ? last : m;
        if (put_handle_offset(op->extent_start, i, &last, 1))
            return -XEN_EFAULT;
    }
    op->nr_extents = i;
    return 0;
}

MEMORY(machphys_mapping, machphys_mapping)
{
    *op = (struct xen_machphys_mapping){ .v_start = MACH2PHYS_VIRT_START, .v_end = MACH2PHYS_VIRT_END,
                                        .max_mfn = max_mfn - 1 };
    return 0;
}

MEMORY(claim_pages, memory_reservation)
{
    struct domain *d;
    int rc = domain_target(op->domid, &d);
    if (!handle_is_null(op->extent_start) || op->extent_order || op->mem_flags)
        return -XEN_EINVAL;
    return rc ? rc : mm_claim(d, op->nr_extents);
}

#define RESOURCE_BATCH 32u

MEMORY(acquire_resource, mem_acquire_resource)
{
    struct domain *d = domain_find(op->domid);
    mfn_t m[RESOURCE_BATCH];
    int rc = 0;
    if (op->pad)
        return -XEN_EINVAL;
    if (!d)
        return -XEN_ESRCH;
    if (op->type != XENMEM_resource_grant_table)
        return -XEN_EOPNOTSUPP;
    if (handle_is_null(op->frame_list)) {
        rc = op->nr_frames ? -XEN_EINVAL : 0;
        op->nr_frames = grant_resource_frames(d, op->id);
        return rc;
    }
    if (op->frame > UINT32_MAX || op->nr_frames > grant_resource_frames(d, op->id))
        return -XEN_EINVAL;
    for (unsigned int i = 0; i < op->nr_frames && !rc; i += RESOURCE_BATCH) {
        unsigned int n = min(op->nr_frames - i, RESOURCE_BATCH);
        rc = grant_acquire(d, op->id, (unsigned int)op->frame + i, n, m);
        if (!rc)
            rc = put_handle_offset(op->frame_list, i, m, n);
    }
    return rc;
}

/* add_to_physmap and its kin are for translated guests; PoD and compat lists are not offered. */
#define ROW_FN(n, fn, type, fl) [XENMEM_##n] = SUBOP(fn, sizeof(struct xen_##type), .flags = (fl))
#define ROW(n, type, fl) ROW_FN(n, n, type, fl)
#define SINGLE(n, fn)    [XENMEM_##n] = SUBOP(fn, 0)
#define REFUSED(n, err)  [XENMEM_##n] = SUBOP_REFUSED(err)
static const struct subop ops[] = {
    ROW_FN(increase_reservation, reservation, memory_reservation, 0),
    ROW_FN(decrease_reservation, reservation, memory_reservation, 0),
    ROW_FN(populate_physmap, reservation, memory_reservation, 0),
    ROW(exchange, memory_exchange, SUB_OUT_ALWAYS),
    ROW_FN(current_reservation, domain_figure, memory_domain, 0),
    ROW_FN(maximum_reservation, domain_figure, memory_domain, 0),
    ROW_FN(maximum_gpfn, domain_figure, memory_domain, 0), SINGLE(maximum_ram_page, maximum_ram_page),
    ROW(memory_map, memory_map, SUB_OUT), ROW(set_memory_map, foreign_memory_map, SUB_PRIV),
    ROW(machine_memory_map, memory_map, SUB_PRIV | SUB_OUT),
    ROW(machphys_mfn_list, machphys_mfn_list, SUB_OUT), ROW(machphys_mapping, machphys_mapping, SUB_OUT),
    ROW(claim_pages, memory_reservation, SUB_PRIV), ROW(acquire_resource, mem_acquire_resource, SUB_PRIV | SUB_OUT),
    SINGLE(get_sharing_freed_pages, nothing_shared), SINGLE(get_sharing_shared_pages, nothing_shared),
    REFUSED(get_vnumainfo, EOPNOTSUPP), /* which says: this domain has none */
};

HYPERCALL(memory_op)
{
    struct memop c = { .op = (unsigned int)a1 & MEMOP_MASK, .start = a1 >> MEMOP_SHIFT, .done = a1 >> MEMOP_SHIFT };
    long rc;
    const struct subop *row = subop_find(ops, ARRAY_SIZE(ops), c.op, &rc);
    if (!row)
        return rc;
    rc = pt_finish_deferred(current) ? -XEN_ERESTART : subop_run(row, &c, a2);
    if (rc == -XEN_ERESTART)
        return hypercall_continue(__HYPERVISOR_memory_op, 2, (unsigned long)c.op | c.done << MEMOP_SHIFT, a2);
    if (c.op == XENMEM_populate_physmap && (rc == -XEN_EFAULT || rc == -XEN_ESRCH || rc == -XEN_EPERM))
        return (long)c.start;
    return rc;
}
