/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: a stream of grant-table operations by three domains, with raw arguments and with writes to the shared
 * tables in between. After each operation every pin and reference is recomputed (grant_audit); at the end nothing is
 * left.
 */
#include "../unit/hv-grant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input { const uint8_t *p, *end; };
static struct guest gs[3];
static xen_pfn_t list[16];

static uint32_t take(struct input *in, unsigned int bytes)
{
    uint32_t v = 0;

    while (bytes-- && in->p < in->end)
        v = v << 8 | *in->p++;
    return v;
}

static uint32_t small_or_any(struct input *in, uint32_t limit)
{
    uint32_t v = take(in, 1);

    return v < 0xf8 ? v % limit : take(in, 4);
}

static uint64_t frame(struct input *in)
{
    uint32_t v = take(in, 1);

    if (v < 0xf0)
        return gs[v % 3].page[v / 3 % 8];
    return v < 0xf8 ? virt_to_mfn(gs[v % 3].d->shared_info) : (uint64_t)take(in, 4) << (v % 32);
}

static domid_t domid(struct input *in)
{
    uint32_t v = take(in, 1);

    return v < 0xe0 ? v % 3 : v < 0xf0 ? DOMID_SELF : (domid_t)(v * 2049);
}

/* The guest writes an entry of its table, well formed or not. */
static void write_entry(struct input *in, struct guest *g)
{
    struct grant_table *gt = g->d->grant;
    uint32_t ref = take(in, 1) % 16, kind = take(in, 1);

    if (gt->nr_frames == 0)
        return;
    if (kind > 0xe0) {
        ((uint64_t *)gt->frames[0].page)[ref * 2] = (uint64_t)take(in, 4) << 32 | take(in, 4);
        if (gt->nr_status)
            gt->status[0][ref] = (uint16_t)take(in, 2);
    } else if (gt->version == 1) {
        *entry_v1(gt, ref) = (grant_entry_v1_t){ .flags = (uint16_t)(kind & 0x1f), .domid = domid(in),
                                                 .frame = (uint32_t)frame(in) };
    } else {
        grant_entry_v2_t e = { .__spacer = { 0 } };

        e.hdr.flags = (uint16_t)((kind & 0x1f) | (take(in, 1) & 1 ? GTF_sub_page : 0));
        e.hdr.domid = domid(in);
        if ((kind & 3) == GTF_transitive) {
            e.transitive.trans_domid = domid(in);
            e.transitive.gref = take(in, 1) % 16;
        } else {
            e.sub_page.frame = frame(in);
            e.sub_page.page_off = (uint16_t)take(in, 2);
            e.sub_page.length = (uint16_t)take(in, 2);
        }
        *entry_v2(gt, ref) = e;
    }
}

static void fill_copy_ptr(struct input *in, struct gnttab_copy_ptr *p, bool gref)
{
    p->domid = domid(in);
    p->offset = (uint16_t)take(in, 2) & 0x1fff;
    if (gref)
        p->u.ref = small_or_any(in, 16);
    else
        p->u.gmfn = frame(in);
}

static void copy_op(struct input *in, struct guest *g)
{
    struct gnttab_copy c[4];
    unsigned int n = 1 + take(in, 1) % 4;

    for (unsigned int i = 0; i < n; i++) {
        c[i] = (struct gnttab_copy){ .flags = (uint16_t)take(in, 1) };
        fill_copy_ptr(in, &c[i].source, c[i].flags & GNTCOPY_source_gref);
        fill_copy_ptr(in, &c[i].dest, c[i].flags & GNTCOPY_dest_gref);
        c[i].len = (uint16_t)take(in, 2) & 0x1fff;
        /* Own tables and shared info may be written by their owner, and then lose what the audit compares; not the
         * point here. */
        if (!(c[i].flags & GNTCOPY_dest_gref))
            c[i].dest.u.gmfn = g->page[take(in, 1) % 8];
    }
    gop(g, GNTTABOP_copy, c, n);
}

static void raw_op(struct input *in, struct guest *g)
{
    struct gnttab_map_grant_ref m = { .flags = take(in, 1) & 0x1f };
    struct gnttab_unmap_grant_ref u;
    struct gnttab_unmap_and_replace r;
    struct gnttab_setup_table st = { .dom = domid(in) };
    struct gnttab_set_version sv;
    struct gnttab_get_status_frames sf;

    switch (take(in, 1) % 9) {
    case 0: case 1:
        m.dom = domid(in);
        m.ref = small_or_any(in, 16);
        m.host_addr = PTE(take(in, 1) % 64);
        gop(g, GNTTABOP_map_grant_ref, &m, 1);
        break;
    case 2:
        u = (struct gnttab_unmap_grant_ref){ .handle = small_or_any(in, 8), .host_addr = PTE(take(in, 1) % 64),
                                             .dev_bus_addr = take(in, 1) & 1 ? frame(in) << PAGE_SHIFT : 0 };
        gop(g, GNTTABOP_unmap_grant_ref, &u, 1);
        break;
    case 3:
        r = (struct gnttab_unmap_and_replace){ .handle = small_or_any(in, 8), .host_addr = PTE(take(in, 1) % 64),
                                               .new_addr = PTE(take(in, 1) % 64) };
        gop(g, GNTTABOP_unmap_and_replace, &r, 1);
        break;
    case 4:
        st.nr_frames = small_or_any(in, 9);
        st.frame_list.p = list;
        gop(g, GNTTABOP_setup_table, &st, 1);
        break;
    case 5:
        sv.version = take(in, 1) % 4;
        gop(g, GNTTABOP_set_version, &sv, 1);
        break;
    case 6:
        sf = (struct gnttab_get_status_frames){ .nr_frames = small_or_any(in, 3), .dom = domid(in) };
        sf.frame_list.p = list;
        gop(g, GNTTABOP_get_status_frames, &sf, 1);
        break;
    default:
        copy_op(in, g);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, data + size };

    if (size > 2048)
        return 0;
    fake_reset(1);
    memset(fake_ptes, 0, sizeof(fake_ptes));
    audit_hostile = true;
    for (unsigned int i = 0; i < 3; i++)
        guest_new(&gs[i], (domid_t)i, i == 0, 8, 2);
    while (in.p < in.end) {
        uint32_t what = take(&in, 1);

        if (what == 0xff)
            fake_copy_fail(2);
        if (what == 0xfe)
            fake_alloc_fail(1);
        if (what < 0x60)
            write_entry(&in, &gs[what % 3]);
        else
            raw_op(&in, &gs[what % 3]);
        fake_copy_fail(0);
        fake_alloc_fail(0);
    }
    fake_run(NULL);
    for (unsigned int i = 0; i < 3; i++) {
        gs[i].d->dying = true;
        while (grant_release_mappings(gs[i].d))
            continue;
    }
    grant_audit(true);
    for (unsigned int i = 0; i < 3; i++)
        guest_free(&gs[i]);
    MUST(fake_live_objects == 0 && fake_used_frames == 0);
    return 0;
}
