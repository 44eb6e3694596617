/* SPDX-License-Identifier: MIT */
/*
 * Guests' rings as the daemon's turns serve them: messages in parts, kicks that come once, output that is left unread.
 * A guest here does what a frontend does: it kicks once for what it wrote, and again only when it is told of room.
 */
#include "server.h"

#include "xenstore-nohyp.h"
#include "run-suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define GUEST 1u

static char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];

static struct ring *ring_of(unsigned domid)
{
    return (struct ring *)server.st.domain[domid]->conn;
}

static void kick(unsigned domid)
{
    ring_queue(&server, ring_of(domid));
}

static void turns(unsigned n)
{
    while (n-- > 0)
        server_turn(&server, false);
}

/* The domain DOMID with a home of its own to write in. */
static void introduce(unsigned domid)
{
    const struct perm own = { (uint16_t)domid, PERM_NONE };
    static struct path p;
    char home[32];
    int len = snprintf(home, sizeof(home), "/local/domain/%u", domid);

    path_parse(&p, home, (size_t)len, 0, XENSTORE_ABS_PATH_MAX);
    mutate_mkdir(&server.st, &server.st.root, &p, 0);
    mutate_perms(&server.st, &server.st.root, &p, &own, 1);
    if (domain_introduce(&server.st, domid, 1, 1) < 0)
        _exit(9);
    server_commit(&server, NULL);
    turns(3);
}

static size_t make_message(uint32_t type, const void *data, size_t len)
{
    const struct xsd_sockmsg hdr = { type, 0, 0, (uint32_t)len };

    memcpy(message, &hdr, sizeof(hdr));
    memcpy(message + sizeof(hdr), data, len);
    return sizeof(hdr) + len;
}

/* Puts as much as fits. */
static size_t put(unsigned domid, const char *data, size_t len)
{
    struct xenstore_domain_interface *page = &nohyp_page[domid];
    size_t space = XENSTORE_RING_SIZE - (page->req_prod - page->req_cons);

    if (len > space)
        len = space;
    for (size_t i = 0; i < len; i++)
        page->req[MASK_XENSTORE_IDX(page->req_prod + i)] = data[i];
    page->req_prod += (uint32_t)len;
    return len;
}

/* Takes all responses: how many bytes. */
static uint32_t drain(unsigned domid)
{
    struct xenstore_domain_interface *page = &nohyp_page[domid];
    uint32_t n = page->rsp_prod - page->rsp_cons;

    page->rsp_cons = page->rsp_prod;
    return n;
}

/* ---- messages in parts, over a kill ---- */

/* Sends the first LEN bytes of `message`, as far as the ring takes them at a time. */
static void send_parts(size_t len)
{
    for (size_t at = 0; at < len;) {
        at += put(GUEST, message + at, len - at);
        kick(GUEST);
        turns(2);
    }
    drain(GUEST);
}

static void three_messages_and_a_part(void)
{
    static char name[XENSTORE_PAYLOAD_MAX];
    size_t len;

    introduce(GUEST);
    memset(name, 'a', sizeof(name));
    len = make_message(XS_READ, name, sizeof(name));
    for (unsigned i = 0; i < 3; i++)
        send_parts(len);
    send_parts(XENSTORE_RING_SIZE);
}

static void only_the_part_is_there(void)
{
    if (ring_of(GUEST)->partial.len != XENSTORE_RING_SIZE)
        _exit(8);
    put(GUEST, message, 100);
    kick(GUEST);
    turns(3);
    if (ring_of(GUEST)->broken || ring_of(GUEST)->partial.len != XENSTORE_RING_SIZE + 100)
        _exit(7);
}

/* Messages that were answered without a record leave none of their parts to the next daemon. */
START_TEST(parts_of_answered_messages)
{
    make_run_dir();
    ck_assert_int_eq(daemon_does(three_messages_and_a_part), 0);
    ck_assert_int_eq(daemon_does(only_the_part_is_there), 0);
    remove_run_dir();
}
END_TEST

