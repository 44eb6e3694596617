/* SPDX-License-Identifier: MIT */
/*
 * grant/copy: GNTTABOP_copy by frame and by reference, whole pages, sub-pages and transitive grants; and everything
 * again with a second CPU that scribbles over the shared tables all the while.
 */
#include "hv-grant.h"
#include "run-suite.h"

/* Operations as the hypercall makes them, but on elements that no guest sees. */
static void batch_copy(struct gnttab_copy *op, unsigned int n)
{
    struct grant_batch b = { .nr_unmapped = 0 };

    for (unsigned int i = 0; i < n; i++)
        op[i].status = (int16_t)grant_op_copy(&b, &op[i]);
    side_close(&b.source);
    side_close(&b.dest);
}

static void batch_map(struct gnttab_map_grant_ref *op)
{
    op->status = (int16_t)grant_op_map_grant_ref(NULL, op);
}

static void batch_unmap(struct gnttab_unmap_grant_ref *op)
{
    struct grant_batch b = { .nr_unmapped = 0 };

    op->status = (int16_t)grant_op_unmap_grant_ref(&b, op);
    unmap_finish(&b);
}

static struct guest g0, g1, g2;

static void setup(void)
{
    fake_reset(2);
    memset(fake_ptes, 0, sizeof(fake_ptes));
    audit_hostile = false;
    guest_new(&g0, 0, true, 8, 2);
    guest_new(&g1, 1, false, 8, 2);
    guest_new(&g2, 2, false, 8, 2);
    for (unsigned int i = 0; i < 8; i++) {
        memset(mfn_to_virt(g0.page[i]), 0, PAGE_SIZE);
        memset(mfn_to_virt(g1.page[i]), 0x10 + (int)i, PAGE_SIZE);
        memset(mfn_to_virt(g2.page[i]), 0x20 + (int)i, PAGE_SIZE);
    }
}

static void teardown(void)
{
    grant_audit(audit_hostile);
    fake_run(NULL);
    grant_release_mappings(g0.d);
    guest_free(&g2);
    guest_free(&g1);
    guest_free(&g0);
    MUST(fake_used_frames == 0);
}

static void to_v2(struct guest *g)
{
    struct gnttab_set_version sv = { .version = 2 };

    ck_assert_int_eq(gop(g, GNTTABOP_set_version, &sv, 1), 0);
}

static uint8_t *bytes(mfn_t m) { return mfn_to_virt(m); }

/* From a reference of `dom` into the caller's own frame. */
static struct gnttab_copy pull(domid_t dom, uint32_t ref, uint16_t from, mfn_t to_frame, uint16_t to, uint16_t len)
{
    struct gnttab_copy c = { .len = len, .flags = GNTCOPY_source_gref };

    c.source.domid = dom;
    c.source.u.ref = ref;
    c.source.offset = from;
    c.dest.domid = DOMID_SELF;
    c.dest.u.gmfn = to_frame;
    c.dest.offset = to;
    return c;
}

/* From the caller's own frame into a reference of `dom`. */
static struct gnttab_copy push(mfn_t from_frame, uint16_t from, domid_t dom, uint32_t ref, uint16_t to, uint16_t len)
{
    struct gnttab_copy c = { .len = len, .flags = GNTCOPY_dest_gref };

    c.source.domid = DOMID_SELF;
    c.source.u.gmfn = from_frame;
    c.source.offset = from;
    c.dest.domid = dom;
    c.dest.u.ref = ref;
    c.dest.offset = to;
    return c;
}

static int16_t copy(struct guest *g, struct gnttab_copy c)
{
    ck_assert_int_eq(gop(g, GNTTABOP_copy, &c, 1), 0);
    return c.status;
}

