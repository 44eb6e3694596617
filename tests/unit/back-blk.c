/* SPDX-License-Identifier: MIT */
/* vellum-blkd's queues against a guest that does everything it must not. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "back-peer.h"
#include "blk/queue.h"

#define RING 0                  /* pages of the guest's: the ring, an indirect page, data from here on */
#define INDIRECT 20
#define DATA 32
#define SECTORS 2048

static struct fake_peer fake;
static struct journal *journal;
static struct disk disk;
static blkif_front_ring_t front;
static uint8_t store[SECTORS * SECTOR];
static struct request *held[64];
static unsigned n_held;
static bool hold;               /* the medium ends requests when the test says so */
static struct loop loop;
static uint8_t answered_op;     /* of the last answer looked at */

/* ---- a medium in memory ---- */

static void carry_out(struct request *r)
{
    uint64_t at = r->offset;

    for (unsigned i = 0; i < r->n_iov && r->op <= DO_WRITE; i++) {
        ck_assert_uint_le(at + r->iov[i].iov_len, sizeof(store));
        if (r->op == DO_READ)
            memcpy(r->iov[i].iov_base, store + at, r->iov[i].iov_len);
        else
            memcpy(store + at, r->iov[i].iov_base, r->iov[i].iov_len);
        at += r->iov[i].iov_len;
    }
    if (r->op == DO_DISCARD)
        memset(store + at, 0, r->bytes);
    if (r->op <= DO_WRITE)
        ck_assert_uint_eq(at, r->offset + r->bytes);
    request_done(r, 0);
}

static void medium_start(struct medium *m, struct request *r)
{
    (void)m;
    if (!hold)
        carry_out(r);
    else
        held[n_held++] = r;
}

static void medium_close(struct medium *m)
{
    (void)m;
}

static const struct medium_ops medium_ops = { medium_start, medium_close };
static struct medium medium;

static void connect_disk(bool persistent, bool again, uint8_t order)
{
    struct blk_connect c = { .queues = 1, .order = order, .persistent = persistent, .again = again, .port = { 5 } };

    for (unsigned i = 0; i < 1u << order; i++)
        c.ref[0][i] = RING + i;
    ck_assert_int_eq(disk_connect(&disk, &c), 0);
}

static void setup_with(bool persistent)
{
    fake_peer_init(&fake);
    journal = calloc(1, sizeof(*journal));
    medium = (struct medium){ .ops = &medium_ops, .bytes = sizeof(store), .can_flush = true, .can_discard = true };
    memset(&disk, 0, sizeof(disk));
    disk = (struct disk){ .peer = &fake.peer, .loop = &loop, .medium = &medium, .journal = journal };
    for (size_t i = 0; i < sizeof(store); i++)
        store[i] = (uint8_t)(i >> 9 ^ i);
    n_held = 0;
    hold = false;
    SHARED_RING_INIT((blkif_sring_t *)fake.pages[RING]);
    FRONT_RING_INIT(&front, (blkif_sring_t *)fake.pages[RING], PAGE);
    connect_disk(persistent, false, 0);
}

static void setup(void) { setup_with(false); }
static void setup_persistent(void) { setup_with(true); }

static void teardown(void)
{
    hold = false;
    while (n_held)
        carry_out(held[--n_held]);
    ck_assert(disk_disconnect(&disk));
    ck_assert_uint_eq(fake.mapped, 0);
    ck_assert_uint_eq(fake.bound, 0);
    free(journal);
    fake_peer_free(&fake);
}

/* ---- the guest's side ---- */

static blkif_request_t *put(uint8_t op, uint64_t id)
{
    blkif_request_t *r = RING_GET_REQUEST(&front, front.req_prod_pvt);

    front.req_prod_pvt++;
    memset(r, 0, sizeof(*r));
    r->operation = op;
    r->id = id;
    return r;
}

