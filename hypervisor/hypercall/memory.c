/* SPDX-License-Identifier: MIT */
/*
 * memory_op (xen/memory.h): reservations, the guests' and the machine's memory maps, the M2P, resources. A preempted call is made again
 * with the extents done so far above bit MEMOP_SHIFT of the command.
 */
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/grant.h>
#include <hv/hypercall.h>
#include <hv/mm.h>

#include <xen/memory.h>


#define MEMOP_SHIFT 6
#define MEMOP_MASK  ((1u << MEMOP_SHIFT) - 1)
#define GUEST_MAX_ORDER 9           /* 2 MiB; privileged domains up to HW_MAX_ORDER */
#define HW_MAX_ORDER    18

/* --- reservations -------------------------------------------------------------------------------------------------------------- */

struct resv { struct domain *d; struct xen_memory_reservation r; unsigned long done; bool preempted; };

static int resv_read(struct resv *x, unsigned long arg, unsigned long start)
{
    unsigned int max_order;
    int rc = copy_from_guest(&x->r, (void *)arg, sizeof(x->r));

    if (rc)
        return rc;
    x->done = start;
    x->preempted = false;
    rc = domain_target(x->r.domid, &x->d);
    if (rc)
        return rc;
    max_order = current->domain->privileged ? HW_MAX_ORDER : GUEST_MAX_ORDER;
    if (x->r.extent_order > max_order)
        return -XEN_EPERM;
    if (x->r.nr_extents > ~0UL >> MEMOP_SHIFT || start > x->r.nr_extents)
        return -XEN_EINVAL;
    return 0;
}

static bool stop_here(struct resv *x, unsigned long start)
{
    if (x->done == start || !hypercall_preempt_check())
        return false;
    x->preempted = true;
    return true;
}

static unsigned int resv_memflags(const struct resv *x)
{
    unsigned int bits = XENMEMF_get_address_bits(x->r.mem_flags);

    return bits && bits < 52 ? MEMF_BITS(bits) : 0;
}

static void m2p_set_extent(mfn_t m, unsigned long pfn, unsigned int order)
{
    for (unsigned long i = 0; i < 1UL << order; i++)
        m2p_set(m + i, pfn + i);
}

static void populate(struct resv *x)
{
    unsigned long start = x->done;

    for (; x->done < x->r.nr_extents && !stop_here(x, start); x->done++) {
        xen_pfn_t pfn;
        mfn_t m;
        if (copy_handle_offset(&pfn, x->r.extent_start, x->done, 1))
            return;
        m = frames_alloc_domain(x->d, x->r.extent_order, resv_memflags(x));
        if (m == INVALID_MFN)
            return;
        m2p_set_extent(m, pfn, x->r.extent_order);
        if (put_handle_offset(x->r.extent_start, x->done, &m, 1))
            return;
    }
}

static void increase(struct resv *x)
{
    unsigned long start = x->done;

    for (; x->done < x->r.nr_extents && !stop_here(x, start); x->done++) {
        mfn_t m = frames_alloc_domain(x->d, x->r.extent_order, resv_memflags(x));
        if (m == INVALID_MFN)
            return;
        if (!handle_is_null(x->r.extent_start) && put_handle_offset(x->r.extent_start, x->done, &m, 1))
            return;
    }
}

/* One frame goes back to the machine. It is freed when its last mapping goes; a pinned table is unpinned for it. */
static bool give_back(struct domain *d, mfn_t m)
{
    struct frame *f;
    bool done;

    if (!mfn_valid(m) || !frame_get(mfn_to_frame(m), d))
        return false;
    f = mfn_to_frame(m);
    if (__atomic_fetch_and(&f->type, ~TYPE_PINNED, __ATOMIC_SEQ_CST) & TYPE_PINNED)
        frame_put_and_type(f);
    done = frame_release_allocated(f);
    frame_put(f);
    return done;
}

