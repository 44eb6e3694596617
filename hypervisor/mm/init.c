/* SPDX-License-Identifier: MIT */
/* Memory at boot: a bump allocator over RAM that nothing uses; the direct map above 4 GiB, the frame table
 * (mm_chunk_map: which 256 MiB chunks have one) and the M2P (backed a GiB of RAM at a time); then the rest of RAM to
 * the heap. The first MiB, and what the boot loader's map calls anything but RAM, belongs to DOMID_IO. */
#include "private.h"

#define LOW_MEMORY      0x100000UL
#define M2P_SHIFT       18                      /* frames of 2 MiB of M2P */
#define MAX_CHUNKS      20480                   /* 5 TiB */
#define L2_PAGE         0x200000UL
#define MAX_RANGES      64

struct range { paddr_t start, end; };
static struct range avail[MAX_RANGES];          /* RAM not used by anything yet */
static unsigned int nr_avail;
static bool heap_made;
unsigned long mm_chunk_map[MAX_CHUNKS / 64];
static unsigned long m2p_map[MAX_CHUNKS / 4 / 64 + 1];
extern char image_end[];

static void range_add(paddr_t s, paddr_t e)
{
    s = ROUND_UP(s, PAGE_SIZE);
    e = ROUND_DOWN(e, PAGE_SIZE);
    if (s < e && nr_avail < MAX_RANGES)
        avail[nr_avail++] = (struct range){ s, e };
}

static void range_remove(paddr_t s, paddr_t e)
{
    s = ROUND_DOWN(s, PAGE_SIZE);
    e = ROUND_UP(e, PAGE_SIZE);
    for (unsigned int i = 0; i < nr_avail; i++) {
        struct range r = avail[i];
        if (r.end <= s || r.start >= e)
            continue;
        avail[i] = r.start < s ? (struct range){ r.start, s } : (struct range){ 0, 0 };
        if (r.end > e)
            range_add(e, r.end);
    }
}

/* From the top of the highest range below 4 GiB that has room; the direct map reaches there from the start. */
static paddr_t boot_alloc(size_t size, size_t align)
{
    struct range *best = NULL;
    paddr_t p;
    for (unsigned int i = 0; i < nr_avail; i++) {
        struct range *r = &avail[i];
        if (r->end > 0x100000000UL || r->end < r->start + size || ROUND_DOWN(r->end - size, align) < r->start)
            continue;
        if (!best || r->end > best->end)
            best = r;
    }
    if (!best)
        panic("no memory for the hypervisor's tables: %zu bytes", size);
    p = ROUND_DOWN(best->end - size, align);
    if (best->end > p + size)
        range_add(p + size, best->end);
    best->end = p;
    return p;
}

static void *boot_page(void) { return memset(mm_boot_alloc(PAGE_SIZE), 0, PAGE_SIZE); }

static void collect_ranges(void)
{
    for (unsigned int i = 0; i < boot_info.nr_e820; i++) {
        const struct e820_entry *e = &boot_info.e820[i];
        if (e->type != E820_RAM || e->addr >> 52)
            continue;
        /* a range that crosses 4 GiB is two, so that the part below can be allocated from */
        range_add(e->addr, min(e->addr + e->size, max(e->addr, 0x100000000UL)));
        range_add(max(e->addr, 0x100000000UL), e->addr + e->size);
        max_mfn = max(max_mfn, (mfn_t)((e->addr + e->size) >> PAGE_SHIFT));
    }
    max_mfn = min(max_mfn, (mfn_t)MAX_CHUNKS << MM_CHUNK_SHIFT);
    range_remove(0, LOW_MEMORY);
    range_remove(LOAD_PADDR, (unsigned long)image_end - TEXT_VIRT);
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        range_remove(boot_info.module[i].start, boot_info.module[i].start + boot_info.module[i].size);
}

/* The 2 MiB of a table at va, backed by fresh memory filled with `fill`; guests may read it at `alias`, if any. */
static void back_table(unsigned long va, unsigned long alias, int fill)
{
    paddr_t p = boot_alloc(L2_PAGE, L2_PAGE);
    memset(paddr_to_virt(p), fill, L2_PAGE);
    if (alias)
        paging_map(alias, p, L2_PAGE, PT_USER | PT_NX);
    paging_map(va, p, L2_PAGE, PT_WRITE | PT_NX | PT_GLOBAL);
}

static void map_ram(const struct e820_entry *e)
{
    mfn_t first = e->addr >> PAGE_SHIFT, last = (e->addr + e->size - 1) >> PAGE_SHIFT;
    paddr_t s = ROUND_DOWN(e->addr, L2_PAGE), end = ROUND_UP(e->addr + e->size, L2_PAGE);
    if (end > 0x100000000UL) {
        s = max(s, 0x100000000UL);
        paging_map(DIRECTMAP_VIRT + s, s, end - s, PT_WRITE | PT_NX | PT_GLOBAL);
    }
    for (mfn_t c = first >> MM_CHUNK_SHIFT; c <= last >> MM_CHUNK_SHIFT; c++)
        if (!test_and_set_bit(c, mm_chunk_map))
            back_table(FRAME_TABLE_VIRT + c * L2_PAGE, 0, 0);
    for (mfn_t c = first >> M2P_SHIFT; c <= last >> M2P_SHIFT; c++)
        if (!test_and_set_bit(c, m2p_map))
            back_table(M2P_RW_VIRT + c * L2_PAGE, M2P_VIRT + c * L2_PAGE, 0xff);
}

