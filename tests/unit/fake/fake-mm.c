/* SPDX-License-Identifier: MIT */
/*
 * The fake mm/: frames with owners, reference and type counts that behave as mm.h says, without page-table validation.
 * Misuse (a count below zero, a reference to a free frame) aborts. Free frames are poisoned for AddressSanitizer.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "fake.h"
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(a, n) ((void)(a), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(a, n) ((void)(a), (void)(n))
#endif

char *fake_ram;
struct frame *fake_frame_table;
__weak_sym mfn_t max_mfn = FAKE_FRAMES;
__weak_sym unsigned long mm_outstanding_claims;
unsigned long fake_live_objects, fake_live_bytes, fake_used_frames;
static unsigned long m2p[FAKE_FRAMES];
static long fail_nth;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define FAKE_CHECK(c) do { if (!(c)) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c); abort(); } } while (0)

void fake_alloc_fail(long nth) { fail_nth = nth; }
static bool fails_now(void) { return fail_nth > 0 && --fail_nth == 0; }

void fake_mm_reset(void)
{
    if (!fake_ram) {
        fake_ram = mmap(NULL, FAKE_FRAMES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        fake_frame_table = calloc(FAKE_FRAMES, sizeof(struct frame));
        FAKE_CHECK(fake_ram != MAP_FAILED && fake_frame_table);
    }
    for (mfn_t m = 0; m < FAKE_FRAMES; m++) {
        fake_frame_table[m] = (struct frame){ .count = m ? FRAME_FREE : FRAME_XEN | 1, .owner = DOMID_INVALID,
                                              .next = NIL_LINK, .prev = NIL_LINK };
        m2p[m] = M2P_INVALID;
    }
    ASAN_POISON_MEMORY_REGION(fake_ram, FAKE_FRAMES * PAGE_SIZE);
    fake_used_frames = 0;
    fail_nth = 0;
}

__weak_sym bool mfn_valid(mfn_t m) { return m < FAKE_FRAMES; }
__weak_sym unsigned long mm_total_frames(void) { return FAKE_FRAMES - 1; }
__weak_sym unsigned long mm_free_frames(void) { return FAKE_FRAMES - 1 - fake_used_frames; }

static mfn_t take(unsigned int order, uint64_t count, domid_t owner)
{
    mfn_t n = 1UL << order, m, i;

    if (fails_now())
        return INVALID_MFN;
    pthread_mutex_lock(&mutex);
    for (m = n; m + n <= FAKE_FRAMES; m += n) {
        for (i = 0; i < n && (fake_frame_table[m + i].count & FRAME_FREE); i++)
            continue;
        if (i == n)
            break;
    }
    if (m + n > FAKE_FRAMES) {
        pthread_mutex_unlock(&mutex);
        return INVALID_MFN;
    }
    for (i = 0; i < n; i++)
        fake_frame_table[m + i] = (struct frame){ .count = count, .owner = owner, .next = NIL_LINK, .prev = NIL_LINK };
    fake_used_frames += n;
    pthread_mutex_unlock(&mutex);
    ASAN_UNPOISON_MEMORY_REGION(mfn_to_virt(m), n * PAGE_SIZE);
    memset(mfn_to_virt(m), 0, n * PAGE_SIZE);
    return m;
}

static void give_back(mfn_t m)
{
    ASAN_POISON_MEMORY_REGION(mfn_to_virt(m), PAGE_SIZE);
    pthread_mutex_lock(&mutex);
    fake_frame_table[m].count = FRAME_FREE;
    fake_frame_table[m].type = 0;
    fake_used_frames--;
    pthread_mutex_unlock(&mutex);
    m2p[m] = M2P_INVALID;
}

__weak_sym void *hv_pages_alloc(unsigned int order)
{
    mfn_t m = take(order, FRAME_XEN, DOMID_INVALID);

    return m == INVALID_MFN ? NULL : mfn_to_virt(m);
}

__weak_sym void hv_pages_free(void *v, unsigned int order)
{
    if (!v)
        return;
    for (mfn_t m = virt_to_mfn(v), i = 0; i < 1UL << order; i++) {
        FAKE_CHECK(fake_frame_table[m + i].count == FRAME_XEN);
        give_back(m + i);
    }
}

/* The size stands before the object, 16 bytes, so that what is alive can be counted. */
__weak_sym void *hv_alloc(size_t size)
{
    size_t *p = fails_now() ? NULL : calloc(1, size + 16);

    if (!p)
        return NULL;
    p[0] = size;
    __atomic_fetch_add(&fake_live_objects, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&fake_live_bytes, size, __ATOMIC_RELAXED);
    return p + 2;
}

