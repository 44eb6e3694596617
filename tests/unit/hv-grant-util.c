/* SPDX-License-Identifier: MIT */
/* See hv-grant.h. */
#include "hv-grant.h"
#include <hv/hypercall.h>

struct fake_pte fake_ptes[NR_PTES];

static struct fake_pte *pte_at(uint64_t addr)
{
    uint64_t n = (addr - PTE(0)) / 4096;

    return addr >= PTE(0) && n < NR_PTES && addr % 4096 == 0 ? &fake_ptes[n] : NULL;
}

int16_t grant_pte_map(uint64_t addr, mfn_t m, unsigned int flags)
{
    struct fake_pte *p = pte_at(addr);

    MUST(fake_locks_held() == 0);
    if (!p || p->present)
        return GNTST_bad_virt_addr;
    *p = (struct fake_pte){ .mfn = m, .flags = flags & 0xffff, .present = true };
    return GNTST_okay;
}

int16_t grant_pte_unmap(uint64_t addr, mfn_t m, unsigned int flags, uint64_t new_addr)
{
    struct fake_pte *p = pte_at(addr), *n = new_addr ? pte_at(new_addr) : NULL;

    MUST(fake_locks_held() == 0);
    if (!p || !p->present || p->mfn != m || (p->flags ^ flags) & GNTMAP_readonly)
        return GNTST_bad_virt_addr;
    if (new_addr && !n)
        return GNTST_bad_virt_addr;
    p->present = false;
    if (n) {
        struct fake_pte t = *n;

        n->present = false;
        *p = t;
    }
    return GNTST_okay;
}

void guest_new(struct guest *g, domid_t id, bool privileged, unsigned int pages, unsigned int max_version)
{
    struct domain *d = fake_domain_new(id, privileged, 1);

    MUST(grant_domain_init(d, 8, 4, max_version) == 0);
    g->d = d;
    g->pages = pages;
    for (unsigned int i = 0; i < pages; i++) {
        g->page[i] = frames_alloc_domain(d, 0, 0);
        MUST(g->page[i] != INVALID_MFN);
    }
}

void guest_free(struct guest *g)
{
    struct domain *d = g->d;

    d->dying = true;
    for (unsigned int i = 0; i < NR_PTES; i++)
        if (fake_ptes[i].present && current && current->domain == d)
            fake_ptes[i].present = false;
    while (grant_release_mappings(d))
        continue;
    MUST(d->refcount == 1);         /* whoever maps from us has gone before, in these tests */
    grant_domain_destroy(d);
    for (unsigned int i = 0; i < g->pages; i++) {
        struct frame *f = mfn_to_frame(g->page[i]);

        MUST((f->count & FRAME_COUNT_MASK) == 1 && (f->type & TYPE_COUNT_MASK) == 0);
        frame_put(f);
    }
    fake_domain_free(d);
    g->d = NULL;
}

/* --- audit ---------------------------------------- */

static uint32_t frame_refs[FAKE_FRAMES], frame_writers[FAKE_FRAMES];
static uint32_t pins_r[64][8 * V1_PER_PAGE], pins_w[64][8 * V1_PER_PAGE];

static void count_ref(mfn_t m, bool writable, void *arg)
{
    (void)arg;
    frame_refs[m]++;
    frame_writers[m] += writable;
}

/* Records in use, and the free list: together all there are. */
static void audit_maptrack(const struct domain *d)
{
    struct grant_table *gt = d->grant;
    uint32_t n = gt->mt_pages * MT_PER_PAGE, used = 0, freed = 0;

    for (uint32_t h = 0; h < n; h++) {
        struct maptrack *e = maptrack_find(gt, h);

        MUST(!(e->flags & MT_BUSY));
        if (!(e->flags & MT_USED))
            continue;
        used++;
        MUST(e->flags & (GNTMAP_host_map | GNTMAP_device_map));
        if (e->flags & GNTMAP_readonly)
            pins_r[e->granter->id][e->ref]++;
        else
            pins_w[e->granter->id][e->ref]++;
    }
    for (uint32_t h = (uint32_t)gt->mt_free; h != MT_NIL; h = maptrack_find(gt, h)->ref) {
        MUST(freed++ <= n);
        MUST(!(maptrack_find(gt, h)->flags & MT_USED));
    }
    MUST(used + freed == n);
}

static void audit_table(struct domain *d, bool hostile)
{
    struct grant_table *gt = d->grant;
    uint32_t mapped = 0;

    for (uint32_t r = 0; r < table_refs(gt); r++) {
        struct active *act = entry_active(gt, r);
        uint32_t rd = act ? act->readers : 0, wr = act ? act->writers : 0;
        uint16_t bits = (wr ? GTF_writing : 0) | (rd || wr ? GTF_reading : 0);
        uint16_t *shared = gt->version == 1 ? &entry_v1(gt, r)->flags : entry_status(gt, r);

        MUST(rd == pins_r[d->id][r] && wr == pins_w[d->id][r]);
        mapped += rd + wr;
        if (!hostile)
            MUST((*shared & (GTF_reading | GTF_writing)) == bits);
    }
    MUST(mapped == gt->nr_mapped);
    MUST(d->refcount == 1 + (mapped > 0));
}

