/* SPDX-License-Identifier: MIT */
/*
 * Running a sub-operation: see subop.h. No state.
 */
#include "subop.h"

#include <hv/console.h>
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/mm.h>

const struct subop *subop_find(const struct subop *table, unsigned int count, unsigned int cmd, long *error)
{
    const struct subop *row;

    *error = -XEN_ENOSYS;
    if (cmd >= count)
        return NULL;
    row = &table[index_clamp(cmd, count)];
    if (!row->name)
        return NULL;
    if ((row->flags & SUB_PRIV) && !current->domain->privileged) {
        *error = -XEN_EPERM;
        return NULL;
    }
    if (!row->fn) {
        *error = -(long)row->error;
        return NULL;
    }
    return row;
}

long subop_run(const struct subop *row, void *ctx, unsigned long garg)
{
    uint64_t arg[SUBOP_MAX_ARG / sizeof(uint64_t)];
    long rc;

    HV_ASSERT(row->size <= sizeof(arg));
    if (row->size && copy_from_guest(arg, (const void *)garg, row->size))
        return -XEN_EFAULT;
    rc = row->fn(ctx, arg);
    if ((rc < 0 || !(row->flags & SUB_OUT)) && !(row->flags & SUB_OUT_ALWAYS))
        return rc;
    if (copy_to_guest((void *)garg, arg, row->size)) {
        if (rc >= 0 && row->undo)
            row->undo(ctx, arg);
        return rc < 0 ? rc : -XEN_EFAULT;
    }
    return rc;
}
