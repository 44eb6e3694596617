/* SPDX-License-Identifier: MIT */
/*
 * Rings: the shared pages through which domains (domain 0's kernel too) talk to the store.
 *
 * Owns the mapped pages, and in the journal's rings file one slot a domain: {in, out}, the stream positions up to
 * which requests were served and replies put into the ring. How nothing is lost or doubled by a kill:
 *
 *   - A request that changes nothing and whose reply fits the ring: the reply's bytes go into the ring beyond
 *     rsp_prod, where the guest does not look; then the slot takes the new {in, out} in one 16-byte store: that is the
 *     commit; then rsp_prod and req_cons follow. Killed before the commit, the request is served again and nobody saw
 *     the first reply. Killed after it, the next daemon sets rsp_prod and req_cons from the slot.
 *   - Any other request: one journal record holds its changes, the new `in`, and all output it caused for any ring:
 *     that is the commit. Such output goes into rings from `out` on, as space allows; `out` moves in the slot before
 *     rsp_prod does. The next daemon reads all output behind a slot's `out` from the journal.
 *   - A message that is not all there yet is taken in parts, each journalled (ENTRY_PARTIAL) before req_cons shows it
 *     taken. It cannot be left until it is whole: Linux kicks only when it finds all it wrote before taken.
 *
 * All indices a guest can write are hostile: read once, checked, and never trusted for what the daemon itself did.
 */
#include "server.h"

#include <emmintrin.h>
#include <errno.h>
#include <stdlib.h>

#define FEATURES (XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR)

#define BREAKS_TOLD 5u /* so often is a ring's end in the log */

static uint32_t load(const uint32_t *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *p, uint32_t v)
{
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}

void ring_store_slot(struct server *srv, struct ring *r)
{
    struct ring_slot *slot;

    if (!srv->journal_on)
        return;
    slot = &srv->j.slot[r->c.domid];
    _mm_store_si128((__m128i *)slot, _mm_set_epi64x((long long)r->out, (long long)r->in));
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (r->slot_due) {
        __atomic_store_n(&slot->stamp, r->stamp, __ATOMIC_RELEASE);
        r->slot_due = false;
    }
}

/* Shows the guest what the slot says. */
static void publish(struct server *srv, struct ring *r)
{
    ring_store_slot(srv, r);
    store(&r->page->rsp_prod, (uint32_t)r->out);
    store(&r->page->req_cons, (uint32_t)r->in);
    r->kick = true;
}

void ring_taken(struct server *srv, struct ring *r)
{
    if (r->page == NULL || r->broken)
        return;
    ring_store_slot(srv, r);
    store(&r->page->req_cons, (uint32_t)r->in);
    r->kick = true;
}

void ring_queue(struct server *srv, struct ring *r)
{
    if (r->queued)
        return;
    r->queued = true;
    r->ready_next = srv->ready_rings;
    srv->ready_rings = r;
}

/* ---- set-up ---- */

void ring_introduce_entry(const struct ring *r, struct entry *e, char b[28])
{
    *e = (struct entry){ .type = ENTRY_INTRODUCE, .domid = r->c.domid, .b_len = 28, .num = r->gfn };
    memcpy(b, &r->remote_port, 4);
    memcpy(b + 4, &r->stamp, 8);
    memcpy(b + 12, &r->in, 8);
    memcpy(b + 20, &r->out, 8);
}

struct ring *ring_create(struct server *srv, struct domain *d, uint64_t gfn, uint32_t port)
{
    struct ring *r = xzalloc(sizeof(*r));

    conn_init(&srv->st, &r->c, CONN_RING, d->domid);
    d->conn = &r->c;
    r->srv = srv;
    r->gfn = gfn;
    r->remote_port = port;
    r->port = -1;
    return r;
}

int ring_connect(struct server *srv, struct ring *r)
{
    int rc = hyp_map_ring(srv, r);

    if (rc < 0)
        return rc;
    rc = hyp_bind(srv, r);
    if (rc < 0) {
        hyp_unmap_ring(srv, r);
        return rc;
    }
    store(&r->page->server_features, FEATURES);
    return 0;
}

int ring_introduce(void *arg, struct domain *d, uint64_t gfn, uint32_t port)
{
    struct server *srv = arg;
    struct ring *r;
    struct entry e;
    char b[28];
    int rc = srv->journal_on ? journal_slot_reserve(&srv->j, d->domid) : 0;

    if (rc < 0)
        return rc;
    r = ring_create(srv, d, gfn, port);
    rc = ring_connect(srv, r);
    if (rc < 0) {
        conn_fini(&srv->st, &r->c);
        free(r);
        return rc == -ESRCH || rc == -ENOENT ? -ENOENT : -EINVAL;
    }
    r->in = load(&r->page->req_cons);
    r->out = r->c.out_end = r->c.out_safe = load(&r->page->rsp_prod);
    r->stamp = ++srv->st.gen;
    r->slot_due = true;
    ring_introduce_entry(r, &e, b);
    store_entry(&srv->st, &e, NULL, b);
    ring_queue(srv, r);
    return 0;
}

