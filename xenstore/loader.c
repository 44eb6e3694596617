/* SPDX-License-Identifier: MIT */
/*
 * A snapshot's own entries, of which the tree, the domains, the open transactions and (at a live update) the sockets
 * become again. They name nodes, permission lists and roots by their place in the snapshot, so none may be missing.
 */
#include "loader.h"

#include <errno.h>
#include <stdlib.h>

static void *more(void *array, uint32_t count, uint32_t *cap, size_t size)
{
    if (count < *cap)
        return array;
    *cap = *cap ? *cap * 2 : 64;
    return xrealloc(array, *cap * size);
}

int loader_counters(struct loader *l, const struct entry *e, const char *b)
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

int loader_perms(struct loader *l, const struct entry *e, const char *b)
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
        if (!l->in_snapshot) /* else at its end, when it is known who has ended */
            domain_name(st, p->entry, p->count);
        return 0;
    }
    l->perms = more(l->perms, l->perms_count, &l->perms_cap, sizeof(struct perms *));
    l->perms[l->perms_count++] = p;
    return 0;
}

int loader_domain(struct loader *l, const struct entry *e, const char *b)
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

int loader_node(struct loader *l, const struct entry *e, const char *a, const char *b)
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
    struct snap_txn s = { .grants = true };

    l->txn = NULL;
    if (e->b_len != sizeof(s) && e->b_len != SNAP_TXN_LEAST)
        return -EINVAL;
    memcpy(&s, b, e->b_len);
    l->txn = txn_start(st, c, (uint32_t)e->num, st->root, st->root);
    l->txn->created = s.created;
    l->txn->removes = s.removes;
    l->txn->rebased = s.rebased;
    l->txn->lost = s.lost;
    l->txn->grants = s.grants;
    txn_charge_held(st, l->txn, s.held);
    l->txns = more(l->txns, l->txn_count, &l->txn_cap, sizeof(*l->txns));
    l->txns[l->txn_count].txn = l->txn;
    l->txns[l->txn_count++].root = s.root;
    return 0;
}

/* The pieces of the operations come whole only together; txn_each_op trusts them, so their shape is checked here. */
static bool ops_sound(struct txn *t)
{
    const struct buf *ops = &t->ops;
    struct entry e;
    size_t at = 0;

    while (ops->len - at >= sizeof(e)) {
        memcpy(&e, ops->data + at, sizeof(e));
        if (ops->len - at < sizeof(e) + e.a_len + e.b_len)
            return false;
        at += sizeof(e) + e.a_len + e.b_len;
        t->op_count++;
    }
    return at == ops->len;
}

int loader_touch(struct loader *l, struct txn *t, const char *a, size_t len, unsigned kinds)
{
    static struct path p;

    if (t == NULL || path_parse(&p, a, len, 0, XENSTORE_ABS_PATH_MAX) < 0)
        return -EINVAL;
    return txn_touch(&l->srv->st, t, &p, kinds);
}

int loader_txn(struct loader *l, const struct entry *e, const char *a, const char *b)
{
    struct conn *c = loader_conn(l, e);
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
        return loader_touch(l, l->txn, a, e->a_len, kinds);
    default:
        c->next_txn = (uint32_t)e->num;
        return 0;
    }
}

int loader_socket(struct loader *l, const struct entry *e, const char *b)
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

void loader_use_roots(struct loader *l)
{
    struct store *st = &l->srv->st;

    domain_charge(st, st->domain[0], -(int64_t)node_memory(st->root)); /* the empty store's only node */
    node_put(st->root);
    st->root = l->root_count > 0 ? node_ref(l->roots[0]) : empty_root();
    for (uint32_t i = 0; i < l->txn_count; i++) {
        struct txn *t = l->txns[i].txn;
        uint32_t root = l->txns[i].root;

        if (root + 1 >= l->root_count || !ops_sound(t)) {
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
