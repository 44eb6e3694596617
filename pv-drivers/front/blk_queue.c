/* SPDX-License-Identifier: MIT */
/*
 * The block front end's data path. Owns the ring, the slots and the pages that stay granted, under the queue's lock.
 *
 * A request (blk_io) takes as many slots as its size needs; it ends when all are answered. Invariants: a busy slot has a
 * request on the ring and holds one of its io's `slots`; an io is waiting (in the list), or wholly issued with slots in
 * flight, or ended. What the back-end writes is an answer's id and status: an id that names no busy slot, an index that
 * runs ahead, or a grant kept after the answer stops the queue.
 */
#include "blk_queue.h"

static void end_io(struct blk_queue *q, struct blk_io *io)
{
    io->next = NULL;
    *q->ended_at = io;
    q->ended_at = &io->next;
}

static void wait_first(struct blk_queue *q, struct blk_io *io)
{
    io->waiting = true;
    io->next = q->first;
    q->first = io;
    if (!q->last)
        q->last = io;
}

static void wait_last(struct blk_queue *q, struct blk_io *io)
{
    io->waiting = true;
    io->next = NULL;
    if (q->last)
        q->last->next = io;
    else
        q->first = io;
    q->last = io;
}

static void unwait(struct blk_queue *q)
{
    struct blk_io *io = q->first;

    io->waiting = false;
    q->first = io->next;
    if (!q->first)
        q->last = NULL;
}

static void rewind_io(struct blk_io *io)
{
    io->vec_at = io->slots = 0;
    io->vec_off = 0;
    io->done_sectors = 0;
    io->flushing = false;
    io->error = 0;
}

/* The next piece of memory of a transfer that lies in one page; false at its end. */
static bool next_piece(const struct blk_io *io, unsigned int *at, uint32_t *off, uint8_t **va, uint32_t *len)
{
    uint32_t left;

    while (*at < io->vecs && *off == io->vec[*at].len) {
        (*at)++;
        *off = 0;
    }
    if (*at == io->vecs)
        return false;
    *va = (uint8_t *)io->vec[*at].va + *off;
    left = io->vec[*at].len - *off;
    *len = OS_PAGE_SIZE - (uint32_t)((uintptr_t)*va & (OS_PAGE_SIZE - 1));
    if (*len > left)
        *len = left;
    *off += *len;
    return true;
}

static struct blk_page *pop(struct blk_page **list)
{
    struct blk_page *p = *list;

    if (p)
        *list = p->next;
    return p;
}

static void push(struct blk_page **list, struct blk_page *p)
{
    p->next = *list;
    *list = p;
}

/* One segment of a transfer by a grant for this request alone. */
static bool grant_segment(struct blk_queue *q, struct blk_slot *s, struct blkif_request_segment *seg)
{
    struct blk_io *io = s->io;
    unsigned int at = io->vec_at;
    uint32_t off = io->vec_off, len, first;
    uint8_t *va;
    uint32_t ref;

    if (!next_piece(io, &at, &off, &va, &len))
        return false;
    ref = os_grant(q->dev->bus.peer, os_frame(va), io->op == BLK_WRITE);
    if (!ref)
        return false;
    first = (uint32_t)((uintptr_t)va & (OS_PAGE_SIZE - 1)) / BLK_SECTOR;
    *seg = (struct blkif_request_segment){
        .gref = ref, .first_sect = (uint8_t)first, .last_sect = (uint8_t)(first + len / BLK_SECTOR - 1)};
    s->segment[s->segments++] = (struct blk_segment){.ref = ref};
    s->bytes += len;
    io->vec_at = at;
    io->vec_off = off;
    return true;
}

/* Copies LEN bytes between a page and the transfer's memory at a position, which moves on; the bytes there were. */
static uint32_t copy_piece(const struct blk_io *io, unsigned int *at, uint32_t *off, uint8_t *page, uint32_t len)
{
    uint32_t done = 0;

    while (done < len) {
        uint32_t o = *off, n;
        unsigned int a = *at;
        uint8_t *va;

        if (!next_piece(io, &a, &o, &va, &n))
            break;
        if (n > len - done) {
            o -= n - (len - done);
            n = len - done;
        }
        if (!page)
            ;
        else if (io->op == BLK_WRITE)
            memcpy(page + done, va, n);
        else
            memcpy(va, page + done, n);
        done += n;
        *at = a;
        *off = o;
    }
    return done;
}

