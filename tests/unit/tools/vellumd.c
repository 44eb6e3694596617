/* SPDX-License-Identifier: MIT */
/* vellumd's parts that need no host: a console's ring under a hostile guest, what is replayed, the socket's requests. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vellumd/proto.h"
#include "vellumd/replay.h"
#include "vellumd/ring.h"
#include "../run-suite.h"

static struct xencons_interface page;
static struct ring ring;

static void fresh(XENCONS_RING_IDX at)
{
    memset(&page, 0, sizeof(page));
    page.out_cons = page.out_prod = page.in_cons = page.in_prod = at;
    ring_attach(&ring, &page);
}

/* The guest prints. */
static void guest_print(const char *text)
{
    for (; *text; text++)
        page.out[page.out_prod++ % sizeof(page.out)] = *text;
}

START_TEST(output_wraps)
{
    char buf[4096];

    /* The start is such that indices overflow within the text. */
    fresh((XENCONS_RING_IDX)-5);
    guest_print("hello, world");
    ck_assert_uint_eq(ring_take(&ring, buf, sizeof(buf)), 12);
    ck_assert_mem_eq(buf, "hello, world", 12);
    ck_assert_uint_eq(page.out_cons, page.out_prod);
    ck_assert_uint_eq(ring_take(&ring, buf, sizeof(buf)), 0);
    for (int i = 0; i < 1000; i++) {
        guest_print("0123456789abcdef0123456789abcdef");
        ck_assert_uint_eq(ring_take(&ring, buf, sizeof(buf)), 32);
        ck_assert_mem_eq(buf, "0123456789abcdef0123456789abcdef", 32);
    }
    ck_assert(!ring.lied);
}
END_TEST

START_TEST(output_in_parts)
{
    char buf[4];

    fresh(0);
    guest_print("abcdef");
    ck_assert_uint_eq(ring_take(&ring, buf, sizeof(buf)), 4);
    ck_assert_uint_eq(page.out_cons, 4);
    ck_assert_uint_eq(ring_take(&ring, buf, sizeof(buf)), 2);
    ck_assert_mem_eq(buf, "ef", 2);
}
END_TEST

START_TEST(full_ring_is_no_lie)
{
    char buf[sizeof(page.out) + 1];

    fresh(7);
    page.out_prod += sizeof(page.out);
    ck_assert_uint_eq(ring_take(&ring, buf, sizeof(buf)), sizeof(page.out));
    ck_assert(!ring.lied);
}
END_TEST

/* Impossible distances: nothing is read, the ring goes on from where the guest says it is. */
START_TEST(impossible_output)
{
    static const XENCONS_RING_IDX jumps[] = { sizeof(page.out) + 1, 0x7fffffff, 0x80000000, 0xffffffff };
    char buf[sizeof(page.out)];

    fresh(3);
    page.out_prod += jumps[_i];
    ck_assert_uint_eq(ring_take(&ring, buf, sizeof(buf)), 0);
    ck_assert(ring.lied);
    ck_assert_uint_eq(page.out_cons, page.out_prod);
    guest_print("x");
    ck_assert_uint_eq(ring_take(&ring, buf, sizeof(buf)), 1);
}
END_TEST

/* The guest writes over our ends of the rings: we go on from ours. */
START_TEST(our_ends_are_ours)
{
    char buf[64];

    fresh(0);
    guest_print("abc");
    page.out_cons = 0xdeadbeef;
    ck_assert_uint_eq(ring_take(&ring, buf, sizeof(buf)), 3);
    ck_assert_uint_eq(page.out_cons, 3);
    page.in_prod = 0x12345678;
    ck_assert_uint_eq(ring_give(&ring, "hi", 2), 2);
    ck_assert_uint_eq(page.in_prod, 2);
    ck_assert_mem_eq(page.in, "hi", 2);
}
END_TEST

START_TEST(input_has_room_or_not)
{
    char text[sizeof(page.in) + 10];

    memset(text, 'x', sizeof(text));
    fresh(0xfffffff0);
    ck_assert_uint_eq(ring_give(&ring, text, sizeof(text)), sizeof(page.in));
    ck_assert_uint_eq(ring_room(&ring), 0);
    ck_assert_uint_eq(ring_give(&ring, text, 1), 0);
    page.in_cons += 10;
    ck_assert_uint_eq(ring_room(&ring), 10);
    page.in_cons = page.in_prod + 1;    /* it has read more than there was */
    ck_assert_uint_eq(ring_room(&ring), 0);
    ck_assert_uint_eq(ring_give(&ring, text, 1), 0);
}
END_TEST

