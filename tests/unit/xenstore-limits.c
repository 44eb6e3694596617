/* SPDX-License-Identifier: MIT */
/* Quotas, and what one domain can make the daemon hold: old trees, transactions' own ones, watches. */
#include <errno.h>

#include "store.h"

#include "xenstore-store.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(quotas)
{
    char data[4096] = "big";
    unsigned n;

    guest_home();
    for (n = 0; n < 2000; n++) {
        int len = snprintf(data, sizeof(data), "n%u", n) + 1;

        if (strcmp(ask_tx(&guest1, 0, XS_MKDIR, data, (size_t)len), "OK"))
            break;
    }
    ERROR(reply, "ENOSPC");
    ck_assert_uint_eq(n, 999); /* and its home */
    ck_assert_uint_eq(st.domain[1]->nodes, 1000);
    OK(ASK(&guest1, XS_RM, "n7"));
    OK(ASK(&guest1, XS_MKDIR, "again"));
    OK(ASK(&guest1, XS_RM, "n8"));
    memset(data + 4, 'x', 3000);
    ERROR(ask_tx(&guest1, 0, XS_WRITE, "big\0", 4 + 2047), "ENOSPC");
    for (n = 0; n < 200; n++) {
        int len = snprintf(data, sizeof(data), "w%u", n) + 1;

        data[len++] = 0;
        if (strcmp(ask_tx(&guest1, 0, XS_WATCH, data, (size_t)len), "OK"))
            break;
    }
    ERROR(reply, "E2BIG");
    ck_assert_uint_eq(n, 128);
    for (n = 0; n < 20 && last_type != XS_TRANSACTION_START + 100; n++)
        if (!atoi(ASK(&guest1, XS_TRANSACTION_START, "")))
            break;
    ERROR(reply, "ENOSPC");
    ck_assert_uint_eq(n, 10);
    OK(ASK(&dom0, XS_CONTROL, "quota\0set\0transactions\00011\0001"));
    ck_assert_int_gt(atoi(ASK(&guest1, XS_TRANSACTION_START, "")), 0);
    ERROR(ASK(&guest1, XS_SET_PERMS, "again\0n1\0r2\0r3\0r4\0r5\0r6"), "ENOSPC");
    ERROR(ASK(&guest2, XS_SET_PERMS, "/none\0n2"), "EACCES");
    OK(ASK(&dom0, XS_CONTROL, "check"));
}
END_TEST

/* All domains' use comes in as many pieces as it takes. */
START_TEST(quota_json)
{
    char request[64] = "quota\0json\0from\0" "0";
    unsigned found = 0;

    for (unsigned i = 100; i < 150; i++)
        domain_account(&st, i)->watches = i;
    while (request[16] != '-') {
        ask_tx(&dom0, 0, XS_CONTROL, request, 17 + strlen(request + 16));
        for (const char *at = reply; (at = strstr(at, "{\"domid\":")) != NULL; at++)
            found++;
        snprintf(request + 16, 16, "%.*s", (int)strcspn(reply, "\n"), reply);
    }
    ck_assert_uint_eq(found, 53); /* and 0, 1, 2 */
    for (unsigned i = 100; i < 150; i++)
        st.domain[i]->watches = 0;
    ck_assert_ptr_nonnull(strstr(ASK(&dom0, XS_CONTROL, "quota\0json"), "\"nodes\":1000"));
    ERROR(ASK(&dom0, XS_CONTROL, "quota\0json\00099"), "ENOENT");
}
END_TEST

#define BIG 500u

/* Every node below HOME, BIG of them, gets a value of 2000 bytes. */
static void rewrite(struct conn *c, const char *home, char with)
{
    char data[2100];

    for (unsigned i = 0; i < BIG; i++) {
        size_t len = (size_t)snprintf(data, sizeof(data), "%s/n%u", home, i) + 1;

        memset(data + len, with, 2000);
        OK(ask_tx(c, 0, XS_WRITE, data, len + 2000));
    }
}

/*
 * Two guests, within their quotas, begin transactions while others change all there is: what was is not kept for each.
 * Those that have seen nothing of the change still end well.
 */
