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

/* What a transaction asked to change, to be done again on another model. */
struct steps {
    struct {
        char path[24], value[8];
        enum { WRITE, MKDIR, RM } kind;
    } step[512];
    unsigned count;
};

static void model_step(struct model *m, const struct steps *s, unsigned i)
{
    if (s->step[i].kind == RM)
        model_rm(m, s->step[i].path);
    else
        model_put(m, s->step[i].path, s->step[i].kind == WRITE ? s->step[i].value : NULL);
}

static void remember(struct steps *s, unsigned kind, const char *path, const char *value)
{
    if (s == NULL)
        return;
    ck_assert_uint_lt(s->count, ARRAY_SIZE(s->step));
    strcpy(s->step[s->count].path, path);
    strcpy(s->step[s->count].value, value);
    s->step[s->count++].kind = kind;
}

/* One random request on the tree TX and its model; all must agree. */
static void random_step(struct model *m, uint32_t tx, struct steps *s)
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
        remember(s, WRITE, path, value);
        break;
    case 2:
        OK(ask_tx(&dom0, tx, XS_MKDIR, path, strlen(path) + 1));
        model_put(m, path, NULL);
        remember(s, MKDIR, path, "");
        break;
    case 3:
        ask_tx(&dom0, tx, XS_RM, path, strlen(path) + 1);
        if (there)
            OK(reply);
        model_rm(m, path);
        remember(s, RM, path, "");
        break;
    default:
        ask_tx(&dom0, tx, XS_READ, path, strlen(path) + 1);
        if (there)
            ck_assert_str_eq(reply, m->node[model_find(m, path)].value);
        else
            ERROR(reply, "ENOENT");
    }
}

/* All that transaction TX shows now. */
static void read_all(struct model *m, uint32_t tx)
{
    static const char names[] = "abcdef";
    char path[24];

    m->count = 0;
    for (unsigned i = 0; i < 7 * 7 * 6; i++) {
        int len = sprintf(path, "/%c", names[i % 6]);

        if (i / 6 % 7 < 6)
            len += sprintf(path + len, "/%c", names[i / 6 % 7]);
        else if (i / 42 < 6)
            continue;
        if (i / 42 < 6)
            sprintf(path + len, "/%c", names[i / 42]);
        ask_tx(&dom0, tx, XS_READ, path, strlen(path) + 1);
        if (last_type == XS_READ)
            model_put(m, path, reply);
    }
}

/*
 * Moves TX to the live tree. Unless it is lost, it then shows what is live with its own changes S made to that. (What it
 * has not asked for yet may be as it is now; the requests of read_all() would touch everything, so they are not its own.)
 */
static bool random_rebase(struct model *m, const struct model *live, uint32_t tx, const struct steps *s)
{
    static struct model expected, seen;
    struct txn *t = txn_find(&dom0, tx), *other;
    uint32_t look;

    txn_rebase(&st, t);
    look = begin(&dom0); /* a second one on the same trees */
    other = txn_find(&dom0, look);
    node_put(other->work);
    other->work = node_ref(t->work);
    read_all(&seen, look);
    OK(ask_tx(&dom0, look, XS_TRANSACTION_END, "F", 2));
    if (!t->lost) {
        expected = *live;
        for (unsigned i = 0; i < s->count; i++)
            model_step(&expected, s, i);
        ck_assert_uint_eq(seen.count, expected.count);
        for (unsigned i = 0; i < expected.count; i++) {
            int at = model_find(&seen, expected.node[i].path);

            ck_assert_int_ge(at, 0);
            ck_assert_str_eq(seen.node[at].value, expected.node[i].value);
        }
    }
    *m = seen;
    return t->lost;
}

START_TEST(random_model)
{
    static struct model live, mine[3];
    static struct steps steps[3];
    uint32_t tx[3] = { 0 };
    bool lost[3] = { false };
    unsigned commits = 0, conflicts = 0, rebased = 0, committed_rebased = 0, times[3] = { 0 };

    live.count = 0;
    srandom(7);
    for (unsigned step = 0; step < 60000; step++) {
        unsigned k = (unsigned)random() % 8;

        if (k >= 3) {
            if (k == 3 || tx[0] + tx[1] + tx[2] == 0)
                random_step(&live, 0, NULL);
        } else if (tx[k] == 0) {
            tx[k] = begin(&dom0);
            mine[k] = live; /* what it sees from now on is its own */
            steps[k].count = times[k] = 0;
            lost[k] = false;
        } else if (random() % 16 == 0) {
            lost[k] = random_rebase(&mine[k], &live, tx[k], &steps[k]);
            rebased++;
            times[k]++;
        } else if (random() % 8 != 0) {
            random_step(&mine[k], tx[k], &steps[k]);
        } else {
            struct model before = live;
            bool alone = random() % 2;

            compare_all(&mine[k], tx[k]);
            ask_tx(&dom0, tx[k], XS_TRANSACTION_END, alone ? "T" : "F", 2);
            if (!alone) {
                OK(reply);
            } else if (!strcmp(reply, "OK")) { /* then its changes are in, and everyone else's still are */
                commits++;
                committed_rebased += times[k] > 0;
                ck_assert(!lost[k]);
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
    ck_assert_uint_gt(rebased, 100);
    ck_assert_uint_gt(committed_rebased, 20);
}
END_TEST

void add_model_tests(TCase *tc)
{
    tcase_add_test(tc, random_model);
}
