/* SPDX-License-Identifier: MIT */
/* The store's set-up, its connections' output, and journal entries' form. */
#include "store.h"

#include <stdlib.h>

void store_init(struct store *st)
{
    struct perm everyone_none = { 0, PERM_NONE };

    memset(st, 0, sizeof(*st));
    st->gen = 1;
    st->root = node_new("", 0, perms_get(&everyone_none, 1, 0));
    for (unsigned i = 0; i < QUOTA_COUNT; i++)
        st->quota[i] = quota_info[i].value;
    st->soft_memory = 2u << 20;
    st->pinned_max = PINNED_MAX;
    domain_recount(st);
}

void store_fini(struct store *st)
{
    while (st->conns != NULL)
        conn_fini(st, st->conns);
    node_put(st->root);
    if (st->intro_perms != NULL)
        perms_put(st->intro_perms);
    if (st->release_perms != NULL)
        perms_put(st->release_perms);
    st->root = NULL;
    while (st->accounts != NULL) {
        struct domain *d = st->accounts;

        domain_disown_all(st, d);
        *d->pprev = d->next;
        if (d->next != NULL)
            d->next->pprev = d->pprev;
        free(d);
    }
    free(st->owned_table);
    watch_fini(st);
    buf_free(&st->jr);
}

void conn_init(struct store *st, struct conn *c, enum conn_kind kind, unsigned domid)
{
    c->kind = kind;
    c->domid = (uint16_t)domid;
    c->privileged = domid == 0;
    c->domain = domain_account(st, domid);
    c->next_txn = 1;
    c->id = ++st->next_conn_id;
    c->next = st->conns;
    c->pprev = &st->conns;
    if (c->next != NULL)
        c->next->pprev = &c->next;
    st->conns = c;
}

static void unlink_from(struct conn **at, struct conn *c, size_t link)
{
    while (*at != c)
        at = (struct conn **)((char *)*at + link);
    *at = *(struct conn **)((char *)c + link);
}

void conn_fini(struct store *st, struct conn *c)
{
    watch_remove_all(st, c);
    txn_drop_all(st, c);
    domain_charge(st, c->domain, c->domid != 0 ? -(int64_t)conn_unsent(c) : 0);
    if (c->in_dirty)
        unlink_from(&st->dirty, c, offsetof(struct conn, dirty_next));
    if (c->in_fresh)
        unlink_from(&st->fresh, c, offsetof(struct conn, fresh_next));
    *c->pprev = c->next;
    if (c->next != NULL)
        c->next->pprev = c->pprev;
    buf_free(&c->out);
    if (c->domain->conn == c)
        c->domain->conn = NULL;
    domain_trim(st, c->domain);
}

static void conn_mark(struct store *st, struct conn *c)
{
    if (!c->in_dirty) {
        c->in_dirty = true;
        c->dirty_next = st->dirty;
        st->dirty = c;
    }
    if (c->kind == CONN_RING && !c->in_fresh) {
        c->in_fresh = true;
        c->fresh_next = st->fresh;
        st->fresh = c;
    }
}

char *conn_message(struct store *st, struct conn *c, uint32_t type, uint32_t req_id, uint32_t tx_id, size_t len)
{
    struct xsd_sockmsg hdr = { type, req_id, tx_id, (uint32_t)len };
    char *at = buf_extend(&c->out, sizeof(hdr) + len);

    memcpy(at, &hdr, sizeof(hdr));
    c->out_end += sizeof(hdr) + len;
    c->untraced += (uint32_t)(sizeof(hdr) + len);
    if (type != XS_WATCH_EVENT)
        c->unread++;
    if (c->domid != 0)
        domain_charge(st, c->domain, (int64_t)(sizeof(hdr) + len));
    conn_mark(st, c);
    return at + sizeof(hdr);
}

void conn_sent(struct conn *c, size_t n)
{
    c->out_head += n;
    if (c->domid != 0)
        c->domain->memory -= n;
    if (c->out_head == c->out.len) {
        c->out_head = c->out.len = 0;
        c->unread = 0;
        if (c->out.cap > 65536)
            buf_free(&c->out);
    } else if (c->out_head > 16384 && c->out_head > c->out.len / 2) {
        c->out.len -= c->out_head;
        memmove(c->out.data, c->out.data + c->out_head, c->out.len);
        c->out_head = 0;
    }
}

void conn_restore_output(struct store *st, struct conn *c, uint64_t start, const void *data, size_t len)
{
    buf_add(&c->out, data, len);
    c->out_end = c->out_safe = start + len;
    domain_charge(st, c->domain, c->domid != 0 ? (int64_t)len : 0);
    conn_mark(st, c);
}

unsigned conn_access(const struct store *st, const struct conn *c, const struct perms *perms)
{
    unsigned access;

    if (c->privileged)
        return PERM_READ | PERM_WRITE | PERM_OWNER;
    access = perms_access(perms, c->domid, st->died[c->domid]);
    if (c->domain->target != NO_TARGET)
        access |= perms_access(perms, c->domain->target, st->died[c->domain->target]);
    return access;
}

void entry_add(struct buf *b, const struct entry *e, const void *a, const void *data)
{
    char *at = buf_extend(b, sizeof(*e) + e->a_len + e->b_len);

    memcpy(at, e, sizeof(*e));
    if (e->a_len > 0)
        memcpy(at + sizeof(*e), a, e->a_len);
    if (e->b_len > 0)
        memcpy(at + sizeof(*e) + e->a_len, data, e->b_len);
}