void grant_audit(bool hostile)
{
    struct domain *d;

    MUST(fake_locks_held() == 0);
    memset(frame_refs, 0, sizeof(frame_refs));
    memset(frame_writers, 0, sizeof(frame_writers));
    memset(pins_r, 0, sizeof(pins_r));
    memset(pins_w, 0, sizeof(pins_w));
    grant_walk_refs(count_ref, NULL);
    for_each_domain(d) audit_maptrack(d);
    for_each_domain(d) audit_table(d, hostile);
    for (mfn_t m = 1; m < FAKE_FRAMES; m++) {
        struct frame *f = mfn_to_frame(m);

        if (!(f->count & FRAME_ALLOCATED))
            continue;
        MUST((f->count & FRAME_COUNT_MASK) == 1 + frame_refs[m]);
        if ((f->type & TYPE_MASK) == TYPE_WRITABLE)
            MUST((f->type & TYPE_COUNT_MASK) == frame_writers[m]);
        else
            MUST(frame_writers[m] == 0);
    }
}

/* --- the guest's side ---------------------------------------- */

bool audit_hostile;

static size_t op_size(unsigned int cmd)
{
    return cmd == GNTTABOP_map_grant_ref ? sizeof(struct gnttab_map_grant_ref) :
           cmd == GNTTABOP_unmap_grant_ref ? sizeof(struct gnttab_unmap_grant_ref) :
           cmd == GNTTABOP_unmap_and_replace ? sizeof(struct gnttab_unmap_and_replace) :
           cmd == GNTTABOP_copy ? sizeof(struct gnttab_copy) : sizeof(struct gnttab_transfer);
}

long gop(struct guest *g, unsigned int cmd, void *ops, unsigned int n)
{
    unsigned long left = n, *arg = fake_continued.arg;
    long rc;

    fake_run(g->d->vcpu[0]);
    arg[0] = cmd;
    arg[1] = (unsigned long)ops;
    arg[2] = n;
    do {
        rc = hypercall_grant_table_op(arg[0], arg[1], arg[2], 0, 0, 0);
        grant_audit(audit_hostile);
        if (rc == FAKE_CONTINUED) {
            MUST(fake_continued.nr == __HYPERVISOR_grant_table_op && arg[0] == cmd && arg[2] < left);
            MUST(arg[1] == (unsigned long)ops + (n - arg[2]) * op_size(cmd));
            left = arg[2];
        }
    } while (rc == FAKE_CONTINUED);
    return rc;
}

static void need_frames(struct guest *g, uint32_t frames)
{
    mfn_t m[8];

    MUST(grant_acquire(g->d, XENMEM_resource_grant_table_id_shared, 0, frames, m) == 0);
}

void grant_v1(struct guest *g, uint32_t ref, domid_t to, mfn_t mfn, uint16_t flags)
{
    grant_entry_v1_t *e;

    need_frames(g, ref / V1_PER_PAGE + 1);
    e = entry_v1(g->d->grant, ref);
    e->flags = 0;
    e->domid = to;
    e->frame = (uint32_t)mfn;
    e->flags = flags;
}

void grant_v2(struct guest *g, uint32_t ref, domid_t to, mfn_t mfn, uint16_t flags, uint16_t off, uint16_t len)
{
    grant_entry_v2_t *e;

    need_frames(g, ref / V2_PER_PAGE + 1);
    e = entry_v2(g->d->grant, ref);
    memset(e, 0, sizeof(*e));
    e->hdr.domid = to;
    e->sub_page.frame = mfn;
    e->sub_page.page_off = off;
    e->sub_page.length = len;
    e->hdr.flags = flags;
}

void grant_v2_transitive(struct guest *g, uint32_t ref, domid_t to, domid_t via, uint32_t via_ref)
{
    grant_entry_v2_t *e;

    grant_v2(g, ref, to, 0, 0, 0, 0);
    e = entry_v2(g->d->grant, ref);
    e->transitive.trans_domid = via;
    e->transitive.gref = via_ref;
    e->hdr.flags = GTF_transitive;
}

uint16_t grant_bits(struct guest *g, uint32_t ref)
{
    struct grant_table *gt = g->d->grant;

    return (gt->version == 1 ? entry_v1(gt, ref)->flags : *entry_status(gt, ref)) & (GTF_reading | GTF_writing);
}
