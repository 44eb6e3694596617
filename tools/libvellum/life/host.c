/* SPDX-License-Identifier: MIT */
#include "life/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static const struct { int id; const char *name; } schedulers[] = {
    { XEN_SCHEDULER_CREDIT, "credit" }, { XEN_SCHEDULER_CREDIT2, "credit2" },
    { XEN_SCHEDULER_ARINC653, "arinc653" }, { XEN_SCHEDULER_RTDS, "rtds" }, { XEN_SCHEDULER_NULL, "null" },
};

const char *vl_scheduler_name(int sched_id)
{
    for (size_t i = 0; i < sizeof(schedulers) / sizeof(schedulers[0]); i++)
        if (schedulers[i].id == sched_id)
            return schedulers[i].name;
    return "Unknown";
}

int vl_scheduler_number(const char *name)
{
    for (size_t i = 0; i < sizeof(schedulers) / sizeof(schedulers[0]); i++)
        if (!strcmp(schedulers[i].name, name))
            return schedulers[i].id;
    return -1;
}

/* A string that the hypervisor filled a fixed array with. */
static char *bounded(struct vl_arena *arena, const char *s, size_t max)
{
    return vl_strndup(arena, s, strnlen(s, max));
}

static void read_build_id(struct vl *vl, struct vl_host *h)
{
    enum { MAX = 1024 };
    union { xen_build_id_t head; unsigned char space[sizeof(xen_build_id_t) + MAX]; } id = { .head.len = MAX };
    int n = xc_version(vl->xc, XENVER_build_id, &id);
    char *text = vl_alloc(&h->arena, 2 * MAX + 1);

    for (int i = 0; i < n && i < MAX; i++)
        sprintf(text + 2 * i, "%02x", id.head.buf[i]);
    h->version.build_id = text;
}

static void read_version(struct vl *vl, struct vl_host *h)
{
    union {
        xen_extraversion_t extra;
        xen_compile_info_t compile;
        xen_capabilities_info_t caps;
        xen_changeset_info_t changeset;
        xen_platform_parameters_t platform;
        xen_commandline_t cmdline;
    } u = { 0 };
    struct vl_version *v = &h->version;
    int number = xc_version(vl->xc, XENVER_version, NULL);

    v->major = number >> 16;
    v->minor = number & 0xffff;
    xc_version(vl->xc, XENVER_extraversion, &u.extra);
    v->extra = bounded(&h->arena, u.extra, sizeof(u.extra));
    memset(&u, 0, sizeof(u));
    xc_version(vl->xc, XENVER_compile_info, &u.compile);
    v->compiler = bounded(&h->arena, u.compile.compiler, sizeof(u.compile.compiler));
    v->compile_by = bounded(&h->arena, u.compile.compile_by, sizeof(u.compile.compile_by));
    v->compile_domain = bounded(&h->arena, u.compile.compile_domain, sizeof(u.compile.compile_domain));
    v->compile_date = bounded(&h->arena, u.compile.compile_date, sizeof(u.compile.compile_date));
    memset(&u, 0, sizeof(u));
    xc_version(vl->xc, XENVER_capabilities, &u.caps);
    v->capabilities = bounded(&h->arena, u.caps, sizeof(u.caps));
    memset(&u, 0, sizeof(u));
    xc_version(vl->xc, XENVER_changeset, &u.changeset);
    v->changeset = bounded(&h->arena, u.changeset, sizeof(u.changeset));
    memset(&u, 0, sizeof(u));
    xc_version(vl->xc, XENVER_platform_parameters, &u.platform);
    v->virt_start = u.platform.virt_start;
    v->page_size = xc_version(vl->xc, XENVER_pagesize, NULL);
    memset(&u, 0, sizeof(u));
    xc_version(vl->xc, XENVER_commandline, &u.cmdline);
    v->command_line = bounded(&h->arena, u.cmdline, sizeof(u.cmdline));
    read_build_id(vl, h);
}

int vl_host_read_topology(struct vl *vl, struct vl_host *h)
{
    if (!vl_xc(vl))
        return -1;
    if (xc_cputopoinfo(vl->xc, &h->n_cpus, NULL) || xc_numainfo(vl->xc, &h->n_nodes, NULL, NULL))
        return vl_fail_errno("cannot read the host's topology");
    h->cpus = vl_alloc(&h->arena, h->n_cpus * sizeof(*h->cpus));
    h->nodes = vl_alloc(&h->arena, h->n_nodes * sizeof(*h->nodes));
    h->distances = vl_alloc(&h->arena, (size_t)h->n_nodes * h->n_nodes * sizeof(*h->distances));
    if (xc_cputopoinfo(vl->xc, &h->n_cpus, h->cpus) || xc_numainfo(vl->xc, &h->n_nodes, h->nodes, h->distances))
        return vl_fail_errno("cannot read the host's topology");
    return 0;
}

static void count_free_cpus(struct vl *vl, struct vl_host *h)
{
    xc_cpumap_t map = xc_cpupool_freeinfo(vl->xc);
    int n = map ? xc_get_max_cpus(vl->xc) : 0;

    for (int i = 0; i < n; i++)
        h->free_cpus += xc_cpumap_testcpu(i, map) != 0;
    free(map);
}

int vl_host_read(struct vl *vl, struct vl_host *h)
{
    *h = (struct vl_host){ 0 };
    if (!vl_xc(vl))
        return -1;
    if (xc_physinfo(vl->xc, &h->phys))
        return vl_fail_errno("cannot read what the host is");
    xc_sched_id(vl->xc, &h->scheduler);
    h->sharing_freed_pages = xc_sharing_freed_pages(vl->xc);
    h->sharing_used_frames = xc_sharing_used_frames(vl->xc);
    if (h->sharing_freed_pages < 0)
        h->sharing_freed_pages = 0;
    if (h->sharing_used_frames < 0)
        h->sharing_used_frames = 0;
    count_free_cpus(vl, h);
    read_version(vl, h);
    return vl_host_read_topology(vl, h);
}

void vl_host_free(struct vl_host *h)
{
    vl_arena_free(&h->arena);
}
