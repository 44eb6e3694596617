/* SPDX-License-Identifier: MIT */
/* Unit tests of the store: what a client sees, request by request. */
#include <errno.h>

#include "store.h"

#include "xenstore-store.h"

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

START_TEST(paths)
{
    static const char *const bad[] = { "", "/a/", "//a", "/a//b", "/a b", "/a%", "/\x80", "@x", "/a\n" };
    char data[4096];

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ERROR(ask_tx(&dom0, 0, XS_READ, bad[i], strlen(bad[i]) + 1), "EINVAL");
    ERROR(ask_tx(&dom0, 0, XS_READ, "/a", 2), "EINVAL"); /* not terminated */
    ERROR(ASK(&dom0, XS_READ, "/a\0/b"), "EINVAL");
    memset(data, 'x', sizeof(data));
    data[0] = '/';
    data[2048] = 0;
    OK(ask_tx(&dom0, 0, XS_MKDIR, data, 2049));
    data[2048] = 'x';
    data[2049] = 0;
    ERROR(ask_tx(&dom0, 0, XS_MKDIR, data, 2050), "EINVAL");
    ck_assert_str_eq(ASK(&guest1, XS_GET_DOMAIN_PATH, "7"), "/local/domain/7");
    ERROR(ASK(&guest1, XS_GET_DOMAIN_PATH, "-7"), "EINVAL");
}
END_TEST

static void guest_home(void)
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

/* Every byte at every place of paths of every length around the 16 that are looked at together. */
START_TEST(path_bytes)
{
    static struct path p;
    char data[64];

    for (unsigned len = 1; len <= 40; len++) {
        for (unsigned at = 1; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                bool name = c < 128 && c != 0 && strchr("-_@0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", c);
                bool slash = c == '/' && at > 1 && at + 1 < len;
                int rc;

                memset(data, 'x', sizeof(data));
                data[0] = '/';
                data[at] = (char)c;
                rc = path_parse(&p, data, len, 0, XENSTORE_ABS_PATH_MAX);
                ck_assert_int_eq(rc, name || slash ? 0 : -EINVAL);
                if (rc < 0)
                    continue;
                ck_assert_uint_eq(p.count, slash ? 2 : 1);
                ck_assert_uint_eq(p.name[0].len, slash ? at - 1 : len - 1);
                ck_assert_uint_eq(path_prefix_len(&p, p.count), len);
            }
        }
    }
}
END_TEST

/* A path of up to 24 names, some of them long, with something wrong in it now and then. */
static size_t related_path(char *out)
{
    static const char *const names[] = { "a", "local", "domain", "8-bytes-", "9-bytes-x", "a-name-of-more-than-16" };
    size_t len = 0;

    for (long n = random() % 25; n > 0; n--)
        len += (size_t)sprintf(out + len, "/%s", names[random() % 4 ? 1 : random() % 6]);
    if (random() % 4 == 0)
        len += (size_t)sprintf(out + len, "/%ld", random() % 100);
    if (len == 0)
        out[len++] = '/';
    if (random() % 16 == 0)
        out[random() % (long)len] = "/. "[random() % 3];
    if (random() % 8 == 0 && len > 1) /* relative */
        memmove(out, out + 1, --len);
    return len;
}

/* What is kept of the path before changes nothing. */
START_TEST(paths_in_a_row)
{
    static struct path p, fresh;
    char s[1024];

    for (unsigned i = 0; i < 50000; i++) {
        size_t len = related_path(s);
        unsigned domid = (unsigned)random() % 3;
        int rc;

        if (random() % 50 == 0)
            ck_assert_int_eq(path_parse_special(&p, "@x", 2), 0);
        rc = path_parse(&p, s, len, domid, XENSTORE_ABS_PATH_MAX);
        memset(&fresh, 0, sizeof(fresh));
        ck_assert_int_eq(rc, path_parse(&fresh, s, len, domid, XENSTORE_ABS_PATH_MAX));
        if (rc < 0)
            continue;
        ck_assert_str_eq(p.str, fresh.str);
        ck_assert_uint_eq(p.len, fresh.len);
        ck_assert_uint_eq(p.strip, fresh.strip);
        ck_assert_uint_eq(p.count, fresh.count);
        ck_assert_mem_eq(p.name, fresh.name, p.count * sizeof(p.name[0]));
    }
}
END_TEST