START_TEST(plain)
{
    grant_v1(&g1, 1, 0, g1.page[1], GTF_permit_access | GTF_readonly);
    grant_v1(&g1, 2, 0, g1.page[2], GTF_permit_access);
    ck_assert_int_eq(copy(&g0, pull(1, 1, 100, g0.page[0], 200, 50)), GNTST_okay);
    ck_assert_uint_eq(bytes(g0.page[0])[199], 0);
    ck_assert_uint_eq(bytes(g0.page[0])[200], 0x11);
    ck_assert_uint_eq(bytes(g0.page[0])[249], 0x11);
    ck_assert_uint_eq(bytes(g0.page[0])[250], 0);
    ck_assert_int_eq(copy(&g0, push(g0.page[0], 200, 1, 2, 0, 50)), GNTST_okay);
    ck_assert_uint_eq(bytes(g1.page[2])[0], 0x11);
    ck_assert_uint_eq(bytes(g1.page[2])[50], 0x12);
    ck_assert_int_eq(copy(&g0, pull(1, 1, 0, g0.page[1], 0, 4096)), GNTST_okay);
    ck_assert_mem_eq(bytes(g0.page[1]), bytes(g1.page[1]), PAGE_SIZE);
    ck_assert_int_eq(copy(&g0, pull(1, 1, 0, g0.page[1], 0, 0)), GNTST_okay);
    ck_assert_uint_eq(grant_bits(&g1, 1), 0);
    ck_assert_uint_eq(grant_bits(&g1, 2), 0);

    /* Between two of the caller's own frames, inside one, and from one reference to another. */
    struct gnttab_copy c = pull(1, 1, 0, g0.page[2], 8, 100);
    c.flags = 0;
    c.source.domid = DOMID_SELF;
    c.source.u.gmfn = g0.page[1];
    ck_assert_int_eq(copy(&g0, c), GNTST_okay);
    ck_assert_uint_eq(bytes(g0.page[2])[8], 0x11);
    for (int i = 0; i < 256; i++)
        bytes(g0.page[2])[i] = (uint8_t)i;
    c.source.u.gmfn = g0.page[2];
    c.source.offset = 0;
    ck_assert_int_eq(copy(&g0, c), GNTST_okay);                 /* overlapping */
    ck_assert_uint_eq(bytes(g0.page[2])[107], 99);
    c.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    c.source.domid = c.dest.domid = 1;
    c.source.u.ref = 1;
    c.dest.u.ref = 2;
    c.dest.offset = 0;
    ck_assert_int_eq(copy(&g0, c), GNTST_okay);
    ck_assert_uint_eq(bytes(g1.page[2])[60], 0x11);
}
END_TEST

START_TEST(errors)
{
    mfn_t table = frames_alloc_domain(g1.d, 0, 0);

    grant_v1(&g1, 1, 0, g1.page[1], GTF_permit_access | GTF_readonly);
    grant_v1(&g1, 2, 2, g1.page[2], GTF_permit_access);
    grant_v1(&g1, 3, 0, g0.page[2], GTF_permit_access);         /* not its own */
    grant_v1(&g1, 4, 0, 0xffffffff, GTF_permit_access);
    grant_v1(&g1, 5, 0, table, GTF_permit_access);
    ck_assert_int_eq(frame_get_type(mfn_to_frame(table), TYPE_L2), 0);
    ck_assert_int_eq(copy(&g0, pull(1, 1, 1, g0.page[0], 0, 4096)), GNTST_bad_copy_arg);
    ck_assert_int_eq(copy(&g0, pull(1, 1, 0, g0.page[0], 1, 4096)), GNTST_bad_copy_arg);
    ck_assert_int_eq(copy(&g0, pull(1, 1, 65535, g0.page[0], 0, 65535)), GNTST_bad_copy_arg);
    ck_assert_int_eq(copy(&g0, pull(9, 1, 0, g0.page[0], 0, 1)), GNTST_bad_domain);
    ck_assert_int_eq(copy(&g0, pull(DOMID_IO, 1, 0, g0.page[0], 0, 1)), GNTST_bad_domain);
    ck_assert_int_eq(copy(&g0, pull(1, 512, 0, g0.page[0], 0, 1)), GNTST_bad_gntref);
    ck_assert_int_eq(copy(&g0, pull(1, 0, 0, g0.page[0], 0, 1)), GNTST_general_error);
    ck_assert_int_eq(copy(&g0, pull(1, 2, 0, g0.page[0], 0, 1)), GNTST_general_error);
    ck_assert_int_eq(copy(&g0, pull(1, 3, 0, g0.page[0], 0, 1)), GNTST_bad_page);
    ck_assert_int_eq(copy(&g0, pull(1, 4, 0, g0.page[0], 0, 1)), GNTST_bad_page);
    ck_assert_int_eq(copy(&g0, push(g0.page[0], 0, 1, 1, 0, 1)), GNTST_general_error);      /* read-only */
    ck_assert_int_eq(copy(&g0, push(g0.page[0], 0, 1, 5, 0, 1)), GNTST_bad_page);           /* a page table */
    ck_assert_int_eq(copy(&g0, pull(1, 5, 0, g0.page[0], 0, 1)), GNTST_okay);               /* but it may be read */
    ck_assert_int_eq(copy(&g0, pull(1, 1, 0, g1.page[0], 0, 1)), GNTST_bad_page);           /* not the caller's frame */
    ck_assert_int_eq(copy(&g0, pull(1, 1, 0, ~0UL, 0, 1)), GNTST_bad_page);
    struct gnttab_copy c = pull(1, 1, 0, g1.page[0], 0, 1);
    c.dest.domid = 1;                                           /* by frame only for oneself, dom0 too */
    ck_assert_int_eq(copy(&g0, c), GNTST_permission_denied);
    for (uint32_t r = 0; r < 6; r++)
        ck_assert_uint_eq(grant_bits(&g1, r), 0);
    frame_put_type(mfn_to_frame(table));
    frame_put(mfn_to_frame(table));
}
END_TEST

