/* SPDX-License-Identifier: MIT */
/*
 * Snapshots: the whole state as journal entries, so that the journal's length follows the state and not its history.
 *
 * The roots (the live one, and two for each open transaction that survives) are immutable: holding them is a snapshot.
 * All else is written at once when a snapshot starts; the nodes follow, some a turn, while the daemon serves and goes
 * on appending to the old file. At the end the records that came meanwhile are copied behind, and the new file takes
 * the old one's name.
 *
 * Nodes come parents first. Roots share nodes: one that was written is only linked when it is met again.
 */
#include "server.h"

#include "snapshot.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#define FLUSH_AT  (32u << 10)
#define CHUNK_MAX 60000u

struct frame {
    struct node **list; /* the node's children */
    uint32_t id, count, next;
};

struct seen {
    const struct node *node;
    uint32_t id;
};

struct snapshot {
    uint64_t from; /* the old journal's length at the start */
    uint64_t gen;
    struct buf b;
    struct node **roots;
    unsigned root_count, root_cap, root;
    struct frame *stack;
    unsigned depth, stack_cap;
    struct seen *seen;
    uint32_t seen_size, seen_count;
    uint32_t next_id, next_perms, turn;
    bool sockets; /* with the socket connections: for a live update */
    int rc;
};

static uint32_t turn; /* tells this snapshot's marks on permission lists from earlier ones' */

static void put(struct snapshot *s, struct server *srv, const struct entry *e, const void *a, const void *b)
{
    entry_add(&s->b, e, a, b);
    if (s->b.len < FLUSH_AT || s->rc < 0)
        return;
    s->rc = journal_next_append(&srv->j, s->gen, &s->b);
    s->b.len = 0;
}

static void put_chunks(struct snapshot *s, struct server *srv, struct entry e, const char *data, size_t len)
{
    uint64_t start = e.num;
    size_t at = 0;

    while (at < len) {
        e.b_len = (uint16_t)(len - at > CHUNK_MAX ? CHUNK_MAX : len - at);
        if (e.type == ENTRY_OUT)
            e.num = start + at;
        put(s, srv, &e, NULL, data + at);
        at += e.b_len;
    }
}

/* ---- everything but the nodes ---- */

static void put_counters(struct snapshot *s, struct server *srv)
{
    const struct store *st = &srv->st;
    struct snap_counters c = { .epoch = st->epoch, .soft_memory = st->soft_memory };
    const struct entry e = { .type = ENTRY_COUNTERS, .b_len = sizeof(c), .num = st->gen };

    memcpy(c.quota, st->quota, sizeof(c.quota));
    put(s, srv, &e, NULL, &c);
    for (unsigned i = 0; i < 2; i++) {
        const struct perms *p = i ? st->intro_perms : st->release_perms;
        struct entry pe = { .type = ENTRY_PERM_LIST, .flag = (uint8_t)(i + 1) };

        if (p == NULL)
            continue;
        pe.num = p->epoch;
        pe.b_len = (uint16_t)(p->count * sizeof(p->entry[0]));
        put(s, srv, &pe, NULL, p->entry);
    }
}

static void put_domains(struct snapshot *s, struct server *srv)
{
    for (unsigned i = 0; i < DOMAINS; i++) {
        const struct domain *d = srv->st.domain[i];
        struct snap_domain sd = { .died = srv->st.died[i], .target = NO_TARGET };
        const struct entry e = { .type = ENTRY_DOMAIN, .domid = (uint16_t)i, .b_len = sizeof(sd) };

        if (d == NULL && sd.died == 0)
            continue;
        memset(sd.quota, 0xff, sizeof(sd.quota));
        if (d != NULL) {
            sd.target = d->target;
            sd.shutdown = d->shutdown;
            memcpy(sd.quota, d->quota, sizeof(sd.quota));
        }
        put(s, srv, &e, NULL, &sd);
    }
}

struct watch_arg {
    struct snapshot *s;
    struct server *srv;
    const struct conn *c;
};

static void put_watch(const char *path, size_t len, bool relative, const char *token, size_t token_len, void *arg)
{
    const struct watch_arg *w = arg;
    const struct entry e = { .type = ENTRY_WATCH,
                             .flag = w->c->kind == CONN_SOCKET ? SNAP_SOCKET : 0,
                             .domid = w->c->domid,
                             .a_len = (uint16_t)len,
                             .b_len = (uint16_t)token_len };

    (void)relative; /* which the path shows */
    put(w->s, w->srv, &e, path, token);
}

static void add_root(struct snapshot *s, struct node *n)
{
    if (s->root_count == s->root_cap) {
        s->root_cap = s->root_cap ? s->root_cap * 2 : 16;
        s->roots = xrealloc(s->roots, s->root_cap * sizeof(struct node *));
    }
    s->roots[s->root_count++] = node_ref(n);
}

