/* SPDX-License-Identifier: MIT */
#include "life/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/guard.h"
#include "base/log.h"
#include "base/run-lock.h"
#include "base/uuid.h"
#include "life/host.h"

#define POOLS_MAX 4096

char *vl_pool_name(struct vl *vl, struct vl_arena *arena, uint32_t id)
{
    char *name = vl_store(vl) ? vl_store_read(vl->store, arena, "/local/pool/%u/name", id) : NULL;

    return name || id ? name : vl_strdup(arena, "Pool-0");
}

int vl_pools_read(struct vl *vl, struct vl_arena *arena, struct vl_pool **pools, size_t *n)
{
    int size = vl_xc(vl) ? xc_get_cpumap_size(vl->xc) : -1;
    uint32_t next = 0;

    *pools = NULL;
    *n = 0;
    if (size <= 0)
        return vl_fail_errno("cannot learn the host's number of CPUs");
    while (*n < POOLS_MAX) {
        xc_cpupoolinfo_t *info = xc_cpupool_getinfo(vl->xc, next);
        struct vl_pool p = { 0 };

        if (!info)
            break;
        p.id = info->cpupool_id;
        p.domains = info->n_dom;
        p.scheduler = (int)info->sched_id;
        memcpy(p.cpus.bits, info->cpumap, (size_t)size < sizeof(p.cpus.bits) ? (size_t)size : sizeof(p.cpus.bits));
        xc_cpupool_infofree(vl->xc, info);
        p.name = vl_pool_name(vl, arena, p.id);
        if (!p.name)
            p.name = vl_printf(arena, "Pool-%u", p.id);
        VL_PUSH(arena, *pools, *n, p);
        next = p.id + 1;
    }
    return *n ? 0 : vl_fail_errno("cannot read the CPU pools");
}

int vl_pool_find(struct vl *vl, struct vl_arena *arena, const char *text, struct vl_pool *pool)
{
    struct vl_pool *pools;
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    size_t n;
    int rc = vl_pools_read(vl, arena, &pools, &n);

    for (int by_number = 0; by_number < 2 && !rc; by_number++)
        for (size_t i = 0; i < n; i++)
            if (by_number ? *text && !*end && pools[i].id == number : !strcmp(pools[i].name, text)) {
                *pool = pools[i];
                return 0;
            }
    return rc ? rc : vl_fail(-ENOENT, "there is no CPU pool '%s'", text);
}

int vl_pool_free_cpus(struct vl *vl, struct vl_cpuset *cpus)
{
    int size = vl_xc(vl) ? xc_get_cpumap_size(vl->xc) : -1;
    xc_cpumap_t map = size > 0 ? xc_cpupool_freeinfo(vl->xc) : NULL;

    memset(cpus, 0, sizeof(*cpus));
    if (!map)
        return vl_fail_errno("cannot read which CPUs are free");
    memcpy(cpus->bits, map, (size_t)size < sizeof(cpus->bits) ? (size_t)size : sizeof(cpus->bits));
    free(map);
    return 0;
}

static int take_cpus(struct vl *vl, struct vl_arena *arena, const struct vl_setting *s, struct vl_pool_config *c)
{
    const struct vl_value *v = s->value;
    struct vl_cpuset one;

    c->has_cpus = true;
    for (size_t i = 0; i < (v->is_list ? v->count : 1); i++) {
        const struct vl_value *item = v->is_list ? v->items[i] : v;

        if (item->is_list)
            return vl_place_error(&item->place, "'%s' wants numbers of CPUs, not lists", s->key);
        if (vl_cpulist_parse(vl, strcmp(s->key, "nodes") ? item->text : vl_printf(arena, "nodes:%s", item->text), &one))
            return -EINVAL;
        for (size_t k = 0; k < sizeof(one.bits); k++)
            c->cpus.bits[k] |= one.bits[k];
    }
    return 0;
}

static int take_setting(struct vl *vl, struct vl_arena *arena, const struct vl_setting *s, struct vl_pool_config *c)
{
    const struct vl_value *v = s->value;

    if (!strcmp(s->key, "cpus") || !strcmp(s->key, "nodes")) {
        if (c->has_cpus)
            return vl_place_error(&s->place, "'cpus' and 'nodes' do not go together");
        return take_cpus(vl, arena, s, c);
    }
    if (strcmp(s->key, "name") && strcmp(s->key, "sched"))
        return vl_place_error(&s->place, "unknown key '%s' (name, sched, cpus or nodes)", s->key);
    if (v->is_list)
        return vl_place_error(&v->place, "'%s' wants a string, not a list", s->key);
    if (!strcmp(s->key, "name")) {
        c->name = vl_strdup(arena, v->text);
        return *c->name && !strpbrk(c->name, "/ \t\n") ? 0 :
            vl_place_error(&v->place, "'%s' is not a name for a CPU pool", v->text);
    }
    c->scheduler = vl_scheduler_number(v->text);
    return c->scheduler >= 0 ? 0 : vl_place_error(&v->place, "there is no scheduler '%s'", v->text);
}

