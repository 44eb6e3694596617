/* SPDX-License-Identifier: MIT */
/*
 * Every kind of image that vellum-blkd serves, by its real server, from a guest in the same process: written, read back,
 * and compared with what qemu-img finds in the file. Needs qemu-utils and nbdkit; what is missing is skipped, and said.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <seccomp.h>

#include "back-peer.h"
#include "blk/image.h"
#include "blk/libnbd-late.h"
#include "blk/medium.h"
#include "blk/server.h"
#include "common/confine.h"
#include "run-suite.h"

#define DATA 32
#define MIB (1u << 20)
#define IMAGE_BYTES (8 * MIB)
#define STEP (3 * 1024 + 64)    /* sectors */

static struct fake_peer fake;
static struct journal *journal;
static struct disk disk;
static struct image image;
static struct loop loop;
static blkif_front_ring_t front;
static char dir[64];
static unsigned lost;
static bool no_server, confined;
static struct image_options options;

static void on_lost(void *arg)
{
    (void)arg;
    lost++;
}

static bool have(const char *program)
{
    char command[128];

    snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
    if (!system(command))
        return true;
    printf("skipped: %s is not installed\n", program);
    return false;
}

static void sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void sh(const char *fmt, ...)
{
    char command[1024];
    int n = snprintf(command, sizeof(command), "cd %s && ", dir);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(command + n, sizeof(command) - (size_t)n, fmt, ap);
    va_end(ap);
    ck_assert_msg(system(command) == 0, "failed: %s", command);
}

static const char *in_dir(const char *prefix, const char *name)
{
    static char path[4][256];
    static unsigned at;

    at = (at + 1) % 4;
    snprintf(path[at], sizeof(path[at]), "%s%s/%s", prefix, dir, name);
    return path[at];
}