static void decrease(struct resv *x)
{
    unsigned long start = x->done;

    for (; x->done < x->r.nr_extents && !stop_here(x, start); x->done++) {
        xen_pfn_t m;
        if (copy_handle_offset(&m, x->r.extent_start, x->done, 1))
            return;
        for (unsigned long i = 0; i < 1UL << x->r.extent_order; i++) {
            if (!give_back(x->d, m + i))
                return;
        }
    }
}

static long reservation(unsigned int op, unsigned long arg, unsigned long start)
{
    struct resv x;
    int rc = resv_read(&x, arg, start);

    if (rc)
        return rc == -XEN_EFAULT || rc == -XEN_ESRCH || rc == -XEN_EPERM ? (op == XENMEM_populate_physmap ? (long)start : rc) : rc;
    if (op == XENMEM_populate_physmap)
        populate(&x);
    else if (op == XENMEM_increase_reservation)
        increase(&x);
    else
        decrease(&x);
    if (x.preempted)
        return hypercall_continue(__HYPERVISOR_memory_op, 2, (unsigned long)op | x.done << MEMOP_SHIFT, arg);
    return (long)x.done;
}

/* --- exchange: the caller's frames for others, contiguous or in reach of a device --------------------------------------------------- */

/* Everything about the shape is checked before anything changes. */
static int exchange_check(const struct xen_memory_exchange *x)
{
    unsigned int max = current->domain->privileged ? HW_MAX_ORDER : GUEST_MAX_ORDER;
    unsigned int in = x->in.extent_order, out = x->out.extent_order;

    if (in > max || out > max)
        return -XEN_EPERM;
    if (x->nr_exchanged > x->in.nr_extents || x->in.nr_extents > ~0UL >> (in + MEMOP_SHIFT) ||
        x->out.nr_extents > ~0UL >> (out + MEMOP_SHIFT) || x->in.nr_extents << in != x->out.nr_extents << out)
        return -XEN_EINVAL;
    return 0;
}

/* One chunk: in[] has room for its 2^order input frames, out[] for its first output frames. Input that is in use anywhere is refused: it
 * would stay, and the domain would have more than it may. */
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
        mfn_t m;
        if (copy_handle_offset(&pfn, x->out.extent_start, c->nr * n + j, 1))
            return -XEN_EFAULT;
        m = frames_alloc_domain(d, out, MEMF_NO_REFCOUNT | (bits ? MEMF_BITS(bits) : 0));
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
    int rc;

    if (!frames)
        return -XEN_ENOMEM;
    rc = take_input(x, d, &c);
    if (!rc)
        rc = give_output(x, d, &c);
    for (unsigned long i = 0; rc && i < c.nr_out << x->out.extent_order; i++)
        frame_release_allocated(mfn_to_frame(c.out[i >> x->out.extent_order] + (i & ((1UL << x->out.extent_order) - 1))));
    for (unsigned long i = 0; i < c.nr_in; i++) {
        if (rc)
            frame_unsteal(mfn_to_frame(c.in[i]));
        else
            frame_free_stolen(mfn_to_frame(c.in[i]));
    }
    hv_free(frames);
    return rc;
}

static long exchange(unsigned long arg)
{
    struct xen_memory_exchange x;
    struct domain *d;
    unsigned int order;
    unsigned long chunks, done;
    int rc;

    if (copy_from_guest(&x, (void *)arg, sizeof(x)))
        return -XEN_EFAULT;
    rc = exchange_check(&x);
    if (rc)
        return rc;
    rc = domain_target(x.in.domid, &d);
    if (rc)
        return rc;
    if (x.out.domid != x.in.domid)
        return -XEN_EINVAL;
    order = max(x.in.extent_order, x.out.extent_order);
    if ((x.in.nr_extents << x.in.extent_order) & ((1UL << order) - 1))
        return -XEN_EINVAL;
    chunks = (x.in.nr_extents << x.in.extent_order) >> order;
    done = (x.nr_exchanged << x.in.extent_order) >> order;
    for (; done < chunks && !rc; done++) {
        if (hypercall_preempt_check() && done != (x.nr_exchanged << x.in.extent_order) >> order) {
            x.nr_exchanged = (done << order) >> x.in.extent_order;
            if (copy_to_guest((void *)arg, &x, sizeof(x)))
                return -XEN_EFAULT;
            return hypercall_continue(__HYPERVISOR_memory_op, 2, (unsigned long)XENMEM_exchange, arg);
        }
        rc = exchange_one(&x, d, done, order);
        if (rc)
            break;
    }
    x.nr_exchanged = (done << order) >> x.in.extent_order;
    return copy_to_guest((void *)arg, &x, sizeof(x)) ? -XEN_EFAULT : rc;
}

