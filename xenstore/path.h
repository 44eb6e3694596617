/* SPDX-License-Identifier: MIT */
/*
 * Paths, checked and cut into hashed names once per request; tree, watches and transactions then use the same hashes.
 *
 * Rules (xen's misc/xenstore.txt): names of [A-Za-z0-9-_@], parted by single slashes, no slash at the end but for
 * the root; at most 3072 bytes absolute, 2048 relative. A relative path means /local/domain/DOMID/PATH.
 */
#ifndef XENSTORE_PATH_H
#define XENSTORE_PATH_H

#include "util.h"

#include <xen/io/xs_wire.h>

#define PATH_NAMES_MAX (XENSTORE_ABS_PATH_MAX / 2 + 1)

struct path_name {
    uint32_t hash;
    uint16_t off, len; /* in the path's string */
    uint64_t key;      /* hash_load() of a name of at most 8 bytes, which with the length says it all */
};

struct path {
    uint16_t len;    /* of str, without its terminator */
    uint16_t count;  /* names; 0 is the root */
    uint16_t strip;  /* bytes to cut off to give the path back as it came (0 when it came absolute) */
    bool special;    /* @introduceDomain and the like: one name, with its @ */
    uint64_t seed;   /* with which the names were hashed */
    char str[XENSTORE_ABS_PATH_MAX + 32]; /* absolute, terminated */
    struct path_name name[PATH_NAMES_MAX];
};

/*
 * Parses LEN bytes (no terminator among or after them is assumed) from a connection of domain DOMID.
 * MAX is the longest absolute path allowed, in bytes. 0, or -EINVAL with *P unusable.
 * *P is all zeroes or what it was parsed to before: of that, the names which both paths begin with are kept.
 */
int path_parse(struct path *p, const char *s, size_t len, unsigned domid, size_t max);

/* The same for "@introduceDomain" and other special names: -EINVAL unless it starts with @ and the rest is a name. */
int path_parse_special(struct path *p, const char *s, size_t len);

static inline const char *path_name_str(const struct path *p, unsigned i)
{
    return p->str + p->name[i].off;
}

/* Length of the prefix of P that has COUNT names. */
static inline size_t path_prefix_len(const struct path *p, unsigned count)
{
    return count == 0 ? 1 : (size_t)p->name[count - 1].off + p->name[count - 1].len;
}

static inline uint32_t path_hash_name(const char *name, size_t len)
{
    return (uint32_t)hash_bytes(hash_seed, name, len);
}

#endif
