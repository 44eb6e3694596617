/* SPDX-License-Identifier: MIT */
/*
 * Nodes and the tries of their children. Owns no state but the counters in node_stats.
 *
 * A trie slot holds a node, or (lowest bit set) a deeper trie. `map` tells which of the 32 slots of a level are there;
 * below the last level, where all 32 bits of two hashes are equal, `map` is a plain count and slots are searched.
 */
#include "node.h"

#include "pool.h"

#include <stdlib.h>

#define TRIE_BITS   5u
#define TRIE_MASK   31u
#define TRIE_BUCKET 35u /* the shift at which no hash bits are left */

struct trie {
    uint32_t ref;
    uint32_t map;
    void *slot[];
};

struct node_stats node_stats;

static inline bool is_trie(const void *slot)
{
    return (uintptr_t)slot & 1;
}

static inline struct trie *as_trie(const void *slot)
{
    return (struct trie *)((uintptr_t)slot & ~(uintptr_t)1);
}

static inline void *from_trie(struct trie *t)
{
    return (void *)((uintptr_t)t | 1);
}

static inline unsigned bits(uint32_t v)
{
    v -= (v >> 1) & 0x55555555u;
    v = (v & 0x33333333u) + ((v >> 2) & 0x33333333u);
    return (((v + (v >> 4)) & 0x0f0f0f0fu) * 0x01010101u) >> 24;
}

static inline unsigned trie_count(const struct trie *t, unsigned shift)
{
    return shift >= TRIE_BUCKET ? t->map : bits(t->map);
}

static inline size_t trie_size(unsigned slots)
{
    return sizeof(struct trie) + slots * sizeof(void *);
}

static inline size_t node_bytes(size_t name_len, size_t value_len)
{
    return offsetof(struct node, bytes) + name_len + value_len;
}

/* Of the whole block: a directory's struct dir stands before the node. */
static inline size_t block_size(const struct node *n)
{
    return node_bytes(node_name_len(n), n->value_len) + (n->name_bits & NODE_DIR ? sizeof(struct dir) : 0);
}

static inline void *block_of(const struct node *n)
{
    return n->name_bits & NODE_DIR ? (void *)node_dir(n) : (void *)n;
}

/* ---- counting ---- */

static void trie_put(struct trie *t, unsigned shift);

static void slot_put(void *slot, unsigned shift)
{
    if (is_trie(slot))
        trie_put(as_trie(slot), shift + TRIE_BITS);
    else
        node_put(slot);
}

static void trie_put(struct trie *t, unsigned shift)
{
    unsigned count = trie_count(t, shift);

    if (--t->ref > 0)
        return;
    node_stats.bytes -= trie_size(count);
    for (unsigned i = 0; i < count; i++)
        slot_put(t->slot[i], shift);
    pool_free(t, trie_size(count));
}

struct node *node_new(const char *name, size_t name_len, struct perms *perms)
{
    struct node *n = pool_alloc(node_bytes(name_len, 0));

    n->ref = 1;
    n->perms = perms;
    n->seq = 0;
    n->name_bits = (uint16_t)name_len;
    n->value_len = 0;
    memcpy(n->bytes, name, name_len);
    node_stats.nodes++;
    node_stats.bytes += block_size(n);
    return n;
}

void node_put(struct node *n)
{
    if (n == NULL || --n->ref > 0)
        return;
    node_stats.changes++;
    node_stats.nodes--;
    node_stats.bytes -= block_size(n);
    perms_put(n->perms);
    if (node_children(n) > 0)
        trie_put(as_trie(node_dir(n)->top), 0);
    pool_free(block_of(n), block_size(n));
}

static size_t trie_footprint(const struct trie *t, unsigned shift)
{
    unsigned count = trie_count(t, shift);
    size_t size = trie_size(count);

    for (unsigned i = 0; i < count; i++)
        if (is_trie(t->slot[i]))
            size += trie_footprint(as_trie(t->slot[i]), shift + TRIE_BITS);
    return size;
}

size_t node_footprint(const struct node *n)
{
    return block_size(n) + (node_children(n) > 0 ? trie_footprint(as_trie(node_dir(n)->top), 0) : 0);
}

/* ---- finding ---- */

/* KEY: of a NAME of at most 8 bytes. Most are that short, and for them it is exact. */
static inline bool node_is_key(const struct node *n, const char *name, size_t len, uint64_t key)
{
    if (node_name_len(n) != len)
        return false;
    return len - 1 < 8 ? hash_load(n->bytes, len) == key : !memcmp(n->bytes, name, len);
}

static inline bool node_is(const struct node *n, const char *name, size_t len)
{
    return node_is_key(n, name, len, len - 1 < 8 ? hash_load(name, len) : 0);
}

