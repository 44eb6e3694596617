/* SPDX-License-Identifier: MIT */
/* Model-specific registers as a PV guest sees them: a table of ranges, chosen by what Linux's PV kernel gets from
 * Debian's Xen 4.17. What is not in it faults (or, with XEN_X86_MSR_RELAXED, reads as zero and ignores writes). What
 * the CPU itself holds for a vCPU is kept in struct vcpu and written by vcpu_msrs_load at each switch; `loaded` is what
 * each CPU holds now, and only that CPU touches its entry. */
#include "emulate.h"
#include "policy_features.h"

static struct { uint32_t tsc_aux; uint64_t spec_ctrl; bool cpuid_faulting, trap_tsc; } loaded[NR_CPUS];

#define MCE_BANKS     2u                /* banks a guest is shown; nothing is ever logged in them */
#define MCG_CAP_INTEL 0x01000c00UL      /* SER_P, TES_P, CMCI_P */
#define SPEC_CTRL_IBRS  0x1UL
#define SPEC_CTRL_STIBP 0x2UL
#define SPEC_CTRL_SSBD  0x4UL
#define FEATURE_CONTROL_LOCKED 1UL
#define MSR_FEATURE_CONTROL    0x03a
#define MSR_PERF_STATUS        0x198
#define MSR_PERF_CTL           0x199
#define MSR_THERM_STATUS       0x19c
#define MSR_FIXED_CTR0         0x309
#define MSR_FIXED_CTR2         0x30b
#define MSR_FIXED_CTR_CTRL     0x38d
#define MSR_PERF_GLOBAL_OVF    0x390

static void reload(const struct vcpu *v)
{
    if (v == current)
        vcpu_msrs_load(v);
}

uint64_t vcpu_tsc(const struct vcpu *v)
{
    const struct domain *d = v->domain;
    return d->tsc_mode == TSC_MODE_ALWAYS_EMULATE ? domain_ns_to_tsc(d, now() + d->tsc_elapsed) : cpu_tsc();
}

#define READ(name) \
    static bool read_##name(struct vcpu *v __unused, uint32_t msr __unused, uint64_t *val, uint64_t value __unused)
#define WRITE(name) \
    static bool write_##name(struct vcpu *v __unused, uint32_t msr __unused, uint64_t val __unused)

READ(value)
{
    *val = value;
    return true;
}

READ(bases)
{
    *val = msr == MSR_FS_BASE ? cpu_get_fs_base() : msr == MSR_GS_BASE ? cpu_get_gs_base() : cpu_get_gs_shadow();
    return true;
}

/* The kernel runs: the current GS base is the kernel's, the shadow one the user's. */
WRITE(bases)
{
    if (!is_canonical(val))
        return false;
    if (msr == MSR_FS_BASE)
        cpu_set_fs_base(val);
    else if (msr == MSR_GS_BASE)
        cpu_set_gs_base(val);
    else
        cpu_set_gs_shadow(val);
    return true;
}

READ(tsc)
{
    *val = vcpu_tsc(v);
    return true;
}

#define EFER_ABI (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
WRITE(efer) { return val == EFER_ABI; }         /* a kernel that sets what it has is content */

READ(real) { return msr_read_safe(msr, val) == 0; }

/* Chipset set-up that a dom0 driver looks at. */
READ(real_dom0) { return v->domain->privileged && msr_read_safe(msr, val) == 0; }

/* The machine's, but for who booted: the guest's first vCPU did, wherever it runs. */
READ(apic_base)
{
    if (msr_read_safe(msr, val))
        return false;
    *val = (*val & ~APIC_BASE_BSP) | (v->id == 0 ? APIC_BASE_BSP : 0);
    return true;
}

