/* SPDX-License-Identifier: MIT */
/*
 * Debug keys: 'q' domains and their vCPUs, 'd' registers of vCPUs, 'm' memory, 'A' audit.
 */
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/guest.h>
#include <hv/mm.h>

#include "private.h"

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
    console_printf("  v%u: CPU %u%s, pause count %u, flags %#x, upcall %u masked %u, %s mode, cr3 %#lx/%#lx, timer %s\n", v->id, v->cpu,
                   v->running ? " running" : "", v->pause_count, v->pause_flags, v->info->evtchn_upcall_pending,
                   v->info->evtchn_upcall_mask, v->in_kernel ? "kernel" : "user", v->cr3_kernel, v->cr3_user,
                   v->singleshot.active ? "armed" : "off");
}

static void show_domains(char key __unused)
{
    struct domain *d;
    struct vcpu *v;

    for_each_domain (d) {
        console_printf("d%u: %lu of %lu pages, references %u%s%s%s, kill stage %u, control pause %u, CPUs %#lx\n", d->id, d->tot_pages,
                       d->max_pages, d->refcount, d->dying ? ", dying" : "", d->dead ? ", dead" : "",
                       d->shut_down ? ", shut down" : "", d->kill_stage, d->control_pause, (unsigned long)d->dirty_cpus);
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

static void show_memory(char key __unused)
{
    struct domain *d;

    console_printf("memory: %lu of %lu frames free, %lu claimed\n", mm_free_frames(), mm_total_frames(), mm_outstanding_claims);
    for_each_domain (d)
        console_printf("  d%u: %lu frames, at most %lu\n", d->id, d->tot_pages, d->max_pages);
}

static void run_audit(char key __unused)
{
    unsigned long errors = mm_audit();

    console_printf("audit: %lu differences\n", errors);
}

void domain_debug_init(void)
{
    debugkey_register('q', "domains and vCPUs", show_domains);
    debugkey_register('d', "registers of vCPUs that do not run", show_registers);
    debugkey_register('m', "memory", show_memory);
    debugkey_register('A', "audit of all frames' counts and types", run_audit);
}
