/* SPDX-License-Identifier: MIT */
/*
 * The guest's map from its frames to the machine's (P2M), and its first page tables, written straight into their
 * frames. All mappings of the tables' frames are gone before the top one is pinned: a frame that is a page table is
 * writable nowhere.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "build/guest.h"

#define PTE_PRESENT 0x001ull
#define PTE_WRITE 0x002ull
#define PTE_USER 0x004ull
#define PTE_ACCESSED 0x020ull
#define PTE_DIRTY 0x040ull
#define PTE_TABLE (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)
#define PTE_DATA (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)
#define PTE_READ_ONLY (PTE_PRESENT | PTE_ACCESSED)

/* Where the two runs of tables are mapped. */
struct tables {
    struct vl_guest *g;
    uint8_t *boot, *outer;
};

static uint64_t *table_at(const struct tables *t, uint64_t pfn)
{
    const struct vl_layout *lay = &t->g->lay;

    if (pfn >= lay->tables.pfn && pfn < lay->tables.pfn + lay->tables.count)
        return (uint64_t *)(t->boot + (pfn - lay->tables.pfn) * VL_PAGE);
    return (uint64_t *)(t->outer + (pfn - lay->p2m_tables.pfn) * VL_PAGE);
}

static uint64_t entry(const struct tables *t, uint64_t pfn, uint64_t flags)
{
    return vl_guest_mfn(t->g, pfn) * VL_PAGE | flags;
}

static unsigned slot(uint64_t va, int level)
{
    return (unsigned)(va >> (12 + 9 * level)) & 511;
}

/* Enter the tables of one range into those above them: L1s into L2s, L2s into L3s, L3s into the L4. */
static void link_tables(const struct tables *t, const struct vl_table_range *r)
{
    const struct vl_layout *lay = &t->g->lay;

    if (r->va == r->end)
        return;
    for (int level = 0; level < 3; level++) {
        uint64_t step = 1ull << (21 + 9 * level), count = r->hi[level] - r->lo[level] + 1;
        uint64_t va = r->va & ~(step - 1);

        for (uint64_t i = 0; i < count; i++, va += step) {
            uint64_t above = level == 2 ? lay->l4_pfn : vl_table_pfn(lay, level + 1, va);

            table_at(t, above)[slot(va, level + 1)] = entry(t, vl_table_pfn(lay, level, va), PTE_TABLE);
        }
    }
}

/* Map the frames pfn … end - 1 at `va` on; frames that are tables read-only. */
static void map_range(const struct tables *t, uint64_t va, uint64_t pfn, uint64_t end)
{
    const struct vl_layout *lay = &t->g->lay;
    uint64_t *l1 = NULL;

    for (; pfn < end; pfn++, va += VL_PAGE) {
        bool table = pfn >= lay->tables.pfn && pfn < lay->tables.pfn + lay->tables.count;

        if (!l1 || !slot(va, 0))
            l1 = table_at(t, vl_table_pfn(lay, 0, va));
        l1[slot(va, 0)] = entry(t, pfn, table ? PTE_READ_ONLY : PTE_DATA);
    }
}

int vl_guest_write_p2m(struct vl_guest *g)
{
    uint64_t *p2m = vl_guest_map(g, NULL, g->lay.p2m.pfn, g->lay.p2m.count), pfn = 0;

    if (!p2m)
        return -ENOMEM;
    for (; pfn < g->nr_pages; pfn++)
        p2m[pfn] = vl_guest_mfn(g, pfn);
    for (; pfn < g->lay.p2m.count * (VL_PAGE / 8); pfn++)
        p2m[pfn] = ~0ull;
    vl_guest_unmap(g, p2m, g->lay.p2m.count);
    return 0;
}

/* Frames of `boot` are mapped from start_info on, in one run with the tables (see start.c). */
static int pin(struct vl_guest *g)
{
    struct mmuext_op op = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = vl_guest_mfn(g, g->lay.l4_pfn) };

    if (xc_mmuext_op(g->vl->xc, &op, 1, g->domid) < 0)
        return vl_fail_errno("the hypervisor refused the guest's first page tables");
    return 0;
}

int vl_guest_write_tables(struct vl_guest *g)
{
    const struct vl_layout *lay = &g->lay;
    struct tables t = { .g = g, .boot = g->boot + (lay->tables.pfn - lay->start_info.pfn) * VL_PAGE };
    uint64_t mapped = lay->boot_end < g->nr_pages ? lay->boot_end : g->nr_pages;

    if (lay->p2m_tables.count) {
        t.outer = vl_guest_map(g, NULL, lay->p2m_tables.pfn, lay->p2m_tables.count);
        if (!t.outer)
            return -ENOMEM;
        memset(t.outer, 0, lay->p2m_tables.count * VL_PAGE);
    }
    memset(t.boot, 0, lay->tables.count * VL_PAGE);
    link_tables(&t, &lay->boot);
    link_tables(&t, &lay->outer);
    map_range(&t, lay->virt_base, 0, mapped);
    if (!lay->p2m_mapped)
        map_range(&t, lay->p2m_va, lay->p2m.pfn, lay->p2m.pfn + lay->p2m.count);
    vl_guest_unmap(g, t.outer, lay->p2m_tables.count);
    vl_guest_unmap(g, g->boot, vl_guest_boot_pages(g));
    g->boot = NULL;
    return pin(g);
}
