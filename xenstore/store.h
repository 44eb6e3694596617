/* SPDX-License-Identifier: MIT */
/*
 * The store: tree, watches, transactions, domains and their accounts, and the requests on them, without any I/O.
 *
 * store_request() serves one message of a connection; replies and watch events gather in the connections' `out`
 * buffers, and what must survive a crash gathers in `jr`, as journal entries (journal.h), for the caller to commit
 * before any of those bytes leaves the process.
 *
 * Files: store.c (set-up, accounts, output), mutate.c (every change of a tree), watch.c, txn.c, domain.c,
 * request.c (the table and its handlers), control.c (CONTROL), replay.c (journal entries applied at start).
 */
#ifndef XENSTORE_STORE_H
#define XENSTORE_STORE_H

#include "node.h"

#include <xen/xen.h>

struct store;
struct conn;
struct txn;
struct watch;
struct wnode;
struct owned;
struct request;

/* Quotas; the names and defaults are those of Debian's `xenstore-control quota`. Domain 0 has none. */
enum quota {
    QUOTA_NODES, QUOTA_WATCHES, QUOTA_TRANSACTIONS, QUOTA_OUTSTANDING, QUOTA_TXN_NODES, QUOTA_MEMORY, QUOTA_NODE_SIZE,
    QUOTA_PATH_MAX, QUOTA_PERMISSIONS, QUOTA_COUNT
};

struct quota_info {
    const char *name;
    uint32_t value;
    const char *help;
};

#define NO_TARGET 0xffffu
#define DOMAINS   65536u

/* What the store knows about a domain id: made when it is first charged for something, gone when nothing is left. */
struct domain {
    uint16_t domid, target;
    bool introduced;
    bool shutdown; /* its shutdown was already announced; RESUME clears it */
    bool soft_warned;
    bool named; /* in a permission list: its end, too, must be noticed */
    bool held; /* somebody works on it: domain_trim() leaves it be */
    struct conn *conn; /* its ring, while introduced */
    uint32_t nodes, watches, txns;
    uint32_t told;                  /* bytes of events that its requests had domain 0's ring be sent, in this backlog */
    uint32_t backlog;               /* which `told` is of */
    uint64_t memory;                /* bytes of nodes, watches, transactions, unread output */
    uint32_t quota[QUOTA_COUNT];    /* UINT32_MAX: as the store's */
    struct owned *owned;            /* topmost nodes that it owns, by path */
    struct domain *next, **pprev;   /* all accounts */
    struct domain *inext, **ipprev; /* the introduced ones */
};

enum conn_kind { CONN_SOCKET, CONN_RING };

struct conn {
    enum conn_kind kind;
    uint16_t domid;
    bool privileged, readonly, dead;
    bool in_dirty, in_fresh;
    struct domain *domain;
    struct watch *watches;
    struct txn *txns;
    uint32_t next_txn;
    uint32_t id; /* for messages */

    struct buf out;      /* from out_head on: not yet sent */
    size_t out_head;
    uint64_t out_end;    /* stream position of the end of `out` */
    uint64_t out_safe;   /* rings: output up to here is in the journal or in the ring */
    uint32_t unread;     /* replies in `out` */
    uint32_t untraced;   /* bytes of output since a trace last looked */
    bool may_hear;       /* of the change that is told now, if heard is its number */
    uint64_t heard;
    struct conn *dirty_next; /* has output to flush */
    struct conn *fresh_next; /* rings: has output that the journal lacks */
    struct conn *next, **pprev;
};

struct store {
    struct node *root;
    uint64_t gen;
    uint64_t live_bytes; /* of the nodes below `root`: what node_stats.bytes has more, others hold */
    struct wnode *watch_root, *watch_specials;
    uint32_t watch_count;
    uint64_t told; /* changes that watches were told of */
    uint32_t txn_count;
    struct txn *txn_oldest, *txn_newest; /* by when their base was the live tree */
    int64_t txn_bytes;  /* of all open transactions' own nodes */
    int64_t grown;      /* by the last change of a transaction's tree */
    int64_t pinned_max; /* see txn_relieve() */
    struct domain *domain[DOMAINS];
    uint32_t died[DOMAINS]; /* the epoch at which the last domain of that id ended */
    uint32_t epoch;
    struct domain *accounts, *introduced;
    uint32_t introduced_count, target_count;
    struct owned **owned_table;
    uint32_t owned_size, owned_used;
    struct watch **watch_table;
    struct wnode **wnode_table;
    uint32_t watch_size, wnode_size, wnode_used;
    struct perms *intro_perms, *release_perms;
    uint32_t quota[QUOTA_COUNT], soft_memory;
    bool keep_orphans;

