/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "base/log.h"
#include "json/domain.h"
#include "life/memory.h"
#include "life/userdata.h"
#include "state/source.h"
#include "state/state.h"
#include "state/vcpu.h"

#define KEPT_PAGES (16ull << 18)        /* 16 GiB, which take 32 MiB of page tables */

struct save {
    struct vl *vl;
    uint32_t domid;
    struct vl_out *out;
    const struct vl_save_options *options;
    bool *suspended;
    struct vl_guest_source guest;
    struct vl_stream_source source;
    struct vl_scratch scratch;
    struct vl_batch *batch;
    uint64_t *again;            /* of the live round: what must come again; NULL with the guest stopped */
    uint64_t *changed;          /* frames whose P2M entry is another one since the start */
    struct vl_buffer dirty;
    uint64_t done, all;         /* pages of this round */
    unsigned round;
};

/* --- the configuration ------------------------------------------------------------------------------ */

char *vl_state_config(struct vl *vl, uint32_t domid, bool keep_domid, size_t *len)
{
    struct vl_json_live live;
    struct vl_arena arena = { 0 };
    xc_domaininfo_t info;
    struct vl_config *c;
    struct vl_json *json;
    const char *text;
    char *copy, *name;

    if (vl_domain_info(vl, domid, &info) || !vl_store(vl))
        return NULL;
    c = vl_userdata_load(domid, info.handle);
    if (!c) {
        vl_fail(-ENOENT, "the configuration of domain %u is lost: name a file with it", domid);
        return NULL;
    }
    /* What changed since is in the store; Debian's xl does not write a new name to the kept file. */
    name = vl_store_read(vl->store, &arena, "/local/domain/%u/name", domid);
    if (name && *name)
        c->name = name;
    vl_config_refresh(vl, domid, c);
    vl_live_read(vl, &info, &live);
    live.has_domid = keep_domid;
    live.domid = domid;
    json = vl_json_new(true);
    vl_json_config(json, NULL, c, VL_JSON_SAVED, &live);
    text = vl_json_text(json, len);
    copy = vl_xmalloc(*len + 1);
    memcpy(copy, text, *len);
    copy[*len] = 0;
    vl_json_free(json);
    vl_config_free(c);
    vl_arena_free(&arena);
    return copy;
}

/* --- pages -------------------------------------------------------------------------------------------- */

static void come_again(void *ctx, uint64_t pfn)
{
    struct save *s = ctx;

    s->again[pfn / 64] |= 1ull << pfn % 64;
}

static int flush(struct save *s)
{
    unsigned n = s->batch->n;
    int rc = n ? vl_pages_write(s->out, &s->source, s->batch, &s->scratch, s->again ? come_again : NULL, s) : 0;

    s->batch->n = 0;
    s->done += n;
    if (!rc && n && s->options->progress)
        s->options->progress(s->options->progress_ctx, s->round, s->done, s->all);
    return rc;
}

static int send_page(struct save *s, uint64_t pfn)
{
    s->batch->pfn[s->batch->n++] = pfn;
    return s->batch->n == VL_BATCH ? flush(s) : 0;
}

static int send_all(struct save *s)
{
    int rc = 0;

    s->all = s->guest.count;
    for (uint64_t pfn = 0; pfn < s->guest.count && !rc; pfn++)
        rc = send_page(s, pfn);
    return rc ? rc : flush(s);
}

static int send_some(void *ctx, const uint64_t *pages, uint64_t *again)
{
    struct save *s = ctx;
    int rc = 0;

    s->again = *s->suspended ? NULL : again;
    s->done = s->all = 0;
    for (uint64_t w = 0; w < vl_bitmap_words(s->guest.count); w++)
        s->all += (uint64_t)__builtin_popcountll(pages[w]);
    for (uint64_t w = 0; w < vl_bitmap_words(s->guest.count) && !rc; w++)
        for (uint64_t bits = pages[w]; bits && !rc; bits &= bits - 1)
            rc = send_page(s, w * 64 + (unsigned)__builtin_ctzll(bits));
    if (!rc)
        rc = flush(s);
    s->round++;
    return rc;
}

/* --- while it runs -------------------------------------------------------------------------------------- */

static int shadow_op(struct save *s, uint32_t what, struct xen_domctl *op)
{
    op->cmd = XEN_DOMCTL_shadow_op;
    op->domain = (domid_t)s->domid;
    op->u.shadow_op.op = what;
    return xc_domctl(s->vl->xc, op);
}

static int written(void *ctx, uint64_t *pages)
{
    struct save *s = ctx;
    uint64_t words = vl_bitmap_words(s->guest.count);
    struct xen_domctl op = { 0 };

    op.u.shadow_op.mode = *s->suspended ? XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL : 0;
    op.u.shadow_op.pages = s->guest.count;
    VL_HANDLE(op.u.shadow_op.dirty_bitmap, s->dirty.p);
    memset(s->dirty.p, 0, words * 8);
    if (shadow_op(s, XEN_DOMCTL_SHADOW_OP_CLEAN, &op))
        return vl_fail_errno("cannot read what the guest has written");
    memcpy(pages, s->dirty.p, words * 8);
    for (uint64_t i = 0; *s->suspended && i < words; i++)
        pages[i] |= s->changed[i];
    return 0;
}

static int suspend(struct save *s)
{
    int rc = vl_suspend(s->vl, s->domid);

    if (!rc)
        *s->suspended = true;
    return rc;
}

static int stop(void *ctx)
{
    struct save *s = ctx;
    int rc = suspend(s);

    return rc ? rc : vl_source_refresh(&s->guest, s->changed);
}