START_TEST(old_trees)
{
    struct conn *const guests[] = { &guest1, &guest2 };
    uint32_t same[2][10], seen;

    OK(ASK_VALUE(&dom0, XS_WRITE, "/pub\0x"));
    OK(ASK(&dom0, XS_SET_PERMS, "/pub\0b0"));
    OK(ASK_VALUE(&dom0, XS_WRITE, "/pub/a\0001"));
    rewrite(&dom0, "/pub/big", 'a');
    seen = begin(&dom0);
    ck_assert_int_eq(ASK_TX(&dom0, seen, XS_READ, "/pub/big/n7")[0], 'a');
    OK(WRITE_TX(&dom0, seen, "/mine\0y"));
    for (unsigned i = 0; i < 20; i++) {
        struct conn *c = guests[i % 2];
        uint32_t *t = &same[i % 2][i / 2];
        char data[32];

        *t = begin(c);
        ck_assert_uint_ne(*t, 0);
        ck_assert_str_eq(ASK_TX(c, *t, XS_READ, "/pub/a"), "1");
        OK(ask_tx(c, *t, XS_WRITE, data, (size_t)snprintf(data, sizeof(data), "/pub/made%u", i) + 1));
        rewrite(&dom0, "/pub/big", (char)('b' + i));
        ck_assert_uint_lt(node_stats.bytes, (1u << 21) + (8u << 20) + (1u << 20));
    }
    ck_assert_str_eq(ASK_TX(&dom0, seen, XS_READ, "/mine"), "y");
    ERROR(ASK_TX(&dom0, seen, XS_TRANSACTION_END, "T"), "EAGAIN");
    ERROR(ASK(&dom0, XS_READ, "/mine"), "ENOENT");
    for (unsigned i = 0; i < 20; i++) {
        char data[32];

        OK(ASK_TX(guests[i % 2], same[i % 2][i / 2], XS_TRANSACTION_END, "T"));
        ck_assert_str_eq(ask_tx(&dom0, 0, XS_READ, data, (size_t)snprintf(data, sizeof(data), "/pub/made%u", i) + 1), "");
    }
    ck_assert_uint_lt(node_stats.bytes, 3u << 20);
    OK(ASK(&dom0, XS_CONTROL, "check"));
}
END_TEST

/* Who holds a long transaction through ever more of that is told to begin anew at its end; short ones are spared. */
START_TEST(old_transaction)
{
    uint32_t t, brief, others[9] = { 0 };
    char data[32];

    OK(ASK_VALUE(&dom0, XS_WRITE, "/pub\0x"));
    OK(ASK(&dom0, XS_SET_PERMS, "/pub\0b0"));
    t = begin(&guest1);
    brief = begin(&guest1);
    OK(WRITE_TX(&guest1, brief, "/pub/brief\0y"));
    for (unsigned i = 0; i < 65; i++)
        OK(ask_tx(&guest1, t, XS_WRITE, data, (size_t)sprintf(data, "/pub/n%u", i) + 1));

    for (unsigned i = 0; i < 90; i++) {
        uint32_t *u = &others[i % 9];

        if (*u != 0)
            ask_tx(&guest2, *u, XS_TRANSACTION_END, "F", 2);
        *u = begin(&guest2);
        rewrite(&dom0, "/big", (char)('a' + i % 26));
        ck_assert_uint_lt(node_stats.bytes, (1u << 21) + (8u << 20) + (1u << 20));
    }
    ERROR(ASK_TX(&guest1, t, XS_TRANSACTION_END, "T"), "EAGAIN");
    ERROR(ASK(&dom0, XS_READ, "/pub/n0"), "ENOENT");
    ck_assert_str_eq(ASK_TX(&guest1, brief, XS_READ, "/pub/brief"), "y");
    OK(ASK_TX(&guest1, brief, XS_TRANSACTION_END, "T"));
    ck_assert_str_eq(ASK(&dom0, XS_READ, "/pub/brief"), "y");
    OK(ASK_TX(&guest1, begin(&guest1), XS_TRANSACTION_END, "T"));
    OK(ASK(&dom0, XS_CONTROL, "check"));
}
END_TEST

