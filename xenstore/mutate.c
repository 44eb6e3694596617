/* SPDX-License-Identifier: MIT */
/*
 * Every change of a tree, live or a transaction's. Owns nothing.
 *
 * A change of the live tree is one place where four things happen together: the nodes, the accounts of the domains
 * that own them, the journal entry, the watches. Nothing else may change st->root.
 */
#include "store.h"

#include <errno.h>

uint64_t node_memory(const struct node *n)
{
    return sizeof(*n) + node_name_len(n) + n->value_len;
}

static uint16_t owner_of(const struct node *n)
{
    return n->perms->entry[0].domid;
}

static void journal_path(struct store *st, unsigned type, const struct path *p, unsigned creator, const void *b,
                         size_t len)
{
    struct entry e = { .type = (uint8_t)type, .domid = (uint16_t)creator, .a_len = p->len, .b_len = (uint16_t)len };

    store_entry(st, &e, p->str, b);
}

/* ---- bytes ---- */

struct bytes {
    uint64_t all, copied;
};

static inline struct bytes bytes_now(void)
{
    return (struct bytes){ node_stats.bytes, node_stats.copied };
}

/* After a change of *ROOT: what a live node was copied from belongs to whoever else shows it. */
static inline void bytes_changed(struct store *st, struct node **root, struct bytes before)
{
    int64_t grown = (int64_t)(node_stats.bytes - before.all);

    if (root == &st->root)
        st->live_bytes += (uint64_t)grown - (node_stats.copied - before.copied);
    else
        st->grown = grown;
}

/* ---- accounts of live nodes ---- */

static void count_node(struct store *st, const struct node *n, const struct node *parent, const char *path, size_t len)
{
    uint16_t owner = owner_of(n);
    struct domain *d = domain_account(st, owner);

    d->nodes++;
    domain_charge(st, d, (int64_t)node_memory(n));
    if (owner != 0 && owner != owner_of(parent))
        domain_own(st, owner, path, len);
}

struct walk {
    struct store *st;
    const struct node *parent;
    char *path; /* XENSTORE_ABS_PATH_MAX + 32 bytes, shared by the whole walk */
    size_t len;
};

/* Takes a node and all below it out of the accounts. */
static bool uncount_node(struct node *n, void *arg)
{
    const struct walk *w = arg;
    struct walk below = { w->st, n, w->path, w->len };
    uint16_t owner = owner_of(n);
    struct domain *d = domain_account(w->st, owner);

    if (below.len > 1)
        below.path[below.len++] = '/';
    memcpy(below.path + below.len, node_name(n), node_name_len(n));
    below.len += node_name_len(n);
    w->st->work++;
    if (owner != 0 && owner != owner_of(w->parent))
        domain_disown(w->st, owner, below.path, below.len);
    d->nodes--;
    w->st->live_bytes -= node_footprint(n);
    domain_charge(w->st, d, -(int64_t)node_memory(n));
    domain_trim(w->st, d);
    return node_each_child(n, uncount_node, &below);
}

/* A child keeps its owner while its parent's changes: it may become, or cease to be, a topmost node of its owner. */
struct reown {
    struct store *st;
    const struct path *p;
    uint16_t old, new;
};

static bool reown_child(struct node *child, void *arg)
{
    const struct reown *r = arg;
    uint16_t owner = owner_of(child);
    char path[XENSTORE_ABS_PATH_MAX + 32];
    size_t len = r->p->len;

    if (owner == 0 || (owner != r->old && owner != r->new))
        return true;
    memcpy(path, r->p->str, len);
    if (len > 1)
        path[len++] = '/';
    memcpy(path + len, node_name(child), node_name_len(child));
    len += node_name_len(child);
    if (owner == r->new)
        domain_disown(r->st, owner, path, len);
    else
        domain_own(r->st, owner, path, len);
    return true;
}

static void change_owner(struct store *st, const struct path *p, const struct node *n, const struct node *parent,
                         uint16_t old)
{
    uint16_t new = owner_of(n), above = p->count > 0 ? owner_of(parent) : 0;
    struct domain *from = domain_account(st, old), *to = domain_account(st, new);
    struct reown reown = { st, p, old, new };

    from->nodes--;
    to->nodes++;
    domain_charge(st, from, -(int64_t)node_memory(n));
    domain_charge(st, to, (int64_t)node_memory(n));
    if (old != 0 && old != above)
        domain_disown(st, old, p->str, p->len);
    if (new != 0 && new != above)
        domain_own(st, new, p->str, p->len);
    node_each_child(n, reown_child, &reown);
    domain_trim(st, from);
}

/* ---- the changes ---- */

/* The node at P with its missing parents made; *PARENT its parent's permissions; *MADE whether it was made now. */
static struct node **put(struct store *st, struct node **root, const struct path *p, unsigned creator,
                         struct perms **parent, bool *made)
{
    unsigned depth, above_count = p->count > 0 ? p->count - 1u : 0;
    struct node **at = tree_own(root, p, above_count, &depth), **last;

