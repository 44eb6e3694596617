/* SPDX-License-Identifier: MIT */
/* Listings: DIRECTORY and DIRECTORY_PART. Owns the last long listing, kept for the pieces that follow. */
#include <errno.h> /* before xs_wire.h, which lists the errors by it */

#include "store.h"

#include "request.h"

#include <stdio.h>
#include <stdlib.h>

/* The last listing of a directory: clients read long ones piece by piece. Valid for one path at one generation. */
static struct {
    struct buf names, path;
    uint64_t gen;
    bool valid;
} listing;

static const struct buf *list_children(const struct request *rq, const struct node *n)
{
    struct node **list;

    if (listing.valid && listing.gen == node_dir_gen(n) && listing.gen != 0 && listing.path.len == rq->path->len &&
        !memcmp(listing.path.data, rq->path->str, rq->path->len))
        return &listing.names;
    listing.names.len = listing.path.len = 0;
    list = node_list(n);
    for (uint32_t i = 0; i < node_children(n); i++) {
        buf_add(&listing.names, node_name(list[i]), node_name_len(list[i]));
        *buf_extend(&listing.names, 1) = 0;
    }
    free(list);
    buf_add(&listing.path, rq->path->str, rq->path->len);
    listing.gen = node_dir_gen(n);
    listing.valid = listing.names.len > 1024; /* short ones are not worth the comparison */
    return &listing.names;
}

int request_directory(struct store *st, struct request *rq)
{
    const struct buf *names;
    struct node *n;
    int rc = request_only_path(st, rq);

    if (rc == 0)
        rc = request_read_node(st, rq, TOUCH_CHILDREN, &n);
    if (rc < 0)
        return rc;
    st->work += node_children(n) / 16;
    if (node_children(n) > XENSTORE_PAYLOAD_MAX / 2)
        return -E2BIG; /* a name takes two bytes at least */
    names = list_children(rq, n);
    if (names->len > XENSTORE_PAYLOAD_MAX)
        return -E2BIG;
    request_reply(st, rq, names->data ? names->data : "", names->len);
    return 0;
}

int request_directory_part(struct store *st, struct request *rq)
{
    const struct buf *names;
    char text[XENSTORE_PAYLOAD_MAX];
    uint64_t offset;
    size_t at, len, take;
    struct node *n;
    int rc = request_first_path(st, rq, &at);

    if (rc < 0 || !request_number(rq, &at, UINT32_MAX, &offset) || at != rq->len)
        return -EINVAL;
    rc = request_read_node(st, rq, TOUCH_CHILDREN, &n);
    if (rc < 0)
        return rc;
    st->work += node_children(n) / 16;
    names = list_children(rq, n);
    len = (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)node_dir_gen(n)) + 1;
    if (offset >= names->len) {
        text[len++] = 0;
    } else {
        take = names->len - offset;
        if (take + 1 > sizeof(text) - len) { /* not all: up to the end of a name */
            take = sizeof(text) - len;
            while (take > 0 && names->data[offset + take - 1] != 0)
                take--;
        }
        memcpy(text + len, names->data + offset, take);
        len += take;
        if (offset + take == names->len)
            text[len++] = 0;
    }
    request_reply(st, rq, text, len);
    return 0;
}
