/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "xl/xl.h"

/* Letters of a shutdown's reason, by the ABI's numbers: poweroff, reboot, suspend, crash, watchdog, soft reset. */
static char reason_letter(uint32_t flags)
{
    static const char letters[] = "-rscwS";
    unsigned reason = flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;

    return flags & XEN_DOMINF_shutdown ? reason < sizeof(letters) - 1 ? letters[reason] : '?' : '-';
}

static void print_domain(const struct vl_domain *d)
{
    uint32_t f = d->info.flags;

    printf("%-40s %5d %5lu %5d     %c%c%c%c%c%c  %8.1f", d->name, d->info.domain,
           (unsigned long)((d->info.tot_pages + d->info.outstanding_pages) * 4 / 1024), d->info.nr_online_vcpus,
           f & XEN_DOMINF_running ? 'r' : '-', f & XEN_DOMINF_blocked ? 'b' : '-', f & XEN_DOMINF_paused ? 'p' : '-',
           f & XEN_DOMINF_shutdown ? 's' : '-', reason_letter(f), f & XEN_DOMINF_dying ? 'd' : '-',
           (double)d->info.cpu_time / 1e9);
    printf("\n");
}

int xl_list(int argc, char **argv)
{
    struct vl_domain_list list;

    while (xl_getopt(argc, argv, "", NULL, 0, -1) != -1)
        ;
    if (vl_domains(&xl_vl, &list, true))
        return 1;
    printf("Name                                        ID   Mem VCPUs\tState\tTime(s)\n");
    for (size_t i = 0; i < list.count; i++)
        print_domain(&list.all[i]);
    vl_domains_free(&list);
    return 0;
}
