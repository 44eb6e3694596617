/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define BUFFER_KEPT (256u << 10)    /* a larger buffer goes when its request has ended */
#define SEGMENTS_A_PAGE (PAGE / sizeof(struct blkif_request_segment))

_Static_assert(sizeof(union blk_request) == sizeof(blkif_request_t), "one ring entry");

/* ---- answers ---- */

static void answer(struct request *r, int16_t status)
{
    struct queue *q = r->queue;
    uint32_t index = q->ring.rsp_prod_pvt;
    blkif_response_t response;

    memset(&response, 0, sizeof(response));     /* the gaps in it go to the guest too */
    response.id = r->id;
    response.operation = r->wire_op;
    response.status = status;
    memcpy(RING_GET_RESPONSE(&q->ring, index), &response, sizeof(response));
    r->entry->response = index;
    __atomic_store_n(&r->entry->state, ENTRY_ANSWERED, __ATOMIC_RELEASE);
    q->ring.rsp_prod_pvt = index + 1;
    q->journal->rsp_prod = index + 1;
    r->next = q->answered;
    q->answered = r;
    q->dirty = true;
    if (r->buffer_size > BUFFER_KEPT) {
        free(r->buffer);
        r->buffer = NULL;
        r->buffer_size = 0;
    }
}

void queue_push(struct queue *q)
{
    bool notify;

    if (!q->dirty)
        return;
    q->dirty = false;
    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&q->ring, notify);
    q->journal->rsp_pushed = q->ring.rsp_prod_pvt;
    while (q->answered) {
        struct request *r = q->answered;

        q->answered = r->next;
        __atomic_store_n(&r->entry->state, ENTRY_FREE, __ATOMIC_RELEASE);
        r->next = q->free;
        q->free = r;
    }
    if (notify) {
        q->disk->journal->stats.notifications++;
        q->disk->peer->ops->notify(q->disk->peer, q->port);
    }
}

/* ---- data between the guest's pages and a buffer ---- */

static bool copy_segments(struct request *r, bool to_guest)
{
    struct peer *peer = r->queue->disk->peer;
    peer_copy_t copies[BLK_SEGMENTS_MAX];
    uint8_t *at = r->buffer;

    for (unsigned i = 0; i < r->segments; i++) {
        uint16_t offset = (uint16_t)(r->seg[i].first * SECTOR);
        uint16_t len = (uint16_t)((r->seg[i].last - r->seg[i].first + 1) * SECTOR);

        if (r->mapped && to_guest)
            memcpy((uint8_t *)r->seg[i].page + offset, at, len);
        else if (r->mapped)
            memcpy(at, (uint8_t *)r->seg[i].page + offset, len);
        else
            copies[i] = to_guest ? peer_copy_out(peer, at, r->seg[i].ref, offset, len)
                                 : peer_copy_in(peer, at, r->seg[i].ref, offset, len);
        at += len;
    }
    if (r->mapped)
        return true;
    r->queue->disk->journal->stats.copied_segments += r->segments;
    if (peer->ops->copy(peer, copies, r->segments))
        return false;
    for (unsigned i = 0; i < r->segments; i++)
        if (copies[i].status != GNTST_okay) {
            log_guest("disk %u: grant %u cannot be copied (status %d)", r->queue->disk->id, r->seg[i].ref,
                      copies[i].status);
            return false;
        }
    return true;
}