/* Where the child lies in the bucket, or NULL. */
static void **bucket_at(const struct trie *t, const char *name, size_t len)
{
    for (uint32_t i = 0; i < t->map; i++)
        if (node_is(t->slot[i], name, len))
            return (void **)&t->slot[i];
    return NULL;
}

static struct node *bucket_find(const struct trie *t, const char *name, size_t len)
{
    void **at = bucket_at(t, name, len);

    return at != NULL ? *at : NULL;
}

struct node *node_find(const struct node *parent, const char *name, size_t name_len, uint32_t hash)
{
    const struct trie *t;

    if (!(parent->name_bits & NODE_DIR))
        return NULL;
    t = as_trie(node_dir(parent)->top);
    if (t == NULL) /* it has no children any more */
        return NULL;
    for (unsigned shift = 0;; shift += TRIE_BITS) {
        uint32_t bit;
        void *slot;

        if (shift >= TRIE_BUCKET)
            return bucket_find(t, name, name_len);
        bit = 1u << ((hash >> shift) & TRIE_MASK);
        if (!(t->map & bit))
            return NULL;
        slot = t->slot[t->map == bit ? 0 : bits(t->map & (bit - 1))];
        if (!is_trie(slot))
            return node_is(slot, name, name_len) ? slot : NULL;
        t = as_trie(slot);
    }
}

static bool trie_each(const struct trie *t, unsigned shift, bool (*visit)(struct node *, void *), void *arg)
{
    unsigned count = trie_count(t, shift);

    for (unsigned i = 0; i < count; i++) {
        if (is_trie(t->slot[i]) ? !trie_each(as_trie(t->slot[i]), shift + TRIE_BITS, visit, arg)
                                : !visit(t->slot[i], arg))
            return false;
    }
    return true;
}

bool node_each_child(const struct node *n, bool (*visit)(struct node *child, void *arg), void *arg)
{
    return node_children(n) == 0 || trie_each(as_trie(node_dir(n)->top), 0, visit, arg);
}

static bool collect(struct node *child, void *arg)
{
    struct node ***at = arg;

    *(*at)++ = child;
    return true;
}

static int compare_seq(const void *a, const void *b)
{
    uint32_t x = (*(struct node *const *)a)->seq, y = (*(struct node *const *)b)->seq;

    return (x > y) - (x < y);
}

struct node **node_list(const struct node *n)
{
    struct node **list, **end;

    if (node_children(n) == 0)
        return NULL;
    list = end = xmalloc(node_children(n) * sizeof(struct node *));
    node_each_child(n, collect, &end);
    qsort(list, node_children(n), sizeof(struct node *), compare_seq);
    return list;
}

bool node_same(const struct node *a, const struct node *b)
{
    return a == b || (a->perms == b->perms && a->value_len == b->value_len &&
                      !memcmp(node_value(a), node_value(b), a->value_len));
}

static bool same_as_in(struct node *child, void *arg)
{
    const struct node *other = node_find(arg, child->bytes, node_name_len(child), node_hash(child));

    return other != NULL && node_same_subtree(child, other);
}

bool node_same_subtree(const struct node *a, const struct node *b)
{
    if (a == b)
        return true;
    if (!node_same(a, b) || node_children(a) != node_children(b))
        return false;
    return node_each_child(a, same_as_in, (void *)b);
}

/* ---- owning: making what the writer stands on visible to no other root ---- */

static struct node *node_copy(const struct node *n)
{
    size_t size = block_size(n);
    char *block = pool_alloc(size);
    struct node *copy;

    memcpy(block, block_of(n), size);
    copy = (struct node *)(block + ((const char *)n - (const char *)block_of(n)));
    copy->ref = 1;
    perms_ref(copy->perms);
    if (node_children(n) > 0)
        as_trie(node_dir(n)->top)->ref++;
    node_stats.nodes++;
    node_stats.bytes += size;
    node_stats.copied += size;
    return copy;
}

struct node *node_own(struct node **at)
{
    struct node *n = *at;

    if (n->ref > 1) {
        node_stats.changes++;
        *at = node_copy(n);
        n->ref--;
    }
    return *at;
}

/* The trie in the tagged slot *AT, copied first if others see it. */
static struct trie *trie_own(void **at, unsigned shift)
{
    struct trie *t = as_trie(*at), *copy;
    unsigned count;

    if (t->ref == 1)
        return t;
    count = trie_count(t, shift);
    copy = pool_alloc(trie_size(count));
    memcpy(copy, t, trie_size(count));
    copy->ref = 1;
    for (unsigned i = 0; i < count; i++) {
        if (is_trie(copy->slot[i]))
            as_trie(copy->slot[i])->ref++;
        else
            ((struct node *)copy->slot[i])->ref++;
    }
    node_stats.bytes += trie_size(count);
    node_stats.copied += trie_size(count);
    t->ref--;
    *at = from_trie(copy);
    return copy;
}

