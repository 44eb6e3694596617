/* SPDX-License-Identifier: MIT */
/* The xenstore client, the console and the handshake, with peers that keep to nothing. */
#include "fake.h"
#include "../run-suite.h"

#include <check.h>
#include <stdlib.h>
#include <xen/io/console.h>

static struct xencons_interface *cons;

static void set_up(void)
{
    fake_init();
    fake_quiet = !getenv("FRONT_LOG");
    cons = aligned_alloc(4096, 4096);
    memset(cons, 0, 4096);
}

static void tear_down(void)
{
    free(cons);
    fake_fini();
}

START_TEST(test_values)
{
    char v[8], names[64];
    uint32_t tx;

    ck_assert_int_eq(store_write(0, "a", "b", "hello"), 0);
    ck_assert_str_eq(fake_get("/local/domain/7/a/b"), "hello");
    ck_assert_int_eq(store_read(0, "a/b", NULL, v, sizeof(v)), 5);
    ck_assert_str_eq(v, "hello");
    ck_assert_int_eq(store_read(0, "/local/domain/7/a", "b", v, 5), -XEN_E2BIG);
    ck_assert_int_eq(store_read(0, "a", "none", v, sizeof(v)), -XEN_ENOENT);
    ck_assert_int_eq(store_write_number(0, "a", "c", 12345678901UL), 0);
    ck_assert_uint_eq(store_number(0, "a", "c", 1), 12345678901UL);
    ck_assert_uint_eq(store_number(0, "a", "b", 7), 7);
    fake_set("a/d", "99999999999999999999999999");
    ck_assert_uint_eq(store_number(0, "a", "d", 7), 7);
    ck_assert_int_gt(store_list(0, "a", names, sizeof(names)), 0);
    ck_assert_int_eq(store_remove(0, "a", "b"), 0);
    ck_assert_ptr_null(fake_get("a/b"));
    ck_assert_int_eq(store_begin(&tx), 0);
    fake_conflicts = 1;
    ck_assert_int_eq(store_end(tx, true), -XEN_EAGAIN);
}
END_TEST

static unsigned int fired;
static void on_fire(struct store_watch *w) { (void)w, fired++; }

START_TEST(test_watch)
{
    static struct store_watch w = {.path = "x", .fn = on_fire};

    ck_assert_int_eq(store_watch(&w), 0);
    store_poll();
    ck_assert_uint_eq(fired, 1);
    store_poll();
    ck_assert_uint_eq(fired, 1);
    fake_set("x/y", "1");
    ck_assert(store_pending());
    store_poll();
    ck_assert_uint_eq(fired, 2);
    fake_set("xy", "1");
    store_poll();
    ck_assert_uint_eq(fired, 2);
    store_unwatch(&w);
    fake_set("x", "1");
    store_poll();
    ck_assert_uint_eq(fired, 2);
}
END_TEST

static void put(const void *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        fake_store_page->rsp[MASK_XENSTORE_IDX(fake_store_page->rsp_prod++)] = ((const char *)data)[i];
}

/* An answer to no request, and to an old one, come first. */
START_TEST(test_stale)
{
    struct xsd_sockmsg m = {.type = XS_READ, .req_id = 4711, .len = 3};
    char v[16];

    fake_set("a", "right");
    put(&m, sizeof(m));
    put("bad", 3);
    ck_assert_int_eq(store_read(0, "a", NULL, v, sizeof(v)), 5);
    ck_assert_str_eq(v, "right");
}
END_TEST

START_TEST(test_huge)
{
    struct xsd_sockmsg m = {.type = XS_READ, .len = _i ? 4097 : ~0U};
    char v[16];

    put(&m, sizeof(m));
    ck_assert_int_lt(store_read(0, "a", NULL, v, sizeof(v)), 0);
    ck_assert_int_eq(store_read(0, "a", NULL, v, sizeof(v)), -XEN_ENODEV);
    ck_assert(!store_pending());
}
END_TEST

START_TEST(test_index)
{
    char v[16];

    fake_store_page->rsp_prod = fake_store_page->rsp_cons + 5000;
    ck_assert_int_lt(store_read(0, "a", NULL, v, sizeof(v)), 0);
    store_poll();
}
END_TEST

