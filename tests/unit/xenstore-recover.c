/* SPDX-License-Identifier: MIT */
/*
 * The journal's files, and daemons that take them up one after the other, each a process of its own: what one could not
 * survive the next leaves out.
 */
#include "server.h"

#include "xenstore-nohyp.h"
#include "run-suite.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the files ---- */

static unsigned records;

static int count_record(uint64_t gen, const char *data, size_t len, void *arg)
{
    (void)arg;
    ck_assert_uint_eq(gen, records + 1);
    ck_assert_uint_eq(len, 10 + records % 50);
    ck_assert_int_eq(data[len - 1], (char)records);
    records++;
    return 0;
}

START_TEST(journal)
{
    char dir[] = "/tmp/xs-journal.XXXXXX", command[128], text[64];
    struct journal j;
    bool found;
    uint64_t cut;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(journal_open(&j, dir, true, &found), 0);
    ck_assert(!found);
    for (unsigned i = 0; i < 1000; i++) {
        struct buf b = { text, 10 + i % 50, sizeof(text) };

        memset(text, (char)i, sizeof(text));
        ck_assert_int_eq(journal_append(&j, i + 1, &b), 0);
    }
    cut = j.used;
    {
        struct journal other;

        ck_assert_int_eq(journal_open(&other, dir, true, &found), -EBUSY); /* one daemon a folder */
    }
    journal_close(&j);
    ck_assert_int_eq(journal_open(&j, dir, true, &found), 0);
    ck_assert(found);
    records = 0;
    journal_each(&j, count_record, NULL);
    ck_assert_uint_eq(records, 1000);
    ck_assert_uint_eq(j.used, cut);
    j.map[cut / 2] ^= 1; /* damage: what is before it counts, and what is appended then follows that */
    records = 0;
    journal_each(&j, count_record, NULL);
    ck_assert_uint_gt(records, 400);
    ck_assert_uint_lt(records, 600);
    journal_close(&j);
    snprintf(command, sizeof(command), "truncate -s %llu %s/journal", (unsigned long long)cut / 3, dir);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(journal_open(&j, dir, true, &found), 0);
    records = 0;
    journal_each(&j, count_record, NULL);
    ck_assert_uint_gt(records, 250);
    ck_assert_uint_lt(records, 400);
    journal_close(&j);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

/* ---- one daemon after the other ---- */

static void put(const char *path, const char *value)
{
    static struct path p;

    path_parse(&p, path, strlen(path), 0, XENSTORE_ABS_PATH_MAX);
    mutate_write(&server.st, &server.st.root, &p, 0, value, strlen(value));
    server_commit(&server, NULL);
}

static void expect(const char *path, const char *value)
{
    static struct path p;
    const struct node *n;

    path_parse(&p, path, strlen(path), 0, XENSTORE_ABS_PATH_MAX);
    n = tree_find(server.st.root, &p, NULL, NULL);
    if (n == NULL || n->value_len != strlen(value) || memcmp(node_value(n), value, n->value_len)) {
        fprintf(stderr, "%s is not %s\n", path, value);
        _exit(8);
    }
}

static void before_and_after_a_release(void)
{
    for (unsigned i = 1; i <= 2; i++)
        domain_introduce(&server.st, i, 1, 1);
    put("/before", "1");
    domain_release(&server.st, server.st.domain[2]);
    server_commit(&server, NULL);
    put("/after", "2");
}

static void all_but_the_release(void)
{
    expect("/before", "1");
    expect("/after", "2");
    if (server.st.domain[1]->introduced && server.st.domain[2]->introduced)
        put("/more", "3");
}

static void all_and_more(void)
{
    all_but_the_release();
    expect("/more", "3");
}

/* A record whose taking up is fatal ends one daemon, not all that follow. */
START_TEST(fatal_record)
{
    int status;

    make_run_dir();
    ck_assert_int_eq(daemon_does(before_and_after_a_release), 0);
    nohyp_fault = 2;
    status = daemon_does(all_but_the_release);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
    ck_assert_int_eq(daemon_does(all_but_the_release), 0);
    ck_assert_int_eq(daemon_does(all_and_more), 0);
    nohyp_fault = 0;
    remove_run_dir();
}
END_TEST

static void write_one(void)
{
    put("/one", "1");
}

static void expect_one(void)
{
    expect("/one", "1");
}

/* Nor does a fatal look at the domains, when the journal is taken up, keep the next one from serving. */
START_TEST(fatal_start)
{
    int status;

    make_run_dir();
    ck_assert_int_eq(daemon_does(write_one), 0);
    nohyp_check_fault = true;
    status = daemon_does(expect_one);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
    ck_assert_int_eq(daemon_does(expect_one), 0);
    nohyp_check_fault = false;
    ck_assert_int_eq(daemon_does(expect_one), 0);
    remove_run_dir();
}
END_TEST

static void many_nodes(void)
{
    char path[32];

    for (unsigned i = 0; i < 5000; i++) {
        snprintf(path, sizeof(path), "/many/node%u", i);
        put(path, "value");
    }
    snapshot_start(&server);
    while (server.snapshot != NULL)
        snapshot_step(&server, 1000);
}

static void write_behind(void)
{
    expect("/many", "");
    put("/behind", "it");
}

static void find_behind(void)
{
    expect("/many", "");
    expect("/behind", "it");
}

/* A snapshot that is damaged in its middle: its first part counts, and so does what is written behind it from then on. */
START_TEST(damaged_snapshot)
{
    struct journal j;
    bool found;

    make_run_dir();
    ck_assert_int_eq(daemon_does(many_nodes), 0);
    ck_assert_int_eq(journal_open(&j, nohyp_config.run_dir, true, &found), 0);
    ck_assert(found);
    j.map[100000] ^= 1;
    journal_close(&j);
    ck_assert_int_eq(daemon_does(write_behind), 0);
    ck_assert_int_eq(daemon_does(find_behind), 0);
    remove_run_dir();
}
END_TEST

/* One request of domain 1's, by its ring. */
static void ask(uint32_t type, uint32_t tx, const char *data, size_t len)
{
    const struct xsd_sockmsg hdr = { type, 0, tx, (uint32_t)len };

    store_request(&server.st, server.st.domain[1]->conn, &hdr, data);
    server_commit(&server, NULL);
}

/* Transactions 1 and 2 have each seen a node; the second's changes, then both are moved to the live tree. */
static void move_transactions(void)
{
    domain_introduce(&server.st, 1, 1, 1);
    put("/a", "1");
    put("/b", "1");
    for (uint32_t t = 1; t <= 2; t++) {
        ask(XS_TRANSACTION_START, 0, "", 1);
        ask(XS_READ, t, t == 1 ? "/a" : "/b", 3);
    }
    put("/b", "2");
    put("/new", "1");
    for (uint32_t t = 1; t <= 2; t++)
        txn_rebase(&server.st, txn_find(server.st.domain[1]->conn, t));
    server_commit(&server, NULL);
    put("/b", "1"); /* as it was when the second began */
    put("/new", "2");
}

static void find_them_moved(void)
{
    struct conn *c = server.st.domain[1]->conn;
    const struct txn *first = txn_find(c, 1), *second = txn_find(c, 2);
    static struct path p;

    path_parse(&p, "/new", 4, 0, XENSTORE_ABS_PATH_MAX);
    if (first == NULL || second == NULL || first->lost || !second->lost || first->rebased != 1)
        _exit(7);
    if (tree_find(first->work, &p, NULL, NULL) == NULL || node_value(tree_find(first->base, &p, NULL, NULL))[0] != '1')
        _exit(6);
}

static void find_them_and_compact(void)
{
    find_them_moved();
    snapshot_start(&server);
    while (server.snapshot != NULL)
        snapshot_step(&server, 1000);
}

/* A transaction that was given a newer base has it after a kill too, from the journal's records and from a snapshot. */
START_TEST(moved_transactions)
{
    make_run_dir();
    ck_assert_int_eq(daemon_does(move_transactions), 0);
    ck_assert_int_eq(daemon_does(find_them_and_compact), 0);
    ck_assert_int_eq(daemon_does(find_them_moved), 0);
    remove_run_dir();
}
END_TEST

/* More watches and transactions than the quotas are at first. */
static void beyond_the_quotas(void)
{
    char watch[32];

    server.st.quota[QUOTA_WATCHES] = server.st.quota[QUOTA_TRANSACTIONS] = 1000; /* as -W and -t would */
    server.st.quota[QUOTA_TXN_NODES] = 2000;
    domain_introduce(&server.st, 1, 1, 1);
    for (int i = 0; i < 300; i++)
        ask(XS_WATCH, 0, watch, (size_t)sprintf(watch, "/w%d%ct", i, 0) + 1);
    for (int i = 0; i < 20; i++)
        ask(XS_TRANSACTION_START, 0, "", 1);
    for (int i = 0; i < 1500; i++)
        ask(XS_READ, 1, watch, (size_t)sprintf(watch, "/w%d", i) + 1);
}

static void nothing_is_missing(void)
{
    const struct domain *d = server.st.domain[1];

    if (d->watches != 300 || d->txns != 20 || txn_find(d->conn, 1)->touch_count != 1500)
        _exit(7);
}

static void the_quotas_hold(void)
{
    nothing_is_missing();
    if (server.st.quota[QUOTA_WATCHES] != 10 || server.st.soft_memory != 99)
        _exit(6);
    ask(XS_WATCH, 0, "/more\0t", 8);
    ask(XS_UNWATCH, 0, "/w0\0t", 6);
    if (server.st.domain[1]->watches != 299)
        _exit(5);
}

/* What a guest had when the daemon was killed it has again, with the quotas that were then, and with others. */
START_TEST(quotas_of_then)
{
    make_run_dir();
    ck_assert_int_eq(daemon_does(beyond_the_quotas), 0);
    ck_assert_int_eq(daemon_does(nothing_is_missing), 0);
    nohyp_config.quota[QUOTA_WATCHES] = 10;
    nohyp_config.soft_memory = 99;
    nohyp_config.quota_given[QUOTA_WATCHES] = nohyp_config.soft_given = true;
    ck_assert_int_eq(daemon_does(the_quotas_hold), 0);
    nohyp_config.quota_given[QUOTA_WATCHES] = nohyp_config.soft_given = false;
    remove_run_dir();
}
END_TEST

/* ---- records that are whole, and whose contents make no sense ---- */

static struct {
    uint64_t gen;
    char *data;
    size_t len;
} kept[1000];
static unsigned kept_count;

static int keep_record(uint64_t gen, const char *data, size_t len, void *arg)
{
    (void)arg;
    ck_assert_uint_lt(kept_count, ARRAY_SIZE(kept));
    kept[kept_count].gen = gen;
    kept[kept_count].len = len;
    kept[kept_count].data = memcpy(malloc(len), data, len);
    kept_count++;
    return 0;
}

/* Something of everything, then a snapshot of it, then more. */
static void all_kinds(void)
{
    const struct perm list[] = { { 1, PERM_READ }, { 2, PERM_WRITE } };
    static struct path p;

    move_transactions();
    domain_introduce(&server.st, 2, 1, 1);
    for (unsigned i = 0; i < 2; i++) {
        ask(XS_WATCH, 0, "/a\0token", 9);
        ask(XS_TRANSACTION_START, 0, "", 1);
        ask(XS_WRITE, 3 + i, "/local/domain/1/x\0value", 23);
        ask(XS_SET_PERMS, 3 + i, "/local/domain/1/x\0n1\0r2", 24);
        ask(XS_RM, 3 + i, "/local/domain/1/x", 18);
        path_parse(&p, "/local/domain/1", 15, 0, XENSTORE_ABS_PATH_MAX);
        mutate_mkdir(&server.st, &server.st.root, &p, 0);
        mutate_perms(&server.st, &server.st.root, &p, list, 2);
        ask(XS_WRITE, 0, "a/b/c\0value", 11);
        ask(XS_SET_PERMS, 0, "a\0n1\0r2", 8);
        ask(XS_RM, 0, "a/b", 4);
        if (i == 0)
            find_them_and_compact();
    }
    txn_rebase(&server.st, txn_find(server.st.domain[1]->conn, 1));
    ask(XS_TRANSACTION_END, 2, "F", 2);
    ask(XS_UNWATCH, 0, "/a\0token", 9);
    domain_release(&server.st, server.st.domain[2]);
    server_commit(&server, NULL);
}

/* A few bytes of a few records changed; whole entries, too, get other types. */
static void change_some(struct buf *b)
{
    for (long n = random() % 4; n > 0 && b->len > 0; n--) {
        char *at = &b->data[random() % (long)b->len];

        if (random() % 2)
            at = b->data + (at - b->data) / 16 * 16; /* where an entry may begin */
        *at = random() % 2 ? (char)(random() % (ENTRY_TYPES + 1)) : (char)random();
    }
}

static void nothing_more(void)
{
    struct buf out = { 0 };

    if (domain_check(&server.st, &out) != 0)
        _exit(7);
    put("/still", "works");
    expect("/still", "works");
}

START_TEST(senseless_journals)
{
    struct journal j;
    bool found;

    make_run_dir();
    ck_assert_int_eq(daemon_does(all_kinds), 0);
    ck_assert_int_eq(journal_open(&j, nohyp_config.run_dir, true, &found), 0);
    journal_each(&j, keep_record, NULL);
    journal_close(&j);
    ck_assert_uint_gt(kept_count, 10);
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    for (unsigned i = 0; i < 300; i++) {
        srandom(i);
        ck_assert_int_eq(journal_open(&j, nohyp_config.run_dir, false, &found), 0);
        for (unsigned k = 0; k < kept_count; k++) {
            struct buf b = { 0 };

            buf_add(&b, kept[k].data, kept[k].len);
            if (random() % 4 == 0)
                change_some(&b);
            ck_assert_int_eq(journal_append(&j, kept[k].gen, &b), 0);
            buf_free(&b);
        }
        journal_close(&j);
        ck_assert_msg(daemon_does(nothing_more) == 0, "journal %u", i);
    }
    remove_run_dir();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xenstore-recover");
    TCase *tc = tcase_create("journals");

    tcase_add_test(tc, journal);
    tcase_add_test(tc, fatal_record);
    tcase_add_test(tc, fatal_start);
    tcase_add_test(tc, damaged_snapshot);
    tcase_add_test(tc, moved_transactions);
    tcase_add_test(tc, quotas_of_then);
    tcase_add_test(tc, senseless_journals);
    tcase_set_timeout(tc, 120);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
