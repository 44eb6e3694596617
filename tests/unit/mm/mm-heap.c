/* SPDX-License-Identifier: MIT */
/* The allocators: frames, small objects, claims, limits; and the clearing of what is free. */
#include <sanitizer/asan_interface.h>

#include "mm.h"
#include "../../../hypervisor/mm/private.h"

/* One assertion for all bytes: each one that Check counts is a system call. */
static bool all_are(const void *p, size_t n, unsigned char c)
{
    const unsigned char *s = p;

    return s[0] == c && !memcmp(s, s + 1, n - 1);
}

START_TEST(heap_random)
{
    struct { void *p; unsigned int order; } held[64] = { { 0 } };
    unsigned long before = mm_free_frames();

    srand((unsigned)_i);
    for (unsigned int n = 0; n < 20000; n++) {
        unsigned int i = (unsigned)rand() % ARRAY_SIZE(held);
        if (n % 4 == 0)
            mm_scrub();
        if (held[i].p) {
            ck_assert(all_are(held[i].p, PAGE_SIZE << held[i].order, (unsigned char)i));   /* nobody else wrote here */
            hv_pages_free(held[i].p, held[i].order);
            held[i].p = NULL;
        } else {
            held[i].order = (unsigned)rand() % 5;
            held[i].p = hv_pages_alloc(held[i].order);
            if (held[i].p) {
                ck_assert(all_are(held[i].p, PAGE_SIZE << held[i].order, 0));
                memset(held[i].p, (int)i, PAGE_SIZE << held[i].order);
            }
        }
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(held); i++)
        if (held[i].p)
            hv_pages_free(held[i].p, held[i].order);
    ck_assert_uint_eq(mm_free_frames(), before);
    ck_assert_ptr_nonnull(hv_pages_alloc(9));           /* it has merged again */
}
END_TEST

/* Idle CPUs clear what is free, and nothing else; what they have cleared is given out as it is. */
START_TEST(scrubbing)
{
    unsigned long before = mm_free_frames();
    unsigned char *held = hv_pages_alloc(3), *late = hv_pages_alloc(3), *p = hv_pages_alloc(10);

    while (mm_scrub())
        ;
    memset(held, 1, PAGE_SIZE << 3);
    memset(late, 2, PAGE_SIZE << 3);
    memset(p, 3, PAGE_SIZE << 10);
    hv_pages_free(p, 10);
    ck_assert(mm_scrub());
    hv_pages_free(late, 3);             /* no CPU has flushed since: its last owner may yet write to it */
    while (mm_scrub())
        ;
    ck_assert(all_are(held, PAGE_SIZE << 3, 1));
    ck_assert(all_are(late, PAGE_SIZE << 3, 2));
    p = hv_pages_alloc(10);
    memset(p, 3, PAGE_SIZE << 10);
    hv_pages_free(p, 10);
    while (mm_scrub())
        ;
    ck_assert(all_are(held, PAGE_SIZE << 3, 1));
    ck_assert(all_are(late, PAGE_SIZE << 3, 0));
    ck_assert(all_are(p, PAGE_SIZE << 10, 0));
    ck_assert_uint_eq(mm_free_frames(), before - 8);
    while ((p = hv_pages_alloc(0)))
        ck_assert(all_are(p, PAGE_SIZE, 0));
}
END_TEST

/* Where there is no RAM there is no struct frame to look at. */
START_TEST(scrubbing_beside_a_hole)
{
    unsigned char *held;

    do
        held = hv_pages_alloc(9);
    while (held && virt_to_mfn(held) < 1024);
    ck_assert_ptr_nonnull(held);
    memset(held, 1, PAGE_SIZE << 9);
    hole_end = 1024;
    __asan_poison_memory_region(mfn_to_frame(0), 1024 * sizeof(struct frame));
    while (mm_scrub())
        ;
    __asan_unpoison_memory_region(mfn_to_frame(0), 1024 * sizeof(struct frame));
    hole_end = 0;
    ck_assert(all_are(held, PAGE_SIZE << 9, 1));
}
END_TEST

/* What was freed later, and may still be in a TLB, is so as part of a larger block. */
START_TEST(stamps_are_the_latest)
{
    for (unsigned int late = 0; late < 2; late++) {
        mfn_t m = heap_alloc(1, 0, NULL);
        uint32_t now = tlb_now();

        heap_free(m + late, m + late + 1);
        heap_add(m + !late, m + !late + 1);     /* as of earlier */
        ck_assert_int_ge((int32_t)(mfn_to_frame(heap_alloc(1, 0, NULL))->extra - now), 0);
    }
}
END_TEST

