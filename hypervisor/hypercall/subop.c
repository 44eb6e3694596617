/* SPDX-License-Identifier: MIT */
/* Running a sub-operation, and the control interfaces' common parts: see private.h. No state. */
#include "private.h"

const struct subop *subop_find(const struct subop *table, unsigned int count, unsigned int cmd, long *error)
{
    const struct subop *row = cmd < count ? &table[index_clamp(cmd, count)] : NULL;
    if (!row || (!row->fn && !row->error))
        *error = -XEN_ENOSYS;
    else if ((row->flags & SUB_PRIV) && !current->domain->privileged)
        *error = -XEN_EPERM;
    else if (!row->fn)
        *error = -(long)row->error;
    else
        return row;
    return NULL;
}

long subop_finish(const struct subop *row, void *ctx, void *arg, unsigned long garg)
{
    long rc = row->fn(ctx, arg);
    bool out = row->flags & (rc < 0 ? SUB_OUT_ALWAYS : SUB_OUT | SUB_OUT_ALWAYS);
    if (!out || !copy_to_guest((void *)garg, arg, row->size))
        return rc;
    if (rc >= 0 && row->undo)
        row->undo(ctx, arg);
    return rc < 0 ? rc : -XEN_EFAULT;
}

long subop_run(const struct subop *row, void *ctx, unsigned long garg)
{
    uint64_t arg[SUBOP_MAX_ARG / sizeof(uint64_t)];
    HV_ASSERT(row->size <= sizeof(arg));
    if (row->size && copy_from_guest(arg, (const void *)garg, row->size))
        return -XEN_EFAULT;
    return subop_finish(row, ctx, arg, garg);
}

long subop_call(const struct subop *table, unsigned int count, unsigned int cmd, unsigned long garg)
{
    long rc;
    const struct subop *row = subop_find(table, count, cmd, &rc);
    return row ? subop_run(row, NULL, garg) : rc;
}

long ctl_begin(void *arg, size_t size, uint32_t version, unsigned long garg)
{
    HV_ASSERT(size <= SUBOP_MAX_ARG);
    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (copy_from_guest(arg, (const void *)garg, size))
        return -XEN_EFAULT;
    return ((const uint32_t *)arg)[1] == version ? 0 : -XEN_EACCES;
}

long ctl_call(const struct subop *table, unsigned int count, size_t size, uint32_t version, unsigned long garg)
{
    uint32_t arg[SUBOP_MAX_ARG / sizeof(uint32_t)] __aligned(8);
    long rc = ctl_begin(arg, size, version, garg);
    const struct subop *row = rc ? NULL : subop_find(table, count, arg[0], &rc);
    return row ? subop_finish(row, NULL, arg, garg) : rc;
}

#define BITMAP_MAX_BITS (1u << 20)

int ctl_bitmap_get(uint64_t *map, const struct xenctl_bitmap *from)
{
    uint32_t bits = min(from->nr_bits, (uint32_t)NR_CPUS);
    *map = 0;
    if (bits && copy_from_guest(map, from->bitmap.p, (bits + 7) / 8))
        return -XEN_EFAULT;
    if (bits < NR_CPUS)
        *map &= BIT(bits) - 1;
    return 0;
}

int ctl_bitmap_put(const struct xenctl_bitmap *to, uint64_t map)
{
    uint32_t bits = min(to->nr_bits, (uint32_t)NR_CPUS), bytes = (bits + 7) / 8;
    if (to->nr_bits > BITMAP_MAX_BITS)
        return -XEN_EINVAL;
    if (bits < NR_CPUS)
        map &= BIT(bits) - 1;
    if (bytes && copy_to_guest(to->bitmap.p, &map, bytes))
        return -XEN_EFAULT;
    return bits < to->nr_bits ? clear_guest(handle_address(to->bitmap, bytes), (to->nr_bits + 7) / 8 - bytes) : 0;
}
