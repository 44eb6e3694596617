/* SPDX-License-Identifier: MIT */
/*
 * grant/ops: GNTTABOP_*, a row each. Elements are copied in, worked on and copied out in batches; the call may stop
 * after each.
 */
#include "private.h"

/* The guest cannot be told its handles: it shall not have the mappings either. */
static void undo_map(union grant_batch *b, unsigned int n)
{
    union grant_batch u;
    unsigned int k = 0;

    for (unsigned int i = 0; i < n; i++)
        if (b->map[i].status == GNTST_okay)
            u.unmap[k++] = (struct gnttab_unmap_grant_ref){ .handle = b->map[i].handle,
                                                           .host_addr = b->map[i].host_addr,
                                                      .dev_bus_addr = b->map[i].dev_bus_addr };
    grant_op_unmap_grant_ref(&u, k);
}

/* Not supported. GNTST_bad_page is the one error after which, by the ABI, the page still is the caller's. */
static GRANT_OP(transfer)
{
    for (unsigned int i = 0; i < n; i++)
        b->transfer[i].status = GNTST_bad_page;
    return 0;
}

static GRANT_OP(swap_grant_ref)
{
    for (unsigned int i = 0; i < n; i++)
        b->swap[i].status = table_swap(&b->swap[i]);
    return 0;
}

static GRANT_OP(setup_table)
{
    b->setup.status = table_setup(&b->setup);
    return 0;
}

static GRANT_OP(query_size)
{
    b->query.status = table_query_size(&b->query);
    return 0;
}

static GRANT_OP(get_status_frames)
{
    b->status_frames.status = table_status_frames(&b->status_frames);
    return 0;
}

/* Debug key 'g' shows the tables; a guest has no business with the console's log. */
static GRANT_OP(dump_table)
{
    b->dump.status = GNTST_permission_denied;
    return 0;
}

static GRANT_OP(set_version) { return table_set_version(&b->set_version); }
static GRANT_OP(get_version) { return table_get_version(&b->get_version); }
/* For machines whose caches are not coherent. */
static GRANT_OP(cache_flush) { return -XEN_EOPNOTSUPP; }

#define ROW(name, ...) [GNTTABOP_##name] = { .fn = grant_op_##name, .size = sizeof(struct gnttab_##name), __VA_ARGS__ }
#define SINGLE(name)   ROW(name, .single = true)
static const struct grant_row {
    long (*fn)(union grant_batch *b, unsigned int n);
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
        if ((rc = row->fn(&b, n)))
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
