/* SPDX-License-Identifier: MIT */
/*
 * Our block front end on our back-end, both real, in one process, on a file: what is read is compared with what was written, while
 * the back-end is started again at any moment, with features on and off.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "front/fake.h"
#include "pair.h"
/* Both have these names; the keeper's store is not in this program. */
#define blk_op back_op
#define store_read keeper_store_read
#define store_number keeper_store_number
#define store_write keeper_store_write
#include "blk/medium.h"
#include "run-suite.h"
#undef blk_op
#undef store_read
#undef store_number
#undef store_write

#define BACK "/local/domain/0/backend/vbd/7/51712/"
#define DEV "device/vbd/51712/"
#define SECTORS 4096u
#define JOBS 48
#define JOB_BYTES (64u << 10)

static struct disk disk;
static struct journal *journal;
static struct loop loop;
static struct blk_device dev;
static struct blk_config config;
static bool on, again, persistent;
static int image;
static unsigned lives, turns;
static uint8_t shadow[SECTORS * 512];

struct job {
    struct blk_io io;
    struct blk_vec vec[3];
    uint8_t *buffer;
    bool busy;
};
static struct job jobs[JOBS];
static bool taken[SECTORS / 8];         /* by a request under way, in units of 4 KiB */
static unsigned ended;

static void connect_back(void)
{
    struct blk_connect c = { .queues = 1, .again = again, .persistent = fake_get_number(DEV "feature-persistent") == 1 && persistent };

    if (fake_get(DEV "multi-queue-num-queues"))
        c.queues = (uint8_t)fake_get_number(DEV "multi-queue-num-queues");
    if (fake_get(DEV "ring-page-order"))
        c.order = (uint8_t)fake_get_number(DEV "ring-page-order");
    for (unsigned q = 0; q < c.queues; q++) {
        c.port[q] = (uint32_t)fake_queue_number(DEV, q, "event-channel");
        for (unsigned i = 0; i < 1u << c.order; i++) {
            char name[16];

            snprintf(name, sizeof(name), fake_get(DEV "ring-page-order") ? "ring-ref%u" : "ring-ref", i);
            c.ref[q][i] = (uint32_t)fake_queue_number(DEV, q, name);
        }
    }
    ck_assert_int_eq(disk_connect(&disk, &c), 0);
    on = again = true;
    lives++;
}

static void disconnect_back(void)
{
    while (!disk_disconnect(&disk))
        ck_assert_int_eq(loop_step(&loop), 0);
    on = false;
}

static void turn(void)
{
    uint64_t front = fake_get_number(DEV "state");

    if (!on && front == XenbusStateInitialised) {
        connect_back();
        fake_set_number(BACK "state", XenbusStateConnected);
    }
    if (front == XenbusStateClosed && fake_get_number(BACK "state") != XenbusStateClosed) {
        disconnect_back();
        again = false;
        fake_set_number(BACK "state", XenbusStateClosed);
    }
    for (unsigned i = 0; on && i < disk.n_queues; i++)
        queue_run(disk.queue[i]);
    while (on && loop.ready && disk_running(&disk))
        ck_assert_int_eq(loop_step(&loop), 0);
    /* Now and then a worker dies here: requests are carried out, and their answers were not published. */
    if (on && ++turns % 5 == 0) {
        uint32_t queues = journal->queues;

        disconnect_back();
        journal->queues = queues;       /* the dead write nothing */
        connect_back();
    }
    for (unsigned i = 0; on && i < disk.n_queues; i++)
        queue_push(disk.queue[i]);
}

static void set_up(void)
{
    struct blk_attach a = { .medium = BLK_FILE, .synchronous = 1, .discard = 1, .bytes = sizeof(shadow) };

    fake_init();
    fake_quiet = !getenv("FRONT_LOG");
    image = memfd_create("image", 0);
    ck_assert_int_eq(ftruncate(image, sizeof(shadow)), 0);
    a.synchronous = !loop.ready;
    journal = calloc(1, sizeof(*journal));
    disk = (struct disk){ .peer = &pair_peer, .loop = &loop, .journal = journal, .medium = medium_file_open(&loop, dup(image), &a) };
    on = again = false;
    lives = ended = turns = 0;
    memset(shadow, 0, sizeof(shadow));
    memset(taken, 0, sizeof(taken));
    for (unsigned i = 0; i < JOBS; i++)
        jobs[i] = (struct job){ .buffer = aligned_alloc(4096, JOB_BYTES) };
    config = (struct blk_config)BLK_CONFIG_ALL;
    srand(1);
}

static void set_up_async(void)
{
    ck_assert_int_eq(loop_open(&loop), 0);
    loop.ready = true;
    set_up();
}

static void tear_down(void)
{
    blk_close(&dev);
    disk.medium->ops->close(disk.medium);
    close(image);
    free(journal);
    for (unsigned i = 0; i < JOBS; i++)
        free(jobs[i].buffer);
    fake_fini();
}