START_TEST(self)
{
    grant_v1(&g1, 1, 1, g1.page[1], GTF_permit_access);
    ck_assert_int_eq(copy(&g1, pull(DOMID_SELF, 1, 0, g1.page[0], 0, 10)), GNTST_okay);
    ck_assert_uint_eq(bytes(g1.page[0])[9], 0x11);
}
END_TEST

START_TEST(sub_page)
{
    to_v2(&g1);
    grant_v2(&g1, 1, 0, g1.page[1], GTF_permit_access | GTF_sub_page, 100, 50);
    grant_v2(&g1, 2, 0, g1.page[2], GTF_permit_access | GTF_sub_page, 4000, 97);
    grant_v2(&g1, 3, 0, g1.page[2], GTF_permit_access | GTF_sub_page, 65535, 65535);
    grant_v2(&g1, 4, 0, g1.page[2], GTF_permit_access | GTF_sub_page, 4000, 96);
    ck_assert_int_eq(copy(&g0, pull(1, 1, 100, g0.page[0], 0, 50)), GNTST_okay);
    ck_assert_int_eq(copy(&g0, pull(1, 1, 99, g0.page[0], 0, 10)), GNTST_general_error);
    ck_assert_int_eq(copy(&g0, pull(1, 1, 149, g0.page[0], 0, 2)), GNTST_general_error);
    ck_assert_int_eq(copy(&g0, push(g0.page[0], 0, 1, 1, 120, 30)), GNTST_okay);
    ck_assert_int_eq(copy(&g0, push(g0.page[0], 0, 1, 1, 0, 4096)), GNTST_general_error);
    ck_assert_int_eq(copy(&g0, pull(1, 2, 4000, g0.page[0], 0, 1)), GNTST_general_error);   /* ends behind the page */
    ck_assert_int_eq(copy(&g0, pull(1, 3, 0, g0.page[0], 0, 1)), GNTST_general_error);
    ck_assert_int_eq(copy(&g0, pull(1, 4, 4095, g0.page[0], 0, 1)), GNTST_okay);
    for (uint32_t r = 1; r < 5; r++)
        ck_assert_uint_eq(grant_bits(&g1, r), 0);
}
END_TEST

