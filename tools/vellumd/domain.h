/* SPDX-License-Identifier: MIT */
/*
 * The domains as this daemon knows them. The list is brought into step with the hypervisor whenever the store tells
 * that a domain has come or that one has stopped or gone; every step that a domain takes becomes one event.
 *
 * A domain is ours (`owned`) when xl has handed it over, and only then do we act on its end.
 */
#ifndef VELLUMD_DOMAIN_H
#define VELLUMD_DOMAIN_H

#include "vellumd/vellumd.h"

struct dom {
    TAILQ_ENTRY(dom) link;
    struct vellumd *d;
    uint32_t domid;
    uint8_t uuid[16];
    char *name;                 /* NULL until the store has one */
    char **devices;             /* "vbd/51712", in the order of the store */
    size_t n_devices;
    bool seen;                  /* in the sweep under way */
    bool look;                  /* its devices may have changed */
    bool announced, started, stopped, dying;
    bool owned, acting, acted;
    bool shell;                 /* one of our ready-made shells, not a guest yet */
};

int domains_start(struct vellumd *d);
void domains_stop(struct vellumd *d);
/* Take what the store has told; also to be called when another request may have brought it along. */
void domains_poll(struct vellumd *d);
/* Bring the list into step with the hypervisor. */
void domains_sync(struct vellumd *d);
struct dom *domain_find(struct vellumd *d, uint32_t domid);

/* Look after this domain from now on. -ESRCH when there is none, -errno when that cannot be noted down. */
int domain_adopt(struct vellumd *d, uint32_t domid);
/* Its devices may have changed: compare, and tell. */
void domain_devices(struct vellumd *d, struct dom *dom);

/* The note that a domain is ours, which a worker locks while it acts. */
void domain_note_path(const struct options *options, uint32_t domid, char path[300]);

#endif