/* Name by name, without what tree_find() keeps of the way it went before. */
static struct node *plain_walk(struct node *root, const struct path *p)
{
    for (unsigned i = 0; root != NULL && i < p->count; i++)
        root = node_find(root, path_name_str(p, i), p->name[i].len, p->name[i].hash);
    return root;
}

START_TEST(finding_among_changes)
{
    struct node *held[4] = { NULL }; /* other trees, that share nodes with the live one */
    unsigned found = 0;
    char s[1024];

    for (unsigned i = 0; i < 50000; i++) {
        static struct path p;
        struct node *root;

        if (path_parse(&p, s, related_path(s), 0, XENSTORE_ABS_PATH_MAX) < 0 || p.count > 20)
            continue;
        if (random() % 10 == 0)
            mutate_write(&st, &st.root, &p, 0, s, (size_t)random() % 64);
        if (random() % 40 == 0)
            mutate_rm(&st, &st.root, &p);
        if (random() % 100 == 0) {
            struct node **at = &held[random() % 4];

            node_put(*at);
            *at = node_ref(st.root);
        }
        root = random() % 4 ? NULL : held[random() % 4];
        root = root == NULL ? st.root : root;
        ck_assert_ptr_eq(tree_find(root, &p, NULL, NULL), plain_walk(root, &p));
        found += plain_walk(root, &p) != NULL;
    }
    ck_assert_uint_gt(found, 1000);
    for (unsigned i = 0; i < 4; i++)
        node_put(held[i]);
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
    t = begin(&dom0);
    ERROR(ASK_TX(&dom0, t, XS_TRANSACTION_START, ""), "EBUSY");
    ERROR(ASK_TX(&dom0, t, XS_TRANSACTION_END, "X"), "EINVAL");
    OK(ASK_TX(&dom0, t, XS_TRANSACTION_END, "F"));
    ERROR(ASK(&dom0, XS_TRANSACTION_END, "T"), "ENOENT");
}
END_TEST

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

static bool no_domain(void *arg, unsigned domid)
{
    (void)arg;
    (void)domid;
    return false;
}

/* Who is not there gets no permission, for the next domain by its number would have it. */
START_TEST(permissions_of_nobody)
{
    static const struct store_host host = { .domain_exists = no_domain };
    static struct conn next;

    st.host = &host;
    OK(ASK(&dom0, XS_MKDIR, "/secret"));
    OK(ASK(&dom0, XS_SET_PERMS, "/secret\0n0\0r6\0w7"));
    ck_assert_str_eq(ASK(&dom0, XS_GET_PERMS, "/secret"), "n0");
    ck_assert_uint_eq(reply_len, 3);
    ERROR(ASK(&dom0, XS_SET_PERMS, "/secret\0n6"), "ENOENT");
    OK(ASK(&dom0, XS_SET_PERMS, "@releaseDomain\0n0\0r6"));
    ck_assert_uint_eq(st.release_perms->count, 1);
    memset(&next, 0, sizeof(next));
    conn_init(&st, &next, CONN_SOCKET, 6);
    ERROR(ASK(&next, XS_READ, "/secret"), "EACCES");
    conn_fini(&st, &next);
    st.host = NULL;
}
END_TEST

START_TEST(domains)
{
    OK(ASK(&dom0, XS_INTRODUCE, "5\0001\0001"));
    ck_assert_str_eq(ASK(&dom0, XS_IS_DOMAIN_INTRODUCED, "5"), "T");
    OK(ASK(&dom0, XS_WATCH, "@releaseDomain\0r"));
    OK(ASK(&dom0, XS_MKDIR, "/local/domain/5/x"));
    OK(ASK(&dom0, XS_SET_PERMS, "/local/domain/5\0n5"));
    OK(ASK(&dom0, XS_MKDIR, "/else/a"));
    OK(ASK(&dom0, XS_SET_PERMS, "/else/a\0n5"));
    OK(ASK(&dom0, XS_MKDIR, "/else/b"));
    OK(ASK(&dom0, XS_SET_PERMS, "/else/b\0n0\0r5"));
    OK(ASK(&dom0, XS_RELEASE, "5"));
    ck_assert_str_eq(events, "@releaseDomain|r;");
    ERROR(ASK(&dom0, XS_READ, "/local/domain/5"), "ENOENT"); /* its nodes went with it, wherever they were */
    ERROR(ASK(&dom0, XS_READ, "/else/a"), "ENOENT");
    ck_assert_str_eq(ASK(&dom0, XS_IS_DOMAIN_INTRODUCED, "5"), "F");
    ERROR(ASK(&dom0, XS_RELEASE, "5"), "ENOENT");
    ERROR(ASK(&dom0, XS_RELEASE, "0"), "EINVAL");
    ERROR(ASK(&dom0, XS_INTRODUCE, "40000\0001\0001"), "EINVAL");
    ck_assert_uint_eq(perms_access(st.root->perms, 5, st.died[5]), PERM_NONE);
    {
        static struct conn next; /* a new domain by the same number inherits no right */

        memset(&next, 0, sizeof(next));
        conn_init(&st, &next, CONN_SOCKET, 5);
        ERROR(ASK(&next, XS_READ, "/else/b"), "EACCES");
        conn_fini(&st, &next);
    }
    OK(ASK(&dom0, XS_CONTROL, "check"));
}
END_TEST

