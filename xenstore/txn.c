/* SPDX-License-Identifier: MIT */
/*
 * Transactions. Each owns a reference to the root it began with, its own root, the list of its changes and the set of
 * paths that it touched. What its own root alone shows is charged to its domain.
 *
 * Starting takes two references. A commit compares the touched paths, and only those, between the tree at the start and
 * the live one: if one differs the answer is EAGAIN and nothing happened; else the changes are made again on the live
 * tree. Making a parent as a side effect of a write does not touch it, so transactions on different paths agree.
 *
 * An open transaction keeps the tree alive that it began with, however much others change meanwhile. When that takes too
 * much (txn_unpin), the same comparison is made before the end: a transaction that could be committed now goes on from
 * the live tree, as if it had begun now; one that could not does too, but its end will be EAGAIN.
 */
#include "store.h"

#include "pool.h"

#include <errno.h>
#include <stdlib.h>

/* So often are a guest's transaction's requests compared and done again before its end, unless they are few. */
#define REBASED_MAX 4u
#define FEW         64u


#define LARGE (128u << 10) /* bytes of changes whose record, with the events they cause, may need room of its own */

struct txn *txn_find(struct conn *c, uint32_t id)
{
    struct txn *t = c->txns;

    while (t != NULL && t->id != id)
        t = t->next;
    return t;
}

static void txn_entry(struct store *st, const struct txn *t, unsigned type)
{
    const struct entry e = { .type = (uint8_t)type, .domid = t->conn->domid, .num = t->id };

    if (t->conn->kind == CONN_RING)
        store_entry(st, &e, NULL, NULL);
}

/* Puts T behind all others: its base is the live tree. */
static void age_append(struct store *st, struct txn *t)
{
    t->older = st->txn_newest;
    t->newer = NULL;
    *(t->older != NULL ? &t->older->newer : &st->txn_oldest) = t;
    st->txn_newest = t;
}

static void age_remove(struct store *st, struct txn *t)
{
    *(t->older != NULL ? &t->older->newer : &st->txn_oldest) = t->newer;
    *(t->newer != NULL ? &t->newer->older : &st->txn_newest) = t->older;
}

void txn_charge_held(struct store *st, struct txn *t, int64_t bytes)
{
    t->held += bytes;
    st->txn_bytes += bytes;
    if (!t->conn->privileged)
        domain_charge(st, t->conn->domain, bytes);
}

struct txn *txn_start(struct store *st, struct conn *c, uint32_t id, struct node *base, struct node *work)
{
    struct txn *t = pool_alloc(sizeof(*t));

    memset(t, 0, sizeof(*t));
    if (txn_pinned(st) <= PINNED_MAX)
        st->pinned_max = PINNED_MAX;
    t->id = id;
    t->conn = c;
    t->base = node_ref(base);
    t->work = node_ref(work);
    t->next = c->txns;
    c->txns = t;
    c->domain->txns++;
    st->txn_count++;
    age_append(st, t);
    txn_entry(st, t, ENTRY_TXN_START);
    return t;
}

/* ---- touched paths ---- */

static void touch_rehash(struct txn *t)
{
    uint32_t size = t->touch_size ? t->touch_size * 2 : 32;
    struct touch *table = xzalloc(size * sizeof(*table));

    for (uint32_t i = 0; i < t->touch_size; i++) {
        uint32_t at = t->touch[i].hash & (size - 1);

        if (t->touch[i].kinds == 0)
            continue;
        while (table[at].kinds != 0)
            at = (at + 1) & (size - 1);
        table[at] = t->touch[i];
    }
    free(t->touch);
    t->touch = table;
    t->touch_size = size;
}

static struct touch *touch_slot(struct txn *t, const char *path, size_t len, uint32_t hash)
{
    uint32_t at = hash & (t->touch_size - 1);

