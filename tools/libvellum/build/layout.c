/* SPDX-License-Identifier: MIT */
#include "build/layout.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/log.h"

#define BOOT_ALIGN (UINT64_C(4) << 20)         /* the boot region ends on such a boundary … */
#define BOOT_PADDING (UINT64_C(512) << 10)     /* … with at least this behind its last element */
#define HYPERVISOR_START 0xffff800000000000ull
#define HYPERVISOR_END 0xffff880000000000ull

static const int table_shift[3] = { 21, 30, 39 };

static bool usable(uint64_t va, uint64_t bytes)
{
    uint64_t last = va + bytes - 1;

    if (!bytes || last < va)
        return false;
    if ((int64_t)(va << 16) >> 16 != (int64_t)va || (int64_t)(last << 16) >> 16 != (int64_t)last)
        return false;
    if ((va ^ last) >> 63)              /* spans the hole between the halves */
        return false;
    return last < HYPERVISOR_START || va >= HYPERVISOR_END;
}

/* Tables number `n` of `level` that the boot range has too, so that the outer one needs none of its own. */
static bool shared(const struct vl_layout *lay, int level, uint64_t n)
{
    return n >= lay->boot.lo[level] && n <= lay->boot.hi[level];
}

static uint64_t number(uint64_t va, int level)
{
    return (va & 0xffffffffffffull) >> table_shift[level];
}

/* Fill in a range's tables; their frames follow each other from `pfn`, the highest level first. */
static void number_tables(const struct vl_layout *lay, struct vl_table_range *r, uint64_t va, uint64_t end,
                          uint64_t pfn, bool outer)
{
    uint64_t first = pfn;

    r->va = va;
    r->end = end;
    for (int level = 2; level >= 0; level--) {
        r->lo[level] = number(va, level);
        r->hi[level] = number(end - 1, level);
        r->pfn[level] = pfn;
        for (uint64_t n = r->lo[level]; n <= r->hi[level]; n++)
            pfn += !(outer && shared(lay, level, n));
    }
    r->frames = pfn - first;
}

uint64_t vl_table_pfn(const struct vl_layout *lay, int level, uint64_t va)
{
    uint64_t n = number(va, level), at;

    if (shared(lay, level, n))
        return lay->boot.pfn[level] + n - lay->boot.lo[level];
    at = lay->outer.pfn[level] + n - lay->outer.lo[level];
    for (uint64_t i = lay->outer.lo[level]; i < n; i++)
        at -= shared(lay, level, i);
    return at;
}

static int place_kernel(struct vl_layout *lay, const char *name, const struct vl_elf *elf,
                        const struct vl_notes *notes)
{
    uint64_t lo = UINT64_MAX, hi = 0, limit = lay->nr_pages * VL_PAGE;

    for (unsigned i = 0; i < elf->n_load; i++) {
        uint64_t start = vl_segment_address(&elf->load[i], notes), size = elf->load[i].memsz;

        if (notes->has_paddr_offset && elf->load[i].paddr < notes->paddr_offset)
            return vl_fail(-EINVAL, "%s: segment %u lies below the kernel's PADDR_OFFSET", name, i);
        if (start >= limit || size > limit - start)
            return vl_fail(-ENOMEM, "%s: the kernel does not fit: segment %u ends at %" PRIu64 " KiB, "
                           "the guest has %" PRIu64 " KiB of memory", name, i,
                           (start > UINT64_MAX - size ? start : start + size) >> 10, limit >> 10);
        lo = start < lo ? start : lo;
        hi = start + size > hi ? start + size : hi;
    }
    lay->kernel.pfn = lo / VL_PAGE;
    lay->kernel.count = VL_PAGES(hi) - lay->kernel.pfn;
    return 0;
}

static struct vl_run take(uint64_t *next, uint64_t count)
{
    struct vl_run run = { *next, count };

    *next += count;
    return run;
}

/*
 * The tables' number and the region's end depend on each other: repeat until they agree. They do: behind a base that can
 * be mapped more tables never make for a lower end, nor a higher end for fewer tables, and one that cannot is refused.
 */
