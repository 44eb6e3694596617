/* SPDX-License-Identifier: MIT */
/*
 * What domains use, at one moment: from the hypervisor, the store (names) and the kernel's back-ends (/sys). Figures
 * only grow as long as a domain lives; who wants rates takes two samples.
 */
#ifndef TOOLS_TOP_SAMPLE_H
#define TOOLS_TOP_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/vl.h"

struct sample_net {
    unsigned devid;
    uint64_t tx_bytes, rx_bytes, tx_packets, rx_packets, tx_errors, rx_errors, tx_dropped, rx_dropped;   /* as the guest sees them */
};

struct sample_disk {
    unsigned devid;
    uint64_t oo, reads, writes, read_sectors, written_sectors;  /* oo: requests that had to wait for room */
};

struct sample_vcpu {
    bool online;
    uint64_t ns;
    unsigned cpu;
};

struct sample_domain {
    uint32_t domid, flags, ssid;
    const char *name;
    uint64_t cpu_ns, memory_kb, max_kb; /* max_kb of UINT64_MAX: no limit */
    double percent;             /* of one CPU, since the sample before; 0 in the first */
    unsigned online_vcpus, n_vcpus;
    struct sample_vcpu *vcpus;
    struct sample_net *nets;
    size_t n_nets;
    struct sample_disk *disks;
    size_t n_disks;
};

struct sample {
    struct vl_arena arena;
    uint64_t ns;                /* when: CLOCK_MONOTONIC */
    uint64_t total_kb, free_kb;
    unsigned cpus, mhz;
    struct sample_domain *domains;
    size_t n_domains;
};

/* Take a sample; rates are against `before` (may be NULL). 0 or a told -errno. */
int sample_take(struct vl *vl, struct sample *sample, const struct sample *before);
void sample_free(struct sample *sample);

/* Sums over a domain's devices. */
struct sample_net sample_net_sum(const struct sample_domain *d);
struct sample_disk sample_disk_sum(const struct sample_domain *d);

/* The letters of xentop's STATE column, for a domain's flags. */
void sample_state(uint32_t flags, char letters[7]);

#endif