int vl_pool_config_make(struct vl *vl, struct vl_arena *arena, const struct vl_settings *settings,
                        struct vl_pool_config *config)
{
    struct vl_place whole = { settings->count ? settings->all[0]->place.file : "configuration", 0, 0 };
    int rc = 0;

    *config = (struct vl_pool_config){ .scheduler = VL_SCHED_HOST };
    for (size_t i = 0; i < settings->count; i++)
        if (take_setting(vl, arena, settings->all[i], config))
            rc = -EINVAL;
    if (!rc && !config->name)
        rc = vl_place_error(&whole, "'name' is missing");
    return rc;
}

static int name_is_free(struct vl *vl, const char *name)
{
    struct vl_arena arena = { 0 };
    struct vl_pool *pools;
    size_t n;
    int rc = vl_pools_read(vl, &arena, &pools, &n);

    for (size_t i = 0; i < n && !rc; i++)
        if (!strcmp(pools[i].name, name))
            rc = vl_fail(-EEXIST, "there is a CPU pool '%s' already", name);
    vl_arena_free(&arena);
    return rc;
}

/* Which CPUs a new pool gets: those asked for, all free; with none asked for, the first free one. */
static int choose_cpus(struct vl *vl, const struct vl_pool_config *c, struct vl_cpuset *cpus)
{
    struct vl_cpuset idle;
    int rc = vl_pool_free_cpus(vl, &idle);

    if (rc)
        return rc;
    memset(cpus, 0, sizeof(*cpus));
    for (unsigned cpu = 0; cpu < VL_CPUS_MAX; cpu++) {
        if (c->has_cpus && vl_cpuset_has(&c->cpus, cpu) && !vl_cpuset_has(&idle, cpu))
            return vl_fail(-EBUSY, "CPU %u is not there or not free (xl cpupool-cpu-remove takes it out of its pool)",
                           cpu);
        if (c->has_cpus ? vl_cpuset_has(&c->cpus, cpu) : vl_cpuset_has(&idle, cpu)) {
            cpus->bits[cpu / 8] |= (uint8_t)(1u << cpu % 8);
            if (!c->has_cpus)
                return 0;
        }
    }
    return c->has_cpus ? 0 : vl_fail(-EBUSY, "no CPU is free for the pool '%s'", c->name);
}

static int enter(struct vl *vl, uint32_t id, const char *name)
{
    char uuid[VL_UUID_TEXT];
    uint8_t bytes[16];

    vl_uuid_random(bytes);
    vl_uuid_format(bytes, uuid);
    vl_store_write(vl_store(vl), uuid, "/local/pool/%u/uuid", id);
    vl_store_write(vl_store(vl), name, "/local/pool/%u/name", id);
    return vl_store_apply(vl_store(vl));
}

static bool there_is(struct vl *vl, uint32_t id)
{
    xc_cpupoolinfo_t *info = xc_cpupool_getinfo(vl->xc, id);    /* the first with that number or a higher one */
    bool found = info && info->cpupool_id == id;

    if (info)
        xc_cpupool_infofree(vl->xc, info);
    return found;
}

/*
 * Make a pool of the first free number, known beforehand so that a guardian can remove it if we die. Others may take the
 * number meanwhile: then the next one is tried. The guardian is there afterwards if this succeeds.
 */
static int make_guarded(struct vl *vl, uint32_t *id, int scheduler)
{
    int rc = -EAGAIN;

    for (uint32_t n = 1; rc == -EAGAIN && n < POOLS_MAX; n++) {
        if (there_is(vl, n))
            continue;
        rc = vl_guard_start_pool(n);
        if (rc)
            return rc;
        *id = n;
        vl_guard_arm();
        if (!xc_cpupool_create(vl->xc, id, (uint32_t)scheduler))
            return 0;
        rc = -errno;
        vl_guard_dismiss();
        rc = there_is(vl, n) ? -EAGAIN : rc;
    }
    return vl_fail(rc, "cannot make a CPU pool with the scheduler %s: %s", vl_scheduler_name(scheduler), strerror(-rc));
}

static int create(struct vl *vl, const struct vl_pool_config *config, uint32_t *id)
{
    int scheduler = config->scheduler, rc = vl_store(vl) ? name_is_free(vl, config->name) : -EIO;
    struct vl_pool made = { .name = config->name };
    struct vl_cpuset cpus;

    if (!rc)
        rc = choose_cpus(vl, config, &cpus);
    if (rc)
        return rc;
    if (scheduler == VL_SCHED_HOST && xc_sched_id(vl->xc, &scheduler))
        return vl_fail_errno("cannot learn the host's scheduler");
    rc = make_guarded(vl, id, scheduler);
    if (rc)
        return rc;
    made.id = *id;
    made.cpus = cpus;
    rc = vl_pool_add_cpus(vl, &made, &cpus);
    if (!rc)
        rc = enter(vl, *id, config->name);
    if (rc)
        vl_pool_destroy(vl, &made);
    vl_guard_dismiss();
    return rc;
}

