/* SPDX-License-Identifier: MIT */
/* How vellum-blkd's worker reads the guest's events: the kernel's ring of them wakes only who has emptied it. */
#include <stdlib.h>

#include <check.h>

#include "../../pv-drivers/back/blk/worker.c"
#include "run-suite.h"

static uint32_t ring[4096];
static unsigned filled, taken, at_once, unmasked;
static bool emptied;

static unsigned fake_pending(struct peer *peer, uint32_t *ports, unsigned n)
{
    unsigned got = 0;

    (void)peer;
    while (taken < filled && got < n && got < at_once)
        ports[got++] = ring[taken++];
    emptied = !got;
    return got;
}

static void fake_unmask(struct peer *peer, const uint32_t *ports, unsigned n)
{
    (void)peer;
    for (unsigned i = 0; i < n; i++)
        ck_assert_uint_eq(ports[i], ring[unmasked++]);
}

/* One more comes while the first are being read: nobody is told of it. */
START_TEST(no_event_is_left)
{
    static const unsigned counts[] = { 0, 1, 2, 17, PORTS_MAX - 1, PORTS_MAX, PORTS_MAX + 1, 3 * PORTS_MAX };
    static const struct peer_ops ops = { .pending = fake_pending, .unmask = fake_unmask };
    struct peer peer = { .ops = &ops };
    struct completion c = { .more = true };

    worker.peer = &peer;
    for (at_once = 1; at_once <= 16; at_once += 5)
        for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            filled = counts[i];
            taken = unmasked = 0;
            for (unsigned k = 0; k < filled; k++)
                ring[k] = 100 + k;
            guest_event(&c, 0);
            ck_assert(emptied);
            ck_assert_uint_eq(taken, filled);
            ck_assert_uint_eq(unmasked, filled);
        }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("back-worker");
    TCase *t = tcase_create("events");

    tcase_add_test(t, no_event_is_left);
    suite_add_tcase(s, t);
    return run_suite(s);
}
