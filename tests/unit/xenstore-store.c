/* SPDX-License-Identifier: MIT */
/* Unit tests of the store: what a client sees, request by request. */
#include <errno.h>

#include "store.h"

#include "xenstore-store.h"
#include "run-suite.h"

#include <stdio.h>
#include <stdlib.h>

struct store st;
struct conn dom0, guest1, guest2;
uint32_t last_type;
char reply[XENSTORE_PAYLOAD_MAX + 1];
size_t reply_len;
char events[4096]; /* of the last take(): "path|token;" each */

static void set_up(void)
{
    store_init(&st);
    memset(&dom0, 0, sizeof(dom0));
    memset(&guest1, 0, sizeof(guest1));
    memset(&guest2, 0, sizeof(guest2));
    conn_init(&st, &dom0, CONN_SOCKET, 0);
    conn_init(&st, &guest1, CONN_SOCKET, 1);
    conn_init(&st, &guest2, CONN_SOCKET, 2);
}

static void tear_down(void)
{
    store_fini(&st);
    ck_assert_uint_eq(node_stats.nodes, 0); /* nothing leaks, nothing is freed twice */
    ck_assert_uint_eq(node_stats.bytes, 0);
    ck_assert_uint_eq(perms_lists(), 0);
}

/* Takes all output of C: events into `events`, the last reply into `reply`. */
static void take(struct conn *c)
{
    size_t at = c->out_head;

    events[0] = 0;
    while (at < c->out.len) {
        struct xsd_sockmsg hdr;
        const char *data = c->out.data + at + sizeof(hdr);

        memcpy(&hdr, c->out.data + at, sizeof(hdr));
        at += sizeof(hdr) + hdr.len;
        if (hdr.type == XS_WATCH_EVENT) {
            size_t n = strlen(events);

            snprintf(events + n, sizeof(events) - n, "%s|%s;", data, data + strlen(data) + 1);
            continue;
        }
        last_type = hdr.type;
        reply_len = hdr.len;
        memcpy(reply, data, hdr.len);
        reply[hdr.len] = 0;
    }
    conn_sent(c, conn_unsent(c));
}

const char *ask_tx(struct conn *c, uint32_t tx, uint32_t type, const char *data, size_t len)
{
    struct xsd_sockmsg hdr = { type, 1, tx, (uint32_t)len };

    store_request(&st, c, &hdr, data);
    take(c);
    st.jr.len = 0;
    return reply;
}

START_TEST(tree)
{
    OK(ASK_VALUE(&dom0, XS_WRITE, "/a/b\0value"));
    ck_assert_str_eq(ASK(&dom0, XS_READ, "/a/b"), "value");
    ck_assert_str_eq(ASK(&dom0, XS_READ, "/a"), "");
    OK(ASK(&dom0, XS_MKDIR, "/a/c"));
    OK(ASK(&dom0, XS_MKDIR, "/a/a"));
    ASK(&dom0, XS_DIRECTORY, "/a");
    ck_assert(reply_len == 6 && !memcmp(reply, "b\0c\0a", 6)); /* in the order they were made */
    OK(ASK(&dom0, XS_MKDIR, "/a/b"));
    ck_assert_str_eq(ASK(&dom0, XS_READ, "/a/b"), "value");
    OK(ASK(&dom0, XS_RM, "/a/b"));
    ERROR(ASK(&dom0, XS_READ, "/a/b"), "ENOENT");
    OK(ASK(&dom0, XS_RM, "/a/b"));
    ERROR(ASK(&dom0, XS_RM, "/none/x"), "ENOENT");
    ERROR(ASK(&dom0, XS_RM, "/"), "EINVAL");
    ERROR(ASK(&dom0, 20, ""), "ENOSYS");
    ERROR(ASK(&dom0, 0xffff, ""), "ENOSYS");
}
END_TEST

void guest_home(void)
{
    OK(ASK(&dom0, XS_MKDIR, "/local/domain/1"));
    OK(ASK(&dom0, XS_SET_PERMS, "/local/domain/1\0n1"));
}

