/* SPDX-License-Identifier: MIT */
/* The block front end against an honest back-end with every feature on and off, and against hostile ones. */
#include "fake.h"
#include "../run-suite.h"

#include <check.h>
#include <stdlib.h>

#define NR 24

static struct blk_device disk;
static struct job {
    struct blk_io io;
    struct blk_vec vec[3];
    uint8_t *buf;
    unsigned int done;
} jobs[NR];
static unsigned int ready;

static void on_done(struct blk_io *io) { ((struct job *)io->arg)->done++; }
static void on_ready(void *arg, unsigned int queue) { (void)arg, (void)queue, ready++; }

static void set_up(void)
{
    fake_init();
    fake_blk_init();
    fake_quiet = !getenv("FRONT_LOG");
    memset(jobs, 0, sizeof(jobs));
    for (unsigned int i = 0; i < NR; i++)
        jobs[i].buf = aligned_alloc(4096, 65536);
}

/* Nothing that was taken from the kernel is left. */
static void tear_down(void)
{
    blk_close(&disk);
    for (unsigned int i = 0; i < NR; i++)
        free(jobs[i].buf);
    fake_fini();
}

static struct blk_config config_all(void) { return (struct blk_config)BLK_CONFIG_ALL; }

static void open_with(struct blk_config c)
{
    c.ready = on_ready;
    ck_assert_int_eq(blk_open(&disk, 51712, &c), 0);
    ck_assert_int_eq(blk_wait(&disk, os_time() + 1000000000), 0);
}

static void feature(const char *name, uint64_t value)
{
    char path[128];

    os_format(path, sizeof(path), "/local/domain/0/backend/vbd/7/51712/%s", name);
    fake_set_number(path, value);
}

static void poll_all(void)
{
    for (unsigned int i = 0; i < 50; i++) {
        fake_turn();
        store_poll();
        for (unsigned int q = 0; q < disk.queues; q++)
            blk_poll(&disk, q);
    }
}

/* Memory in three pieces: within a page, over several, the rest. */
static int start(struct job *j, enum blk_op op, uint64_t sector, uint32_t len, unsigned int queue)
{
    uint32_t a = len > 1024 ? 512 : 0, b = len > 32768 ? 12288 + 512 : 0;

    j->vec[0] = (struct blk_vec){j->buf, a};
    j->vec[1] = (struct blk_vec){j->buf + a, b};
    j->vec[2] = (struct blk_vec){j->buf + a + b, len - a - b};
    j->io = (struct blk_io){.op = op, .sector = sector, .vec = j->vec, .vecs = 3, .done = on_done, .arg = j};
    j->done = 0;
    return blk_submit(&disk, queue, &j->io);
}

static void pattern(uint8_t *p, size_t len, unsigned int seed)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(i * 7 + i / 256 + seed);
}

static void write_then_read(void)
{
    static const uint32_t lens[] = {512, 4096, 1536, 45056, 65536, 40960};
    static uint8_t want[65536];

    for (unsigned int i = 0; i < NR; i++) {
        pattern(jobs[i].buf, 65536, i);
        ck_assert_int_eq(start(&jobs[i], BLK_WRITE, i * 128, lens[i % 6], i), 0);
    }
    poll_all();
    for (unsigned int i = 0; i < NR; i++) {
        ck_assert_uint_eq(jobs[i].done, 1);
        ck_assert_int_eq(jobs[i].io.error, 0);
        pattern(want, 65536, i);
        ck_assert_mem_eq(fake_blk.data + i * 65536, want, lens[i % 6]);
        memset(jobs[i].buf, 0xee, 65536);
        ck_assert_int_eq(start(&jobs[i], BLK_READ, i * 128, lens[i % 6], i + 1), 0);
    }
    poll_all();
    for (unsigned int i = 0; i < NR; i++) {
        ck_assert_uint_eq(jobs[i].done, 1);
        pattern(want, 65536, i);
        ck_assert_mem_eq(jobs[i].buf, want, lens[i % 6]);
    }
}