static void put_txn(struct snapshot *s, struct server *srv, const struct txn *t)
{
    struct snap_txn st = { .root = s->root_count, .created = t->created, .removes = t->removes,
                           .rebased = t->rebased, .held = t->held, .lost = t->lost,
                           .grants = t->grants };
    struct entry e = {
        .type = ENTRY_TXN, .flag = SNAP_TXN_START, .domid = t->conn->domid, .b_len = sizeof(st), .num = t->id
    };

    if (t->conn->kind == CONN_SOCKET)
        e.flag |= SNAP_SOCKET;
    put(s, srv, &e, NULL, &st);
    e.flag = (uint8_t)((e.flag & SNAP_SOCKET) | SNAP_TXN_OPS);
    put_chunks(s, srv, e, t->ops.data, t->ops.len);
    e.flag = (uint8_t)((e.flag & SNAP_SOCKET) | SNAP_TXN_TOUCH);
    e.b_len = sizeof(uint16_t);
    for (uint32_t i = 0; i < t->touch_size; i++) {
        e.a_len = t->touch[i].len;
        if (t->touch[i].kinds != 0)
            put(s, srv, &e, t->names.data + t->touch[i].off, &t->touch[i].kinds);
    }
    add_root(s, t->base);
    add_root(s, t->work);
}

static void put_conn(struct snapshot *s, struct server *srv, const struct conn *c)
{
    uint8_t socket = c->kind == CONN_SOCKET ? SNAP_SOCKET : 0;
    struct watch_arg arg = { s, srv, c };
    struct entry e = { .type = ENTRY_OUT, .flag = socket, .domid = c->domid, .num = c->out_end - conn_unsent(c) };

    if (conn_unsent(c) > 0)
        put_chunks(s, srv, e, c->out.data + c->out_head, conn_unsent(c));
    watch_each(c, put_watch, &arg);
    for (const struct txn *t = c->txns; t != NULL; t = t->next)
        put_txn(s, srv, t);
    e = (struct entry){
        .type = ENTRY_TXN, .flag = (uint8_t)(socket | SNAP_TXN_NEXT), .domid = c->domid, .num = c->next_txn
    };
    put(s, srv, &e, NULL, NULL);
}

static void put_ring(struct snapshot *s, struct server *srv, const struct ring *r)
{
    struct entry e;
    char b[28];

    ring_introduce_entry(r, &e, b);
    e.flag = SNAP_RING;
    put(s, srv, &e, NULL, b);
    if (r->partial.len > 0) {
        e = (struct entry){
            .type = ENTRY_PARTIAL, .domid = r->c.domid, .b_len = (uint16_t)r->partial.len, .num = r->in
        };
        put(s, srv, &e, NULL, r->partial.data);
    }
    if (r->broken) {
        e = (struct entry){ .type = ENTRY_RING_DEAD, .domid = r->c.domid };
        put(s, srv, &e, NULL, NULL);
    }
    put_conn(s, srv, &r->c);
}

static void put_socket(struct snapshot *s, struct server *srv, const struct sock *k)
{
    struct entry e = { .type = ENTRY_SOCKET, .flag = k->c.readonly, .num = (uint64_t)k->fd };

    put(s, srv, &e, NULL, NULL);
    e.flag = SNAP_SOCKET_IN;
    put_chunks(s, srv, e, k->in.data, k->in.len);
    put_conn(s, srv, &k->c);
}

static void put_state(struct snapshot *s, struct server *srv)
{
    put_counters(s, srv);
    put_domains(s, srv);
    add_root(s, srv->st.root);
    for (const struct conn *c = srv->st.conns; c != NULL; c = c->next) {
        if (c->kind == CONN_RING)
            put_ring(s, srv, (const struct ring *)c);
        else if (s->sockets)
            put_socket(s, srv, (const struct sock *)c);
    }
    for (unsigned i = 0; i < 2 && s->sockets; i++) {
        const struct entry e = {
            .type = ENTRY_SOCKET, .flag = SNAP_LISTENER, .domid = (uint16_t)i, .num = (uint64_t)srv->listen_fd[i]
        };

        put(s, srv, &e, NULL, NULL);
    }
}

/* ---- nodes ---- */

/* The slot for N among the nodes seen through more than one parent. */
static struct seen *seen_slot(struct snapshot *s, const struct node *n)
{
    uint32_t at = (uint32_t)(hash_mix((uintptr_t)n, HASH_PRIME1) >> 8);

    while (s->seen[at & (s->seen_size - 1)].node != NULL && s->seen[at & (s->seen_size - 1)].node != n)
        at++;
    return &s->seen[at & (s->seen_size - 1)];
}

static struct seen *seen_get(struct snapshot *s, const struct node *n)
{
    if (s->seen_count * 2 >= s->seen_size) {
        struct seen *old = s->seen;
        uint32_t size = s->seen_size;

        s->seen_size = size ? size * 2 : 256;
        s->seen = xzalloc(s->seen_size * sizeof(*s->seen));
        for (uint32_t i = 0; i < size; i++)
            if (old[i].node != NULL)
                *seen_slot(s, old[i].node) = old[i];
        free(old);
    }
    return seen_slot(s, n);
}