/* One at a time: two must not both find a name free, or be given the same CPU. */
int vl_pool_create(struct vl *vl, const struct vl_pool_config *config, uint32_t *id)
{
    int lock = vl_run_lock("pools", 0, -1), rc = lock < 0 ? lock : create(vl, config, id);

    if (lock >= 0)
        close(lock);
    return rc;
}

static int each_cpu(struct vl *vl, const struct vl_pool *pool, const struct vl_cpuset *cpus,
                    int (*act)(xc_interface *xc, uint32_t pool, int cpu), const char *what)
{
    for (unsigned cpu = 0; cpu < VL_CPUS_MAX; cpu++)
        if (vl_cpuset_has(cpus, cpu) && act(vl->xc, pool->id, (int)cpu))
            return vl_fail_errno("cannot %s CPU %u %s the CPU pool '%s'", what, cpu, *what == 'a' ? "to" : "from",
                                 pool->name);
    return 0;
}

int vl_pool_add_cpus(struct vl *vl, const struct vl_pool *pool, const struct vl_cpuset *cpus)
{
    return each_cpu(vl, pool, cpus, xc_cpupool_addcpu, "add");
}

int vl_pool_remove_cpus(struct vl *vl, const struct vl_pool *pool, const struct vl_cpuset *cpus)
{
    return each_cpu(vl, pool, cpus, xc_cpupool_removecpu, "remove");
}

int vl_pool_destroy(struct vl *vl, const struct vl_pool *pool)
{
    int rc;

    if (pool->domains)
        return vl_fail(-EBUSY, "there are %u domains in the CPU pool '%s'", pool->domains, pool->name);
    if (!pool->id)
        return vl_fail(-EINVAL, "the first CPU pool cannot be removed");
    rc = vl_pool_remove_cpus(vl, pool, &pool->cpus);
    if (rc)
        return rc;
    if (xc_cpupool_destroy(vl->xc, pool->id))
        return vl_fail_errno("cannot remove the CPU pool '%s'", pool->name);
    vl_store_rm(vl_store(vl), "/local/pool/%u", pool->id);
    return vl_store_apply(vl_store(vl));
}

int vl_pool_destroy_half_made(struct vl *vl, uint32_t id)
{
    int lock = vl_run_lock("pools", 0, -1), rc = lock < 0 ? lock : vl_store(vl) ? 0 : -EIO;
    struct vl_arena arena = { 0 };
    struct vl_pool *pools;
    size_t n = 0;

    if (!rc)
        rc = vl_pools_read(vl, &arena, &pools, &n);
    for (size_t i = 0; i < n && !rc; i++)
        if (pools[i].id == id && id && !vl_store_read(vl->store, &arena, "/local/pool/%u/name", id))
            rc = vl_pool_destroy(vl, &pools[i]);
    if (lock >= 0)
        close(lock);
    vl_arena_free(&arena);
    return rc;
}

int vl_pool_rename(struct vl *vl, const struct vl_pool *pool, const char *name)
{
    int lock, rc;

    if (!*name || strpbrk(name, "/ \t\n"))
        return vl_fail(-EINVAL, "'%s' is not a name for a CPU pool", name);
    lock = vl_run_lock("pools", 0, -1);
    rc = lock < 0 ? lock : vl_store(vl) ? name_is_free(vl, name) : -EIO;
    if (!rc) {
        if (pool->id)           /* the first one is always there, and need not be in the store */
            vl_store_expect(vl->store, "/local/pool/%u", pool->id);
        vl_store_write(vl->store, name, "/local/pool/%u/name", pool->id);
        rc = vl_store_apply(vl->store);
    }
    if (lock >= 0)
        close(lock);
    return rc;
}

int vl_pool_move_domain(struct vl *vl, uint32_t domid, const struct vl_pool *pool)
{
    struct vl_arena arena = { 0 };
    char *vm;

    if (xc_cpupool_movedomain(vl->xc, pool->id, domid))
        return vl_fail_errno("cannot move domain %u into the CPU pool '%s'", domid, pool->name);
    vm = vl_store_read(vl_store(vl), &arena, "/local/domain/%u/vm", domid);
    if (vm && !strncmp(vm, "/vm/", 4)) {
        vl_store_expect(vl->store, "%s", vm);
        vl_store_write(vl->store, pool->name, "%s/pool_name", vm);
        vl_store_apply(vl->store);
    }
    vl_arena_free(&arena);
    return 0;
}