START_TEST(small_objects)
{
    struct { unsigned char *p; size_t size; } held[200] = { { 0 } };
    unsigned long before = mm_free_frames();

    srand((unsigned)_i);
    for (unsigned int n = 0; n < 30000; n++) {
        unsigned int i = (unsigned)rand() % ARRAY_SIZE(held);
        if (held[i].p) {
            ck_assert(all_are(held[i].p, held[i].size, (unsigned char)i));
            hv_free(held[i].p);
            held[i].p = NULL;
        } else {
            held[i].size = (size_t)rand() % 3000 + 1;
            held[i].p = hv_alloc(held[i].size);
            ck_assert_ptr_nonnull(held[i].p);
            ck_assert(all_are(held[i].p, held[i].size, 0));
            memset(held[i].p, (int)i, held[i].size);
        }
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(held); i++)
        hv_free(held[i].p);
    ck_assert_uint_eq(mm_free_frames(), before);
}
END_TEST

START_TEST(limits)
{
    unsigned long before = mm_free_frames();

    a->max_pages = a->tot_pages + 2;
    ck_assert(frames_alloc_domain(a, 2, 0) == INVALID_MFN);
    ck_assert_uint_eq(mm_free_frames(), before);
    ck_assert(frames_alloc_domain(a, 1, 0) != INVALID_MFN);
    ck_assert_int_eq(mm_claim(b, b->tot_pages + 10), 0);
    ck_assert_int_eq(mm_claim(b, b->tot_pages + 10), -XEN_EINVAL);
    ck_assert_uint_eq(mm_outstanding_claims, 10);
    ck_assert(frames_alloc_domain(b, 1, 0) != INVALID_MFN);
    ck_assert_uint_eq(mm_outstanding_claims, 8);
    ck_assert_int_eq(mm_claim(b, 0), 0);
    ck_assert_uint_eq(mm_outstanding_claims, 0);
    ck_assert_int_eq(mm_claim(b, FAKE_FRAMES * 2), -XEN_EINVAL);
    b->dying = true;                    /* it would never be used up, nor given up */
    ck_assert_int_eq(mm_claim(b, b->tot_pages + 10), -XEN_EINVAL);
    b->dying = false;
}
END_TEST

/* What b has claimed is kept for b. */
START_TEST(claims_hold)
{
    a->max_pages = b->max_pages = UINT32_MAX;
    ck_assert_int_eq(mm_claim(b, b->tot_pages + 100), 0);
    ck_assert_int_eq(mm_claim(a, a->tot_pages + mm_free_frames()), -XEN_ENOMEM);
    while (frames_alloc_domain(a, 0, MEMF_NO_ZERO) != INVALID_MFN)
        ;
    ck_assert_uint_eq(mm_free_frames(), 100);
    ck_assert(frames_alloc_domain(dom0, 0, MEMF_NO_ZERO) == INVALID_MFN);
    for (unsigned int i = 0; i < 100; i++)
        ck_assert(frames_alloc_domain(b, 0, MEMF_NO_ZERO) != INVALID_MFN);
    ck_assert_uint_eq(mm_outstanding_claims, 0);
    ck_assert_uint_eq(mm_free_frames(), 0);
}
END_TEST

/* Frames below an address limit are found behind others, and not given when there are none. */
START_TEST(address_limits)
{
    mfn_t m;

    a->max_pages = UINT32_MAX;
    while ((m = frames_alloc_domain(a, 0, MEMF_NO_ZERO | MEMF_BITS(22))) != INVALID_MFN)
        ck_assert_uint_lt(m, 1024);
    ck_assert_uint_gt(mm_free_frames(), 1024);
    ck_assert(frames_alloc_domain(a, 0, MEMF_NO_ZERO | MEMF_BITS(40)) != INVALID_MFN);
    ck_assert(frames_alloc_domain(a, 0, MEMF_NO_ZERO | MEMF_BITS(8)) == INVALID_MFN);
}
END_TEST

TCase *heap_tests(void)
{
    TCase *t = tcase_create("allocators");

    tcase_add_checked_fixture(t, mm_setup, NULL);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, heap_random, 0, 3);
    tcase_add_test(t, stamps_are_the_latest);
    tcase_add_test(t, scrubbing);
    tcase_add_test(t, scrubbing_beside_a_hole);
    tcase_add_loop_test(t, small_objects, 0, 3);
    tcase_add_test(t, limits);
    tcase_add_test(t, claims_hold);
    tcase_add_test(t, address_limits);
    return t;
}