/* Performance monitoring, branch tracing, precise sampling, monitor/mwait are not a guest's. */
READ(misc_enable)
{
    if (msr_read_safe(msr, val))
        return false;
    *val &= ~(MISC_ENABLE_PERF_AVAIL | MISC_ENABLE_MONITOR);
    *val |= MISC_ENABLE_BTS_UNAVAIL | MISC_ENABLE_PEBS_UNAVAIL | MISC_ENABLE_XTPR_DISABLE;
    return true;
}

/* Intel's rite before reading the revision is to write zero. */
WRITE(ucode) { return policy_vendor() == VENDOR_INTEL && val == 0; }

READ(platform_info)
{
    *val = v->domain->policy->platform_info;
    return true;
}

READ(arch_caps)
{
    *val = v->domain->policy->arch_caps;
    return policy_has(v->domain->policy, XEN_X86_FEATURE_ARCH_CAPS);
}

READ(misc_features)
{
    *val = v->cpuid_faulting ? MISC_FEATURES_CPUID_FAULT : 0;
    return true;
}

WRITE(misc_features)
{
    bool can = v->domain->policy->platform_info & PLATFORM_INFO_CPUID_FAULT;
    if (val & ~(can ? MISC_FEATURES_CPUID_FAULT : 0))
        return false;
    v->cpuid_faulting = val != 0;
    reload(v);
    return true;
}

READ(tsc_aux)
{
    *val = v->tsc_aux;
    return policy_has(v->domain->policy, XEN_X86_FEATURE_RDTSCP) ||
        policy_has(v->domain->policy, XEN_X86_FEATURE_RDPID);
}

WRITE(tsc_aux)
{
    uint64_t old;
    if (val >> 32 || !read_tsc_aux(v, msr, &old, 0))
        return false;
    v->tsc_aux = (uint32_t)val;
    reload(v);
    return true;
}

static uint64_t spec_ctrl_allowed(const struct cpu_policy *p)
{
    return (policy_has(p, XEN_X86_FEATURE_IBRSB) ? SPEC_CTRL_IBRS | SPEC_CTRL_STIBP : 0) |
           (policy_has(p, XEN_X86_FEATURE_SSBD) ? SPEC_CTRL_SSBD : 0);
}

READ(spec_ctrl)
{
    *val = v->spec_ctrl;
    return spec_ctrl_allowed(v->domain->policy) != 0;
}

WRITE(spec_ctrl)
{
    uint64_t allowed = spec_ctrl_allowed(v->domain->policy);
    if (!allowed || (val & ~allowed))
        return false;
    v->spec_ctrl = val;
    reload(v);
    return true;
}

/* A command register: a barrier against what was trained before. */
WRITE(pred_cmd)
{
    const struct cpu_policy *p = v->domain->policy;
    if ((!policy_has(p, XEN_X86_FEATURE_IBRSB) && !policy_has(p, XEN_X86_FEATURE_IBPB)) || (val & ~PRED_CMD_IBPB))
        return false;
    return val == 0 || msr_write_safe(msr, val) == 0;
}

READ(mcg_cap)
{
    *val = MCE_BANKS | (policy_vendor() == VENDOR_INTEL ? MCG_CAP_INTEL : 0);
    return true;
}

/* Four registers a bank: CTL (all enabled), STATUS, ADDR, MISC (empty). */
READ(mc_bank)
{
    *val = (msr - MSR_MC0_CTL) % 4 == 0 ? ~0UL : 0;
    return true;
}

WRITE(ignore) { return true; }