/* Each combination of what the back-end offers; a bit a feature. */
START_TEST(test_features)
{
    fake_blk.flush = _i & 1;
    fake_blk.persistent = _i & 2;
    fake_blk.indirect = _i & 4 ? 16 : 0;
    if (_i & 8)
        feature("max-ring-page-order", 1);
    if (_i & 16)
        feature("multi-queue-max-queues", 3);
    fake_conflicts = 2;
    open_with(config_all());
    ck_assert_uint_eq(disk.info.queues, _i & 16 ? 3 : 1);
    ck_assert_uint_eq(disk.info.ring_pages, _i & 8 ? 2 : 1);
    ck_assert_uint_eq(disk.info.max_segments, _i & 4 ? 16 : 11);
    write_then_read();
    ck_assert_int_eq(fake_blk.indirects != 0, (_i & 4) != 0);
    ck_assert_uint_gt(ready, 0);
    ck_assert_uint_eq(fake_logged, 0);
}
END_TEST

/* All offered, one switched off on our side. */
START_TEST(test_switched_off)
{
    struct blk_config c = config_all();

    fake_blk.flush = fake_blk.barrier = fake_blk.discard = fake_blk.persistent = true;
    fake_blk.indirect = 32;
    feature("max-ring-page-order", 4);
    feature("multi-queue-max-queues", 8);
    c.queues = _i == 0 ? 1 : 8;
    c.ring_order = _i == 1 ? 0 : 2;
    c.indirect = _i == 2 ? 0 : 32;
    c.persistent_pages = _i == 3 ? 0 : 40;
    c.flush = _i != 4;
    c.barrier = _i != 5;
    c.discard = _i != 6;
    open_with(c);
    ck_assert_int_eq(disk.info.queues == 1, _i == 0);
    ck_assert_int_eq(disk.info.ring_pages == 1, _i == 1);
    ck_assert_int_eq(disk.info.max_segments == 11, _i == 2);
    ck_assert_int_eq(!disk.info.persistent, _i == 3);
    ck_assert_int_eq(!disk.info.flush, _i == 4);
    ck_assert_int_eq(!disk.info.barrier, _i == 5);
    ck_assert_int_eq(!disk.info.discard, _i == 6);
    write_then_read();
}
END_TEST

START_TEST(test_flush_and_fua)
{
    fake_blk.flush = _i == 0;
    fake_blk.barrier = _i == 1;
    open_with(config_all());
    ck_assert_int_eq(start(&jobs[0], BLK_FLUSH, 0, 0, 0), 0);
    jobs[1].vec[0] = (struct blk_vec){jobs[1].buf, 4096};
    jobs[1].io = (struct blk_io){.op = BLK_WRITE, .fua = true, .vec = jobs[1].vec, .vecs = 1, .done = on_done, .arg = &jobs[1]};
    ck_assert_int_eq(blk_submit(&disk, 0, &jobs[1].io), 0);
    poll_all();
    ck_assert_uint_eq(jobs[0].done + jobs[1].done, 2);
    ck_assert_int_eq(jobs[0].io.error | jobs[1].io.error, 0);
    ck_assert_uint_eq(fake_blk.flushes, _i == 0 ? 2 : 0);
    ck_assert_uint_eq(fake_blk.barriers, _i == 1 ? 2 : 0);
}
END_TEST

START_TEST(test_flush_falls_back)
{
    fake_blk.flush = fake_blk.no_flush_after_all = true;
    fake_blk.barrier = _i;
    open_with(config_all());
    ck_assert_int_eq(start(&jobs[0], BLK_FLUSH, 0, 0, 0), 0);
    poll_all();
    ck_assert_uint_eq(jobs[0].done, 1);
    ck_assert_int_eq(jobs[0].io.error, _i ? 0 : -XEN_EOPNOTSUPP);
    ck_assert_uint_eq(fake_blk.barriers, (unsigned long)_i);
    ck_assert(!disk.info.flush);
}
END_TEST

static int discard(struct job *j, uint64_t sectors)
{
    j->io = (struct blk_io){.op = BLK_DISCARD, .sectors = sectors, .done = on_done, .arg = j};
    j->done = 0;
    return blk_submit(&disk, 0, &j->io);
}

