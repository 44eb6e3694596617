/* SPDX-License-Identifier: MIT */
/*
 * The tree: immutable, counted nodes with path copying.
 *
 * Whoever holds a root holds the whole tree as it was: a transaction starts by taking a reference to one node. A writer
 * works on a `struct node *` that it owns. Along its path it changes a node in place where nobody else can see it
 * (reference count 1 from the root on down), and copies it where another root still shows it: so without open
 * transactions a write copies nothing, and with them it copies the nodes of its path.
 *
 * A node's children hang in a trie over the hashes of their names, 32 ways a level, its nodes shared and counted the
 * same way: finding, adding and removing a child costs the same among ten and among ten thousand.
 *
 * Invariants: a name occurs once below its parent; `seq` grows in the order in which children were made, which is the
 * order of a listing; a directory's `gen` changes with every child made or removed, and never takes an old value again.
 */
#ifndef XENSTORE_NODE_H
#define XENSTORE_NODE_H

#include "path.h"
#include "perms.h"

struct trie;

struct dir {
    uint64_t gen;
    struct trie *top; /* NULL when there are no children; tagged, see node.c */
    uint32_t count;
    uint32_t next_seq;
};

/* A node that has or had children is preceded in memory by its struct dir. */
struct node {
    struct perms *perms;
    uint32_t ref;
    uint32_t seq;
    uint16_t name_bits, value_len; /* the name's length, and NODE_DIR */
    char bytes[]; /* the name, then the value */
};

#define NODE_DIR 0x8000u

static inline size_t node_name_len(const struct node *n)
{
    return n->name_bits & (NODE_DIR - 1);
}

static inline const char *node_name(const struct node *n)
{
    return n->bytes;
}

static inline const char *node_value(const struct node *n)
{
    return n->bytes + node_name_len(n);
}

static inline uint32_t node_hash(const struct node *n)
{
    return node_name_len(n) ? path_hash_name(n->bytes, node_name_len(n)) : 0;
}

static inline struct dir *node_dir(const struct node *n)
{
    return n->name_bits & NODE_DIR ? (struct dir *)n - 1 : NULL;
}

static inline uint32_t node_children(const struct node *n)
{
    return n->name_bits & NODE_DIR ? node_dir(n)->count : 0;
}

static inline uint64_t node_dir_gen(const struct node *n)
{
    return n->name_bits & NODE_DIR ? node_dir(n)->gen : 0;
}

static inline struct node *node_ref(struct node *n)
{
    n->ref++;
    return n;
}

/* A node without children, one reference; it takes over the caller's reference to PERMS. */
struct node *node_new(const char *name, size_t name_len, struct perms *perms);
void node_put(struct node *n); /* NULL is allowed */

/* The child of that name, or NULL. Borrowed: valid while the parent is. */
struct node *node_find(const struct node *parent, const char *name, size_t name_len, uint32_t hash);

/* Writers' calls; *AT is a node that only its holder sees (see node_own), and may move. */
struct node *node_own(struct node **at);
void node_set_value(struct node **at, const void *value, size_t len);
/* The child of that name of P, made the writer's own, or NULL. */
struct node **node_own_child(struct node *owned, const struct path *p, const struct path_name *n);
/* Takes over CHILD, which keeps its seq if it has one; the child's place. The directory changes in generation GEN. */
struct node **node_add_child(struct node **at, struct node *child, uint64_t gen);
/* Makes a directory of the node, if it is none. */
struct dir *node_make_dir(struct node **at);
void node_remove_child(struct node *owned, const struct node *child, uint64_t gen);

/* Children in the order they were made: an array of borrowed pointers to free(); NULL when there are none. */
struct node **node_list(const struct node *n);
/* In no order; stops when VISIT returns false. */
bool node_each_child(const struct node *n, bool (*visit)(struct node *child, void *arg), void *arg);

/* Whether two nodes have the same value and permissions; the same subtrees: cheap where they share nodes. */
bool node_same(const struct node *a, const struct node *b);
bool node_same_subtree(const struct node *a, const struct node *b);

/* Walks P from ROOT: the node or NULL; *DEPTH (if not NULL) is the number of names found, *NEAREST the last node. */
struct node *tree_find(const struct node *root, const struct path *p, unsigned *depth, struct node **nearest);
/* The first COUNT names of P, as far as they exist (*DEPTH of them), made the writer's own. */
struct node **tree_own(struct node **root, const struct path *p, unsigned count, unsigned *depth);

/* Bytes held by all nodes, and their number; how often a node moved, came or went in any tree; bytes ever copied because
 * another root showed the original. */
struct node_stats {
    uint64_t nodes, bytes, changes, copied;
};
extern struct node_stats node_stats;

/* Bytes of the node itself, and of what finds its children, without the children. */
size_t node_footprint(const struct node *n);

#endif
