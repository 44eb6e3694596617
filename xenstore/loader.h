/* SPDX-License-Identifier: MIT */
/* Taking up a journal, shared by loader.c (a snapshot's own entries) and recover.c (all others). */
#ifndef XENSTORE_LOADER_H
#define XENSTORE_LOADER_H

#include "server.h"

#include "snapshot.h"

struct loader {
    struct server *srv;
    struct node **nodes; /* one reference each */
    uint32_t node_count, node_cap;
    struct perms **perms;
    uint32_t perms_count, perms_cap;
    struct node **roots; /* borrowed */
    uint32_t root_count, root_cap;
    struct {
        struct txn *txn;
        uint32_t root;
    } *txns; /* of the snapshot, until their roots are there */
    uint32_t txn_count, txn_cap;
    struct txn *txn; /* whose parts are being read */
    struct sock *sock;
    bool in_snapshot, skip_socket;
    uint64_t entries, bad;
};

/* ---- recover.c ---- */

/* The ring of the entry's domain; NULL if it has none. */
struct ring *loader_ring(struct loader *l, const struct entry *e);
/* Whose entry it is: the last socket's, or a domain's ring's; NULL if it is nobody's here. */
struct conn *loader_conn(struct loader *l, const struct entry *e);

/* ---- loader.c: one function a kind of entry; 0, or -EINVAL if it cannot be ---- */

int loader_counters(struct loader *l, const struct entry *e, const char *b);
int loader_perms(struct loader *l, const struct entry *e, const char *b);
int loader_domain(struct loader *l, const struct entry *e, const char *b);
int loader_node(struct loader *l, const struct entry *e, const char *a, const char *b);
int loader_txn(struct loader *l, const struct entry *e, const char *a, const char *b);
int loader_socket(struct loader *l, const struct entry *e, const char *b);
int loader_touch(struct loader *l, struct txn *t, const char *a, size_t len, unsigned kinds);
/* The snapshot is whole: its nodes become the store's. */
void loader_use_roots(struct loader *l);

#endif
