/* SPDX-License-Identifier: MIT */
/*
 * Watches, in a trie of the tree's shape.
 *
 * Owns the watch nodes (one for each path with a watch at or below it), the watches, and the tables that find them.
 * A change walks its own path through the trie and so meets exactly the watches that it concerns, however many others
 * there are. A watch node goes when its last watch and its last child have gone.
 */
#include "store.h"

#include "pool.h"

#include <errno.h>
#include <stdlib.h>

#define COALESCE_FROM 16384 /* unsent bytes from which on an event equal to the watch's last unsent one is left out */
#define MAX_UNSENT    (8u << 20) /* a privileged socket that does not read: beyond this it is cut off */
#define SMALL_UNSENT  (64u << 10) /* for so little nobody is cut off, whatever else takes its domain's memory */

struct wnode {
    struct wnode *chain; /* in its bucket */
    struct wnode *parent, *child, *next, **pprev;
    struct watch *watches; /* oldest first */
    uint32_t hash;
    uint16_t name_len : 15, special : 1;
    char name[];
};

struct watch {
    struct watch *chain;
    struct watch *next, *prev;     /* at the same path; the oldest's `prev` is the newest */
    struct watch *cnext, **cpprev; /* of the same connection */
    struct conn *conn;
    struct wnode *at;
    uint64_t last_end; /* where its last event ended in the connection's output */
    uint16_t token_len : 15, relative : 1;
    char token[];
};

/* At least the struct with its padding, which a memset clears. */
#define NAMED_SIZE(type, member, len) \
    (offsetof(type, member) + (len) > sizeof(type) ? offsetof(type, member) + (len) : sizeof(type))
#define WNODE_SIZE(len) NAMED_SIZE(struct wnode, name, len)
#define WATCH_SIZE(len) NAMED_SIZE(struct watch, token, len)

static uint64_t memory;

uint64_t watch_memory(void)
{
    return memory;
}

uint64_t watch_cost(const struct path *p, size_t token_len)
{
    uint64_t cost = WATCH_SIZE(token_len);

    for (unsigned i = 0; i < p->count; i++)
        cost += WNODE_SIZE(p->name[i].len);
    return cost;
}

/* The same of one that is there. */
static uint64_t cost_of(const struct watch *w)
{
    uint64_t cost = WATCH_SIZE(w->token_len);

    for (const struct wnode *at = w->at; at->parent != NULL; at = at->parent)
        cost += WNODE_SIZE(at->name_len);
    return cost;
}

/* ---- watch nodes ---- */

static uint32_t wnode_hash(const struct wnode *parent, uint32_t name_hash)
{
    return (uint32_t)(hash_mix((uintptr_t)parent ^ hash_seed, HASH_PRIME1 ^ name_hash) >> 16);
}

static struct wnode *wnode_find(const struct store *st, const struct wnode *parent, const char *name, size_t len,
                                uint32_t hash)
{
    uint32_t h;

    if (st->wnode_size == 0 || parent == NULL)
        return NULL;
    h = wnode_hash(parent, hash);
    for (struct wnode *w = st->wnode_table[h & (st->wnode_size - 1)]; w != NULL; w = w->chain)
        if (w->hash == hash && w->parent == parent && w->name_len == len && !memcmp(w->name, name, len))
            return w;
    return NULL;
}

static void wnode_rehash(struct store *st)
{
    uint32_t size = st->wnode_size ? st->wnode_size * 2 : 64;
    struct wnode **table = xzalloc(size * sizeof(struct wnode *));

    for (uint32_t i = 0; i < st->wnode_size; i++) {
        for (struct wnode *w = st->wnode_table[i], *chain; w != NULL; w = chain) {
            uint32_t h = wnode_hash(w->parent, w->hash) & (size - 1);

            chain = w->chain;
            w->chain = table[h];
            table[h] = w;
        }
    }
    free(st->wnode_table);
    st->wnode_table = table;
    st->wnode_size = size;
}

static struct wnode *wnode_new(struct store *st, struct wnode *parent, const char *name, size_t len, uint32_t hash)
{
    struct wnode *w = pool_alloc(WNODE_SIZE(len));
    uint32_t h;

    memset(w, 0, sizeof(*w));
    memory += WNODE_SIZE(len);
    w->parent = parent;
    w->hash = hash;
    w->name_len = len & 0x7fff;
    memcpy(w->name, name, len);
    if (parent == NULL)
        return w;
    if (st->wnode_used++ >= 2 * st->wnode_size)
        wnode_rehash(st);
    h = wnode_hash(parent, hash) & (st->wnode_size - 1);
    w->chain = st->wnode_table[h];
    st->wnode_table[h] = w;
    w->next = parent->child;
    w->pprev = &parent->child;
    if (w->next != NULL)
        w->next->pprev = &w->next;
    parent->child = w;
    return w;
}