static void open_it(void)
{
    static const struct { const char *node; unsigned value; } nodes[] = {
        { "feature-max-indirect-segments", 256 }, { "max-ring-page-order", 4 }, { "multi-queue-max-queues", BLK_QUEUES_MAX },
        { "feature-flush-cache", 1 }, { "feature-discard", 1 }, { "discard-granularity", 4096 }, { "sectors", SECTORS },
        { "sector-size", 512 }, { "info", 0 }, { "online", 1 }, { "feature-persistent", 0 }, { "state", XenbusStateInitWait },
    };

    fake_set(DEV "backend", "/local/domain/0/backend/vbd/7/51712");
    fake_set(DEV "backend-id", "0");
    fake_set(DEV "state", "1");
    for (unsigned i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        fake_set_in(BACK, nodes[i].node, strcmp(nodes[i].node, "feature-persistent") ? nodes[i].value : persistent);
    fake_peer = turn;
    ck_assert_int_eq(blk_open(&dev, 51712, &config), 0);
    ck_assert_int_eq(blk_wait(&dev, os_time() + 1000000000), 0);
}

static uint32_t bytes_of(const struct job *j)
{
    return j->io.op == BLK_DISCARD ? (uint32_t)j->io.sectors * 512 : j->vec[0].len + j->vec[1].len + j->vec[2].len;
}

static void mark(const struct job *j, bool value)
{
    for (uint64_t at = j->io.sector / 8; at < (j->io.sector * 512 + bytes_of(j) + 4095) / 4096; at++)
        taken[at] = value;
}

static void on_done(struct blk_io *io)
{
    struct job *j = (struct job *)io;

    ck_assert_int_eq(io->error, 0);
    if (io->op == BLK_READ)
        ck_assert_mem_eq(j->buffer, shadow + io->sector * 512, bytes_of(j));
    if (io->op != BLK_FLUSH)
        mark(j, false);
    j->busy = false;
    ended++;
}

static void poll_all(void)
{
    fake_turn();
    store_poll();
    for (unsigned q = 0; q < dev.queues; q++)
        blk_poll(&dev, q);
}

/* Anything but where another request is under way. */
static void start_job(struct job *j)
{
    uint32_t sectors = 1 + (uint32_t)rand() % (JOB_BYTES / 512), cut = (uint32_t)rand() % sectors * 512;

    j->io = (struct blk_io){ .op = (enum blk_op)(rand() % 9 / 3), .done = on_done, .fua = rand() % 8 == 0 };
    if (rand() % 16 == 0)
        j->io.op = BLK_DISCARD;
    if (j->io.op != BLK_FLUSH) {
        j->io.sector = (uint64_t)rand() % (SECTORS - sectors);
        j->io.fua &= j->io.op == BLK_WRITE;
        if (j->io.op == BLK_DISCARD) {
            j->io.sector &= ~7ull;
            j->io.sectors = sectors & ~7u ? sectors & ~7u : 8;
        }
        j->vec[0] = (struct blk_vec){ j->buffer, cut };
        j->vec[1] = (struct blk_vec){ j->buffer + cut, sectors * 512 - cut };
        j->io.vec = cut ? j->vec : j->vec + 1;
        j->io.vecs = cut ? 2 : 1;
        for (uint64_t at = j->io.sector / 8; at < (j->io.sector * 512 + bytes_of(j) + 4095) / 4096; at++)
            if (taken[at])
                return;
        mark(j, true);
    }
    if (j->io.op == BLK_WRITE) {
        for (uint32_t i = 0; i < bytes_of(j); i++)
            j->buffer[i] = (uint8_t)rand();
        memcpy(shadow + j->io.sector * 512, j->buffer, bytes_of(j));
    } else if (j->io.op == BLK_DISCARD) {
        memset(shadow + j->io.sector * 512, 0, bytes_of(j));
    }
    j->busy = true;
    ck_assert_int_eq(blk_submit(&dev, (unsigned)rand(), &j->io), 0);
}

/* The image is the shadow at the end; features by the bits of _i. */
START_TEST(holds_what_is_written)
{
    static uint8_t content[sizeof(shadow)];
    unsigned started = 0;

    persistent = _i & 1;
    if (_i & 2)
        config.indirect = 0;
    if (_i & 4)
        config.ring_order = 0;
    if (_i & 8)
        config.queues = 1;
    open_it();
    ck_assert_int_eq(dev.info.persistent, persistent);
    for (unsigned round = 0; round < 150; round++) {
        for (unsigned i = 0; i < JOBS; i++)
            if (!jobs[i].busy) {
                start_job(&jobs[i]);
                started += jobs[i].busy;
            }
        poll_all();
    }
    for (unsigned i = 0; i < 2000 && ended < started; i++)
        poll_all();
    ck_assert_uint_eq(ended, started);
    ck_assert_uint_gt(lives, 1);
    ck_assert_uint_gt(journal->stats.replayed, 0);
    ck_assert_int_eq(pread(image, content, sizeof(content), 0), (ssize_t)sizeof(content));
    ck_assert_mem_eq(content, shadow, sizeof(content));
    ck_assert_uint_eq(journal->stats.errors + journal->stats.refused, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pair-blk");
    TCase *t = tcase_create("ours on ours"), *u = tcase_create("by io_uring");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_checked_fixture(u, set_up_async, tear_down);
    tcase_set_timeout(t, 60);
    tcase_set_timeout(u, 60);
    tcase_add_loop_test(t, holds_what_is_written, 0, 16);
    tcase_add_loop_test(u, holds_what_is_written, 0, 16);
    suite_add_tcase(s, t);
    suite_add_tcase(s, u);
    return run_suite(s);
}
