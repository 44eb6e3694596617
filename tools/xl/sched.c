/* SPDX-License-Identifier: MIT */
/* sched-credit, sched-credit2 and sched-rtds: shares of domains, parameters of pools. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "life/host.h"
#include "life/pool.h"
#include "life/sched.h"
#include "xl/xl.h"

struct request {
    int scheduler;
    const char *domain, *pool;
    bool of_pool, json;         /* -s: the scheduler's own parameters */
    struct vl_sched_domain share;
    struct vl_sched_pool param;
};

static bool changes_share(const struct vl_sched_domain *s)
{
    return s->weight != VL_UNSET || s->cap != VL_UNSET || s->period != VL_UNSET || s->budget != VL_UNSET ||
           s->extratime != VL_UNSET;
}

static bool changes_param(const struct vl_sched_pool *p)
{
    return p->tslice_ms != VL_UNSET || p->ratelimit_us != VL_UNSET || p->migration_delay_us != VL_UNSET;
}

static void print_pool(const struct vl_pool *pool, int scheduler)
{
    struct vl_sched_pool p;

    printf("Cpupool %s: ", pool->name);
    if (scheduler == XEN_SCHEDULER_RTDS || pool->scheduler != scheduler ||
        vl_sched_pool_get(&xl_vl, scheduler, pool->id, &p)) {
        printf(scheduler == XEN_SCHEDULER_RTDS ? "sched=RTDS\n" : "[sched params unavailable]\n");
        return;
    }
    if (scheduler == XEN_SCHEDULER_CREDIT)
        printf("tslice=%dms ratelimit=%dus migration-delay=%dus\n", p.tslice_ms, p.ratelimit_us, p.migration_delay_us);
    else
        printf("ratelimit=%dus\n", p.ratelimit_us);
}