/* Frees W and its parents as far as nothing hangs on them. */
static void wnode_prune(struct store *st, struct wnode *w)
{
    while (w->parent != NULL && w->watches == NULL && w->child == NULL) {
        struct wnode *parent = w->parent, **at = &st->wnode_table[wnode_hash(parent, w->hash) & (st->wnode_size - 1)];

        while (*at != w)
            at = &(*at)->chain;
        *at = w->chain;
        *w->pprev = w->next;
        if (w->next != NULL)
            w->next->pprev = w->pprev;
        st->wnode_used--;
        memory -= WNODE_SIZE(w->name_len);
        pool_free(w, WNODE_SIZE(w->name_len));
        w = parent;
    }
}

static struct wnode *wnode_get(struct store *st, const struct path *p, bool make)
{
    struct wnode **root = p->special ? &st->watch_specials : &st->watch_root, *w, *child;

    if (*root == NULL && make)
        *root = wnode_new(st, NULL, "", 0, 0);
    w = *root;
    for (unsigned i = 0; i < p->count && w != NULL; i++, w = child) {
        const struct path_name *n = &p->name[i];

        child = wnode_find(st, w, p->str + n->off, n->len, n->hash);
        if (child == NULL && make) {
            child = wnode_new(st, w, p->str + n->off, n->len, n->hash);
            child->special = p->special;
        }
    }
    return w;
}

/* ---- watches ---- */

static uint32_t watch_hash(const struct conn *c, const struct wnode *at, const char *token, size_t len)
{
    return (uint32_t)hash_bytes(hash_seed ^ (uintptr_t)c ^ ((uintptr_t)at << 7), token, len);
}

static struct watch **watch_find(struct store *st, uint32_t hash, const struct conn *c, const struct wnode *at,
                                 const char *token, size_t len)
{
    struct watch **w;

    if (st->watch_size == 0)
        return NULL;
    for (w = &st->watch_table[hash & (st->watch_size - 1)]; *w != NULL; w = &(*w)->chain)
        if ((*w)->conn == c && (*w)->at == at && (*w)->token_len == len &&
            !memcmp((*w)->token, token, len))
            return w;
    return NULL;
}

static void watch_rehash(struct store *st)
{
    uint32_t size = st->watch_size ? st->watch_size * 2 : 64;
    struct watch **table = xzalloc(size * sizeof(struct watch *));

    for (uint32_t i = 0; i < st->watch_size; i++) {
        for (struct watch *w = st->watch_table[i], *chain; w != NULL; w = chain) {
            uint32_t h = watch_hash(w->conn, w->at, w->token, w->token_len) & (size - 1);

            chain = w->chain;
            w->chain = table[h];
            table[h] = w;
        }
    }
    free(st->watch_table);
    st->watch_table = table;
    st->watch_size = size;
}

static void watch_entry(struct store *st, const struct conn *c, unsigned type, const struct path *p, const char *token,
                        size_t len)
{
    struct entry e = {
        .type = (uint8_t)type, .domid = c->domid, .a_len = (uint16_t)(p->len - p->strip), .b_len = (uint16_t)len
    };

    if (c->kind == CONN_RING)
        store_entry(st, &e, p->str + p->strip, token);
}

static void list_append(struct watch **oldest, struct watch *w)
{
    if (*oldest == NULL) {
        w->prev = *oldest = w;
        return;
    }
    w->prev = (*oldest)->prev;
    w->prev->next = w;
    (*oldest)->prev = w;
}

static void list_remove(struct watch **oldest, struct watch *w)
{
    if (w->next != NULL)
        w->next->prev = w->prev;
    else if (w != *oldest)
        (*oldest)->prev = w->prev;
    if (w == *oldest)
        *oldest = w->next;
    else
        w->prev->next = w->next;
}

int watch_add(struct store *st, struct conn *c, const struct path *p, const char *token, size_t len)
{
    struct wnode *at = wnode_get(st, p, true);
    uint32_t hash = watch_hash(c, at, token, len);
    struct watch *w;

    if (watch_find(st, hash, c, at, token, len) != NULL)
        return -EEXIST;
    if (!c->privileged && domain_over(st, c->domain, QUOTA_WATCHES, c->domain->watches + 1ull)) {
        wnode_prune(st, at);
        return -E2BIG;
    }
    if (st->watch_count++ >= 2 * st->watch_size)
        watch_rehash(st);
    w = pool_alloc(WATCH_SIZE(len));
    memset(w, 0, sizeof(*w));
    w->conn = c;
    w->at = at;
    w->token_len = len & 0x7fff;
    w->relative = p->strip > 0;
    memcpy(w->token, token, len);
    w->chain = st->watch_table[hash & (st->watch_size - 1)];
    st->watch_table[hash & (st->watch_size - 1)] = w;
    list_append(&at->watches, w);
    w->cnext = c->watches;
    w->cpprev = &c->watches;
    if (w->cnext != NULL)
        w->cnext->cpprev = &w->cnext;
    c->watches = w;
    c->domain->watches++;
    memory += WATCH_SIZE(len);
    domain_charge(st, c->domain, (int64_t)cost_of(w));
    watch_entry(st, c, ENTRY_WATCH, p, token, len);
    return 0;
}

