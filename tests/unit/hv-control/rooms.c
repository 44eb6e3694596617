/* SPDX-License-Identifier: MIT */
/* Stand-ins for the rooms that hypercall/ calls: they record and answer. */
#include "harness.h"

#include <hv/acpi.h>
#include <hv/event.h>
#include <hv/policy.h>
#include <hv/sched.h>

struct rooms rooms;

static int asked(const char *name, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    rooms.calls++;
    rooms.last = name;
    rooms.arg[0] = a;
    rooms.arg[1] = b;
    rooms.arg[2] = c;
    rooms.arg[3] = d;
    return rooms.rc;
}
#define ASKED(...)              ASKED_(__VA_ARGS__, 0, 0, 0, 0)
#define ASKED_(a, b, c, d, ...) asked(__func__, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d))

/* --- cpu/ ------------------------------------------------------------------------------------- */
struct cpuid_regs cpuid_native(uint32_t leaf, uint32_t subleaf)
{
    switch (leaf) {
    case 0: return (struct cpuid_regs){ 0xd, 0x756e6547, 0x6c65746e, 0x49656e69 };
    case 1: return (struct cpuid_regs){ 0x000506e3, 2u << 16, 1u << 27, 1u << 28 };
    case 0xb: return subleaf == 0 ? (struct cpuid_regs){ 1, 2, 0x100, 0 } :
                     subleaf == 1 ? (struct cpuid_regs){ 4, 4, 0x201, 0 } : (struct cpuid_regs){ 0, 0, 2, 0 };
    case 0xd: return subleaf == 2 ? (struct cpuid_regs){ 256, 576, 0, 0 } : (struct cpuid_regs){ 7, 832, 832, 0 };
    case 0x80000000: return (struct cpuid_regs){ 0x80000008, 0, 0, 0 };
    case 0x80000008: return (struct cpuid_regs){ 0x3027, 0, 0, 0 };
    default: return (struct cpuid_regs){ 0, 0, 0, 0 };
    }
}

int msr_read_safe(uint32_t msr, uint64_t *val)
{
    static const struct { uint32_t msr; uint64_t val; } msrs[] = {
        { 0xfe, 2 }, { 0x200, 0xc0000006 }, { 0x201, 0xffc0000800 }, { 0x202, 0 }, { 0x203, 0 },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++) {
        if (msrs[i].msr == msr) {
            *val = msrs[i].val;
            return 0;
        }
    }
    return -XEN_EFAULT;
}

bool apic_interrupt_waiting(void) { return rooms.interrupt; }
int acpi_enter_sleep(uint16_t a, uint16_t b, uint32_t state) { return ASKED(a, b, state); }

bool symbol_get(uint32_t n, unsigned long *addr, char *name)
{
    if (n >= 3) return false;
    *addr = 0x1000 * (n + 1);
    strcpy(name, n == 0 ? "start" : n == 1 ? "a_rather_long_name_of_a_function" : "x");
    return true;
}

/* cpu/irq */
unsigned int irq_gsi_count(void) { return 24; }
int pirq_setup_gsi(unsigned int gsi, bool level, bool low) { return ASKED(gsi, level, low); }
int pirq_map_gsi(struct domain *d, int gsi, int *pirq)
{
    if (*pirq < 0) *pirq = gsi;
    return ASKED(d->id, gsi, *pirq);
}
int pirq_map_msi(struct domain *d, const struct pirq_msi *m, int *pirq)
{
    *pirq = 100;
    rooms.arg[4] = m->nvec;
    rooms.arg[5] = m->table_base;
    rooms.arg[6] = (uint64_t)m->entry_nr;
    return ASKED(d->id, m->seg, m->bus, m->devfn);
}
int pirq_unmap(struct domain *d, int pirq)
{
    rooms.unmaps++;
    return ASKED(d->id, pirq);
}
int pirq_get_free(struct domain *d, int type, int *pirq)
{
    *pirq = 33;
    return ASKED(d->id, type);
}
int pirq_eoi(struct domain *d, int pirq) { return ASKED(d->id, pirq); }
int pirq_status(struct domain *d, int pirq) { return d && pirq < 24 ? pirq & 1 : -XEN_EINVAL; }
void pirq_set_eoi_map(struct domain *d, unsigned long *map) { ASKED(d->id, (uintptr_t)map); }
int ioapic_guest_read(uint64_t base, uint32_t reg, uint32_t *value)
{
    *value = 0x170020;
    return ASKED(base, reg);
}
int ioapic_guest_write(uint64_t base, uint32_t reg, uint32_t value) { return ASKED(base, reg, value); }
uint32_t pci_conf_read(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int size)
{
    (void)reg;
    return seg == 0 && bus == 0 && devfn < 0x20 ? 0x12378086 : size == 2 ? 0xffff : ~0u;
}
int pci_device_add(uint16_t s, uint8_t b, uint8_t d, bool vf) { return ASKED(s, b, d, vf); }
int pci_device_remove(uint16_t s, uint8_t b, uint8_t d) { return ASKED(s, b, d); }
int pci_device_restore_msi(uint16_t s, uint8_t b, uint8_t d) { return ASKED(s, b, d); }
int pci_mmcfg_reserved(uint64_t a, uint16_t s, uint8_t from, uint8_t to, uint32_t flags)
{
    (void)flags;
    return ASKED(a, s, from, to);
}

