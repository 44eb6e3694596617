/* SPDX-License-Identifier: MIT */
/* grant/ops: GNTTABOP_*, a row each. Elements are copied in, worked on and copied out in batches. */
#include "private.h"

#define ELEMENT_MAX sizeof(struct gnttab_copy)

/* Not supported. GNTST_bad_page is the one error after which, by the ABI, the page still is the caller's. */
static GRANT_OP(transfer) { return GNTST_bad_page; }
/* Debug key 'g' shows the tables; a guest has no business with the console's log. */
static GRANT_OP(dump_table) { return GNTST_permission_denied; }
/* For machines whose caches are not coherent; and what no guest uses. */
static GRANT_OP(cache_flush) { return -XEN_EOPNOTSUPP; }
static GRANT_OP(swap_grant_ref) { return -XEN_EOPNOTSUPP; }

#define ROW(name, ...) [GNTTABOP_##name] = { .fn = grant_op_##name, .size = sizeof(struct gnttab_##name), __VA_ARGS__ }
#define STATUS(name)   .status = offsetof(struct gnttab_##name, status)
static const struct grant_row {
    int (*fn)(struct grant_batch *b, void *element);
    uint8_t size, status;       /* 0: none, fn's result is the call's */
    bool single;                /* a call has one element */
} rows[] = {
    ROW(map_grant_ref, STATUS(map_grant_ref)), ROW(unmap_grant_ref, STATUS(unmap_grant_ref)),
    ROW(unmap_and_replace, STATUS(unmap_and_replace)), ROW(copy, STATUS(copy)), ROW(transfer, STATUS(transfer)),
    ROW(setup_table, STATUS(setup_table), .single = true), ROW(dump_table, STATUS(dump_table), .single = true),
    ROW(query_size, STATUS(query_size), .single = true), ROW(set_version, .single = true),
    ROW(get_status_frames, STATUS(get_status_frames), .single = true), ROW(get_version, .single = true),
    ROW(swap_grant_ref), ROW(cache_flush),
};

static int run(const struct grant_row *row, char *elements, unsigned int n)
{
    struct grant_batch b;
    int rc = 0;
    b.nr_unmapped = 0;
    b.flush = b.source.open = b.dest.open = false;
    for (unsigned int i = 0; i < n && !(rc && !row->status); i++, elements += row->size) {
        rc = row->fn(&b, elements);
        if (row->status)
            *(int16_t *)(elements + row->status) = (int16_t)rc;
    }
    side_close(&b.source);
    side_close(&b.dest);
    unmap_finish(&b);
    return row->status ? 0 : rc;
}

/* The guest cannot be told its handles: it shall not have the mappings either. */
static void undo_map(const struct gnttab_map_grant_ref *map, unsigned int n)
{
    struct gnttab_unmap_grant_ref unmap[GRANT_BATCH];
    unsigned int k = 0;
    for (unsigned int i = 0; i < n; i++)
        if (map[i].status == GNTST_okay)
            unmap[k++] = (struct gnttab_unmap_grant_ref){ .handle = map[i].handle, .host_addr = map[i].host_addr,
                                                          .dev_bus_addr = map[i].dev_bus_addr };
    run(&rows[GNTTABOP_unmap_grant_ref], (char *)unmap, k);
}

HYPERCALL(grant_table_op)
{
    unsigned int cmd = (unsigned int)a1, count = (unsigned int)a3, done = 0;
    uint64_t elements[GRANT_BATCH * ELEMENT_MAX / sizeof(uint64_t)];
    const struct grant_row *row;
    int rc;
    if (cmd >= ARRAY_SIZE(rows))
        return -XEN_ENOSYS;
    row = &rows[index_clamp(cmd, ARRAY_SIZE(rows))];
    HV_ASSERT(row->size <= ELEMENT_MAX);
    if ((int)count < 0 || (row->single && count != 1))
        return -XEN_EINVAL;
    if (!current->domain->grant)
        return -XEN_ENOSYS;
    while (done < count) {
        unsigned int n = min(count - done, GRANT_BATCH);
        void *gva = (void *)(a2 + (unsigned long)done * row->size);
        if (copy_from_guest(elements, gva, (size_t)n * row->size))
            return -XEN_EFAULT;
        if ((rc = run(row, (char *)elements, n)))
            return rc;
        if (copy_to_guest(gva, elements, (size_t)n * row->size)) {
            if (cmd == GNTTABOP_map_grant_ref)
                undo_map((struct gnttab_map_grant_ref *)elements, n);
            return -XEN_EFAULT;
        }
        done += n;
        if (done < count && hypercall_preempt_check())
            return hypercall_continue(__HYPERVISOR_grant_table_op, 3, a1, a2 + (unsigned long)done * row->size,
                                      (unsigned long)(count - done));
    }
    return 0;
}
