/* SPDX-License-Identifier: MIT */
/* Files in memory, copied from and to by a mapping: alone, and behind a disk whose file somebody changes meanwhile. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "blk/mapping.h"
#include "blk/medium.h"
#include "run-suite.h"

#define PAGES 64u
#define STEP 4096u
#define BYTES ((uint64_t)PAGES * STEP)

static uint8_t data[PAGES * STEP], got[PAGES * STEP];
static int file, result;
static struct disk disk;
static struct queue queue = { .disk = &disk };

static void setup(void)
{
    for (unsigned i = 0; i < BYTES; i++)
        data[i] = (uint8_t)(i * 7 + i / STEP);
    file = memfd_create("disk", 0);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(pwrite(file, data, BYTES, 0), (ssize_t)BYTES);
}

static void teardown(void) { close(file); }

static long blocks(void)
{
    struct stat st;

    ck_assert_int_eq(fstat(file, &st), 0);
    return st.st_blocks;
}

static void punch(unsigned page)
{
    ck_assert_int_eq(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * STEP, STEP), 0);
}

START_TEST(none_before_the_trap)
{
    /* In a process of its own, as each test is: nobody has called mapping_init(). */
    ck_assert_ptr_null(mapping_open(file, BYTES, false).at);
}
END_TEST

START_TEST(copies_both_ways)
{
    struct iovec iov[2] = { { got, 100 }, { got + 100, STEP } };
    struct mapping m;

    ck_assert_int_eq(mapping_init(), 0);
    m = mapping_open(file, BYTES, false);
    ck_assert_ptr_nonnull(m.at);
    ck_assert(mapping_read(&m, STEP + 5, STEP + 100, iov, 2));
    ck_assert(!memcmp(got, data + STEP + 5, STEP + 100));
    memset(got, 0x5a, sizeof(got));
    ck_assert(mapping_write(&m, BYTES - STEP - 100, STEP + 100, iov, 2));
    ck_assert_int_eq(pread(file, got, STEP + 101, (off_t)(BYTES - STEP - 101)), STEP + 101);
    ck_assert_uint_eq(got[0], data[BYTES - STEP - 101]);
    ck_assert(got[1] == 0x5a && got[STEP + 100] == 0x5a);
    /* Beyond it, and where the sum has no room. */
    ck_assert(!mapping_read(&m, BYTES - STEP, STEP + 100, iov, 2));
    ck_assert(!mapping_read(&m, UINT64_MAX, STEP + 100, iov, 2));
    ck_assert(!mapping_read(&m, 0, UINT64_MAX, iov, 2));
    mapping_close(&m);
    ck_assert(!mapping_read(&m, 0, STEP + 100, iov, 2));
}
END_TEST

START_TEST(holes_are_left_alone)
{
    struct iovec iov = { got, 2 * STEP }, one = { got, STEP };
    struct mapping m;
    long before;

    ck_assert_int_eq(mapping_init(), 0);
    punch(PAGES - 1);
    punch(5);
    punch(6);
    before = blocks();
    m = mapping_open(file, BYTES, false);
    ck_assert_ptr_nonnull(m.at);
    ck_assert_uint_eq(m.holes, 3);
    ck_assert(!mapping_read(&m, 4 * STEP, 2 * STEP, &iov, 1));
    ck_assert(!mapping_write(&m, 6 * STEP, 2 * STEP, &iov, 1));
    ck_assert(!mapping_read(&m, BYTES - STEP, STEP, &one, 1));
    ck_assert(!mapping_read(&m, 5 * STEP - 1, STEP, &one, 1));
    ck_assert(mapping_read(&m, 7 * STEP, 2 * STEP, &iov, 1));
    ck_assert(!memcmp(got, data + 7 * STEP, 2 * STEP));
    /* Filled in part: a page is there. */
    ck_assert_int_eq(pwrite(file, data, 10, 5 * STEP + 8), 10);
    mapping_filled(&m, 5 * STEP + 8, 10);
    ck_assert_uint_eq(m.holes, 2);
    ck_assert(mapping_read(&m, 4 * STEP, 2 * STEP, &iov, 1));
    ck_assert(!memcmp(got + STEP + 8, data, 10));
    /* Punched in part: no page has gone. */
    mapping_punched(&m, 20 * STEP + 1, 3 * STEP - 2);
    ck_assert_uint_eq(m.holes, 3);
    ck_assert(!mapping_read(&m, 21 * STEP, STEP, &one, 1));
    ck_assert(mapping_read(&m, 20 * STEP, STEP, &one, 1) && mapping_read(&m, 22 * STEP, STEP, &one, 1));
    /* Beyond it: nothing is marked there. */
    mapping_punched(&m, BYTES, STEP);
    mapping_filled(&m, UINT64_MAX, STEP);
    ck_assert_uint_eq(m.holes, 3);
    ck_assert_int_eq(blocks(), before + (long)STEP / 512);
    mapping_close(&m);
}
END_TEST