static void watch_free(struct store *st, struct watch **at)
{
    struct watch *w = *at;

    *at = w->chain;
    list_remove(&w->at->watches, w);
    *w->cpprev = w->cnext;
    if (w->cnext != NULL)
        w->cnext->cpprev = w->cpprev;
    w->conn->domain->watches--;
    memory -= WATCH_SIZE(w->token_len);
    domain_charge(st, w->conn->domain, -(int64_t)cost_of(w));
    st->watch_count--;
    wnode_prune(st, w->at);
    pool_free(w, WATCH_SIZE(w->token_len));
}

int watch_remove(struct store *st, struct conn *c, const struct path *p, const char *token, size_t len)
{
    struct wnode *at = wnode_get(st, p, false);
    struct watch **w = at ? watch_find(st, watch_hash(c, at, token, len), c, at, token, len) : NULL;

    if (w == NULL)
        return -ENOENT;
    watch_free(st, w);
    watch_entry(st, c, ENTRY_UNWATCH, p, token, len);
    return 0;
}

void watch_remove_all(struct store *st, struct conn *c)
{
    while (c->watches != NULL) {
        const struct watch *w = c->watches;

        watch_free(st, watch_find(st, watch_hash(c, w->at, w->token, w->token_len), c, w->at, w->token, w->token_len));
    }
}

static size_t wnode_path(const struct wnode *w, char *path)
{
    size_t len;

    if (w->parent == NULL) {
        path[0] = '/';
        return 1;
    }
    if (w->special) {
        memcpy(path, w->name, w->name_len);
        return w->name_len;
    }
    len = w->parent->parent == NULL ? 0 : wnode_path(w->parent, path);
    path[len++] = '/';
    memcpy(path + len, w->name, w->name_len);
    return len + w->name_len;
}

static size_t strip_of(const struct watch *w)
{
    size_t digits = 1;

    for (unsigned d = w->conn->domid; d > 9; d /= 10)
        digits++;
    return w->relative ? sizeof("/local/domain//") - 1 + digits : 0;
}

void watch_each(const struct conn *c, watch_visit *visit, void *arg)
{
    char path[XENSTORE_ABS_PATH_MAX + 32];
    const struct watch *w = c->watches;

    while (w != NULL && w->cnext != NULL) /* the list is newest first */
        w = w->cnext;
    for (; w != NULL; w = w->cpprev == &c->watches
                              ? NULL
                              : (const struct watch *)((const char *)w->cpprev - offsetof(struct watch, cnext))) {
        size_t len = wnode_path(w->at, path), strip = strip_of(w);

        visit(path + strip, len - strip, w->relative, w->token, w->token_len, arg);
    }
}

void watch_fini(struct store *st)
{
    for (unsigned i = 0; i < 2; i++) {
        struct wnode *root = i ? st->watch_specials : st->watch_root;

        if (root != NULL)
            pool_free(root, WNODE_SIZE(0));
    }
    memory = 0;
    free(st->watch_table);
    free(st->wnode_table);
}

/* ---- events ---- */

/* Notes who had C, domain 0's ring, be sent the SIZE bytes at the end of its output. */
static void told_domain_0(struct store *st, const struct conn *c, size_t size)
{
    struct domain *d = st->sender;

    if (conn_unsent(c) - size <= BACKLOG_SHORT)
        st->backlog++;
    if (d->backlog != st->backlog) {
        d->backlog = st->backlog;
        d->told = 0;
    }
    d->told += (uint32_t)size;
}

static void event_put(struct store *st, struct conn *c, const char *path, size_t len, const char *token,
                      size_t token_len)
{
    char *at;

    if (len + token_len + 2 > XENSTORE_PAYLOAD_MAX || c->dead)
        return;
    at = conn_message(st, c, XS_WATCH_EVENT, 0, 0, len + token_len + 2);
    memcpy(at, path, len);
    at[len] = 0;
    memcpy(at + len + 1, token, token_len);
    at[len + 1 + token_len] = 0;
    st->stat.events++;
    st->work++;
    if (c->privileged && c->kind == CONN_RING) { /* domain 0's kernel: who makes it fall behind waits, see ring.c */
        if (st->sender != NULL)
            told_domain_0(st, c, len + token_len + 2 + sizeof(struct xsd_sockmsg));
        return;
    }
    if (conn_unsent(c) > MAX_UNSENT || (!c->privileged && conn_unsent(c) > SMALL_UNSENT &&
                                        domain_over(st, c->domain, QUOTA_MEMORY, c->domain->memory)))
        c->dead = true; /* it does not read: the connection ends rather than the daemon's memory */
}