static void ring_unqueue(struct server *srv, struct ring *r)
{
    struct ring **at;

    if (!r->queued)
        return;
    for (at = &srv->ready_rings; *at != NULL && *at != r; at = &(*at)->ready_next)
        ;
    if (*at == NULL)
        for (at = &srv->serving_rings; *at != r; at = &(*at)->ready_next)
            ;
    *at = r->ready_next;
    r->queued = false;
}

static void ring_forget_held(struct server *srv, struct ring *r)
{
    struct ring **at = &srv->held_rings[r->held_in];

    if (!r->held)
        return;
    while (*at != r)
        at = &(*at)->held_next;
    *at = r->held_next;
    r->held = false;
}

void ring_release(void *arg, struct domain *d)
{
    struct server *srv = arg;
    struct ring *r = (struct ring *)d->conn;

    if (r == NULL)
        return;
    ring_unqueue(srv, r);
    ring_forget_held(srv, r);
    hyp_unbind(srv, r);
    hyp_unmap_ring(srv, r);
    conn_fini(&srv->st, &r->c);
    buf_free(&r->partial);
    free(r);
}

/* Forgets everything of the connection: it ends, or begins anew. */
static void ring_drop_state(struct server *srv, struct ring *r)
{
    struct conn *c = &r->c;

    watch_remove_all(&srv->st, c);
    txn_drop_all(&srv->st, c);
    conn_sent(c, conn_unsent(c));
    c->out_safe = c->out_end;
    r->partial.len = 0;
}

void ring_break(struct server *srv, struct ring *r, uint32_t error, const char *why)
{
    const struct entry e = { .type = ENTRY_RING_DEAD, .domid = r->c.domid };

    if (r->broken)
        return;
    if (r->breaks < BREAKS_TOLD) /* it may ask for a new start as often as it likes */
        log_line(LOG_WARN, "domain %u: %s: its ring is closed%s", r->c.domid, why,
                 ++r->breaks == BREAKS_TOLD ? " (as it was before: not told any more)" : "");
    r->broken = r->c.dead = true;
    ring_drop_state(srv, r);
    store_entry(&srv->st, &e, NULL, NULL);
    if (r->page != NULL) {
        store(&r->page->error, error);
        r->kick = true;
        hyp_notify(srv, r);
    }
    server_commit(srv, NULL);
}

/* The guest asks for a clean start (or has, while no daemon ran). */
static void ring_reconnect(struct server *srv, struct ring *r)
{
    struct entry e = { .type = ENTRY_RING_RESET, .domid = r->c.domid };

    ring_drop_state(srv, r);
    r->broken = r->c.dead = false;
    store(&r->page->req_prod, 0);
    store(&r->page->rsp_cons, 0);
    r->in = r->out = r->c.out_end = r->c.out_safe = 0;
    r->stamp = ++srv->st.gen; /* positions begin again: the slot must not be read with the old record */
    r->slot_due = true;
    e.num = r->stamp;
    store_entry(&srv->st, &e, NULL, NULL);
    server_commit(srv, NULL);
    publish(srv, r);
    store(&r->page->error, XENSTORE_ERROR_NONE);
    store(&r->page->connection, XENSTORE_CONNECTED);
}

/* ---- output ---- */

static uint32_t output_space(struct server *srv, struct ring *r)
{
    uint32_t used;

    __atomic_thread_fence(
        __ATOMIC_SEQ_CST); /* rsp_prod is out before rsp_cons is read: either side sees the other's step */
    used = (uint32_t)r->out - load(&r->page->rsp_cons);

    if (used > XENSTORE_RING_SIZE) {
        ring_break(srv, r, XENSTORE_ERROR_RINGIDX, "its response ring's indices make no sense");
        return 0;
    }
    return XENSTORE_RING_SIZE - used;
}

static void copy_to_ring(struct ring *r, const char *data, uint32_t len)
{
    uint32_t at = MASK_XENSTORE_IDX((uint32_t)r->out), first = XENSTORE_RING_SIZE - at;

    if (first > len)
        first = len;
    memcpy(r->page->rsp + at, data, first);
    memcpy(r->page->rsp, data + first, len - first);
    r->out += len;
}