/* --- maps and figures ------------------------------------------------------------------------------------------------------------------ */

static long domain_figure(unsigned int op, unsigned long arg)
{
    struct xen_memory_domain md;
    struct domain *d;
    int rc;

    if (copy_from_guest(&md, (void *)arg, sizeof(md)))
        return -XEN_EFAULT;
    rc = domain_target(md.domid, &d);
    if (rc)
        return rc;
    switch (op) {
    case XENMEM_current_reservation:
        return (long)d->tot_pages;
    case XENMEM_maximum_reservation:
        return (long)d->max_pages;
    default:
        return d->shared_info ? (long)d->shared_info->arch.max_pfn - 1 : 0;
    }
}

/* A domU's pseudo-physical map: RAM from 0 to its maximum. */
static long memory_map(unsigned long arg)
{
    struct xen_memory_map map;
    struct domain *d = current->domain;
    struct e820_entry e = { .addr = 0, .size = (uint64_t)d->max_pages << PAGE_SHIFT, .type = E820_RAM };

    if (d->privileged)
        return -XEN_ENOSYS;                 /* dom0 has the machine's */
    if (copy_from_guest(&map, (void *)arg, sizeof(map)))
        return -XEN_EFAULT;
    if (d->e820_count) {
        map.nr_entries = min(map.nr_entries, d->e820_count);
        if (copy_to_guest(map.buffer.p, d->e820, map.nr_entries * sizeof(e)))
            return -XEN_EFAULT;
    } else {
        if (!map.nr_entries)
            return -XEN_EINVAL;
        map.nr_entries = 1;
        if (copy_to_guest(map.buffer.p, &e, sizeof(e)))
            return -XEN_EFAULT;
    }
    return copy_to_guest((void *)arg, &map, sizeof(map));
}

static long set_memory_map(unsigned long arg)
{
    struct xen_foreign_memory_map fmap;
    struct domain *d;
    struct e820_entry *map;
    int rc;

    if (copy_from_guest(&fmap, (void *)arg, sizeof(fmap)))
        return -XEN_EFAULT;
    if (fmap.map.nr_entries > E820_MAX)
        return -XEN_EINVAL;
    rc = domain_target(fmap.domid, &d);
    if (rc)
        return rc;
    if (!current->domain->privileged)
        return -XEN_EPERM;
    map = hv_alloc(max(fmap.map.nr_entries, 1u) * sizeof(*map));
    if (!map)
        return -XEN_ENOMEM;
    if (copy_from_guest(map, fmap.map.buffer.p, fmap.map.nr_entries * sizeof(*map))) {
        hv_free(map);
        return -XEN_EFAULT;
    }
    spin_lock(&d->ctl_lock);
    hv_free(d->e820);
    d->e820 = map;
    d->e820_count = fmap.map.nr_entries;
    spin_unlock(&d->ctl_lock);
    return 0;
}

static long machine_memory_map(unsigned long arg)
{
    struct xen_memory_map map;

    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (copy_from_guest(&map, (void *)arg, sizeof(map)))
        return -XEN_EFAULT;
    if (map.nr_entries < boot_info.nr_e820)
        map.nr_entries = min(map.nr_entries, boot_info.nr_e820);
    else
        map.nr_entries = boot_info.nr_e820;
    if (copy_to_guest(map.buffer.p, boot_info.e820, map.nr_entries * sizeof(struct e820_entry)))
        return -XEN_EFAULT;
    return copy_to_guest((void *)arg, &map, sizeof(map));
}