START_TEST(test_discard)
{
    fake_blk.discard = true;
    fake_blk.no_discard_after_all = _i;
    open_with(config_all());
    fake_blk.data[0] = 1;
    ck_assert_int_eq(discard(&jobs[0], 8), 0);
    poll_all();
    ck_assert_int_eq(jobs[0].io.error, _i ? -XEN_EOPNOTSUPP : 0);
    ck_assert_int_eq(fake_blk.data[0], _i);
    ck_assert_int_eq(discard(&jobs[0], 8), _i ? -XEN_EOPNOTSUPP : 0);
    poll_all();
}
END_TEST

START_TEST(test_refusals)
{
    fake_blk.sector_size = 4096;
    open_with(config_all());
    ck_assert_int_eq(start(&jobs[0], BLK_READ, DISK_SECTORS, 4096, 0), -XEN_EINVAL);
    ck_assert_int_eq(start(&jobs[0], BLK_READ, ~0UL - 7, 4096, 0), -XEN_EINVAL);
    ck_assert_int_eq(start(&jobs[0], BLK_READ, DISK_SECTORS - 8, 8192, 0), -XEN_EINVAL);
    ck_assert_int_eq(start(&jobs[0], BLK_READ, 1, 4096, 0), -XEN_EINVAL);
    ck_assert_int_eq(start(&jobs[0], BLK_READ, 0, 512, 0), -XEN_EINVAL);
    ck_assert_int_eq(start(&jobs[0], BLK_READ, 0, 0, 0), -XEN_EINVAL);
    ck_assert_int_eq(discard(&jobs[0], 8), -XEN_EOPNOTSUPP);
    ck_assert_uint_eq(fake_blk.requests, 0);
}
END_TEST

START_TEST(test_read_only)
{
    fake_blk.info = VDISK_READONLY | VDISK_CDROM;
    open_with(config_all());
    ck_assert(disk.info.read_only && disk.info.cdrom && !disk.info.removable);
    ck_assert_int_eq(start(&jobs[0], BLK_WRITE, 0, 4096, 0), -XEN_EROFS);
    ck_assert_int_eq(start(&jobs[0], BLK_READ, 0, 4096, 0), 0);
    poll_all();
    ck_assert_uint_eq(jobs[0].done, 1);
}
END_TEST

START_TEST(test_errors)
{
    fake_blk.status = BLKIF_RSP_ERROR;
    open_with(config_all());
    ck_assert_int_eq(start(&jobs[0], BLK_READ, 0, 65536, 0), 0);
    poll_all();
    ck_assert_uint_eq(jobs[0].done, 1);
    ck_assert_int_eq(jobs[0].io.error, -XEN_EIO);
    ck_assert(!blk_broken(&disk));
}
END_TEST

static unsigned int resizes;
static void on_resized(void *arg) { (void)arg, resizes++; }

START_TEST(test_resize)
{
    struct blk_config c = config_all();

    c.resized = on_resized;
    open_with(c);
    feature("sectors", DISK_SECTORS / 2);
    feature("state", XenbusStateConnected);
    poll_all();
    ck_assert_uint_eq(disk.info.sectors, DISK_SECTORS / 2);
    ck_assert_uint_eq(resizes, 1);
    ck_assert_int_eq(start(&jobs[0], BLK_READ, DISK_SECTORS / 2, 4096, 0), -XEN_EINVAL);
    feature("sector-size", 12345); /* no size: what was stays */
    feature("state", XenbusStateConnected);
    poll_all();
    ck_assert_uint_eq(disk.info.sector_size, 512);
}
END_TEST

/* The back-end dies with requests unanswered, and comes again with other features: nothing is lost. */
START_TEST(test_restart)
{
    uint8_t want[65536];

    fake_blk.persistent = true;
    fake_blk.indirect = 32;
    feature("multi-queue-max-queues", 4);
    open_with(config_all());
    fake_blk.hold = true;
    for (unsigned int i = 0; i < NR; i++) {
        pattern(jobs[i].buf, 65536, i);
        ck_assert_int_eq(start(&jobs[i], BLK_WRITE, i * 128, 65536, i), 0);
    }
    poll_all();
    fake_blk.persistent = false;
    fake_blk.indirect = 0;
    feature("multi-queue-max-queues", 2);
    if (_i) { /* in order, by Closed */
        feature("state", XenbusStateClosing);
        poll_all();
        ck_assert_uint_eq(fake_get_number("device/vbd/51712/state"), XenbusStateInitialising);
    }
    fake_remove("device/vbd/51712/multi-queue-num-queues");
    fake_blk_offer();
    fake_blk.hold = false;
    poll_all();
    for (unsigned int i = 0; i < NR; i++) {
        ck_assert_uint_eq(jobs[i].done, 1);
        ck_assert_int_eq(jobs[i].io.error, 0);
        pattern(want, 65536, i);
        ck_assert_mem_eq(fake_blk.data + i * 65536, want, 65536);
    }
    write_then_read();
}
END_TEST