START_TEST(no_mapping)
{
    struct mapping m;

    ck_assert_int_eq(mapping_init(), 0);
    ck_assert_ptr_null(mapping_open(file, 0, false).at);
    ck_assert_ptr_null(mapping_open(-1, BYTES, false).at);
    /* More than there is: behind its end is a hole. */
    m = mapping_open(file, BYTES * 2 + 1, true);
    ck_assert_uint_eq(m.holes, PAGES);
    mapping_close(&m);
    ck_assert_int_eq(ftruncate(file, 0), 0);
    ck_assert_int_eq(ftruncate(file, 200000l * STEP), 0);
    for (unsigned i = 0; i < 70000; i++)
        ck_assert_int_eq(pwrite(file, data, 1, (2 * i + 1) * (off_t)STEP), 1);
    ck_assert_ptr_null(mapping_open(file, 200000ull * STEP, false).at);
}
END_TEST

START_TEST(what_vanishes_is_said)
{
    struct iovec iov = { got, 4 * STEP };
    struct mapping m;

    ck_assert_int_eq(mapping_init(), 0);
    m = mapping_open(file, BYTES, false);
    ck_assert_int_eq(ftruncate(file, 8 * STEP), 0);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(!mapping_read(&m, 6 * STEP, 4 * STEP, &iov, 1));
        ck_assert(!mapping_write(&m, 20 * STEP, 4 * STEP, &iov, 1));
        ck_assert(mapping_read(&m, 4 * STEP, 4 * STEP, &iov, 1));
        ck_assert(!memcmp(got, data + 4 * STEP, 4 * STEP));
    }
    mapping_close(&m);
}
END_TEST

START_TEST(other_bus_errors_end_the_process)
{
    struct iovec iov = { got, STEP };
    uint8_t *other = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, file, 0);
    struct mapping m;

    ck_assert_int_eq(mapping_init(), 0);
    m = mapping_open(file, BYTES, false);
    ck_assert(mapping_read(&m, 0, STEP, &iov, 1));
    ck_assert_int_eq(ftruncate(file, 0), 0);
    got[0] = *(volatile uint8_t *)other;
}
END_TEST

/* ---- behind a disk ---- */

void request_done(struct request *r, int rc)
{
    (void)r;
    result = rc;
}

struct io_uring_sqe *loop_entry(struct loop *loop, struct completion *c)
{
    (void)loop;
    (void)c;
    ck_abort_msg("a file in memory needs no queue");
}

static int ask(enum blk_op op, unsigned page, unsigned pages)
{
    struct request r = { .queue = &queue, .op = op, .offset = (uint64_t)page * STEP, .bytes = (uint64_t)pages * STEP, .n_iov = 1 };

    r.iov[0] = (struct iovec){ got, r.bytes };
    result = 1;
    disk.medium->ops->start(disk.medium, &r);
    return result;
}

static void open_disk(bool readonly)
{
    struct blk_attach a = { .medium = BLK_FILE, .synchronous = 1, .discard = 1, .readonly = readonly, .bytes = BYTES };

    ck_assert_int_eq(mapping_init(), 0);
    disk.medium = medium_file_open(NULL, dup(file), &a);
    ck_assert_ptr_nonnull(disk.medium);
}