START_TEST(permissions)
{
    guest_home();
    OK(ASK_VALUE(&dom0, XS_WRITE, "/pub\0x"));
    OK(ASK(&dom0, XS_SET_PERMS, "/pub\0r0"));
    OK(ASK_VALUE(&guest1, XS_WRITE, "own\0x"));
    ck_assert_str_eq(ASK(&dom0, XS_GET_PERMS, "/local/domain/1/own"), "n1");
    ck_assert_str_eq(ASK(&guest1, XS_READ, "/local/domain/1/own"), "x");
    ERROR(ASK(&guest2, XS_READ, "/local/domain/1/own"), "EACCES");
    ERROR(ASK(&guest1, XS_READ, "/none"), "EACCES");
    ERROR(ASK(&guest1, XS_READ, "/pub/none"), "ENOENT");
    ERROR(ASK_VALUE(&guest1, XS_WRITE, "/pub\0y"), "EACCES");
    ERROR(ASK_VALUE(&guest1, XS_WRITE, "/pub/new\0y"), "EACCES");
    ERROR(ASK(&guest1, XS_SET_PERMS, "/pub\0n1"), "EACCES");
    ERROR(ASK(&guest1, XS_SET_PERMS, "own\0n0"), "EPERM");
    OK(ASK(&guest1, XS_SET_PERMS, "own\0n1\0r2"));
    ck_assert_str_eq(ASK(&guest2, XS_READ, "/local/domain/1/own"), "x");
    ERROR(ASK(&guest2, XS_RM, "/local/domain/1/own"), "EACCES");
    ERROR(ASK(&guest1, XS_INTRODUCE, "3\0001\0001"), "EACCES");
    ERROR(ASK(&guest1, XS_CONTROL, "help"), "EACCES");
    OK(ASK(&dom0, XS_SET_PERMS, "/pub\0n0\0b2"));
    OK(ASK_VALUE(&guest2, XS_WRITE, "/pub/made\0y")); /* the maker owns it, the rest is inherited */
    ck_assert_str_eq(ASK(&dom0, XS_GET_PERMS, "/pub/made"), "n2");
    ck_assert_uint_eq(reply_len, 6);
    ERROR(ASK(&guest1, XS_SET_PERMS, "own\0x1"), "EINVAL");
    ERROR(ASK(&guest1, XS_SET_PERMS, "own\0n70000"), "EINVAL");
    ERROR(ASK(&guest1, XS_SET_PERMS, "own"), "EINVAL");
}
END_TEST

START_TEST(watches)
{
    OK(ASK(&dom0, XS_WATCH, "/a\0t"));
    ck_assert_str_eq(events, "/a|t;");
    ERROR(ASK(&dom0, XS_WATCH, "/a\0t"), "EEXIST");
    OK(ASK(&dom0, XS_WATCH, "/a/b/c\0u"));
    ERROR(ASK_VALUE(&guest1, XS_WRITE, "/x\0y"), "EACCES");
    OK(ASK_VALUE(&dom0, XS_WRITE, "/a/b/c\0v"));
    ck_assert_str_eq(events, "/a/b/c|t;/a/b/c|u;");
    OK(ASK_VALUE(&dom0, XS_WRITE, "/ab\0v"));
    ck_assert_str_eq(events, "");
    OK(ASK(&dom0, XS_RM, "/a/b"));
    ck_assert_str_eq(events, "/a/b/c|u;/a/b|t;");
    OK(ASK(&dom0, XS_UNWATCH, "/a\0t"));
    ERROR(ASK(&dom0, XS_UNWATCH, "/a\0t"), "ENOENT");
    OK(ASK_VALUE(&dom0, XS_WRITE, "/a/b\0v"));
    ck_assert_str_eq(events, "");
    guest_home();
    OK(ASK(&guest1, XS_WATCH, "dev\0r")); /* relative: events are, too */
    ck_assert_str_eq(events, "dev|r;");
    OK(ASK_VALUE(&guest1, XS_WRITE, "dev/1\0v"));
    ck_assert_str_eq(events, "dev/1|r;");
    OK(ASK(&guest2, XS_WATCH, "/local\0s"));
    OK(ASK_VALUE(&guest1, XS_WRITE, "dev/2\0v"));
    take(&guest2);
    ck_assert_str_eq(events, ""); /* it may not read that */
    OK(ASK(&guest1, XS_RESET_WATCHES, ""));
    OK(ASK_VALUE(&guest1, XS_WRITE, "dev/3\0v"));
    ck_assert_str_eq(events, "");
}
END_TEST

