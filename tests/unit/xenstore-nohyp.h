/* SPDX-License-Identifier: MIT */
/*
 * xenstored's hyp.c for programs that hold the whole daemon: pages of memory are the guests' rings. And daemons one after
 * the other on one run folder, each a process of its own, which ends as if killed.
 */
#ifndef TESTS_XENSTORE_NOHYP_H
#define TESTS_XENSTORE_NOHYP_H

#include "server.h"

#include <xen/io/xs_wire.h>

#define NOHYP_GUESTS 2u

extern struct xenstore_domain_interface *nohyp_page; /* NOHYP_GUESTS + 1 of them, shared by all daemons' processes */
extern unsigned nohyp_notified[NOHYP_GUESTS + 1]; /* how often the guest was notified */
extern unsigned nohyp_fault; /* to let go of this domain's event channel is a segmentation fault; 0: of none's */

extern bool nohyp_check_fault;   /* so is to look at the domains */

/* ---- the daemon in this process ---- */

extern struct server server;
extern struct config nohyp_config; /* what daemons are started with */

/* A fresh run folder for the daemons that come; it and all in it is removed. */
void make_run_dir(void);
void remove_run_dir(void);
/* Starts the daemon; ends the process when that fails. It then does not wait for who shares its CPU. */
void start_daemon(void);
/* Runs WORK on a daemon in a process of its own, which is then gone as if killed; its wait status. */
int daemon_does(void (*work)(void));

#endif
