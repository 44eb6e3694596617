/* SPDX-License-Identifier: MIT */
/*
 * Taking up the journal: a snapshot's entries rebuild the state, the entries after it are done again as they were.
 *
 * Nothing here sends or fires anything: what went out, or was due, is in the journal too (ENTRY_OUT). At the end every
 * ring is mapped again, its positions taken from the rings file, its indices set by them (see ring.c), and looked at.
 * The journal is ours and its records are checked, but a damaged one may still pass: an entry that cannot be is
 * counted, reported and left out, and never makes the daemon read beyond an entry. Should one end the daemon all the
 * same, the journal is told which (on_fault), and the next daemon leaves it out: a start that fails is never tried again
 * as it was.
 */
#include "server.h"

#include "loader.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct ring *loader_ring(struct loader *l, const struct entry *e)
{
    struct domain *d = l->srv->st.domain[e->domid];

    return d != NULL ? (struct ring *)d->conn : NULL;
}

struct conn *loader_conn(struct loader *l, const struct entry *e)
{
    struct ring *r;

    if (l->in_snapshot && (e->flag & SNAP_SOCKET))
        return l->sock != NULL ? &l->sock->c : NULL;
    r = loader_ring(l, e);
    return r != NULL ? &r->c : NULL;
}

/* ---- entries of rings and domains ---- */

static int do_introduce(struct loader *l, const struct entry *e, const char *b)
{
    struct store *st = &l->srv->st;
    struct domain *d = domain_account(st, e->domid);
    struct ring *r;
    uint32_t port;

    if (e->b_len != 28)
        return -EINVAL;
    if (d->conn != NULL)
        ring_release(l->srv, d);
    memcpy(&port, b, 4);
    r = ring_create(l->srv, d, e->num, port);
    memcpy(&r->stamp, b + 4, 8);
    memcpy(&r->in, b + 12, 8);
    memcpy(&r->out, b + 20, 8);
    r->c.out_end = r->c.out_safe = r->out;
    if (!(e->flag & SNAP_RING))
        st->gen = r->stamp;
    if (!d->introduced) {
        bool shutdown = d->shutdown && (e->flag & SNAP_RING);

        domain_mark_introduced(st, d);
        d->shutdown = shutdown;
    }
    return 0;
}

static int do_out(struct loader *l, const struct entry *e, const char *b)
{
    struct conn *c = loader_conn(l, e);

    if (c == NULL)
        return l->skip_socket && (e->flag & SNAP_SOCKET) ? 0 : -EINVAL;
    if (e->num != c->out_end) /* what came between went straight into the ring, so all before has arrived */
        conn_sent(c, conn_unsent(c));
    conn_restore_output(&l->srv->st, c, e->num, b, e->b_len);
    return 0;
}

static int do_ring_reset(struct loader *l, const struct entry *e)
{
    struct ring *r = loader_ring(l, e);

    if (r == NULL)
        return -EINVAL;
    watch_remove_all(&l->srv->st, &r->c);
    txn_drop_all(&l->srv->st, &r->c);
    conn_sent(&r->c, conn_unsent(&r->c));
    r->partial.len = 0;
    r->broken = r->c.dead = e->type == ENTRY_RING_DEAD;
    if (e->type == ENTRY_RING_RESET) {
        r->in = r->out = r->c.out_end = r->c.out_safe = 0;
        r->stamp = l->srv->st.gen = e->num;
    }
    return 0;
}

static int do_ring(struct loader *l, const struct entry *e, const char *b)
{
    struct ring *r = loader_ring(l, e);

    if (r == NULL)
        return -EINVAL;
    /* A part that does not begin where the last ended: the message before was answered without a record. */
    if (e->type != ENTRY_PARTIAL || e->num - e->b_len != r->in)
        r->partial.len = 0;
    if (e->type == ENTRY_PARTIAL)
        buf_add(&r->partial, b, e->b_len);
    r->in = e->num;
    return 0;
}

static int do_watch(struct loader *l, const struct entry *e, const char *a, const char *b)
{
    static struct path p;
    struct conn *c = loader_conn(l, e);
    int rc;

    if (c == NULL)
        return l->skip_socket && (e->flag & SNAP_SOCKET) ? 0 : -EINVAL;
    rc = e->a_len > 0 && a[0] == '@' ? path_parse_special(&p, a, e->a_len)
                                     : path_parse(&p, a, e->a_len, c->domid, XENSTORE_ABS_PATH_MAX);
    if (rc < 0)
        return rc;
    return e->type == ENTRY_WATCH ? watch_add(&l->srv->st, c, &p, b, e->b_len)
                                  : watch_remove(&l->srv->st, c, &p, b, e->b_len);
}