bool request_buffer(struct request *r)
{
    void *buffer;

    if (r->buffer_size >= r->bytes)
        return true;
    if (posix_memalign(&buffer, PAGE, (r->bytes + PAGE - 1) & ~(size_t)(PAGE - 1)))
        return false;
    free(r->buffer);
    r->buffer = buffer;
    r->buffer_size = (r->bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
    return true;
}

void request_done(struct request *r, int rc)
{
    struct queue *q = r->queue;
    struct blk_stats *stats = &q->disk->journal->stats;

    q->running--;
    if (!q->connected)          /* its guest is gone; the page it would answer on as well, soon */
        return;
    if (!rc && r->op == DO_READ && (!r->mapped || q->disk->medium->one_buffer) && !copy_segments(r, true))
        rc = -EFAULT;
    if (rc) {
        stats->errors++;
        if (rc != -EOPNOTSUPP)
            log_guest("disk %u: %s of %llu bytes at %llu: %s", q->disk->id,
                      r->op == DO_READ ? "read" : r->op == DO_WRITE ? "write" : r->op == DO_FLUSH ? "flush" : "discard",
                      (unsigned long long)r->bytes, (unsigned long long)r->offset, strerror(-rc));
    }
    answer(r, rc == -EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : rc ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY);
}

/* ---- checking ---- */

/* Segments from a request of ours (already copied) → seg[] and bytes. */
static int take_segments(struct request *r, const struct blkif_request_segment *list, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned at = r->segments;

        if (list[i].first_sect > list[i].last_sect || list[i].last_sect >= PAGE / SECTOR)
            return -EINVAL;
        r->seg[at].ref = list[i].gref;
        r->seg[at].first = list[i].first_sect;
        r->seg[at].last = list[i].last_sect;
        r->bytes += (uint64_t)(list[i].last_sect - list[i].first_sect + 1) * SECTOR;
        r->segments++;
    }
    return 0;
}

/* The segments of an indirect request lie on pages of the guest's: copied once, here. */
static int take_indirect(struct request *r, const blkif_request_indirect_t *in)
{
    struct queue *q = r->queue;
    struct peer *peer = q->disk->peer;
    struct blkif_request_segment list[SEGMENTS_A_PAGE];
    unsigned left = in->nr_segments;
    int rc = 0;

    for (unsigned page = 0; left && !rc; page++) {
        unsigned n = left < SEGMENTS_A_PAGE ? left : (unsigned)SEGMENTS_A_PAGE;
        size_t size = n * sizeof(list[0]);
        const void *mapped = q->disk->persistent ? grants_page(&q->grants, in->indirect_grefs[page]) : NULL;

        if (mapped) {
            memcpy(list, mapped, size);
            __asm__ volatile("" : : "r"(list) : "memory");      /* a copy, not a second look */
        } else {
            peer_copy_t c = peer_copy_in(peer, list, in->indirect_grefs[page], 0, (uint16_t)size);

            if (peer->ops->copy(peer, &c, 1) || c.status != GNTST_okay)
                return -EFAULT;
        }
        rc = take_segments(r, list, n);
        left -= n;
    }
    return rc;
}

static int take_range(struct request *r, uint64_t sector, uint64_t bytes)
{
    struct medium *m = r->queue->disk->medium;

    if (!m)
        return -ENOMEDIUM;
    if (sector > m->bytes / SECTOR || bytes > m->bytes - sector * SECTOR)
        return -EINVAL;
    r->offset = sector * SECTOR;
    r->bytes = bytes;
    return 0;
}

static int take_data(struct request *r, uint8_t op, uint64_t sector)
{
    struct medium *m = r->queue->disk->medium;

    if (op != BLKIF_OP_READ && op != BLKIF_OP_WRITE)
        return -EINVAL;
    r->op = op == BLKIF_OP_READ ? DO_READ : DO_WRITE;
    if (!r->segments)
        return -EINVAL;
    if (m && m->readonly && r->op == DO_WRITE)
        return -EROFS;
    return take_range(r, sector, r->bytes);
}

