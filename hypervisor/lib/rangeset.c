/* SPDX-License-Identifier: MIT */
/*
 * A set of unsigned longs, kept as a sorted array of inclusive ranges. The owner of a set locks it.
 *
 * Always true: ranges are in order, do not overlap and do not touch (adjacent ones are merged). Sets here are small (a
 * domain's I/O ports, interrupts, device memory), so an array that is searched by halves beats a tree in size and speed.
 * A change first makes room for the one more range it may need, so that it cannot fail half way.
 */
#include <hv/lib.h>
#include <hv/mm.h>

struct range { unsigned long s, e; };

struct rangeset {
    struct range *r;
    unsigned int count, size;
};

#define FIRST_SIZE 8

struct rangeset *rangeset_new(void)
{
    return hv_alloc(sizeof(struct rangeset));
}

void rangeset_free(struct rangeset *r)
{
    if (!r)
        return;
    hv_free(r->r);
    hv_free(r);
}

/* Index of the first range that ends at or after x; count: none. */
static unsigned int find_from(const struct rangeset *r, unsigned long x)
{
    unsigned int lo = 0, hi = r->count;

    while (lo < hi) {
        unsigned int mid = lo + (hi - lo) / 2;

        if (r->r[mid].e < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int reserve_one(struct rangeset *r)
{
    unsigned int size = r->size ? r->size * 2 : FIRST_SIZE;
    struct range *bigger;

    if (r->count < r->size)
        return 0;
    bigger = hv_alloc(size * sizeof(*bigger));
    if (!bigger)
        return -XEN_ENOMEM;
    if (r->count)
        memcpy(bigger, r->r, r->count * sizeof(*bigger));
    hv_free(r->r);
    r->r = bigger;
    r->size = size;
    return 0;
}

/* Replaces ranges [i, j) by the n ranges at `by`; there is room. */
static void replace(struct rangeset *r, unsigned int i, unsigned int j, const struct range *by, unsigned int n)
{
    memmove(&r->r[i + n], &r->r[j], (r->count - j) * sizeof(*by));
    if (n)
        memcpy(&r->r[i], by, n * sizeof(*by));
    r->count = r->count - (j - i) + n;
}

int rangeset_add(struct rangeset *r, unsigned long s, unsigned long e)
{
    struct range add = { s, e };
    unsigned int i, j;
    int rc;

    if (s > e)
        return -XEN_EINVAL;
    rc = reserve_one(r);
    if (rc)
        return rc;
    i = find_from(r, s ? s - 1 : 0);        /* s - 1: a range that ends just before s is merged too */
    for (j = i; j < r->count && (e == ~0UL || r->r[j].s <= e + 1); j++) {
        add.s = min(add.s, r->r[j].s);
        add.e = max(add.e, r->r[j].e);
    }
    replace(r, i, j, &add, 1);
    return 0;
}

int rangeset_remove(struct rangeset *r, unsigned long s, unsigned long e)
{
    struct range rest[2];
    unsigned int i, j, n = 0;
    int rc;

    if (s > e)
        return -XEN_EINVAL;
    rc = reserve_one(r);
    if (rc)
        return rc;
    i = find_from(r, s);
    for (j = i; j < r->count && r->r[j].s <= e; j++)
        ;
    if (i == j)
        return 0;
    if (r->r[i].s < s)
        rest[n++] = (struct range){ r->r[i].s, s - 1 };
    if (r->r[j - 1].e > e)
        rest[n++] = (struct range){ e + 1, r->r[j - 1].e };
    replace(r, i, j, rest, n);
    return 0;
}

bool rangeset_contains(const struct rangeset *r, unsigned long s, unsigned long e)
{
    unsigned int i = find_from(r, s);

    return s <= e && i < r->count && r->r[i].s <= s && r->r[i].e >= e;
}

bool rangeset_overlaps(const struct rangeset *r, unsigned long s, unsigned long e)
{
    unsigned int i = find_from(r, s);

    return s <= e && i < r->count && r->r[i].s <= e;
}

int rangeset_walk(const struct rangeset *r, int (*f)(unsigned long s, unsigned long e, void *arg), void *arg)
{
    for (unsigned int i = 0; i < r->count; i++) {
        int rc = f(r->r[i].s, r->r[i].e, arg);

        if (rc)
            return rc;
    }
    return 0;
}
