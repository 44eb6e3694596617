/* SPDX-License-Identifier: MIT */
/* grant/debug: debug key 'g' lists every domain's grants in use and counts its mappings. */
#include <hv/console.h>
#include "private.h"

#define MAX_SHOWN 64u       /* entries of a table: the serial line is slow, and the table is locked meanwhile */

static void dump_entry(const struct grant_table *gt, uint32_t ref)
{
    const struct active *act = entry_active(gt, ref);

    if (act && act->transitive)
        console_printf("  %5u: to d%u, transitive, %u copies\n", ref, act->domid, act->readers + act->writers);
    else if (act)
        console_printf("  %5u: to d%u, mfn %lx [%u, +%u], %u readers, %u writers\n", ref, act->domid, act->mfn,
                       act->start, act->length, act->readers, act->writers);
}

void grant_debug_dump(struct domain *d)
{
    struct grant_table *gt = d->grant;
    uint32_t used = 0, shown = 0;

    if (!gt)
        return;
    if (!spin_trylock(&gt->lock)) {
        console_printf("d%u: grant table is locked\n", d->id);
        return;
    }
    for (uint32_t h = 0; h < gt->mt_pages * MT_PER_PAGE; h++)
        used += !!(READ_ONCE(maptrack_find(gt, h)->flags) & MT_USED);
    console_printf("d%u: grant table version %u, %u of %u frames, %u mapped by others; "
                   "maps %u (%u of %u record pages)\n", d->id, gt->version, gt->nr_frames, gt->max_frames,
                   gt->nr_mapped, used, gt->mt_pages, gt->mt_max_pages);
    for (uint32_t r = 0; r < table_refs(gt); r++) {
        if (!entry_pinned(gt, r))
            continue;
        if (shown++ < MAX_SHOWN)
            dump_entry(gt, r);
    }
    spin_unlock(&gt->lock);
    if (shown > MAX_SHOWN)
        console_printf("  and %u more\n", shown - MAX_SHOWN);
}

static void dump_all(char key)
{
    struct domain *d;

    (void)key;
    for_each_domain(d) grant_debug_dump(d);
}

void grant_init(void) { debugkey_register('g', "grant tables of all domains", dump_all); }