START_TEST(transitive)
{
    to_v2(&g1);
    to_v2(&g2);
    /* g2 grants to g1; g1 passes it on to dom0. */
    grant_v2(&g2, 1, 1, g2.page[1], GTF_permit_access, 0, 0);
    grant_v2(&g2, 2, 1, g2.page[2], GTF_permit_access | GTF_readonly, 0, 0);
    grant_v2(&g2, 3, 0, g2.page[3], GTF_permit_access, 0, 0);
    grant_v2(&g2, 4, 1, g2.page[4], GTF_permit_access | GTF_sub_page, 10, 10);
    grant_v2_transitive(&g2, 5, 1, 1, 5);
    for (uint32_t r = 1; r <= 5; r++)
        grant_v2_transitive(&g1, r, 0, 2, r);
    grant_v2_transitive(&g1, 6, 0, 9, 1);
    grant_v2_transitive(&g1, 7, 0, 2, 100000);
    grant_v2_transitive(&g1, 8, 0, 1, 8);                       /* itself */
    ck_assert_int_eq(copy(&g0, pull(1, 1, 0, g0.page[0], 0, 16)), GNTST_okay);
    ck_assert_uint_eq(bytes(g0.page[0])[15], 0x21);
    ck_assert_int_eq(copy(&g0, push(g0.page[0], 0, 1, 1, 0, 16)), GNTST_okay);
    ck_assert_int_eq(copy(&g0, pull(1, 2, 0, g0.page[0], 0, 16)), GNTST_okay);
    ck_assert_int_eq(copy(&g0, push(g0.page[0], 0, 1, 2, 0, 16)), GNTST_general_error);
    ck_assert_int_eq(copy(&g0, pull(1, 3, 0, g0.page[0], 0, 16)), GNTST_general_error);     /* not g1's to give */
    ck_assert_int_eq(copy(&g0, pull(1, 4, 10, g0.page[0], 0, 10)), GNTST_okay);
    ck_assert_int_eq(copy(&g0, pull(1, 4, 0, g0.page[0], 0, 10)), GNTST_general_error);
    ck_assert_int_eq(copy(&g0, pull(1, 5, 0, g0.page[0], 0, 16)), GNTST_general_error);     /* one step only */
    ck_assert_int_eq(copy(&g0, pull(1, 6, 0, g0.page[0], 0, 16)), GNTST_general_error);
    ck_assert_int_eq(copy(&g0, pull(1, 7, 0, g0.page[0], 0, 16)), GNTST_bad_gntref);
    ck_assert_int_eq(copy(&g0, pull(1, 8, 0, g0.page[0], 0, 16)), GNTST_general_error);
    for (uint32_t r = 1; r < 9; r++)
        ck_assert_uint_eq(grant_bits(&g1, r), 0);
    for (uint32_t r = 1; r < 6; r++)
        ck_assert_uint_eq(grant_bits(&g2, r), 0);
}
END_TEST

/* Many elements: neighbours with the same reference share one use of it; results are those of single calls. */
START_TEST(batch)
{
    struct gnttab_copy c[100];

    for (uint32_t i = 0; i < 8; i++)
        grant_v1(&g1, i, 0, g1.page[i], GTF_permit_access);
    for (uint32_t i = 0; i < 100; i++) {
        c[i] = pull(1, i / 5 % 8, (uint16_t)(i * 8), g0.page[i / 16], (uint16_t)(i % 16 * 200), 200);
        if (i % 10 == 9)
            c[i].source.u.ref = 9;
    }
    fake_preempt = true;
    ck_assert_int_eq(gop(&g0, GNTTABOP_copy, c, 100), 0);
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_int_eq(c[i].status, i % 10 == 9 ? GNTST_general_error : GNTST_okay);
        ck_assert_uint_eq(bytes(g0.page[i / 16])[i % 16 * 200 + 199], i % 10 == 9 ? 0 : 0x10 + i / 5 % 8);
    }
}
END_TEST

START_TEST(no_memory)
{
    grant_v1(&g1, 1, 0, g1.page[1], GTF_permit_access);
    for (int n = 1; n <= 2; n++) {
        fake_alloc_fail(n);
        ck_assert_int_eq(copy(&g0, pull(1, 1, 0, g0.page[0], 0, 1)), GNTST_no_space);
    }
    fake_alloc_fail(0);
    ck_assert_int_eq(copy(&g0, pull(1, 1, 0, g0.page[0], 0, 1)), GNTST_okay);
}
END_TEST

/* --- a guest that changes its table under our hands ---------------------------------------- */

static bool stop;

static void *scribble(void *arg)
{
    struct grant_table *gt = g1.d->grant;
    uint64_t *words = gt->frames[0].page;
    unsigned int seed = 1;
    uint16_t *st = gt->version == 2 ? gt->status[0] : NULL;

    (void)arg;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        unsigned int r = (unsigned)rand_r(&seed), e = r % 16;
        uint64_t good = (uint64_t)g1.page[r / 16 % 8] << (gt->version == 1 ? 32 : 0);

        switch (r >> 12 & 7) {
        case 0: case 1: case 2:
            if (gt->version == 1) {
                WRITE_ONCE(words[e], good | 0u << 16 | (GTF_permit_access | (r >> 16 & 0x1c)));
            } else {
                WRITE_ONCE(words[e * 2 + 1], good);
                WRITE_ONCE(words[e * 2], (uint64_t)(r & 0xfff) << 32 | 0u << 16 | (r >> 16 & 0x11f));
            }
            break;
        case 3: WRITE_ONCE(words[e], (uint64_t)rand_r(&seed) << 32 | r); break;
        case 4: __atomic_fetch_xor(&words[e], 1ull << (r >> 16 & 63), __ATOMIC_SEQ_CST); break;
        case 5: if (st) WRITE_ONCE(st[e], (uint16_t)r); break;
        default: words[e] = 0;
        }
    }
    return NULL;
}

