/* SPDX-License-Identifier: MIT */
/*
 * Domains: their accounts and quotas, coming and going.
 *
 * Owns st->domain[], the lists of accounts and of introduced domains, and the index of owned nodes: for every domain
 * but 0, the paths of those of its nodes whose parent is not its own. With it the end of a domain costs what that
 * domain leaves behind, however large the store is.
 */
#include "store.h"

#include <errno.h>
#include <stdlib.h>

const struct quota_info quota_info[QUOTA_COUNT] = {
    [QUOTA_NODES] = { "nodes", 1000, "Nodes per domain" },
    [QUOTA_WATCHES] = { "watches", 128, "Watches per domain" },
    [QUOTA_TRANSACTIONS] = { "transactions", 10, "Transactions per domain" },
    [QUOTA_OUTSTANDING] = { "outstanding", 20, "Outstanding requests per domain" },
    [QUOTA_TXN_NODES] = { "transaction-nodes", 1024, "Max. number of accessed nodes per transaction" },
    [QUOTA_MEMORY] = { "memory", 2621440, "Total Xenstore memory per domain (error level)" },
    [QUOTA_NODE_SIZE] = { "node-size", 2048, "Max. size of a node" },
    [QUOTA_PATH_MAX] = { "path-max", XENSTORE_REL_PATH_MAX, "Max. length of a node path" },
    [QUOTA_PERMISSIONS] = { "permissions", 5, "Max. number of permissions per node" },
};

struct domain *domain_account(struct store *st, unsigned domid)
{
    struct domain *d = st->domain[domid];

    if (d != NULL)
        return d;
    d = xzalloc(sizeof(*d));
    d->domid = (uint16_t)domid;
    d->target = NO_TARGET;
    memset(d->quota, 0xff, sizeof(d->quota));
    d->next = st->accounts;
    d->pprev = &st->accounts;
    if (d->next != NULL)
        d->next->pprev = &d->next;
    st->accounts = st->domain[domid] = d;
    return d;
}

void domain_trim(struct store *st, struct domain *d)
{
    if (d->introduced || d->conn != NULL || d->nodes > 0 || d->watches > 0 || d->txns > 0 || d->owned != NULL ||
        d->held || d->named || d->domid == 0)
        return;
    if (d->target != NO_TARGET)
        st->target_count--;
    *d->pprev = d->next;
    if (d->next != NULL)
        d->next->pprev = d->pprev;
    st->domain[d->domid] = NULL;
    free(d);
}

void domain_name(struct store *st, const struct perm *perm, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        domain_account(st, perm[i].domid)->named = true;
}

uint32_t domain_quota(const struct store *st, const struct domain *d, enum quota q)
{
    return d != NULL && d->quota[q] != UINT32_MAX ? d->quota[q] : st->quota[q];
}

bool domain_over(const struct store *st, const struct domain *d, enum quota q, uint64_t value)
{
    uint32_t limit;

    if (d->domid == 0 || st->replaying)
        return false;
    limit = domain_quota(st, d, q);
    return limit != 0 && value > limit;
}

void domain_charge(struct store *st, struct domain *d, int64_t bytes)
{
    d->memory += (uint64_t)bytes;
    if (bytes <= 0 || d->domid == 0 || st->soft_memory == 0)
        return;
    if (d->memory > st->soft_memory && !d->soft_warned) {
        d->soft_warned = true;
        log_line(LOG_WARN, "domain %u uses %llu bytes of the store, above the soft quota of %u", d->domid,
                 (unsigned long long)d->memory, st->soft_memory);
    }
}

/* ---- the index of owned nodes ---- */

struct owned {
    struct owned *chain; /* in its bucket */
    struct owned *next, **pprev; /* of the same domain */
    uint32_t hash;
    uint16_t domid, len;
    char path[];
};

static void owned_rehash(struct store *st)
{
    uint32_t size = st->owned_size ? st->owned_size * 2 : 64;
    struct owned **table = xzalloc(size * sizeof(struct owned *));

    for (uint32_t i = 0; i < st->owned_size; i++) {
        for (struct owned *o = st->owned_table[i], *chain; o != NULL; o = chain) {
            chain = o->chain;
            o->chain = table[o->hash & (size - 1)];
            table[o->hash & (size - 1)] = o;
        }
    }
    free(st->owned_table);
    st->owned_table = table;
    st->owned_size = size;
}