    for (; t->touch[at].kinds != 0; at = (at + 1) & (t->touch_size - 1)) {
        const struct touch *s = &t->touch[at];

        if (s->hash == hash && s->len == len && !memcmp(t->names.data + s->off, path, len))
            break;
    }
    return &t->touch[at];
}

int txn_touch(struct store *st, struct txn *t, const struct path *p, unsigned kinds)
{
    uint32_t hash = path_hash_name(p->str, p->len);
    const struct conn *c = t->conn;
    struct touch *s;

    if (t->touch_count * 2 >= t->touch_size)
        touch_rehash(t);
    s = touch_slot(t, p->str, p->len, hash);
    if ((s->kinds & kinds) == kinds)
        return 0;
    if (s->kinds == 0) {
        if (!c->privileged && domain_over(st, c->domain, QUOTA_TXN_NODES, t->touch_count + 1ull))
            return -ENOSPC;
        if (!c->privileged && domain_over(st, c->domain, QUOTA_MEMORY, c->domain->memory + p->len + sizeof(*s)))
            return -ENOSPC;
        s->hash = hash;
        s->len = p->len;
        s->off = (uint32_t)t->names.len;
        buf_add(&t->names, p->str, p->len);
        t->touch_count++;
        domain_charge(st, c->domain, c->privileged ? 0 : (int64_t)(p->len + sizeof(*s)));
    }
    s->kinds |= (uint16_t)kinds;
    if (c->kind == CONN_RING) {
        const struct entry e = {
            .type = ENTRY_TOUCH, .flag = (uint8_t)kinds, .domid = c->domid, .a_len = p->len, .num = t->id
        };

        store_entry(st, &e, p->str, NULL);
    }
    return 0;
}

/* A commit is one request, for which all others wait: so many changes a node, on average, it may have. */
#define CHANGES_A_NODE 4u

int txn_room(const struct store *st, const struct txn *t, size_t len)
{
    const struct domain *d = t->conn->domain;
    uint64_t extra = sizeof(struct entry) + sizeof(struct touch) + len;

    return domain_over(st, d, QUOTA_TXN_NODES, t->op_count / CHANGES_A_NODE + 1) ||
           domain_over(st, d, QUOTA_MEMORY, d->memory + extra) ? -ENOSPC : 0;
}

void txn_op(struct store *st, struct txn *t, unsigned type, const struct path *p, unsigned creator, const void *data,
            size_t len)
{
    struct entry e = { .type = (uint8_t)type, .domid = (uint16_t)creator, .a_len = p->len, .b_len = (uint16_t)len };

    if (type == ENTRY_PERMS)
        e.num = ENTRY_MADE(st->epoch);
    entry_add(&t->ops, &e, p->str, data);
    t->op_count++;
    t->grants |= type == ENTRY_PERMS;
    txn_charge_held(st, t, st->grown);
    t->removes |= type == ENTRY_RM;
    if (!t->conn->privileged)
        domain_charge(st, t->conn->domain, (int64_t)(sizeof(e) + p->len + len));
    if (t->conn->kind == CONN_RING) {
        e.flag = ENTRY_IN_TXN;
        e.num = t->id;
        e.domid = t->conn->domid; /* which is 0 or the creator */
        store_entry(st, &e, p->str, data);
    }
}

/* ---- the end ---- */

/* What T remembers of its requests. */
static void forget_requests(struct store *st, struct txn *t)
{
    if (!t->conn->privileged)
        domain_charge(st, t->conn->domain, -(int64_t)(t->ops.len + t->names.len + t->touch_count * sizeof(*t->touch)));
    buf_free(&t->ops);
    buf_free(&t->names);
    free(t->touch);
    t->touch = NULL;
    t->touch_size = t->touch_count = t->op_count = 0;
}

static void txn_free(struct store *st, struct txn *t)
{
    struct txn **at = &t->conn->txns;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    age_remove(st, t);
    t->conn->domain->txns--;
    txn_charge_held(st, t, -t->held);
    forget_requests(st, t);
    st->txn_count--;
    node_put(t->work);
    node_put(t->base);
    pool_free(t, sizeof(*t));
}