/* From the journal's copy of a request to what is to be done. 0 or -errno. */
static int decode(struct request *r)
{
    const union blk_request *u = &r->entry->request;
    struct medium *m = r->queue->disk->medium;
    int rc;

    r->wire_op = u->rw.operation;
    r->id = u->rw.id;           /* at the same place in all three kinds */
    r->segments = 0;
    r->bytes = 0;
    switch (u->rw.operation) {
    case BLKIF_OP_READ:
    case BLKIF_OP_WRITE:
        if (u->rw.nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST)
            return -EINVAL;
        rc = take_segments(r, u->rw.seg, u->rw.nr_segments);
        return rc ? rc : take_data(r, u->rw.operation, u->rw.sector_number);
    case BLKIF_OP_INDIRECT:
        r->wire_op = u->indirect.indirect_op;   /* what Linux's front-end insists on */
        if (u->indirect.nr_segments > BLK_SEGMENTS_MAX)
            return -EINVAL;
        rc = take_indirect(r, &u->indirect);
        return rc ? rc : take_data(r, u->indirect.indirect_op, u->indirect.sector_number);
    case BLKIF_OP_FLUSH_DISKCACHE:
        r->op = DO_FLUSH;
        if (u->rw.nr_segments)
            return -EOPNOTSUPP;
        return !m ? -ENOMEDIUM : m->can_flush ? 0 : -EOPNOTSUPP;
    case BLKIF_OP_DISCARD:
        r->op = DO_DISCARD;
        if (!m || !m->can_discard || m->readonly || (u->discard.flag & BLKIF_DISCARD_SECURE))
            return -EOPNOTSUPP;
        if (u->discard.nr_sectors > UINT64_MAX / SECTOR)
            return -EINVAL;
        return take_range(r, u->discard.sector_number, u->discard.nr_sectors * SECTOR);
    default:
        return -EOPNOTSUPP;
    }
}

/* ---- starting ---- */

static void count(struct request *r)
{
    struct blk_stats *s = &r->queue->disk->journal->stats;

    switch (r->op) {
    case DO_READ: s->reads++; s->read_bytes += r->bytes; break;
    case DO_WRITE: s->writes++; s->written_bytes += r->bytes; break;
    case DO_FLUSH: s->flushes++; break;
    case DO_DISCARD: s->discards++; s->discarded_bytes += r->bytes; break;
    }
}

/* Pages of persistent grants where all can be had, else a buffer. */
static int place_data(struct request *r)
{
    struct queue *q = r->queue;
    bool one_buffer = q->disk->medium->one_buffer;

    r->mapped = q->disk->persistent;
    for (unsigned i = 0; i < r->segments && r->mapped; i++) {
        r->seg[i].page = grants_page(&q->grants, r->seg[i].ref);
        r->mapped = r->seg[i].page;
        if (!r->mapped)
            break;
        r->iov[i].iov_base = (uint8_t *)r->seg[i].page + r->seg[i].first * SECTOR;
        r->iov[i].iov_len = (size_t)(r->seg[i].last - r->seg[i].first + 1) * SECTOR;
    }
    r->n_iov = r->segments;
    if (r->mapped)
        q->disk->journal->stats.mapped_segments += r->segments;
    if (r->mapped && !one_buffer)
        return 0;
    if (!request_buffer(r))
        return -ENOMEM;
    r->iov[0] = (struct iovec){ r->buffer, r->bytes };
    r->n_iov = 1;
    return r->op == DO_READ || copy_segments(r, false) ? 0 : -EFAULT;
}

static void start(struct request *r)
{
    struct queue *q = r->queue;
    struct disk *d = q->disk;
    int rc = decode(r);

    if (rc) {
        d->journal->stats.refused++;
        if (rc != -EOPNOTSUPP && rc != -ENOMEDIUM)
            log_guest("disk %u: refused request (operation %u, %u segments, sector %llu): %s", d->id,
                      r->entry->request.rw.operation, r->segments, (unsigned long long)r->entry->request.rw.sector_number,
                      strerror(-rc));
        answer(r, rc == -EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR);
        return;
    }
    limit_take(&d->requests, 1);
    limit_take(&d->bytes, r->bytes);
    count(r);
    q->running++;
    r->done = 0;
    if (r->op == DO_READ || r->op == DO_WRITE)
        rc = place_data(r);
    if (rc)
        request_done(r, rc);
    else
        d->medium->ops->start(d->medium, r);
}

static void timer_done(struct completion *c, int result)
{
    struct disk *d = (struct disk *)((char *)c - offsetof(struct disk, timer));

    (void)result;
    d->timer_armed = false;
    for (unsigned i = 0; i < d->n_queues; i++)
        queue_run(d->queue[i]);
}