/* Whether W's last event is one of PATH, and all of it is still unsent. */
static bool event_waits(const struct watch *w, const char *path, size_t len)
{
    const struct conn *c = w->conn;
    struct xsd_sockmsg hdr = { .type = XS_WATCH_EVENT, .len = (uint32_t)(len + w->token_len + 2) };
    uint64_t back = c->out_end - w->last_end; /* so far before the output's end it ends */
    const char *at;

    if (w->last_end > c->out_end || back + sizeof(hdr) + hdr.len > conn_unsent(c))
        return false;
    at = c->out.data + c->out.len - back - sizeof(hdr) - hdr.len;
    return !memcmp(at, &hdr, sizeof(hdr)) && !memcmp(at + sizeof(hdr), path, len) && at[sizeof(hdr) + len] == 0 &&
           !memcmp(at + sizeof(hdr) + len + 1, w->token, w->token_len);
}

static void event_send(struct store *st, struct watch *w, const char *path, size_t len)
{
    struct conn *c = w->conn;
    size_t strip = strip_of(w);

    if (conn_unsent(c) >= COALESCE_FROM && event_waits(w, path + strip, len - strip))
        return; /* its reader will see this change too */
    event_put(st, c, path + strip, len - strip, w->token, w->token_len);
    w->last_end = c->out_end;
}

void watch_first_event(struct store *st, struct conn *c, const struct path *p, const char *token, size_t len)
{
    event_put(st, c, p->str + p->strip, p->len - (size_t)p->strip, token, len);
}

struct change {
    const char *path;
    size_t len;
    const struct perms *old, *new, *parent;
};

static bool may_read(const struct store *st, const struct conn *c, const struct perms *perms)
{
    return perms != NULL && (conn_access(st, c, perms) & PERM_READ);
}

/* Looked at once a change, however many watches C has on its way: others pay for that. */
static bool may_hear(const struct store *st, struct conn *c, const struct change *ch)
{
    if (c->heard != st->told) {
        c->heard = st->told;
        c->may_hear = may_read(st, c, ch->new) || may_read(st, c, ch->old) || may_read(st, c, ch->parent);
    }
    return c->may_hear;
}

static void fire_at(struct store *st, const struct wnode *at, const struct change *ch)
{
    for (struct watch *w = at->watches; w != NULL; w = w->next)
        if (w->conn->privileged || may_hear(st, w->conn, ch))
            event_send(st, w, ch->path, ch->len);
}

void watch_fire(struct store *st, const struct path *p, const struct perms *old, const struct perms *new,
                const struct perms *parent)
{
    const struct change ch = { p->str, p->len, old, new, parent };
    const struct wnode *w = st->quiet ? NULL : st->watch_root;

    st->told++;
    for (unsigned i = 0; w != NULL; i++) {
        if (w->watches != NULL)
            fire_at(st, w, &ch);
        if (i == p->count)
            break;
        w = wnode_find(st, w, path_name_str(p, i), p->name[i].len, p->name[i].hash);
    }
}

static void fire_below(struct store *st, const struct wnode *w, const struct node *n, char *path, size_t len)
{
    for (const struct wnode *child = w->child; child != NULL; child = child->next) {
        const struct node *gone = node_find(n, child->name, child->name_len, child->hash);
        struct change ch = { path, len + 1 + child->name_len, NULL, NULL, n->perms };

        if (gone == NULL)
            continue;
        path[len] = '/';
        memcpy(path + len + 1, child->name, child->name_len);
        fire_below(st, child, gone, path, ch.len);
        ch.old = gone->perms;
        st->told++;
        fire_at(st, child, &ch);
    }
}

void watch_fire_removed(struct store *st, const struct path *p, const struct node *removed)
{
    char path[XENSTORE_ABS_PATH_MAX + 32];
    const struct wnode *w = wnode_get(st, p, false);

    if (w == NULL || w->child == NULL || st->quiet)
        return;
    memcpy(path, p->str, p->len);
    fire_below(st, w, removed, path, p->len);
}

void watch_fire_special(struct store *st, const char *name, struct perms *perms)
{
    size_t len = strlen(name);
    const struct change ch = { name, len, perms, perms, NULL };
    const struct wnode *w = wnode_find(st, st->watch_specials, name, len, path_hash_name(name, len));

    st->told++;
    if (w != NULL && !st->quiet)
        fire_at(st, w, &ch);
}
