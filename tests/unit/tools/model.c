/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <stdlib.h>
#include <string.h>

static uint32_t random_state;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

struct model *model_new(void)
{
    struct model *m = calloc(1, sizeof(*m));

    m->frame = calloc(MODEL_FRAMES, VL_PAGE_SIZE);
    for (unsigned i = 0; i < MODEL_PAGES; i++)
        m->p2m[i] = VL_NO_FRAME;
    for (unsigned i = 0; i < MODEL_FRAMES; i++)
        m->m2p[i] = VL_NO_FRAME;
    m->next = 1;
    return m;
}

void model_free(struct model *m)
{
    free(m->frame);
    free(m);
}

static void fill_table(struct model *m, unsigned pfn, unsigned level)
{
    uint64_t *entry = (uint64_t *)m->frame[m->p2m[pfn]];

    memset(entry, 0, VL_PAGE_SIZE);
    for (unsigned i = 0; i < 512; i += 1 + next_random() % 7) {
        unsigned to = next_random() % MODEL_PAGES;

        if (m->p2m[to] != VL_NO_FRAME)
            entry[i] = m->p2m[to] << 12 | 0x27 | (level == 1 ? (uint64_t)(next_random() & 1) << 63 : 0);
        else
            entry[i] = 0xdead000 + i * 2;       /* not present: the guest's own business */
    }
    for (unsigned i = 256; level == 4 && i < 272; i++)
        entry[i] = (uint64_t)(MODEL_FRAMES + i) << 12 | 0x63;  /* the hypervisor's own */
}

void model_populate(struct model *m)
{
    random_state = 1;
    for (unsigned pfn = 0; pfn < MODEL_PAGES; pfn++) {
        uint64_t mfn;

        if (pfn > 2000 && pfn % 97 < 5)
            continue;
        do
            mfn = next_random() % MODEL_FRAMES;
        while (m->m2p[mfn] != VL_NO_FRAME);
        m->p2m[pfn] = mfn;
        m->m2p[mfn] = pfn;
        for (unsigned i = 0; i < VL_PAGE_SIZE; i += 4)
            *(uint32_t *)(m->frame[mfn] + i) = next_random();
    }
    for (unsigned pfn = 1000; pfn < 1040; pfn++) {
        m->type[pfn] = (uint8_t)(1 + pfn % 4) | (pfn % 3 ? 0 : VL_PAGE_PINNED);
        fill_table(m, pfn, 1 + pfn % 4);
    }
}

static int map(void *ctx, struct vl_batch *b)
{
    struct model *m = ctx;

    m->mapped++;
    for (unsigned i = 0; i < b->n; i++) {
        uint64_t mfn = m->p2m[b->pfn[i]];

        b->type[i] = mfn == VL_NO_FRAME ? VL_PAGE_INVALID : m->type[b->pfn[i]];
        b->page[i] = mfn == VL_NO_FRAME ? NULL : m->frame[mfn];
    }
    return 0;
}

static void unmap(void *ctx, struct vl_batch *b)
{
    struct model *m = ctx;

    (void)b;
    m->mapped--;
}

static uint64_t pfn_of(void *ctx, uint64_t mfn)
{
    return mfn < MODEL_FRAMES ? ((struct model *)ctx)->m2p[mfn] : VL_NO_FRAME;
}

static uint64_t mfn_of(void *ctx, uint64_t pfn)
{
    return pfn < MODEL_PAGES ? ((struct model *)ctx)->p2m[pfn] : VL_NO_FRAME;
}

struct vl_stream_source model_source(struct model *m)
{
    return (struct vl_stream_source){ .ctx = m, .map = map, .unmap = unmap, .pfn_of = pfn_of };
}

int model_write(struct model *m, struct vl_out *out)
{
    struct vl_stream_source source = model_source(m);
    struct vl_p2m_range range = { 0, MODEL_PAGES - 1 };
    uint64_t frames[(MODEL_PAGES + 511) / 512], leaf[3] = { 1, 2, 3 }, msr[2] = { 0xce, 1 };
    struct vl_tsc_info tsc = { 1, 1000000, 5, 2, 0 };
    struct vl_vcpu_header vcpu = { 0 };
    struct vl_scratch scratch = { 0 };
    struct vl_batch *b = malloc(sizeof(*b));
    int rc = vl_stream_begin(out, 4, 17);

    for (unsigned i = 0; i < sizeof(frames) / 8; i++)
        frames[i] = MODEL_P2M_AT + i;
    if (!rc)
        rc = vl_record_write(out, VL_REC_CPUID_POLICY, leaf, sizeof(leaf), NULL, 0);
    if (!rc)
        rc = vl_record_write(out, VL_REC_MSR_POLICY, msr, sizeof(msr), NULL, 0);
    if (!rc)
        rc = vl_record_write(out, VL_REC_STATIC_DATA_END, NULL, 0, NULL, 0);
    if (!rc)
        rc = vl_record_write(out, VL_REC_P2M_FRAMES, &range, sizeof(range), frames, sizeof(frames));
    for (unsigned pfn = 0; pfn < MODEL_PAGES && !rc;) {
        for (b->n = 0; pfn < MODEL_PAGES && b->n < VL_BATCH; pfn++)
            b->pfn[b->n++] = pfn;
        rc = vl_pages_write(out, &source, b, &scratch, NULL, NULL);
    }
    if (!rc)
        rc = vl_record_write(out, VL_REC_TSC_INFO, &tsc, sizeof(tsc), NULL, 0);
    if (!rc)
        rc = vl_record_write(out, VL_REC_SHARED_INFO, m->shared_info, VL_PAGE_SIZE, NULL, 0);
    if (!rc)
        rc = vl_record_write(out, VL_REC_VCPU_BASIC, &vcpu, sizeof(vcpu), m->shared_info, 100);
    if (!rc)
        rc = vl_stream_end(out);
    free(b);
    vl_scratch_free(&scratch);
    return rc ? rc : vl_out_finish(out);
}

