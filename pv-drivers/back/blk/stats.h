/* SPDX-License-Identifier: MIT */
#ifndef BLK_STATS_H
#define BLK_STATS_H

/* Print the counters of a guest's disks (domid -1: of all guests') as JSON on standard output. The exit code. */
int stats_print(const char *state_dir, int domid);

#endif