/* vendors: which CPUs have the register; 0: all. A missing function: that access faults. value: for read_value. */
static const struct msr_row {
    uint32_t first, last;
    unsigned int vendors;
    bool (*read)(struct vcpu *v, uint32_t msr, uint64_t *val, uint64_t value);
    bool (*write)(struct vcpu *v, uint32_t msr, uint64_t val);
    uint64_t value;
} rows[] = {
    { MSR_FS_BASE, MSR_KERNEL_GS_BASE, 0, read_bases, write_bases, 0 },
    { MSR_TSC, MSR_TSC, 0, read_tsc, NULL, 0 },
    { MSR_EFER, MSR_EFER, 0, read_value, write_efer, EFER_ABI },
    { MSR_PAT, MSR_PAT, 0, read_value, NULL, PAT_ABI },
    { MSR_APIC_BASE, MSR_APIC_BASE, 0, read_apic_base, NULL, 0 },
    { MSR_MISC_ENABLE, MSR_MISC_ENABLE, 0, read_misc_enable, write_ignore, 0 },
    { MSR_UCODE_REV, MSR_UCODE_REV, 0, read_real, write_ucode, 0 },
    { MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, 0, read_platform_info, NULL, 0 },
    { MSR_ARCH_CAPABILITIES, MSR_ARCH_CAPABILITIES, 0, read_arch_caps, NULL, 0 },
    { MSR_MISC_FEATURES, MSR_MISC_FEATURES, 0, read_misc_features, write_misc_features, 0 },
    { MSR_TSC_AUX, MSR_TSC_AUX, 0, read_tsc_aux, write_tsc_aux, 0 },
    { MSR_SPEC_CTRL, MSR_SPEC_CTRL, 0, read_spec_ctrl, write_spec_ctrl, 0 },
    { MSR_PRED_CMD, MSR_PRED_CMD, 0, NULL, write_pred_cmd, 0 },
    { MSR_MCG_CAP, MSR_MCG_CAP, 0, read_mcg_cap, write_ignore, 0 },
    { MSR_MCG_STATUS, MSR_MCG_CTL, 0, read_value, write_ignore, 0 },
    { MSR_MC0_CTL2, MSR_MC0_CTL2 + MCE_BANKS - 1, 0, read_value, write_ignore, 0 },
    { MSR_MC0_CTL, MSR_MC0_CTL + 4 * MCE_BANKS - 1, 0, read_mc_bank, write_ignore, 0 },
    { MSR_PERF_CAPABILITIES, MSR_PERF_CAPABILITIES, 0, read_value, NULL, 0 },
    { MSR_HYPERCALL_PAGE, MSR_HYPERCALL_PAGE, 0, read_value, NULL, 0 },
    /* System-call set-up is by hypercall; a kernel that also writes the registers does no harm. */
    { MSR_STAR, MSR_FMASK, 0, NULL, write_ignore, 0 },
    { MSR_SYSENTER_CS, MSR_SYSENTER_EIP, 0, NULL, write_ignore, 0 },
    { MSR_NB_CFG, MSR_NB_CFG, 0, read_value, write_ignore, 0 },
    /* Performance counters are not there: Linux finds out by writing one and reading it back. */
    { MSR_P6_PERFCTR0, MSR_P6_PERFCTR7, VENDOR_INTEL, read_value, write_ignore, 0 },
    { MSR_P6_EVNTSEL0, MSR_P6_EVNTSEL7, VENDOR_INTEL, read_value, write_ignore, 0 },
    { MSR_FIXED_CTR0, MSR_FIXED_CTR2, VENDOR_INTEL, read_value, write_ignore, 0 },
    { MSR_FIXED_CTR_CTRL, MSR_PERF_GLOBAL_OVF, VENDOR_INTEL, read_value, write_ignore, 0 },
    { MSR_PLATFORM_ID, MSR_PLATFORM_ID, VENDOR_INTEL, read_value, NULL, 0 },
    { MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL, VENDOR_INTEL, read_value, NULL, FEATURE_CONTROL_LOCKED },
    { MSR_PERF_STATUS, MSR_PERF_STATUS, VENDOR_INTEL, read_value, NULL, 0 },
    { MSR_PERF_CTL, MSR_PERF_CTL, VENDOR_INTEL, read_value, write_ignore, 0 },
    { MSR_THERM_STATUS, MSR_THERM_STATUS, VENDOR_INTEL, read_value, NULL, 0 },
    { MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3, VENDOR_AMD, read_value, write_ignore, 0 },
    { MSR_F15_PERF_FIRST, MSR_F15_PERF_LAST, VENDOR_AMD, read_value, write_ignore, 0 },
    { MSR_SYSCFG, MSR_SYSCFG, VENDOR_AMD, read_real_dom0, NULL, 0 },
    { MSR_TOP_MEM, MSR_TOP_MEM, VENDOR_AMD, read_real_dom0, NULL, 0 },
    { MSR_TOP_MEM2, MSR_TOP_MEM2, VENDOR_AMD, read_real_dom0, NULL, 0 },
    { MSR_HWCR, MSR_HWCR, VENDOR_AMD, read_value, write_ignore, 0 },
    { MSR_PSTATE_LIMIT, MSR_PSTATE7, VENDOR_AMD, read_value, write_ignore, 0 },
    { MSR_DE_CFG, MSR_DE_CFG, VENDOR_AMD, read_value, write_ignore, DE_CFG_LFENCE_SERIALISE },
};

