/* SPDX-License-Identifier: MIT */
/*
 * What is printed of a guest that crashed: registers, the page-table walk of its instruction and of its last faulting address, its stack.
 */
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/guest.h>
#include <hv/mm.h>
#include <hv/pagetable.h>

#define STACK_WORDS 32

static void dump_walk(unsigned long cr3, unsigned long va)
{
    mfn_t m = PADDR_TO_MFN(cr3);

    console_printf("page tables of %016lx (L4 %#lx):\n", va, m);
    for (unsigned int level = 4; level >= 1; level--) {
        unsigned int i = pt_index(va, level);
        pte_t p = ((pte_t *)mfn_to_virt(m))[i];
        console_printf("  L%u[%3u] = %016lx pfn %#lx\n", level, i, (unsigned long)p,
                       p & PT_PRESENT && mfn_valid(pte_mfn(p)) ? m2p_get(pte_mfn(p)) : ~0UL);
        if (!(p & PT_PRESENT) || (level == 4 && slot_is_ours(i)) || !mfn_valid(pte_mfn(p)))
            return;
        m = pte_mfn(p);
    }
}

void dump_guest_state(struct vcpu *v)
{
    const struct cpu_user_regs *r = v == current ? &cpu_info()->guest_regs : &v->regs;
    unsigned long word, cr3 = v->in_kernel ? v->cr3_kernel : v->cr3_user;

    console_printf("d%u v%u, guest %s mode, cr3 %#lx\n", v->domain->id, v->id, v->in_kernel ? "kernel" : "user", cr3);
    console_show_regs(r);
    if (!cr3)
        return;
    dump_walk(cr3, r->rip);
    if (v->info->arch.cr2)
        dump_walk(cr3, v->info->arch.cr2);
    if (v != current)
        return;
    console_printf("stack at %016lx:", (unsigned long)r->rsp);
    for (unsigned int i = 0; i < STACK_WORDS; i++) {
        if (copy_from_guest(&word, (void *)(r->rsp + i * 8), sizeof(word)))
            break;
        console_printf("%s %016lx", i % 4 ? "" : "\n ", word);
    }
    console_printf("\n");
}
