/* SPDX-License-Identifier: MIT */
/* The confined half of vellum-netd: rings, grants, packets. Its keeper is on descriptor WORKER_SOCKET. */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include "common/program.h"

/* Serve the guest until the keeper is gone. The exit code. */
int worker_main(const struct worker_setup *setup);

#endif
