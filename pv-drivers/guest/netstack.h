/* SPDX-License-Identifier: MIT */
/*
 * lwIP on the first PV network device: everything runs in the thread that calls netstack_run.
 */
#ifndef GUEST_NETSTACK_H
#define GUEST_NETSTACK_H

#include "guest.h"

#include <front/net.h>

#include <lwip/ip4_addr.h>
#include <lwip/tcp.h>

extern struct net_device nic;

/* Connects the device, then takes the address of the command line (ip=A.B.C.D, netmask 255.255.255.0, gw=A.B.C.D), or
 * one by DHCP. Panics after 30 seconds without. Features are limited by queues= sg= csum= gso= split= ctrl=. */
void netstack_init(void);
/* Moves packets and runs timers until DONE says true or the deadline passes: what it said last. */
bool netstack_run(bool (*done)(void *arg), void *arg, uint64_t deadline);
/* Another device that netstack_run takes care of. */
void netstack_poll_also(void (*poll)(void), bool (*pending)(void));
/* Lets an open connection send segments larger than a packet, which the back-end or the last card cuts. */
void netstack_large_segments(struct tcp_pcb *pcb);
/* An address on the command line: NAME=A.B.C.D. */
bool netstack_option(const char *name, ip4_addr_t *addr);

#endif
