/* SPDX-License-Identifier: MIT */
/*
 * grant/ops: GNTTABOP_*, one row each. Elements are copied in, worked on and copied out in batches of at most
 * GRANT_BATCH; after each batch the call may stop and go on behind it.
 */
#include <hv/hypercall.h>
#include "private.h"

union grant_batch {
    struct gnttab_map_grant_ref map[GRANT_BATCH];
    struct gnttab_unmap_grant_ref unmap[GRANT_BATCH];
    struct gnttab_unmap_and_replace replace[GRANT_BATCH];
    struct gnttab_copy copy[GRANT_BATCH];
    struct gnttab_transfer transfer[GRANT_BATCH];
    struct gnttab_swap_grant_ref swap[GRANT_BATCH];
    struct gnttab_setup_table setup;
    struct gnttab_query_size query;
    struct gnttab_dump_table dump;
    struct gnttab_set_version set_version;
    struct gnttab_get_version get_version;
    struct gnttab_get_status_frames status_frames;
};

/* A row's work on n elements: 0, statuses are in the elements; negative: the whole call fails. */
#define BATCH(name) static long name(union grant_batch *b __unused, unsigned int n __unused)

/* The guest cannot be told its handles: it shall not have the mappings either. */
static void undo_map(union grant_batch *b, unsigned int n)
{
    struct gnttab_unmap_grant_ref u[GRANT_BATCH];
    unsigned int k = 0;

    for (unsigned int i = 0; i < n; i++)
        if (b->map[i].status == GNTST_okay)
            u[k++] = (struct gnttab_unmap_grant_ref){ .handle = b->map[i].handle, .host_addr = b->map[i].host_addr,
                                                      .dev_bus_addr = b->map[i].dev_bus_addr };
    grant_unmap_batch(u, k);
}

BATCH(map_grant_ref)
{
    grant_map_batch(b->map, n);
    return 0;
}

BATCH(unmap_grant_ref)
{
    grant_unmap_batch(b->unmap, n);
    return 0;
}

BATCH(unmap_and_replace)
{
    grant_unmap_replace_batch(b->replace, n);
    return 0;
}

BATCH(copy)
{
    grant_copy_batch(b->copy, n);
    return 0;
}

/* Not supported. GNTST_bad_page is the one error after which, by the ABI, the page still is the caller's. */
BATCH(transfer)
{
    for (unsigned int i = 0; i < n; i++)
        b->transfer[i].status = GNTST_bad_page;
    return 0;
}

BATCH(swap_grant_ref)
{
    for (unsigned int i = 0; i < n; i++)
        b->swap[i].status = table_swap(&b->swap[i]);
    return 0;
}

BATCH(setup_table)
{
    b->setup.status = table_setup(&b->setup);
    return 0;
}

BATCH(query_size)
{
    b->query.status = table_query_size(&b->query);
    return 0;
}

BATCH(get_status_frames)
{
    b->status_frames.status = table_status_frames(&b->status_frames);
    return 0;
}

/* Debug key 'g' shows the tables; a guest has no business with the console's log. */
BATCH(dump_table)
{
    b->dump.status = GNTST_permission_denied;
    return 0;
}

BATCH(set_version) { return table_set_version(&b->set_version); }
BATCH(get_version) { return table_get_version(&b->get_version); }
/* For machines whose caches are not coherent. */
BATCH(cache_flush) { return -XEN_EOPNOTSUPP; }

#define ROW(name, ...) [GNTTABOP_##name] = { .batch = name, .size = sizeof(struct gnttab_##name), __VA_ARGS__ }
#define SINGLE(name)   ROW(name, .single = true)
static const struct grant_row {
    long (*batch)(union grant_batch *b, unsigned int n);
    uint16_t size;
    bool single;                /* a call has one element */
    void (*undo)(union grant_batch *b, unsigned int n);     /* when the results cannot be written */
} rows[] = {
    ROW(map_grant_ref, .undo = undo_map),
    ROW(unmap_grant_ref),
    SINGLE(setup_table),
    SINGLE(dump_table),
    ROW(transfer),
    ROW(copy),
    SINGLE(query_size),
    ROW(unmap_and_replace),
    SINGLE(set_version),
    SINGLE(get_status_frames),
    SINGLE(get_version),
    ROW(swap_grant_ref),
    ROW(cache_flush),
};

HYPERCALL(grant_table_op)
{
    unsigned int cmd = (unsigned int)a1, count = (unsigned int)a3, done = 0;
    const struct grant_row *row;
    union grant_batch b;
    long rc;

    if (cmd >= ARRAY_SIZE(rows))
        return -XEN_ENOSYS;
    row = &rows[index_clamp(cmd, ARRAY_SIZE(rows))];
    if ((int)count < 0 || (row->single && count != 1))
        return -XEN_EINVAL;
    if (!current->domain->grant)
        return -XEN_ENOSYS;
    while (done < count) {
        unsigned int n = min(count - done, GRANT_BATCH);
        void *gva = (void *)(a2 + (unsigned long)done * row->size);

        if (copy_from_guest(&b, gva, (size_t)n * row->size))
            return -XEN_EFAULT;
        if ((rc = row->batch(&b, n)))
            return rc;
        if (copy_to_guest(gva, &b, (size_t)n * row->size)) {
            if (row->undo)
                row->undo(&b, n);
            return -XEN_EFAULT;
        }
        done += n;
        if (done < count && hypercall_preempt_check())
            return hypercall_continue(__HYPERVISOR_grant_table_op, 3, a1, a2 + (unsigned long)done * row->size,
                                      (unsigned long)(count - done));
    }
    return 0;
}