/* A transaction's copies of nodes are its domain's, and its quota ends them; with it they go. */
START_TEST(own_trees)
{
    uint64_t before;
    char data[64];
    unsigned i, n = 0;

    guest_home();
    rewrite(&guest1, "big", 'a');
    before = st.domain[1]->memory;
    for (unsigned k = 0; k < 10; k++) {
        uint32_t t = begin(&guest1);

        for (i = 0; i < BIG; i++, n++)
            if (strcmp(ask_tx(&guest1, t, XS_SET_PERMS, data, (size_t)sprintf(data, "big/n%u%cn1%cr2", i, 0, 0) + 1), "OK"))
                break;
    }
    ERROR(reply, "ENOSPC");
    ck_assert_uint_gt(n, BIG / 2);
    ck_assert_uint_lt(n, 2 * BIG);
    ck_assert_uint_lt(node_stats.bytes, 3u << 20);
    OK(ASK(&guest1, XS_RESET_WATCHES, ""));
    ck_assert_uint_eq(st.domain[1]->memory, before);
    for (i = 0; i < 100000; i++) { /* nor is there an end in one node's changes */
        if (i == 0)
            n = begin(&guest1);
        if (strcmp(ask_tx(&guest1, n, XS_SET_PERMS, "big/n1\0n1\0r2", 13), "OK"))
            break;
    }
    ERROR(reply, "ENOSPC");
    OK(ASK_TX(&guest1, n, XS_TRANSACTION_END, "F"));
    ck_assert_uint_eq(st.domain[1]->memory, before);
    OK(ASK(&dom0, XS_CONTROL, "check"));
}
END_TEST

/* What it has seen counts, too; and at its limit a domain is told so, and gets its events as before. */
START_TEST(much_seen)
{
    unsigned n = 0, full = 0;
    char data[2048];

    guest_home();
    OK(ASK(&guest1, XS_WATCH, "a\0t"));
    for (unsigned k = 0; k < 10; k++) {
        uint32_t t = begin(&guest1);

        for (unsigned i = 0; i < 1024; i++, n++) {
            memset(data, 'x', sizeof(data));
            data[sprintf(data, "%u-", i)] = 'x';
            data[2000] = 0;
            full += !strcmp(ask_tx(&guest1, t, XS_READ, data, 2001), "ENOSPC");
        }
    }
    ck_assert_uint_gt(full, n / 2);
    ck_assert_uint_le(st.domain[1]->memory, 2621440);
    memcpy(data, "a", 2);
    ERROR(ask_tx(&guest1, 0, XS_WRITE, data, 2030), "ENOSPC");
    OK(ASK_VALUE(&dom0, XS_WRITE, "/local/domain/1/a\0v"));
    ck_assert(!guest1.dead);
    ck_assert_str_eq(ASK(&guest1, XS_READ, "a"), "v");
    ck_assert_str_eq(events, "a|t;");
    for (unsigned i = 0; i < 30000 && !guest1.dead; i++)
        OK(ask_tx(&dom0, 0, XS_WRITE, data, (size_t)sprintf(data, "/local/domain/1/a%s", i % 2 ? "/b" : "") + 1));
    ck_assert(guest1.dead); /* unless it does not read */
    ck_assert_uint_lt(conn_unsent(&guest1), 100000);
}
END_TEST

/* A commit is one request: a guest's cannot be longer than it takes to be served. */
START_TEST(many_changes)
{
    unsigned done = 0;
    uint32_t t;

    guest_home();
    t = begin(&guest1);
    while (done < 20000 && !strcmp(ask_tx(&guest1, t, XS_WRITE, "a\0v", 3), "OK"))
        done++;
    ERROR(reply, "ENOSPC");
    ck_assert_uint_eq(done, 4 * 1024);
    ERROR(ASK_TX(&guest1, t, XS_RM, "a"), "ENOSPC");
    ERROR(ASK_TX(&guest1, t, XS_MKDIR, "b"), "ENOSPC");
    ck_assert_str_eq(ASK_TX(&guest1, t, XS_READ, "a"), "v");
    OK(ASK_TX(&guest1, t, XS_TRANSACTION_END, "T"));
    ck_assert_str_eq(ASK(&guest1, XS_READ, "a"), "v");
}
END_TEST

static uint64_t room_wanted;

static int no_room(void *arg, uint64_t bytes)
{
    (void)arg;
    room_wanted = bytes;
    return -ENOSPC;
}

