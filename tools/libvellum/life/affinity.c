/* SPDX-License-Identifier: MIT */
#include "life/affinity.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/hostconf.h"
#include "life/host.h"

static void set_cpu(struct vl_cpuset *set, unsigned cpu, bool on)
{
    if (cpu >= VL_CPUS_MAX)
        return;
    if (on)
        set->bits[cpu / 8] |= (uint8_t)(1u << cpu % 8);
    else
        set->bits[cpu / 8] &= (uint8_t)~(1u << cpu % 8);
}

/* One piece of a list: a range of CPUs or of nodes, to set or (^) to clear. */
struct piece {
    bool clear, nodes, all;
    unsigned first, last;
};

static bool parse_piece(const char *s, const char *end, struct piece *p)
{
    char *after;

    *p = (struct piece){ 0 };
    while (s < end && isspace((unsigned char)*s))
        s++;
    while (end > s && isspace((unsigned char)end[-1]))
        end--;
    if (s < end && *s == '^') {
        p->clear = true;
        s++;
    }
    for (int i = 0; i < 2; i++) {
        const char *word = i ? "node:" : "nodes:";

        if ((size_t)(end - s) > strlen(word) && !strncmp(s, word, strlen(word))) {
            p->nodes = true;
            s += strlen(word);
            break;
        }
    }
    if (s < end && *s == '^') {
        p->clear = true;
        s++;
    }
    if (end - s == 3 && !strncmp(s, "all", 3)) {
        p->all = true;
        return true;
    }
    if (s == end || !isdigit((unsigned char)*s))
        return false;
    p->first = p->last = (unsigned)strtoul(s, &after, 10);
    if (*after == '-' && isdigit((unsigned char)after[1]))
        p->last = (unsigned)strtoul(after + 1, &after, 10);
    return after == end && p->first <= p->last && p->last < VL_CPUS_MAX;
}

static int apply_piece(struct vl *vl, const struct piece *p, struct vl_host *host, struct vl_cpuset *set)
{
    if (!p->nodes && !p->all) {
        for (unsigned cpu = p->first; cpu <= p->last; cpu++)
            set_cpu(set, cpu, !p->clear);
        return 0;
    }
    if (!host->cpus && vl_host_read_topology(vl, host))
        return -EIO;
    for (unsigned cpu = 0; cpu < host->n_cpus; cpu++)
        if (host->cpus[cpu].core != XEN_INVALID_CORE_ID &&
            (p->all || (host->cpus[cpu].node >= p->first && host->cpus[cpu].node <= p->last)))
            set_cpu(set, cpu, !p->clear);
    return 0;
}

int vl_cpulist_parse(struct vl *vl, const char *text, struct vl_cpuset *set)
{
    struct vl_host host = { 0 };
    const char *s = text;
    int rc = 0;

    memset(set, 0, sizeof(*set));
    while (!rc) {
        const char *end = s + strcspn(s, ",");
        struct piece p;

        rc = parse_piece(s, end, &p) ? apply_piece(vl, &p, &host, set)
                                     : vl_fail(-EINVAL, "'%s' is not a list of CPUs", text);
        if (!*end)
            break;
        s = end + 1;
    }
    vl_host_free(&host);
    return rc;
}

static char *plain(struct vl_arena *arena, const struct vl_cpuset *set)
{
    char *text = vl_xmalloc(VL_CPUS_MAX * 5 + 1), *kept;
    size_t used = 0;

    *text = 0;
    for (unsigned cpu = 0; cpu < VL_CPUS_MAX; cpu++)
        if (vl_cpuset_has(set, cpu))
            used += (size_t)sprintf(text + used, "%s%u", used ? "," : "", cpu);
    kept = vl_strdup(arena, text);
    free(text);
    return kept;
}

static int plain_lists(struct vl *vl, struct vl_config *c, const char *key, char **lists, size_t n)
{
    struct vl_cpuset set;

    for (size_t i = 0; i < n; i++) {
        int rc = vl_cpulist_parse(vl, lists[i], &set);

        if (rc)
            return rc;
        lists[i] = plain(&c->arena, &set);
        if (!*lists[i])
            return vl_fail(-EINVAL, "'%s' leaves no CPU for %s", key, c->name);
    }
    return 0;
}

int vl_affinity_plain(struct vl *vl, struct vl_config *c)
{
    int rc = plain_lists(vl, c, "cpus", c->cpus, c->n_cpus);

    return rc ? rc : plain_lists(vl, c, "cpus_soft", c->cpus_soft, c->n_cpus_soft);
}

bool vl_affinity_ignore_masks;

/* The host's masks bound what a list allows, or all CPUs where there is none. */
static int bound(struct vl *vl, struct vl_cpuset *set)
{
    const struct vl_hostconf *conf = vl_hostconf();
    const char *masks[] = { conf->cpumask, conf->pv_cpumask };
    struct vl_cpuset mask;

    for (int i = 0; i < 2; i++) {
        if (!masks[i])
            continue;
        if (vl_cpulist_parse(vl, masks[i], &mask))
            return vl_fail(-EINVAL, "a cpumask of xl.conf is no list of CPUs");
        for (size_t k = 0; k < sizeof(set->bits); k++)
            set->bits[k] &= mask.bits[k];
    }
    return 0;
}

static int set_one(struct vl *vl, uint32_t domid, unsigned vcpu, const char *list, uint32_t flag)
{
    xc_cpumap_t map = xc_cpumap_alloc(vl->xc);
    int size = xc_get_cpumap_size(vl->xc), rc = 0;
    struct vl_cpuset set;

    if (!map)
        return vl_fail(-ENOMEM, "out of memory");
    if (list)
        rc = vl_cpulist_parse(vl, list, &set);
    else
        memset(&set, 0xff, sizeof(set));
    if (!rc && flag == XEN_VCPUAFFINITY_HARD && !vl_affinity_ignore_masks)
        rc = bound(vl, &set);
    if (!rc) {
        memcpy(map, set.bits, (size_t)size < sizeof(set.bits) ? (size_t)size : sizeof(set.bits));
        if (xc_vcpu_setaffinity(vl->xc, domid, (int)vcpu, flag == XEN_VCPUAFFINITY_HARD ? map : NULL,
                                flag == XEN_VCPUAFFINITY_SOFT ? map : NULL, flag))
            rc = vl_fail_errno("cannot let vCPU %u run on the CPUs %s", vcpu, list ? list : "of xl.conf's mask");
    }
    free(map);
    return rc;
}

int vl_affinity_set(struct vl *vl, uint32_t domid, const struct vl_config *c)
{
    bool masked = (vl_hostconf()->cpumask || vl_hostconf()->pv_cpumask) && !vl_affinity_ignore_masks;
    int rc = 0;

    for (unsigned i = 0; i < c->max_vcpus && !rc; i++) {
        size_t at = c->cpus_per_vcpu ? i : 0, soft = c->cpus_soft_per_vcpu ? i : 0;

        if (at < c->n_cpus || masked)
            rc = set_one(vl, domid, i, at < c->n_cpus ? c->cpus[at] : NULL, XEN_VCPUAFFINITY_HARD);
        if (!rc && soft < c->n_cpus_soft)
            rc = set_one(vl, domid, i, c->cpus_soft[soft], XEN_VCPUAFFINITY_SOFT);
    }
    return rc;
}
