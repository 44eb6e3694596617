/* SPDX-License-Identifier: MIT */
/* mem-set and mem-max. */
#include "life/memory.h"
#include "xl/xl.h"

static int set(int argc, char **argv, int (*act)(struct vl *vl, uint32_t domid, uint64_t kb))
{
    uint32_t domid;
    uint64_t kb;

    xl_getopt(argc, argv, "", NULL, 2, 2);
    domid = xl_find_domain(argv[optind]);
    return vl_memory_parse(argv[optind + 1], &kb) || act(&xl_vl, domid, kb) ? 1 : 0;
}

int xl_mem_set(int argc, char **argv)
{
    return set(argc, argv, vl_memory_set_target);
}

int xl_mem_max(int argc, char **argv)
{
    return set(argc, argv, vl_memory_set_max);
}
