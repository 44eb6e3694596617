/* SPDX-License-Identifier: MIT */
/*
 * Permission lists, shared: equal lists are one object, counted by their users.
 *
 * The first entry names the owner, and what everyone not named later may do. Domain 0 and the owner may do all.
 * A list remembers the epoch it was made in; the epoch goes up when a domain ends. An entry means nothing to a domain
 * born in a later epoch than its list, so a reused domain id inherits nothing from its predecessor.
 */
#ifndef XENSTORE_PERMS_H
#define XENSTORE_PERMS_H

#include "util.h"

#define PERM_NONE  0u
#define PERM_READ  1u
#define PERM_WRITE 2u
#define PERM_OWNER 4u

struct perm {
    uint16_t domid;
    uint16_t access; /* PERM_READ | PERM_WRITE */
};

struct perms {
    uint32_t ref;
    uint32_t count;
    uint32_t epoch;
    uint32_t hash;
    struct perms *next; /* in its hash bucket */
    uint32_t mark;      /* snapshot writer: its number, when mark_turn is the writer's */
    uint32_t mark_turn;
    struct perm entry[];
};

/* The shared list of COUNT (at least 1) entries made in EPOCH; the caller owns one reference. */
struct perms *perms_get(const struct perm *entry, unsigned count, uint32_t epoch);
/*
 * The list P with another owner, a domain of now (EPOCH): it keeps those of P's entries whose domains have not ended
 * since P was made. DIED: the epoch at which the last domain of each id ended.
 */
struct perms *perms_with_owner(const struct perms *p, uint16_t owner, const uint32_t *died, uint32_t epoch);
void perms_put(struct perms *p);
/*
 * Into OUT (ENTRY may be it), the first of COUNT entries MADE in that epoch, and those others whose domains have not ended
 * since: how many.
 */
unsigned perms_live(const struct perm *entry, unsigned count, uint32_t made, const uint32_t *died, struct perm *out);

static inline struct perms *perms_ref(struct perms *p)
{
    p->ref++;
    return p;
}

/* What a domain born in epoch BORN may do: PERM_ flags, all of them for the owner. Domain 0 is not special here. */
unsigned perms_access(const struct perms *p, uint16_t domid, uint32_t born);

/* Parses one "r5": 0 or -EINVAL. Writes one, terminated, of at most 8 bytes: its length without the terminator. */
int perm_parse(struct perm *out, const char *s, size_t len);
int perm_format(const struct perm *perm, char *out);

/* Distinct lists that exist: for the memory report. */
unsigned perms_lists(void);

#endif
