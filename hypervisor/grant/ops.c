/* SPDX-License-Identifier: MIT */
/*
 * grant/ops: GNTTABOP_*, one row each. Elements are copied in, worked on and copied out in batches of at most
 * GRANT_BATCH; after each batch the call may stop and be restarted behind it.
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

/* 0: done, statuses are in the elements; negative: the whole call fails. */
static long do_map(union grant_batch *b, unsigned int n)
{
    grant_map_batch(b->map, n);
    return 0;
}

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

static long do_unmap(union grant_batch *b, unsigned int n)
{
    grant_unmap_batch(b->unmap, n);
    return 0;
}

static long do_replace(union grant_batch *b, unsigned int n)
{
    grant_unmap_replace_batch(b->replace, n);
    return 0;
}

static long do_copy(union grant_batch *b, unsigned int n)
{
    grant_copy_batch(b->copy, n);
    return 0;
}

/* Not supported. GNTST_bad_page is the one error after which, by the ABI, the page still is the caller's. */
static long do_transfer(union grant_batch *b, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        b->transfer[i].status = GNTST_bad_page;
    return 0;
}

static long do_swap(union grant_batch *b, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        b->swap[i].status = table_swap(&b->swap[i]);
    return 0;
}

static long do_setup(union grant_batch *b, unsigned int n)
{
    (void)n;
    b->setup.status = table_setup(&b->setup);
    return 0;
}

static long do_query(union grant_batch *b, unsigned int n)
{
    (void)n;
    b->query.status = table_query_size(&b->query);
    return 0;
}

/* Debug key 'g' shows the tables; a guest has no business with the console's log. */
static long do_dump(union grant_batch *b, unsigned int n)
{
    (void)n;
    b->dump.status = GNTST_permission_denied;
    return 0;
}

static long do_status_frames(union grant_batch *b, unsigned int n)
{
    (void)n;
    b->status_frames.status = table_status_frames(&b->status_frames);
    return 0;
}

static long do_set_version(union grant_batch *b, unsigned int n)
{
    (void)n;
    return table_set_version(&b->set_version);
}

static long do_get_version(union grant_batch *b, unsigned int n)
{
    (void)n;
    return table_get_version(&b->get_version);
}

static long do_refuse(union grant_batch *b, unsigned int n)
{
    (void)b;
    (void)n;
    return -XEN_EOPNOTSUPP;
}

struct grant_row {
    long (*batch)(union grant_batch *b, unsigned int n);
    void (*undo)(union grant_batch *b, unsigned int n);     /* when results cannot be written back */
    uint8_t size;
    bool single;                                            /* takes exactly one element */
};

static const struct grant_row rows[] = {
    [GNTTABOP_map_grant_ref]     = { do_map, undo_map, sizeof(struct gnttab_map_grant_ref), false },
    [GNTTABOP_unmap_grant_ref]   = { do_unmap, NULL, sizeof(struct gnttab_unmap_grant_ref), false },
    [GNTTABOP_setup_table]       = { do_setup, NULL, sizeof(struct gnttab_setup_table), true },
    [GNTTABOP_dump_table]        = { do_dump, NULL, sizeof(struct gnttab_dump_table), true },
    [GNTTABOP_transfer]          = { do_transfer, NULL, sizeof(struct gnttab_transfer), false },
    [GNTTABOP_copy]              = { do_copy, NULL, sizeof(struct gnttab_copy), false },
    [GNTTABOP_query_size]        = { do_query, NULL, sizeof(struct gnttab_query_size), true },
    [GNTTABOP_unmap_and_replace] = { do_replace, NULL, sizeof(struct gnttab_unmap_and_replace), false },
    [GNTTABOP_set_version]       = { do_set_version, NULL, sizeof(struct gnttab_set_version), true },
    [GNTTABOP_get_status_frames] = { do_status_frames, NULL, sizeof(struct gnttab_get_status_frames), true },
    [GNTTABOP_get_version]       = { do_get_version, NULL, sizeof(struct gnttab_get_version), true },
    [GNTTABOP_swap_grant_ref]    = { do_swap, NULL, sizeof(struct gnttab_swap_grant_ref), false },
    [GNTTABOP_cache_flush]       = { do_refuse, NULL, sizeof(struct gnttab_cache_flush), false },
};

unsigned int grant_op_size(unsigned int cmd)
{
    return cmd < ARRAY_SIZE(rows) ? rows[index_clamp(cmd, ARRAY_SIZE(rows))].size : 0;
}

long grant_op(unsigned int cmd, XEN_GUEST_HANDLE(void) uop, unsigned int count)
{
    const struct grant_row *row;
    union grant_batch b;
    unsigned int done = 0;

    if (cmd >= ARRAY_SIZE(rows))
        return -XEN_ENOSYS;
    row = &rows[index_clamp(cmd, ARRAY_SIZE(rows))];
    if ((int)count < 0 || (row->single && count != 1))
        return -XEN_EINVAL;
    if (!current->domain->grant)
        return -XEN_ENOSYS;
    while (done < count) {
        unsigned int n = min(count - done, GRANT_BATCH);
        void *gva = (void *)((unsigned long)uop.p + (unsigned long)done * row->size);
        long rc;

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
            return done;
    }
    return 0;
}