static int do_domain(struct loader *l, const struct entry *e, const char *b)
{
    struct store *st = &l->srv->st;
    struct domain *d = domain_account(st, e->domid);

    switch (e->type) {
    case ENTRY_RELEASE:
        domain_release(st, d);
        return 0;
    case ENTRY_SHUTDOWN:
        d->shutdown = e->num;
        return 0;
    case ENTRY_TARGET:
        st->target_count += d->target == NO_TARGET;
        d->target = (uint16_t)e->num;
        return 0;
    default: /* ENTRY_QUOTA: b is the value; domain 0 stands for all */
        if (e->num > QUOTA_COUNT || e->b_len != sizeof(uint32_t))
            return -EINVAL;
        if (e->num == QUOTA_COUNT)
            memcpy(&st->soft_memory, b, sizeof(uint32_t));
        else
            memcpy(e->domid ? &d->quota[e->num] : &st->quota[e->num], b, sizeof(uint32_t));
        return 0;
    }
}

static int do_txn(struct loader *l, const struct entry *e, const char *a, const char *b)
{
    struct store *st = &l->srv->st;
    struct ring *r = loader_ring(l, e);
    struct txn *t = r != NULL ? txn_find(&r->c, (uint32_t)e->num) : NULL;
    static struct path p;
    struct entry change = *e;
    unsigned before;
    int rc;

    if (e->type == ENTRY_TXN_START) {
        if (r == NULL || t != NULL)
            return -EINVAL;
        txn_start(st, &r->c, (uint32_t)e->num, st->root, st->root);
        r->c.next_txn = (uint32_t)e->num + 1;
        return 0;
    }
    if (t == NULL)
        return -EINVAL;
    if (e->type == ENTRY_TXN_END) {
        txn_drop(st, t);
        return 0;
    }
    if (e->type == ENTRY_TXN_REBASE) {
        txn_rebase(st, t);
        return 0;
    }
    if (e->type == ENTRY_TOUCH)
        return loader_touch(l, t, a, e->a_len, e->flag);
    rc = path_parse(&p, a, e->a_len, 0, XENSTORE_ABS_PATH_MAX);
    if (rc < 0)
        return rc;
    tree_find(t->work, &p, &before, NULL);
    st->grown = 0;
    change.num = 0; /* the transaction's */
    rc = entry_mutate(st, &t->work, &change, a, b);
    if (rc == 0) {
        if (e->type == ENTRY_WRITE || e->type == ENTRY_MKDIR)
            t->created += p.count - before;
        txn_op(st, t, e->type, &p, e->domid, b, e->b_len);
    }
    return rc;
}

static int set_special(struct loader *l, const struct entry *e, const char *b)
{
    struct entry list = { .flag = e->num ? 2 : 1, .b_len = e->b_len, .num = l->srv->st.epoch };

    return loader_perms(l, &list, b);
}

/*
 * Whether an entry of that kind can come here. A snapshot, which is at the journal's beginning, is read into what it refers
 * to by number until it is whole: nothing in it may end what it has begun, and its own kinds are nowhere else.
 */
static bool has_place(struct loader *l, const struct entry *e)
{
    const struct ring *r = loader_ring(l, e);

    switch (e->type) {
    case ENTRY_COUNTERS: return l->entries == 1;
    case ENTRY_PERM_LIST: case ENTRY_NODE: case ENTRY_TXN: case ENTRY_SOCKET: case ENTRY_DOMAIN: case ENTRY_END:
        return l->in_snapshot;
    case ENTRY_INTRODUCE: return !l->in_snapshot || r == NULL;
    case ENTRY_RING_DEAD: return !l->in_snapshot || (r != NULL && r->c.txns == NULL);
    case ENTRY_OUT: case ENTRY_WATCH: case ENTRY_PARTIAL: return true;
    default: return !l->in_snapshot;
    }
}

static int apply(struct loader *l, const struct entry *e, const char *a, const char *b)
{
    struct store *st = &l->srv->st;

    if (!has_place(l, e))
        return -EINVAL;
    switch (e->type) {
    case ENTRY_WRITE: case ENTRY_MKDIR: case ENTRY_RM: case ENTRY_PERMS:
        return e->flag & ENTRY_IN_TXN ? do_txn(l, e, a, b) : entry_mutate(st, &st->root, e, a, b);
    case ENTRY_SPECIAL_PERMS: return set_special(l, e, b);
    case ENTRY_WATCH: case ENTRY_UNWATCH: return do_watch(l, e, a, b);
    case ENTRY_RESET: return loader_conn(l, e) == NULL ? -EINVAL
                             : (watch_remove_all(st, loader_conn(l, e)), txn_drop_all(st, loader_conn(l, e)), 0);
    case ENTRY_TXN_START: case ENTRY_TXN_END: case ENTRY_TXN_REBASE: case ENTRY_TOUCH: return do_txn(l, e, a, b);
    case ENTRY_INTRODUCE: return do_introduce(l, e, b);
    case ENTRY_RELEASE: case ENTRY_SHUTDOWN: case ENTRY_TARGET: case ENTRY_QUOTA: return do_domain(l, e, b);
    case ENTRY_IN: case ENTRY_PARTIAL: return do_ring(l, e, b);
    case ENTRY_OUT: return do_out(l, e, b);
    case ENTRY_RING_RESET: case ENTRY_RING_DEAD: return do_ring_reset(l, e);
    case ENTRY_COUNTERS: return loader_counters(l, e, b);
    case ENTRY_PERM_LIST: return loader_perms(l, e, b);
    case ENTRY_NODE: return loader_node(l, e, a, b);
    case ENTRY_TXN: return loader_txn(l, e, a, b);
    case ENTRY_SOCKET: return loader_socket(l, e, b);
    case ENTRY_DOMAIN: return loader_domain(l, e, b);
    case ENTRY_END: loader_use_roots(l); return 0;
    default: return -EINVAL;
    }
}