/* Unplugged: what is in flight ends. */
START_TEST(test_unplug)
{
    open_with(config_all());
    fake_blk.hold = true;
    ck_assert_int_eq(start(&jobs[0], BLK_READ, 0, 65536, 0), 0);
    feature("online", 0);
    feature("state", XenbusStateClosing);
    poll_all();
    ck_assert_uint_eq(jobs[0].done, 1);
    ck_assert_int_eq(jobs[0].io.error, -XEN_ENODEV);
    ck_assert_int_eq(start(&jobs[0], BLK_READ, 0, 4096, 0), -XEN_ENODEV);
}
END_TEST

START_TEST(test_resume)
{
    open_with(config_all());
    fake_blk.hold = true;
    ck_assert_int_eq(start(&jobs[0], BLK_READ, 0, 65536, 0), 0);
    fake_blk.hold = false;
    fake_blk_offer();
    store_init(fake_store_page, 1);
    xenbus_resume();
    poll_all();
    ck_assert_uint_eq(jobs[0].done, 1);
    ck_assert_int_eq(jobs[0].io.error, 0);
}
END_TEST

START_TEST(test_few_grants)
{
    open_with(config_all());
    fake_grants_limit = fake_grants_used + 3;
    ck_assert_int_eq(start(&jobs[0], BLK_READ, 0, 65536, 0), 0);
    poll_all();
    ck_assert_uint_eq(jobs[0].done, 1);
    ck_assert_int_eq(jobs[0].io.error, 0);
    fake_grants_limit = fake_grants_used;
    ck_assert_int_eq(start(&jobs[0], BLK_READ, 0, 65536, 0), 0);
    poll_all();
    ck_assert_int_eq(jobs[0].io.error, -XEN_ENOSPC);
}
END_TEST

/* Hostile. */

static void other_id(unsigned int queue, struct blkif_response *rsp) { (void)queue, rsp->id ^= 1; }
static void huge_id(unsigned int queue, struct blkif_response *rsp) { (void)queue, rsp->id = 0xfffe; }
/* The second lies where a request was that the back-end has not read: it reads no more. */
static void twice(unsigned int queue, struct blkif_response *rsp)
{
    fake_blk_put(queue, rsp);
    fake_blk.hold = true;
}
static void jump(unsigned int queue, struct blkif_response *rsp)
{
    (void)rsp;
    fake_blk.hold = true;
    fake_blk_ring(queue)->rsp_prod += 1000;
}
static void keep(unsigned int queue, struct blkif_response *rsp)
{
    (void)queue, (void)rsp;
    for (unsigned int i = 0; i < FAKE_GRANTS; i++)
        fake_grants[i].mapped = fake_grants[i].used && fake_grants[i].frame == os_frame(jobs[0].buf);
}

START_TEST(test_hostile)
{
    void (*const acts[])(unsigned int, struct blkif_response *) = {other_id, huge_id, twice, jump, keep};

    open_with(config_all());
    fake_blk.answer = acts[_i];
    ck_assert_int_eq(start(&jobs[0], BLK_READ, 0, 4096, 0), 0);
    ck_assert_int_eq(start(&jobs[1], BLK_READ, 0, 4096, 0), 0);
    ck_assert_int_eq(start(&jobs[2], BLK_READ, 0, 4096, 0), 0);
    poll_all();
    ck_assert(blk_broken(&disk));
    ck_assert_uint_gt(fake_logged, 0);
    ck_assert_uint_eq(jobs[0].done + jobs[1].done + jobs[2].done, 3); /* each exactly once */
    ck_assert(jobs[0].io.error || jobs[1].io.error || jobs[2].io.error);
    ck_assert_int_eq(start(&jobs[3], BLK_READ, 0, 4096, 0), -XEN_EIO);
    if (_i == 4)
        ck_assert(jobs[0].io.held);
    for (unsigned int i = 0; i < FAKE_GRANTS; i++) {
        if (fake_grants[i].used && fake_grants[i].mapped) {
            fake_grants[i].mapped = 0;
            os_grant_end(i);
        }
    }
}
END_TEST