void txn_drop(struct store *st, struct txn *t)
{
    txn_entry(st, t, ENTRY_TXN_END);
    txn_free(st, t);
}

void txn_drop_all(struct store *st, struct conn *c)
{
    while (c->txns != NULL)
        txn_free(st, c->txns);
}

static bool touch_same(const struct txn *t, const struct node *live, const struct touch *s)
{
    static struct path p;
    const struct node *was, *is;

    if (path_parse(&p, t->names.data + s->off, s->len, 0, XENSTORE_ABS_PATH_MAX) < 0)
        return false;
    was = tree_find(t->base, &p, NULL, NULL);
    is = tree_find(live, &p, NULL, NULL);
    if (was == is)
        return true;
    if (was == NULL || is == NULL)
        return false;
    if (s->kinds & TOUCH_SUBTREE)
        return node_same_subtree(was, is);
    return (!(s->kinds & TOUCH_NODE) || node_same(was, is)) &&
           (!(s->kinds & TOUCH_CHILDREN) || node_dir_gen(was) == node_dir_gen(is));
}

/* Each change of T in turn; stops at the first that VISIT does not answer with 0. */
static int txn_each_op(struct store *st, struct txn *t,
                       int (*visit)(struct store *, struct txn *, const struct entry *, const char *))
{
    struct entry e;
    int rc = 0;

    for (size_t at = 0; at < t->ops.len && rc == 0; at += sizeof(e) + e.a_len + e.b_len) {
        memcpy(&e, t->ops.data + at, sizeof(e));
        rc = visit(st, t, &e, t->ops.data + at + sizeof(e));
    }
    return rc;
}

/* A domain that lost the right to make a node since it asked may not do so now. */
static int check_op(struct store *st, struct txn *t, const struct entry *e, const char *a)
{
    static struct path p;
    struct node *nearest;

    if (e->type != ENTRY_WRITE && e->type != ENTRY_MKDIR)
        return 0;
    if (path_parse(&p, a, e->a_len, 0, XENSTORE_ABS_PATH_MAX) < 0)
        return -EAGAIN;
    if (tree_find(st->root, &p, NULL, &nearest) == NULL && !(conn_access(st, t->conn, nearest->perms) & PERM_WRITE))
        return -EAGAIN;
    return 0;
}

static int check_touched(struct store *st, struct txn *t)
{
    for (uint32_t i = 0; i < t->touch_size; i++)
        if (t->touch[i].kinds != 0 && !touch_same(t, st->root, &t->touch[i]))
            return -EAGAIN;
    return t->conn->privileged ? 0 : txn_each_op(st, t, check_op);
}

/* Nor may a domain that has ended since be given a node: the next one of its number would have it. */
static int check_owner(struct store *st, struct txn *t, const struct entry *e, const char *a)
{
    struct perm owner;

    (void)t;
    if (e->type != ENTRY_PERMS || e->b_len < sizeof(owner))
        return 0;
    memcpy(&owner, a + e->a_len, sizeof(owner));
    return ENTRY_MADE(st->died[owner.domid]) > e->num ? -EAGAIN : 0;
}

static int check_conflicts(struct store *st, struct txn *t)
{
    const struct domain *d = t->conn->domain;

    if (t->lost)
        return -EAGAIN;
    if (!t->conn->privileged && t->created > 0 && domain_over(st, d, QUOTA_NODES, (uint64_t)d->nodes + t->created))
        return -ENOSPC;
    if (t->grants && txn_each_op(st, t, check_owner) < 0)
        return -EAGAIN;
    if (st->root == t->base) /* while T holds it, the live root changes by becoming another node */
        return 0;
    return check_touched(st, t);
}

