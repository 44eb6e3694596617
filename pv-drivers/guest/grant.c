/* SPDX-License-Identifier: MIT */
/*
 * The grant table, version 1: owns its frames, mapped at grant_pages, and the list of free references, under `lock`.
 * References below GNTTAB_NR_RESERVED_ENTRIES are the toolstack's. ABI: <xen/grant_table.h>.
 */
#include "hypercall.h"

#include <front/os.h>
#include <xen/grant_table.h>

#define NR_FRAMES 16U
#define NR_GRANTS (NR_FRAMES * PAGE_SIZE / sizeof(struct grant_entry_v1))

static char grant_pages[NR_FRAMES * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct grant_entry_v1 *const table = (struct grant_entry_v1 *)grant_pages;
static pte_t own_pte[NR_FRAMES]; /* what is mapped there when the table is not */
static uint16_t next_free[NR_GRANTS], first_free;
static uint32_t lock;
static bool ready;

static void make_free_list(void)
{
    first_free = GNTTAB_NR_RESERVED_ENTRIES;
    for (unsigned int i = first_free; i < NR_GRANTS; i++)
        next_free[i] = (uint16_t)(i + 1 < NR_GRANTS ? i + 1 : 0);
}

void grant_init(void)
{
    xen_pfn_t frames[NR_FRAMES];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = NR_FRAMES};
    long rc;

    set_xen_guest_handle(setup.frame_list, frames);
    rc = HC(grant_table_op, GNTTABOP_setup_table, &setup, 1);
    if (rc || setup.status != GNTST_okay)
        panic("grant table of %u frames: %ld, status %d", NR_FRAMES, rc, setup.status);
    for (unsigned int i = 0; i < NR_FRAMES; i++) {
        char *va = grant_pages + i * PAGE_SIZE;

        own_pte[i] = *pte_of((unsigned long)va, 1);
        rc = remap(va, frames[i] << PAGE_SHIFT | PTE_KERNEL);
        if (rc)
            panic("mapping grant frame %u: %ld", i, rc);
    }
    if (!first_free)
        make_free_list();
    ready = true;
}

/* A saved domain has no frames but its own in its page tables. */
void grant_suspend(void)
{
    for (unsigned int i = 0; ready && i < NR_FRAMES; i++)
        remap(grant_pages + i * PAGE_SIZE, 0);
}

/* After a resume all entries are void, but references are in use until their drivers have given them back. */
void grant_resume(void)
{
    if (ready)
        grant_init();
}

uint32_t os_grant(domid_t peer, uint64_t frame, bool readonly)
{
    uint32_t ref;

    os_lock(&lock);
    if (!ready)
        grant_init();
    ref = first_free;
    if (ref)
        first_free = next_free[ref];
    os_unlock(&lock);
    if (!ref)
        return 0;
    table[ref].domid = peer;
    table[ref].frame = (uint32_t)frame;
    /* The flags last: they make the entry valid. */
    __atomic_store_n(&table[ref].flags, GTF_permit_access | (readonly ? GTF_readonly : 0), __ATOMIC_RELEASE);
    return ref;
}

bool os_grant_end(uint32_t ref)
{
    uint16_t flags = __atomic_load_n(&table[ref].flags, __ATOMIC_RELAXED);

    do
        if (flags & (GTF_reading | GTF_writing))
            return false;
    while (!__atomic_compare_exchange_n(&table[ref].flags, &flags, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    os_lock(&lock);
    next_free[ref] = first_free;
    first_free = (uint16_t)ref;
    os_unlock(&lock);
    return true;
}
