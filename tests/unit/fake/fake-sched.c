/* SPDX-License-Identifier: MIT */
/* For tests that do not link sched/: waking clears the flags and counts as a kick. */
#include "fake.h"

__weak_sym void vcpu_wake(struct vcpu *v) { vcpu_kick(v); }
__weak_sym void vcpu_sleep_nosync(struct vcpu *v) { (void)v; }
__weak_sym void vcpu_sleep_sync(struct vcpu *v) { (void)v; }
__weak_sym bool vcpu_runnable(const struct vcpu *v) { return !v->pause_count && !v->pause_flags; }
__weak_sym void vcpu_unblock(struct vcpu *v)
{
    __atomic_fetch_and(&v->pause_flags, ~(1u << VPF_BLOCKED | 1u << VPF_POLLING), __ATOMIC_SEQ_CST);
    clear_bit(v->id, v->domain->poll_mask);
    vcpu_wake(v);
}