static struct owned **owned_find(struct store *st, uint32_t hash, unsigned domid, const char *path, size_t len)
{
    struct owned **at;

    if (st->owned_size == 0)
        return NULL;
    for (at = &st->owned_table[hash & (st->owned_size - 1)]; *at != NULL; at = &(*at)->chain)
        if ((*at)->hash == hash && (*at)->domid == domid && (*at)->len == len && !memcmp((*at)->path, path, len))
            return at;
    return NULL;
}

void domain_own(struct store *st, unsigned domid, const char *path, size_t len)
{
    uint32_t hash = path_hash_name(path, len);
    struct domain *d = domain_account(st, domid);
    struct owned *o;

    if (owned_find(st, hash, domid, path, len) != NULL)
        return;
    if (st->owned_used++ >= st->owned_size)
        owned_rehash(st);
    o = xmalloc(sizeof(*o) + len);
    o->hash = hash;
    o->domid = (uint16_t)domid;
    o->len = (uint16_t)len;
    memcpy(o->path, path, len);
    o->chain = st->owned_table[hash & (st->owned_size - 1)];
    st->owned_table[hash & (st->owned_size - 1)] = o;
    o->next = d->owned;
    o->pprev = &d->owned;
    if (o->next != NULL)
        o->next->pprev = &o->next;
    d->owned = o;
}

static void owned_free(struct store *st, struct owned **at)
{
    struct owned *o = *at;

    *at = o->chain;
    *o->pprev = o->next;
    if (o->next != NULL)
        o->next->pprev = o->pprev;
    st->owned_used--;
    free(o);
}

void domain_disown(struct store *st, unsigned domid, const char *path, size_t len)
{
    struct owned **at = owned_find(st, path_hash_name(path, len), domid, path, len);

    if (at != NULL)
        owned_free(st, at);
}

void domain_disown_all(struct store *st, struct domain *d)
{
    while (d->owned != NULL)
        owned_free(st, owned_find(st, d->owned->hash, d->domid, d->owned->path, d->owned->len));
}

/* ---- counting anew ---- */

struct recount {
    struct store *st;
    const struct node *parent;
    char *path;
    size_t len;
};

static void name_again(struct store *st, const struct perms *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (st->died[p->entry[i].domid] <= p->epoch)
            domain_name(st, &p->entry[i], 1);
}

static bool recount_node(struct node *n, void *arg)
{
    const struct recount *r = arg;
    struct recount below = { r->st, n, r->path, r->len };
    uint16_t owner = n->perms->entry[0].domid;
    struct domain *d = domain_account(r->st, owner);

    if (r->parent != NULL) {
        if (below.len > 1)
            below.path[below.len++] = '/';
        memcpy(below.path + below.len, node_name(n), node_name_len(n));
        below.len += node_name_len(n);
    }
    d->nodes++;
    r->st->live_bytes += node_footprint(n);
    name_again(r->st, n->perms);
    d->memory += node_memory(n);
    if (owner != 0 && (r->parent == NULL || owner != r->parent->perms->entry[0].domid))
        domain_own(r->st, owner, below.path, below.len);
    return node_each_child(n, recount_node, &below);
}

void domain_recount(struct store *st)
{
    char path[XENSTORE_ABS_PATH_MAX + 32] = "/";
    struct recount all = { st, NULL, path, 1 };

    for (struct domain *d = st->accounts; d != NULL; d = d->next) {
        d->nodes = 0;
        domain_disown_all(st, d);
    }
    st->live_bytes = 0;
    recount_node(st->root, &all);
    for (unsigned i = 0; i < 2; i++) {
        const struct perms *p = i ? st->intro_perms : st->release_perms;

        if (p != NULL)
            name_again(st, p);
    }
}

struct tally {
    struct store *st;
    uint32_t *nodes; /* by owner */
    uint64_t bytes;
};

static bool tally_node(struct node *n, void *arg)
{
    struct tally *t = arg;

    t->nodes[n->perms->entry[0].domid]++;
    t->bytes += node_footprint(n);
    return node_each_child(n, tally_node, arg);
}