    struct conn *conns, *dirty, *fresh;
    uint32_t next_conn_id;
    struct domain *sender; /* of the request at hand, if it came by a ring */
    uint32_t backlog;      /* of domain 0's ring: goes up when an event finds it short */
    struct buf jr;   /* journal entries of the request at hand */
    bool journaling; /* false while replaying, and in tests without a journal */
    bool replaying;  /* what was once granted is done again, whatever the quotas are now */
    bool quiet;      /* no watch fires: replaying, or a change that its transaction took back */
    bool journal_full; /* changes are refused with ENOSPC */
    uint32_t work;   /* cost of what was done lately, for fairness: 1 a request, more for what fans out */

    struct {
        uint64_t requests, events, commits, conflicts;
    } stat;

    const struct store_host *host; /* what only the outside can do */
    void *host_arg;
};

/* Calls that the daemon answers and unit tests imitate; all may be NULL. Errors are negative errno. */
struct store_host {
    bool (*domain_exists)(void *arg, unsigned domid);
    int (*introduce)(void *arg, struct domain *d, uint64_t gfn, uint32_t port); /* connects d->conn */
    void (*release)(void *arg, struct domain *d);                               /* disconnects d->conn */
    int (*make_room)(void *arg, uint64_t bytes); /* in the journal: 0 or -ENOSPC */
    /* What CONTROL wants of the daemon: 0 with a text, 1 when the reply comes later, or negative errno. */
    int (*control)(void *arg, const struct request *rq, const char **argv, unsigned argc, struct buf *out);
};

extern const struct quota_info quota_info[QUOTA_COUNT];

void store_init(struct store *st);
void store_fini(struct store *st);

/* ---- connections (store.c) ---- */

/* Sets up C, of zeroes, for domain DOMID; a socket is domain 0's and privileged, so is domain 0's ring. */
void conn_init(struct store *st, struct conn *c, enum conn_kind kind, unsigned domid);
/* Drops watches, transactions and output; C's memory stays the caller's. */
void conn_fini(struct store *st, struct conn *c);
/* Room for a message's LEN payload bytes at the end of C's output. */
char *conn_message(struct store *st, struct conn *c, uint32_t type, uint32_t req_id, uint32_t tx_id, size_t len);
/* N bytes of output have left. */
void conn_sent(struct conn *c, size_t n);
/* Output that had not left when the last daemon ended. */
void conn_restore_output(struct store *st, struct conn *c, uint64_t start, const void *data, size_t len);

#define BACKLOG_SHORT (32u << 10)

static inline size_t conn_unsent(const struct conn *c)
{
    return c->out.len - c->out_head;
}

/* ---- accounts and domains (domain.c) ---- */

struct domain *domain_account(struct store *st, unsigned domid);
/* Notes which domains the list is about. */
void domain_name(struct store *st, const struct perm *perm, unsigned count);
void domain_trim(struct store *st, struct domain *d); /* forgets the account if nothing is charged to it */
bool domain_over(const struct store *st, const struct domain *d, enum quota q, uint64_t value);
void domain_charge(struct store *st, struct domain *d, int64_t bytes);
uint32_t domain_quota(const struct store *st, const struct domain *d, enum quota q);
/* Notes that DOMID's nodes may hang below, or no longer do, a path whose parent it does not own. */
void domain_own(struct store *st, unsigned domid, const char *path, size_t len);
void domain_disown(struct store *st, unsigned domid, const char *path, size_t len);
void domain_disown_all(struct store *st, struct domain *d);
/* Counts every node of the live tree anew, none of which is charged yet (after loading a snapshot). */
void domain_recount(struct store *st);
/* Compares the accounts with the tree: 0, or the number of differences, each a line in OUT. */
unsigned domain_check(struct store *st, struct buf *out);
void domain_mark_introduced(struct store *st, struct domain *d);
int domain_introduce(struct store *st, unsigned domid, uint64_t gfn, uint32_t port);
/* The domain is gone or let go: its ring, its nodes, its permissions; fires @releaseDomain unless QUIET. */
void domain_release(struct store *st, struct domain *d);
/* Its shutdown became known: fires @releaseDomain once. */
void domain_shut_down(struct store *st, struct domain *d);