/* Who has much to read already is spared what its last event says too, and nothing else. */
START_TEST(events_that_wait)
{
    static struct conn slow;
    const struct xsd_sockmsg watch = { .type = XS_WATCH, .len = 4 };
    char path[16];
    size_t before;

    conn_init(&st, &slow, CONN_SOCKET, 0);
    store_request(&st, &slow, &watch, "/\0t");
    for (unsigned i = 0; conn_unsent(&slow) < 16384; i++) {
        before = conn_unsent(&slow);
        OK(ASK_VALUE(&dom0, XS_WRITE, "/same\0v"));
        ck_assert_uint_eq(conn_unsent(&slow), before + sizeof(watch) + 8);
    }
    before = conn_unsent(&slow);
    OK(ASK_VALUE(&dom0, XS_WRITE, "/same\0v"));
    ck_assert_uint_eq(conn_unsent(&slow), before);
    for (unsigned i = 0; i < 40; i++) { /* longer and shorter ones, each the end of the one before or the other way round */
        static const char *const end[] = { "/b", "/a/b", "/x/a/b", "/a/b", "/b" };

        for (unsigned twice = 0; twice < 2; twice++) {
            size_t len = (size_t)sprintf(path, "%s", end[i % 5]);

            before = conn_unsent(&slow);
            OK(ask_tx(&dom0, 0, XS_WRITE, path, len + 1));
            ck_assert_uint_eq(conn_unsent(&slow), before + (twice || (i > 0 && i % 5 == 0) ? 0 : sizeof(watch) + len + 3));
        }
    }
    conn_sent(&slow, conn_unsent(&slow) - 1); /* of the last event, most has left */
    before = conn_unsent(&slow);
    OK(ASK_VALUE(&dom0, XS_WRITE, "/b\0v"));
    ck_assert_uint_eq(conn_unsent(&slow), before + sizeof(watch) + 5);
    conn_fini(&st, &slow);
}
END_TEST

uint32_t begin(struct conn *c)
{
    return (uint32_t)atoi(ASK(c, XS_TRANSACTION_START, ""));
}

