/* SPDX-License-Identifier: MIT */
/*
 * blktest: writes patterns to a PV disk by requests of many sizes and places, reads them back by others, and checks every
 * byte; flush, stable writes, discard; what has to be refused. DESTROYS what the disk holds.
 * Command line: disk=N (the first), mb=N (16; how much of it), rounds=N (2), the word `on` (further rounds until xenstore
 * has a node data/end), depth=N (32), bench=SECONDS of each figure, and to limit or, with 0, switch off features: queues=
 * ring= (order) indirect= persistent= flush= barrier= discard=.
 * Last line: "BLKTEST ok …" or "BLKTEST FAILED …".
 */
#include "guest.h"

#include <front/blk.h>

#define DEPTH_MAX   64U
#define CHUNK_PAGES 32U /* the largest request, 128 KiB */
#define CHUNK       (CHUNK_PAGES * PAGE_SIZE)

struct job {
    struct blk_io io;
    struct blk_vec vec[2];
    uint8_t *buf;
    unsigned int index;
    bool busy;
};

static struct blk_device disk;
static struct job jobs[DEPTH_MAX];
static unsigned int depth, in_flight;
static unsigned long errors, requests;
static uint64_t random_state = 88172645463325252UL, limit, pattern;

static uint64_t random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static void wrong(const char *what, uint64_t sector, long value)
{
    if (errors++ < 10)
        print("blktest: %s at sector %lu: %ld\n", what, sector, value);
}

/* What sector S holds in this round: no two words alike. */
static uint64_t word(uint64_t sector, unsigned int i) { return (sector * 64 + i + 1) * 0x9e3779b97f4a7c15UL ^ pattern; }

static void fill(struct job *j, uint32_t sectors)
{
    uint64_t *p = (uint64_t *)j->buf;

    for (uint64_t s = j->io.sector; s < j->io.sector + sectors; s++)
        for (unsigned int i = 0; i < BLK_SECTOR / 8; i++)
            *p++ = word(s, i);
}

static void verify(const struct job *j)
{
    const uint64_t *p = (const uint64_t *)j->buf;
    uint32_t sectors = (j->vec[0].len + j->vec[1].len) / BLK_SECTOR;

    for (uint64_t s = j->io.sector; s < j->io.sector + sectors; s++)
        for (unsigned int i = 0; i < BLK_SECTOR / 8; i++, p++)
            if (*p != word(s, i)) {
                wrong("wrong data", s, i * 8);
                return;
            }
}

static void on_done(struct blk_io *io)
{
    struct job *j = io->arg;

    if (io->error && (io->op == BLK_READ || io->op == BLK_WRITE))
        wrong("request failed", io->sector, io->error);
    else if (io->op == BLK_READ && pattern)
        verify(j);
    j->busy = false;
    in_flight--;
    requests++;
}

static bool something(void *arg)
{
    (void)arg;
    for (unsigned int q = 0; q < disk.queues; q++)
        if (blk_pending(&disk, q))
            return true;
    return store_pending();
}

static void poll(void)
{
    store_poll();
    for (unsigned int q = 0; q < disk.queues; q++)
        blk_poll(&disk, q);
}

static void wait_until(unsigned int allowed)
{
    uint64_t deadline = time_now() + 120000000000UL;

    poll();
    while (in_flight > allowed) {
        if (!os_wait(something, NULL, deadline))
            panic("blktest: %u requests not answered", in_flight);
        poll();
    }
}

static void submit(struct job *j)
{
    int rc;

    j->busy = true;
    j->io.vec = j->vec;
    j->io.vecs = 2;
    j->io.done = on_done;
    j->io.arg = j;
    in_flight++;
    rc = blk_submit(&disk, j->index, &j->io);
    if (rc) {
        j->io.error = rc;
        on_done(&j->io);
    }
}

