/* SPDX-License-Identifier: MIT */
/* xenstored's hyp.c for programs that hold the whole daemon: pages of memory are the guests' rings. */
#ifndef TESTS_XENSTORE_NOHYP_H
#define TESTS_XENSTORE_NOHYP_H

#include <stdbool.h>
#include <xen/io/xs_wire.h>

#define NOHYP_GUESTS 2u

extern struct xenstore_domain_interface nohyp_page[NOHYP_GUESTS + 1];
extern unsigned nohyp_notified[NOHYP_GUESTS + 1]; /* how often the guest was notified */
extern unsigned nohyp_fault; /* to let go of this domain's event channel is a segmentation fault; 0: of none's */

extern bool nohyp_check_fault;   /* so is to look at the domains */

#endif
