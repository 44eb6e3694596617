/* SPDX-License-Identifier: MIT */
/* Commands that stop, start and end domains. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/guard.h"
#include "life/power.h"
#include "xl/xl.h"

/* For the guardian of a creation: end the domain with this uuid, whatever there is of it. */
static int destroy_uuid(const char *text)
{
    struct vl_domain_list list;
    uint8_t uuid[16];
    int rc = 0;

    if (!vl_uuid_parse(text, uuid))
        return 1;
    if (!vl_guard_start(uuid))  /* this one is as mortal as whom it has outlived */
        vl_guard_arm();
    if (vl_domains(&xl_vl, &list, false))
        return 1;
    for (size_t i = 0; i < list.count; i++)
        if (!memcmp(list.all[i].info.handle, uuid, 16) && list.all[i].info.domain != 0)
            rc = vl_destroy(&xl_vl, list.all[i].info.domain);
    vl_domains_free(&list);
    vl_guard_cancel();
    return rc ? 1 : 0;
}

/* For the guardian of a domain that was killed half way through its end: whatever there is of it, by its number. */
static int destroy_remains(const char *text)
{
    char *end;
    unsigned long domid = strtoul(text, &end, 10);

    if (*end || end == text || !domid || domid >= DOMID_FIRST_RESERVED || !vl_xc(&xl_vl) || !vl_store(&xl_vl))
        return 1;
    vl_guard_start_end((uint32_t)domid);
    vl_destroy_unmade(&xl_vl, (uint32_t)domid);
    vl_guard_cancel();
    return 0;
}

int xl_destroy(int argc, char **argv)
{
    static const struct option longs[] = {
        { "uuid", required_argument, NULL, 'u' }, { "remains", required_argument, NULL, 'r' }, XL_LONG_END,
    };
    bool force = xl_force;
    uint32_t domid;
    int rc;

    for (int opt; (opt = xl_getopt(argc, argv, "f", longs, 1, 1)) != -1;) {
        if (opt == 'u')
            return destroy_uuid(optarg);
        if (opt == 'r')
            return destroy_remains(optarg);
        force = true;
    }
    domid = xl_find_domain(argv[optind]);
    if (domid == 0 && !force) {
        fprintf(stderr, "Not destroying domain 0; use -f to force.\n"
                "This can only be done when using a disaggregated hardware domain and toolstack.\n\n");
        return 1;
    }
    /* Killed half way it is not to leave a domain without its devices, or nodes without a domain. */
    if (domid)
        vl_guard_start_end(domid);
    rc = vl_destroy(&xl_vl, domid);
    vl_guard_cancel();
    return rc ? 1 : 0;
}

int xl_pause(int argc, char **argv)
{
    uint32_t domid;

    xl_getopt(argc, argv, "", NULL, 1, 1);
    domid = xl_find_domain(argv[optind]);
    return xc_domain_pause(vl_xc(&xl_vl), domid) ? vl_fail_errno("cannot pause domain %u", domid), 1 : 0;
}

int xl_unpause(int argc, char **argv)
{
    uint32_t domid;

    xl_getopt(argc, argv, "", NULL, 1, 1);
    domid = xl_find_domain(argv[optind]);
    return xc_domain_unpause(vl_xc(&xl_vl), domid) ? vl_fail_errno("cannot unpause domain %u", domid), 1 : 0;
}

static void ended(uint32_t domid, enum vl_ending how, unsigned reason)
{
    if (how == VL_ENDED_GONE)
        printf("Domain %u has been destroyed.\n", domid);
    else
        printf("Domain %u has been shut down, reason code %u\n", domid, reason);
    fflush(stdout);
}

/* The domains to act on: one, or all guests that have not stopped yet. */
static uint32_t *chosen(bool all, const char *arg, size_t *n)
{
    struct vl_domain_list list;
    uint32_t *domids;

    if (!all) {
        domids = vl_xmalloc(sizeof(*domids));
        domids[0] = xl_find_domain(arg);
        *n = 1;
        return domids;
    }
    *n = 0;
    if (vl_domains(&xl_vl, &list, true))
        exit(1);
    domids = vl_xmalloc((list.count + 1) * sizeof(*domids));
    for (size_t i = 0; i < list.count; i++)
        if (list.all[i].info.domain != 0 && !(list.all[i].info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)))
            domids[(*n)++] = list.all[i].info.domain;
    vl_domains_free(&list);
    return domids;
}

static int power(int argc, char **argv, const char *what, const char *doing)
{
    static const struct option longs[] = {
        { "all", no_argument, NULL, 'a' }, { "wait", no_argument, NULL, 'w' }, { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    bool all = false;
    int wait = 0, rc = 0;
    uint32_t *domids;
    size_t n, asked = 0;

    for (int opt; (opt = xl_getopt(argc, argv, "awF", longs, 0, 1)) != -1;) {
        all |= opt == 'a';
        wait += opt == 'w';
    }
    if (all == (optind < argc)) {
        fprintf(stderr, all ? "Do not name a domain together with -a.\n\n" : "You must specify -a or a domain id.\n\n");
        return xl_usage();
    }
    domids = chosen(all, argv[optind], &n);
    for (size_t i = 0; i < n; i++) {
        fprintf(stderr, "%s domain %u\n", doing, domids[i]);
        if (vl_power_request(&xl_vl, domids[i], what))
            rc = 1;
        else
            domids[asked++] = domids[i];
    }
    if (wait && asked) {
        printf("Waiting for %zu domains\n", asked);
        fflush(stdout);
        if (vl_power_wait(&xl_vl, domids, asked, wait > 1, ended))
            rc = 1;
    }
    free(domids);
    return rc;
}

int xl_shutdown(int argc, char **argv)
{
    return power(argc, argv, "poweroff", "Shutting down");
}

int xl_reboot(int argc, char **argv)
{
    return power(argc, argv, "reboot", "Rebooting");
}