/* ---- changes of a tree (mutate.c) ---- */

/*
 * All do what they say on *ROOT and cannot fail: the caller has looked and checked. On the live root (&st->root) they
 * also keep the accounts, fire the watches and, when st->journaling, write the journal entry.
 * CREATOR is the unprivileged domain that shall own new nodes; 0: they take their parent's owner.
 */
void mutate_write(struct store *st, struct node **root, const struct path *p, unsigned creator, const void *value,
                  size_t len);
void mutate_mkdir(struct store *st, struct node **root, const struct path *p, unsigned creator);
void mutate_rm(struct store *st, struct node **root, const struct path *p);
void mutate_perms(struct store *st, struct node **root, const struct path *p, const struct perm *perm, unsigned count);
uint64_t node_memory(const struct node *n);

/* ---- watches (watch.c) ---- */

int watch_add(struct store *st, struct conn *c, const struct path *p, const char *token, size_t len);
int watch_remove(struct store *st, struct conn *c, const struct path *p, const char *token, size_t len);
void watch_remove_all(struct store *st, struct conn *c);
typedef void watch_visit(const char *path, size_t len, bool relative, const char *token, size_t token_len, void *arg);
void watch_each(const struct conn *c, watch_visit *visit, void *arg);
void watch_fini(struct store *st);
/* A node changed: OLD and NEW are its permissions before and after (either may be NULL), PARENT its parent's. */
void watch_fire(struct store *st, const struct path *p, const struct perms *old, const struct perms *new,
                const struct perms *parent);
/* The nodes below REMOVED (which was at P) are gone: watches exactly on one of them hear of it. */
void watch_fire_removed(struct store *st, const struct path *p, const struct node *removed);
void watch_fire_special(struct store *st, const char *name, struct perms *perms);
/* The event with which every watch starts. */
void watch_first_event(struct store *st, struct conn *c, const struct path *p, const char *token, size_t len);
uint64_t watch_memory(void);
/* What a watch on P is charged: itself, and every watch node on its way as if there were no other watch. */
uint64_t watch_cost(const struct path *p, size_t token_len);

/* ---- transactions (txn.c) ---- */

#define TOUCH_NODE     1u /* value, permissions, or that it does not exist */
#define TOUCH_CHILDREN 2u /* which children it has */
#define TOUCH_SUBTREE  4u /* all below */
#define TOUCH_FIRED    8u /* commit only: its event was sent */

struct txn {
    uint32_t id;
    struct conn *conn;
    struct txn *next;
    struct node *base, *work; /* the tree at the start, and with the transaction's own changes */
    struct buf ops;           /* the changes, as journal entries */
    uint32_t op_count;
    struct buf names;         /* touched paths' strings */
    struct touch *touch;      /* hash table */
    uint32_t touch_size, touch_count;
    uint32_t created;         /* nodes more than at the start */
    bool removes, grants;       /* has changes of that kind */
    bool lost;                  /* it ends with EAGAIN, for what it has seen is no more */
    uint32_t rebased;           /* how often it was given a newer base */
    int64_t held;               /* bytes of the nodes that only `work` shows, charged to its domain */
    struct txn *older, *newer;  /* of all */
};

struct touch {
    uint32_t hash, off;
    uint16_t len;
    uint16_t kinds; /* 0: free slot */
};

/* May T, a guest's, have another change, with LEN bytes of path and arguments? 0 or -ENOSPC. */
int txn_room(const struct store *st, const struct txn *t, size_t len);
struct txn *txn_find(struct conn *c, uint32_t id);
struct txn *txn_start(struct store *st, struct conn *c, uint32_t id, struct node *base, struct node *work);
/* 0, or -ENOSPC when an unprivileged domain touches too many paths. */
int txn_touch(struct store *st, struct txn *t, const struct path *p, unsigned kinds);
void txn_op(struct store *st, struct txn *t, unsigned type, const struct path *p, unsigned creator, const void *data,
            size_t len);