static const struct msr_row *find_row(uint32_t msr)
{
    for (unsigned int n = 0; n < ARRAY_SIZE(rows); n++)
        if (msr >= rows[n].first && msr <= rows[n].last)
            return !rows[n].vendors || (rows[n].vendors & policy_vendor()) ? &rows[n] : NULL;
    return NULL;
}

/* Once a domain and register, as near as a small filter can tell. Lost updates by racing vCPUs only repeat a line. */
static void log_once(struct domain *d, uint32_t msr, const char *what)
{
    uint32_t h = (msr ^ msr >> 13) * 0x9e3779b1u;
    uint64_t bit = 1UL << (h >> 26);
    if (d->msr_logged & bit)
        return;
    d->msr_logged |= bit;
    log_guest(LOG_DEBUG, d, "%s of MSR %08x refused\n", what, msr);
}

bool vcpu_read_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const struct msr_row *row = find_row(msr);
    *val = 0;
    if (likely(row && row->read && row->read(v, msr, val, row->value)))
        return true;
    log_once(v->domain, msr, "read");
    *val = 0;
    if (v->domain->config.arch.misc_flags & XEN_X86_MSR_RELAXED)
        return true;
    /* xen.h, struct trap_info: a kernel that early has no handler for the fault it would get. */
    return v->traps && v->traps[EXC_GP].address == 0;
}

bool vcpu_write_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    const struct msr_row *row = find_row(msr);
    if (row && row->write && row->write(v, msr, val))
        return true;
    log_once(v->domain, msr, "write");
    return v->domain->config.arch.misc_flags & XEN_X86_MSR_RELAXED;
}

void vcpu_msrs_load(const struct vcpu *v)
{
    unsigned int cpu = cpu_id();
    bool trap_tsc = v->domain->tsc_mode == TSC_MODE_ALWAYS_EMULATE || (v->cr4_guest & CR4_TSD);
    if (unlikely(trap_tsc != loaded[cpu].trap_tsc)) {
        loaded[cpu].trap_tsc = trap_tsc;
        cpu_trap_tsc(trap_tsc);
    }
    if (v->tsc_aux != loaded[cpu].tsc_aux) {
        loaded[cpu].tsc_aux = v->tsc_aux;
        msr_write_safe(MSR_TSC_AUX, v->tsc_aux);
    }
    if (unlikely(v->spec_ctrl != loaded[cpu].spec_ctrl)) {
        loaded[cpu].spec_ctrl = v->spec_ctrl;
        msr_write_safe(MSR_SPEC_CTRL, v->spec_ctrl);
    }
    /* On CPUs that can, cpuid faults in every guest so that it sees its policy and not the host's. */
    if (unlikely((host_policy.platform_info & PLATFORM_INFO_CPUID_FAULT) && !loaded[cpu].cpuid_faulting)) {
        loaded[cpu].cpuid_faulting = true;
        msr_write_safe(MSR_MISC_FEATURES, MISC_FEATURES_CPUID_FAULT);
    }
}