static blkif_request_t *put_rw(uint8_t op, uint64_t id, uint64_t sector, unsigned segments)
{
    blkif_request_t *r = put(op, id);

    r->sector_number = sector;
    r->nr_segments = (uint8_t)segments;
    for (unsigned i = 0; i < segments && i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
        r->seg[i] = (struct blkif_request_segment){ DATA + i, 0, 7 };
    return r;
}

static void run(void)
{
    RING_PUSH_REQUESTS(&front);
    queue_run(disk.queue[0]);
    queue_push(disk.queue[0]);
}

/* The next answer: its status; it must be there, and be to this id. */
static int answer_to(uint64_t id)
{
    blkif_response_t r;

    ck_assert_uint_ne(front.rsp_cons, front.sring->rsp_prod);
    RING_COPY_RESPONSE(&front, front.rsp_cons, &r);
    front.rsp_cons++;
    ck_assert_uint_eq(r.id, id);
    answered_op = r.operation;
    return r.status;
}

static int refused(void)
{
    run();
    ck_assert_uint_eq(front.sring->rsp_prod, front.req_prod_pvt);
    return answer_to(1);
}

/* ---- tests ---- */

static void roundtrip(void)
{
    for (unsigned i = 0; i < 11 * PAGE; i++)
        fake.pages[DATA + i / PAGE][i % PAGE] = (uint8_t)(i * 7);
    put_rw(BLKIF_OP_WRITE, 1, 100, 11);
    run();
    ck_assert_int_eq(answer_to(1), BLKIF_RSP_OKAY);
    ck_assert_mem_eq(store + 100 * SECTOR, fake.pages[DATA], 11 * PAGE);
    memset(fake.pages[DATA], 0, 11 * PAGE);
    put_rw(BLKIF_OP_READ, 2, 100, 11);
    run();
    ck_assert_int_eq(answer_to(2), BLKIF_RSP_OKAY);
    ck_assert_mem_eq(store + 100 * SECTOR, fake.pages[DATA], 11 * PAGE);
}

START_TEST(moves_data)
{
    roundtrip();
}
END_TEST

START_TEST(moves_parts_of_pages)
{
    blkif_request_t *r = put_rw(BLKIF_OP_READ, 1, 10, 2);

    r->seg[0].first_sect = 3;
    r->seg[0].last_sect = 3;
    r->seg[1].first_sect = 6;
    run();
    ck_assert_int_eq(answer_to(1), BLKIF_RSP_OKAY);
    ck_assert_mem_eq(fake.pages[DATA] + 3 * SECTOR, store + 10 * SECTOR, SECTOR);
    ck_assert_mem_eq(fake.pages[DATA + 1] + 6 * SECTOR, store + 11 * SECTOR, 2 * SECTOR);
    ck_assert_uint_eq(fake.pages[DATA][2 * SECTOR], 0);
    ck_assert_uint_eq(fake.pages[DATA][4 * SECTOR], 0);
}
END_TEST

static blkif_request_indirect_t *put_indirect(unsigned segments, uint8_t op)
{
    blkif_request_indirect_t *r = (blkif_request_indirect_t *)put(BLKIF_OP_INDIRECT, 1);
    struct blkif_request_segment *s = (struct blkif_request_segment *)fake.pages[INDIRECT];

    r->id = 1;
    r->indirect_op = op;
    r->nr_segments = (uint16_t)segments;
    r->indirect_grefs[0] = INDIRECT;
    for (unsigned i = 0; i < segments && i < PAGE / sizeof(*s); i++)
        s[i] = (struct blkif_request_segment){ DATA + i % 128, 0, 7 };
    return r;
}

START_TEST(takes_indirect_segments)
{
    put_indirect(128, BLKIF_OP_READ);
    run();
    ck_assert_int_eq(answer_to(1), BLKIF_RSP_OKAY);
    ck_assert_uint_eq(answered_op, BLKIF_OP_READ);      /* not BLKIF_OP_INDIRECT: Linux would drop the disk */
    ck_assert_mem_eq(fake.pages[DATA], store, 128 * PAGE);
}
END_TEST

START_TEST(flushes_and_discards)
{
    blkif_request_discard_t *d;

    put(BLKIF_OP_FLUSH_DISKCACHE, 1);
    run();
    ck_assert_int_eq(answer_to(1), BLKIF_RSP_OKAY);
    d = (blkif_request_discard_t *)put(BLKIF_OP_DISCARD, 2);
    d->sector_number = 5;
    d->nr_sectors = 2;
    run();
    ck_assert_int_eq(answer_to(2), BLKIF_RSP_OKAY);
    for (unsigned i = 0; i < 2 * SECTOR; i++)
        ck_assert_uint_eq(store[5 * SECTOR + i], 0);
    ck_assert_uint_eq(journal->stats.discarded_bytes, 2 * SECTOR);
}
END_TEST

/* Every field, one by one: an error, and the disk is as it was. */
static const struct bad { uint8_t op; unsigned segments, field; uint64_t value; int status; } bads[] = {
    { BLKIF_OP_WRITE, 12, 0, 0, BLKIF_RSP_ERROR },
    { BLKIF_OP_WRITE, 255, 0, 0, BLKIF_RSP_ERROR },
    { BLKIF_OP_WRITE, 0, 0, 0, BLKIF_RSP_ERROR },
    { BLKIF_OP_WRITE, 1, 1, SECTORS - 7, BLKIF_RSP_ERROR },
    { BLKIF_OP_WRITE, 1, 1, SECTORS, BLKIF_RSP_ERROR },
    { BLKIF_OP_WRITE, 1, 1, UINT64_MAX, BLKIF_RSP_ERROR },
    { BLKIF_OP_WRITE, 1, 1, UINT64_MAX / SECTOR + 1, BLKIF_RSP_ERROR },
    { BLKIF_OP_WRITE, 1, 2, 8, BLKIF_RSP_ERROR },
    { BLKIF_OP_WRITE, 1, 2, 255, BLKIF_RSP_ERROR },
    { BLKIF_OP_WRITE, 1, 3, 8, BLKIF_RSP_ERROR },
    { BLKIF_OP_WRITE, 1, 4, FAKE_NO_GRANT, BLKIF_RSP_ERROR },
    { BLKIF_OP_READ, 1, 4, FAKE_NO_GRANT, BLKIF_RSP_ERROR },
    { BLKIF_OP_WRITE_BARRIER, 1, 0, 0, BLKIF_RSP_EOPNOTSUPP },
    { BLKIF_OP_RESERVED_1, 1, 0, 0, BLKIF_RSP_EOPNOTSUPP },
    { BLKIF_OP_FLUSH_DISKCACHE, 1, 0, 0, BLKIF_RSP_EOPNOTSUPP },
    { 77, 1, 0, 0, BLKIF_RSP_EOPNOTSUPP },
};

static void refuse_one(const struct bad *b)
{
    static uint8_t before[sizeof(store)];
    blkif_request_t *r = put_rw(b->op, 1, 0, b->segments);

    memset(fake.pages[DATA], 0xa5, PAGE);
    memcpy(before, store, sizeof(store));
    switch (b->field) {
    case 1: r->sector_number = b->value; break;
    case 2: r->seg[0].last_sect = (uint8_t)b->value; break;
    case 3: r->seg[0].first_sect = (uint8_t)b->value; break;
    case 4: r->seg[0].gref = (grant_ref_t)b->value; break;
    }
    ck_assert_int_eq(refused(), b->status);
    ck_assert_mem_eq(before, store, sizeof(store));
}

START_TEST(refuses_bad_fields)
{
    refuse_one(&bads[_i]);
}
END_TEST

START_TEST(refuses_bad_indirect)
{
    blkif_request_indirect_t *r = put_indirect(BLK_SEGMENTS_MAX + 1, BLKIF_OP_WRITE);

    ck_assert_int_eq(refused(), BLKIF_RSP_ERROR);
    put_indirect(1, BLKIF_OP_INDIRECT);
    ck_assert_int_eq(refused(), BLKIF_RSP_ERROR);
    put_indirect(1, BLKIF_OP_DISCARD);
    ck_assert_int_eq(refused(), BLKIF_RSP_ERROR);
    r = put_indirect(1, BLKIF_OP_WRITE);
    r->indirect_grefs[0] = FAKE_NO_GRANT;
    ck_assert_int_eq(refused(), BLKIF_RSP_ERROR);
    put_indirect(3, BLKIF_OP_WRITE);
    ((struct blkif_request_segment *)fake.pages[INDIRECT])[2].last_sect = 9;
    ck_assert_int_eq(refused(), BLKIF_RSP_ERROR);
    put_indirect(0, BLKIF_OP_WRITE);
    ck_assert_int_eq(refused(), BLKIF_RSP_ERROR);
}
END_TEST

START_TEST(refuses_bad_discards)
{
    blkif_request_discard_t *d = (blkif_request_discard_t *)put(BLKIF_OP_DISCARD, 1);

    d->nr_sectors = UINT64_MAX;
    ck_assert_int_eq(refused(), BLKIF_RSP_ERROR);
    d = (blkif_request_discard_t *)put(BLKIF_OP_DISCARD, 1);
    d->sector_number = SECTORS - 1;
    d->nr_sectors = 2;
    ck_assert_int_eq(refused(), BLKIF_RSP_ERROR);
    d = (blkif_request_discard_t *)put(BLKIF_OP_DISCARD, 1);
    d->flag = BLKIF_DISCARD_SECURE;
    d->nr_sectors = 1;
    ck_assert_int_eq(refused(), BLKIF_RSP_EOPNOTSUPP);
    medium.readonly = true;
    put_rw(BLKIF_OP_WRITE, 1, 0, 1);
    ck_assert_int_eq(refused(), BLKIF_RSP_ERROR);
    disk.medium = NULL;
    put_rw(BLKIF_OP_READ, 1, 0, 1);
    ck_assert_int_eq(refused(), BLKIF_RSP_ERROR);
}
END_TEST

START_TEST(survives_revoked_grants)
{
    hold = true;
    put_rw(BLKIF_OP_READ, 1, 0, 2);
    run();
    fake.revoked[DATA + 1] = true;
    carry_out(held[--n_held]);
    queue_push(disk.queue[0]);
    ck_assert_int_eq(answer_to(1), BLKIF_RSP_ERROR);
    fake.revoked[DATA + 1] = false;
    hold = false;
    fake.readonly[DATA] = true;
    put_rw(BLKIF_OP_READ, 1, 0, 1);
    ck_assert_int_eq(refused(), BLKIF_RSP_ERROR);
    fake.readonly[DATA] = false;
    roundtrip();
}
END_TEST

START_TEST(stops_at_impossible_indices)
{
    front.req_prod_pvt += 33;
    run();
    ck_assert(disk.queue[0]->broken);
    ck_assert_uint_eq(front.sring->rsp_prod, 0);
    front.sring->req_prod = 1;
    queue_run(disk.queue[0]);
    ck_assert_uint_eq(front.sring->rsp_prod, 0);
}
END_TEST

START_TEST(stops_at_a_ring_run_backwards)
{
    roundtrip();
    front.sring->req_prod = front.req_prod_pvt - 1;
    queue_run(disk.queue[0]);
    ck_assert(disk.queue[0]->broken);
}
END_TEST

/* Rewrites the request and its segments at the moment when the first copy is made. */
static void rewrite(struct fake_peer *f)
{
    blkif_request_t *r = RING_GET_REQUEST(&front, 0);

    r->sector_number = SECTORS * 3;
    r->operation = BLKIF_OP_DISCARD;
    r->nr_segments = 200;
    memset(r->seg, 0xff, sizeof(r->seg));
    f->before_copy = NULL;
}

START_TEST(reads_a_request_once)
{
    put_rw(BLKIF_OP_WRITE, 1, 8, 2);
    memset(fake.pages[DATA], 0x33, 2 * PAGE);
    fake.before_copy = rewrite;
    run();
    ck_assert_int_eq(answer_to(1), BLKIF_RSP_OKAY);
    for (unsigned i = 0; i < 2 * PAGE; i++)
        ck_assert_uint_eq(store[8 * SECTOR + i], 0x33);
}
END_TEST

START_TEST(keeps_to_a_ring_full_of_requests)
{
    hold = true;
    for (unsigned i = 0; i < 32; i++)
        put_rw(BLKIF_OP_READ, i, i, 1);
    run();
    ck_assert_uint_eq(n_held, 32);
    run();                      /* nothing new */
    ck_assert_uint_eq(n_held, 32);
    while (n_held)
        carry_out(held[--n_held]);
    queue_push(disk.queue[0]);
    for (unsigned i = 32; i--;)
        ck_assert_int_eq(answer_to(i), BLKIF_RSP_OKAY);
    ck_assert_uint_eq(front.sring->rsp_prod, 32);
}
END_TEST

/* The worker dies with five requests taken and the second and fourth answered, one of these not yet published. */
START_TEST(replays_what_a_dead_worker_had)
{
    struct disk dead;
    unsigned answers[5] = { 0 };

    hold = true;
    for (unsigned i = 0; i < 5; i++) {
        memset(fake.pages[DATA + i], (int)(i + 1), PAGE);
        put_rw(BLKIF_OP_WRITE, i, 8 * i, 1)->seg[0].gref = DATA + i;
    }
    run();
    carry_out(held[1]);
    queue_push(disk.queue[0]);
    carry_out(held[3]);         /* its answer is on the ring, but rsp_prod does not say so */
    dead = disk;
    disk = (struct disk){ .peer = &fake.peer, .loop = &loop, .medium = &medium, .journal = journal };
    n_held = 0;
    hold = false;
    connect_disk(false, true, 0);
    ck_assert_uint_eq(journal->stats.replayed, 4);
    while (front.rsp_cons != front.sring->rsp_prod) {
        blkif_response_t r;

        RING_COPY_RESPONSE(&front, front.rsp_cons, &r);
        front.rsp_cons++;
        ck_assert_uint_lt(r.id, 5);
        ck_assert_int_eq(r.status, BLKIF_RSP_OKAY);
        answers[r.id]++;
    }
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_uint_eq(answers[i], 1);
        ck_assert_uint_eq(store[8 * i * SECTOR], i + 1);
    }
    roundtrip();
    dead.queue[0]->running = 0;
    ck_assert(disk_disconnect(&dead));
}
END_TEST