/* More than a message has, taken as its part, closes the ring. */
START_TEST(part_longer_than_its_message)
{
    char *at;

    make_run_dir();
    start_daemon();
    introduce(GUEST);
    make_message(XS_READ, "abc", 4);
    at = buf_extend(&ring_of(GUEST)->partial, 100);
    memcpy(at, message, 100); /* a header of four bytes' payload, and 84 bytes behind it */
    put(GUEST, message, 10);
    kick(GUEST);
    turns(3);
    ck_assert(ring_of(GUEST)->broken);
    ck_assert_uint_eq(nohyp_page[GUEST].error, XENSTORE_ERROR_PROTO);
    server_fini(&server);
    remove_run_dir();
}
END_TEST

/* Byte after byte is no way to a larger share of a turn, nor ever new ends of its ring to a larger one of the log. */
START_TEST(small_parts_and_many_ends)
{
    FILE *old = stderr, *log = tmpfile();
    struct ring *r;

    ck_assert_ptr_nonnull(log);
    make_run_dir();
    start_daemon();
    introduce(GUEST);
    r = ring_of(GUEST);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t before = server.st.work;

        put(GUEST, "", 1);
        kick(GUEST);
        turns(1);
        ck_assert_uint_eq(server.st.work, before + 1);
    }
    stderr = log;
    for (unsigned i = 0; i < 100; i++) {
        nohyp_page[GUEST].req_prod += 5000;
        kick(GUEST);
        turns(1);
        ck_assert(r->broken);
        nohyp_page[GUEST].connection = XENSTORE_RECONNECT;
        kick(GUEST);
        turns(1);
        ck_assert(!r->broken);
    }
    stderr = old;
    ck_assert_int_gt(ftell(log), 0);
    ck_assert_int_lt(ftell(log), 1000);
    fclose(log);
    server_fini(&server);
    remove_run_dir();
}
END_TEST

/* ---- one kick ---- */

/* More small requests than may be unanswered at once: a guest that was never told of a full ring does not kick again. */
START_TEST(many_requests_one_kick)
{
    size_t len = make_message(XS_WRITE, "a", 2);
    unsigned count = 0;
    uint32_t got = 0;

    make_run_dir();
    start_daemon();
    introduce(GUEST);
    for (; put(GUEST, message, len) == len; count++)
        ;
    nohyp_page[GUEST].req_prod = nohyp_page[GUEST].req_cons + count * (uint32_t)len;
    ck_assert_uint_gt(count, server.st.quota[QUOTA_OUTSTANDING]);
    kick(GUEST);
    for (unsigned i = 0; i < 100; i++) {
        turns(1);
        got += drain(GUEST);
    }
    ck_assert_uint_eq(got, count * (sizeof(struct xsd_sockmsg) + 3)); /* "OK" */
    ck_assert_ptr_null(server.held_rings[0]);
    ck_assert_ptr_null(server.held_rings[1]);
    server_fini(&server);
    remove_run_dir();
}
END_TEST

