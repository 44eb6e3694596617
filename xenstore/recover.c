/* SPDX-License-Identifier: MIT */
/*
 * Taking up the journal: a snapshot's entries rebuild the state, the entries after it are done again as they were.
 *
 * Nothing here sends or fires anything: what went out, or was due, is in the journal too (ENTRY_OUT). At the end every
 * ring is mapped again, its positions taken from the rings file, its indices set by them (see ring.c), and looked at.
 * The journal is ours and its records are checked, but a damaged one may still pass: an entry that cannot be is
 * counted, reported and left out, and never makes the daemon read beyond an entry.
 */
#include "server.h"

#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

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

static void *more(void *array, uint32_t count, uint32_t *cap, size_t size)
{
    if (count < *cap)
        return array;
    *cap = *cap ? *cap * 2 : 64;
    return xrealloc(array, *cap * size);
}

static struct ring *ring_of(struct loader *l, const struct entry *e)
{
    struct domain *d = l->srv->st.domain[e->domid];

    return d != NULL ? (struct ring *)d->conn : NULL;
}

/* Whose entry it is: the last socket's, or a domain's ring's; NULL if it is nobody's here. */
static struct conn *conn_of(struct loader *l, const struct entry *e)
{
    struct ring *r;

    if (l->in_snapshot && (e->flag & SNAP_SOCKET))
        return l->sock != NULL ? &l->sock->c : NULL;
    r = ring_of(l, e);
    return r != NULL ? &r->c : NULL;
}

/* ---- a snapshot's own entries ---- */

static int load_counters(struct loader *l, const struct entry *e, const char *b)
{
    struct store *st = &l->srv->st;
    struct snap_counters c;

    if (e->b_len != sizeof(c))
        return -EINVAL;
    memcpy(&c, b, sizeof(c));
    st->gen = e->num;
    st->epoch = c.epoch;
    st->soft_memory = c.soft_memory;
    memcpy(st->quota, c.quota, sizeof(st->quota));
    l->in_snapshot = true;
    return 0;
}

static int load_perms(struct loader *l, const struct entry *e, const char *b)
{
    struct perm perm[UINT16_MAX / sizeof(struct perm)];
    struct store *st = &l->srv->st;
    struct perms *p;

    if (e->b_len < sizeof(perm[0]) || e->b_len % sizeof(perm[0]))
        return -EINVAL;
    memcpy(perm, b, e->b_len);
    p = perms_get(perm, e->b_len / (unsigned)sizeof(perm[0]), (uint32_t)e->num);
    if (e->flag != 0) {
        struct perms **at = e->flag == 2 ? &st->intro_perms : &st->release_perms;

        if (*at != NULL)
            perms_put(*at);
        *at = p;
        return 0;
    }
    l->perms = more(l->perms, l->perms_count, &l->perms_cap, sizeof(struct perms *));
    l->perms[l->perms_count++] = p;
    return 0;
}

static int load_domain(struct loader *l, const struct entry *e, const char *b)
{
    struct store *st = &l->srv->st;
    struct snap_domain sd;
    struct domain *d;

    if (e->b_len != sizeof(sd))
        return -EINVAL;
    memcpy(&sd, b, sizeof(sd));
    st->died[e->domid] = sd.died;
    d = domain_account(st, e->domid);
    d->shutdown = sd.shutdown;
    st->target_count += sd.target != NO_TARGET;
    d->target = sd.target;
    memcpy(d->quota, sd.quota, sizeof(d->quota));
    return 0;
}

static void add_root(struct loader *l, struct node *n)
{
    l->roots = more(l->roots, l->root_count, &l->root_cap, sizeof(struct node *));
    l->roots[l->root_count++] = n;
}

static int link_node(struct loader *l, struct node *n, uint32_t parent)
{
    if (parent == SNAP_NO_PARENT) {
        add_root(l, n);
        return 0;
    }
    if (parent >= l->node_count || node_find(l->nodes[parent], node_name(n), node_name_len(n), node_hash(n)) != NULL ||
        n->seq == 0 || node_dir(l->nodes[parent]) == NULL)
        return -EINVAL;
    node_add_child(&l->nodes[parent], node_ref(n), node_dir_gen(l->nodes[parent]));
    return 0;
}