struct node **node_own_child(struct node *owned, const struct path *p, const struct path_name *n)
{
    const char *name = p->str + n->off;
    uint32_t hash = n->hash;
    void **at;

    if (node_children(owned) == 0)
        return NULL;
    at = (void **)&node_dir(owned)->top;
    for (unsigned shift = 0;; shift += TRIE_BITS, hash >>= TRIE_BITS) {
        struct trie *t = as_trie(*at);
        uint32_t bit = 1u << (hash & TRIE_MASK);

        if (t->ref > 1)
            t = trie_own(at, shift);
        if (shift >= TRIE_BUCKET) {
            at = bucket_at(t, name, n->len);
            break;
        }
        if (!(t->map & bit))
            return NULL;
        at = &t->slot[t->map == bit ? 0 : bits(t->map & (bit - 1))];
        if (!is_trie(*at)) {
            at = node_is_key(*at, name, n->len, n->key) ? at : NULL;
            break;
        }
    }
    if (at != NULL && ((struct node *)*at)->ref > 1)
        node_own((struct node **)at);
    return (struct node **)at;
}

/* The node's block made SIZE bytes long; the node in it. */
static struct node *resize(struct node *n, size_t size)
{
    size_t offset = (size_t)((char *)n - (char *)block_of(n)), old = block_size(n);
    char *block = pool_resize(block_of(n), old, size);

    node_stats.changes++;
    node_stats.bytes += size - old;
    return (struct node *)(block + offset);
}

void node_set_value(struct node **at, const void *value, size_t len)
{
    struct node *n = *at;

    if (n->value_len != len) {
        n = *at = resize(n, block_size(n) + len - n->value_len);
        n->value_len = (uint16_t)len;
    }
    memcpy(n->bytes + node_name_len(n), value, len);
}

struct dir *node_make_dir(struct node **at)
{
    struct node *n = *at;
    size_t size = block_size(n);
    char *block;

    if (n->name_bits & NODE_DIR)
        return node_dir(n);
    block = pool_alloc(size + sizeof(struct dir));
    memset(block, 0, sizeof(struct dir));
    memcpy(block + sizeof(struct dir), n, size);
    pool_free(n, size);
    node_stats.changes++;
    node_stats.bytes += sizeof(struct dir);
    n = *at = (struct node *)(block + sizeof(struct dir));
    n->name_bits |= NODE_DIR;
    return node_dir(n);
}

/* ---- adding and removing children ---- */

/* A slot more at index I of the owned trie in *AT. */
static struct trie *trie_widen(void **at, unsigned i, unsigned count)
{
    struct trie *t = pool_resize(as_trie(*at), trie_size(count), trie_size(count + 1));

    memmove(&t->slot[i + 1], &t->slot[i], (count - i) * sizeof(void *));
    node_stats.bytes += sizeof(void *);
    *at = from_trie(t);
    return t;
}

static struct trie *trie_new(unsigned slots)
{
    struct trie *t = pool_alloc(trie_size(slots));

    t->ref = 1;
    t->map = 0;
    node_stats.bytes += trie_size(slots);
    return t;
}

static void **trie_add(void **at, unsigned shift, struct node *n)
{
    uint32_t hash = node_hash(n);

    for (;; shift += TRIE_BITS) {
        struct trie *t = trie_own(at, shift);
        struct node *there;
        uint32_t bit;
        unsigned i;

        if (shift >= TRIE_BUCKET) {
            t = trie_widen(at, t->map, t->map);
            t->slot[t->map] = n;
            return &t->slot[t->map++];
        }
        bit = 1u << ((hash >> shift) & TRIE_MASK);
        i = bits(t->map & (bit - 1));
        if (!(t->map & bit)) {
            t = trie_widen(at, i, bits(t->map));
            t->map |= bit;
            t->slot[i] = n;
            return &t->slot[i];
        }
        at = &t->slot[i];
        if (is_trie(*at))
            continue;
        there = *at; /* two names for one slot: a level more, into which the first moves now and ours next */
        t = trie_new(1);
        t->map = shift + TRIE_BITS >= TRIE_BUCKET ? 1 : 1u << ((node_hash(there) >> (shift + TRIE_BITS)) & TRIE_MASK);
        t->slot[0] = there;
        *at = from_trie(t);
    }
}

struct node **node_add_child(struct node **at, struct node *child, uint64_t gen)
{
    struct dir *dir = node_make_dir(at);

