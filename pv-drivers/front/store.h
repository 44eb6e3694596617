/* SPDX-License-Identifier: MIT */
/*
 * A xenstore client over the domain's shared page. Paths that do not start with a slash begin at the domain's own home.
 * NODE may be NULL: then DIR is the path. TX is a transaction's number, or 0. Calls sleep (os_wait) and are for threads.
 */
#ifndef FRONT_STORE_H
#define FRONT_STORE_H

#include "os.h"

#define STORE_VALUE 256 /* the longest value of the protocols here, NUL included */

struct store_watch {
    char path[128];
    void (*fn)(struct store_watch *w); /* called by store_poll, with no lock held */
    void *arg;
    /* the client's */
    struct store_watch *next;
    uint32_t token;
    bool fired;
};

/* Takes over the page and port that the domain was built with (start_info's), again after every resume: the watches are
 * set anew then and fire. */
int store_init(void *page, uint32_t port);

/* The value, ended by NUL; its length, or -XEN_ENOENT, -XEN_E2BIG (longer than SIZE - 1), -XEN_ETIMEDOUT … */
int store_read(uint32_t tx, const char *dir, const char *node, char *buf, size_t size);
/* The value as a decimal number; OTHERWISE when there is none or it is not one. */
uint64_t store_number(uint32_t tx, const char *dir, const char *node, uint64_t otherwise);
int store_write(uint32_t tx, const char *dir, const char *node, const char *value);
int store_write_number(uint32_t tx, const char *dir, const char *node, uint64_t value);
int store_remove(uint32_t tx, const char *dir, const char *node);
/* The children's names, each ended by NUL; the bytes of all. */
int store_list(uint32_t tx, const char *dir, char *buf, size_t size);

int store_begin(uint32_t *tx);
/* -XEN_EAGAIN: somebody else changed what the transaction saw; do it all again. */
int store_end(uint32_t tx, bool commit);

/* Watches w->path; the watch fires once at once. */
int store_watch(struct store_watch *w);
void store_unwatch(struct store_watch *w);
/* Takes in what the daemon sent and calls the watches that fired. To be called by one thread, before it sleeps. */
void store_poll(void);
/* Has the daemon sent anything that store_poll would take in? For the condition of os_wait. */
bool store_pending(void);

#endif