unsigned domain_check(struct store *st, struct buf *out)
{
    struct tally t = { st, xzalloc(DOMAINS * sizeof(uint32_t)), 0 };
    unsigned wrong = 0;
    uint32_t watches = 0;

    tally_node(st->root, &t);
    for (unsigned i = 0; i < DOMAINS; i++) {
        const struct domain *d = st->domain[i];

        if (t.nodes[i] != (d != NULL ? d->nodes : 0)) {
            buf_printf(out, "domain %u owns %u nodes, its account says %u\n", i, t.nodes[i], d != NULL ? d->nodes : 0);
            wrong++;
        }
        watches += d != NULL ? d->watches : 0;
    }
    if (watches != st->watch_count) {
        buf_printf(out, "%u watches exist, the accounts say %u\n", st->watch_count, watches);
        wrong++;
    }
    if (t.bytes != st->live_bytes) {
        buf_printf(out, "the tree takes %llu bytes, its account says %llu\n", (unsigned long long)t.bytes,
                   (unsigned long long)st->live_bytes);
        wrong++;
    }
    free(t.nodes);
    return wrong;
}

/* ---- coming and going ---- */

void domain_mark_introduced(struct store *st, struct domain *d)
{
    d->introduced = true;
    d->shutdown = false;
    d->inext = st->introduced;
    d->ipprev = &st->introduced;
    if (d->inext != NULL)
        d->inext->ipprev = &d->inext;
    st->introduced = d;
    st->introduced_count++;
}

int domain_introduce(struct store *st, unsigned domid, uint64_t gfn, uint32_t port)
{
    struct domain *d = domain_account(st, domid);
    bool again = d->introduced;
    int rc;

    d->held = true;
    if (again && st->host && st->host->release)
        st->host->release(st->host_arg, d); /* the toolstack gave it another page or port */
    rc = st->host && st->host->introduce ? st->host->introduce(st->host_arg, d, gfn, port) : 0;
    d->held = false;
    if (rc < 0) {
        if (again) /* the old connection is gone, the new one failed: the domain is not connected any more */
            domain_release(st, d);
        else
            domain_trim(st, d);
        return rc;
    }
    if (again)
        return 0;
    domain_mark_introduced(st, d);
    watch_fire_special(st, "@introduceDomain", st->intro_perms);
    return 0;
}

static void remove_owned_nodes(struct store *st, struct domain *d)
{
    static struct path p;

    while (d->owned != NULL) {
        const struct perm nobody = { 0, PERM_NONE };
        struct owned *o = d->owned;

        if (path_parse(&p, o->path, o->len, 0, XENSTORE_ABS_PATH_MAX) < 0 ||
            tree_find(st->root, &p, NULL, NULL) == NULL)
            domain_disown(st, d->domid, o->path, o->len); /* an entry without a node: cannot be, and must not loop */
        else if (p.count == 0)
            mutate_perms(st, &st->root, &p, &nobody, 1);
        else
            mutate_rm(st, &st->root, &p);
    }
}

static void forget_target(struct store *st, unsigned domid)
{
    for (struct domain *d = st->accounts; d != NULL && st->target_count > 0; d = d->next) {
        if (d->target == domid) {
            d->target = NO_TARGET;
            st->target_count--;
        }
    }
}

void domain_release(struct store *st, struct domain *d)
{
    const struct entry e = { .type = ENTRY_RELEASE, .domid = d->domid };
    bool only_named = !d->introduced && d->owned == NULL;

    d->held = true; /* one that was never introduced would go with the last of its nodes */
    if (st->host != NULL && st->host->release != NULL)
        st->host->release(st->host_arg, d);
    if (!st->keep_orphans)
        remove_owned_nodes(st, d);
    st->died[d->domid] = ++st->epoch;
    forget_target(st, d->domid);
    store_entry(st, &e, NULL, NULL);
    if (d->introduced) {
        *d->ipprev = d->inext;
        if (d->inext != NULL)
            d->inext->ipprev = d->ipprev;
        st->introduced_count--;
        d->introduced = false;
    }
    d->held = d->named = false;
    domain_trim(st, d);
    if (!only_named)
        watch_fire_special(st, "@releaseDomain", st->release_perms);
}

void domain_shut_down(struct store *st, struct domain *d)
{
    const struct entry e = { .type = ENTRY_SHUTDOWN, .domid = d->domid, .num = 1 };

    if (d->shutdown)
        return;
    d->shutdown = true;
    store_entry(st, &e, NULL, NULL);
    watch_fire_special(st, "@releaseDomain", st->release_perms);
}