/* One request of this length; its memory in two pieces, the first of a random part of it. */
static void transfer(struct job *j, enum blk_op op, uint64_t sector, uint32_t sectors)
{
    uint32_t unit = disk.info.sector_size, units = sectors * BLK_SECTOR / unit, first = (uint32_t)(random() % (units + 1));

    j->io = (struct blk_io){.op = op, .sector = sector};
    j->vec[0] = (struct blk_vec){j->buf, first * unit};
    j->vec[1] = (struct blk_vec){j->buf + first * unit, (units - first) * unit};
    if (op == BLK_WRITE) {
        fill(j, sectors);
        j->io.fua = random() % 64 == 0;
    } else {
        memset(j->buf, 0xa5, sectors * BLK_SECTOR);
    }
    submit(j);
}

static struct job *idle_job(void)
{
    static unsigned int at;

    wait_until(depth - 1);
    while (jobs[at % depth].busy)
        at++;
    return &jobs[at++ % depth];
}

/* Covers the region once, in pieces of random lengths, begun at a random place. */
static void pass(enum blk_op op)
{
    uint32_t unit = disk.info.sector_size / BLK_SECTOR;
    uint64_t start = random() % limit / unit * unit, done = 0;

    while (done < limit) {
        uint64_t at = (start + done) % limit, n = (1 + random() % (CHUNK / disk.info.sector_size)) * unit;

        n = n > limit - at ? limit - at : n;
        n = n > limit - done ? limit - done : n;
        transfer(idle_job(), op, at, (uint32_t)n);
        done += n;
    }
    wait_until(0);
}

static void simple(enum blk_op op, uint64_t sectors, int wanted)
{
    struct job *j = idle_job();

    j->io = (struct blk_io){.op = op, .sectors = sectors};
    j->vec[0].len = j->vec[1].len = 0;
    submit(j);
    wait_until(0);
    if (j->io.error != wanted)
        wrong(op == BLK_FLUSH ? "flush" : "discard", 0, j->io.error);
}

static void refused(const char *what, uint64_t sector, uint32_t len, unsigned int shift, int wanted)
{
    struct job *j = idle_job();
    int rc;

    j->vec[0] = (struct blk_vec){j->buf + shift, len};
    j->io = (struct blk_io){.op = BLK_WRITE, .sector = sector, .vec = j->vec, .vecs = 1, .done = on_done, .arg = j};
    rc = blk_submit(&disk, 0, &j->io);
    if (rc == wanted)
        return;
    print("blktest: %s: %d, not %d\n", what, rc, wanted);
    errors++;
    if (!rc) {
        in_flight++;
        wait_until(0);
    }
}

static void refusals(void)
{
    bool read_only = disk.info.read_only;

    refused("a write past the end", disk.info.sectors, PAGE_SIZE, 0, read_only ? -XEN_EROFS : -XEN_EINVAL);
    refused("a write far past the end", ~0UL - 7, PAGE_SIZE, 0, read_only ? -XEN_EROFS : -XEN_EINVAL);
    refused("an odd length", 0, 100, 0, read_only ? -XEN_EROFS : -XEN_EINVAL);
    refused("an odd address", 0, PAGE_SIZE, 8, read_only ? -XEN_EROFS : -XEN_EINVAL);
    refused("an empty write", 0, 0, 0, read_only ? -XEN_EROFS : -XEN_EINVAL);
}

/* Requests of one length for so many seconds: by depth and order of places. */
static void figure(const char *name, enum blk_op op, uint32_t bytes, unsigned int queue_depth, bool in_order)
{
    uint64_t start, end, at = 0, sectors = bytes / BLK_SECTOR;
    unsigned int saved = depth;

    depth = queue_depth;
    requests = 0;
    start = time_now();
    while ((end = time_now()) - start < option("bench", 0) * 1000000000UL) {
        struct job *j = idle_job();

        at = in_order ? (at + sectors) % (limit - sectors + 1) / sectors * sectors : random() % (limit / sectors) * sectors;
        j->io = (struct blk_io){.op = op, .sector = at};
        j->vec[0] = (struct blk_vec){j->buf, bytes};
        j->vec[1].len = 0;
        submit(j);
    }
    wait_until(0);
    end = time_now();
    depth = saved;
    print("BENCH blk.%s %lu request/s %lu KiB/s\n", name, requests * 1000000000 / (end - start),
          requests * (bytes / 1024) * 1000000000 / (end - start));
}

