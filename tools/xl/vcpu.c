/* SPDX-License-Identifier: MIT */
/* vcpu-list, vcpu-pin, vcpu-set. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "life/vcpu.h"
#include "xl/xl.h"

static void json_cpus(struct vl_json *j, const char *key, const struct vl_cpuset *set, unsigned n)
{
    vl_json_array(j, key);
    for (unsigned i = 0; i < n; i++)
        if (vl_cpuset_has(set, i))
            vl_json_number(j, NULL, i);
    vl_json_array_end(j);
}

static void json_vcpu(struct vl_json *j, const struct vl_domain *d, const struct vl_vcpu *v, unsigned cpus)
{
    vl_json_map(j, NULL);
    vl_json_text_string(j, "name", d->name);
    vl_json_number(j, "domid", d->info.domain);
    vl_json_number(j, "vcpu", v->number);
    vl_json_bool(j, "online", v->online);
    vl_json_bool(j, "blocked", v->blocked);
    vl_json_bool(j, "running", v->running);
    if (v->online)
        vl_json_number(j, "cpu", v->cpu);
    else
        vl_json_null(j, "cpu");
    vl_json_real(j, "cpu_seconds", (double)v->cpu_time / 1e9);
    json_cpus(j, "hard_affinity", &v->hard, cpus);
    json_cpus(j, "soft_affinity", &v->soft, cpus);
    vl_json_map_end(j);
}

static void print_vcpu(const struct vl_domain *d, const struct vl_vcpu *v, unsigned cpus)
{
    struct vl_arena arena = { 0 };

    printf("%-32s %5u %5u", d->name, d->info.domain, v->number);
    if (v->online)
        printf(" %4u   %c%c- ", v->cpu, v->running ? 'r' : '-', v->blocked ? 'b' : '-');
    else
        printf(" %4c   --p ", '-');
    printf(" %8.1f  %s / %s\n", (double)v->cpu_time / 1e9, vl_cpuset_text(&arena, &v->hard, cpus),
           vl_cpuset_text(&arena, &v->soft, cpus));
    vl_arena_free(&arena);
}

static int list_domain(const struct vl_domain *d, struct vl_json *json, unsigned cpus)
{
    struct vl_arena arena = { 0 };
    struct vl_vcpu *vcpus;
    size_t n;
    int rc = vl_vcpus_read(&xl_vl, &arena, &d->info, &vcpus, &n);

    for (size_t i = 0; i < n; i++)
        if (json)
            json_vcpu(json, d, &vcpus[i], cpus);
        else
            print_vcpu(d, &vcpus[i], cpus);
    vl_arena_free(&arena);
    return rc ? 1 : 0;
}

/* The domains named, or all, each given to `list_domain`. */
static int list_chosen(int argc, char **argv, struct vl_json *json, unsigned cpus)
{
    struct vl_domain_list list;
    int rc = 0;

    if (vl_domains(&xl_vl, &list, true))
        return 1;
    if (optind == argc)
        for (size_t i = 0; i < list.count; i++)
            rc |= list_domain(&list.all[i], json, cpus);
    for (int a = optind; a < argc && !rc; a++) {
        uint32_t domid;

        rc = vl_domain_find(&xl_vl, argv[a], &domid) ? 1 : 0;
        for (size_t i = 0; i < list.count && !rc; i++)
            if (list.all[i].info.domain == domid)
                rc = list_domain(&list.all[i], json, cpus);
    }
    vl_domains_free(&list);
    return rc;
}

int xl_vcpu_list(int argc, char **argv)
{
    struct vl_json *json = xl_getopt_json(argc, argv, 0, -1) ? xl_json_begin("vcpu-list") : NULL;
    int cpus = vl_xc(&xl_vl) ? xc_get_max_cpus(xl_vl.xc) : -1, rc;

    if (cpus <= 0)
        return 1;
    if (json)
        vl_json_array(json, "vcpus");
    else
        printf("Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)\n");
    rc = list_chosen(argc, argv, json, (unsigned)cpus);
    if (json) {
        vl_json_array_end(json);
        rc |= xl_json_end(json);
    }
    return rc;
}

