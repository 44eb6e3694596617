/* SPDX-License-Identifier: MIT */
/* Requests about domains: introduce, release, resume, target, and what anyone may ask about them. */
#include "store.h"

#include "request.h"

#include <errno.h>
#include <stdio.h>

int request_introduce(struct store *st, struct request *rq)
{
    uint64_t domid, gfn, port;
    size_t at = 0;
    int rc;

    if (!request_number(rq, &at, DOMID_FIRST_RESERVED - 1, &domid))
        return -EINVAL;
    if (at < rq->len &&
        rq->data[at] == '-') /* a signed decimal; a domain's first page is granted, whatever its number */
        at++;
    if (!request_number(rq, &at, UINT64_MAX, &gfn) || !request_number(rq, &at, UINT32_MAX, &port))
        return -EINVAL;
    if (domid == 0)
        return st->domain[0] != NULL && st->domain[0]->introduced ? request_ok(st, rq) : -EINVAL;
    rc = domain_introduce(st, (unsigned)domid, gfn, (uint32_t)port);
    return rc < 0 ? rc : request_ok(st, rq);
}

/* The domain of a request that takes one introduced domain, not 0, first. */
static int introduced_arg(struct store *st, struct request *rq, size_t *at, struct domain **out)
{
    uint64_t domid;

    *at = 0;
    if (!request_number(rq, at, DOMID_FIRST_RESERVED - 1, &domid) || domid == 0)
        return -EINVAL;
    *out = st->domain[domid];
    return *out != NULL && (*out)->introduced ? 0 : -ENOENT;
}

int request_release(struct store *st, struct request *rq)
{
    struct domain *d;
    size_t at;
    int rc = introduced_arg(st, rq, &at, &d);

    if (rc < 0)
        return rc;
    domain_release(st, d);
    return request_ok(st, rq);
}

int request_resume(struct store *st, struct request *rq)
{
    struct domain *d;
    size_t at;
    int rc = introduced_arg(st, rq, &at, &d);
    struct entry e = { .type = ENTRY_SHUTDOWN, .num = 0 };

    if (rc < 0)
        return rc;
    d->shutdown = false;
    e.domid = d->domid;
    store_entry(st, &e, NULL, NULL);
    return request_ok(st, rq);
}

int request_set_target(struct store *st, struct request *rq)
{
    struct domain *d;
    uint64_t target;
    size_t at;
    int rc = introduced_arg(st, rq, &at, &d);
    struct entry e = { .type = ENTRY_TARGET };

    if (rc == -EINVAL || !request_number(rq, &at, DOMID_FIRST_RESERVED - 1, &target))
        return -EINVAL;
    if (rc < 0 || st->domain[target] == NULL || !st->domain[target]->introduced)
        return -ENOENT;
    if (target == 0 || target == d->domid)
        return -EINVAL;
    st->target_count += d->target == NO_TARGET;
    d->target = (uint16_t)target;
    e.domid = d->domid;
    e.num = target;
    store_entry(st, &e, NULL, NULL);
    return request_ok(st, rq);
}

int request_is_introduced(struct store *st, struct request *rq)
{
    uint64_t domid;
    size_t at = 0;
    bool yes;

    if (!request_number(rq, &at, UINT32_MAX, &domid))
        return -EINVAL;
    yes = domid == DOMID_SELF ||
          (domid < DOMID_FIRST_RESERVED && st->domain[domid] != NULL && st->domain[domid]->introduced);
    request_reply(st, rq, yes ? "T" : "F", 2);
    return 0;
}

int request_get_domain_path(struct store *st, struct request *rq)
{
    uint64_t domid;
    size_t at = 0;
    char text[64];

    if (!request_number(rq, &at, UINT32_MAX, &domid))
        return -EINVAL;
    request_reply(st, rq, text, (size_t)snprintf(text, sizeof(text), "/local/domain/%u", (unsigned)domid) + 1);
    return 0;
}