/* Everything from the replay's start on, in one string. */
static size_t collect(const struct replay *r, uint64_t at, char *to)
{
    const char *piece;
    size_t len, n = 0;

    while ((piece = replay_piece(r, &at, &len))) {
        memcpy(to + n, piece, len);
        n += len;
        at += len;
    }
    return n;
}

START_TEST(replay_keeps_the_last)
{
    struct replay r = { 0 };
    char *all = malloc(REPLAY_MAX + 1), text[100];
    size_t n, total = 0;

    ck_assert_uint_eq(collect(&r, 0, all), 0);
    for (unsigned i = 0; i < 5000; i++) {
        int len = snprintf(text, sizeof(text), "line %u of the console\n", i);

        replay_add(&r, text, (size_t)len);
        total += (size_t)len;
        n = collect(&r, 0, all);
        ck_assert_uint_eq(n, total < r.room ? total : r.room);
        ck_assert_uint_ge(n, total < REPLAY_MAX ? total : REPLAY_MAX);
        ck_assert_mem_eq(all + n - (size_t)len, text, (size_t)len);
    }
    ck_assert_uint_eq(r.room, REPLAY_MAX);
    replay_free(&r);
    free(all);
}
END_TEST

START_TEST(replay_of_more_than_it_holds)
{
    struct replay r = { 0 };
    char *big = malloc(3 * REPLAY_MAX), *all = malloc(REPLAY_MAX);

    for (size_t i = 0; i < 3 * REPLAY_MAX; i++)
        big[i] = (char)(i * 31);
    replay_add(&r, "x", 1);
    replay_add(&r, big, 3 * REPLAY_MAX);
    ck_assert_uint_eq(collect(&r, 0, all), REPLAY_MAX);
    ck_assert_mem_eq(all, big + 2 * REPLAY_MAX, REPLAY_MAX);
    /* A reader that is so slow that its place has been overwritten goes on at the oldest that is left. */
    ck_assert_uint_eq(collect(&r, 5, all), REPLAY_MAX);
    replay_free(&r);
    free(big);
    free(all);
}
END_TEST

START_TEST(requests)
{
    static const struct { const char *line; int rc; enum request_kind kind; uint64_t n; } rows[] = {
        { "adopt 5", 0, REQUEST_ADOPT, 5 }, { "adopt 32751", 0, REQUEST_ADOPT, 32751 }, { "kept 0", 0, REQUEST_KEPT, 0 },
        { "events", 0, REQUEST_EVENTS, 0 }, { "status", 0, REQUEST_STATUS, 0 },
        { "shell ffffffffffffffff", 0, REQUEST_SHELL, UINT64_MAX }, { "shell 0", 0, REQUEST_SHELL, 0 },
        { "adopt", -EINVAL, 0, 0 }, { "adopt ", -EINVAL, 0, 0 }, { "adopt 32752", -EINVAL, 0, 0 },
        { "adopt -1", -EINVAL, 0, 0 }, { "adopt 1x", -EINVAL, 0, 0 }, { "adopt 99999999999999999999", -EINVAL, 0, 0 },
        { "adopt  1", -EINVAL, 0, 0 }, { "adopt a", -EINVAL, 0, 0 }, { "events x", -EINVAL, 0, 0 },
        { "shell 10000000000000000", -EINVAL, 0, 0 }, { "shell FF", -EINVAL, 0, 0 }, { "", -EINVAL, 0, 0 },
        { "adopted 1", -EINVAL, 0, 0 }, { "adop 1", -EINVAL, 0, 0 }, { " adopt 1", -EINVAL, 0, 0 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = strlen(rows[i].line);
        char *copy = malloc(len + !len);        /* not NUL-terminated: what reads too far is caught */
        struct request r;
        const char *why = NULL;

        memcpy(copy, rows[i].line, len);
        ck_assert_msg(proto_parse(copy, len, &r, &why) == rows[i].rc, "'%s'", rows[i].line);
        if (!rows[i].rc) {
            ck_assert_int_eq(r.kind, rows[i].kind);
            ck_assert_uint_eq(r.kind == REQUEST_SHELL ? r.shape : r.domid, rows[i].n);
        } else {
            ck_assert_ptr_nonnull(why);
        }
        free(copy);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vellumd");
    TCase *t = tcase_create("pure");

    tcase_add_test(t, output_wraps);
    tcase_add_test(t, output_in_parts);
    tcase_add_test(t, full_ring_is_no_lie);
    tcase_add_loop_test(t, impossible_output, 0, 4);
    tcase_add_test(t, our_ends_are_ours);
    tcase_add_test(t, input_has_room_or_not);
    tcase_add_test(t, replay_keeps_the_last);
    tcase_add_test(t, replay_of_more_than_it_holds);
    tcase_add_test(t, requests);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
