/* SPDX-License-Identifier: MIT */
/* A guest's descriptor tables: set_gdt, update_descriptor, MMUEXT_SET_LDT's part. A table's frames have the type
 * TYPE_SEGDESC, one use each, while v->gdt_mfn or v->ldt_mfn names them. */
#include "private.h"

static unsigned int pages_of(unsigned long entries) { return (unsigned int)((entries + 511) / 512); }

static void put_frames(const mfn_t *m, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        frame_put_and_type(mfn_to_frame(m[i]));
}

/* The frames become descriptor frames of v's domain; all or none. */
static int take_frames(struct vcpu *v, const mfn_t *m, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        if (!get_frame_as(m[i], v->domain, TYPE_SEGDESC)) {
            put_frames(m, i);
            return -XEN_EINVAL;
        }
    }
    return 0;
}

void vcpu_drop_descriptors(struct vcpu *v)
{
    put_frames(v->gdt_mfn, pages_of(v->gdt_entries));
    put_frames(v->ldt_mfn, pages_of(v->ldt_entries));
    v->gdt_entries = v->ldt_entries = 0;
    v->ldt_base = 0;
}

int vcpu_set_gdt(struct vcpu *v, const unsigned long *mfns, unsigned int entries)
{
    unsigned int old_pages = pages_of(v->gdt_entries);
    mfn_t old[FIRST_RESERVED_GDT_PAGE];
    if (entries > FIRST_RESERVED_GDT_ENTRY || take_frames(v, mfns, pages_of(entries)))
        return -XEN_EINVAL;
    memcpy(old, v->gdt_mfn, sizeof(old));
    memcpy(v->gdt_mfn, mfns, pages_of(entries) * sizeof(mfn_t));
    v->gdt_entries = entries;
    if (v == current)
        cpu_load_gdt(v);
    put_frames(old, old_pages);
    return 0;
}

HYPERCALL(set_gdt)
{
    unsigned long mfns[FIRST_RESERVED_GDT_PAGE];
    unsigned int entries = (unsigned int)a2;
    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return -XEN_EINVAL;
    if (copy_from_guest(mfns, (void *)a1, pages_of(entries) * sizeof(mfns[0])))
        return -XEN_EFAULT;
    return vcpu_set_gdt(current, mfns, entries);
}

int vcpu_set_ldt(struct vcpu *v, unsigned long base, unsigned long entries)
{
    mfn_t mfns[16], old[16];
    unsigned int old_pages = pages_of(v->ldt_entries);
    pte_t pte;
    if ((base & ~PAGE_MASK) || entries > 8192 || !guest_range_ok((void *)base, entries * 8))
        return -XEN_EINVAL;
    if (!entries && !v->ldt_entries)
        return 0;
    for (unsigned int i = 0; i < pages_of(entries); i++)
        mfns[i] = pt_walk(v->cr3_kernel, base + i * PAGE_SIZE, &pte);
    if (take_frames(v, mfns, pages_of(entries)))
        return -XEN_EINVAL;
    memcpy(old, v->ldt_mfn, sizeof(old));
    memcpy(v->ldt_mfn, mfns, pages_of(entries) * sizeof(mfn_t));
    v->ldt_base = base;
    v->ldt_entries = (unsigned int)entries;
    if (v == current)
        cpu_load_ldt(v);
    put_frames(old, old_pages);
    return 0;
}

/* A descriptor as a guest may have it. Absent ones may hold anything; code and data segments get privilege 3. */
bool descriptor_fix(uint64_t *desc)
{
    uint64_t d = *desc;
    if (!(d & 1UL << 47))                               /* not present */
        return true;
    if (!(d & 1UL << 44))                               /* system segment or gate */
        return (d >> 40 & 0x1f) == 0;
    *desc = d | 3UL << 45;
    return true;
}

HYPERCALL(update_descriptor)
{
    uint64_t desc = a2;
    if ((a1 & 7) || !mfn_valid(PADDR_TO_MFN(a1)) || !descriptor_fix(&desc))
        return -XEN_EINVAL;
    struct frame *f = mfn_to_frame(PADDR_TO_MFN(a1));
    if (!frame_get_and_type(f, current->domain, frame_type(f) == TYPE_SEGDESC ? TYPE_SEGDESC : TYPE_WRITABLE))
        return -XEN_EINVAL;
    __atomic_store_n((uint64_t *)paddr_to_virt(a1), desc, __ATOMIC_SEQ_CST);
    frame_put_and_type(f);
    return 0;
}
