/* SPDX-License-Identifier: MIT */
#include "life/vcpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void from_map(struct vl_cpuset *set, const uint8_t *map, int size)
{
    memset(set, 0, sizeof(*set));
    memcpy(set->bits, map, (size_t)size < sizeof(set->bits) ? (size_t)size : sizeof(set->bits));
}

static void to_map(const struct vl_cpuset *set, uint8_t *map, int size)
{
    memcpy(map, set->bits, (size_t)size < sizeof(set->bits) ? (size_t)size : sizeof(set->bits));
}

int vl_vcpus_read(struct vl *vl, struct vl_arena *arena, const xc_domaininfo_t *info, struct vl_vcpu **vcpus, size_t *n)
{
    int size = vl_xc(vl) ? xc_get_cpumap_size(vl->xc) : -1;
    uint8_t *hard, *soft;

    *vcpus = NULL;
    *n = 0;
    if (size <= 0)
        return vl_fail_errno("cannot learn the host's number of CPUs");
    hard = vl_alloc(arena, (size_t)size);
    soft = vl_alloc(arena, (size_t)size);
    for (unsigned i = 0; i <= info->max_vcpu_id; i++) {
        struct vl_vcpu v = { .number = i };
        xc_vcpuinfo_t state;

        if (xc_vcpu_getinfo(vl->xc, info->domain, i, &state) ||
            xc_vcpu_getaffinity(vl->xc, info->domain, (int)i, hard, soft,
                                XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT))
            return vl_fail_errno("cannot read vCPU %u of domain %u", i, info->domain);
        v.cpu = state.cpu;
        v.online = state.online;
        v.blocked = state.blocked;
        v.running = state.running;
        v.cpu_time = state.cpu_time;
        from_map(&v.hard, hard, size);
        from_map(&v.soft, soft, size);
        VL_PUSH(arena, *vcpus, *n, v);
    }
    return 0;
}

int vl_vcpu_pin(struct vl *vl, uint32_t domid, unsigned vcpu, const struct vl_cpuset *hard,
                const struct vl_cpuset *soft, bool force)
{
    int size = vl_xc(vl) ? xc_get_cpumap_size(vl->xc) : -1, rc = 0;
    uint32_t flags = (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0) |
                     (force ? XEN_VCPUAFFINITY_FORCE : 0);
    uint8_t *maps;

    if (size <= 0)
        return vl_fail_errno("cannot learn the host's number of CPUs");
    maps = vl_xmalloc(2 * (size_t)size);
    if (hard)
        to_map(hard, maps, size);
    if (soft)
        to_map(soft, maps + size, size);
    if (xc_vcpu_setaffinity(vl->xc, domid, (int)vcpu, hard ? maps : NULL, soft ? maps + size : NULL, flags))
        rc = vl_fail_errno("cannot change the affinity of vCPU %u of domain %u", vcpu, domid);
    free(maps);
    return rc;
}

int vl_vcpus_set(struct vl *vl, uint32_t domid, unsigned n)
{
    xc_domaininfo_t info;
    int rc = vl_store(vl) ? vl_domain_info(vl, domid, &info) : -EIO;

    if (rc)
        return rc;
    if (!n || n > info.max_vcpu_id + 1)
        return vl_fail(-EINVAL, "domain %u can have 1 to %u vCPUs, not %u", domid, info.max_vcpu_id + 1, n);
    vl_store_expect(vl->store, "/local/domain/%u", domid);
    for (unsigned i = 0; i <= info.max_vcpu_id; i++)
        vl_store_write(vl->store, i < n ? "online" : "offline", "/local/domain/%u/cpu/%u/availability", domid, i);
    return vl_store_apply(vl->store);
}

const char *vl_cpuset_text(struct vl_arena *arena, const struct vl_cpuset *set, unsigned n)
{
    char *text = NULL;
    size_t len = 0, count = 0;
    const char *kept;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return "?";
    for (unsigned i = 0; i < n; i++) {
        unsigned end = i;

        if (!vl_cpuset_has(set, i))
            continue;
        while (end + 1 < n && vl_cpuset_has(set, end + 1))
            end++;
        fprintf(to, "%s%u", count ? "," : "", i);
        if (end > i)
            fprintf(to, "-%u", end);
        count += end - i + 1;
        i = end;
    }
    fclose(to);
    kept = count == n ? "all" : count ? vl_strdup(arena, text) : "none";
    free(text);
    return kept;
}

const char *vl_node_affinity(struct vl *vl, struct vl_arena *arena, uint32_t domid)
{
    int size = vl_xc(vl) ? xc_get_nodemap_size(vl->xc) : -1;
    xc_physinfo_t host;
    struct vl_cpuset set;
    uint8_t *map;
    const char *text;

    if (size <= 0 || xc_physinfo(vl->xc, &host))
        return "-";
    map = vl_alloc(arena, (size_t)size);
    if (xc_domain_node_getaffinity(vl->xc, domid, map))
        return "-";
    from_map(&set, map, size);
    text = vl_cpuset_text(arena, &set, host.nr_nodes);
    return strcmp(text, "none") ? text : "any node";
}
