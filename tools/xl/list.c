/* SPDX-License-Identifier: MIT */
/* Listings of domains: list, vm-list, uptime, claims, sharing; domid and domname. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json/domain.h"
#include "json/listing.h"
#include "life/memory.h"
#include "life/pool.h"
#include "life/userdata.h"
#include "life/vcpu.h"
#include "xl/xl.h"

struct columns {
    bool verbose, context, cpupool, numa, claims;
};

/* Letters of a shutdown's reason, by the ABI's numbers: poweroff, reboot, suspend, crash, watchdog, soft reset. */
static char reason_letter(uint32_t flags)
{
    static const char letters[] = "-rscwS";
    unsigned reason = flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;

    return flags & XEN_DOMINF_shutdown ? reason < sizeof(letters) - 1 ? letters[reason] : '?' : '-';
}

static void print_label(void)
{
    printf(" %16s", "-");          /* there is no policy that would give one */
}

static void print_extra(const struct vl_domain *d, const struct columns *c)
{
    char uuid[VL_UUID_TEXT], *pool;
    struct vl_arena arena = { 0 };

    if (c->verbose) {
        vl_uuid_format(d->info.handle, uuid);
        printf(" %s", uuid);
        if (d->info.flags & XEN_DOMINF_shutdown)
            printf(" %8x", d->info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
        else
            printf(" %8s", "-");
    }
    if (c->claims)
        printf(" %5lu", (unsigned long)(d->info.outstanding_pages * 4 / 1024));
    if (c->verbose || c->context)
        print_label();
    if (c->cpupool) {
        pool = vl_pool_name(&xl_vl, &arena, d->info.cpupool);
        printf("%16s", pool ? pool : "-");
    }
    if (c->numa)
        printf(" %s", vl_node_affinity(&xl_vl, &arena, d->info.domain));
    vl_arena_free(&arena);
}

static void print_domain(const struct vl_domain *d, const struct columns *c)
{
    uint32_t f = d->info.flags;

    printf("%-40s %5d %5lu %5d     %c%c%c%c%c%c  %8.1f", d->name, d->info.domain,
           (unsigned long)((d->info.tot_pages + d->info.outstanding_pages) * 4 / 1024), d->info.nr_online_vcpus,
           f & XEN_DOMINF_running ? 'r' : '-', f & XEN_DOMINF_blocked ? 'b' : '-', f & XEN_DOMINF_paused ? 'p' : '-',
           f & XEN_DOMINF_shutdown ? 's' : '-', reason_letter(f), f & XEN_DOMINF_dying ? 'd' : '-',
           (double)d->info.cpu_time / 1e9);
    print_extra(d, c);
    putchar('\n');
}

static void print_table(const struct vl_domain_list *list, const struct columns *c)
{
    printf("Name                                        ID   Mem VCPUs\tState\tTime(s)");
    if (c->verbose)
        printf("   UUID                            Reason-Code\tSecurity Label");
    if (c->context && !c->verbose)
        printf("   Security Label");
    if (c->claims)
        printf("  Claimed");
    if (c->cpupool)
        printf("         Cpupool");
    if (c->numa)
        printf(" NODE Affinity");
    putchar('\n');
    for (size_t i = 0; i < list->count; i++)
        print_domain(&list->all[i], c);
}

/* What libxl's JSON says of one domain. Of one that xl has not made, dom0 above all, only what the hypervisor knows. */
static void long_domain(struct vl_json *j, const struct vl_domain *d)
{
    struct vl_config *config = vl_userdata_load(d->info.domain, d->info.handle);
    struct vl_json_live live;

    vl_live_read(&xl_vl, &d->info, &live);
    vl_json_map(j, NULL);
    vl_json_number(j, "domid", d->info.domain);
    if (config) {
        vl_config_refresh(&xl_vl, d->info.domain, config);
        vl_json_config(j, "config", config, VL_JSON_LONG, &live);
    } else {
        vl_json_foreign(j, "config", d->name, d->info.max_pages * 4ull, d->info.tot_pages * 4ull, &live);
    }
    vl_json_map_end(j);
    vl_config_free(config);
}

/* As libxl prints it: an array also for one domain, and an empty line behind it. */
static int print_long(const struct vl_domain_list *list)
{
    struct vl_json *j = vl_json_new(true);
    int rc;

    vl_json_array(j, NULL);
    for (size_t i = 0; i < list->count; i++)
        long_domain(j, &list->all[i]);
    vl_json_array_end(j);
    rc = vl_json_print(j, stdout);
    putchar('\n');
    vl_json_free(j);
    return rc ? 1 : 0;
}

static int print_json(const struct vl_domain_list *list, const char *schema)
{
    struct vl_json *j = xl_json_begin(schema);

    vl_json_array(j, "domains");
    for (size_t i = 0; i < list->count; i++)
        vl_json_listing_domain(j, NULL, &xl_vl, &list->all[i]);
    vl_json_array_end(j);
    return xl_json_end(j);
}

/* All domains, or only the one that `text` names. Exits when there is none. */
static void read_domains(struct vl_domain_list *list, const char *text)
{
    uint32_t domid;

    if (!text) {
        if (vl_domains(&xl_vl, list, true))
            exit(1);
        return;
    }
    domid = xl_find_domain(text);
    *list = (struct vl_domain_list){ .count = 1 };
    list->all = vl_alloc(&list->arena, sizeof(*list->all));
    if (vl_domain_info(&xl_vl, domid, &list->all->info)) {
        vl_fail(-ESRCH, "domain %u has gone", domid);
        exit(1);
    }
    list->all->name = vl_strdup(&list->arena, xl_domain_name(domid));
}

int xl_list(int argc, char **argv)
{
    static const struct option longs[] = {
        { "long", no_argument, NULL, 'l' }, { "verbose", no_argument, NULL, 'v' },
        { "context", no_argument, NULL, 'Z' }, { "cpupool", no_argument, NULL, 'c' },
        { "numa", no_argument, NULL, 'n' }, XL_LONG_JSON, XL_LONG_END,
    };
    struct columns c = { 0 };
    bool details = false, json = false;
    struct vl_domain_list list;
    int rc = 0;

    for (int opt; (opt = xl_getopt(argc, argv, "lvZcn", longs, 0, 1)) != -1;) {
        details |= opt == 'l';
        c.verbose |= opt == 'v';
        c.context |= opt == 'Z';
        c.cpupool |= opt == 'c';
        c.numa |= opt == 'n';
        json |= opt == XL_OPT_JSON;
    }
    read_domains(&list, argv[optind]);
    if (json)
        rc = print_json(&list, "list");
    else if (details)
        rc = print_long(&list);
    else
        print_table(&list, &c);
    vl_domains_free(&list);
    return rc;
}

int xl_claims(int argc, char **argv)
{
    struct columns c = { .claims = true };
    bool json = xl_getopt_json(argc, argv, 0, 0);
    struct vl_domain_list list;
    int rc = 0;

    read_domains(&list, NULL);
    if (json) {
        rc = print_json(&list, "claims");
    } else {
        if (!xl_vl.xc)
            return 1;
        print_table(&list, &c);
    }
    vl_domains_free(&list);
    return rc;
}

int xl_vm_list(int argc, char **argv)
{
    bool json = xl_getopt_json(argc, argv, 0, 0);
    struct vl_domain_list list;
    char uuid[VL_UUID_TEXT];
    int rc = 0;

    read_domains(&list, NULL);
    if (json) {
        rc = print_json(&list, "vm-list");
    } else {
        printf("UUID                                  ID    name\n");
        for (size_t i = 0; i < list.count; i++) {
            vl_uuid_format(list.all[i].info.handle, uuid);
            printf("%s  %d    %-30s\n", uuid, list.all[i].info.domain, list.all[i].name);
        }
    }
    vl_domains_free(&list);
    return rc;
}

int xl_domid(int argc, char **argv)
{
    struct vl_domain_list list;
    int rc = 1;

    xl_getopt(argc, argv, "", NULL, 1, 1);
    read_domains(&list, NULL);
    for (size_t i = 0; i < list.count && rc; i++)
        if (!strcmp(list.all[i].name, argv[optind])) {
            printf("%u\n", list.all[i].info.domain);
            rc = 0;
        }
    if (rc)
        vl_log(VL_ERROR, "there is no domain of the name '%s'", argv[optind]);
    vl_domains_free(&list);
    return rc;
}

int xl_domname(int argc, char **argv)
{
    struct vl_arena arena = { 0 };
    char *name;
    long domid;

    xl_getopt(argc, argv, "", NULL, 1, 1);
    if (!xl_number("domain id", argv[optind], 0, DOMID_FIRST_RESERVED - 1, &domid) || !vl_store(&xl_vl))
        return 1;
    name = vl_store_read(xl_vl.store, &arena, "/local/domain/%ld/name", domid);
    if (!name)
        return vl_fail(1, "there is no domain %ld", domid);
    printf("%s\n", name);
    vl_arena_free(&arena);
    return 0;
}

/* Seconds since a domain was started: dom0 with the host, guests by /vm's start_time. -1 when that is unknown. */
static long uptime_of(const struct vl_domain *d)
{
    struct vl_arena arena = { 0 };
    char uuid[VL_UUID_TEXT], *text;
    struct timespec up;
    long start;

    if (d->info.domain == 0)
        return clock_gettime(CLOCK_BOOTTIME, &up) ? -1 : up.tv_sec;
    vl_uuid_format(d->info.handle, uuid);
    text = vl_store_read(vl_store(&xl_vl), &arena, "/vm/%s/start_time", uuid);
    start = text ? strtol(text, NULL, 10) : -1;
    vl_arena_free(&arena);
    return start <= 0 || time(NULL) < start ? -1 : time(NULL) - start;
}

/* "98 days,  2:27:44"; short: "98 days,  2:27". */
static void uptime_text(long s, bool brief, char text[48])
{
    int n = 0;

    if (s < 0)
        s = 0;
    if (s >= 86400)
        n = snprintf(text, 48, "%ld day%s, ", s / 86400, s >= 2 * 86400 ? "s" : "");
    if (brief)
        snprintf(text + n, 48 - (size_t)n, "%2ld:%02ld", s / 3600 % 24, s / 60 % 60);
    else
        snprintf(text + n, 48 - (size_t)n, "%2ld:%02ld:%02ld", s / 3600 % 24, s / 60 % 60, s % 60);
}

static void print_uptime(const struct vl_domain *d, bool brief)
{
    char text[48], now[16];
    time_t t = time(NULL);
    struct tm tm;

    uptime_text(uptime_of(d), brief, text);
    strftime(now, sizeof(now), "%T", localtime_r(&t, &tm));
    if (brief)
        printf(" %s up %s, %s (%d)\n", now, text, d->name, d->info.domain);
    else
        printf("%-33s %4d %s\n", d->name, d->info.domain, text);
}

int xl_uptime(int argc, char **argv)
{
    static const struct option longs[] = { { "short", no_argument, NULL, 's' }, XL_LONG_JSON, XL_LONG_END };
    bool brief = false;
    struct vl_json *json = NULL;
    int which = 0;

    for (int opt; (opt = xl_getopt(argc, argv, "s", longs, 0, -1)) != -1;)
        if (opt == 's')
            brief = true;
        else
            which = opt;
    for (int i = optind; i < argc; i++)
        xl_find_domain(argv[i]);        /* none is printed when one is not there */
    if (which) {
        json = xl_json_begin("uptime");
        vl_json_array(json, "domains");
    } else if (!brief) {
        printf("Name                                ID Uptime\n");
    }
    do {
        struct vl_domain_list list;

        read_domains(&list, argv[optind]);
        for (size_t i = 0; i < list.count; i++) {
            if (!json) {
                print_uptime(&list.all[i], brief);
                continue;
            }
            vl_json_map(json, NULL);
            vl_json_text_string(json, "name", list.all[i].name);
            vl_json_number(json, "domid", list.all[i].info.domain);
            vl_json_number(json, "uptime_seconds", uptime_of(&list.all[i]));
            vl_json_map_end(json);
        }
        vl_domains_free(&list);
    } while (optind < argc && ++optind < argc);
    if (json) {
        vl_json_array_end(json);
        return xl_json_end(json);
    }
    return 0;
}

/* Pages are shared by HVM guests only: PV guests show what the hypervisor counts, 0. */
int xl_sharing(int argc, char **argv)
{
    bool json = xl_getopt_json(argc, argv, 0, 1);
    struct vl_domain_list list;

    read_domains(&list, argv[optind]);
    if (json) {
        int rc = print_json(&list, "sharing");

        vl_domains_free(&list);
        return rc;
    }
    printf("Name                                        ID   Mem Shared\n");
    for (size_t i = 0; i < list.count; i++)
        printf("%-40s %5d %5lu  %5lu\n", list.all[i].name, list.all[i].info.domain,
               (unsigned long)((list.all[i].info.tot_pages + list.all[i].info.outstanding_pages) * 4 / 1024),
               (unsigned long)(list.all[i].info.shr_pages * 4 / 1024));
    vl_domains_free(&list);
    return 0;
}