/* ---- the whole ---- */

static int visit_record(uint64_t gen, const char *data, size_t len, void *arg)
{
    struct loader *l = arg;
    struct entry e;

    l->srv->st.gen = gen;
    for (size_t at = 0; at < len; at += sizeof(e) + e.a_len + e.b_len) {
        const char *a = data + at + sizeof(e);

        if (len - at < sizeof(e)) {
            l->bad++;
            break;
        }
        memcpy(&e, data + at, sizeof(e));
        if (len - at - sizeof(e) < (size_t)e.a_len + e.b_len) {
            l->bad++;
            break;
        }
        if (e.type == 0 && l->in_snapshot)
            return 1; /* left out, and what follows counts on it: here the snapshot ends */
        l->entries++;
        if (apply(l, &e, a, a + e.a_len) < 0)
            l->bad++;
    }
    return 0;
}

/* The positions that the rings file knows, which are never behind the journal's but for its very last record. */
static void set_positions(struct server *srv, struct ring *r)
{
    const struct ring_slot *slot = &srv->j.slot[r->c.domid];
    struct conn *c = &r->c;

    if (slot->stamp == r->stamp) {
        if (slot->in > r->in) {
            r->in = slot->in;
            r->partial.len = 0; /* that message was answered without a record */
        }
        if (slot->out > r->out)
            r->out = slot->out;
    } else {
        r->slot_due = true;
    }
    if (r->out >= c->out_end) {
        conn_sent(c, conn_unsent(c));
        c->out_end = c->out_safe = r->out;
    } else if (conn_unsent(c) > c->out_end - r->out) {
        conn_sent(c, conn_unsent(c) - (size_t)(c->out_end - r->out));
    } else {
        r->out = c->out_end - conn_unsent(c);
    }
}

static void reconnect(struct server *srv, struct ring *r)
{
    int rc = ring_connect(srv, r);

    if (rc < 0) {
        log_line(LOG_NOTE, "domain %u: its ring cannot be mapped again: %s", r->c.domid, strerror(-rc));
        r->broken = r->c.dead = true;
        return;
    }
    r->kick = true;
    ring_taken(srv, r);
    __atomic_store_n(&r->page->rsp_prod, (uint32_t)r->out, __ATOMIC_RELEASE);
    ring_queue(srv, r);
}

static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
static struct journal *faulty_journal;

static void on_fault(int number)
{
    journal_blame(faulty_journal);
    signal(number, SIG_DFL);
    raise(number); /* when this returns */
}

/* Every record of the journal; what ends the daemon meanwhile is noted. */
static void read_journal(struct loader *l)
{
    struct server *srv = l->srv;
    struct buf end = { 0 };

    faulty_journal = &srv->j;
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
        signal(faults[i], on_fault);
    journal_each(&srv->j, visit_record, l);
    if (l->in_snapshot) {
        const struct entry e = { .type = ENTRY_END };

        log_line(LOG_WARN, "the journal's snapshot is cut off: its %u nodes are used", l->node_count);
        loader_use_roots(l);
        entry_add(&end, &e, NULL, NULL); /* what comes from now on is none of it */
        if (journal_append(&srv->j, srv->st.gen, &end) < 0)
            log_line(LOG_ERROR, "no room to end the journal's snapshot");
        buf_free(&end);
    }
}

void recover_end(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(faults) && faulty_journal != NULL; i++)
        signal(faults[i], SIG_DFL);
    faulty_journal = NULL;
}

int recover(struct server *srv)
{
    struct loader l = { .srv = srv };
    struct store *st = &srv->st;
    unsigned rings = 0;

    st->quiet = st->replaying = true;
    read_journal(&l);
    st->quiet = st->replaying = false;
    free(l.nodes);
    free(l.perms);
    free(l.roots);
    free(l.txns);
    st->jr.len = 0;
    while (st->fresh != NULL) { /* it is in the journal already */
        st->fresh->in_fresh = false;
        st->fresh = st->fresh->fresh_next;
    }
    srv->gen_start = st->gen;
    for (struct conn *c = st->conns; c != NULL; c = c->next) {
        if (c->kind == CONN_RING) {
            set_positions(srv, (struct ring *)c);
            reconnect(srv, (struct ring *)c);
            rings++;
        } else if (((struct sock *)c)->in.len > 0) {
            socket_queue(srv, (struct sock *)c);
        }
    }
    log_line(LOG_NOTE, "took up the journal: %llu entries, %llu nodes, %u watches, %u rings",
             (unsigned long long)l.entries, (unsigned long long)node_stats.nodes, st->watch_count, rings);
    if (l.bad > 0)
        log_line(LOG_WARN, "%llu entries of the journal made no sense and were left out", (unsigned long long)l.bad);
    return 0;
}