static int load_node(struct loader *l, const struct entry *e, const char *a, const char *b)
{
    struct snap_node sn;
    struct node *n;
    uint32_t parent;

    if (e->flag & SNAP_LINK) {
        if (e->b_len != sizeof(parent) || e->num >= l->node_count)
            return -EINVAL;
        memcpy(&parent, b, sizeof(parent));
        return link_node(l, l->nodes[e->num], parent);
    }
    if (e->b_len < sizeof(sn))
        return -EINVAL;
    memcpy(&sn, b, sizeof(sn));
    if (sn.perms >= l->perms_count || e->b_len - sizeof(sn) > XENSTORE_PAYLOAD_MAX || e->a_len > XENSTORE_ABS_PATH_MAX)
        return -EINVAL;
    n = node_new(a, e->a_len, perms_ref(l->perms[sn.perms]));
    node_set_value(&n, b + sizeof(sn), e->b_len - sizeof(sn));
    n->seq = sn.seq;
    if (sn.has_dir) {
        struct dir *dir = node_make_dir(&n);

        dir->gen = sn.dir_gen;
        dir->next_seq = sn.next_seq;
    }
    l->nodes = more(l->nodes, l->node_count, &l->node_cap, sizeof(struct node *));
    l->nodes[l->node_count++] = n;
    return link_node(l, n, sn.parent);
}

static int load_txn_start(struct loader *l, struct conn *c, const struct entry *e, const char *b)
{
    struct store *st = &l->srv->st;
    struct snap_txn s;

    l->txn = NULL;
    if (e->b_len != sizeof(s))
        return -EINVAL;
    memcpy(&s, b, sizeof(s));
    l->txn = txn_start(st, c, (uint32_t)e->num, st->root, st->root);
    l->txn->created = s.created;
    l->txn->removes = s.removes;
    l->txns = more(l->txns, l->txn_count, &l->txn_cap, sizeof(*l->txns));
    l->txns[l->txn_count].txn = l->txn;
    l->txns[l->txn_count++].root = s.root;
    return 0;
}

/* The pieces of the operations come whole only together; txn_each_op trusts them, so their shape is checked here. */
static bool ops_sound(const struct buf *ops)
{
    struct entry e;
    size_t at = 0;

    while (ops->len - at >= sizeof(e)) {
        memcpy(&e, ops->data + at, sizeof(e));
        if (ops->len - at < sizeof(e) + e.a_len + e.b_len)
            return false;
        at += sizeof(e) + e.a_len + e.b_len;
    }
    return at == ops->len;
}

static int touch_path(struct loader *l, struct txn *t, const char *a, size_t len, unsigned kinds)
{
    static struct path p;

    if (t == NULL || path_parse(&p, a, len, 0, XENSTORE_ABS_PATH_MAX) < 0)
        return -EINVAL;
    return txn_touch(&l->srv->st, t, &p, kinds);
}

static int load_txn(struct loader *l, const struct entry *e, const char *a, const char *b)
{
    struct conn *c = conn_of(l, e);
    uint16_t kinds;

    if (c == NULL)
        return l->skip_socket && (e->flag & SNAP_SOCKET) ? 0 : -EINVAL;
    switch (e->flag & SNAP_TXN_KIND) {
    case SNAP_TXN_START:
        return load_txn_start(l, c, e, b);
    case SNAP_TXN_OPS:
        if (l->txn == NULL)
            return -EINVAL;
        buf_add(&l->txn->ops, b, e->b_len);
        domain_charge(&l->srv->st, c->domain, c->privileged ? 0 : e->b_len);
        return 0;
    case SNAP_TXN_TOUCH:
        if (e->b_len != sizeof(kinds))
            return -EINVAL;
        memcpy(&kinds, b, sizeof(kinds));
        return touch_path(l, l->txn, a, e->a_len, kinds);
    default:
        c->next_txn = (uint32_t)e->num;
        return 0;
    }
}

static int load_socket(struct loader *l, const struct entry *e, const char *b)
{
    struct server *srv = l->srv;

    if (!srv->config.live_update) { /* sockets end with their daemon */
        l->sock = NULL;
        l->skip_socket = true;
        return 0;
    }
    if (e->flag == SNAP_LISTENER) {
        srv->listen_fd[e->domid & 1] = (int)e->num;
    } else if (e->flag == SNAP_SOCKET_IN) {
        if (l->sock != NULL)
            buf_add(&l->sock->in, b, e->b_len);
    } else {
        l->sock = socket_adopt(srv, (int)e->num, e->flag);
    }
    return 0;
}

static struct node *empty_root(void)
{
    const struct perm nobody = { 0, PERM_NONE };

    return node_new("", 0, perms_get(&nobody, 1, 0));
}

