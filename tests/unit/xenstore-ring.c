/* SPDX-License-Identifier: MIT */
/*
 * Guests' rings as the daemon's turns serve them: messages in parts, kicks that come once, output that is left unread.
 * A guest here does what a frontend does: it kicks once for what it wrote, and again only when it is told of room.
 */
#include "server.h"

#include "xenstore-nohyp.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUEST 1u

static char run_dir[] = "/tmp/xs-ring.XXXXXX";
static struct server server;
static char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];

static void make_run_dir(void)
{
    strcpy(strrchr(run_dir, '.'), ".XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(run_dir));
}

static void remove_run_dir(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -r %s", run_dir);
    ck_assert_int_eq(system(command), 0);
}

static void start_daemon(void)
{
    const struct config config = { .run_dir = run_dir, .no_domain_init = true };

    if (server_init(&server, &config) < 0)
        _exit(9);
    server.yield_skip = UINT32_MAX;
}

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

static struct xenstore_domain_interface *shared; /* the guest's page, between two daemons' processes */

/* Runs WORK on a daemon that is then gone as if killed; its wait status. */
static int daemon_does(void (*work)(void))
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        nohyp_page[GUEST] = *shared;
        start_daemon();
        work();
        *shared = nohyp_page[GUEST];
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

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
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    make_run_dir();
    ck_assert_int_eq(daemon_does(three_messages_and_a_part), 0);
    ck_assert_int_eq(daemon_does(only_the_part_is_there), 0);
    munmap(shared, sizeof(*shared));
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
    ck_assert_ptr_null(server.held_rings);
    server_fini(&server);
    remove_run_dir();
}
END_TEST

/* The same for one that was over its memory when it kicked, until somebody frees some of it. */
START_TEST(memory_falls)
{
    uint32_t *quota;

    make_run_dir();
    start_daemon();
    introduce(GUEST);
    quota = &server.st.domain[GUEST]->quota[QUOTA_MEMORY];
    *quota = 1;
    put(GUEST, message, make_message(XS_READ, "a", 2));
    kick(GUEST);
    turns(5);
    ck_assert_uint_eq(drain(GUEST), 0);
    *quota = UINT32_MAX;
    turns(5);
    ck_assert_uint_gt(drain(GUEST), 0);
    *quota = 1;
    put(GUEST, message, make_message(XS_READ, "a", 2));
    kick(GUEST);
    turns(5);
    domain_release(&server.st, server.st.domain[GUEST]); /* while its ring is held */
    server_commit(&server, NULL);
    turns(2);
    ck_assert_ptr_null(server.held_rings);
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

/* Guests whose changes domain 0's kernel does not hear of as fast as they make them wait for it. */
START_TEST(domain_0_is_behind)
{
    static const char *const names[] = { "state/a", "state/b" };
    static char token[3000];
    static struct path p;
    struct ring *dom0;
    uint32_t got = 0;
    unsigned i;

    make_run_dir();
    start_daemon();
    introduce(0);
    introduce(GUEST);
    dom0 = ring_of(0);
    memset(token, 't', sizeof(token));
    path_parse(&p, "/local/domain/1", 15, 0, XENSTORE_ABS_PATH_MAX);
    ck_assert_int_eq(watch_add(&server.st, &dom0->c, &p, token, sizeof(token)), 0);
    server_commit(&server, NULL);
    for (i = 0; i < 10000; i++) {
        size_t len = make_message(XS_WRITE, names[i % 2], 8);

        if (put(GUEST, message, len) < len)
            break;
        kick(GUEST);
        turns(2);
        got += drain(GUEST);
        ck_assert(!dom0->broken);
        ck_assert_uint_lt(conn_unsent(&dom0->c), 2 * UNSENT_PAUSE);
    }
    ck_assert_uint_lt(i, 10000);
    ck_assert(ring_of(GUEST)->held);
    ck_assert_uint_gt(conn_unsent(&dom0->c), UNSENT_PAUSE);
    while (conn_unsent(&dom0->c) > UNSENT_PAUSE / 2 + 2 * XENSTORE_RING_SIZE) {
        drain(0);
        kick(0);
        turns(1);
        ck_assert(ring_of(GUEST)->held);
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

int main(void)
{
    Suite *suite = suite_create("xenstore-ring");
    TCase *tc = tcase_create("rings");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, parts_of_answered_messages);
    tcase_add_test(tc, part_longer_than_its_message);
    tcase_add_test(tc, many_requests_one_kick);
    tcase_add_test(tc, memory_falls);
    tcase_add_test(tc, part_is_told);
    tcase_add_test(tc, domain_0_is_behind);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