START_TEST(transactions)
{
    uint32_t t, u;

    OK(ASK_VALUE(&dom0, XS_WRITE, "/a\0001"));
    OK(ASK(&dom0, XS_WATCH, "/\0w"));
    t = begin(&dom0);
    OK(WRITE_TX(&dom0, t, "/a\0002"));
    OK(WRITE_TX(&dom0, t, "/n/m\0x"));
    OK(ASK_TX(&dom0, t, XS_RM, "/n"));
    ck_assert_str_eq(ASK(&dom0, XS_READ, "/a"), "1");
    ck_assert_str_eq(ASK_TX(&dom0, t, XS_READ, "/a"), "2");
    OK(ASK_TX(&dom0, t, XS_TRANSACTION_END, "T"));
    ck_assert_str_eq(events, "/a|w;");
    ck_assert_str_eq(ASK(&dom0, XS_READ, "/a"), "2");
    ERROR(ASK_TX(&dom0, t, XS_READ, "/a"), "ENOENT");
    t = begin(&dom0); /* different paths agree, even when both make the same parent */
    u = begin(&dom0);
    OK(WRITE_TX(&dom0, t, "/d/1\0x"));
    OK(WRITE_TX(&dom0, u, "/d/2\0x"));
    OK(ASK_TX(&dom0, t, XS_TRANSACTION_END, "T"));
    OK(ASK_TX(&dom0, u, XS_TRANSACTION_END, "T"));
    t = begin(&dom0); /* what was read has changed */
    ASK_TX(&dom0, t, XS_READ, "/a");
    OK(WRITE_TX(&dom0, t, "/b\0x"));
    OK(ASK_VALUE(&dom0, XS_WRITE, "/a\0003"));
    ERROR(ASK_TX(&dom0, t, XS_TRANSACTION_END, "T"), "EAGAIN");
    ERROR(ASK(&dom0, XS_READ, "/b"), "ENOENT");
    t = begin(&dom0); /* what was listed has changed */
    ASK_TX(&dom0, t, XS_DIRECTORY, "/d");
    OK(ASK(&dom0, XS_MKDIR, "/d/3"));
    ERROR(ASK_TX(&dom0, t, XS_TRANSACTION_END, "T"), "EAGAIN");
    t = begin(&dom0);
    OK(ASK_TX(&dom0, t, XS_RM, "/d")); /* below what was removed, something was made */
    OK(ASK(&dom0, XS_MKDIR, "/d/2/x"));
    ERROR(ASK_TX(&dom0, t, XS_TRANSACTION_END, "T"), "EAGAIN");
    for (unsigned i = 0; i < 2; i++) { /* what was not there, and so refused, is there now */
        t = begin(&dom0);
        ERROR(i ? ASK_TX(&dom0, t, XS_RM, "/lacks/it") : ASK_TX(&dom0, t, XS_SET_PERMS, "/lacks\0n0"), "ENOENT");
        OK(WRITE_TX(&dom0, t, "/b\0x"));
        OK(ASK(&dom0, XS_MKDIR, "/lacks/it"));
        ERROR(ASK_TX(&dom0, t, XS_TRANSACTION_END, "T"), "EAGAIN");
        OK(ASK(&dom0, XS_RM, "/lacks"));
    }
    t = begin(&dom0);
    ERROR(ASK_TX(&dom0, t, XS_TRANSACTION_START, ""), "EBUSY");
    ERROR(ASK_TX(&dom0, t, XS_TRANSACTION_END, "X"), "EINVAL");
    OK(ASK_TX(&dom0, t, XS_TRANSACTION_END, "F"));
    ERROR(ASK(&dom0, XS_TRANSACTION_END, "T"), "ENOENT");
}
END_TEST

START_TEST(listing_in_parts)
{
    char data[64], all[40000];
    size_t total = 0;

    for (unsigned i = 0; i < 2000; i++)
        OK(ask_tx(&dom0, 0, XS_MKDIR, data, (size_t)snprintf(data, sizeof(data), "/l/child%05u", i) + 1));
    ERROR(ASK(&dom0, XS_DIRECTORY, "/l"), "E2BIG");
    for (;;) {
        int len = snprintf(data, sizeof(data), "/l") + 1;
        size_t skip;

        len += snprintf(data + len, 16, "%zu", total) + 1;
        ask_tx(&dom0, 0, XS_DIRECTORY_PART, data, (size_t)len);
        skip = strlen(reply) + 1;
        memcpy(all + total, reply + skip, reply_len - skip);
        total += reply_len - skip;
        if (total >= 2 && all[total - 1] == 0 && all[total - 2] == 0)
            break;
    }
    ck_assert_uint_eq(total, 2000 * 11 + 1);
    ck_assert_str_eq(all + 1999 * 11, "child01999");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { tree, permissions, watches, events_that_wait, transactions, listing_in_parts };
    Suite *suite = suite_create("xenstore");
    TCase *tc = tcase_create("store");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 120);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
        tcase_add_test(tc, tests[i]);
    add_path_tests(tc);
    add_domain_tests(tc);
    add_limit_tests(tc);
    add_model_tests(tc);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