/* One event a path: a change's watches fire unless they did for that path, or the transaction itself took it back. */
static bool op_is_quiet(struct txn *t, const struct entry *e, const char *a)
{
    static struct path p;
    struct touch *s = touch_slot(t, a, e->a_len, path_hash_name(a, e->a_len));

    if (t->removes && path_parse(&p, a, e->a_len, 0, XENSTORE_ABS_PATH_MAX) == 0 &&
        tree_find(t->base, &p, NULL, NULL) == NULL && tree_find(t->work, &p, NULL, NULL) == NULL)
        return true;
    if (e->type == ENTRY_RM || s->kinds == 0)
        return false;
    if (s->kinds & TOUCH_FIRED)
        return true;
    s->kinds |= TOUCH_FIRED;
    return false;
}

static int redo_op(struct store *st, struct txn *t, const struct entry *e, const char *a)
{
    bool quiet = st->quiet;

    st->quiet = quiet || op_is_quiet(t, e, a);
    entry_mutate(st, &st->root, e, a, a + e->a_len); /* cannot fail: what it needs was touched, and is unchanged */
    st->quiet = quiet;
    return 0;
}

/* All of it is one record, for which the room that is always there may not do. */
static int check_journal(struct store *st, const struct txn *t)
{
    if (t->ops.len == 0)
        return 0;
    if (st->journal_full)
        return -ENOSPC;
    if (t->ops.len < LARGE || st->host == NULL || st->host->make_room == NULL)
        return 0;
    return st->host->make_room(st->host_arg, 2 * t->ops.len);
}

/* What the comparison and the changes of T cost, in requests. */
static uint32_t commit_work(const struct txn *t)
{
    return t->op_count / 8 + t->touch_count / 16;
}

int txn_commit(struct store *st, struct txn *t)
{
    int rc = check_journal(st, t);

    st->work += commit_work(t);
    if (rc == 0)
        rc = check_conflicts(st, t);
    if (rc == 0) {
        if (!t->removes) { /* nobody else's tree is then kept alive by T, and the changes are made in place */
            node_put(t->work);
            node_put(t->base);
            t->work = t->base = NULL;
        }
        txn_each_op(st, t, redo_op);
        st->stat.commits++;
    } else {
        st->stat.conflicts += rc == -EAGAIN;
    }
    txn_drop(st, t);
    return rc;
}

/* ---- before the end ---- */

static int redo_in_work(struct store *st, struct txn *t, const struct entry *e, const char *a)
{
    st->grown = 0;
    entry_mutate(st, &t->work, e, a, a + e->a_len);
    txn_charge_held(st, t, st->grown);
    return 0;
}

void txn_rebase(struct store *st, struct txn *t)
{
    bool old = t->rebased >= REBASED_MAX && !t->conn->privileged && t->touch_count + t->op_count > FEW;

    t->rebased++;
    t->lost = t->lost || old || check_touched(st, t) < 0;
    txn_entry(st, t, ENTRY_TXN_REBASE);
    txn_charge_held(st, t, -t->held);
    node_put(t->work);
    node_put(t->base);
    t->base = node_ref(st->root);
    t->work = node_ref(st->root);
    st->work += commit_work(t);
    if (old) {
        forget_requests(st, t);
        t->created = 0;
        t->removes = false;
    } else {
        txn_each_op(st, t, redo_in_work);
    }
    age_remove(st, t);
    age_append(st, t);
}

void txn_unpin(struct store *st)
{
    int64_t pinned = txn_pinned(st);
    struct txn *t = st->txn_oldest, *next;

    for (uint32_t n = st->txn_count; n > 0 && pinned > PINNED_MAX / 2; n--, t = next) {
        next = t->newer;
        if (t->base == st->root)
            continue;
        txn_rebase(st, t);
        pinned = txn_pinned(st);
    }
    /* What is left a snapshot holds, which ends by itself: it is not looked at after each request. */
    st->pinned_max = pinned > PINNED_MAX / 2 ? pinned + PINNED_MAX / 2 : PINNED_MAX;
}
