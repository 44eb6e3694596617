/* SPDX-License-Identifier: MIT */
/* Time as guests see it (vcpu_time_info, wall clock, runstate areas). System time is one linear function of the TSC for
 * the whole machine, so a vCPU's time info changes only when the guest says where it wants it. */
#include "private.h"

/* Writes to a guest kernel's memory, whatever mode it is in; nothing happens where it is not mapped writable. */
static void write_kernel(struct vcpu *v, unsigned long va, const void *src, size_t n)
{
    for (size_t done = 0, part; done < n; done += part, va += part) {
        pte_t pte;
        mfn_t m = pt_walk(v->cr3_kernel, va, &pte);
        if (m == INVALID_MFN || !(pte & PT_WRITE) || !mfn_valid(m) ||
            !frame_get_and_type(mfn_to_frame(m), v->domain, TYPE_WRITABLE))
            return;
        part = min(n - done, PAGE_SIZE - (va & ~PAGE_MASK));
        memcpy((char *)mfn_to_virt(m) + (va & ~PAGE_MASK), (const char *)src + done, part);
        frame_put_and_type(mfn_to_frame(m));
    }
}

/* The version is odd while the fields change (xen/xen.h). */
void time_update_vcpu(struct vcpu *v)
{
    uint32_t even = v->time_version += 2;
    struct vcpu_time_info *u = &v->info->time;
    struct vcpu_time_info t = { .version = even - 1, .flags = XEN_PVCLOCK_TSC_STABLE_BIT };
    const struct domain *d = v->domain;
    if (d->tsc_mode == TSC_MODE_ALWAYS_EMULATE) {
        tsc_scale(domain_tsc_khz(d), &t.tsc_to_system_mul, &t.tsc_shift);
        t.tsc_timestamp = domain_ns_to_tsc(d, d->tsc_elapsed);
    } else {
        time_scale(&t.tsc_to_system_mul, &t.tsc_shift);
        t.tsc_timestamp = time_tsc_base();
    }
    WRITE_ONCE(u->version, t.version);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    memcpy(u, &t, sizeof(t));
    __atomic_store_n(&u->version, even, __ATOMIC_RELEASE);
    if (v->time_area && v == current) {
        write_kernel(v, v->time_area, &t.version, sizeof(t.version));
        write_kernel(v, v->time_area, &t, sizeof(t));
        write_kernel(v, v->time_area, &even, sizeof(even));
    }
}

void time_update_domain_wallclock(struct domain *d)
{
    struct shared_info *s = d->shared_info;
    uint64_t sec;
    uint32_t nsec, even;
    spin_lock(&d->page_lock);           /* one writer at a time */
    wallclock_get(&sec, &nsec);
    sec += (uint64_t)d->time_offset;
    even = (READ_ONCE(s->wc_version) + 2) & ~1u;        /* whatever the guest has made of it */
    WRITE_ONCE(s->wc_version, even - 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    s->wc_sec = (uint32_t)sec;
    s->wc_sec_hi = (uint32_t)(sec >> 32);
    s->wc_nsec = nsec;
    __atomic_store_n(&s->wc_version, even, __ATOMIC_RELEASE);
    spin_unlock(&d->page_lock);
}

/* v is being switched in. With the assist on, the last word's top bit is set while the rest of the area changes. */
void time_switched_in(struct vcpu *v)
{
    unsigned long area = READ_ONCE(v->runstate_area);
    struct vcpu_runstate_info rs;
    if (unlikely(READ_ONCE(v->info->time.version) != v->time_version))
        time_update_vcpu(v);            /* a builder clears the shared page */
    if (!area)
        return;
    vcpu_runstate_get(v, &rs);
    if (v->domain->vm_assist & BIT(VMASST_TYPE_runstate_update_flag)) {
        uint64_t busy = rs.state_entry_time | XEN_RUNSTATE_UPDATE;
        write_kernel(v, area + offsetof(struct vcpu_runstate_info, state_entry_time), &busy, sizeof(busy));
    }
    write_kernel(v, area, &rs, sizeof(rs));
}

uint64_t vcpu_time_running(const struct vcpu *v)
{
    struct vcpu_runstate_info rs;
    vcpu_runstate_get((struct vcpu *)(unsigned long)v, &rs);
    return rs.time[RUNSTATE_running];
}