/* One side of an affinity: NULL for "-", which leaves it. */
static int side(const char *text, struct vl_cpuset *set, const struct vl_cpuset **out)
{
    *out = NULL;
    if (!text || !strcmp(text, "-"))
        return 0;
    *out = set;
    if (!strcmp(text, "all")) {         /* CPUs that come later too */
        memset(set, 0xff, sizeof(*set));
        return 0;
    }
    return vl_cpulist_parse(&xl_vl, text, set);
}

/* Does the host have a CPU of this set? Told when not. */
static int check_side(const struct vl_cpuset *set, const char *text)
{
    int cpus = xc_get_max_cpus(xl_vl.xc);

    for (int i = 0; set && i < cpus; i++)
        if (vl_cpuset_has(set, (unsigned)i))
            return 0;
    return set ? vl_fail(-EINVAL, "'%s' holds none of the host's CPUs", text) : 0;
}

int xl_vcpu_pin(int argc, char **argv)
{
    static const struct option longs[] = {
        { "force", no_argument, NULL, 'f' }, { "ignore-global-affinity-masks", no_argument, NULL, 'i' }, XL_LONG_END,
    };
    struct vl_cpuset sets[2];
    const struct vl_cpuset *hard, *soft;
    bool force = xl_force;
    xc_domaininfo_t info;
    uint32_t domid;
    long first, last;
    int rc = 0;

    for (int opt; (opt = xl_getopt(argc, argv, "f", longs, 3, 4)) != -1;)
        force |= opt == 'f';
    argv += optind;
    domid = xl_find_domain(argv[0]);
    if (vl_domain_info(&xl_vl, domid, &info))
        return vl_fail(1, "domain %u has gone", domid);
    last = (long)info.max_vcpu_id;
    if (!strcmp(argv[1], "all"))
        first = 0;
    else if (xl_number("vCPU", argv[1], 0, last, &first))
        last = first;
    else
        return 1;
    if (side(argv[2], &sets[0], &hard) || side(argv[3], &sets[1], &soft) || check_side(hard, argv[2]) ||
        check_side(soft, argv[3]))
        return 1;
    if (!hard && !soft)
        return 0;
    if (xl_dry_run) {
        struct vl_arena arena = { 0 };
        unsigned cpus = (unsigned)xc_get_max_cpus(xl_vl.xc);

        printf("cpumap: %s / %s\n", hard ? vl_cpuset_text(&arena, hard, cpus) : "-",
               soft ? vl_cpuset_text(&arena, soft, cpus) : "-");
        vl_arena_free(&arena);
        return 0;
    }
    for (long v = first; v <= last && !rc; v++)
        rc = vl_vcpu_pin(&xl_vl, domid, (unsigned)v, hard, soft, force);
    return rc ? 1 : 0;
}

int xl_vcpu_set(int argc, char **argv)
{
    static const struct option longs[] = { { "ignore-host", no_argument, NULL, 'i' }, XL_LONG_END };
    bool ignore_host = false;
    xc_physinfo_t host;
    uint32_t domid;
    long n;

    for (int opt; (opt = xl_getopt(argc, argv, "i", longs, 2, 2)) != -1;)
        ignore_host = true;
    domid = xl_find_domain(argv[optind]);
    if (!xl_number("number of vCPUs", argv[optind + 1], 1, VL_MAX_VCPUS, &n))
        return 1;
    if (!ignore_host && !xc_physinfo(xl_vl.xc, &host) && n > (long)host.nr_cpus)
        return vl_fail(1, "you are overcommitting: the host has %u CPUs, and %ld vCPUs are asked for (-i does it all "
                       "the same)", host.nr_cpus, n);
    return vl_vcpus_set(&xl_vl, domid, (unsigned)n) ? 1 : 0;
}
