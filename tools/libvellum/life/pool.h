/* SPDX-License-Identifier: MIT */
/*
 * CPU pools: sets of host CPUs with a scheduler of their own. The hypervisor numbers them; their names stand in the
 * store under /local/pool/ID, as libxl keeps them.
 */
#ifndef VL_LIFE_POOL_H
#define VL_LIFE_POOL_H

#include "base/arena.h"
#include "config/value.h"
#include "life/affinity.h"

struct vl_pool {
    uint32_t id, domains;
    int scheduler;
    char *name;                 /* in the arena */
    struct vl_cpuset cpus;
};

/* All pools in order of their numbers. 0 or a told -errno. */
int vl_pools_read(struct vl *vl, struct vl_arena *arena, struct vl_pool **pools, size_t *n);

/* The pool of a name or, when there is none of it, of a number. -ENOENT, told, when there is none. */
int vl_pool_find(struct vl *vl, struct vl_arena *arena, const char *text, struct vl_pool *pool);

/* A pool's name by number, "Pool-0" for the first one; NULL when it has none. */
char *vl_pool_name(struct vl *vl, struct vl_arena *arena, uint32_t id);

/* CPUs that are in no pool. */
int vl_pool_free_cpus(struct vl *vl, struct vl_cpuset *cpus);

/* What a pool's configuration says (xlcpupool.cfg(5)). */
struct vl_pool_config {
    char *name;                 /* in the arena */
    int scheduler;              /* its number; VL_SCHED_HOST: the host's default */
    bool has_cpus;
    struct vl_cpuset cpus;
};
#define VL_SCHED_HOST (-1)

/* Check settings; every problem is told with its place. -EINVAL when anything was refused. */
int vl_pool_config_make(struct vl *vl, struct vl_arena *arena, const struct vl_settings *settings,
                        struct vl_pool_config *config);

/* Make a pool with its CPUs, all or nothing. *id is its number. */
int vl_pool_create(struct vl *vl, const struct vl_pool_config *config, uint32_t *id);
/* Remove an empty pool, with its CPUs. -EBUSY, told, when there are domains in it. */
int vl_pool_destroy(struct vl *vl, const struct vl_pool *pool);
/* Remove the pool of that number, if it is there and nobody has entered it in the store: whoever made it has died. */
int vl_pool_destroy_half_made(struct vl *vl, uint32_t id);
int vl_pool_rename(struct vl *vl, const struct vl_pool *pool, const char *name);
/* Add or remove CPUs; stops at the first that will not. */
int vl_pool_add_cpus(struct vl *vl, const struct vl_pool *pool, const struct vl_cpuset *cpus);
int vl_pool_remove_cpus(struct vl *vl, const struct vl_pool *pool, const struct vl_cpuset *cpus);
int vl_pool_move_domain(struct vl *vl, uint32_t domid, const struct vl_pool *pool);

#endif