START_TEST(disk_serves)
{
    long before = blocks();

    open_disk(_i);
    for (unsigned page = 0; page < PAGES; page += 4) {
        ck_assert_int_eq(ask(DO_READ, page, 4), 0);
        ck_assert(!memcmp(got, data + page * STEP, 4 * STEP));
    }
    if (!_i) {
        memset(got, 1, STEP);
        ck_assert_int_eq(ask(DO_WRITE, 9, 1), 0);
        ck_assert_int_eq(ask(DO_FLUSH, 0, 0), 0);
        ck_assert_int_eq(pread(file, got + STEP, STEP, 9 * STEP), STEP);
        ck_assert(!memcmp(got, got + STEP, STEP));
    }
    ck_assert_int_eq(blocks(), before);
    disk.medium->ops->close(disk.medium);
}
END_TEST

/* It is told that its file has another size: what has come is there, what has gone and come back is a hole. */
START_TEST(disk_changes_its_size)
{
    long before;

    open_disk(false);
    ck_assert_int_eq(ftruncate(file, 8 * STEP), 0);
    disk.medium->bytes = 8 * STEP;
    ck_assert_int_eq(ask(DO_READ, 0, 8), 0);
    ck_assert_int_eq(ftruncate(file, 2 * BYTES + 512), 0);
    disk.medium->bytes = 2 * BYTES + 512;
    before = blocks();
    ck_assert_int_eq(ask(DO_READ, 4, 16), 0);
    ck_assert(!memcmp(got, data + 4 * STEP, 4 * STEP));
    for (unsigned i = 4 * STEP; i < 16 * STEP; i++)
        ck_assert_uint_eq(got[i], 0);
    ck_assert_int_eq(blocks(), before);
    memset(got, 3, STEP);
    ck_assert_int_eq(ask(DO_WRITE, 2 * PAGES - 1, 1), 0);
    memset(got, 0, STEP);
    ck_assert_int_eq(ask(DO_READ, 2 * PAGES - 1, 1), 0);
    ck_assert(got[0] == 3 && got[STEP - 1] == 3);
    disk.medium->ops->close(disk.medium);
}
END_TEST

START_TEST(disk_shrinks)
{
    open_disk(false);
    ck_assert_int_eq(ftruncate(file, 8 * STEP), 0);
    ck_assert_int_eq(ask(DO_READ, 8, 1), -EIO);
    ck_assert_int_eq(ask(DO_READ, 7, 4), -EIO);
    ck_assert_int_eq(ask(DO_READ, 7, 1), 0);
    ck_assert(!memcmp(got, data + 7 * STEP, STEP));
    disk.medium->ops->close(disk.medium);
}
END_TEST

/* Where there is a hole, reading must not fill it. */
START_TEST(disk_keeps_its_holes)
{
    long before;

    if (_i)
        punch(3);
    open_disk(false);
    ck_assert_int_eq(ask(DO_DISCARD, 16, 16), 0);
    before = blocks();
    memset(got, 1, sizeof(got));
    ck_assert_int_eq(ask(DO_READ, 16, 16), 0);
    for (unsigned i = 0; i < 16 * STEP; i++)
        ck_assert_uint_eq(got[i], 0);
    ck_assert_int_eq(ask(DO_READ, 0, 8), 0);
    ck_assert(!memcmp(got, data, 3 * STEP));
    ck_assert_int_eq(blocks(), before);
    memset(got, 2, STEP);
    ck_assert_int_eq(ask(DO_WRITE, 20, 1), 0);
    ck_assert_int_eq(blocks(), before + (long)STEP / 512);
    disk.medium->ops->close(disk.medium);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("back-mapping");
    TCase *t = tcase_create("mappings");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, none_before_the_trap);
    tcase_add_test(t, copies_both_ways);
    tcase_add_test(t, holes_are_left_alone);
    tcase_add_test(t, no_mapping);
    tcase_add_test(t, what_vanishes_is_said);
    tcase_add_test_raise_signal(t, other_bus_errors_end_the_process, SIGABRT);
    tcase_add_loop_test(t, disk_serves, 0, 2);
    tcase_add_test(t, disk_shrinks);
    tcase_add_test(t, disk_changes_its_size);
    tcase_add_loop_test(t, disk_keeps_its_holes, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