static void setup(void)
{
    ck_assert_int_eq(loop_open(&loop), 0);
    strcpy(dir, "/tmp/vellum-image-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    options = (struct image_options){ .run_dir = dir };
    fake_peer_init(&fake);
    journal = calloc(1, sizeof(*journal));
    lost = 0;
    no_server = false;
    image.fd = image.words = -1;
}

/* A worker's own calls, and what the sanitizers make when a process ends. */
static int confine_test(void)
{
    int calls[MEDIA_CALLS + 1];

    memcpy(calls, media_calls, sizeof(media_calls));
    calls[MEDIA_CALLS] = SCMP_SYS(sigaltstack);
    return confine(NULL, 0, calls, MEDIA_CALLS + 1);
}

/* Give the guest this image; the reason when that is refused. */
static const char *insert(const char *params, bool readonly)
{
    static char why[256];
    struct blk_attach a = { .discard = 1 };
    struct blk_connect c = { .queues = 1, .persistent = 1, .port = { 5 } };

    *why = 0;
    if (image_open(&image, params, readonly, &options, why))
        return *why ? why : "?";
    a.readonly = image.readonly;
    a.bytes = image.bytes;
    a.synchronous = image.synchronous;
    disk = (struct disk){ .peer = &fake.peer, .loop = &loop, .journal = journal };
    if (image.medium == BLK_NBD) {
        int fd = image_connect(&image, why);

        if (fd < 0)
            return why;
        if (confined && confine_test())
            return "not confined";
        disk.medium = medium_nbd_open(&loop, fd, &a, on_lost, NULL, why);
        if (!disk.medium)
            return why;
    } else {
        int fd = dup(image.fd);

        if (confined && confine_test())
            return "not confined";
        disk.medium = medium_file_open(&loop, fd, &a);
    }
    SHARED_RING_INIT((blkif_sring_t *)fake.pages[0]);
    FRONT_RING_INIT(&front, (blkif_sring_t *)fake.pages[0], 4096);
    ck_assert_int_eq(disk_connect(&disk, &c), 0);
    return NULL;
}

static void timer_done(struct completion *c, int result)
{
    (void)result;
    c->done = NULL;
}

static void eject(void)
{
    struct __kernel_timespec soon = { 0, 10000000 };
    struct completion timer = { .done = timer_done };

    if (disk.medium) {
        ck_assert(disk_disconnect(&disk));
        disk.medium->ops->close(disk.medium);
        /* A cancelled poll has its end in the loop. */
        loop_timer(&loop, &soon, &timer);
        while (timer.done)
            ck_assert_int_eq(loop_step(&loop), 0);
    }
    disk.medium = NULL;
    image_close(&image);
}

static void teardown(void)
{
    char command[128];

    eject();
    io_uring_queue_exit(&loop.ring);
    free(journal);
    fake_peer_free(&fake);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    if (system(command))
        perror(dir);
}

/* One request of eight pages, to its end. */
static int request(uint8_t op, uint64_t sector)
{
    blkif_request_t *r = RING_GET_REQUEST(&front, front.req_prod_pvt);
    blkif_response_t answer;

    front.req_prod_pvt++;
    memset(r, 0, sizeof(*r));
    r->operation = op;
    r->sector_number = sector;
    if (op == BLKIF_OP_READ || op == BLKIF_OP_WRITE)
        r->nr_segments = 8;
    for (unsigned i = 0; i < 8; i++)
        r->seg[i] = (struct blkif_request_segment){ DATA + i, 0, 7 };
    RING_PUSH_REQUESTS(&front);
    queue_run(disk.queue[0]);
    queue_push(disk.queue[0]);
    while (front.sring->rsp_prod == front.rsp_cons) {
        if (lost && !no_server) {
            char why[256];
            int fd = image_connect(&image, why);

            /* The dead one may not have been buried yet; the keeper tries again as well. */
            for (int tries = 0; fd < 0 && tries < 50; tries++) {
                usleep(100000);
                fd = image_connect(&image, why);
            }
            medium_nbd_server(disk.medium, fd);
            lost = 0;
        } else if (lost) {
            medium_nbd_server(disk.medium, -1);
            lost = 0;
        } else {
            ck_assert_int_eq(loop_step(&loop), 0);
        }
        queue_push(disk.queue[0]);
    }
    RING_COPY_RESPONSE(&front, front.rsp_cons, &answer);
    front.rsp_cons++;
    return answer.status;
}

static void pattern(uint64_t sector, unsigned seed)
{
    for (unsigned p = 0; p < 8; p++)
        for (unsigned i = 0; i < 4096; i++)
            fake.pages[DATA + p][i] = (uint8_t)(sector + p * 31 + i * 7 + seed);
}

static void check_pattern(uint64_t sector, unsigned seed)
{
    static uint8_t got[8 * 4096];

    memcpy(got, fake.pages[DATA], sizeof(got));
    pattern(sector, seed);
    ck_assert(!memcmp(got, fake.pages[DATA], sizeof(got)));
}

static void write_all(unsigned seed)
{
    for (uint64_t s = 0; s < IMAGE_BYTES / 512; s += STEP) {
        pattern(s, seed);
        ck_assert_int_eq(request(BLKIF_OP_WRITE, s), BLKIF_RSP_OKAY);
    }
    ck_assert_int_eq(request(BLKIF_OP_FLUSH_DISKCACHE, 0), BLKIF_RSP_OKAY);
}

static void read_all(unsigned seed)
{
    for (uint64_t s = 0; s < IMAGE_BYTES / 512; s += STEP) {
        memset(fake.pages[DATA], 0, 8 * 4096);
        ck_assert_int_eq(request(BLKIF_OP_READ, s), BLKIF_RSP_OKAY);
        check_pattern(s, seed);
    }
}

/* The same in a raw file made by qemu-img. */
static void read_file(const char *name, unsigned seed)
{
    int fd = open(in_dir("", name), O_RDONLY);

    for (uint64_t s = 0; s < IMAGE_BYTES / 512; s += STEP) {
        for (unsigned p = 0; p < 8; p++)
            ck_assert_int_eq(pread(fd, fake.pages[DATA + p], 4096, (off_t)(s * 512 + p * 4096)), 4096);
        check_pattern(s, seed);
    }
    close(fd);
}

static const struct format { const char *name, *qemu; } formats[] = {
    { "raw", "raw" }, { "qcow2", "qcow2" }, { "qcow", "qcow" }, { "qed", "qed" }, { "vmdk", "vmdk" }, { "vdi", "vdi" },
    { "vhd", "vpc" }, { "vhdx", "vhdx" },
};

START_TEST(serves_a_format)
{
    const struct format *f = &formats[_i];
    char params[320];
    const char *why;

    if (!have("qemu-img"))
        return;
    sh("qemu-img create -q -f %s image %u", f->qemu, IMAGE_BYTES);
    snprintf(params, sizeof(params), "%s:%s", f->name, in_dir("", "image"));
    why = insert(params, false);
    ck_assert_msg(!why, "%s: %s", f->name, why);
    write_all(1);
    read_all(1);
    if (image.server) {                 /* dies under it, and comes back */
        kill(image.server, SIGKILL);
        read_all(1);
        pattern(64, 9);
        ck_assert_int_eq(request(BLKIF_OP_WRITE, 64), BLKIF_RSP_OKAY);
    }
    eject();
    sh("qemu-img convert -f %s -O raw image plain", f->qemu);
    read_file("plain", 1);
    if (strcmp(f->name, "raw") && strcmp(f->name, "qcow")) {
        snprintf(params, sizeof(params), "auto:%s", in_dir("", "image"));
        why = insert(params, true);
        ck_assert_msg(!why, "auto %s: %s", f->name, why);
        read_all(1);
        ck_assert_int_eq(request(BLKIF_OP_WRITE, 0), BLKIF_RSP_ERROR);
    }
    if (!strcmp(f->name, "raw")) {      /* its guest could make it look like any other */
        eject();
        snprintf(params, sizeof(params), "auto:%s", in_dir("", "image"));
        why = insert(params, false);
        ck_assert_msg(why && strstr(why, "has to be said to be raw"), "auto raw: %s", why ? why : "taken");
        why = insert(params, true);
        ck_assert_msg(!why, "auto raw, read-only: %s", why);
        read_all(1);
    }
}
END_TEST

START_TEST(serves_a_chain_of_snapshots)
{
    const char *why;

    if (!have("qemu-img"))
        return;
    sh("qemu-img create -q -f qcow2 base %u", IMAGE_BYTES);
    ck_assert_ptr_null(insert(in_dir("qcow2:", "base"), false));
    write_all(3);
    eject();
    sh("qemu-img create -q -f qcow2 -b base -F qcow2 middle && qemu-img create -q -f qcow2 -b middle -F qcow2 top");
    why = insert(in_dir("qcow2:", "top"), false);
    ck_assert_msg(!why, "%s", why);
    read_all(3);
    write_all(4);
    read_all(4);
    eject();
    sh("qemu-img convert -f qcow2 -O raw base plain");
    read_file("plain", 3);              /* the base is as it was */
}
END_TEST

START_TEST(refuses_chains_that_lead_out)
{
    const char *why;

    if (!have("qemu-img"))
        return;
    sh("qemu-img create -q -f qcow2 -u -b /etc/passwd -F raw out 1M");
    why = insert(in_dir("qcow2:", "out"), false);
    ck_assert_ptr_nonnull(why);
    ck_assert_ptr_nonnull(strstr(why, "/etc/passwd"));
    sh("mkdir sub && qemu-img create -q -f qcow2 base 1M && qemu-img create -q -f qcow2 -b ../base -F qcow2 sub/up");
    ck_assert_ptr_nonnull(insert(in_dir("qcow2:", "sub/up"), false));
    options.folder = dir;
    ck_assert_ptr_null(insert(in_dir("qcow2:", "sub/up"), false));
    eject();
    sh("ln -s /etc/hostname link && qemu-img create -q -f qcow2 -u -b link -F raw linked 1M");
    ck_assert_ptr_nonnull(insert(in_dir("qcow2:", "linked"), false));
    sh("qemu-img create -q -f qcow2 -u -b 'json:{\"driver\":\"null-co\"}' -F raw json 1M");
    ck_assert_ptr_nonnull(insert(in_dir("qcow2:", "json"), false));
    sh("qemu-img create -q -f qcow2 -o data_file=elsewhere,data_file_raw=on data 1M");
    ck_assert_ptr_nonnull(insert(in_dir("qcow2:", "data"), false));
}
END_TEST

START_TEST(refuses_what_is_no_image)
{
    const char *why;

    if (!have("qemu-img"))
        return;
    sh("truncate -s 1M noise");
    why = insert(in_dir("qcow2:", "noise"), false);
    ck_assert_ptr_nonnull(why);
    sh("qemu-img create -q -f qcow2 short 64M && truncate -s 100 short");
    ck_assert_ptr_nonnull(insert(in_dir("qcow2:", "short"), false));
    ck_assert_ptr_nonnull(insert(in_dir("", "none"), false));
    ck_assert_ptr_nonnull(insert(dir, false));
    ck_assert_ptr_nonnull(insert("relative", false));
    sh("truncate -s 100 tiny");
    ck_assert_ptr_nonnull(insert(in_dir("", "tiny"), false));
    /* A qcow2 header in a raw disk is data. */
    sh("qemu-img create -q -f qcow2 image %u", IMAGE_BYTES);
    ck_assert_ptr_null(insert(in_dir("aio:", "image"), false));
    ck_assert_int_eq(image.medium, BLK_FILE);
}
END_TEST

START_TEST(allows_one_writer)
{
    struct image other;
    char why[256];

    sh("truncate -s 1M disk");
    ck_assert_ptr_null(insert(in_dir("", "disk"), false));
    ck_assert_int_eq(image_open(&other, in_dir("", "disk"), true, &options, why), -EBUSY);
    eject();
    ck_assert_ptr_null(insert(in_dir("", "disk"), true));
    ck_assert_int_eq(image_open(&other, in_dir("", "disk"), true, &options, why), 0);
    image_close(&other);
}
END_TEST

START_TEST(serves_compressed_images)
{
    const char *const kinds[] = { "gzip", "xz" };
    char params[320];

    if (!have("nbdkit"))
        return;
    sh("truncate -s %u disk", IMAGE_BYTES);
    ck_assert_ptr_null(insert(in_dir("", "disk"), false));
    write_all(6);
    eject();
    sh("%s -k disk", kinds[_i]);
    snprintf(params, sizeof(params), "%s:%s", kinds[_i], in_dir("", _i ? "disk.xz" : "disk.gz"));
    ck_assert_ptr_null(insert(params, false));
    read_all(6);
    ck_assert_int_eq(request(BLKIF_OP_WRITE, 0), BLKIF_RSP_ERROR);
}
END_TEST

/* And leaves nothing: neither its own socket, nor one of a daemon that has been killed. */
START_TEST(serves_memory)
{
    if (!have("nbdkit"))
        return;
    sh("touch nbd-1999999999-0 nbd-1-0");
    ck_assert_ptr_null(insert("memory:8M", false));
    write_all(7);
    read_all(7);
    kill(image.server, SIGKILL);
    eject();
    sh("[ \"$(echo nbd-*)\" = nbd-1-0 ] || { ls; false; }");
}
END_TEST

/* All that a medium does must be possible for a confined worker; one that does more is killed. */
START_TEST(works_confined)
{
    const char *const params[] = { "memory:8M", in_dir("", "disk") };

    if (!have("nbdkit"))
        _exit(0);
    sh("truncate -s %u disk", IMAGE_BYTES);
    confined = true;
    options.buffered = true;
    if (insert(params[_i], false))
        _exit(1);
    write_all(7);
    read_all(7);
    if (request(BLKIF_OP_READ, IMAGE_BYTES / 512) != BLKIF_RSP_ERROR)
        _exit(2);
    _exit(0);
}
END_TEST

START_TEST(serves_http)
{
    char params[64], packed[80], reason[256];
    const char *why;

    if (!have("nbdkit") || !have("python3"))
        return;
    sh("truncate -s %u disk", IMAGE_BYTES);
    ck_assert_ptr_null(insert(in_dir("", "disk"), false));
    write_all(8);
    eject();
    /* nginx and Apache serve ranges; so does nbdkit's own test of its curl plugin, by this small server. */
    sh("xz -k disk");
    sh("(exec python3 %s/tests/unit/back-http.py %s 0 >port 2>/dev/null & echo $! >pid); n=0; while [ ! -s port ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done",
       TOP_SRCDIR, dir);
    snprintf(params, sizeof(params), "http://127.0.0.1:%d/disk", 0);
    {
        FILE *f = fopen(in_dir("", "port"), "r");
        int port = 0;

        ck_assert(f && fscanf(f, "%d", &port) == 1);
        fclose(f);
        snprintf(params, sizeof(params), "http://127.0.0.1:%d/disk", port);
    }
    why = insert(params, false);
    if (!why) {
        read_all(8);
        ck_assert_int_eq(request(BLKIF_OP_WRITE, 0), BLKIF_RSP_ERROR);
        eject();
        snprintf(packed, sizeof(packed), "xz:%s.xz", params);
        why = insert(packed, false);
    }
    if (!why)
        read_all(8);
    sh("kill $(cat pid)");
    ck_assert_msg(!why, "%s", why);
    eject();
    why = insert(params, false);        /* it says itself what is wrong */
    ck_assert_ptr_nonnull(why);
    server_reason(&image, reason);
    ck_assert_msg(strstr(reason, "Failed to connect"), "%s; %s", why, reason);
}
END_TEST

START_TEST(serves_a_server_elsewhere)
{
    char params[320];

    if (!have("nbdkit"))
        return;
    sh("nbdkit -U %s/there -P %s/nbdkit.pid memory 8M", dir, dir);
    snprintf(params, sizeof(params), "nbd+unix:///?socket=%s/there", dir);
    ck_assert_ptr_null(insert(params, false));
    write_all(2);
    read_all(2);
    /* It goes for good: requests fail, and the disk lives on when another comes. */
    no_server = true;
    sh("kill -9 $(cat nbdkit.pid)");
    ck_assert_int_eq(request(BLKIF_OP_READ, 0), BLKIF_RSP_ERROR);
    sh("rm -f there; nbdkit -U %s/there -P %s/nbdkit.pid memory 8M", dir, dir);
    no_server = false;
    ck_assert_int_eq(request(BLKIF_OP_READ, 0), BLKIF_RSP_OKAY);
    eject();
    sh("kill $(cat nbdkit.pid)");
}
END_TEST

/* A full file system: errors for the guest, and no end; with room again it goes on. */
START_TEST(survives_a_full_disk)
{
    struct rlimit limit = { 2 * MIB, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };

    signal(SIGXFSZ, SIG_IGN);
    sh("truncate -s %u disk", IMAGE_BYTES);
    ck_assert_ptr_null(insert(in_dir("", "disk"), false));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    pattern(8192, 1);
    ck_assert_int_eq(request(BLKIF_OP_WRITE, 8192), BLKIF_RSP_ERROR);
    ck_assert_int_eq(request(BLKIF_OP_WRITE, 0), BLKIF_RSP_OKAY);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    ck_assert_int_eq(request(BLKIF_OP_WRITE, 8192), BLKIF_RSP_OKAY);
    write_all(5);
    read_all(5);
}
END_TEST

START_TEST(says_when_a_file_has_shrunk)
{
    sh("truncate -s %u disk", IMAGE_BYTES);
    ck_assert_ptr_null(insert(in_dir("", "disk"), false));
    sh("truncate -s 1M disk");
    ck_assert_uint_eq(image_size(&image), MIB);
    ck_assert_int_eq(request(BLKIF_OP_READ, 4096), BLKIF_RSP_ERROR);
    ck_assert_int_eq(request(BLKIF_OP_READ, 0), BLKIF_RSP_OKAY);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("back-image");
    TCase *t = tcase_create("images");
    struct loop probe;

    if (loop_open(&probe) || !libnbd_load()) {
        puts("skipped: no io_uring or no libnbd here");
        return 77;
    }
    io_uring_queue_exit(&probe.ring);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, serves_a_format, 0, sizeof(formats) / sizeof(formats[0]));
    tcase_add_test(t, serves_a_chain_of_snapshots);
    tcase_add_test(t, refuses_chains_that_lead_out);
    tcase_add_test(t, refuses_what_is_no_image);
    tcase_add_test(t, allows_one_writer);
    tcase_add_loop_test(t, serves_compressed_images, 0, 2);
    tcase_add_test(t, serves_memory);
    tcase_add_loop_exit_test(t, works_confined, 0, 0, 2);
    tcase_add_test(t, serves_http);
    tcase_add_test(t, serves_a_server_elsewhere);
    tcase_add_test(t, survives_a_full_disk);
    tcase_add_test(t, says_when_a_file_has_shrunk);
    suite_add_tcase(s, t);
    return run_suite(s);
}
