/* SPDX-License-Identifier: MIT */
/* Where a guest's parts go. */
#include <check.h>
#include <errno.h>

#include "build/layout.h"
#include "messages.h"
#include "../run-suite.h"

#define LOAD_AT 0x1000000ull
#define VIRT_BASE 0xffffffff80000000ull

static const struct vl_elf elf = {
    .load = { { .offset = 0x1000, .filesz = 0x28123, .paddr = LOAD_AT, .vaddr = VIRT_BASE + LOAD_AT, .memsz = 0x40000 } },
    .n_load = 1, .entry = LOAD_AT,
};

static int lay_out(struct vl_layout *lay, struct vl_notes *n, uint64_t ramdisk, uint64_t pages)
{
    return vl_layout_make(lay, "k", &elf, n, ramdisk, pages);
}

static bool apart(struct vl_run a, struct vl_run b)
{
    return !a.count || !b.count || a.pfn + a.count <= b.pfn || b.pfn + b.count <= a.pfn;
}

/* No two things share a frame; all have room; each address of both ranges has its own table. */
static void check_layout(const struct vl_layout *lay)
{
    const struct vl_run runs[] = { lay->kernel, lay->ramdisk, lay->p2m, lay->start_info, lay->store, lay->console,
                                   lay->tables, lay->stack, lay->p2m_tables };

    for (size_t i = 0; i < 9; i++) {
        ck_assert(!runs[i].count || runs[i].pfn + runs[i].count <= lay->nr_pages);
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(apart(runs[i], runs[k]), "runs %zu and %zu meet", k, i);
    }
    ck_assert_uint_eq(vl_va_of(lay, lay->boot_end) % (4 << 20), 0);
    ck_assert_uint_ge(lay->boot_end, lay->stack.pfn + 1 + (512 << 10) / 4096);
    for (uint64_t va = lay->boot.va; va != lay->boot.end; va += 2 << 20) {
        uint64_t t = vl_table_pfn(lay, 0, va);

        ck_assert(t >= lay->tables.pfn && t < lay->tables.pfn + lay->tables.count);
        ck_assert(va == lay->boot.va || t == vl_table_pfn(lay, 0, va - (2 << 20)) + 1);
    }
    for (int level = 0; level < 3 && lay->outer.va != lay->outer.end; level++) {
        uint64_t t = vl_table_pfn(lay, level, lay->outer.end - 1);

        ck_assert(!apart((struct vl_run){ t, 1 }, lay->tables) || !apart((struct vl_run){ t, 1 }, lay->p2m_tables));
    }
}

START_TEST(test_layout)
{
    static const uint64_t memory[] = { 24 << 8, 64 << 8, 128 << 8, 4096 << 8, 65536 << 8, 1u << 28 };
    static const uint64_t ramdisks[] = { 0, 1, 4096, 4097, 3 << 20 };
    struct vl_layout lay;

    for (int kind = 0; kind < 4; kind++)
        for (size_t m = 0; m < 6; m++)
            for (size_t r = 0; r < 5; r++) {
                struct vl_notes n = { .has_virt_base = true, .virt_base = VIRT_BASE, .mod_start_pfn = kind & 1,
                                      .has_init_p2m = kind & 2, .init_p2m = 0x8000000000ull };

                if (!(kind & 2) && m > 3)
                    continue;           /* a mapped P2M of such a guest would leave the kernel's addresses */
                ck_assert_int_eq(lay_out(&lay, &n, ramdisks[r], memory[m]), 0);
                check_layout(&lay);
                ck_assert_uint_eq(lay.p2m.count, (memory[m] * 8 + 4095) / 4096);
                ck_assert_int_eq(lay.ramdisk_mapped, ramdisks[r] && !(kind & 1));
            }
    messages_expect("layout", NULL);
}
END_TEST