/* A commit for which the journal has no room does nothing; without room for any change no ring's state grows. */
START_TEST(full_journal)
{
    static const struct store_host host = { .make_room = no_room };
    static struct conn ring;
    char data[2100];
    uint32_t t;

    st.host = &host;
    t = begin(&dom0);
    memset(data, 'x', sizeof(data));
    for (unsigned i = 0; i < 200; i++) {
        size_t len = (size_t)sprintf(data, "/big/n%u", i) + 1;

        data[len] = 'x';
        OK(ask_tx(&dom0, t, XS_WRITE, data, len + 2000));
    }
    ERROR(ASK_TX(&dom0, t, XS_TRANSACTION_END, "T"), "ENOSPC");
    ck_assert_uint_gt(room_wanted, 2 * 200 * 2000);
    ERROR(ASK(&dom0, XS_READ, "/big"), "ENOENT");
    t = begin(&dom0);
    OK(WRITE_TX(&dom0, t, "/small\0x"));
    OK(ASK_TX(&dom0, t, XS_TRANSACTION_END, "T"));
    st.host = NULL;
    memset(&ring, 0, sizeof(ring));
    conn_init(&st, &ring, CONN_RING, 3);
    OK(ASK(&ring, XS_WATCH, "/a\0t"));
    st.journal_full = true;
    ERROR(ASK(&ring, XS_WATCH, "/b\0t"), "ENOSPC");
    ERROR(ASK(&ring, XS_TRANSACTION_START, ""), "ENOSPC");
    OK(ASK(&ring, XS_UNWATCH, "/a\0t"));
    OK(ASK(&dom0, XS_WATCH, "/b\0t")); /* which no journal knows */
    st.journal_full = false;
    conn_fini(&st, &ring);
}
END_TEST

/* What a request costs is counted: a long path, a commit of many changes, more than a short one. */
START_TEST(dear_requests)
{
    uint32_t before = st.work, t;
    char data[2048];

    ASK(&guest1, XS_READ, "/a");
    ck_assert_uint_eq(st.work, before + 1);
    for (unsigned i = 0; i < 1000; i++)
        memcpy(data + 2 * i, "/a", 3);
    before = st.work;
    ask_tx(&guest1, 0, XS_READ, data, 2001);
    ck_assert_uint_gt(st.work, before + 30);
    guest_home();
    t = begin(&guest1);
    for (unsigned i = 0; i < 1000; i++)
        OK(ASK_TX(&guest1, t, XS_WRITE, "a"));
    before = st.work;
    OK(ASK_TX(&guest1, t, XS_TRANSACTION_END, "T"));
    ck_assert_uint_gt(st.work, before + 100);
}
END_TEST

/* What a client did not read is not taken from domain 0's account, which it was never in. */
START_TEST(unread_of_domain_0)
{
    static struct conn other;
    const struct xsd_sockmsg hdr = { XS_READ, 1, 0, 2 };
    uint64_t before = st.domain[0]->memory;

    memset(&other, 0, sizeof(other));
    conn_init(&st, &other, CONN_SOCKET, 0);
    store_request(&st, &other, &hdr, "/");
    ck_assert_uint_gt(conn_unsent(&other), 0);
    conn_fini(&st, &other);
    ck_assert_uint_eq(st.domain[0]->memory, before);
}
END_TEST

/* A watch on a long path is charged for what finds it. */
START_TEST(long_watches)
{
    uint64_t before = st.domain[1]->memory;
    char data[2100];
    unsigned i;

    for (i = 0; i < 128; i++) {
        size_t len = (size_t)sprintf(data, "/w%u", i);

        while (len < 2040)
            len += (size_t)sprintf(data + len, "/%c", 'a' + (int)(i % 26));
        data[len + 1] = 0;
        if (strcmp(ask_tx(&guest1, 0, XS_WATCH, data, len + 2), "OK"))
            break;
    }
    ERROR(reply, "ENOSPC");
    ck_assert_uint_lt(watch_memory(), 3u << 20);
    ck_assert_uint_le(watch_memory(), st.domain[1]->memory + 256);
    OK(ASK(&guest1, XS_RESET_WATCHES, ""));
    ck_assert_uint_eq(st.domain[1]->memory, before);
}
END_TEST

void add_limit_tests(TCase *tc)
{
    tcase_add_test(tc, quotas);
    tcase_add_test(tc, quota_json);
    tcase_add_test(tc, old_trees);
    tcase_add_test(tc, old_transaction);
    tcase_add_test(tc, own_trees);
    tcase_add_test(tc, much_seen);
    tcase_add_test(tc, many_changes);
    tcase_add_test(tc, full_journal);
    tcase_add_test(tc, dear_requests);
    tcase_add_test(tc, unread_of_domain_0);
    tcase_add_test(tc, long_watches);
}
