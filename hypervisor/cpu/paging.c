/* SPDX-License-Identifier: MIT */
/* The hypervisor's own map (hv/config.h): made once at boot under boot_l4, from where every guest's L4 takes slots 256
 * to 271. The upper tables of a slot exist before the first guest does; later changes are in lower tables, which all
 * share. */
#include <hv/config.h>
#include <hv/guest.h>
#include <hv/pagetable.h>
#include "private.h"

#define L2_PAGE  0x200000UL
#define L3_PAGE  0x40000000UL
#define MAP_BITS (PT_PRESENT | PT_ACCESSED | PT_DIRTY)

extern unsigned long boot_l4[PT_ENTRIES];
extern char text_start[], text_end[], rodata_end[], image_start[], image_end[];
static void *(*page_source)(void);              /* zeroed pages for tables: the boot allocator, then the heap */
static unsigned long ioremap_next = IOREMAP_VIRT;

static unsigned long paddr_of_image(const void *p) { return (unsigned long)p - TEXT_VIRT; }

static unsigned long *next_table(unsigned long *entry, unsigned long flags)
{
    if (!(*entry & PT_PRESENT)) {
        void *t = page_source();
        if (!t)
            panic("no memory for page tables");
        *entry = MFN_TO_PADDR(virt_to_mfn(t)) | PT_PRESENT | PT_WRITE | PT_ACCESSED | flags;
    }
    *entry |= flags;
    return paddr_to_virt(*entry & PT_ADDR);
}

static unsigned long *find_entry(unsigned long va, unsigned int level, unsigned long upper_flags)
{
    unsigned long *t = paddr_to_virt(paddr_of_image(boot_l4));
    for (unsigned int l = 4; l > level; l--)
        t = next_table(&t[pt_index(va, l)], upper_flags);
    return &t[pt_index(va, level)];
}

/* [va, va+size) to p, in the largest pages that fit. flags: PTE bits; PT_USER also on the upper tables. */
void paging_map(unsigned long va, paddr_t p, size_t size, unsigned long flags)
{
    static int have_1g = -1;
    if (have_1g < 0)
        have_1g = (cpuid_native(0x80000001, 0).d & CPUIDX1_EDX_1GB_PAGES) != 0;
    while (size) {
        unsigned int level = 1;
        if (have_1g && !((va | p) & (L3_PAGE - 1)) && size >= L3_PAGE)
            level = 3;
        else if (!((va | p) & (L2_PAGE - 1)) && size >= L2_PAGE)
            level = 2;
        *find_entry(va, level, flags & PT_USER) = p | flags | MAP_BITS | (level > 1 ? PT_PSE : 0);
        unsigned long step = PAGE_SIZE << (9 * (level - 1));
        va += step;
        p += step;
        size -= min(step, size);
    }
}

unsigned long *paging_window_ptes(unsigned long va) { return find_entry(va, 1, 0); }

/* The image's own pages: code not writable, data not executable. */
static void protect_image(void)
{
    unsigned long va = (unsigned long)image_start & ~(L2_PAGE - 1);
    for (; va < (unsigned long)image_end; va += L2_PAGE) {
        unsigned long *l1 = page_source(), *l2e = find_entry(va, 2, 0);
        for (unsigned int i = 0; i < PT_ENTRIES; i++) {
            unsigned long a = va + i * PAGE_SIZE, f = PT_NX | PT_WRITE;
            if (a >= (unsigned long)text_start && a < (unsigned long)rodata_end)
                f = a < (unsigned long)text_end ? 0 : PT_NX;
            l1[i] = (a - TEXT_VIRT) | f | MAP_BITS | PT_GLOBAL;
        }
        *l2e = MFN_TO_PADDR(virt_to_mfn(l1)) | PT_PRESENT | PT_WRITE | PT_ACCESSED;
    }
}

/* alloc: zeroed pages reachable through the direct map below 4 GiB. */
void paging_init(void *(*alloc)(void))
{
    page_source = alloc;
    idle_cr3 = paddr_of_image(boot_l4);
    cpu_info()->cr3 = idle_cr3;
    protect_image();
    for (unsigned int s = HV_SLOT_FIRST; s <= HV_SLOT_LAST; s++)
        next_table(&boot_l4[s], s == HV_SLOT_FIRST ? PT_USER : 0);
}

/* From here on tables come from the heap, and the slots' L4 entries are final. */
static void *heap_page(void) { return hv_pages_alloc(0); }
void paging_init_done(void)
{
    page_source = heap_page;
    for (unsigned int s = HV_SLOT_FIRST; s <= HV_SLOT_LAST; s++)
        hv_l4_entries[s - HV_SLOT_FIRST] = boot_l4[s];
    tlb_flush_local_global();
}

static void *ioremap_flags(paddr_t p, size_t size, unsigned long flags)
{
    unsigned long va = ioremap_next + (p & ~PAGE_MASK);
    size_t bytes = ROUND_UP((p & ~PAGE_MASK) + size, PAGE_SIZE);
    for (size_t off = 0; off < bytes; off += PAGE_SIZE)
        *find_entry(ioremap_next + off, 1, 0) = ((p & PAGE_MASK) + off) | flags | MAP_BITS;
    ioremap_next += bytes + PAGE_SIZE;          /* a hole between mappings catches overruns */
    return (void *)va;
}

/* PCD|PWT is "uncached" in the ABI's PAT and after reset. */
void *ioremap(paddr_t p, size_t size) { return ioremap_flags(p, size, PT_WRITE | PT_NX | PT_PCD | PT_PWT); }

/* The direct map has all of the first 4 GiB from the start. */
const void *acpi_map(paddr_t p, size_t size)
{
    if (p + size < p || p + size > (paddr_t)1 << 52)
        return NULL;
    return p + size <= (paddr_t)1 << 32 ? paddr_to_virt(p) : ioremap_flags(p, size, PT_NX);
}