START_TEST(copies_when_pages_cannot_stay_mapped)
{
    fake.readonly[DATA] = true;
    put_rw(BLKIF_OP_WRITE, 1, 0, 1);
    run();
    ck_assert_int_eq(answer_to(1), BLKIF_RSP_OKAY);
    ck_assert_uint_eq(journal->stats.copied_segments, 1);
    fake.readonly[DATA] = false;
    roundtrip();
    ck_assert_uint_gt(journal->stats.mapped_segments, 0);
}
END_TEST

START_TEST(throttles)
{
    disk.requests = (struct limit){ .rate = 20 };
    for (unsigned i = 0; i < 10; i++)
        put_rw(BLKIF_OP_READ, i, 0, 1);
    run();
    ck_assert_uint_le(front.sring->rsp_prod, 3);
    ck_assert(disk.timer_armed);
    for (unsigned i = 0; i < 20 && front.sring->rsp_prod < 10; i++) {
        ck_assert_int_eq(loop_step(&loop), 0);
        queue_push(disk.queue[0]);
    }
    ck_assert_uint_eq(front.sring->rsp_prod, 10);
    ck_assert_uint_ge(journal->stats.throttled, 5);
    disk.requests.rate = 0;
}
END_TEST

/* Rings of noise: no answer too many, no write outside the disk, nothing left mapped. */
START_TEST(survives_noise)
{
    srand(1234 + (unsigned)_i);
    fake.revoked[RING] = true;  /* reading onto its own ring would be the guest's own end */
    for (unsigned round = 0; round < 3000; round++) {
        unsigned n = (unsigned)rand() % 8;

        for (unsigned i = 0; i < n; i++) {
            blkif_request_t *r = put_rw((uint8_t)(rand() % 8), (uint64_t)rand(), (uint64_t)rand() % (2 * SECTORS), (unsigned)rand() % 14);

            for (unsigned k = 0; k < (unsigned)rand() % 6; k++)
                ((uint8_t *)r)[(unsigned)rand() % sizeof(*r)] = (uint8_t)rand();
        }
        for (unsigned k = 0; k < 8; k++)
            fake.pages[INDIRECT][(unsigned)rand() % PAGE] = (uint8_t)rand();
        run();
        ck_assert_uint_eq(front.sring->rsp_prod, front.req_prod_pvt);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("back-blk");
    TCase *copy = tcase_create("copied"), *mapped = tcase_create("persistent");
    SRunner *r;
    int failed;

    if (loop_open(&loop))       /* the sandbox has no io_uring: only the limits need it */
        loop.ready = false;
    tcase_add_checked_fixture(copy, setup, teardown);
    tcase_add_checked_fixture(mapped, setup_persistent, teardown);
    for (int i = 0; i < 2; i++) {
        TCase *t = i ? mapped : copy;

        tcase_add_test(t, moves_data);
        tcase_add_test(t, moves_parts_of_pages);
        tcase_add_test(t, takes_indirect_segments);
        tcase_add_test(t, flushes_and_discards);
        tcase_add_loop_test(t, refuses_bad_fields, 0, sizeof(bads) / sizeof(bads[0]));
        tcase_add_test(t, refuses_bad_indirect);
        tcase_add_test(t, refuses_bad_discards);
        tcase_add_test(t, stops_at_impossible_indices);
        tcase_add_test(t, stops_at_a_ring_run_backwards);
        tcase_add_test(t, keeps_to_a_ring_full_of_requests);
        tcase_add_test(t, replays_what_a_dead_worker_had);
        tcase_add_loop_test(t, survives_noise, 0, 3);
        suite_add_tcase(s, t);
    }
    tcase_add_test(copy, reads_a_request_once);
    tcase_add_test(copy, survives_revoked_grants);
    tcase_add_test(mapped, copies_when_pages_cannot_stay_mapped);
    if (loop.ready)
        tcase_add_test(copy, throttles);
    r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);      /* the ring of the loop belongs to one process */
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
