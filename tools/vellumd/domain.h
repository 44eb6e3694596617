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
    bool look_consoles;         /* and its consoles */
    unsigned refused;           /* further consoles that could not be served: each attempt is the guest's to cause */
    bool announced, started, stopped, dying;
    bool owned, acting, acted;
    long act_at;                /* its end is left alone until then, in ms of the clock that is never set; 0: not looked at yet */
    bool shell;                 /* one of our ready-made shells, not a guest yet */
};

int domains_start(struct vellumd *d);
void domains_stop(struct vellumd *d);
/* Take what the store has told; also to be called when another request may have brought it along. */
void domains_poll(struct vellumd *d);
/* Bring the list into step with the hypervisor. */
void domains_sync(struct vellumd *d);
/* The same in a few milliseconds, so that whoever asks need not wait for it. */
void domains_soon(struct vellumd *d);
struct dom *domain_find(struct vellumd *d, uint32_t domid);

/* Look after this domain from now on. -ESRCH when there is none, -errno when that cannot be noted down. */
int domain_adopt(struct vellumd *d, uint32_t domid);
/* Its devices may have changed: compare, and tell. */
void domain_devices(struct vellumd *d, struct dom *dom);

/* Note down that a domain is ours. 0 or a told -errno. */
int domain_note(const struct options *options, uint32_t domid, const uint8_t uuid[16]);
/* The note that a domain is ours, which a worker locks while it acts. */
void domain_note_path(const struct options *options, uint32_t domid, char path[300]);

#endif