static int place_boot_end(struct vl_layout *lay, const char *name, uint64_t next)
{
    uint64_t count = 1, padded, start = next;

    do {
        next = start;
        lay->tables = take(&next, count);
        lay->stack = take(&next, 1);
        padded = lay->virt_base + next * VL_PAGE + BOOT_PADDING;
        padded = (padded + BOOT_ALIGN - 1) & ~(BOOT_ALIGN - 1);
        if (lay->virt_base % VL_PAGE || !usable(lay->virt_base, padded - lay->virt_base))
            return vl_fail(-EINVAL, "%s: the kernel's virtual base 0x%" PRIx64 " cannot be mapped", name,
                           lay->virt_base);
        lay->boot_end = (padded - lay->virt_base) / VL_PAGE;
        lay->l4_pfn = lay->tables.pfn;
        number_tables(lay, &lay->boot, lay->virt_base, padded, lay->tables.pfn + 1, false);
        count = lay->boot.frames + 1;
    } while (count != lay->tables.count);
    return 0;
}

/* Either range may end with the address space, where the sum is 0: the last bytes are compared. */
static int check_p2m(const struct vl_layout *lay, const char *name, uint64_t p2m_bytes)
{
    if (lay->p2m_mapped)
        return 0;
    if (lay->p2m_va % VL_PAGE || !usable(lay->p2m_va, p2m_bytes) ||
        (lay->p2m_va <= lay->boot.end - 1 && lay->virt_base <= lay->p2m_va + p2m_bytes - 1))
        return vl_fail(-EINVAL, "%s: the kernel's INIT_P2M address 0x%" PRIx64 " cannot be mapped", name, lay->p2m_va);
    return 0;
}

int vl_layout_make(struct vl_layout *lay, const char *name, const struct vl_elf *elf, const struct vl_notes *notes,
                   uint64_t ramdisk_bytes, uint64_t nr_pages)
{
    uint64_t next, p2m_pages = VL_PAGES(nr_pages * 8), needed;
    int rc;

    memset(lay, 0, sizeof(*lay));
    lay->nr_pages = nr_pages;
    lay->virt_base = notes->has_virt_base ? notes->virt_base : 0;
    lay->ramdisk_mapped = ramdisk_bytes && !notes->mod_start_pfn;
    lay->p2m_mapped = !notes->has_init_p2m;
    if (ramdisk_bytes > nr_pages * VL_PAGE)
        return vl_fail(-ENOMEM, "the ramdisk (%" PRIu64 " KiB) is larger than the guest's memory (%" PRIu64 " KiB)",
                       ramdisk_bytes >> 10, nr_pages * VL_PAGE >> 10);
    rc = place_kernel(lay, name, elf, notes);
    if (rc)
        return rc;
    next = lay->kernel.pfn + lay->kernel.count;
    if (lay->ramdisk_mapped)
        lay->ramdisk = take(&next, VL_PAGES(ramdisk_bytes));
    if (lay->p2m_mapped) {
        lay->p2m = take(&next, p2m_pages);
        lay->p2m_va = vl_va_of(lay, lay->p2m.pfn);
    } else {
        lay->p2m_va = notes->init_p2m;
    }
    lay->start_info = take(&next, 1);
    lay->store = take(&next, 1);
    lay->console = take(&next, 1);
    rc = place_boot_end(lay, name, next);
    if (!rc)
        rc = check_p2m(lay, name, p2m_pages * VL_PAGE);
    if (rc)
        return rc;
    next = lay->boot_end;
    if (ramdisk_bytes && !lay->ramdisk_mapped)
        lay->ramdisk = take(&next, VL_PAGES(ramdisk_bytes));
    if (!lay->p2m_mapped) {
        lay->p2m = take(&next, p2m_pages);
        number_tables(lay, &lay->outer, lay->p2m_va, lay->p2m_va + p2m_pages * VL_PAGE, next, true);
        lay->p2m_tables = take(&next, lay->outer.frames);
    }
    lay->end = next;
    /* The padding of the boot region need not exist when memory is short: such pages are just not mapped. */
    needed = next > lay->boot_end ? next : lay->stack.pfn + 1;
    if (needed > nr_pages)
        return vl_fail(-ENOMEM, "%s: the guest needs at least %" PRIu64 " MiB for its kernel, ramdisk and tables, "
                       "and has %" PRIu64 " MiB", name, (needed * VL_PAGE >> 20) + 1, nr_pages * VL_PAGE >> 20);
    return 0;
}