static long machphys_mfn_list(unsigned long arg)
{
    struct xen_machphys_mfn_list l;
    mfn_t last = 0;
    unsigned int i;

    if (copy_from_guest(&l, (void *)arg, sizeof(l)))
        return -XEN_EFAULT;
    for (i = 0; i < l.max_extents && ((mfn_t)i << 18) < max_mfn; i++) {
        mfn_t m = m2p_chunk_mfn(i);
        last = m == INVALID_MFN ? last : m;
        if (put_handle_offset(l.extent_start, i, &last, 1))
            return -XEN_EFAULT;
    }
    l.nr_extents = i;
    return copy_to_guest((void *)arg, &l, sizeof(l));
}

static long machphys_mapping(unsigned long arg)
{
    struct xen_machphys_mapping m = { .v_start = MACH2PHYS_VIRT_START, .v_end = MACH2PHYS_VIRT_END, .max_mfn = max_mfn - 1 };

    return copy_to_guest((void *)arg, &m, sizeof(m));
}

/* --- claims and resources ------------------------------------------------------------------------------------------------------------------ */

static long claim(unsigned long arg)
{
    struct xen_memory_reservation r;
    struct domain *d;
    int rc;

    if (copy_from_guest(&r, (void *)arg, sizeof(r)))
        return -XEN_EFAULT;
    if (!handle_is_null(r.extent_start) || r.extent_order || r.mem_flags)
        return -XEN_EINVAL;
    if (!current->domain->privileged)
        return -XEN_EPERM;
    rc = domain_target(r.domid, &d);
    if (rc)
        return rc;
    return mm_claim(d, r.nr_extents);
}

#define RESOURCE_BATCH 32

static long acquire_resource(unsigned long arg)
{
    struct xen_mem_acquire_resource r;
    struct domain *d;
    mfn_t m[RESOURCE_BATCH];
    int rc;

    if (copy_from_guest(&r, (void *)arg, sizeof(r)))
        return -XEN_EFAULT;
    if (r.pad)
        return -XEN_EINVAL;
    if (!current->domain->privileged)
        return -XEN_EPERM;
    d = domain_find(r.domid);
    if (!d)
        return -XEN_ESRCH;
    if (r.type != XENMEM_resource_grant_table)
        return -XEN_EOPNOTSUPP;
    if (handle_is_null(r.frame_list)) {
        if (r.nr_frames)
            return -XEN_EINVAL;
        r.nr_frames = grant_resource_frames(d, r.id);
        return copy_to_guest((void *)arg, &r, sizeof(r));
    }
    if (r.frame > UINT32_MAX || r.nr_frames > grant_resource_frames(d, r.id))
        return -XEN_EINVAL;
    for (unsigned int i = 0; i < r.nr_frames; i += RESOURCE_BATCH) {
        unsigned int n = min(r.nr_frames - i, (unsigned)RESOURCE_BATCH);
        rc = grant_acquire(d, r.id, (unsigned int)r.frame + i, n, m);
        if (!rc)
            rc = put_handle_offset(r.frame_list, i, m, n);
        if (rc)
            return rc;
    }
    return 0;
}

HYPERCALL(memory_op)
{
    unsigned int op = (unsigned int)a1 & MEMOP_MASK;

    switch (op) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return reservation(op, a2, a1 >> MEMOP_SHIFT);
    case XENMEM_exchange:
        return exchange(a2);
    case XENMEM_maximum_ram_page:
        return (long)max_mfn - 1;
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return domain_figure(op, a2);
    case XENMEM_memory_map:
        return memory_map(a2);
    case XENMEM_set_memory_map:
        return set_memory_map(a2);
    case XENMEM_machine_memory_map:
        return machine_memory_map(a2);
    case XENMEM_machphys_mfn_list:
        return machphys_mfn_list(a2);
    case XENMEM_machphys_mapping:
        return machphys_mapping(a2);
    case XENMEM_claim_pages:
        return claim(a2);
    case XENMEM_acquire_resource:
        return acquire_resource(a2);
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages:
        return 0;
    default:            /* add_to_physmap and its kin are for translated guests; PoD, vNUMA and compat lists are not offered */
        return -XEN_ENOSYS;
    }
}
