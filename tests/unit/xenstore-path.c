/* SPDX-License-Identifier: MIT */
/* Paths: what is one, and finding nodes by them. */
#include <errno.h>

#include "store.h"

#include "xenstore-store.h"

#include <stdio.h>
#include <stdlib.h>

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

void add_path_tests(TCase *tc)
{
    tcase_add_test(tc, paths);
    tcase_add_test(tc, path_bytes);
    tcase_add_test(tc, paths_in_a_row);
    tcase_add_test(tc, finding_among_changes);
}
