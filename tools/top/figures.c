/* SPDX-License-Identifier: MIT */
/* What follows from a sample alone. */
#include "top/sample.h"

#include <stdio.h>

struct sample_net sample_net_sum(const struct sample_domain *d)
{
    struct sample_net sum = { 0 };

    for (size_t i = 0; i < d->n_nets; i++) {
        sum.tx_bytes += d->nets[i].tx_bytes;
        sum.rx_bytes += d->nets[i].rx_bytes;
    }
    return sum;
}

struct sample_disk sample_disk_sum(const struct sample_domain *d)
{
    struct sample_disk sum = { 0 };

    for (size_t i = 0; i < d->n_disks; i++) {
        sum.oo += d->disks[i].oo;
        sum.reads += d->disks[i].reads;
        sum.writes += d->disks[i].writes;
        sum.read_sectors += d->disks[i].read_sectors;
        sum.written_sectors += d->disks[i].written_sectors;
    }
    return sum;
}

void sample_state(uint32_t flags, char letters[7])
{
    bool shut = flags & XEN_DOMINF_shutdown;
    bool crashed = shut && (flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask) == SHUTDOWN_crash;

    snprintf(letters, 7, "%c%c%c%c%c%c", flags & XEN_DOMINF_dying ? 'd' : '-', shut && !crashed ? 's' : '-',
             flags & XEN_DOMINF_blocked ? 'b' : '-', crashed ? 'c' : '-', flags & XEN_DOMINF_paused ? 'p' : '-',
             flags & XEN_DOMINF_running ? 'r' : '-');
}