/* A ring whose guest leaves its replies unread is not served further. */
static bool reads_enough(struct server *srv, const struct ring *r)
{
    const struct domain *d = r->c.domain;
    uint32_t limit = domain_quota(&srv->st, d, QUOTA_OUTSTANDING);

    if (d->domid == 0)
        return conn_unsent(&r->c) < UNSENT_PAUSE;
    return (limit == 0 || r->c.unread < limit) &&
           (conn_unsent(&r->c) == 0 || !domain_over(&srv->st, d, QUOTA_MEMORY, d->memory));
}

void ring_flush(struct server *srv, struct ring *r)
{
    struct conn *c = &r->c;

    if (r->page == NULL || r->broken)
        return;
    while (conn_unsent(c) > 0) { /* until the ring is full: only then does a guest tell that it made room */
        size_t n = conn_unsent(c);
        uint32_t space = output_space(srv, r);

        if (n > space)
            n = space;
        if (n == 0)
            break;
        copy_to_ring(r, c->out.data + c->out_head, (uint32_t)n);
        conn_sent(c, n);
        publish(srv, r);
    }
    if (r->stalled && reads_enough(srv, r)) {
        r->stalled = false;
        ring_queue(srv, r);
    }
    if (r->kick && !r->broken) {
        r->kick = false;
        hyp_notify(srv, r);
    }
}

/* The request at hand only had a reply, which fits the ring: done without the journal. False if it cannot be. */
bool ring_put_directly(struct server *srv, struct ring *r)
{
    struct conn *c = &r->c;
    size_t fresh = c->out_end - c->out_safe;

    if (fresh != conn_unsent(c) || fresh > output_space(srv, r) || r->broken)
        return r->broken;
    copy_to_ring(r, c->out.data + c->out_head, (uint32_t)fresh);
    conn_sent(c, fresh);
    c->out_safe = c->out_end;
    publish(srv, r);
    return true;
}

/* ---- input ---- */

static void copy_from_ring(const struct ring *r, uint32_t from, char *data, uint32_t len)
{
    uint32_t at = MASK_XENSTORE_IDX(from), first = XENSTORE_RING_SIZE - at;

    if (first > len)
        first = len;
    memcpy(data, r->page->req + at, first);
    memcpy(data + first, r->page->req, len - first);
}

static void serve_message(struct server *srv, struct ring *r, const char *message)
{
    struct xsd_sockmsg hdr;

    memcpy(&hdr, message, sizeof(hdr));
    if (srv->trace != NULL)
        server_trace(srv, &r->c, "IN", &hdr, message + sizeof(hdr));
    srv->st.sender = r->c.domain;
    store_request(&srv->st, &r->c, &hdr, message + sizeof(hdr));
    srv->st.sender = NULL;
    server_commit(srv, r);
}

/* Takes a part of a message, for the rest of which its guest may wait until it sees this part taken. */
static void take_part(struct server *srv, struct ring *r, uint32_t len)
{
    struct entry e = { .type = ENTRY_PARTIAL, .domid = r->c.domid, .b_len = (uint16_t)len };
    char *at = buf_extend(&r->partial, len);

    copy_from_ring(r, (uint32_t)r->in, at, len);
    r->in += len;
    srv->st.work++; /* a record as for a request: a guest that adds byte after byte has no larger share */
    e.num = r->in;
    store_entry(&srv->st, &e, NULL, at);
    server_commit(srv, NULL);
    publish(srv, r);
}

/* The length of the message at hand, of which AVAIL bytes are in the ring behind `partial`: 0 unknown yet, -1 too long.
 */
static int message_length(struct ring *r, uint32_t avail, struct xsd_sockmsg *hdr)
{
    size_t have = r->partial.len < sizeof(*hdr) ? r->partial.len : sizeof(*hdr);

    if (have + avail < sizeof(*hdr))
        return 0;
    if (have > 0)
        memcpy(hdr, r->partial.data, have);
    copy_from_ring(r, (uint32_t)r->in, (char *)hdr + have, (uint32_t)(sizeof(*hdr) - have));
    return hdr->len > XENSTORE_PAYLOAD_MAX ? -1 : (int)(sizeof(*hdr) + hdr->len);
}

