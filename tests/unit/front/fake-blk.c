/* SPDX-License-Identifier: MIT */
/* A block back-end with a memory disk; correct, unless the test makes it otherwise. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACK "/local/domain/0/backend/vbd/7/51712/"
#define DEV  "device/vbd/51712/"

struct fake_blk fake_blk;

static void feature(const char *name, uint64_t value) { fake_set_in(BACK, name, value); }

static uint64_t ours(unsigned int queue, const char *name) { return fake_queue_number(DEV, queue, name); }

/* The pages of a ring follow each other in our one address space. */
struct ring_shared *fake_blk_ring(unsigned int queue)
{
    return fake_page((uint32_t)ours(queue, fake_get_number(DEV "num-ring-pages") ? "ring-ref0" : "ring-ref"), true);
}

static uint32_t ring_mask(void)
{
    uint64_t pages = fake_get_number(DEV "num-ring-pages");
    uint32_t n = 1;

    while (n * 2 * sizeof(struct blkif_request) <= (pages ? pages : 1) * 4096 - 64)
        n *= 2;
    return n - 1;
}

static void *entry(unsigned int queue, uint32_t index)
{
    return (uint8_t *)(fake_blk_ring(queue) + 1) + (index & ring_mask()) * sizeof(struct blkif_request);
}

void fake_blk_put(unsigned int queue, const struct blkif_response *rsp)
{
    struct ring_shared *s = fake_blk_ring(queue);
    uint32_t old = s->rsp_prod;

    memcpy(entry(queue, old), rsp, sizeof(*rsp));
    s->rsp_prod = old + 1;
    if (s->rsp_prod - s->rsp_event < 1)
        fake_event((uint32_t)ours(queue, "event-channel"));
}

static void transfer(unsigned int op, uint64_t sector, const struct blkif_request_segment *seg, unsigned int n)
{
    fake_blk.segments += n;
    for (unsigned int i = 0; i < n; i++) {
        uint8_t *page = fake_page(seg[i].gref, op == BLKIF_OP_READ);
        uint32_t bytes = (seg[i].last_sect - seg[i].first_sect + 1U) * 512;

        if (!page || seg[i].last_sect > 7 || seg[i].first_sect > seg[i].last_sect || sector * 512 + bytes > sizeof(fake_blk.data))
            abort(); /* a request that no front end may make */
        if (op == BLKIF_OP_READ)
            memcpy(page + seg[i].first_sect * 512, fake_blk.data + sector * 512, bytes);
        else
            memcpy(fake_blk.data + sector * 512, page + seg[i].first_sect * 512, bytes);
        sector += bytes / 512;
    }
}

static int serve(const struct blkif_request *r)
{
    const struct blkif_request_indirect *ind = (const void *)r;
    const struct blkif_request_discard *discard = (const void *)r;

    fake_blk.requests++;
    switch (r->operation) {
    case BLKIF_OP_FLUSH_DISKCACHE:
        fake_blk.flushes++;
        return fake_blk.no_flush_after_all ? BLKIF_RSP_EOPNOTSUPP : 0;
    case BLKIF_OP_DISCARD:
        fake_blk.discards++;
        if (fake_blk.no_discard_after_all)
            return BLKIF_RSP_EOPNOTSUPP;
        memset(fake_blk.data + discard->sector_number * 512, 0, discard->nr_sectors * 512);
        return 0;
    case BLKIF_OP_INDIRECT:
        fake_blk.indirects++;
        if (!fake_blk.indirect || ind->nr_segments > fake_blk.indirect || ind->nr_segments > 512)
            abort();
        transfer(ind->indirect_op, ind->sector_number, fake_page(ind->indirect_grefs[0], fake_blk.persistent && fake_get_number(DEV "feature-persistent")),
                 ind->nr_segments);
        return fake_blk.status;
    case BLKIF_OP_WRITE_BARRIER: fake_blk.barriers++; /* fall through */
    case BLKIF_OP_READ:
    case BLKIF_OP_WRITE:
        if (r->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST)
            abort();
        transfer(r->operation, r->sector_number, r->seg, r->nr_segments);
        return fake_blk.status;
    default: abort();
    }
}

static void serve_ring(unsigned int queue)
{
    struct ring_shared *s = fake_blk_ring(queue);

    while (!fake_blk.hold && fake_blk.cons[queue] != s->req_prod) {
        struct blkif_request r;
        struct blkif_response rsp;

        memcpy(&r, entry(queue, fake_blk.cons[queue]++), sizeof(r));
        rsp = (struct blkif_response){.id = r.id, .operation = r.operation, .status = (int16_t)serve(&r)};
        if (fake_blk.answer)
            fake_blk.answer(queue, &rsp);
        if (rsp.id != ~0UL)
            fake_blk_put(queue, &rsp);
    }
    s->req_event = fake_blk.cons[queue] + 1;
}

static void turn(void)
{
    uint64_t state = fake_get_number(DEV "state");
    unsigned int queues = (unsigned int)fake_get_number(DEV "multi-queue-num-queues");

    if (!fake_blk.connected && state == XenbusStateInitialised) {
        fake_blk.connected = true;
        memset(fake_blk.cons, 0, sizeof(fake_blk.cons));
        feature("sectors", DISK_SECTORS);
        feature("sector-size", fake_blk.sector_size);
        feature("info", fake_blk.info);
        feature("feature-flush-cache", fake_blk.flush);
        feature("feature-barrier", fake_blk.barrier);
        feature("feature-discard", fake_blk.discard);
        feature("feature-persistent", fake_blk.persistent);
        feature("feature-max-indirect-segments", fake_blk.indirect);
        feature("state", XenbusStateConnected);
    }
    if (state == XenbusStateClosed && fake_get_number(BACK "state") != XenbusStateClosed) {
        fake_blk.connected = false;
        feature("state", XenbusStateClosed);
    }
    for (unsigned int q = 0; fake_blk.connected && !fake_blk.hold && q < (queues ? queues : 1); q++)
        if (fake_blk_ring(q))
            serve_ring(q);
}

void fake_blk_offer(void)
{
    fake_blk.connected = false;
    feature("state", XenbusStateInitWait);
}

void fake_blk_init(void)
{
    memset(&fake_blk, 0, sizeof(fake_blk));
    fake_blk.sector_size = 512;
    fake_set(DEV "backend", "/local/domain/0/backend/vbd/7/51712");
    fake_set(DEV "backend-id", "0");
    fake_set(DEV "state", "1");
    feature("online", 1);
    fake_peer = turn;
    fake_blk_offer();
}