static void hostile_run(unsigned int version)
{
    unsigned int okay = 0, live = 0;
    struct { uint32_t handle, pte; } held[16];
    pthread_t t;

    if (version == 2)
        to_v2(&g1);
    for (uint32_t r = 0; r < 16; r++) {
        if (version == 1)
            grant_v1(&g1, r, 0, g1.page[r % 8], GTF_permit_access);
        else
            grant_v2(&g1, r, 0, g1.page[r % 8], GTF_permit_access, 0, 0);
    }
    audit_hostile = true;
    stop = false;
    srandom(7);
    fake_run(g0.d->vcpu[0]);
    pthread_create(&t, NULL, scribble, NULL);
    for (int n = 0; n < 30000; n++) {
        uint32_t ref = (uint32_t)random() % 16;
        uint16_t off = (uint16_t)(random() % 4096), len = (uint16_t)(random() % (4096 - off));
        struct gnttab_copy c[3] = { pull(1, ref, off, g0.page[0], off, len), push(g0.page[1], off, 1, ref, off, len),
                                    pull(1, ref ^ 1, off, g0.page[2], 0, len) };
        struct gnttab_map_grant_ref m = { .host_addr = PTE(live), .flags = GNTMAP_host_map | (n & GNTMAP_readonly),
                                          .ref = ref, .dom = 1 };

        batch_copy(c, 3);
        okay += c[0].status == GNTST_okay;
        if (live < 16) {
            batch_map(&m);
            if (m.status == GNTST_okay) {
                held[live].handle = m.handle;
                held[live].pte = live;
                live++;
            }
        } else {
            while (live) {
                struct gnttab_unmap_grant_ref u = { .handle = held[live - 1].handle,
                                                    .host_addr = PTE(held[live - 1].pte) };

                batch_unmap(&u);
                MUST(u.status == GNTST_okay);
                live--;
            }
        }
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(t, NULL);
    ck_assert_uint_gt(okay, 0);
    for (int i = 0; i < 8; i++)  /* a bystander */
        ck_assert_uint_eq(bytes(g2.page[i])[0], 0x20 + i);
    grant_audit(true);
}

START_TEST(hostile_v1) { hostile_run(1); } END_TEST
START_TEST(hostile_v2) { hostile_run(2); } END_TEST

/* Two CPUs of dom0 copy and map through the same table; the handles they get are never the same. */
static unsigned char taken[4 * MT_PER_PAGE];

static void *mapper(void *arg)
{
    unsigned int cpu = (unsigned int)(uintptr_t)arg;

    fake_cpu_set(cpu);
    fake_run(g0.d->vcpu[0]);
    for (int n = 0; n < 20000; n++) {
        struct gnttab_map_grant_ref m = { .flags = GNTMAP_device_map, .ref = cpu, .dom = 1 };
        struct gnttab_unmap_grant_ref u;
        struct gnttab_copy c = pull(1, 2, 0, g0.page[cpu], 0, 64);

        batch_map(&m);
        MUST(m.status == GNTST_okay);
        MUST(!__atomic_exchange_n(&taken[m.handle], 1, __ATOMIC_SEQ_CST));
        batch_copy(&c, 1);
        MUST(c.status == GNTST_okay);
        MUST(__atomic_exchange_n(&taken[m.handle], 0, __ATOMIC_SEQ_CST));
        u = (struct gnttab_unmap_grant_ref){ .handle = m.handle, .dev_bus_addr = m.dev_bus_addr };
        batch_unmap(&u);
        MUST(u.status == GNTST_okay);
    }
    MUST(fake_locks_held() == 0);
    return NULL;
}

START_TEST(two_cpus)
{
    pthread_t t;

    for (uint32_t r = 0; r < 3; r++)
        grant_v1(&g1, r, 0, g1.page[r], GTF_permit_access);
    memset(taken, 0, sizeof(taken));
    pthread_create(&t, NULL, mapper, (void *)1);
    mapper((void *)0);
    pthread_join(t, NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hv-grant-copy");
    TCase *t = tcase_create("copy");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, plain);
    tcase_add_test(t, errors);
    tcase_add_test(t, self);
    tcase_add_test(t, sub_page);
    tcase_add_test(t, transitive);
    tcase_add_test(t, batch);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, hostile_v1);
    tcase_add_test(t, hostile_v2);
    tcase_add_test(t, two_cpus);
    suite_add_tcase(s, t);
    return run_suite(s);
}
