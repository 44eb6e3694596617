/* SPDX-License-Identifier: MIT */
/*
 * Memory: owns the extension of the builder's mapping to all pages of the domain, and the bitmap of free pages. The
 * bitmap is under `lock`; nothing here is for event handlers. Invariant: a set bit in `used` is a page in use, reserved or absent;
 * pages that are page tables are mapped read-only.
 */
#include "hypercall.h"

#include <front/os.h>

#define BATCH 128

unsigned long nr_pages, *p2m;

static unsigned long used[MAX_PAGES / 64];
static uint32_t lock;
static unsigned long next_early, mapped_end, free_count, hint;
static struct mmu_update batch[BATCH];
static unsigned int batched;

static pte_t *table_va(pte_t pte) { return mfn_va((pte & PTE_ADDR) >> PAGE_SHIFT); }

static unsigned int slot(unsigned long va, unsigned int level) { return (va >> (PAGE_SHIFT + 9 * (level - 1))) & 511; }

pte_t *pte_of(unsigned long va, unsigned int level)
{
    pte_t *table = (pte_t *)start_info->pt_base;

    for (unsigned int l = 4; l > level; l--) {
        pte_t e = table[slot(va, l)];

        if (!(e & PTE_P))
            return NULL;
        table = table_va(e);
    }
    return &table[slot(va, level)];
}

long remap(const void *va, pte_t pte) { return HC(update_va_mapping, va, pte, UVMF_INVLPG); }

static void flush_batch(void)
{
    unsigned int done = 0;
    long rc = batched ? mmu_update(batch, batched, &done) : 0;

    if (rc)
        panic("mapping memory: %ld after %u of %u", rc, done, batched);
    batched = 0;
}

static void set_entry(pte_t *entry, pte_t value)
{
    unsigned long machine = (va_mfn(entry) << PAGE_SHIFT) | ((unsigned long)entry & (PAGE_SIZE - 1));

    batch[batched++] = (struct mmu_update){.ptr = machine | MMU_NORMAL_PT_UPDATE, .val = value};
    if (batched == BATCH)
        flush_batch();
}

static bool reserved(unsigned long pfn)
{
    return p2m[pfn] == start_info->store_mfn || p2m[pfn] == start_info->console.domU.mfn;
}

static unsigned long early_page(void)
{
    while (reserved(next_early))
        next_early++;
    if (next_early >= mapped_end)
        panic("no mapped page left for page tables");
    return next_early++;
}

/* A missing table for VA below an entry of this level: filled first if it is an L1, then made read-only and hooked in.
 */
static void add_table(unsigned long va, unsigned int level)
{
    unsigned long pfn = early_page(), base = ((va - KERNEL_BASE) >> PAGE_SHIFT) & ~511UL;
    pte_t *table = pfn_va(pfn);
    long rc;

    memset(table, 0, PAGE_SIZE);
    for (unsigned int i = 0; level == 2 && i < 512 && base + i < nr_pages; i++)
        table[i] = p2m[base + i] << PAGE_SHIFT | PTE_KERNEL;
    flush_batch();
    rc = remap(table, p2m[pfn] << PAGE_SHIFT | PTE_P | PTE_A);
    if (rc)
        panic("page table %lx read-only: %ld", pfn, rc);
    set_entry(pte_of(va, level), p2m[pfn] << PAGE_SHIFT | PTE_P | PTE_W | PTE_U | PTE_A);
    flush_batch();
}

static void map_all(void)
{
    for (; mapped_end < nr_pages; mapped_end++) {
        unsigned long va = (unsigned long)pfn_va(mapped_end);
        pte_t *e;

        for (unsigned int level = 3; level >= 2; level--)
            if (!(*pte_of(va, level) & PTE_P))
                add_table(va, level);
        e = pte_of(va, 1);
        if (!(*e & PTE_P))
            set_entry(e, p2m[mapped_end] << PAGE_SHIFT | PTE_KERNEL);
    }
    flush_batch();
}

void memory_init(void)
{
    unsigned long first;

    p2m = (unsigned long *)start_info->mfn_list;
    nr_pages = start_info->nr_pages < MAX_PAGES ? start_info->nr_pages : MAX_PAGES;
    first = va_pfn((void *)start_info->pt_base) + start_info->nr_pt_frames;
    for (mapped_end = first; mapped_end < nr_pages; mapped_end++) {
        pte_t *e = pte_of((unsigned long)pfn_va(mapped_end), 1);

        if (!e || !(*e & PTE_P))
            break;
    }
    next_early = first;
    map_all();
    memset(used, 0xff, sizeof(used));
    for (unsigned long pfn = next_early; pfn < nr_pages; pfn++) {
        if (reserved(pfn))
            continue;
        used[pfn / 64] &= ~(1UL << pfn % 64);
        free_count++;
    }
    hint = next_early;
}

static bool all_free(unsigned long pfn, unsigned long n)
{
    for (; n; n--, pfn++)
        if (pfn >= nr_pages || (used[pfn / 64] >> pfn % 64 & 1))
            return false;
    return true;
}

static void *take(unsigned long pfn, unsigned long n)
{
    for (unsigned long i = pfn; i < pfn + n; i++)
        used[i / 64] |= 1UL << i % 64;
    free_count -= n;
    hint = pfn + n;
    return pfn_va(pfn);
}

static void *find(unsigned long from, unsigned long to, unsigned long n, unsigned long step)
{
    for (unsigned long pfn = from; pfn < to; pfn += step)
        if (all_free(pfn, n))
            return take(pfn, n);
    return NULL;
}

static void *alloc(unsigned long n, unsigned long step)
{
    unsigned long start;
    void *va;

    os_lock(&lock);
    start = (hint + step - 1) & ~(step - 1);
    va = find(start, nr_pages, n, step);
    if (!va)
        va = find(0, start, n, step);
    os_unlock(&lock);
    return va ? memset(va, 0, n << PAGE_SHIFT) : NULL;
}

void *page_alloc(unsigned int order) { return alloc(1UL << order, 1UL << order); }

void *pages_alloc(unsigned long count) { return count ? alloc(count, 1) : NULL; }

void pages_free(void *va, unsigned long count)
{
    unsigned long pfn = va_pfn(va);

    os_lock(&lock);
    for (unsigned long i = pfn; i < pfn + count; i++)
        used[i / 64] &= ~(1UL << i % 64);
    free_count += count;
    os_unlock(&lock);
}

void page_free(void *va, unsigned int order) { pages_free(va, 1UL << order); }

unsigned long pages_free_count(void) { return free_count; }