/* --- console/ --------------------------------------------------------------------------------- */
void console_guest_write(struct domain *d, const char *buf, size_t len)
{
    (void)d;
    len = min(len, sizeof(rooms.console) - rooms.console_len);
    memcpy(rooms.console + rooms.console_len, buf, len);
    rooms.console_len += len;
}
size_t console_guest_read(char *buf, size_t len)
{
    size_t n = rooms.console_input ? strnlen(rooms.console_input, len) : 0;

    memcpy(buf, rooms.console_input ? rooms.console_input : "", n);
    if (n) rooms.console_input += n;
    return n;
}
size_t console_ring_read(char *buf, size_t len, bool incremental, uint32_t *index, bool clear)
{
    size_t total = rooms.ring ? strlen(rooms.ring) : 0, from = incremental ? min((size_t)*index, total) : 0;
    size_t n = min(len, total - from);

    memcpy(buf, rooms.ring ? rooms.ring + from : "", n);
    *index = (uint32_t)(from + n);
    if (clear) rooms.ring = NULL;
    return n;
}
void debugkey_handle(char key) { strncat(rooms.keys, &key, 1); }
char hv_cmdline[2048] = "console=com1 dom0_mem=768M";

/* --- sched/ ----------------------------------------------------------------------------------- */
uint32_t sched_id(void) { return XEN_SCHEDULER_CREDIT2; }
uint64_t sched_cpu_idle_time(unsigned int cpu) { return 1000 * (cpu + 1); }
int sched_domctl(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    op->u.credit2.weight = 256;
    return ASKED(d->id, op->cmd);
}
int sched_sysctl(struct xen_sysctl_scheduler_op *op) { return ASKED(op->cmd, op->cpupool_id); }
int sched_cpupool(struct xen_sysctl_cpupool_op *op, cpumask_t *map)
{
    if (op->op == XEN_SYSCTL_CPUPOOL_OP_FREEINFO) {
        *map = 0;
        return 0;
    }
    if (op->op != XEN_SYSCTL_CPUPOOL_OP_INFO) return -XEN_EOPNOTSUPP;
    if (op->cpupool_id != 0) return -XEN_ENOENT;
    op->n_dom = 3;
    op->sched_id = sched_id();
    *map = rooms.pool;
    return 0;
}
int sched_set_affinity(struct vcpu *v, const cpumask_t *hard, const cpumask_t *soft)
{
    if (rooms.rc || (hard && !(*hard & cpu_online_map))) return rooms.rc ? rooms.rc : -XEN_EINVAL;
    if (hard) v->sched.hard = *hard;
    if (soft) v->sched.soft = *soft;
    return 0;
}
int sched_pin_override(struct vcpu *v, int cpu) { return ASKED(v->id, cpu); }
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *rs)
{
    memset(rs, 0, sizeof(*rs));
    rs->state = v->id ? RUNSTATE_offline : RUNSTATE_running;
    rs->time[RUNSTATE_running] = 7;
}