    *parent = (*at)->perms;
    if (p->count == 0)
        last = at;
    else if (depth == above_count)
        last = node_own_child(*at, p, &p->name[depth]);
    else
        last = NULL;
    *made = last == NULL;
    if (!*made)
        return last;
    for (unsigned i = depth; i < p->count; i++) {
        struct node *above = *at, *child;
        struct perms *perms = above->perms;

        if (creator == 0 || (perms->entry[0].domid == creator && st->died[creator] <= perms->epoch))
            perms_ref(perms);
        else
            perms = perms_with_owner(perms, (uint16_t)creator, st->died, st->epoch);
        child = node_new(path_name_str(p, i), p->name[i].len, perms);
        *parent = above->perms;
        if (root == &st->root)
            count_node(st, child, above, p->str, path_prefix_len(p, i + 1));
        at = node_add_child(at, child, st->gen);
    }
    return at;
}

void mutate_write(struct store *st, struct node **root, const struct path *p, unsigned creator, const void *value,
                  size_t len)
{
    const struct bytes before = bytes_now();
    struct perms *parent = NULL;
    struct node **at;
    bool made;

    st->gen++;
    at = put(st, root, p, creator, &parent, &made);
    if (root == &st->root) {
        domain_charge(st, domain_account(st, owner_of(*at)), (int64_t)len - (*at)->value_len);
        journal_path(st, ENTRY_WRITE, p, creator, value, len);
    }
    node_set_value(at, value, len);
    bytes_changed(st, root, before);
    if (root == &st->root)
        watch_fire(st, p, made ? NULL : (*at)->perms, (*at)->perms, parent);
}

void mutate_mkdir(struct store *st, struct node **root, const struct path *p, unsigned creator)
{
    const struct bytes before = bytes_now();
    struct perms *parent = NULL;
    struct node **at;
    bool made;

    if (tree_find(*root, p, NULL, NULL) != NULL)
        return;
    st->gen++;
    at = put(st, root, p, creator, &parent, &made);
    bytes_changed(st, root, before);
    if (root == &st->root) {
        journal_path(st, ENTRY_MKDIR, p, creator, NULL, 0);
        watch_fire(st, p, NULL, (*at)->perms, parent);
    }
}

void mutate_rm(struct store *st, struct node **root, const struct path *p)
{
    struct node *n = tree_find(*root, p, NULL, NULL), **at;
    const struct bytes before = bytes_now();

    if (n == NULL || p->count == 0)
        return;
    st->gen++;
    node_ref(n);
    at = tree_own(root, p, p->count - 1u, NULL);
    node_remove_child(*at, n, st->gen);
    if (root != &st->root)
        node_put(n); /* which may be the last of it */
    bytes_changed(st, root, before);
    if (root == &st->root) {
        char path[XENSTORE_ABS_PATH_MAX + 32];
        struct walk walk = { st, *at, path, path_prefix_len(p, p->count - 1u) };

        memcpy(path, p->str, walk.len);
        uncount_node(n, &walk);
        journal_path(st, ENTRY_RM, p, 0, NULL, 0);
        if (node_children(n) > 0)
            watch_fire_removed(st, p, n);
        watch_fire(st, p, n->perms, NULL, (*at)->perms);
        node_put(n);
    }
}

void mutate_perms(struct store *st, struct node **root, const struct path *p, const struct perm *perm, unsigned count)
{
    const struct bytes before = bytes_now();
    struct node **at, *parent = NULL;
    struct perms *old;

    st->gen++;
    at = tree_own(root, p, p->count > 0 ? p->count - 1u : 0, NULL);
    if (p->count > 0) {
        parent = *at;
        at = node_own_child(parent, p, &p->name[p->count - 1]);
    }
    bytes_changed(st, root, before);
    old = (*at)->perms;
    (*at)->perms = perms_get(perm, count, st->epoch);
    if (root == &st->root) {
        if (old->entry[0].domid != perm[0].domid)
            change_owner(st, p, *at, parent, old->entry[0].domid);
        domain_name(st, perm, count);
        journal_path(st, ENTRY_PERMS, p, 0, perm, count * sizeof(*perm));
        watch_fire(st, p, old, (*at)->perms, parent ? parent->perms : (*at)->perms);
    }
    perms_put(old);
}

int entry_mutate(struct store *st, struct node **root, const struct entry *e, const char *a, const char *b)
{
    static struct path p;
    struct perm perm[UINT16_MAX / sizeof(struct perm)];
    unsigned count;

    if (path_parse(&p, a, e->a_len, 0, XENSTORE_ABS_PATH_MAX) < 0)
        return -EINVAL;
    switch (e->type) {
    case ENTRY_WRITE:
        mutate_write(st, root, &p, e->domid, b, e->b_len);
        return 0;
    case ENTRY_MKDIR:
        mutate_mkdir(st, root, &p, e->domid);
        return 0;
    case ENTRY_RM:
        mutate_rm(st, root, &p);
        return 0;
    case ENTRY_PERMS:
        if (e->b_len < sizeof(perm[0]) || e->b_len % sizeof(perm[0]) || tree_find(*root, &p, NULL, NULL) == NULL)
            return -EINVAL;
        memcpy(perm, b, e->b_len);
        count = e->b_len / (unsigned)sizeof(perm[0]);
        if (e->num != 0)
            count = perms_live(perm, count, (uint32_t)(e->num - 1), st->died, perm);
        mutate_perms(st, root, &p, perm, count);
        return 0;
    default:
        return -EINVAL;
    }
}
