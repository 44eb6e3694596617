/* SPDX-License-Identifier: MIT */
/* Interfaces as the keeper has them: xenstore's nodes on one side, tap and worker on the other. */
#ifndef NET_IFACE_H
#define NET_IFACE_H

#include "common/keeper.h"

struct iface_options {
    unsigned queues;            /* most that are offered */
    const char *script;         /* run by us, where no toolstack does; NULL: a toolstack does */
    const char *check;          /* NULL, "mac" or "ip": for interfaces whose nodes say nothing */
    bool no_offload;
};

extern const struct backend_kind iface_kind;

#endif
