/* SPDX-License-Identifier: MIT */
/* What the hypervisor prints, in hypervisor.log: it tells by an event when there is more in its ring. */
#ifndef VELLUMD_HVLOG_H
#define VELLUMD_HVLOG_H

#include "vellumd/vellumd.h"

/* Without it, or where another program has the event, the daemon does the rest of its work; that is told. */
void hvlog_start(struct vellumd *d);
void hvlog_stop(struct vellumd *d);
/* True when this port is the hypervisor's log's; then it has been dealt with. */
bool hvlog_event(struct vellumd *d, evtchn_port_t port);
void hvlog_reopen(struct vellumd *d);

#endif
