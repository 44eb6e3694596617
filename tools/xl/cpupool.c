/* SPDX-License-Identifier: MIT */
/* cpupool-*: pools of CPUs with a scheduler each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "life/host.h"
#include "life/pool.h"
#include "xl/xl.h"

static unsigned count(const struct vl_cpuset *set)
{
    unsigned n = 0;

    for (unsigned i = 0; i < VL_CPUS_MAX; i++)
        n += vl_cpuset_has(set, i);
    return n;
}

static void print_pool(const struct vl_pool *p, bool cpus)
{
    bool first = true;

    if (!cpus) {
        printf("%-19s%3u%10s       y       %4u\n", p->name, count(&p->cpus), vl_scheduler_name(p->scheduler),
               p->domains);
        return;
    }
    printf("%-19s", p->name);
    for (unsigned i = 0; i < VL_CPUS_MAX; i++)
        if (vl_cpuset_has(&p->cpus, i)) {
            printf("%s%u", first ? "" : ",", i);
            first = false;
        }
    putchar('\n');
}

static void json_pool(struct vl_json *j, const struct vl_pool *p)
{
    vl_json_map(j, NULL);
    vl_json_text_string(j, "name", p->name);
    vl_json_number(j, "id", p->id);
    vl_json_string(j, "scheduler", vl_scheduler_name(p->scheduler));
    vl_json_number(j, "domains", p->domains);
    vl_json_array(j, "cpus");
    for (unsigned i = 0; i < VL_CPUS_MAX; i++)
        if (vl_cpuset_has(&p->cpus, i))
            vl_json_number(j, NULL, i);
    vl_json_array_end(j);
    vl_json_map_end(j);
}

int xl_cpupool_list(int argc, char **argv)
{
    static const struct option longs[] = { { "cpus", no_argument, NULL, 'c' }, XL_LONG_JSON, XL_LONG_END };
    struct vl_arena arena = { 0 };
    struct vl_json *json = NULL;
    struct vl_pool *pools, one;
    bool cpus = false;
    size_t n = 1;
    int rc;

    for (int opt; (opt = xl_getopt(argc, argv, "c", longs, 0, 1)) != -1;) {
        cpus |= opt == 'c';
        if (opt == XL_OPT_JSON && !json)
            json = xl_json_begin("cpupool-list");
    }
    pools = &one;
    rc = argv[optind] ? vl_pool_find(&xl_vl, &arena, argv[optind], &one) : vl_pools_read(&xl_vl, &arena, &pools, &n);
    if (rc)
        return 1;
    if (json)
        vl_json_array(json, "cpupools");
    else
        printf(cpus ? "Name               CPU list\n" : "Name               CPUs   Sched     Active   Domain count\n");
    for (size_t i = 0; i < n; i++)
        if (json)
            json_pool(json, &pools[i]);
        else
            print_pool(&pools[i], cpus);
    vl_arena_free(&arena);
    if (!json)
        return 0;
    vl_json_array_end(json);
    return xl_json_end(json);
}

static void show_config(const char *file, const struct vl_pool_config *c)
{
    int scheduler = c->scheduler;
    struct vl_cpuset idle = { { 0 } };
    unsigned cpus = count(&c->cpus);

    if (!c->has_cpus && !vl_pool_free_cpus(&xl_vl, &idle))
        cpus = count(&idle) > 0;        /* the first that is free */
    if (scheduler == VL_SCHED_HOST)
        xc_sched_id(xl_vl.xc, &scheduler);
    printf("Using config file \"%s\"\ncpupool name:   %s\nscheduler:      %s\nnumber of cpus: %u\n",
           file ? file : "command line", c->name, vl_scheduler_name(scheduler), cpus);
}

int xl_cpupool_create(int argc, char **argv)
{
    static const struct option longs[] = {
        { "defconfig", required_argument, NULL, 'f' }, { "dryrun", no_argument, NULL, 'n' }, XL_LONG_END,
    };
    struct vl_settings settings = { 0 };
    struct vl_arena arena = { 0 };
    struct vl_pool_config config;
    const char *file = NULL;
    bool dry_run = xl_dry_run;
    uint32_t id;
    int rc = 0;

    for (int opt; (opt = xl_getopt(argc, argv, "f:n", longs, 0, -1)) != -1;)
        if (opt == 'f')
            file = optarg;
        else
            dry_run = true;
    if (!file && optind < argc && !strchr(argv[optind], '='))
        file = argv[optind++];
    if (!file && optind == argc)
        return xl_usage();
    if (!vl_xc(&xl_vl) || (file && vl_settings_parse_file(&settings, &arena, file)))
        return 1;
    for (; optind < argc; optind++)
        if (vl_settings_parse_argument(&settings, &arena, argv[optind]))
            rc = 1;
    if (rc || vl_pool_config_make(&xl_vl, &arena, &settings, &config))
        return 1;
    show_config(file, &config);
    if (!dry_run)
        rc = vl_pool_create(&xl_vl, &config, &id) ? 1 : 0;
    vl_arena_free(&arena);
    return rc;
}