/* One message, or part of one, if there is; false when there is nothing to do now. */
static bool serve_one(struct server *srv, struct ring *r)
{
    char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
    uint32_t avail, have = (uint32_t)r->partial.len;
    struct xsd_sockmsg hdr;
    int total;

    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* req_cons is out before req_prod is read: a guest may not kick twice */
    avail = load(&r->page->req_prod) - (uint32_t)r->in;
    if (avail > XENSTORE_RING_SIZE) {
        ring_break(srv, r, XENSTORE_ERROR_RINGIDX, "its request ring's indices make no sense");
        return false;
    }
    if (avail == 0)
        return false;
    total = message_length(r, avail, &hdr);
    if (total < 0) {
        ring_break(srv, r, XENSTORE_ERROR_PROTO, "a message longer than the protocol allows");
        return false;
    }
    if (total > 0 && have >= (uint32_t)total) { /* its guest changed the header between two looks */
        ring_break(srv, r, XENSTORE_ERROR_PROTO, "more was taken of a message than it has");
        return false;
    }
    if (total == 0 || have + avail < (uint32_t)total) {
        take_part(srv, r, avail);
        return true;
    }
    if (have > 0)
        memcpy(message, r->partial.data, have);
    copy_from_ring(r, (uint32_t)r->in, message + have, (uint32_t)total - have);
    memcpy(message, &hdr, sizeof(hdr)); /* the header that was checked, whatever the guest made of it since */
    r->in += (uint32_t)total - have;
    r->partial.len = 0;
    serve_message(srv, r, message);
    return true;
}

/*
 * Guests cause what domain 0's kernel is sent, whose ring must not be closed: every back-end hangs on it. Who has caused
 * much of what is unread in it waits until it has read some; when there is very much, all wait until it has read most.
 */
#define DEBT_FROM  (UNSENT_PAUSE / 4)
#define DEBT_UNTIL (DEBT_FROM - DEBT_FROM / 4)
enum { FOR_ALL, FOR_DEBTORS };

static size_t dom0_unread(const struct server *srv)
{
    const struct conn *c = srv->st.domain[0]->conn;

    return c != NULL ? conn_unsent(c) : 0;
}

static bool dom0_behind(struct server *srv)
{
    srv->dom0_behind = dom0_unread(srv) > (srv->dom0_behind ? UNSENT_PAUSE / 2 : UNSENT_PAUSE);
    return srv->dom0_behind;
}

static bool in_debt(const struct server *srv, const struct domain *d)
{
    return dom0_unread(srv) > DEBT_FROM && d->backlog == srv->st.backlog && d->told > BACKLOG_SHORT;
}

static bool ring_may_serve(struct server *srv, const struct ring *r)
{
    return reads_enough(srv, r) && (r->c.domid == 0 || !(dom0_behind(srv) || in_debt(srv, r->c.domain)));
}

/*
 * Its guest has kicked for the requests that are left in it, and may not do so again. When what it was sent is in its
 * ring it is looked at again (ring_flush): while some of it does not fit, the guest tells when it has read. Only who
 * waits for domain 0 is in a list.
 */
static void ring_hold(struct server *srv, struct ring *r)
{
    unsigned list = in_debt(srv, r->c.domain) ? FOR_DEBTORS : FOR_ALL;

    if (!reads_enough(srv, r)) {
        r->stalled = true;
        return;
    }
    if (r->held)
        return;
    r->held = true;
    r->held_in = (uint8_t)list;
    r->held_next = srv->held_rings[list];
    srv->held_rings[list] = r;
}

static void unhold(struct server *srv, unsigned list)
{
    struct ring *r;

    while ((r = srv->held_rings[list]) != NULL) {
        srv->held_rings[list] = r->held_next;
        r->held = false;
        ring_queue(srv, r);
    }
}

void ring_unhold(struct server *srv)
{
    if (srv->held_rings[FOR_ALL] != NULL && !dom0_behind(srv))
        unhold(srv, FOR_ALL);
    if (srv->held_rings[FOR_DEBTORS] != NULL && dom0_unread(srv) <= DEBT_UNTIL)
        unhold(srv, FOR_DEBTORS);
}

static void serve_requests(struct server *srv, struct ring *r)
{
    uint32_t until = srv->st.work + TURN_WORK;

    while (ring_may_serve(srv, r)) {
        if (!serve_one(srv, r))
            return;
        if (r->c.dead) {
            ring_break(srv, r, XENSTORE_ERROR_COMM, "it does not read what it is sent");
            return;
        }
        if ((int32_t)(srv->st.work - until) >= 0) {
            ring_queue(srv, r); /* the rest in the next turn */
            return;
        }
    }
    ring_hold(srv, r);
}

void ring_serve(struct server *srv, struct ring *r)
{
    if (r->page == NULL)
        return;
    if (r->slot_due) /* its introduction is in the journal by now */
        publish(srv, r);
    if (load(&r->page->connection) == XENSTORE_RECONNECT)
        ring_reconnect(srv, r);
    if (r->broken)
        return;
    ring_flush(srv, r); /* the kick may have been about space for replies */
    serve_requests(srv, r);
    if (!r->c.in_dirty) /* else at the turn's end; a part has no reply, but its guest waits to see it taken */
        ring_flush(srv, r);
}
