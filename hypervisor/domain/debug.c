/* SPDX-License-Identifier: MIT */
/* What is printed of a guest that crashed: registers, page-table walks, stack. Debug keys: 'q' domains and their vCPUs,
 * 'd' registers, 'm' memory, 'A' audit. */
#include "private.h"

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

#define SHOWN_FRAMES 8

static void show_frames(const char *name, uint32_t m)
{
    for (unsigned int i = 0; m != NIL_LINK && i < SHOWN_FRAMES; i++) {
        const struct frame *f = mfn_to_frame(m);
        console_printf("  %s frame %#x: count %016lx type %016lx pfn %#lx\n", name, m, (unsigned long)f->count,
                       (unsigned long)f->type, m2p_get(m));
        m = f->next;
    }
}

static void show_vcpu(struct vcpu *v)
{
    console_printf("  v%u: CPU %u%s, pause count %u, flags %#x, upcall %u masked %u, %s mode, ", v->id, v->cpu,
                   v->running ? " running" : "", v->pause_count, v->pause_flags, v->info->evtchn_upcall_pending,
                   v->info->evtchn_upcall_mask, v->in_kernel ? "kernel" : "user");
    console_printf("cr3 %#lx/%#lx, timer %s\n", v->cr3_kernel, v->cr3_user, v->singleshot.active ? "armed" : "off");
}

static void show_domains(char key __unused)
{
    struct domain *d;
    struct vcpu *v;
    for_each_domain (d) {
        console_printf("d%u: %lu of %lu pages, references %u%s%s%s, kill stage %u, control pause %u, CPUs %#lx\n",
                       d->id, d->tot_pages, d->max_pages, d->refcount, d->dying ? ", dying" : "",
                       d->dead ? ", dead" : "", d->shut_down ? ", shut down" : "", d->kill_stage, d->control_pause,
                       (unsigned long)d->dirty_cpus);
        for_each_vcpu (d, v)
            show_vcpu(v);
        if (d->dying) {
            show_frames("owned", d->frames);
            show_frames("left", d->relinquished);
        }
    }
}

static void show_registers(char key __unused)
{
    struct domain *d;
    struct vcpu *v;
    for_each_domain (d) {
        for_each_vcpu (d, v) {
            if (v->initialised && !v->running)
                dump_guest_state(v);
        }
    }
}

/* What each domain has is among what 'q' shows. */
static void show_memory(char key __unused)
{
    console_printf("memory: %lu of %lu frames free, %lu claimed\n", mm_free_frames(), mm_total_frames(),
                   mm_outstanding_claims);
}

static void run_audit(char key __unused) { console_printf("audit: %lu differences\n", mm_audit()); }

void domain_debug_init(void)
{
    debugkey_register('q', "domains and vCPUs", show_domains);
    debugkey_register('d', "registers of vCPUs that do not run", show_registers);
    debugkey_register('m', "memory", show_memory);
    debugkey_register('A', "audit of all frames' counts and types", run_audit);
}