/* One segment through a page that stays granted. */
static bool copy_segment(struct blk_queue *q, struct blk_slot *s, struct blkif_request_segment *seg)
{
    struct blk_io *io = s->io;
    struct blk_page *p;
    uint32_t len;

    if (!q->persistent)
        return false;
    p = q->persistent;
    len = copy_piece(io, &io->vec_at, &io->vec_off, io->op == BLK_WRITE ? p->va : NULL, OS_PAGE_SIZE);
    if (!len)
        return false;
    pop(&q->persistent);
    *seg = (struct blkif_request_segment){.gref = p->ref, .last_sect = (uint8_t)(len / BLK_SECTOR - 1)};
    s->segment[s->segments++] = (struct blk_segment){.page = p};
    s->bytes += len;
    return true;
}

static uint64_t id_of(const struct blk_queue *q, const struct blk_slot *s)
{
    return (uint64_t)s->generation << 16 | (uint64_t)(s - q->slot);
}

static void commit(struct blk_queue *q, struct blk_slot *s, const struct blkif_request *req)
{
    memcpy(ring_request(&q->ring), req, sizeof(*req));
    q->ring.req_prod++;
    q->free_slot = s->next_free;
    s->busy = true;
    s->io->slots++;
}

/* A read or write, or the part of it that one request holds. False when nothing could be issued now. */
static bool issue_transfer(struct blk_queue *q, struct blk_slot *s, struct blkif_request *req)
{
    const struct blk_info *info = &q->dev->info;
    struct blk_io *io = s->io;
    unsigned int max = BLKIF_MAX_SEGMENTS_PER_REQUEST;
    struct blkif_request_segment *seg = req->seg;
    bool indirect = false, barrier = io->fua && info->barrier && !info->flush;
    uint64_t sector = io->sector + io->done_sectors;

    s->vec_at = io->vec_at;
    s->vec_off = io->vec_off;
    if (info->max_segments > max && q->indirect && !barrier) { /* a barrier cannot be indirect */
        indirect = true;
        max = info->max_segments;
        seg = q->indirect->va;
    }
    while (s->segments < max && (info->persistent ? copy_segment : grant_segment)(q, s, &seg[s->segments]))
        ;
    if (!s->segments)
        return false;
    io->done_sectors += s->bytes / BLK_SECTOR;
    s->op = io->op == BLK_READ ? BLKIF_OP_READ : barrier ? BLKIF_OP_WRITE_BARRIER : BLKIF_OP_WRITE;
    /* A request of few segments needs no page of its own. */
    if (indirect && s->segments <= BLKIF_MAX_SEGMENTS_PER_REQUEST) {
        memcpy(req->seg, seg, s->segments * sizeof(*seg));
        indirect = false;
    }
    if (indirect) {
        struct blkif_request_indirect *ind = (void *)req;

        s->indirect = pop(&q->indirect);
        *ind = (struct blkif_request_indirect){.operation = BLKIF_OP_INDIRECT,
                                               .indirect_op = s->op,
                                               .nr_segments = (uint16_t)s->segments,
                                               .id = id_of(q, s),
                                               .sector_number = sector,
                                               .handle = (blkif_vdev_t)q->dev->bus.id,
                                               .indirect_grefs = {s->indirect->ref}};
    } else {
        req->operation = s->op;
        req->nr_segments = (uint8_t)s->segments;
        req->handle = (blkif_vdev_t)q->dev->bus.id;
        req->id = id_of(q, s);
        req->sector_number = sector;
    }
    commit(q, s, req);
    return true;
}

static void issue_flush(struct blk_queue *q, struct blk_slot *s, struct blkif_request *req)
{
    s->op = q->dev->info.flush ? BLKIF_OP_FLUSH_DISKCACHE : BLKIF_OP_WRITE_BARRIER;
    req->operation = s->op;
    req->handle = (blkif_vdev_t)q->dev->bus.id;
    req->id = id_of(q, s);
    commit(q, s, req);
}

static void issue_discard(struct blk_queue *q, struct blk_slot *s, struct blkif_request *req)
{
    struct blkif_request_discard *discard = (void *)req;

    s->op = BLKIF_OP_DISCARD;
    discard->operation = s->op;
    discard->flag = s->io->secure ? BLKIF_DISCARD_SECURE : 0;
    discard->handle = (blkif_vdev_t)q->dev->bus.id;
    discard->id = id_of(q, s);
    discard->sector_number = s->io->sector;
    discard->nr_sectors = s->io->sectors;
    commit(q, s, req);
}

static bool at_end(const struct blk_io *io)
{
    unsigned int at = io->vec_at;
    uint32_t off = io->vec_off, len;
    uint8_t *va;

    return !next_piece(io, &at, &off, &va, &len);
}