/* The same for one that is over its memory: until it has read what it was sent, and not until it has less otherwise. */
START_TEST(over_its_memory)
{
    uint32_t *quota;
    unsigned sent;

    make_run_dir();
    start_daemon();
    introduce(GUEST);
    quota = &server.st.domain[GUEST]->quota[QUOTA_MEMORY];
    *quota = 1;
    put(GUEST, message, make_message(XS_READ, "a", 2));
    kick(GUEST);
    turns(5);
    ck_assert_uint_gt(drain(GUEST), 0);
    for (sent = 0; !ring_of(GUEST)->stalled; sent++) {
        ck_assert_uint_lt(sent, 100);
        put(GUEST, message, make_message(XS_READ, "a", 2));
        kick(GUEST);
        turns(5);
    }
    ck_assert_ptr_null(server.held_rings[0]);
    ck_assert_ptr_null(server.held_rings[1]);
    put(GUEST, message, make_message(XS_READ, "a", 2));
    for (unsigned i = 0; i < 5; i++) {
        drain(GUEST);
        if (i == 0)
            kick(GUEST);
        turns(5);
    }
    ck_assert_uint_eq(nohyp_page[GUEST].req_cons, nohyp_page[GUEST].req_prod);
    *quota = 1;
    for (sent = 0; !ring_of(GUEST)->stalled; sent++) {
        ck_assert_uint_lt(sent, 100);
        put(GUEST, message, make_message(XS_READ, "a", 2));
        kick(GUEST);
        turns(5);
    }
    domain_release(&server.st, server.st.domain[GUEST]); /* while it waits */
    server_commit(&server, NULL);
    turns(2);
    server_fini(&server);
    remove_run_dir();
}
END_TEST

/* Whoever waits for room to put the rest of a message is told of it. */
START_TEST(part_is_told)
{
    static char value[1800] = "a";
    size_t len = make_message(XS_WRITE, value, sizeof(value)), at;

    make_run_dir();
    start_daemon();
    introduce(GUEST);
    at = put(GUEST, message, len);
    nohyp_notified[GUEST] = 0;
    kick(GUEST);
    turns(5);
    ck_assert_uint_eq(nohyp_page[GUEST].req_cons, at);
    ck_assert_uint_gt(nohyp_notified[GUEST], 0);
    put(GUEST, message + at, len - at);
    kick(GUEST);
    turns(5);
    ck_assert_uint_eq(drain(GUEST), sizeof(struct xsd_sockmsg) + 3);
    server_fini(&server);
    remove_run_dir();
}
END_TEST

/* ---- domain 0's ring ---- */

/* Domain 0 watches with a long token, so that it is soon behind. */
static struct ring *watchful_domain_0(void)
{
    static char token[3000];
    static struct path p;

    introduce(0);
    memset(token, 't', sizeof(token));
    path_parse(&p, "/local/domain", 13, 0, XENSTORE_ABS_PATH_MAX);
    ck_assert_int_eq(watch_add(&server.st, &ring_of(0)->c, &p, token, sizeof(token)), 0);
    server_commit(&server, NULL);
    return ring_of(0);
}

/* Domain DOMID writes until nobody takes it any more, at most LIMIT times: how often; what it is told adds to *GOT. */
static unsigned write_until_held(unsigned domid, unsigned limit, uint32_t *got)
{
    static const char *const names[] = { "state/a", "state/b" };
    unsigned i;

    for (i = 0; i < limit; i++) {
        size_t len = make_message(XS_WRITE, names[i % 2], 8);

        if (put(domid, message, len) < len)
            break;
        kick(domid);
        turns(2);
        *got += drain(domid);
        ck_assert(!ring_of(0)->broken);
        ck_assert_uint_lt(conn_unsent(&ring_of(0)->c), 2 * UNSENT_PAUSE);
    }
    return i;
}

/* A guest whose changes domain 0's kernel does not hear of as fast as it makes them waits for it, and no other guest. */
START_TEST(domain_0_is_behind)
{
    struct ring *dom0;
    uint32_t got = 0, other = 0;
    unsigned i;

    make_run_dir();
    start_daemon();
    introduce(GUEST);
    introduce(2);
    dom0 = watchful_domain_0();
    i = write_until_held(GUEST, 10000, &got);
    ck_assert_uint_lt(i, 10000);
    ck_assert(ring_of(GUEST)->held);
    ck_assert_uint_gt(conn_unsent(&dom0->c), UNSENT_PAUSE / 4);
    ck_assert_uint_lt(conn_unsent(&dom0->c), UNSENT_PAUSE / 2);
    ck_assert_uint_eq(write_until_held(2, 8, &other), 8);
    ck_assert_uint_eq(other, 8 * (sizeof(struct xsd_sockmsg) + 3));
    while (conn_unsent(&dom0->c) > UNSENT_PAUSE / 4) {
        ck_assert(ring_of(GUEST)->held);
        drain(0);
        kick(0);
        turns(1);
    }
    for (unsigned n = 0; n < 2000; n++) { /* and then goes on without a kick */
        drain(0);
        kick(0);
        turns(2);
        got += drain(GUEST);
    }
    ck_assert_uint_ge(got, i * (sizeof(struct xsd_sockmsg) + 3));
    ck_assert(!ring_of(GUEST)->held);
    server_fini(&server);
    remove_run_dir();
}
END_TEST