/* A P2M whose tables are partly the boot region's own: same L3 and L2. */
START_TEST(test_layout_shared)
{
    struct vl_notes n = { .has_virt_base = true, .virt_base = VIRT_BASE, .has_init_p2m = true, .mod_start_pfn = true,
                          .init_p2m = VIRT_BASE + (512ull << 20) };
    struct vl_layout lay;

    ck_assert_int_eq(lay_out(&lay, &n, 0, 128 << 8), 0);
    check_layout(&lay);
    ck_assert_uint_eq(lay.p2m_tables.count, 1);
    n.init_p2m = VIRT_BASE + (1024ull << 20);
    ck_assert_int_eq(lay_out(&lay, &n, 0, 128 << 8), 0);
    check_layout(&lay);
    ck_assert_uint_eq(lay.p2m_tables.count, 2);
}
END_TEST

START_TEST(test_layout_bad)
{
    struct vl_notes n = { .has_virt_base = true, .virt_base = VIRT_BASE };
    struct vl_layout lay;

    ck_assert_int_eq(lay_out(&lay, &n, 0, 16 << 8), -ENOMEM);
    messages_expect("small", "the kernel does not fit: segment 0");
    ck_assert_int_eq(lay_out(&lay, &n, 0, (16 << 8) + 0x42), -ENOMEM);
    messages_expect("tight", "the guest needs at least");
    ck_assert_int_eq(lay_out(&lay, &n, 200 << 20, 128 << 8), -ENOMEM);
    messages_expect("ramdisk", "the ramdisk (204800 KiB) is larger");
    n.virt_base = 0xffff800000000000ull;
    ck_assert_int_eq(lay_out(&lay, &n, 0, 64 << 8), -EINVAL);
    messages_expect("hypervisor", "virtual base 0xffff800000000000 cannot be mapped");
    n.virt_base = 0x0000800000000000ull;
    ck_assert_int_eq(lay_out(&lay, &n, 0, 64 << 8), -EINVAL);
    messages_expect("hole", "cannot be mapped");
    n.virt_base = 0;
    ck_assert_int_eq(lay_out(&lay, &n, 0, 64 << 8), 0);
    n.has_init_p2m = true;
    n.init_p2m = 0x1000;
    ck_assert_int_eq(lay_out(&lay, &n, 0, 64 << 8), -EINVAL);
    messages_expect("p2m", "INIT_P2M address 0x1000 cannot be mapped");
    n.has_paddr_offset = true;
    n.paddr_offset = LOAD_AT + 0x1000;
    ck_assert_int_eq(lay_out(&lay, &n, 0, 64 << 8), -EINVAL);
    messages_expect("paddr", "PADDR_OFFSET");
}
END_TEST

/* The boot region may end with the address space, not behind it: there one table more would make the end a low one. */
START_TEST(test_layout_top)
{
    struct vl_notes n = { .has_virt_base = true, .virt_base = 0xffffffffffc00000ull, .has_init_p2m = true,
                          .init_p2m = 0xffffff8000000000ull };
    struct vl_elf top = { .load = { { .filesz = 4096 } }, .n_load = 1 };
    struct vl_layout lay;

    for (uint64_t pages = 880; pages < 1030; pages++) {
        bool fits = pages + 3 + 5 + 1 + (512 << 10) / 4096 <= 1024;    /* with 5 tables and the stack */

        top.load[0].memsz = pages * VL_PAGE;
        ck_assert_int_eq(vl_layout_make(&lay, "k", &top, &n, 0, 64 << 8), fits ? 0 : -EINVAL);
        if (fits)
            check_layout(&lay);
        messages_expect("top", fits ? NULL : "virtual base 0xffffffffffc00000 cannot be mapped");
    }
    top.load[0].memsz = VL_PAGE;
    n.init_p2m = n.virt_base + (1 << 20);
    ck_assert_int_eq(vl_layout_make(&lay, "k", &top, &n, 0, 64 << 8), -EINVAL);
    messages_expect("p2m in the top", "INIT_P2M address 0xffffffffffd00000 cannot be mapped");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tools: layout");
    TCase *t = tcase_create("layout");

    tcase_add_checked_fixture(t, messages_start, messages_end);
    tcase_add_test(t, test_layout);
    tcase_add_test(t, test_layout_shared);
    tcase_add_test(t, test_layout_bad);
    tcase_add_test(t, test_layout_top);
    suite_add_tcase(s, t);
    return run_suite(s);
}