/* May the disk do more now? If not, it is woken when it may. */
static bool within_limits(struct disk *d)
{
    uint64_t now, wait;

    if (!d->requests.rate && !d->bytes.rate)
        return true;
    now = loop_now();
    if (limit_open(&d->requests, now) && limit_open(&d->bytes, now))
        return true;
    if (!d->timer_armed) {
        wait = limit_wait(&d->requests);
        if (limit_wait(&d->bytes) > wait)
            wait = limit_wait(&d->bytes);
        d->journal->stats.throttled++;
        d->timer_after = (struct __kernel_timespec){ (long long)(wait / 1000000000u), (long long)(wait % 1000000000u) };
        d->timer.done = timer_done;
        d->timer_armed = true;
        loop_timer(d->loop, &d->timer_after, &d->timer);
    }
    return false;
}

/* Copy a request into the journal, then take it off the ring. */
static struct request *take(struct queue *q)
{
    struct request *r = q->free;
    uint32_t index = q->ring.req_cons;

    q->free = r->next;
    RING_COPY_REQUEST(&q->ring, index, &r->entry->request.rw);
    r->entry->index = index;
    __atomic_store_n(&r->entry->state, ENTRY_TAKEN, __ATOMIC_RELEASE);
    q->ring.req_cons = index + 1;
    __atomic_store_n(&q->journal->req_cons, index + 1, __ATOMIC_RELEASE);
    return r;
}

void queue_run(struct queue *q)
{
    unsigned budget = 4 * RING_SIZE(&q->ring);

    q->more = false;
    while (q->connected && !q->broken && !q->disk->paused) {
        uint32_t prod = __atomic_load_n(&q->ring.sring->req_prod, __ATOMIC_ACQUIRE);

        if (RING_REQUEST_PROD_OVERFLOW(&q->ring, prod) || prod - q->ring.req_cons > RING_SIZE(&q->ring)) {
            log_guest("disk %u: the front-end's index %u cannot be (%u were answered): the queue stops", q->disk->id, prod,
                      q->ring.rsp_prod_pvt);
            q->broken = true;
            return;
        }
        while (q->ring.req_cons != prod) {
            /* Answers that wait to be published hold entries too. */
            if (!q->free)
                queue_push(q);
            if (!q->free || !within_limits(q->disk))
                return;
            if (!budget--) {
                q->more = true;
                loop_entry(q->disk->loop, NULL);        /* ends at once, and the loop comes round */
                return;
            }
            start(take(q));
        }
        /* Ask for an event, then look again: pairs with the front-end's barrier between its index and req_event. */
        q->ring.sring->req_event = q->ring.req_cons + 1;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (__atomic_load_n(&q->ring.sring->req_prod, __ATOMIC_ACQUIRE) == q->ring.req_cons)
            return;
    }
}

/* ---- connecting ---- */

static void queue_free(struct queue *q)
{
    struct peer *peer = q->disk->peer;

    if (q->port)
        peer->ops->unbind(peer, q->port);
    grants_free(&q->grants);
    if (q->pages)
        peer->ops->unmap(peer, q->pages, q->n_pages);
    for (unsigned i = 0; q->requests && i < RING_SIZE(&q->ring); i++)
        free(q->requests[i].buffer);
    free(q->requests);
    free(q);
}

static int queue_open(struct queue *q, const struct blk_connect *c, unsigned number)
{
    struct peer *peer = q->disk->peer;
    int port;

    q->n_pages = 1u << c->order;
    q->grants.peer = peer;
    q->pages = peer->ops->map(peer, c->ref[number], q->n_pages, true);
    if (!q->pages)
        return -EFAULT;
    port = peer->ops->bind(peer, c->port[number]);
    if (port < 0)
        return port;
    q->port = (uint32_t)port;
    BACK_RING_INIT(&q->ring, (blkif_sring_t *)q->pages, (size_t)q->n_pages * PAGE);
    q->requests = calloc(RING_SIZE(&q->ring), sizeof(*q->requests));
    if (!q->requests)
        return -ENOMEM;
    q->journal = &q->disk->journal->queue[number];
    return 0;
}