START_TEST(test_bad_nodes)
{
    static const struct {
        const char *node;
        const char *value;
    } bad[] = {{"sectors", "99999999999999999999999"}, {"sector-size", "513"},     {"sector-size", "0"},
               {"sector-size", "-1"},                  {"sector-size", "1048576"}, {"sectors", "99999999999999999"}};
    struct blk_config c = config_all();
    char path[128];

    os_format(path, sizeof(path), "/local/domain/0/backend/vbd/7/51712/%s", bad[_i].node);
    ck_assert_int_eq(blk_open(&disk, 51712, &c), 0);
    for (unsigned int i = 0; i < 100 && !fake_blk.connected; i++) {
        fake_turn();
        if (!fake_blk.connected)
            store_poll();
    }
    fake_set(path, bad[_i].value);
    store_poll();
    blk_wait(&disk, os_time() + 1000000000);
    ck_assert(disk.info.sector_size == 0 || (disk.info.sector_size >= 512 && disk.info.sector_size <= 4096));
    ck_assert_uint_lt(disk.info.sectors, 1UL << 56);
}
END_TEST

START_TEST(test_layout)
{
    struct ring r;
    uint64_t page[2 * 512];

    /* The ABI's own idea of a ring's size. */
    ring_init(&r, page, 4096, sizeof(union blkif_sring_entry));
    ck_assert_uint_eq(r.size, __CONST_RING_SIZE(blkif, 4096));
    ring_init(&r, page, 4096, sizeof(union netif_tx_sring_entry));
    ck_assert_uint_eq(r.size, __CONST_RING_SIZE(netif_tx, 4096));
    ring_init(&r, page, 4096, sizeof(union netif_rx_sring_entry));
    ck_assert_uint_eq(r.size, __CONST_RING_SIZE(netif_rx, 4096));
    ring_init(&r, page, 8192, sizeof(union blkif_sring_entry));
    ck_assert_uint_eq(r.size, __CONST_RING_SIZE(blkif, 8192));
    ck_assert_uint_eq(offsetof(struct blkif_sring, ring), sizeof(struct ring_shared));
    ck_assert_uint_eq(offsetof(struct blkif_sring, rsp_event), offsetof(struct ring_shared, rsp_event));
}
END_TEST

/* The ring goes round many times. */
START_TEST(test_wrap)
{
    open_with(config_all());
    for (unsigned int i = 0; i < 40; i++)
        write_then_read();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("front-blk");
    TCase *t = tcase_create("blk");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, test_features, 0, 32);
    tcase_add_loop_test(t, test_switched_off, 0, 7);
    tcase_add_loop_test(t, test_flush_and_fua, 0, 3);
    tcase_add_loop_test(t, test_flush_falls_back, 0, 2);
    tcase_add_loop_test(t, test_discard, 0, 2);
    tcase_add_test(t, test_refusals);
    tcase_add_test(t, test_read_only);
    tcase_add_test(t, test_errors);
    tcase_add_test(t, test_resize);
    tcase_add_loop_test(t, test_restart, 0, 2);
    tcase_add_test(t, test_unplug);
    tcase_add_test(t, test_resume);
    tcase_add_test(t, test_few_grants);
    tcase_add_loop_test(t, test_hostile, 0, 5);
    tcase_add_loop_test(t, test_bad_nodes, 0, 6);
    tcase_add_test(t, test_wrap);
    suite_add_tcase(s, t);
    t = tcase_create("ring");
    tcase_add_test(t, test_layout);
    suite_add_tcase(s, t);
    return run_suite(s);
}