/* A watch event without a token, or without an end. */
START_TEST(test_bad_event)
{
    static struct store_watch w = {.path = "x", .fn = on_fire};
    struct xsd_sockmsg m = {.type = XS_WATCH_EVENT, .len = 4};

    fired = 0;
    store_watch(&w);
    store_poll();
    put(&m, sizeof(m));
    put("xxxx", 4);
    m.len = 0;
    put(&m, sizeof(m));
    store_poll();
    ck_assert_uint_eq(fired, 1);
    store_unwatch(&w);
}
END_TEST

static void drain(void) { cons->out_cons = cons->out_prod; }

START_TEST(test_console)
{
    char text[3000];

    console_init(cons, 2);
    ck_assert(console_write("a\nb", 3));
    ck_assert_mem_eq(cons->out, "a\r\nb", 4);
    fake_peer = drain;
    memset(text, 'x', sizeof(text));
    console_write(text, sizeof(text)); /* more than the ring */
    ck_assert_uint_eq(cons->out_prod, 4 + sizeof(text));
    console_flush();
    ck_assert_int_eq(console_getc(), -1);
    cons->in[0] = 'q';
    cons->in_prod = 1;
    ck_assert(console_pending());
    ck_assert_int_eq(console_getc(), 'q');
    ck_assert_int_eq(console_getc(), -1);
}
END_TEST

/* Nobody reads, or the index is absurd: a bounded wait, once, and then output is lost. */
START_TEST(test_console_hostile)
{
    char text[5000];
    uint64_t start;

    console_init(cons, 2);
    memset(text, 'x', sizeof(text));
    if (_i)
        cons->out_cons = 123456789;
    start = os_time();
    console_write(text, sizeof(text));
    ck_assert_uint_lt(os_time() - start, 5000000000UL);
    ck_assert_uint_le(cons->out_prod, sizeof(cons->out));
    cons->in_prod = 99999;
    ck_assert_int_eq(console_getc(), -1);
    ck_assert(!console_pending());
}
END_TEST

/* Nodes of the handshake that are missing or nonsense. */
START_TEST(test_bad_device)
{
    static const char *const broken[][2] = {
        {"device/vbd/51712/backend", NULL}, {"device/vbd/51712/backend", ""}, {"device/vbd/51712/backend-id", "x"},
        {"device/vbd/51712/backend-id", "70000"}, {"device/vbd/51712/backend-id", NULL}};
    struct blk_config c = BLK_CONFIG_ALL;
    struct blk_device d;

    fake_blk_init();
    if (broken[_i][1])
        fake_set(broken[_i][0], broken[_i][1]);
    else
        fake_remove(broken[_i][0]);
    ck_assert_int_lt(blk_open(&d, 51712, &c), 0);
}
END_TEST

/* The kernel has no grants: Closed, and the reason in the store. */
START_TEST(test_no_resources)
{
    struct blk_config c = BLK_CONFIG_ALL;
    struct blk_device d;

    fake_blk_init();
    fake_grants_limit = 0;
    ck_assert_int_eq(blk_open(&d, 51712, &c), 0);
    ck_assert_int_eq(blk_wait(&d, os_time() + 1000000000), -XEN_ENODEV);
    ck_assert_ptr_nonnull(fake_get("error/device/vbd/51712/error"));
    ck_assert_uint_eq(fake_get_number("device/vbd/51712/state"), XenbusStateClosed);
    blk_close(&d);
}
END_TEST

START_TEST(test_scan)
{
    unsigned int ids[4];

    ck_assert_int_eq(xenbus_scan("vbd", ids, 4), 0);
    fake_set("device/vbd/51712/state", "1");
    fake_set("device/vbd/51728/state", "1");
    fake_set("device/vbd/abc/state", "1");
    fake_set("device/vbd/99999999999999/state", "1");
    ck_assert_int_eq(xenbus_scan("vbd", ids, 4), 2);
    ck_assert_uint_eq(ids[0], 51712);
    ck_assert_int_eq(xenbus_scan("vbd", ids, 1), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("front-store");
    TCase *t = tcase_create("store");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, test_values);
    tcase_add_test(t, test_watch);
    tcase_add_test(t, test_stale);
    tcase_add_loop_test(t, test_huge, 0, 2);
    tcase_add_test(t, test_index);
    tcase_add_test(t, test_bad_event);
    tcase_add_test(t, test_console);
    tcase_add_loop_test(t, test_console_hostile, 0, 2);
    tcase_add_loop_test(t, test_bad_device, 0, 5);
    tcase_add_test(t, test_no_resources);
    tcase_add_test(t, test_scan);
    suite_add_tcase(s, t);
    return run_suite(s);
}