void mm_init(void)
{
    collect_ranges();
    paging_init(boot_page);
    for (unsigned int i = 0; i < boot_info.nr_e820; i++)
        if (boot_info.e820[i].type == E820_RAM && !(boot_info.e820[i].addr >> 42))
            map_ram(&boot_info.e820[i]);
    for (mfn_t m = 0; m < max_mfn; m++) {       /* every struct frame is DOMID_IO's until the heap takes it */
        if (mfn_valid(m))
            *mfn_to_frame(m) = (struct frame){ .count = FRAME_XEN | 1, .owner = DOMID_IO };
        else
            m |= (1UL << MM_CHUNK_SHIFT) - 1;
    }
    /* RAM above the first MiB that is not free is the hypervisor's: nobody may map it */
    for (unsigned int i = 0; i < boot_info.nr_e820; i++) {
        const struct e820_entry *e = &boot_info.e820[i];
        mfn_t m = max((paddr_t)e->addr, LOW_MEMORY) >> PAGE_SHIFT;
        for (; e->type == E820_RAM && m < (e->addr + e->size) >> PAGE_SHIFT; m++)
            mfn_to_frame(m)->owner = DOMID_INVALID;
    }
}

void *mm_boot_alloc(size_t size) { return paddr_to_virt(boot_alloc(ROUND_UP(size, PAGE_SIZE), PAGE_SIZE)); }

void mm_boot_free(void *v, size_t size)
{
    paddr_t p = MFN_TO_PADDR(virt_to_mfn(v)), end = p + ROUND_UP(size, PAGE_SIZE);
    if (heap_made)
        heap_add(p >> PAGE_SHIFT, end >> PAGE_SHIFT);
    else
        range_add(p, end);
}

void mm_init_heap(void)
{
    heap_made = true;
    for (unsigned int i = 0; i < nr_avail; i++) {
        if (avail[i].start < avail[i].end && (avail[i].end >> PAGE_SHIFT) <= max_mfn)
            heap_add(avail[i].start >> PAGE_SHIFT, avail[i].end >> PAGE_SHIFT);
    }
    paging_init_done();
    log_info("memory: %lu MB free of %lu MB RAM\n", mm_free_frames() >> 8, mm_total_frames() >> 8);
}

void mm_free_module(unsigned int i)
{
    struct boot_module *m = &boot_info.module[i];
    if (m->start >= LOW_MEMORY)
        heap_add(ROUND_UP(m->start, PAGE_SIZE) >> PAGE_SHIFT, (m->start + m->size) >> PAGE_SHIFT);
    m->size = 0;
}

unsigned long mm_total_frames(void)
{
    unsigned long n = 0;
    for (unsigned int i = 0; i < boot_info.nr_e820; i++)
        n += boot_info.e820[i].type == E820_RAM ? boot_info.e820[i].size >> PAGE_SHIFT : 0;
    return n;
}

void m2p_set(mfn_t m, unsigned long pfn)
{
    if (m < max_mfn && test_bit(m >> M2P_SHIFT, m2p_map))
        WRITE_ONCE(((unsigned long *)M2P_RW_VIRT)[m], pfn);
}

unsigned long m2p_get(mfn_t m)
{
    bool backed = m < max_mfn && test_bit(m >> M2P_SHIFT, m2p_map);
    return backed ? READ_ONCE(((unsigned long *)M2P_RW_VIRT)[m]) : M2P_INVALID;
}

mfn_t m2p_chunk_mfn(unsigned long i)
{
    unsigned long va = M2P_VIRT + i * L2_PAGE;
    pte_t *t = paddr_to_virt(idle_cr3);
    if (i > (max_mfn - 1) >> M2P_SHIFT)
        return INVALID_MFN;
    for (unsigned int level = 4; level > 2; level--) {
        if (!(t[pt_index(va, level)] & PT_PRESENT))
            return INVALID_MFN;
        t = paddr_to_virt(t[pt_index(va, level)] & PT_ADDR);
    }
    return t[pt_index(va, 2)] & PT_PRESENT ? pte_mfn(t[pt_index(va, 2)] & ~(L2_PAGE - 1)) : INVALID_MFN;
}

/* DOMID_XEN shares the M2P read-only with privileged domains (foreign maps of libxenguest). */
void mm_init_late(void)
{
    for (unsigned long i = 0; i <= (max_mfn - 1) >> M2P_SHIFT; i++) {
        mfn_t m = m2p_chunk_mfn(i);
        for (unsigned int k = 0; m != INVALID_MFN && k < L2_PAGE / PAGE_SIZE; k++) {
            struct frame *f = mfn_to_frame(m + k);
            f->owner = DOMID_XEN;
            f->type = TYPE_NONE | TYPE_VALIDATED | 1;
        }
    }
}