/* --- the sink ------------------------------------------------------------------------------------- */

static int policy(void *ctx, const struct vl_policy *p)
{
    struct model *m = ctx;
    uint8_t sum = 0;

    for (unsigned i = 0; i < p->n_leaves * 24; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)p->leaves)[i]);
    for (unsigned i = 0; i < p->n_msrs * 16; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)p->msrs)[i]);
    m->policies += 1u + (sum == 0xff);
    return 0;
}

static int p2m_frames(void *ctx, uint64_t first, uint64_t last, const uint64_t *frames, size_t n)
{
    struct model *m = ctx;

    for (size_t i = 0; i < n; i++)
        if (frames[i] > last)
            return -22;
    m->last = last;
    m->n_p2m = n;
    return first || last >= MODEL_PAGES ? -22 : 0;
}

static bool give(struct model *m, uint64_t pfn)
{
    if (m->p2m[pfn] == VL_NO_FRAME) {
        if (m->next == MODEL_FRAMES)
            return false;
        m->p2m[pfn] = m->next;
        m->m2p[m->next++] = pfn;
    }
    return true;
}

static int pages(void *ctx, struct vl_batch *b)
{
    struct model *m = ctx;

    m->mapped++;
    for (unsigned i = 0; i < b->n; i++) {
        m->type[b->pfn[i]] = b->type[i];
        if (!vl_page_has_data(b->type[i]))
            continue;
        if (!give(m, b->pfn[i]))
            return -12;
        b->page[i] = vl_page_level(b->type[i]) ? m->scratch[i] : m->frame[m->p2m[b->pfn[i]]];
    }
    return 0;
}

static int pages_done(void *ctx, struct vl_batch *b)
{
    struct model *m = ctx;

    m->mapped--;
    for (unsigned i = 0; b && i < b->n; i++) {
        unsigned level = vl_page_level(b->type[i]);
        const uint64_t *from = b->page[i];

        if (!level)
            continue;
        for (unsigned e = 0; e < 512; e++)
            if (from[e] & 1 && (from[e] >> 12 & 0xffffffffff) <= m->last && !give(m, from[e] >> 12 & 0xffffffffff))
                return -12;
        if (vl_table_translate(level, from, (uint64_t *)m->frame[m->p2m[b->pfn[i]]], mfn_of, m) < 512)
            return -22;
    }
    return 0;
}

static int take_tsc(void *ctx, const struct vl_tsc_info *tsc)
{
    ((struct model *)ctx)->tsc = *tsc;
    return 0;
}

static int shared_info(void *ctx, const void *page)
{
    memcpy(((struct model *)ctx)->shared_info, page, VL_PAGE_SIZE);
    return 0;
}

static int vcpu(void *ctx, uint32_t record, uint32_t id, const void *blob, size_t len)
{
    struct model *m = ctx;

    (void)record;
    m->vcpus++;
    m->shared_info[0] = (uint8_t)(m->shared_info[0] + ((const uint8_t *)blob)[len - 1]);       /* all of it is readable */
    return id < 128 ? 0 : -22;
}

static int end(void *ctx)
{
    ((struct model *)ctx)->ends++;
    return 0;
}

struct vl_stream_sink model_sink(struct model *m)
{
    return (struct vl_stream_sink){ .ctx = m, .policy = policy, .p2m_frames = p2m_frames, .pages = pages,
                                    .pages_done = pages_done, .tsc = take_tsc, .shared_info = shared_info,
                                    .vcpu = vcpu, .end = end };
}

static bool same_page(const struct model *a, const struct model *b, unsigned pfn)
{
    uint64_t one[512], two[512];
    unsigned level = vl_page_level(a->type[pfn]);

    if (!level)
        return !memcmp(a->frame[a->p2m[pfn]], b->frame[b->p2m[pfn]], VL_PAGE_SIZE);
    return vl_table_translate(level, (uint64_t *)a->frame[a->p2m[pfn]], one, pfn_of, (void *)(uintptr_t)a) == 512 &&
        vl_table_translate(level, (uint64_t *)b->frame[b->p2m[pfn]], two, pfn_of, (void *)(uintptr_t)b) == 512 &&
        !memcmp(one, two, sizeof(one));
}

unsigned model_differ(const struct model *a, const struct model *b)
{
    for (unsigned pfn = 0; pfn < MODEL_PAGES; pfn++) {
        if ((a->p2m[pfn] == VL_NO_FRAME) != (b->p2m[pfn] == VL_NO_FRAME))
            return pfn;
        if (a->p2m[pfn] != VL_NO_FRAME && (a->type[pfn] != b->type[pfn] || !same_page(a, b, pfn)))
            return pfn;
    }
    return MODEL_PAGES;
}
