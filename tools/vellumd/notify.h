/* SPDX-License-Identifier: MIT */
#ifndef VELLUMD_NOTIFY_H
#define VELLUMD_NOTIFY_H

/*
 * Tell the service manager, when there is one, as sd_notify(3) documents its protocol ("READY=1", "STOPPING=1"). The
 * manual gives it as stable, and libsystemd as not needed for it.
 */
void notify(const char *state);

#endif