/* Issues as much of the first waiting request as one slot holds; false when it has to wait. */
static bool issue_one(struct blk_queue *q)
{
    struct blk_io *io = q->first;
    struct blk_slot *s = &q->slot[q->free_slot];
    struct blkif_request req;

    memset(&req, 0, sizeof(req));
    s->io = io;
    s->segments = 0;
    s->bytes = 0;
    s->indirect = NULL;
    s->generation++;
    if (io->op == BLK_FLUSH || io->flushing) {
        if (!q->dev->info.flush && !q->dev->info.barrier) { /* no cache (any more): nothing to do */
            unwait(q);
            end_io(q, io);
            return true;
        }
        issue_flush(q, s, &req);
    } else if (io->op == BLK_DISCARD) {
        issue_discard(q, s, &req);
    } else {
        if (!issue_transfer(q, s, &req))
            return false;
        if (!at_end(io))
            return true;
    }
    unwait(q);
    return true;
}

void blk_queue_issue(struct blk_queue *q)
{
    if (!q->live || q->broken)
        return;
    while (q->first && q->free_slot != BLK_NO_SLOT && ring_room(&q->ring))
        if (!issue_one(q))
            break;
    /* Nothing in flight whose end could make room: there are no grants left for even one segment. */
    if (q->first && !ring_in_flight(&q->ring)) {
        struct blk_io *io = q->first;

        unwait(q);
        io->error = -XEN_ENOSPC;
        end_io(q, io);
    }
    if (q->ring.pushed != q->ring.req_prod && ring_push(&q->ring))
        os_event_notify(q->port);
}

/* Gives up a slot's grants and pages; false when the back-end keeps one of the caller's pages. */
static bool release_slot(struct blk_queue *q, struct blk_slot *s)
{
    bool ended = true;

    for (unsigned int i = 0; i < s->segments; i++) {
        if (s->segment[i].page)
            push(&q->persistent, s->segment[i].page);
        else
            ended &= os_grant_end(s->segment[i].ref);
    }
    if (s->indirect)
        push(&q->indirect, s->indirect);
    s->busy = false;
    s->next_free = (uint16_t)q->free_slot;
    q->free_slot = (unsigned int)(s - q->slot);
    return ended;
}

static void copy_out(const struct blk_slot *s)
{
    unsigned int at = s->vec_at;
    uint32_t off = s->vec_off, left = s->bytes;

    for (unsigned int i = 0; i < s->segments; i++) {
        uint32_t n = left < OS_PAGE_SIZE ? left : OS_PAGE_SIZE;

        left -= copy_piece(s->io, &at, &off, s->segment[i].page->va, n);
    }
}

/* The back-end does not know the operation after all: not to be asked again. */
static void unsupported(struct blk_queue *q, const struct blk_slot *s)
{
    struct blk_info *info = &q->dev->info;

    os_log("%s: operation %u is not supported after all\n", q->dev->bus.dir, s->op);
    if (s->op == BLKIF_OP_FLUSH_DISKCACHE)
        info->flush = false;
    else if (s->op == BLKIF_OP_WRITE_BARRIER)
        info->barrier = false;
    else if (s->op == BLKIF_OP_DISCARD)
        info->discard = info->secure_discard = false;
}

/* All slots of a request are answered: it ends, or, a write that has to be on stable storage, is flushed. */
static void finish_io(struct blk_queue *q, struct blk_io *io)
{
    if (!io->error && io->op == BLK_WRITE && io->fua && !io->flushing && q->dev->info.flush) {
        io->flushing = true;
        wait_first(q, io);
        return;
    }
    end_io(q, io);
}

static void answer(struct blk_queue *q, struct blk_slot *s, int status)
{
    struct blk_io *io = s->io;
    bool retry = false;

    if (status == BLKIF_RSP_OKAY && io->op == BLK_READ && q->dev->info.persistent)
        copy_out(s);
    if (!release_slot(q, s)) {
        os_log("%s: queue %u: the back-end keeps a page of a request it answered; the queue stops\n", q->dev->bus.dir,
               q->index);
        q->broken = io->held = true;
        io->error = -XEN_EIO;
    }
    if (status == BLKIF_RSP_EOPNOTSUPP) {
        unsupported(q, s);
        /* A flush falls back to a barrier; the other way round the back-end has no cache that we can flush. */
        retry = s->op == BLKIF_OP_FLUSH_DISKCACHE && q->dev->info.barrier && !io->waiting && io->op == BLK_FLUSH;
        if (!retry)
            io->error = -XEN_EOPNOTSUPP;
    } else if (status != BLKIF_RSP_OKAY) {
        io->error = -XEN_EIO;
    }
    io->slots--;
    if (retry)
        wait_first(q, io);
    else if (!io->slots && !io->waiting)
        finish_io(q, io);
}

