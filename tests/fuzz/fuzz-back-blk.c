/* SPDX-License-Identifier: MIT */
/*
 * A guest that writes what it likes to its block ring, its indirect pages and its indices, in between the back-end's looks.
 * The input is a script: pieces of memory to overwrite, and when to run. No answer may come too often, and no byte of the
 * disk may move outside it; the sanitizers see the rest.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "back-peer.h"
#include "blk/queue.h"

static uint8_t store[256 * SECTOR];

static void medium_start(struct medium *m, struct request *r)
{
    uint64_t at = r->offset;

    (void)m;
    if (at > sizeof(store) || r->bytes > sizeof(store) - at)
        abort();
    for (unsigned i = 0; i < r->n_iov && r->op <= DO_WRITE; i++) {
        if (r->op == DO_READ)
            memcpy(r->iov[i].iov_base, store + at, r->iov[i].iov_len);
        else
            memcpy(store + at, r->iov[i].iov_base, r->iov[i].iov_len);
        at += r->iov[i].iov_len;
    }
    request_done(r, 0);
}

static const struct medium_ops ops = { medium_start, NULL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fake_peer fake;
    static struct journal *journal;
    struct medium medium = { .ops = &ops, .bytes = sizeof(store), .can_flush = true, .can_discard = true };
    struct disk disk = { .peer = &fake.peer, .medium = &medium };
    struct blk_connect c = { .queues = 1, .port = { 1 } };
    blkif_sring_t *ring;

    if (size < 1)
        return 0;
    if (!journal) {
        fake_peer_init(&fake);
        journal = calloc(1, sizeof(*journal));
    }
    disk.journal = journal;
    memset(journal, 0, sizeof(*journal));
    memset(fake.pages, 0, 4 * PAGE);
    ring = (blkif_sring_t *)fake.pages[0];
    SHARED_RING_INIT(ring);
    c.persistent = data[0] & 1;
    c.again = data[0] >> 1 & 1;
    medium.readonly = data[0] >> 2 & 1;
    if (disk_connect(&disk, &c))
        abort();
    data++;
    size--;
    while (size >= 4) {
        unsigned at = (data[0] | data[1] << 8) % (3 * PAGE), n = data[2] & 63;

        if (n > size - 4)
            n = (unsigned)(size - 4);
        memcpy((uint8_t *)fake.pages + at, data + 4, n);
        ring->req_prod += data[3] & 15;
        if (data[3] & 16) {
            queue_run(disk.queue[0]);
            queue_push(disk.queue[0]);
            if (disk.queue[0]->ring.rsp_prod_pvt - disk.queue[0]->ring.req_cons > 0 && disk.queue[0]->running)
                abort();
        }
        data += 4 + n;
        size -= 4 + n;
    }
    if (!disk_disconnect(&disk) || fake.mapped || fake.bound)
        abort();
    return 0;
}