/* When there is very much that it has not heard of all wait. */
START_TEST(domain_0_is_far_behind)
{
    struct ring *dom0;
    uint32_t got = 0;

    make_run_dir();
    start_daemon();
    introduce(GUEST);
    dom0 = watchful_domain_0();
    for (unsigned i = 0; conn_unsent(&dom0->c) <= UNSENT_PAUSE; i++) {
        static struct path p;

        path_parse(&p, i % 2 ? "/local/domain/0/x" : "/local/domain/0/y", 17, 0, XENSTORE_ABS_PATH_MAX);
        mutate_write(&server.st, &server.st.root, &p, 0, "", 0);
        server_commit(&server, NULL);
    }
    put(GUEST, message, make_message(XS_WRITE, "a", 2));
    kick(GUEST);
    turns(2);
    ck_assert(ring_of(GUEST)->held);
    while (conn_unsent(&dom0->c) > UNSENT_PAUSE / 2) {
        ck_assert(ring_of(GUEST)->held);
        drain(0);
        kick(0);
        turns(1);
    }
    turns(2);
    got += drain(GUEST);
    ck_assert_uint_eq(got, sizeof(struct xsd_sockmsg) + 3);
    server_fini(&server);
    remove_run_dir();
}
END_TEST

/* Many that wait for domain 0 cost nothing until it has read: the turns go on as fast as before. */
START_TEST(many_wait_for_domain_0)
{
    enum { MANY = 20000 };
    clock_t start;

    make_run_dir();
    start_daemon();
    introduce(0);
    memset(conn_message(&server.st, &ring_of(0)->c, XS_WATCH_EVENT, 0, 0, 2 * UNSENT_PAUSE), 0, 2 * UNSENT_PAUSE);
    for (unsigned i = 0; i < MANY; i++) {
        struct ring *r = ring_create(&server, domain_account(&server.st, 10 + i), 1, 1);

        r->page = &nohyp_page[GUEST];
        ring_queue(&server, r);
    }
    turns(2);
    ck_assert(ring_of(10)->held && ring_of(10 + MANY - 1)->held);
    start = clock();
    for (unsigned i = 0; i < 1000; i++)
        ring_unhold(&server);
    ck_assert_int_lt(clock() - start, CLOCKS_PER_SEC / 20);
    ck_assert(ring_of(10)->held);
    conn_sent(&ring_of(0)->c, conn_unsent(&ring_of(0)->c));
    turns(1);
    ck_assert_ptr_null(server.held_rings[0]);
    ck_assert_ptr_null(server.held_rings[1]);
    ck_assert(!ring_of(10)->held);
    server_fini(&server);
    remove_run_dir();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xenstore-ring");
    TCase *tc = tcase_create("rings");

    tcase_add_test(tc, parts_of_answered_messages);
    tcase_add_test(tc, part_longer_than_its_message);
    tcase_add_test(tc, small_parts_and_many_ends);
    tcase_add_test(tc, many_requests_one_kick);
    tcase_add_test(tc, over_its_memory);
    tcase_add_test(tc, part_is_told);
    tcase_add_test(tc, domain_0_is_behind);
    tcase_add_test(tc, domain_0_is_far_behind);
    tcase_add_test(tc, many_wait_for_domain_0);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
