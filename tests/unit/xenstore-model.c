/* SPDX-License-Identifier: MIT */
/*
 * A random run against a small model of the specification (a flat list of paths; a transaction is a copy of it), with
 * transactions interleaved.
 */
#include "store.h"

#include "xenstore-store.h"

#include <stdio.h>
#include <stdlib.h>

#define MODEL_MAX 512
struct model {
    struct {
        char path[24], value[8];
    } node[MODEL_MAX];
    unsigned count;
};

static int model_find(const struct model *m, const char *path)
{
    for (unsigned i = 0; i < m->count; i++)
        if (!strcmp(m->node[i].path, path))
            return (int)i;
    return -1;
}

static void model_put(struct model *m, const char *path, const char *value)
{
    char above[24];
    int i = model_find(m, path);

    if (i < 0) {
        strcpy(above, path);
        if (strrchr(above, '/') != above) {
            *strrchr(above, '/') = 0;
            model_put(m, above, NULL);
        }
        i = (int)m->count++;
        strcpy(m->node[i].path, path);
        m->node[i].value[0] = 0;
    }
    if (value != NULL)
        strcpy(m->node[i].value, value);
}

static void model_rm(struct model *m, const char *path)
{
    size_t len = strlen(path);

    for (unsigned i = 0; i < m->count;) {
        if (!strncmp(m->node[i].path, path, len) && (m->node[i].path[len] == 0 || m->node[i].path[len] == '/'))
            memmove(&m->node[i], &m->node[i + 1], (--m->count - i) * sizeof(m->node[0]));
        else
            i++;
    }
}

static void random_path(char *out)
{
    unsigned depth = 1 + (unsigned)random() % 3;

    out[0] = 0;
    for (unsigned i = 0; i < depth; i++)
        sprintf(out + strlen(out), "/%c", "abcdef"[random() % 6]);
}

static size_t with_value(char *data, const char *path, const char *value)
{
    size_t len = strlen(path) + 1;

    memcpy(data, path, len);
    memcpy(data + len, value, strlen(value));
    return len + strlen(value);
}

static void compare_all(const struct model *m, uint32_t tx)
{
    for (unsigned i = 0; i < m->count; i++)
        ck_assert_str_eq(ask_tx(&dom0, tx, XS_READ, m->node[i].path, strlen(m->node[i].path) + 1), m->node[i].value);
    if (tx == 0)
        ck_assert_uint_eq(st.domain[0]->nodes, m->count + 1);
}

/* One random request on the tree TX and its model; all must agree. Remembers what was touched as text. */
static void random_step(struct model *m, uint32_t tx)
{
    char path[24], value[8], data[64];
    bool there;

    random_path(path);
    snprintf(value, sizeof(value), "%u", (unsigned)random() % 1000);
    there = model_find(m, path) >= 0;
    switch (random() % 5) {
    case 0: case 1:
        OK(ask_tx(&dom0, tx, XS_WRITE, data, with_value(data, path, value)));
        model_put(m, path, value);
        break;
    case 2:
        OK(ask_tx(&dom0, tx, XS_MKDIR, path, strlen(path) + 1));
        model_put(m, path, NULL);
        break;
    case 3:
        ask_tx(&dom0, tx, XS_RM, path, strlen(path) + 1);
        if (there)
            OK(reply);
        model_rm(m, path);
        break;
    default:
        ask_tx(&dom0, tx, XS_READ, path, strlen(path) + 1);
        if (there)
            ck_assert_str_eq(reply, m->node[model_find(m, path)].value);
        else
            ERROR(reply, "ENOENT");
    }
}

START_TEST(random_model)
{
    static struct model live, mine[3];
    uint32_t tx[3] = { 0 };
    unsigned commits = 0, conflicts = 0;

    live.count = 0;
    srandom(7);
    for (unsigned step = 0; step < 60000; step++) {
        unsigned k = (unsigned)random() % 8;

        if (k >= 3) {
            if (k == 3 || tx[0] + tx[1] + tx[2] == 0)
                random_step(&live, 0);
        } else if (tx[k] == 0) {
            tx[k] = begin(&dom0);
            mine[k] = live; /* what it sees from now on is its own */
        } else if (random() % 8 != 0) {
            random_step(&mine[k], tx[k]);
        } else {
            struct model before = live;
            bool alone = random() % 2;

            compare_all(&mine[k], tx[k]);
            ask_tx(&dom0, tx[k], XS_TRANSACTION_END, alone ? "T" : "F", 2);
            if (!alone) {
                OK(reply);
            } else if (!strcmp(reply, "OK")) { /* then its changes are in, and everyone else's still are */
                commits++;
                live.count = 0;
                for (unsigned i = 0; i < before.count; i++)
                    if (ask_tx(&dom0, 0, XS_READ, before.node[i].path, strlen(before.node[i].path) + 1) &&
                        last_type == XS_READ)
                        model_put(&live, before.node[i].path, reply);
                for (unsigned i = 0; i < mine[k].count; i++)
                    if (ask_tx(&dom0, 0, XS_READ, mine[k].node[i].path, strlen(mine[k].node[i].path) + 1) &&
                        last_type == XS_READ)
                        model_put(&live, mine[k].node[i].path, reply);
            } else {
                ERROR(reply, "EAGAIN");
                conflicts++;
                compare_all(&live, 0);
            }
            tx[k] = 0;
        }
        if (step % 500 == 0) {
            compare_all(&live, 0);
            OK(ASK(&dom0, XS_CONTROL, "check"));
        }
    }
    ck_assert_uint_gt(commits, 100);
    ck_assert_uint_gt(conflicts, 100);
}
END_TEST

void add_model_tests(TCase *tc)
{
    tcase_add_test(tc, random_model);
}