/* The pool that the first argument names; `wanted` arguments there must be. Exits otherwise. */
static struct vl_pool chosen(int argc, char **argv, int wanted)
{
    static struct vl_arena arena;
    struct vl_pool pool;

    xl_getopt(argc, argv, "", NULL, wanted, wanted);
    if (vl_pool_find(&xl_vl, &arena, argv[optind], &pool))
        exit(1);
    return pool;
}

int xl_cpupool_destroy(int argc, char **argv)
{
    struct vl_pool pool;
    long id;

    /* Not for people: what a guardian runs for a pool whose maker has died. */
    if (argc == 3 && !strcmp(argv[1], "--half-made"))
        return xl_number("CPU pool", argv[2], 1, UINT32_MAX, &id) && !vl_pool_destroy_half_made(&xl_vl, (uint32_t)id) ? 0 : 1;
    pool = chosen(argc, argv, 1);
    return vl_pool_destroy(&xl_vl, &pool) ? 1 : 0;
}

int xl_cpupool_rename(int argc, char **argv)
{
    struct vl_pool pool = chosen(argc, argv, 2);

    return vl_pool_rename(&xl_vl, &pool, argv[optind + 1]) ? 1 : 0;
}

int xl_cpupool_cpu_add(int argc, char **argv)
{
    struct vl_pool pool = chosen(argc, argv, 2);
    struct vl_cpuset cpus;

    if (vl_cpulist_parse(&xl_vl, argv[optind + 1], &cpus))
        return 1;
    return vl_pool_add_cpus(&xl_vl, &pool, &cpus) ? 1 : 0;
}

int xl_cpupool_cpu_remove(int argc, char **argv)
{
    struct vl_pool pool = chosen(argc, argv, 2);
    struct vl_cpuset cpus;

    if (vl_cpulist_parse(&xl_vl, argv[optind + 1], &cpus))
        return 1;
    return vl_pool_remove_cpus(&xl_vl, &pool, &cpus) ? 1 : 0;
}

int xl_cpupool_migrate(int argc, char **argv)
{
    struct vl_arena arena = { 0 };
    struct vl_pool pool;
    uint32_t domid;
    int rc;

    xl_getopt(argc, argv, "", NULL, 2, 2);
    domid = xl_find_domain(argv[optind]);
    rc = vl_pool_find(&xl_vl, &arena, argv[optind + 1], &pool);
    if (!rc)
        rc = vl_pool_move_domain(&xl_vl, domid, &pool);
    vl_arena_free(&arena);
    return rc ? 1 : 0;
}

/* The CPUs of one NUMA node. */
static struct vl_cpuset node_cpus(const struct vl_host *host, unsigned node)
{
    struct vl_cpuset set = { { 0 } };

    for (unsigned i = 0; i < host->n_cpus && i < VL_CPUS_MAX; i++)
        if (host->cpus[i].core != XEN_INVALID_CORE_ID && host->cpus[i].node == node)
            set.bits[i / 8] |= (uint8_t)(1u << i % 8);
    return set;
}

/* The first pool keeps the first node's CPUs; each other node gets a pool of its own, of the same scheduler. */
static int split(const struct vl_pool *first, const struct vl_host *host, const unsigned *nodes, unsigned n)
{
    struct vl_arena arena = { 0 };
    char name[32];
    int rc;

    snprintf(name, sizeof(name), "Pool-node%u", nodes[0]);
    rc = vl_pool_rename(&xl_vl, first, name);
    for (unsigned i = 1; i < n && !rc; i++) {
        struct vl_pool_config config = { .scheduler = first->scheduler, .has_cpus = true };
        uint32_t id;

        snprintf(name, sizeof(name), "Pool-node%u", nodes[i]);
        config.name = name;
        config.cpus = node_cpus(host, nodes[i]);
        rc = vl_pool_remove_cpus(&xl_vl, first, &config.cpus);
        if (!rc)
            rc = vl_pool_create(&xl_vl, &config, &id);
    }
    vl_arena_free(&arena);
    return rc ? 1 : 0;
}

int xl_cpupool_numa_split(int argc, char **argv)
{
    struct vl_arena arena = { 0 };
    struct vl_pool *pools;
    struct vl_host host = { 0 };
    unsigned nodes[64], n = 0;
    size_t count_of;
    int rc;

    xl_getopt(argc, argv, "", NULL, 0, 0);
    if (vl_pools_read(&xl_vl, &arena, &pools, &count_of) || vl_host_read_topology(&xl_vl, &host))
        return 1;
    for (unsigned node = 0; node < host.n_nodes && n < 64; node++) {
        struct vl_cpuset set = node_cpus(&host, node);

        if (count(&set))
            nodes[n++] = node;
    }
    if (count_of > 1)
        rc = vl_fail(1, "there are %zu CPU pools already: the host can only be split while it has one", count_of);
    else
        rc = n ? split(&pools[0], &host, nodes, n) : vl_fail(1, "the host tells of no NUMA nodes");
    vl_host_free(&host);
    vl_arena_free(&arena);
    return rc;
}