/* --- domain/ ---------------------------------------------------------------------------------- */
int domain_create(domid_t id, const struct xen_domctl_createdomain *c, bool privileged, struct domain **out)
{
    int rc = ASKED(id, c->max_vcpus, privileged);

    if (rc) return rc;
    if (id != DOMID_INVALID && domain_find(id)) return -XEN_EEXIST;
    *out = fake_domain_new(id == DOMID_INVALID ? 9 : id, privileged, c->max_vcpus);
    return 0;
}
int domain_kill(struct domain *d)
{
    struct vcpu *v;

    if (rooms.restarts) {
        rooms.restarts--;
        return -XEN_ERESTART;
    }
    rooms.kills++;
    for_each_vcpu(d, v) fpu_vcpu_destroy(v);
    fake_domain_free(d);
    return 0;
}
int domain_max_vcpus(struct domain *d, unsigned int max) { return max == d->max_vcpus ? 0 : -XEN_EINVAL; }
void domain_resume(struct domain *d) { ASKED(d->id); }
void domain_shutdown(struct domain *d, uint8_t reason) { ASKED(d->id, reason); }
void domain_pause(struct domain *d) { ck_assert(d != current->domain); rooms.paused++; }
void domain_unpause(struct domain *d) { ck_assert(d); rooms.paused--; }
int domain_pause_by_control(struct domain *d)
{
    d->control_pause++;
    return ASKED(d->id);
}
int domain_unpause_by_control(struct domain *d)
{
    if (!d->control_pause) return -XEN_EINVAL;
    d->control_pause--;
    return ASKED(d->id);
}
int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    ck_assert_uint_eq(fake_locks_held(), 1);                /* its domain's ctl_lock */
    if (rooms.restarts) {
        rooms.restarts--;
        return -XEN_ERESTART;
    }
    if (!ASKED(v->id, c->flags, c->user_regs.rip)) v->initialised = true;
    return rooms.rc;
}
void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
    c->user_regs.rip = 0x1000 + v->id;
    c->flags = test_bit(VPF_DOWN, &v->pause_flags) ? 0 : VGCF_online;
}
int vcpu_reset(struct vcpu *v)
{
    if (rooms.restarts) {
        rooms.restarts--;
        return -XEN_ERESTART;
    }
    v->initialised = false;
    ASKED(v->id);
    return 0;
}
bool vcpu_read_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = msr == 0x48 ? v->spec_ctrl : msr == 0xc0000103 ? v->tsc_aux : 0;
    return true;
}
bool vcpu_write_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (msr == 0x48) v->spec_ctrl = val;
    if (msr == 0xc0000103) v->tsc_aux = (uint32_t)val;
    return msr != 0x140;
}
void time_update_vcpu(struct vcpu *v) { ASKED(v->id); }
void time_update_domain_wallclock(struct domain *d) { ASKED(d->id); }
uint64_t vcpu_time_running(const struct vcpu *v) { return 100 * (v->id + 1); }
void evtchn_vcpu_info_moved(struct vcpu *v)
{
    v->info->evtchn_pending_sel = ~0UL;
    ASKED(v->id);
}
int virq_set_handler(struct domain *d, unsigned int virq) { return ASKED(d->id, virq); }
bool iomem_access_permitted(const struct domain *d, mfn_t first, mfn_t last)
{
    return d->privileged && first <= last && last < 0xfee00;
}
bool ioports_access_permitted(const struct domain *d, unsigned int first, unsigned int last)
{
    return d->privileged && (last < 0x3f8 || first > 0x3ff);
}
bool irq_access_permitted(const struct domain *d, unsigned int irq) { return d->privileged && irq < 24; }
int ioports_permit(struct domain *d, unsigned int f, unsigned int l, bool allow) { return ASKED(d->id, f, l, allow); }
int iomem_permit(struct domain *d, mfn_t f, mfn_t l, bool allow) { return ASKED(d->id, f, l, allow); }
int irq_permit(struct domain *d, unsigned int irq, bool allow) { return ASKED(d->id, irq, allow); }

/* domain/policy */
uint32_t policy_xsave_size(uint64_t xcr0)
{
    uint32_t size = 576;

    for (unsigned int i = 2; i < 63; i++)
        if (xcr0 >> i & 1)
            size = max(size, cpuid_native(0xd, i).a + cpuid_native(0xd, i).b);
    return size;
}
struct cpu_policy host_policy = { .platform_info = 1u << 31 };
uint32_t policy_word(const struct cpu_policy *p, unsigned int word)
{
    static const uint32_t words[] = { 4, 3, 0, 0, 0, 0x21, 0x22, 0 };

    ck_assert(p == &host_policy);
    return words[word];
}
int policy_copy_to_guest(const struct cpu_policy *p, XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) leaves, uint32_t *nr_leaves,
                         XEN_GUEST_HANDLE_64(xen_msr_entry_t) msrs, uint32_t *nr_msrs)
{
    (void)leaves;
    (void)msrs;
    ck_assert_ptr_nonnull(p);
    *nr_leaves = 48;
    *nr_msrs = 2;
    return rooms.rc;
}
int policy_set_from_guest(struct domain *d, struct xen_domctl_cpu_policy *op)
{
    op->err_leaf = 7;
    return ASKED(d->id);
}
int sysctl_get_cpu_policy(struct xen_sysctl_cpu_policy *op) { return ASKED(op->index); }
int sysctl_get_cpu_featureset(struct xen_sysctl_cpu_featureset *op) { return ASKED(op->index); }

/* --- hypercalls of others --------------------------------------------------------------------- */
#define OTHER(name) \
    HYPERCALL(name) { rooms.sub_calls[__HYPERVISOR_##name]++; return (long)a1; }
OTHER(set_trap_table) OTHER(set_gdt) OTHER(stack_switch) OTHER(set_callbacks) OTHER(fpu_taskswitch)
OTHER(set_debugreg) OTHER(get_debugreg) OTHER(update_descriptor) OTHER(memory_op) OTHER(update_va_mapping)
OTHER(set_timer_op) OTHER(grant_table_op) OTHER(vm_assist) OTHER(update_va_mapping_otherdomain) OTHER(iret)
OTHER(set_segment_base) OTHER(mmuext_op) OTHER(sched_op) OTHER(callback_op) OTHER(event_channel_op)
HYPERCALL(mmu_update)
{
    rooms.sub_calls[__HYPERVISOR_mmu_update]++;
    return rooms.sub_fn ? rooms.sub_fn(a1) : (long)a1;
}