static uint32_t perms_id(struct snapshot *s, struct server *srv, struct perms *p)
{
    struct entry e = { .type = ENTRY_PERM_LIST, .b_len = (uint16_t)(p->count * sizeof(p->entry[0])), .num = p->epoch };

    if (p->mark_turn != s->turn) {
        p->mark_turn = s->turn;
        p->mark = s->next_perms++;
        put(s, srv, &e, NULL, p->entry);
    }
    return p->mark;
}

static void push(struct snapshot *s, const struct node *n, uint32_t id)
{
    if (node_children(n) == 0)
        return;
    if (s->depth == s->stack_cap) {
        s->stack_cap = s->stack_cap ? s->stack_cap * 2 : 64;
        s->stack = xrealloc(s->stack, s->stack_cap * sizeof(*s->stack));
    }
    s->stack[s->depth++] = (struct frame){ node_list(n), id, node_children(n), 0 };
}

static void put_node(struct snapshot *s, struct server *srv, struct node *n, uint32_t parent)
{
    char b[sizeof(struct snap_node) + XENSTORE_PAYLOAD_MAX];
    struct snap_node sn = { .parent = parent, .dir_gen = node_dir_gen(n), .seq = n->seq,
                            .next_seq = node_dir(n) ? node_dir(n)->next_seq : 0, .has_dir = node_dir(n) != NULL };
    struct entry e = { .type = ENTRY_NODE, .a_len = (uint16_t)node_name_len(n) };

    if (n->ref > 1) {
        struct seen *seen = seen_get(s, n);

        if (seen->node == n) { /* its contents are there already */
            e = (struct entry){ .type = ENTRY_NODE, .flag = SNAP_LINK, .b_len = sizeof(parent), .num = seen->id };
            put(s, srv, &e, NULL, &parent);
            return;
        }
        *seen = (struct seen){ n, s->next_id };
        s->seen_count++;
    }
    sn.perms = perms_id(s, srv, n->perms);
    memcpy(b, &sn, sizeof(sn));
    memcpy(b + sizeof(sn), node_value(n), n->value_len);
    e.b_len = (uint16_t)(sizeof(sn) + n->value_len);
    put(s, srv, &e, node_name(n), b);
    push(s, n, s->next_id++);
}

/* ---- the course of it ---- */

static void free_snapshot(struct server *srv, struct snapshot *s)
{
    while (s->depth > 0)
        free(s->stack[--s->depth].list);
    for (unsigned i = 0; i < s->root_count; i++)
        node_put(s->roots[i]);
    free(s->roots);
    free(s->stack);
    free(s->seen);
    buf_free(&s->b);
    free(s);
    srv->snapshot = NULL;
}

void snapshot_abort(struct server *srv)
{
    if (srv->snapshot == NULL)
        return;
    free_snapshot(srv, srv->snapshot);
    journal_next_abort(&srv->j);
}

static int start(struct server *srv, bool sockets)
{
    int rc = journal_next_begin(&srv->j);
    struct snapshot *s;

    if (rc < 0)
        return rc;
    s = srv->snapshot = xzalloc(sizeof(*s));
    s->from = srv->j.used;
    s->gen = srv->st.gen;
    s->turn = ++turn;
    s->sockets = sockets;
    put_state(s, srv);
    return 0;
}

int snapshot_start(struct server *srv)
{
    return start(srv, false);
}

static void finish(struct server *srv, struct snapshot *s)
{
    const struct entry e = { .type = ENTRY_END, .num = s->next_id };

    put(s, srv, &e, NULL, NULL);
    if (s->rc == 0)
        s->rc = journal_next_append(&srv->j, s->gen, &s->b);
    if (s->rc == 0)
        s->rc = journal_next_finish(&srv->j, s->from);
    if (s->rc < 0) {
        log_line(LOG_WARN, "the journal could not be compacted: %s", strerror(-s->rc));
        journal_next_abort(&srv->j);
        srv->j.base = srv->j.used / 2;
    }
}

int snapshot_step(struct server *srv, unsigned work)
{
    struct snapshot *s = srv->snapshot;
    int rc;

    while (work-- > 0 && s->rc == 0) {
        struct frame *f = s->depth > 0 ? &s->stack[s->depth - 1] : NULL;

        if (f != NULL && f->next < f->count) {
            put_node(s, srv, f->list[f->next++], f->id);
        } else if (f != NULL) {
            free(f->list);
            s->depth--;
        } else if (s->root < s->root_count) {
            put_node(s, srv, s->roots[s->root++], SNAP_NO_PARENT);
        } else {
            break;
        }
    }
    if (s->rc == 0 && (s->depth > 0 || s->root < s->root_count))
        return 1;
    finish(srv, s);
    rc = s->rc;
    free_snapshot(srv, s);
    return rc;
}

int snapshot_whole(struct server *srv)
{
    int rc;

    snapshot_abort(srv);
    rc = start(srv, true);
    if (rc < 0)
        return rc;
    do {
        rc = snapshot_step(srv, UINT32_MAX);
    } while (rc > 0);
    return rc;
}
