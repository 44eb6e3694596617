/* SPDX-License-Identifier: MIT */
/*
 * hello: one line with this domain's name, number and uptime, then power off.
 */
#include "guest.h"

void main(void)
{
    char name[256], domid[16];
    uint64_t us;

    if (store_read("name", name, sizeof(name)) < 0)
        format(name, sizeof(name), "?");
    if (store_read("domid", domid, sizeof(domid)) < 0)
        format(domid, sizeof(domid), "?");
    us = (time_now() - time_boot()) / 1000;
    print("hello from %s, domain %s, up %lu.%03lu ms, %lu of %lu pages free\n", name, domid, us / 1000, us % 1000,
          pages_free_count(), nr_pages);
}
