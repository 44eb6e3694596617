/* SPDX-License-Identifier: MIT */
/* What the host is: processors, memory, the hypervisor's version and scheduler. */
#ifndef VL_LIFE_HOST_H
#define VL_LIFE_HOST_H

#include "base/arena.h"
#include "base/vl.h"

struct vl_version {
    int major, minor, page_size;
    char *extra, *capabilities, *changeset, *command_line, *compiler, *compile_by, *compile_domain, *compile_date;
    char *build_id;
    unsigned long virt_start;
};

struct vl_host {
    struct vl_arena arena;
    xc_physinfo_t phys;
    long sharing_freed_pages, sharing_used_frames;
    int scheduler;
    int free_cpus;              /* in no cpupool */
    struct vl_version version;
    xc_cputopo_t *cpus;
    unsigned n_cpus;
    xc_meminfo_t *nodes;
    uint32_t *distances;        /* n_nodes squared */
    unsigned n_nodes;
};

/* All of it; 0 or a told -errno. The second is only the processors and nodes. */
int vl_host_read(struct vl *vl, struct vl_host *host);
int vl_host_read_topology(struct vl *vl, struct vl_host *host);
void vl_host_free(struct vl_host *host);

/* "credit2" and so on; "Unknown" for a number we do not know. */
const char *vl_scheduler_name(int sched_id);
/* The number of a scheduler's name, or -1. */
int vl_scheduler_number(const char *name);

#endif
