/* SPDX-License-Identifier: MIT */
/*
 * Traps: the table handed to the hypervisor, and what is done with each. A trap that nobody expects ends the domain
 * with its registers on both consoles.
 */
#include "hypercall.h"

#include <xen/callback.h>

extern const unsigned long trap_entries[32];
extern char event_entry[], failsafe_entry[], safe_write_insn[], safe_read_insn[], safe_fail[];

unsigned long trap_counts[32];
void (*trap_hook)(struct frame *f);

struct trap_info traps_table[33];

void event_upcall(void);
void trap_handle(struct frame *f);

static bool fixed_up(struct frame *f)
{
    if (f->rip != (unsigned long)safe_write_insn && f->rip != (unsigned long)safe_read_insn)
        return false;
    f->rip = (unsigned long)safe_fail;
    return true;
}

void trap_handle(struct frame *f)
{
    if (f->vector == VECTOR_EVENT) {
        event_upcall();
        return;
    }
    if (f->vector < ARRAY_SIZE(trap_counts))
        trap_counts[f->vector]++;
    if (trap_hook) {
        unsigned long vector = f->vector;

        trap_hook(f);
        if (f->vector != vector) /* dealt with */
            return;
    }
    if (fixed_up(f))
        return;
    panic("trap %lu error %lx rip %lx rsp %lx rax %lx rdi %lx rsi %lx cr2 %lx", f->vector, f->error, f->rip, f->rsp,
          f->rax, f->rdi, f->rsi, ACCESS(shared_info->vcpu_info[0].arch.cr2));
}

void traps_init(void)
{
    struct callback_register event = {.type = CALLBACKTYPE_event, .address = (unsigned long)event_entry};
    struct callback_register failsafe = {.type = CALLBACKTYPE_failsafe, .address = (unsigned long)failsafe_entry};
    long rc;

    for (unsigned int i = 0; i < 32; i++) {
        traps_table[i].vector = (uint8_t)i;
        traps_table[i].flags = 4 | (i == 3 || i == 4 ? 3 : 0); /* events masked; int3 and into from user mode too */
        traps_table[i].cs = FLAT_KERNEL_CS;
        traps_table[i].address = trap_entries[i];
    }
    rc = HC(set_trap_table, traps_table);
    if (!rc)
        rc = HC(callback_op, CALLBACKOP_register, &event);
    if (!rc)
        rc = HC(callback_op, CALLBACKOP_register, &failsafe);
    if (rc)
        panic("trap table and callbacks: %ld", rc);
}