/* A ring in use goes on where the predecessor left off; without its journal, and fresh, at the last published answer. */
static void queue_recover(struct queue *q, bool again)
{
    struct journal_queue *j = q->journal;
    uint32_t pushed = q->ring.sring->rsp_prod;

    if (!again) {
        memset(j, 0, sizeof(*j));
        q->ring.rsp_prod_pvt = j->rsp_prod = j->rsp_pushed = pushed;
        q->ring.req_cons = j->req_cons = pushed;
        return;
    }
    /* The guest can write rsp_prod as well: believed only as far as it can be. */
    if (pushed - j->rsp_pushed > j->rsp_prod - j->rsp_pushed)
        pushed = j->rsp_prod;
    for (unsigned i = 0; i < JOURNAL_ENTRIES; i++) {
        struct journal_entry *e = &j->entry[i];

        if (e->state == ENTRY_ANSWERED && (int32_t)(e->response - pushed) < 0)
            e->state = ENTRY_FREE;
        if (e->state != ENTRY_FREE && e->index == j->req_cons)
            j->req_cons++;
    }
    q->ring.rsp_prod_pvt = j->rsp_prod = j->rsp_pushed = pushed;
    q->ring.req_cons = j->req_cons;
}

static void queue_start(struct queue *q)
{
    unsigned n = RING_SIZE(&q->ring);

    for (unsigned i = n; i--;) {
        struct request *r = &q->requests[i];

        r->queue = q;
        r->entry = &q->journal->entry[i];
        if (r->entry->state == ENTRY_FREE) {
            r->next = q->free;
            q->free = r;
        }
    }
    q->connected = true;
    for (unsigned i = 0; i < n; i++)
        if (q->requests[i].entry->state != ENTRY_FREE) {
            q->disk->journal->stats.replayed++;
            q->requests[i].entry->state = ENTRY_TAKEN;
            start(&q->requests[i]);
        }
    queue_run(q);
    queue_push(q);
    /* The predecessor may have died between an answer and its event. */
    q->disk->peer->ops->notify(q->disk->peer, q->port);
}

static void free_queues(struct disk *d)
{
    for (unsigned i = 0; i < d->n_queues; i++)
        queue_free(d->queue[i]);
    d->n_queues = 0;
}

int disk_connect(struct disk *d, const struct blk_connect *c)
{
    int rc = 0;

    if (d->n_queues)
        return -EBUSY;
    if (!c->queues || c->queues > BLK_QUEUES_MAX || c->order > BLK_ORDER_MAX)
        return -EINVAL;
    d->persistent = c->persistent;
    for (unsigned i = 0; i < c->queues && !rc; i++) {
        struct queue *q = calloc(1, sizeof(*q));

        if (!q) {
            rc = -ENOMEM;
            break;
        }
        q->disk = d;
        d->queue[d->n_queues++] = q;
        rc = queue_open(q, c, i);
    }
    if (rc) {
        free_queues(d);
        return rc;
    }
    for (unsigned i = 0; i < d->n_queues; i++)
        queue_recover(d->queue[i], c->again && d->journal->queues == c->queues && d->journal->order == c->order);
    d->journal->queues = c->queues;
    d->journal->order = c->order;
    d->journal->stats.connects++;
    for (unsigned i = 0; i < d->n_queues; i++)
        queue_start(d->queue[i]);
    return 0;
}

unsigned disk_running(const struct disk *d)
{
    unsigned running = 0;

    for (unsigned i = 0; i < d->n_queues; i++)
        running += d->queue[i]->running;
    return running;
}

bool disk_disconnect(struct disk *d)
{
    for (unsigned i = 0; i < d->n_queues; i++)
        d->queue[i]->connected = false;
    if (disk_running(d))
        return false;
    free_queues(d);
    d->journal->queues = 0;
    return true;
}
