/* SPDX-License-Identifier: MIT */
/*
 * grant/copy: GNTTABOP_copy, what network back ends do most. Data moves through the direct map, without a lock.
 * Neighbours in a batch that name the same source or destination share one use of it.
 */
#include "private.h"

struct side {
    bool open, gref, write;
    domid_t domid;
    uint64_t name;              /* grant reference or frame, as the caller gave it */
    struct grant_use use;       /* gref */
    mfn_t mfn;
    uint32_t start, end;        /* bytes that may be used */
};

static void side_close(struct side *s)
{
    if (!s->open)
        return;
    s->open = false;
    if (s->gref)
        entry_end_copy(&s->use);
    else if (s->write)
        frame_put_and_type(mfn_to_frame(s->mfn));
    else
        frame_put(mfn_to_frame(s->mfn));
}

static int16_t open_frame(struct side *s)
{
    struct domain *ld = current->domain;
    bool ok;

    if (s->domid != DOMID_SELF)
        return GNTST_permission_denied;
    if (!mfn_valid(s->name))
        return GNTST_bad_page;
    s->mfn = s->name;
    ok = s->write ? frame_get_and_type(mfn_to_frame(s->mfn), ld, TYPE_WRITABLE) : frame_get(mfn_to_frame(s->mfn), ld);
    s->start = 0;
    s->end = PAGE_SIZE;
    return ok ? GNTST_okay : GNTST_bad_page;
}

static int16_t open_gref(struct side *s)
{
    struct domain *ld = current->domain, *rd = s->domid == DOMID_SELF ? ld : domain_find(s->domid);
    int16_t rc;

    if (!rd || !rd->grant)
        return GNTST_bad_domain;
    rc = entry_use_copy(rd, (uint32_t)s->name, ld->id, s->write, &s->use);
    if (rc != GNTST_okay)
        return rc;
    s->mfn = s->use.mfn;
    s->start = s->use.start;
    s->end = s->start + s->use.length;
    return GNTST_okay;
}

/* Makes s stand for *p, keeping it when it already does. */
static int16_t side_open(struct side *s, const struct gnttab_copy_ptr *p, bool gref, bool write)
{
    uint64_t name = gref ? p->u.ref : p->u.gmfn;
    int16_t rc;

    if (s->open && s->gref == gref && s->domid == p->domid && s->name == name)
        return GNTST_okay;
    side_close(s);
    *s = (struct side){ .gref = gref, .write = write, .domid = p->domid, .name = name };
    rc = gref ? open_gref(s) : open_frame(s);
    s->open = rc == GNTST_okay;
    return rc;
}

static bool in_range(const struct side *s, uint32_t offset, uint32_t len)
{
    return offset >= s->start && offset + len <= s->end;
}

static int16_t copy_one(struct side *src, struct side *dst, const struct gnttab_copy *op)
{
    uint32_t len = op->len, from = op->source.offset, to = op->dest.offset;
    int16_t rc;

    if (from + len > PAGE_SIZE || to + len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    if ((rc = side_open(src, &op->source, op->flags & GNTCOPY_source_gref, false)) != GNTST_okay)
        return rc;
    if ((rc = side_open(dst, &op->dest, op->flags & GNTCOPY_dest_gref, true)) != GNTST_okay)
        return rc;
    if (!in_range(src, from, len) || !in_range(dst, to, len))
        return GNTST_general_error;
    if (src->mfn == dst->mfn)
        memmove((char *)mfn_to_virt(dst->mfn) + to, (char *)mfn_to_virt(src->mfn) + from, len);
    else
        memcpy((char *)mfn_to_virt(dst->mfn) + to, (char *)mfn_to_virt(src->mfn) + from, len);
    return GNTST_okay;
}

GRANT_OP(copy)
{
    struct side src = { .open = false }, dst = { .open = false };

    for (unsigned int i = 0; i < n; i++)
        b->copy[i].status = copy_one(&src, &dst, &b->copy[i]);
    side_close(&src);
    side_close(&dst);
    return 0;
}