static void use_roots(struct loader *l)
{
    struct store *st = &l->srv->st;

    domain_charge(st, st->domain[0], -(int64_t)node_memory(st->root)); /* the empty store's only node */
    node_put(st->root);
    st->root = l->root_count > 0 ? node_ref(l->roots[0]) : empty_root();
    for (uint32_t i = 0; i < l->txn_count; i++) {
        struct txn *t = l->txns[i].txn;
        uint32_t root = l->txns[i].root;

        if (root + 1 >= l->root_count || !ops_sound(&t->ops)) {
            txn_drop(st, t);
            l->bad++;
            continue;
        }
        node_put(t->base);
        node_put(t->work);
        t->base = node_ref(l->roots[root]);
        t->work = node_ref(l->roots[root + 1]);
    }
    for (uint32_t i = 0; i < l->node_count; i++)
        node_put(l->nodes[i]);
    for (uint32_t i = 0; i < l->perms_count; i++)
        perms_put(l->perms[i]);
    l->node_count = l->perms_count = l->root_count = l->txn_count = 0;
    l->in_snapshot = false;
    domain_recount(st);
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
    struct conn *c = conn_of(l, e);

    if (c == NULL)
        return l->skip_socket && (e->flag & SNAP_SOCKET) ? 0 : -EINVAL;
    if (e->num != c->out_end) /* what came between went straight into the ring, so all before has arrived */
        conn_sent(c, conn_unsent(c));
    conn_restore_output(&l->srv->st, c, e->num, b, e->b_len);
    return 0;
}

static int do_ring_reset(struct loader *l, const struct entry *e)
{
    struct ring *r = ring_of(l, e);

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
    struct ring *r = ring_of(l, e);

    if (r == NULL)
        return -EINVAL;
    r->in = e->num;
    if (e->type == ENTRY_PARTIAL)
        buf_add(&r->partial, b, e->b_len);
    else
        r->partial.len = 0;
    return 0;
}

static int do_watch(struct loader *l, const struct entry *e, const char *a, const char *b)
{
    static struct path p;
    struct conn *c = conn_of(l, e);
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
    struct ring *r = ring_of(l, e);
    struct txn *t = r != NULL ? txn_find(&r->c, (uint32_t)e->num) : NULL;
    static struct path p;
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
    if (e->type == ENTRY_TOUCH)
        return touch_path(l, t, a, e->a_len, e->flag);
    rc = path_parse(&p, a, e->a_len, 0, XENSTORE_ABS_PATH_MAX);
    if (rc < 0)
        return rc;
    tree_find(t->work, &p, &before, NULL);
    rc = entry_mutate(st, &t->work, e, a, b);
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

    return load_perms(l, &list, b);
}

static int apply(struct loader *l, const struct entry *e, const char *a, const char *b)
{
    struct store *st = &l->srv->st;

    switch (e->type) {
    case ENTRY_WRITE: case ENTRY_MKDIR: case ENTRY_RM: case ENTRY_PERMS:
        return e->flag & ENTRY_IN_TXN ? do_txn(l, e, a, b) : entry_mutate(st, &st->root, e, a, b);
    case ENTRY_SPECIAL_PERMS: return set_special(l, e, b);
    case ENTRY_WATCH: case ENTRY_UNWATCH: return do_watch(l, e, a, b);
    case ENTRY_RESET: return conn_of(l, e) == NULL ? -EINVAL
                             : (watch_remove_all(st, conn_of(l, e)), txn_drop_all(st, conn_of(l, e)), 0);
    case ENTRY_TXN_START: case ENTRY_TXN_END: case ENTRY_TOUCH: return do_txn(l, e, a, b);
    case ENTRY_INTRODUCE: return do_introduce(l, e, b);
    case ENTRY_RELEASE: case ENTRY_SHUTDOWN: case ENTRY_TARGET: case ENTRY_QUOTA: return do_domain(l, e, b);
    case ENTRY_IN: case ENTRY_PARTIAL: return do_ring(l, e, b);
    case ENTRY_OUT: return do_out(l, e, b);
    case ENTRY_RING_RESET: case ENTRY_RING_DEAD: return do_ring_reset(l, e);
    case ENTRY_COUNTERS: return load_counters(l, e, b);
    case ENTRY_PERM_LIST: return load_perms(l, e, b);
    case ENTRY_NODE: return load_node(l, e, a, b);
    case ENTRY_TXN: return load_txn(l, e, a, b);
    case ENTRY_SOCKET: return load_socket(l, e, b);
    case ENTRY_DOMAIN: return load_domain(l, e, b);
    case ENTRY_END: use_roots(l); return 0;
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

int recover(struct server *srv)
{
    struct loader l = { .srv = srv };
    struct store *st = &srv->st;
    unsigned rings = 0;

    st->quiet = true;
    journal_each(&srv->j, visit_record, &l);
    if (l.in_snapshot) {
        log_line(LOG_WARN, "the journal's snapshot is cut off: its %u nodes are used", l.node_count);
        use_roots(&l);
    }
    st->quiet = false;
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