static void print_header(int scheduler)
{
    if (scheduler == XEN_SCHEDULER_RTDS)
        printf("%-33s %4s %9s %9s %10s\n", "Name", "ID", "Period", "Budget", "Extratime");
    else
        printf("%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
}

static int print_share(int scheduler, uint32_t domid, const char *name)
{
    struct vl_sched_domain s;

    if (vl_sched_domain_get(&xl_vl, scheduler, domid, &s))
        return 1;
    if (scheduler == XEN_SCHEDULER_RTDS)
        printf("%-33s %4d %9d %9d %10s\n", name, domid, s.period, s.budget, "yes");
    else
        printf("%-33s %4d %6d %4d\n", name, domid, s.weight, s.cap);
    return 0;
}

static void json_share(struct vl_json *j, int scheduler, const struct vl_domain *d)
{
    struct vl_sched_domain s;

    if (vl_sched_domain_get(&xl_vl, scheduler, d->info.domain, &s))
        return;
    vl_json_map(j, NULL);
    vl_json_text_string(j, "name", d->name);
    vl_json_number(j, "domid", d->info.domain);
    if (scheduler == XEN_SCHEDULER_RTDS) {
        vl_json_number(j, "period_us", s.period);
        vl_json_number(j, "budget_us", s.budget);
    } else {
        vl_json_number(j, "weight", s.weight);
        vl_json_number(j, "cap", s.cap);
    }
    vl_json_map_end(j);
}

/* A pool with the domains in it, or only one of them. */
static void json_pool(struct vl_json *j, const struct vl_pool *pool, const struct vl_domain_list *list, const uint32_t *only)
{
    struct vl_sched_pool p;

    vl_json_map(j, NULL);
    vl_json_text_string(j, "cpupool", pool->name);
    vl_json_string(j, "scheduler", vl_scheduler_name(pool->scheduler));
    if (pool->scheduler != XEN_SCHEDULER_RTDS && !vl_sched_pool_get(&xl_vl, pool->scheduler, pool->id, &p)) {
        if (p.tslice_ms != VL_UNSET)
            vl_json_number(j, "tslice_ms", p.tslice_ms);
        vl_json_number(j, "ratelimit_us", p.ratelimit_us);
        if (p.migration_delay_us != VL_UNSET)
            vl_json_number(j, "migration_delay_us", p.migration_delay_us);
    }
    vl_json_array(j, "domains");
    for (size_t i = 0; i < list->count; i++)
        if (list->all[i].info.cpupool == pool->id && (!only || list->all[i].info.domain == *only))
            json_share(j, pool->scheduler, &list->all[i]);
    vl_json_array_end(j);
    vl_json_map_end(j);
}

/* Pools and the domains in them; with -s only the pools; with `only` the one domain and its pool, in JSON. */
static int show(const struct request *r, const struct vl_pool *pools, size_t n, const uint32_t *only)
{
    struct vl_json *j = r->json ? xl_json_begin("sched") : NULL;
    struct vl_domain_list list;
    int rc = 0;

    if (vl_domains(&xl_vl, &list, true))
        return 1;
    if (j)
        vl_json_array(j, "cpupools");
    for (size_t p = 0; p < n; p++) {
        if (pools[p].scheduler != r->scheduler && !(r->of_pool && !j))
            continue;
        if (j) {
            json_pool(j, &pools[p], &list, only);
            continue;
        }
        print_pool(&pools[p], r->scheduler);
        if (r->of_pool)
            continue;
        print_header(r->scheduler);
        for (size_t i = 0; i < list.count; i++)
            if (list.all[i].info.cpupool == pools[p].id)
                rc |= print_share(r->scheduler, list.all[i].info.domain, list.all[i].name);
    }
    vl_domains_free(&list);
    if (j) {
        vl_json_array_end(j);
        rc |= xl_json_end(j);
    }
    return rc;
}

static int json_of_domain(const struct request *r, uint32_t id, uint32_t domid)
{
    struct vl_arena arena = { 0 };
    struct vl_pool *pools;
    size_t n, i = 0;
    int rc = vl_pools_read(&xl_vl, &arena, &pools, &n) ? 1 : 0;

    while (!rc && i < n && pools[i].id != id)
        i++;
    if (!rc)
        rc = i < n ? show(r, &pools[i], 1, &domid) : vl_fail(1, "the CPU pool of domain %u has gone", domid);
    vl_arena_free(&arena);
    return rc;
}

static int of_domain(const struct request *r)
{
    uint32_t domid = xl_find_domain(r->domain);
    xc_domaininfo_t info;
    int scheduler;

    if (vl_domain_info(&xl_vl, domid, &info))
        return vl_fail(1, "domain %u has gone", domid);
    scheduler = vl_sched_of(&xl_vl, &info);
    if (scheduler < 0)
        return 1;
    if (scheduler != r->scheduler)
        return vl_fail(1, "domain %u is scheduled by %s, not by %s", domid, vl_scheduler_name(scheduler),
                       vl_scheduler_name(r->scheduler));
    if (changes_share(&r->share))
        return vl_sched_domain_set(&xl_vl, scheduler, domid, info.max_vcpu_id + 1, &r->share) ? 1 : 0;
    if (r->json)
        return json_of_domain(r, info.cpupool, domid);
    print_header(scheduler);
    return print_share(scheduler, domid, xl_domain_name(domid));
}

/* The pool whose parameters -s changes: the one named, else the first. */
static int change_pool(const struct request *r, struct vl_arena *arena)
{
    struct vl_pool pool;

    if (vl_pool_find(&xl_vl, arena, r->pool ? r->pool : "0", &pool))
        return 1;
    if (pool.scheduler != r->scheduler)
        return vl_fail(1, "the scheduler of the CPU pool '%s' is %s, not %s", pool.name,
                       vl_scheduler_name(pool.scheduler), vl_scheduler_name(r->scheduler));
    return vl_sched_pool_set(&xl_vl, r->scheduler, pool.id, &r->param) ? 1 : 0;
}

static int execute(const struct request *r)
{
    struct vl_arena arena = { 0 };
    struct vl_pool *pools, one;
    size_t n;
    int rc;

    if (r->of_pool && (r->domain || changes_share(&r->share)))
        return vl_fail(1, "-s is about the scheduler: no domain goes with it");
    if (r->pool && (r->domain || changes_share(&r->share)))
        return vl_fail(1, "a CPU pool and a domain do not go together");
    if (!r->domain && changes_share(&r->share))
        return vl_fail(1, "which domain? (-d)");
    if (!vl_xc(&xl_vl))
        return 1;
    if (r->domain)
        return of_domain(r);
    if (r->pool && vl_pool_find(&xl_vl, &arena, r->pool, &one))
        rc = 1;
    else if (r->of_pool && changes_param(&r->param))
        rc = change_pool(r, &arena);
    else
        rc = r->pool ? show(r, &one, 1, NULL) : vl_pools_read(&xl_vl, &arena, &pools, &n) ? 1 : show(r, pools, n, NULL);
    vl_arena_free(&arena);
    return rc;
}

static bool number(const char *what, int *out)
{
    long n;

    if (!xl_number(what, *optarg == '=' ? optarg + 1 : optarg, 0, 1l << 30, &n))
        return false;
    *out = (int)n;
    return true;
}

static int credit(int argc, char **argv, int scheduler, const char *options)
{
    static const struct option longs[] = {
        { "domain", required_argument, NULL, 'd' }, { "weight", required_argument, NULL, 'w' },
        { "cap", required_argument, NULL, 'c' }, { "schedparam", no_argument, NULL, 's' },
        { "tslice_ms", required_argument, NULL, 't' }, { "ratelimit_us", required_argument, NULL, 'r' },
        { "migration_delay_us", required_argument, NULL, 'm' }, { "cpupool", required_argument, NULL, 'p' },
        XL_LONG_JSON, XL_LONG_END,
    };
    struct request r = { .scheduler = scheduler, .share = VL_SCHED_DOMAIN_UNSET,
                         .param = { VL_UNSET, VL_UNSET, VL_UNSET } };
    bool good = true;

    for (int opt; good && (opt = xl_getopt(argc, argv, options, longs, 0, 0)) != -1;)
        switch (opt) {
        case 'd': r.domain = optarg; break;
        case 'p': r.pool = optarg; break;
        case 's': r.of_pool = true; break;
        case 'w': good = number("weight", &r.share.weight); break;
        case 'c': good = number("cap", &r.share.cap); break;
        case 't': good = number("tslice", &r.param.tslice_ms); break;
        case 'r': good = number("ratelimit", &r.param.ratelimit_us); break;
        case 'm': good = number("migration delay", &r.param.migration_delay_us); break;
        case XL_OPT_JSON: r.json = true; break;
        }
    return good ? execute(&r) : 1;
}

int xl_sched_credit(int argc, char **argv)
{
    return credit(argc, argv, XEN_SCHEDULER_CREDIT, "d:w:c:st:r:m:p:");
}

int xl_sched_credit2(int argc, char **argv)
{
    return credit(argc, argv, XEN_SCHEDULER_CREDIT2, "d:w:c:sr:p:");
}

int xl_sched_rtds(int argc, char **argv)
{
    static const struct option longs[] = {
        { "domain", required_argument, NULL, 'd' }, { "vcpuid", required_argument, NULL, 'v' },
        { "period", required_argument, NULL, 'p' }, { "budget", required_argument, NULL, 'b' },
        { "extratime", required_argument, NULL, 'e' }, { "cpupool", required_argument, NULL, 'c' }, XL_LONG_JSON, XL_LONG_END,
    };
    struct request r = { .scheduler = XEN_SCHEDULER_RTDS, .share = VL_SCHED_DOMAIN_UNSET,
                         .param = { VL_UNSET, VL_UNSET, VL_UNSET } };
    bool good = true;

    for (int opt; good && (opt = xl_getopt(argc, argv, "d:v:p:b:e:c:", longs, 0, 0)) != -1;)
        switch (opt) {
        case 'd': r.domain = optarg; break;
        case 'c': r.pool = optarg; break;
        case 'p': good = number("period", &r.share.period); break;
        case 'b': good = number("budget", &r.share.budget); break;
        case 'e': good = number("extratime", &r.share.extratime); break;
        case XL_OPT_JSON: r.json = true; break;
        case 'v':
            if (strcmp(optarg, "all"))
                return vl_fail(1, "parameters of single vCPUs are not supported: only -v all");
            break;
        }
    return good ? execute(&r) : 1;
}