static void stop(struct blk_queue *q, const char *why, uint64_t value)
{
    os_log("%s: queue %u: the back-end gave %s %lx; the queue stops\n", q->dev->bus.dir, q->index, why,
           (unsigned long)value);
    q->broken = true;
}

static void take_answers(struct blk_queue *q)
{
    int n;

    do {
        while (!q->broken && (n = ring_waiting(&q->ring)) > 0) {
            struct blkif_response rsp;
            uint64_t slot;

            ring_take(&q->ring, &rsp, sizeof(rsp));
            slot = rsp.id & 0xffff;
            if (slot >= q->slots || !q->slot[slot].busy || id_of(q, &q->slot[slot]) != rsp.id)
                stop(q, "an answer to no request, id", rsp.id);
            else
                answer(q, &q->slot[slot], rsp.status);
        }
        if (!q->broken && ring_waiting(&q->ring) < 0)
            stop(q, "a response index", q->ring.shared->rsp_prod);
    } while (!q->broken && ring_more(&q->ring));
}

void blk_queue_rewind(struct blk_queue *q)
{
    for (unsigned int i = q->slots; i--;) {
        struct blk_slot *s = &q->slot[i];

        if (!s->busy)
            continue;
        s->io->held |= !release_slot(q, s);
        if (!s->io->waiting)
            wait_first(q, s->io);
    }
    for (struct blk_io *io = q->first; io; io = io->next)
        rewind_io(io);
}

void blk_queue_fail(struct blk_queue *q, int error)
{
    while (q->first) {
        struct blk_io *io = q->first;

        unwait(q);
        io->error = error;
        end_io(q, io);
    }
}

unsigned int blk_queue_tell(struct blk_queue *q)
{
    struct blk_io *io;
    unsigned int n = 0;

    os_lock(&q->lock);
    io = q->ended;
    q->ended = NULL;
    q->ended_at = &q->ended;
    os_unlock(&q->lock);
    while (io) {
        struct blk_io *next = io->next;

        io->done(io);
        io = next;
        n++;
    }
    return n;
}

static int check(const struct blk_device *b, const struct blk_io *io)
{
    const struct blk_info *info = &b->info;
    uint64_t sectors = io->op == BLK_DISCARD ? io->sectors : 0, unit = info->sector_size / BLK_SECTOR;

    if (io->op == BLK_FLUSH)
        return 0;
    if (io->op != BLK_READ && info->read_only)
        return -XEN_EROFS;
    if (io->op == BLK_DISCARD && (!info->discard || (io->secure && !info->secure_discard)))
        return -XEN_EOPNOTSUPP;
    for (unsigned int i = 0; io->op != BLK_DISCARD && i < io->vecs; i++) {
        if ((uintptr_t)io->vec[i].va % info->sector_size || io->vec[i].len % info->sector_size)
            return -XEN_EINVAL;
        sectors += io->vec[i].len / BLK_SECTOR;
    }
    if (!sectors || sectors % unit || io->sector % unit)
        return -XEN_EINVAL;
    return io->sector > info->sectors || sectors > info->sectors - io->sector ? -XEN_EINVAL : 0;
}

int blk_submit(struct blk_device *b, unsigned int queue, struct blk_io *io)
{
    struct blk_queue *q;
    int rc;

    if (b->gone || !b->queues || !b->info.sector_size)
        return -XEN_ENODEV;
    rc = check(b, io);
    if (rc)
        return rc;
    q = b->queue[queue % b->queues];
    os_lock(&q->lock);
    if (q->broken) {
        rc = -XEN_EIO;
    } else {
        rewind_io(io);
        io->held = false;
        wait_last(q, io);
        blk_queue_issue(q);
    }
    os_unlock(&q->lock);
    return rc;
}

unsigned int blk_poll(struct blk_device *b, unsigned int queue)
{
    struct blk_queue *q;

    if (!b->queues)
        return 0;
    q = b->queue[queue % b->queues];
    os_lock(&q->lock);
    if (q->live && !q->broken) {
        take_answers(q);
        blk_queue_issue(q);
    }
    if (q->broken) { /* what it holds is granted still, but will never be answered */
        blk_queue_rewind(q);
        blk_queue_fail(q, -XEN_EIO);
    }
    os_unlock(&q->lock);
    return blk_queue_tell(q);
}

bool blk_pending(struct blk_device *b, unsigned int queue)
{
    struct blk_queue *q = b->queues ? b->queue[queue % b->queues] : NULL;

    return q && (q->ended || (q->live && !q->broken && ring_waiting(&q->ring) != 0));
}

bool blk_broken(const struct blk_device *b)
{
    for (unsigned int i = 0; i < b->queues; i++)
        if (b->queue[i]->broken)
            return true;
    return false;
}
