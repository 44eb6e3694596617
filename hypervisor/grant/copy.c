/* SPDX-License-Identifier: MIT */
/* grant/copy: GNTTABOP_copy, what network back ends do most. Data moves through the direct map, without a lock.
 * Neighbours in a batch that name the same source or destination share one use of it. */
#include "private.h"

void side_close(struct grant_side *s)
{
    if (s->open)
        use_copy_end(&s->use);
    s->open = false;
}

/* Makes s stand for *p, keeping it when it already does. */
static int16_t side_open(struct grant_side *s, const struct gnttab_copy_ptr *p, bool gref, bool write)
{
    struct domain *ld = current->domain;
    uint64_t name = gref ? p->u.ref : p->u.gmfn;
    int16_t rc;
    if (s->open && s->gref == gref && s->domid == p->domid && s->name == name)
        return GNTST_okay;
    side_close(s);
    s->gref = gref;
    s->domid = p->domid;
    s->name = name;
    if (gref) {
        s->use = (struct grant_use){ .granter = p->domid == DOMID_SELF ? ld : domain_find(p->domid),
                                     .ref = p->u.ref, .grantee = ld->id, .write = write };
        rc = s->use.granter && s->use.granter->grant ? use_copy(&s->use) : GNTST_bad_domain;
    } else if (p->domid != DOMID_SELF) {
        rc = GNTST_permission_denied;
    } else {
        s->use = (struct grant_use){ .write = write, .mfn = name, .length = PAGE_SIZE };
        rc = take_frame(name, ld, write) ? GNTST_okay : GNTST_bad_page;
    }
    s->open = rc == GNTST_okay;
    return rc;
}

static bool in_range(const struct grant_use *use, uint32_t offset, uint32_t len)
{
    return offset >= use->start && offset + len <= (uint32_t)use->start + use->length;
}

GRANT_OP(copy)
{
    const struct gnttab_copy *op = element;
    uint32_t len = op->len, from = op->source.offset, to = op->dest.offset;
    const struct grant_use *src = &b->source.use, *dst = &b->dest.use;
    int16_t rc;
    if (from + len > PAGE_SIZE || to + len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    if ((rc = side_open(&b->source, &op->source, op->flags & GNTCOPY_source_gref, false)) != GNTST_okay)
        return rc;
    if ((rc = side_open(&b->dest, &op->dest, op->flags & GNTCOPY_dest_gref, true)) != GNTST_okay)
        return rc;
    if (!in_range(src, from, len) || !in_range(dst, to, len))
        return GNTST_general_error;
    if (src->mfn == dst->mfn)
        memmove((char *)mfn_to_virt(dst->mfn) + to, (char *)mfn_to_virt(src->mfn) + from, len);
    else
        cpu_copy((char *)mfn_to_virt(dst->mfn) + to, (char *)mfn_to_virt(src->mfn) + from, len);
    return GNTST_okay;
}