static uint64_t now_us(void *ctx)
{
    struct timespec t;

    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int send_live(struct save *s)
{
    struct vl_live_ops ops = { .ctx = s, .count = s->guest.count, .send = send_some, .written = written,
                               .stop = stop, .now_us = now_us };
    struct vl_live_result result;
    int rc = vl_live_run(&ops, &s->options->params, &result);

    if (!rc)
        vl_info("%u rounds, %llu pages; the guest stood still for %llu ms, for the last %llu", result.rounds,
                (unsigned long long)result.sent, (unsigned long long)result.downtime_us / 1000,
                (unsigned long long)result.last);
    return rc;
}

/* --- the stream ------------------------------------------------------------------------------------------ */

static int write_p2m_frames(struct save *s)
{
    struct vl_p2m_range range = { 0, (uint32_t)s->guest.count - 1 };
    uint64_t *pfn = vl_xmalloc(s->guest.n_frames * sizeof(*pfn));
    int rc = 0;

    for (size_t i = 0; i < s->guest.n_frames && !rc; i++) {
        pfn[i] = vl_source_pfn(&s->guest, s->guest.frames[i]);
        if (pfn[i] == VL_NO_FRAME)
            rc = vl_fail(-EINVAL, "the guest's P2M does not hold its own frames");
    }
    if (!rc)
        rc = vl_record_write(s->out, VL_REC_P2M_FRAMES, &range, sizeof(range), pfn, s->guest.n_frames * sizeof(*pfn));
    free(pfn);
    return rc;
}

static int write_begin(struct save *s)
{
    int version = xc_version(s->vl->xc, XENVER_version, NULL), rc;

    if (version < 0)
        return vl_fail_errno("cannot ask for the hypervisor's version");
    rc = vl_stream_begin(s->out, (unsigned)version >> 16, (unsigned)version & 0xffff);
    if (!rc)
        rc = vl_policy_write(s->vl, s->domid, s->out);
    if (!rc)
        rc = vl_record_write(s->out, VL_REC_STATIC_DATA_END, NULL, 0, NULL, 0);
    return rc ? rc : write_p2m_frames(s);
}

static int write_end(struct save *s)
{
    int rc = vl_tsc_write(s->vl, s->domid, s->out);

    if (!rc)
        rc = vl_record_write(s->out, VL_REC_SHARED_INFO, s->guest.shared_info, VL_PAGE_SIZE, NULL, 0);
    for (uint32_t v = 0; v <= s->guest.info.max_vcpu_id && !rc; v++)
        rc = vl_vcpu_write(s->vl, s->domid, v, s->out, vl_source_pfn, &s->guest);
    if (!rc)
        rc = vl_stream_end(s->out);
    return rc ? rc : vl_out_finish(s->out);
}

/* The frames a guest may have in its P2M, from what it may have in memory: a bound on what it can make us allocate. */
static uint64_t most_frames(struct save *s)
{
    long kb = vl_store_read_number(vl_store(s->vl), 1l << 40, "/local/domain/%u/memory/static-max", s->domid);
    uint64_t pages = kb > 0 ? (uint64_t)kb / 4 : 0;
    xc_domaininfo_t info;

    if (!vl_domain_info(s->vl, s->domid, &info) && info.max_pages > pages)
        pages = info.max_pages;
    return vl_p2m_most(pages);
}

static bool log_writes(struct save *s)
{
    struct xen_domctl op = { 0 };

    if (!s->options->live)
        return false;
    if (!shadow_op(s, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, &op))
        return true;
    vl_note("this hypervisor cannot log what a PV guest writes: the guest stands still while it is copied");
    return false;
}

static int copy(struct save *s, bool live)
{
    int rc = vl_source_open(&s->guest, s->vl, s->domid, most_frames(s));

    if (rc)
        return rc;
    s->guest.may_keep = live ? 0 : KEPT_PAGES;
    s->source = vl_source_ops(&s->guest);
    if (live) {
        s->changed = calloc(vl_bitmap_words(s->guest.count), 8);
        if (!s->changed || !vl_buffer(s->vl, &s->dirty, vl_bitmap_words(s->guest.count) * 8))
            rc = -ENOMEM;
    }
    if (!rc)
        rc = write_begin(s);
    if (!rc)
        rc = live ? send_live(s) : send_all(s);
    if (!rc)
        rc = write_end(s);
    vl_source_close(&s->guest);
    return rc;
}

static int copy_stopped(void *save)
{
    struct save *s = save;
    struct vl own = { 0 };
    int rc;

    s->vl = &own;
    rc = vl_xc(&own) && vl_store(&own) ? copy(s, false) : -EIO;
    vl_log_end_line();          /* of progress: the parent knows of none */
    return rc;
}

static int run(struct save *s, bool live)
{
    int rc;

    if (live)
        return copy(s, true);
    rc = suspend(s);
    return rc ? rc : vl_child_run("the process that copies the guest", copy_stopped, s);
}

int vl_state_write(struct vl *vl, uint32_t domid, struct vl_out *out, const struct vl_save_options *options,
                   bool *suspended)
{
    struct save s = { .vl = vl, .domid = domid, .out = out, .options = options, .suspended = suspended };
    struct xen_domctl op = { 0 };
    bool live;
    int rc = vl_state_check(vl, domid);

    *suspended = false;
    if (rc)
        return rc;
    live = log_writes(&s);
    s.batch = vl_xmalloc(sizeof(*s.batch));
    s.batch->n = 0;
    rc = run(&s, live);
    if (live)
        shadow_op(&s, XEN_DOMCTL_SHADOW_OP_OFF, &op);
    free(s.batch);
    free(s.changed);
    vl_buffer_free(&s.dirty);
    vl_scratch_free(&s.scratch);
    return rc;
}