/* Commits: 0, -EAGAIN on a conflict, -ENOSPC when over quota. T is gone in every case. */
int txn_commit(struct store *st, struct txn *t);
void txn_drop(struct store *st, struct txn *t);
void txn_drop_all(struct store *st, struct conn *c);
/* T's own nodes have grown by BYTES. */
void txn_charge_held(struct store *st, struct txn *t, int64_t bytes);
/* Moves T onto the tree as it is now, so that it holds no old one; if it could not be committed now, it is t->lost. */
void txn_rebase(struct store *st, struct txn *t);

/*
 * Open transactions keep the trees alive that they began with. What the live tree no longer shows of those, and is no
 * transaction's own change, is charged to nobody; beyond PINNED_MAX bytes the oldest are moved to the tree of now. Call
 * after each request.
 */
#define PINNED_MAX (8 << 20)
void txn_unpin(struct store *st);

static inline int64_t txn_pinned(const struct store *st)
{
    return (int64_t)(node_stats.bytes - st->live_bytes) - st->txn_bytes;
}

static inline void txn_relieve(struct store *st)
{
    if (st->txn_count > 0 && txn_pinned(st) > st->pinned_max)
        txn_unpin(st);
}

/* ---- requests (request.c, control.c) ---- */

struct request {
    struct conn *conn;
    struct txn *txn;
    struct xsd_sockmsg hdr;
    const char *data;
    size_t len;
    struct path *path;
};

/* Serves one whole message: DATA are hdr->len (at most XENSTORE_PAYLOAD_MAX) bytes. */
void store_request(struct store *st, struct conn *c, const struct xsd_sockmsg *hdr, const char *data);
void request_reply(struct store *st, struct request *rq, const void *data, size_t len);
const char *request_type_name(uint32_t type);
int control_request(struct store *st, struct request *rq);

/* Permissions of an unprivileged or any connection on a list. */
unsigned conn_access(const struct store *st, const struct conn *c, const struct perms *perms);

/* ---- journal entries ---- */

enum entry_type {
    ENTRY_WRITE = 1, ENTRY_MKDIR, ENTRY_RM, ENTRY_PERMS, ENTRY_SPECIAL_PERMS,
    ENTRY_WATCH, ENTRY_UNWATCH, ENTRY_RESET, ENTRY_TXN_START, ENTRY_TXN_END, ENTRY_TOUCH,
    ENTRY_INTRODUCE, ENTRY_RELEASE, ENTRY_SHUTDOWN, ENTRY_TARGET, ENTRY_QUOTA,
    ENTRY_IN, ENTRY_PARTIAL, ENTRY_OUT, ENTRY_RING_RESET, ENTRY_RING_DEAD,
    /* only in snapshots */
    ENTRY_COUNTERS, ENTRY_PERM_LIST, ENTRY_NODE, ENTRY_ROOT, ENTRY_TXN, ENTRY_SOCKET, ENTRY_DOMAIN, ENTRY_END,
    ENTRY_TXN_REBASE, /* behind the others: an older daemon's journal may be taken up */
    ENTRY_TYPES
};

#define ENTRY_IN_TXN 1u /* flag: a change inside the ring's transaction `num` */
#define ENTRY_MADE(epoch) ((epoch) + 1ull) /* ENTRY_PERMS of an open transaction: `num`, when it was asked for; else 0 */

struct entry {
    uint8_t type, flag;
    uint16_t domid;
    uint16_t a_len, b_len; /* two byte strings follow */
    uint64_t num;
};

void entry_add(struct buf *b, const struct entry *e, const void *a, const void *data);

static inline void store_entry(struct store *st, const struct entry *e, const void *a, const void *b)
{
    if (st->journaling)
        entry_add(&st->jr, e, a, b);
}

/* Applies one entry of a change to a tree (ENTRY_WRITE to ENTRY_PERMS). -EINVAL if it cannot be. */
int entry_mutate(struct store *st, struct node **root, const struct entry *e, const char *a, const char *b);

#endif