static int no_ring(void *arg, struct domain *d, uint64_t gfn, uint32_t port)
{
    struct conn *ring = arg; /* what the daemon does: the ring is made, found to lead nowhere, and let go */

    (void)gfn;
    (void)port;
    memset(ring, 0, sizeof(*ring));
    conn_init(&st, ring, CONN_RING, d->domid);
    d->conn = ring;
    conn_fini(&st, ring);
    return -ENOENT;
}

/* Domains that end before they are introduced, or while they are: their creation was refused and taken back. */
START_TEST(no_longer_there)
{
    static const struct store_host host = { .introduce = no_ring };
    static struct conn ring;

    OK(ASK(&dom0, XS_WATCH, "@releaseDomain\0r"));
    OK(ASK(&dom0, XS_MKDIR, "/local/domain/7/device"));
    OK(ASK(&dom0, XS_SET_PERMS, "/local/domain/7/device\0n7"));
    OK(ASK(&dom0, XS_MKDIR, "/vm/x"));
    OK(ASK(&dom0, XS_SET_PERMS, "/vm/x\0n7"));
    domain_release(&st, st.domain[7]); /* as for one that is gone from the hypervisor */
    ck_assert_ptr_null(st.domain[7]);
    OK(ASK(&dom0, XS_MKDIR, "/x"));
    ck_assert_str_eq(events, "@releaseDomain|r;");
    ERROR(ASK(&dom0, XS_READ, "/local/domain/7/device"), "ENOENT");
    ERROR(ASK(&dom0, XS_READ, "/vm/x"), "ENOENT");

    st.host = &host;
    st.host_arg = &ring;
    ERROR(ASK(&dom0, XS_INTRODUCE, "8\0001\0001"), "ENOENT"); /* one of whom nothing was known */
    ck_assert_ptr_null(st.domain[8]);
    OK(ASK(&dom0, XS_MKDIR, "/vm/y"));
    OK(ASK(&dom0, XS_SET_PERMS, "/vm/y\0n8"));
    ERROR(ASK(&dom0, XS_INTRODUCE, "8\0001\0001"), "ENOENT"); /* and one that owns something */
    ck_assert_str_eq(ASK(&dom0, XS_IS_DOMAIN_INTRODUCED, "8"), "F");
    ck_assert_str_eq(ASK(&dom0, XS_READ, "/vm/y"), "");
    st.host = NULL;
    OK(ASK(&dom0, XS_INTRODUCE, "8\0001\0001"));
    st.host = &host;
    ERROR(ASK(&dom0, XS_INTRODUCE, "8\0001\0002"), "ENOENT"); /* and one whose new ring is none */
    ERROR(ASK(&dom0, XS_READ, "/vm/y"), "ENOENT");
    ck_assert_ptr_null(st.domain[8]);
    OK(ASK(&dom0, XS_CONTROL, "check"));
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
    const TTest *const tests[] = { tree, paths, path_bytes, paths_in_a_row, finding_among_changes, permissions, watches, events_that_wait,
                                   transactions, quotas, quota_json, domains, permissions_of_nobody, no_longer_there, listing_in_parts };
    Suite *suite = suite_create("xenstore");
    TCase *tc = tcase_create("store");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 120);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
        tcase_add_test(tc, tests[i]);
    add_model_tests(tc);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
