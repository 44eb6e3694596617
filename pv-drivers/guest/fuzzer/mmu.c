/* SPDX-License-Identifier: MIT */
/*
 * Page tables: builds trees out of scratch pages, pins them, hooks them into our own top table, changes entries, takes
 * them down, in random order and often wrongly; and updates that must be refused, whatever came before.
 */
#include "fuzz.h"

#define TOP_SLOTS 200 /* of the top table: below the hypervisor's, away from the kernel's */

static void check(const char *what, long rc) { fuzz_check(what, rc, false); }

static unsigned int any_scratch(void) { return below(NR_SCRATCH); }

static long protect(unsigned int i, bool writable)
{
    uint64_t pte = scratch_mfn[i] << PAGE_SHIFT | PTE_P | PTE_A | (writable ? PTE_W | PTE_D : 0);
    long rc = HC(update_va_mapping, scratch[i], pte, UVMF_INVLPG);

    check("update_va_mapping", rc);
    return rc;
}

static void set(uint64_t ptr, uint64_t val)
{
    struct mmu_update u = {.ptr = ptr, .val = val};

    check("mmu_update", mmu_update(&u, 1, NULL));
}

static void extended(unsigned int cmd, uint64_t mfn)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.mfn = mfn};

    check("mmuext_op", mmuext_op(&op, 1, NULL));
}

/* Tables of levels 1 to `top` in as many scratch pages, right but for an entry now and then. */
static void build_tree(void)
{
    unsigned int page[5], top = 1 + below(4);
    unsigned int at = any_scratch();

    for (unsigned int l = 1; l <= top; l++)
        page[l] = (at + l) % NR_SCRATCH;
    for (unsigned int l = 1; l <= top; l++) {
        unsigned int n = chance(70) ? 1 + below(4) : 512;

        if (protect(page[l], true))
            continue;
        for (unsigned int i = 0; i < n; i++) {
            uint64_t down = l > 1 ? scratch_mfn[page[l - 1]] << PAGE_SHIFT | PTE_KERNEL | PTE_U
                                  : scratch_mfn[any_scratch()] << PAGE_SHIFT | PTE_P | PTE_A;

            safe_write((unsigned long)scratch[page[l]] + 8 * below(512), chance(98) ? down : any_pte());
        }
    }
    for (unsigned int l = 1; l <= top; l++)
        if (chance(97))
            protect(page[l], false);
    if (chance(60))
        extended(MMUEXT_PIN_L1_TABLE + (chance(95) ? top - 1 : below(4)), scratch_mfn[page[top]]);
    if (top == 3 && chance(70))
        set((va_mfn((void *)start_info->pt_base) << PAGE_SHIFT) + 8 * (1 + below(TOP_SLOTS)),
            scratch_mfn[page[3]] << PAGE_SHIFT | PTE_KERNEL | PTE_U);
    if (top == 4 && chance(30))
        extended(MMUEXT_NEW_USER_BASEPTR, scratch_mfn[page[4]]);
}

static void change_entries(void)
{
    struct mmu_update u[16];
    unsigned int n = 1 + below(ARRAY_SIZE(u)), done = 0;

    for (unsigned int i = 0; i < n; i++) {
        u[i].ptr = (scratch_mfn[any_scratch()] << PAGE_SHIFT) + 8 * below(512) + (chance(80) ? 0 : below(4));
        u[i].val = chance(20) ? 0 : any_pte();
        if ((u[i].ptr & 3) == MMU_MACHPHYS_UPDATE)
            u[i].val = any_number();
    }
    check("mmu_update", mmu_update(u, n, chance(50) ? &done : NULL));
    if (done > n)
        fuzz_fail("mmu_update: %u of %u done", done, n);
}

static void take_down(void)
{
    switch (below(4)) {
    case 0: extended(MMUEXT_UNPIN_TABLE, scratch_mfn[any_scratch()]); break;
    case 1: set((va_mfn((void *)start_info->pt_base) << PAGE_SHIFT) + 8 * (1 + below(TOP_SLOTS)), 0); break;
    case 2: extended(MMUEXT_NEW_USER_BASEPTR, 0); break;
    default:
        for (unsigned int i = 0; i < NR_SCRATCH; i++)
            extended(MMUEXT_UNPIN_TABLE, scratch_mfn[i]);
        for (unsigned int i = 1; i <= TOP_SLOTS; i++)
            set((va_mfn((void *)start_info->pt_base) << PAGE_SHIFT) + 8 * i, 0);
        break;
    }
}

static void must_refuse(const char *what, uint64_t ptr, uint64_t val)
{
    struct mmu_update u = {.ptr = ptr, .val = val};
    long rc = mmu_update(&u, 1, NULL);

    check(what, rc);
    if (rc >= 0)
        fuzz_fail("%s: accepted, ptr %lx val %lx", what, ptr, val);
}

/* Whatever came before, these must never go through. */
static void refused(void)
{
    static const uint64_t theirs[] = {0xfee00, 0xfec00, 1UL << 36, (1UL << 40) - 1};
    unsigned int i = below(16);
    uint64_t top = va_mfn((void *)start_info->pt_base), entry;
    uint64_t *l1 = pte_of((unsigned long)scratch[0], 1);

    entry = (va_mfn(l1) << PAGE_SHIFT) + ((unsigned long)l1 & 4095);
    switch (below(5)) {
    case 0: must_refuse("foreign frame", entry, theirs[below(ARRAY_SIZE(theirs))] << PAGE_SHIFT | PTE_KERNEL); break;
    case 1: must_refuse("writable page table", entry, top << PAGE_SHIFT | PTE_KERNEL); break;
    case 2:
        must_refuse("hypervisor slot", (top << PAGE_SHIFT) + 8 * (256 + i), scratch_mfn[0] << PAGE_SHIFT | PTE_KERNEL);
        break;
    case 3:
        must_refuse("level 1 as level 3", (top << PAGE_SHIFT) + 8 * (1 + below(TOP_SLOTS)),
                    va_mfn(l1) << PAGE_SHIFT | PTE_KERNEL);
        break;
    default: {
        uint64_t m2p = ACCESS(machine_to_phys_mapping[0]);
        bool wrote = safe_write((unsigned long)&machine_to_phys_mapping[0], m2p);

        if (wrote || safe_write((unsigned long)l1, 0xfee00UL << PAGE_SHIFT | PTE_KERNEL))
            fuzz_fail(wrote ? "M2P is writable" : "page table took a bad entry");
        break;
    }
    }
}

void mmu_act(void)
{
    unsigned int i = any_scratch();

    switch (below(8)) {
    case 0:
    case 1: build_tree(); break;
    case 2:
    case 3: change_entries(); break;
    case 4: take_down(); break;
    case 5: refused(); break;
    case 6: protect(i, chance(60)); break;
    default: safe_write((unsigned long)scratch[i] + 8 * below(512), chance(70) ? any_pte() : 0); break;
    }
}
