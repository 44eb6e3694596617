/* SPDX-License-Identifier: MIT */
/* Shared permission lists. Owns the table of all lists; every list in it has at least one reference. */
#include "perms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct perms **table;
static uint32_t table_size, table_used;

static uint32_t perms_hash(const struct perm *entry, unsigned count, uint32_t epoch)
{
    return (uint32_t)hash_bytes(hash_seed + epoch, entry, count * sizeof(*entry));
}

static void perms_rehash(void)
{
    uint32_t size = table_size ? table_size * 2 : 64;
    struct perms **fresh = xzalloc(size * sizeof(struct perms *));

    for (uint32_t i = 0; i < table_size; i++) {
        for (struct perms *p = table[i], *next; p != NULL; p = next) {
            next = p->next;
            p->next = fresh[p->hash & (size - 1)];
            fresh[p->hash & (size - 1)] = p;
        }
    }
    free(table);
    table = fresh;
    table_size = size;
}

struct perms *perms_get(const struct perm *entry, unsigned count, uint32_t epoch)
{
    bool others = false;
    uint32_t hash;
    struct perms *p;

    for (unsigned i = 0; i < count; i++)
        others |= entry[i].domid != 0;
    if (!others)
        epoch = 0; /* domain 0 is never reborn: all such lists can be one */
    hash = perms_hash(entry, count, epoch);
    if (table_used >= table_size)
        perms_rehash();
    for (p = table[hash & (table_size - 1)]; p != NULL; p = p->next)
        if (p->hash == hash && p->count == count && p->epoch == epoch &&
            !memcmp(p->entry, entry, count * sizeof(*entry)))
            return perms_ref(p);
    p = xzalloc(sizeof(*p) + count * sizeof(*entry));
    p->ref = 1;
    p->count = count;
    p->epoch = epoch;
    p->hash = hash;
    memcpy(p->entry, entry, count * sizeof(*entry));
    p->next = table[hash & (table_size - 1)];
    table[hash & (table_size - 1)] = p;
    table_used++;
    return p;
}

unsigned perms_live(const struct perm *entry, unsigned count, uint32_t made, const uint32_t *died, struct perm *out)
{
    unsigned left = 1;

    out[0] = entry[0];
    for (unsigned i = 1; i < count; i++)
        if (entry[i].domid == 0 || died[entry[i].domid] <= made)
            out[left++] = entry[i];
    return left;
}

struct perms *perms_with_owner(const struct perms *p, uint16_t owner, const uint32_t *died, uint32_t epoch)
{
    struct perm small[8], *entry = p->count <= 8 ? small : xmalloc(p->count * sizeof(*entry));
    unsigned count = perms_live(p->entry, p->count, p->epoch, died, entry);
    struct perms *made;

    entry[0].domid = owner;
    made = perms_get(entry, count, died[owner] > p->epoch ? epoch : p->epoch);
    if (entry != small)
        free(entry);
    return made;
}

void perms_put(struct perms *p)
{
    struct perms **at;

    if (--p->ref > 0)
        return;
    for (at = &table[p->hash & (table_size - 1)]; *at != p; at = &(*at)->next)
        ;
    *at = p->next;
    table_used--;
    free(p);
}

unsigned perms_access(const struct perms *p, uint16_t domid, uint32_t born)
{
    if (born > p->epoch && domid != 0) /* every entry that names it meant another domain */
        return p->entry[0].access;
    if (p->entry[0].domid == domid)
        return PERM_READ | PERM_WRITE | PERM_OWNER;
    for (uint32_t i = 1; i < p->count; i++)
        if (p->entry[i].domid == domid)
            return p->entry[i].access;
    return p->entry[0].access;
}

int perm_parse(struct perm *out, const char *s, size_t len)
{
    unsigned domid = 0;

    if (len < 2 || len > 6)
        return -EINVAL;
    switch (s[0]) {
    case 'n': out->access = PERM_NONE; break;
    case 'r': out->access = PERM_READ; break;
    case 'w': out->access = PERM_WRITE; break;
    case 'b': out->access = PERM_READ | PERM_WRITE; break;
    default: return -EINVAL;
    }
    for (size_t i = 1; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -EINVAL;
        domid = domid * 10 + (unsigned)(s[i] - '0');
    }
    if (domid > UINT16_MAX)
        return -EINVAL;
    out->domid = (uint16_t)domid;
    return 0;
}

int perm_format(const struct perm *perm, char *out)
{
    return snprintf(out, 8, "%c%u", "nrwb"[perm->access & 3], perm->domid);
}

unsigned perms_lists(void)
{
    return table_used;
}
