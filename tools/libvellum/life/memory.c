/* SPDX-License-Identifier: MIT */
#include "life/memory.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/run-lock.h"
#include "life/host.h"
#include "life/sched.h"

#define SLACK_KB 1024           /* room above a guest's memory that libxl gives too */
#define LEAST_KB 4096

int vl_memory_parse(const char *text, uint64_t *kb)
{
    static const char units[] = "bkmgt";
    unsigned long long n;
    const char *unit = strchr(units, 'm');
    char *end;

    errno = 0;
    n = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || errno)
        return vl_fail(-EINVAL, "'%s' is not a size of memory (such as 512, 2g or 65536k)", text);
    if (*end) {
        unit = strchr(units, tolower((unsigned char)*end));
        end++;
    }
    if (!unit || *end)
        return vl_fail(-EINVAL, "'%s' is not a size of memory (its unit may be b, k, m, g or t)", text);
    if (unit == units) {
        n /= 1024;
    } else {
        for (long i = unit - units; i > 1; i--)
            if (__builtin_mul_overflow(n, 1024ull, &n))
                return vl_fail(-EINVAL, "'%s' is more memory than any machine has", text);
    }
    if (n >> 40)
        return vl_fail(-EINVAL, "'%s' is more memory than any machine has", text);
    *kb = n;
    return 0;
}

/* The domain's size nodes. dom0 may have none: then it has what it has. */
static int read_sizes(struct vl *vl, uint32_t domid, xc_domaininfo_t *info, uint64_t *target, uint64_t *max)
{
    long now, most;
    int rc = vl_store(vl) ? vl_domain_info(vl, domid, info) : -EIO;

    if (rc)
        return rc;
    now = vl_store_read_number(vl->store, 1l << 42, "/local/domain/%u/memory/target", domid);
    most = vl_store_read_number(vl->store, 1l << 42, "/local/domain/%u/memory/static-max", domid);
    if ((now < 0 || most < 0) && domid != 0)
        return vl_fail(-ENOENT, "domain %u has no memory target in the store", domid);
    *target = now < 0 ? info->tot_pages * 4 : (uint64_t)now;
    *max = most >= 0 ? (uint64_t)most : info->max_pages >> 38 ? 1ull << 40 : info->max_pages * 4;
    return 0;
}

static int set_target(struct vl *vl, uint32_t domid, uint64_t kb)
{
    uint64_t target, max;
    xc_domaininfo_t info;
    char text[32];
    int rc = read_sizes(vl, domid, &info, &target, &max);

    if (rc)
        return rc;
    if (kb > max)
        return vl_fail(-EINVAL, "domain %u can have at most %" PRIu64 " MiB, not %" PRIu64 " (maxmem= of its "
                       "configuration)", domid, max >> 10, kb >> 10);
    if (kb < (domid ? LEAST_KB : 128 << 10))
        return vl_fail(-EINVAL, "domain %u cannot live with %" PRIu64 " KiB", domid, kb);
    if (xc_domain_setmaxmem(vl->xc, domid, kb + SLACK_KB))
        return vl_fail_errno("cannot set the memory limit of domain %u", domid);
    snprintf(text, sizeof(text), "%" PRIu64, kb);
    vl_store_expect(vl->store, "/local/domain/%u", domid);
    vl_store_write(vl->store, text, "/local/domain/%u/memory/target", domid);
    rc = vl_store_apply(vl->store);
    if (rc && xc_domain_setmaxmem(vl->xc, domid, target + SLACK_KB))
        vl_warn("domain %u keeps the memory limit of %" PRIu64 " KiB", domid, kb);
    return rc;
}

static int set_max(struct vl *vl, uint32_t domid, uint64_t kb)
{
    uint64_t target, max;
    xc_domaininfo_t info;
    char text[32];
    int rc = read_sizes(vl, domid, &info, &target, &max);

    if (rc)
        return rc;
    if (kb < target)
        return vl_fail(-EINVAL, "domain %u has %" PRIu64 " MiB: its limit cannot be %" PRIu64 " (mem-set first)", domid,
                       target >> 10, kb >> 10);
    if (xc_domain_setmaxmem(vl->xc, domid, kb + SLACK_KB))
        return vl_fail_errno("cannot set the memory limit of domain %u", domid);
    snprintf(text, sizeof(text), "%" PRIu64, kb);
    vl_store_expect(vl->store, "/local/domain/%u", domid);
    vl_store_write(vl->store, text, "/local/domain/%u/memory/static-max", domid);
    return vl_store_apply(vl->store);
}

/* The hypervisor's limit and the store's are changed by one command at a time, so that they stay of one mind. */
static int alone(struct vl *vl, uint32_t domid, uint64_t kb, int (*set)(struct vl *vl, uint32_t domid, uint64_t kb))
{
    int lock = vl_run_lock("sizes", domid, -1), rc = lock < 0 ? lock : set(vl, domid, kb);

    if (lock >= 0)
        close(lock);
    return rc;
}

int vl_memory_set_target(struct vl *vl, uint32_t domid, uint64_t kb)
{
    return alone(vl, domid, kb, set_target);
}

int vl_memory_set_max(struct vl *vl, uint32_t domid, uint64_t kb)
{
    return alone(vl, domid, kb, set_max);
}

void vl_config_refresh(struct vl *vl, uint32_t domid, struct vl_config *c)
{
    struct vl_store *s = vl_store(vl);
    struct vl_arena arena = { 0 };
    unsigned online = 0;
    long max, target;

    if (!s)
        return;
    max = vl_store_read_number(s, 1l << 40, "/local/domain/%u/memory/static-max", domid);
    target = vl_store_read_number(s, 1l << 40, "/local/domain/%u/memory/target", domid);
    if (max > 0)
        c->maxmem_kb = (uint64_t)max;
    if (target > 0 && (uint64_t)target <= c->maxmem_kb)
        c->memory_kb = (uint64_t)target;
    for (unsigned i = 0; i < c->max_vcpus; i++) {
        char *state = vl_store_read(s, &arena, "/local/domain/%u/cpu/%u/availability", domid, i);

        online += state && !strcmp(state, "online");
    }
    if (online)
        c->vcpus = online;
    vl_arena_free(&arena);
}

void vl_live_read(struct vl *vl, const xc_domaininfo_t *info, struct vl_json_live *live)
{
    int scheduler = vl_sched_of(vl, info);
    struct vl_sched_domain p;
    long target;

    *live = (struct vl_json_live){ 0 };
    if ((scheduler == XEN_SCHEDULER_CREDIT || scheduler == XEN_SCHEDULER_CREDIT2) &&
        !vl_sched_domain_get(vl, scheduler, info->domain, &p)) {
        live->scheduler = vl_scheduler_name(scheduler);
        live->weight = p.weight;
        live->cap = p.cap;
    }
    target = vl_store(vl) ? vl_store_read_number(vl->store, 1l << 42, "/local/domain/%u/memory/target", info->domain)
                          : -1;
    live->target_kb = target > 0 ? (unsigned long long)target : 0;
}