__weak_sym void hv_free(void *v)
{
    if (!v)
        return;
    size_t *p = (size_t *)v - 2;
    __atomic_fetch_sub(&fake_live_objects, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&fake_live_bytes, p[0], __ATOMIC_RELAXED);
    free(p);
}

__weak_sym mfn_t frames_alloc_domain(struct domain *d, unsigned int order, unsigned int memflags)
{
    mfn_t m;

    if (!(memflags & MEMF_NO_REFCOUNT) && d->max_pages && d->tot_pages + (1UL << order) > d->max_pages)
        return INVALID_MFN;
    m = take(order, FRAME_ALLOCATED | 1, d->id);
    if (m != INVALID_MFN && !(memflags & MEMF_NO_REFCOUNT))
        d->tot_pages += 1UL << order;
    return m;
}

__weak_sym bool frame_get(struct frame *f, const struct domain *d)
{
    uint64_t c = READ_ONCE(f->count);

    do {
        if ((c & FRAME_FREE) || !(c & FRAME_COUNT_MASK) || f->owner != d->id)
            return false;
    } while (!__atomic_compare_exchange_n(&f->count, &c, c + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return true;
}

__weak_sym void frame_put(struct frame *f)
{
    uint64_t c = __atomic_sub_fetch(&f->count, 1, __ATOMIC_SEQ_CST);

    FAKE_CHECK((c & FRAME_COUNT_MASK) != FRAME_COUNT_MASK);
    if (c & FRAME_COUNT_MASK)
        return;
    FAKE_CHECK((f->type & TYPE_COUNT_MASK) == 0);
    if (!(c & FRAME_XEN)) {             /* else: a shared page that was let go by frame_unshare while mapped */
        struct domain *d = domain_find(f->owner);
        if (d)
            d->tot_pages--;
    }
    give_back(frame_to_mfn(f));
}

__weak_sym int frame_get_type(struct frame *f, uint64_t type)
{
    uint64_t t = READ_ONCE(f->type), n;

    do {
        if ((t & TYPE_COUNT_MASK) && (t & TYPE_MASK) != type)
            return -XEN_EINVAL;
        n = ((t & TYPE_COUNT_MASK) ? t : type | TYPE_VALIDATED) + 1;
    } while (!__atomic_compare_exchange_n(&f->type, &t, n, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return 0;
}

__weak_sym void frame_put_type(struct frame *f)
{
    uint64_t old = __atomic_fetch_sub(&f->type, 1, __ATOMIC_SEQ_CST);

    FAKE_CHECK(old & TYPE_COUNT_MASK);
}

__weak_sym bool frame_get_and_type(struct frame *f, const struct domain *d, uint64_t type)
{
    if (!frame_get(f, d))
        return false;
    if (type == TYPE_NONE || frame_get_type(f, type) == 0)
        return true;
    frame_put(f);
    return false;
}

__weak_sym void frame_put_and_type(struct frame *f)
{
    frame_put_type(f);
    frame_put(f);
}

__weak_sym void frame_share_with(void *page, struct domain *d)
{
    struct frame *f = mfn_to_frame(virt_to_mfn(page));

    FAKE_CHECK(f->count == FRAME_XEN);
    f->owner = d->id;
    f->type = TYPE_WRITABLE | TYPE_VALIDATED | 1;
    f->count = FRAME_XEN | 1;
}

__weak_sym bool frame_unshare(void *page)
{
    struct frame *f = mfn_to_frame(virt_to_mfn(page));

    FAKE_CHECK((f->count & FRAME_XEN) && (f->count & FRAME_COUNT_MASK) && (f->type & TYPE_COUNT_MASK));
    f->type--;
    if (--f->count & FRAME_COUNT_MASK)
        return false;
    f->type = 0;
    return true;
}

__weak_sym void m2p_set(mfn_t m, unsigned long pfn) { m2p[m] = pfn; }
__weak_sym unsigned long m2p_get(mfn_t m) { return m < FAKE_FRAMES ? m2p[m] : M2P_INVALID; }
__weak_sym unsigned long mm_audit(void) { return 0; }
