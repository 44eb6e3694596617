/* SPDX-License-Identifier: MIT */
/*
 * The guests' consoles: each is a ring that the guest shares (its first one made by the builder, others by its driver),
 * an event channel, a pseudo-terminal whose name stands in the store for `xl console`, a log, and the last output,
 * which whoever opens the terminal sees first.
 *
 * A terminal's slave side is closed while nobody has opened it; inotify tells when somebody does, so output is only
 * ever written to a terminal that has a reader.
 */
#ifndef VELLUMD_CONSOLE_H
#define VELLUMD_CONSOLE_H

#include "vellumd/domain.h"
#include "vellumd/vellumd.h"

/* Start serving. 0 or a told -errno. */
int consoles_start(struct vellumd *d);
void consoles_stop(struct vellumd *d);
unsigned consoles_count(struct vellumd *d);
/* SIGHUP: open all logs anew. */
void consoles_reopen_logs(struct vellumd *d);

/* Look at a domain's nodes, and serve each console that is ready and not yet served. */
void consoles_check(struct vellumd *d, struct dom *dom);
/* The domain has gone, or is dying: give its pages back. */
void consoles_drop(struct vellumd *d, struct dom *dom);

#endif