    node_stats.changes++;
    if (child->seq == 0)
        child->seq = ++dir->next_seq;
    else if (child->seq > dir->next_seq)
        dir->next_seq = child->seq;
    if (dir->top == NULL)
        dir->top = from_trie(trie_new(0));
    dir->count++;
    dir->gen = gen;
    return (struct node **)trie_add((void **)&dir->top, 0, child);
}

/* Takes CHILD out; true when the trie in *AT is empty then (and still there). */
static bool trie_remove(void **at, unsigned shift, const struct node *child, uint32_t hash)
{
    struct trie *t = trie_own(at, shift);
    unsigned count = trie_count(t, shift), i = 0;
    uint32_t bit = 0;

    if (shift >= TRIE_BUCKET) {
        while (t->slot[i] != child)
            i++;
    } else {
        bit = 1u << ((hash >> shift) & TRIE_MASK);
        i = bits(t->map & (bit - 1));
        if (is_trie(t->slot[i]) && !trie_remove(&t->slot[i], shift + TRIE_BITS, child, hash))
            return false;
    }
    slot_put(t->slot[i], shift);
    memmove(&t->slot[i], &t->slot[i + 1], (count - i - 1) * sizeof(void *));
    t->map = shift >= TRIE_BUCKET ? t->map - 1 : t->map & ~bit;
    node_stats.bytes -= sizeof(void *);
    *at = from_trie(pool_resize(t, trie_size(count), trie_size(count - 1)));
    return count == 1;
}

void node_remove_child(struct node *owned, const struct node *child, uint64_t gen)
{
    struct dir *dir = node_dir(owned);

    node_stats.changes++;
    if (trie_remove((void **)&dir->top, 0, child, node_hash(child))) {
        trie_put(as_trie(dir->top), 0);
        dir->top = NULL;
    }
    dir->count--;
    dir->gen = gen;
}

/* ---- paths ---- */

/*
 * The way that tree_find() went last, from a root on: who reads a folder's nodes one after the other walks it once. It
 * holds while no node of any tree moves, comes or goes, so it needs no references.
 */
#define TRAIL 16u
static struct {
    uint64_t change; /* node_stats.changes then */
    unsigned depth;
    struct node *node[TRAIL + 1];
} trail;

/* As node_find(); what most requests wait for is this loop, so it compares short names by their keys. */
static inline struct node *step(const struct node *parent, const struct path *p, const struct path_name *n)
{
    uint32_t hash = n->hash;
    const struct trie *t;

    if (!(parent->name_bits & NODE_DIR) || node_dir(parent)->top == NULL)
        return NULL;
    t = as_trie(node_dir(parent)->top);
    for (unsigned left = TRIE_BUCKET / TRIE_BITS; left > 0; left--, hash >>= TRIE_BITS) {
        uint32_t bit = 1u << (hash & TRIE_MASK);
        void *slot;

        if (!(t->map & bit))
            return NULL;
        slot = t->slot[t->map == bit ? 0 : bits(t->map & (bit - 1))];
        if (!is_trie(slot))
            return node_is_key(slot, p->str + n->off, n->len, n->key) ? slot : NULL;
        t = as_trie(slot);
    }
    return bucket_find(t, p->str + n->off, n->len);
}

/* How many names of P lie on the trail from ROOT, which it then starts from. */
__attribute__((noinline)) static unsigned trail_follow(const struct node *root, const struct path *p)
{
    const struct path_name *n = p->name, *end = n + (p->count < trail.depth ? p->count : trail.depth);
    struct node *const *at = trail.node;

    if (trail.change == node_stats.changes && trail.node[0] == root)
        while (n < end && node_is_key(*++at, p->str + n->off, n->len, n->key))
            n++;
    trail.change = node_stats.changes;
    trail.node[0] = (struct node *)root;
    return (unsigned)(n - p->name);
}

struct node *tree_find(const struct node *root, const struct path *p, unsigned *depth, struct node **nearest)
{
    struct node *at = (struct node *)root, *next;
    unsigned i = trail_follow(root, p);

    at = i > 0 ? trail.node[i] : at;
    for (; i < p->count; i++, at = next) {
        next = step(at, p, &p->name[i]);
        if (next == NULL)
            break;
        if (i < TRAIL)
            trail.node[i + 1] = next;
    }
    trail.depth = i < TRAIL ? i : TRAIL;
    if (depth != NULL)
        *depth = i;
    if (nearest != NULL)
        *nearest = at;
    return i == p->count ? at : NULL;
}

struct node **tree_own(struct node **root, const struct path *p, unsigned count, unsigned *depth)
{
    struct node **at = root, **below;
    unsigned i;

    node_own(at);
    for (i = 0; i < count; i++, at = below) {
        below = node_own_child(*at, p, &p->name[i]);
        if (below == NULL)
            break;
    }
    if (depth != NULL)
        *depth = i;
    return at;
}