static void bench(void)
{
    pattern = 0; /* data is not checked */
    figure("read-4k-depth1", BLK_READ, 4096, 1, false);
    figure("read-4k-depth32", BLK_READ, 4096, 32, false);
    figure("read-128k-sequential", BLK_READ, CHUNK, 32, true);
    if (disk.info.read_only)
        return;
    figure("write-4k-depth1", BLK_WRITE, 4096, 1, false);
    figure("write-4k-depth32", BLK_WRITE, 4096, 32, false);
    figure("write-128k-sequential", BLK_WRITE, CHUNK, 32, true);
}

static void open_disk(void)
{
    struct blk_config config = BLK_CONFIG_ALL;
    unsigned int ids[16];
    int n = xenbus_scan("vbd", ids, ARRAY_SIZE(ids)), rc;
    unsigned int which = (unsigned int)option("disk", 0);

    if (n <= (int)which)
        panic("blktest: no disk %u, there are %d", which, n);
    config.queues = (unsigned int)option("queues", 2);
    config.ring_order = (unsigned int)option("ring", config.ring_order);
    config.indirect = (unsigned int)option("indirect", config.indirect);
    config.persistent_pages = (unsigned int)option("persistent", config.persistent_pages);
    config.flush = option("flush", 1);
    config.barrier = option("barrier", 1);
    config.discard = option("discard", 1);
    rc = blk_open(&disk, ids[which], &config);
    if (!rc)
        rc = blk_wait(&disk, time_now() + 30000000000UL);
    if (rc)
        panic("blktest: disk %u does not connect: %d", ids[which], rc);
    print("blktest: %s: %lu sectors of %u bytes%s, %u queues of %u pages, %u segments%s%s%s%s, up %lu us\n", disk.bus.dir,
          disk.info.sectors, disk.info.sector_size, disk.info.read_only ? ", read-only" : "", disk.info.queues,
          disk.info.ring_pages, disk.info.max_segments, disk.info.persistent ? ", persistent" : "",
          disk.info.flush ? ", flush" : "", disk.info.barrier ? ", barrier" : "", disk.info.discard ? ", discard" : "",
          (time_now() - time_boot()) / 1000);
}

static bool told_to_end(void)
{
    char value[4];

    return !option_word("on") || store_read(0, "data", "end", value, sizeof(value)) > 0;
}

static void write_rounds(void)
{
    unsigned long rounds = option("rounds", 2);

    for (unsigned long r = 0; r < rounds || !told_to_end(); r++) {
        pattern = random() | 1;
        pass(BLK_WRITE);
        simple(BLK_FLUSH, 0, 0);
        pass(BLK_READ);
    }
    if (disk.info.discard) {
        simple(BLK_DISCARD, disk.info.sector_size / BLK_SECTOR * 64, 0);
    } else {
        simple(BLK_DISCARD, 64, -XEN_EOPNOTSUPP);
    }
}

void main(void)
{
    control_init();
    depth = (unsigned int)option("depth", 32);
    depth = !depth || depth > DEPTH_MAX ? DEPTH_MAX : depth;
    for (unsigned int i = 0; i < DEPTH_MAX; i++) {
        jobs[i].index = i;
        jobs[i].buf = pages_alloc(CHUNK_PAGES);
        if (!jobs[i].buf)
            panic("blktest: no memory for %u requests", DEPTH_MAX);
    }
    open_disk();
    limit = option("mb", 16) * 2048;
    limit = limit < disk.info.sectors ? limit : disk.info.sectors;
    refusals();
    if (disk.info.read_only)
        pass(BLK_READ);
    else
        write_rounds();
    if (!errors && option("bench", 0))
        bench();
    blk_close(&disk);
    if (errors)
        print("BLKTEST FAILED %lu errors\n", errors);
    else
        print("BLKTEST ok %lu requests, %lu KiB\n", requests, limit / 2);
}
