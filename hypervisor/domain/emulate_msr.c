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

/* A register that reads as `expr`, in domains where `there` holds. */
#define READ_AS(name, expr, there) \
    READ(name) \
    { \
        *val = (expr); \
        return (there); \
    }
#define POLICY  (v->domain->policy)
#define HAS(f)  policy_has(POLICY, XEN_X86_FEATURE_##f)

READ_AS(value, value, true)
READ_AS(tsc, vcpu_tsc(v), true)
READ_AS(fs_base, cpu_get_fs_base(), true)
READ_AS(gs_base, cpu_get_gs_base(), true)
READ_AS(gs_shadow, cpu_get_gs_shadow(), true)
READ_AS(platform_info, POLICY->platform_info, true)
READ_AS(arch_caps, POLICY->arch_caps, HAS(ARCH_CAPS))
READ_AS(misc_features, v->cpuid_faulting ? MISC_FEATURES_CPUID_FAULT : 0, true)
READ_AS(tsc_aux, v->tsc_aux, HAS(RDTSCP) || HAS(RDPID))
READ_AS(spec_ctrl, v->spec_ctrl, HAS(IBRSB) || HAS(SSBD))
READ_AS(mcg_cap, MCE_BANKS | (policy_vendor() == VENDOR_INTEL ? MCG_CAP_INTEL : 0), true)
/* Four registers a bank: CTL (all enabled), STATUS, ADDR, MISC (empty). */
READ_AS(mc_bank, (msr - MSR_MC0_CTL) % 4 == 0 ? ~0UL : 0, true)

/* A base register; the kernel runs: the current GS base is the kernel's, the shadow one the user's. */
#define WRITE_BASE(name) \
    WRITE(name) \
    { \
        if (is_canonical(val)) \
            cpu_set_##name(val); \
        return is_canonical(val); \
    }
WRITE_BASE(fs_base)
WRITE_BASE(gs_base)
WRITE_BASE(gs_shadow)

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

WRITE(misc_features)
{
    if (val & ~(POLICY->platform_info & PLATFORM_INFO_CPUID_FAULT ? MISC_FEATURES_CPUID_FAULT : 0))
        return false;
    v->cpuid_faulting = val != 0;
    reload(v);
    return true;
}

WRITE(tsc_aux)
{
    if (val >> 32 || !(HAS(RDTSCP) || HAS(RDPID)))
        return false;
    v->tsc_aux = (uint32_t)val;
    reload(v);
    return true;
}

WRITE(spec_ctrl)
{
    uint64_t allowed = (HAS(IBRSB) ? SPEC_CTRL_IBRS | SPEC_CTRL_STIBP : 0) | (HAS(SSBD) ? SPEC_CTRL_SSBD : 0);
    if (!allowed || (val & ~allowed))
        return false;
    v->spec_ctrl = val;
    reload(v);
    return true;
}

/* A command register: a barrier against what was trained before. */
WRITE(pred_cmd)
{
    if ((!HAS(IBRSB) && !HAS(IBPB)) || (val & ~PRED_CMD_IBPB))
        return false;
    return val == 0 || msr_write_safe(msr, val) == 0;
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
#define FIXED(msr, vendors, value)  { msr, msr, vendors, read_value, NULL, value }
#define ZEROS(first, last, vendors) { first, last, vendors, read_value, write_ignore, 0 }
    { MSR_FS_BASE, MSR_FS_BASE, 0, read_fs_base, write_fs_base, 0 },
    { MSR_GS_BASE, MSR_GS_BASE, 0, read_gs_base, write_gs_base, 0 },
    { MSR_KERNEL_GS_BASE, MSR_KERNEL_GS_BASE, 0, read_gs_shadow, write_gs_shadow, 0 },
    { MSR_TSC, MSR_TSC, 0, read_tsc, NULL, 0 },
    { MSR_EFER, MSR_EFER, 0, read_value, write_efer, EFER_ABI },
    FIXED(MSR_PAT, 0, PAT_ABI),
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
    ZEROS(MSR_MCG_STATUS, MSR_MCG_CTL, 0), ZEROS(MSR_MC0_CTL2, MSR_MC0_CTL2 + MCE_BANKS - 1, 0),
    { MSR_MC0_CTL, MSR_MC0_CTL + 4 * MCE_BANKS - 1, 0, read_mc_bank, write_ignore, 0 },
    FIXED(MSR_PERF_CAPABILITIES, 0, 0), FIXED(MSR_HYPERCALL_PAGE, 0, 0),
    /* System-call set-up is by hypercall; a kernel that also writes the registers does no harm. */
    { MSR_STAR, MSR_FMASK, 0, NULL, write_ignore, 0 },
    { MSR_SYSENTER_CS, MSR_SYSENTER_EIP, 0, NULL, write_ignore, 0 },
    ZEROS(MSR_NB_CFG, MSR_NB_CFG, 0),
    /* Performance counters are not there: Linux finds out by writing one and reading it back. */
    ZEROS(MSR_P6_PERFCTR0, MSR_P6_PERFCTR7, VENDOR_INTEL), ZEROS(MSR_P6_EVNTSEL0, MSR_P6_EVNTSEL7, VENDOR_INTEL),
    ZEROS(MSR_FIXED_CTR0, MSR_FIXED_CTR2, VENDOR_INTEL), ZEROS(MSR_FIXED_CTR_CTRL, MSR_PERF_GLOBAL_OVF, VENDOR_INTEL),
    FIXED(MSR_PLATFORM_ID, VENDOR_INTEL, 0), FIXED(MSR_FEATURE_CONTROL, VENDOR_INTEL, FEATURE_CONTROL_LOCKED),
    FIXED(MSR_PERF_STATUS, VENDOR_INTEL, 0), ZEROS(MSR_PERF_CTL, MSR_PERF_CTL, VENDOR_INTEL),
    FIXED(MSR_THERM_STATUS, VENDOR_INTEL, 0), ZEROS(MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3, VENDOR_AMD),
    ZEROS(MSR_F15_PERF_FIRST, MSR_F15_PERF_LAST, VENDOR_AMD),
    { MSR_SYSCFG, MSR_SYSCFG, VENDOR_AMD, read_real_dom0, NULL, 0 },
    { MSR_TOP_MEM, MSR_TOP_MEM, VENDOR_AMD, read_real_dom0, NULL, 0 },
    { MSR_TOP_MEM2, MSR_TOP_MEM2, VENDOR_AMD, read_real_dom0, NULL, 0 },
    ZEROS(MSR_HWCR, MSR_HWCR, VENDOR_AMD), ZEROS(MSR_PSTATE_LIMIT, MSR_PSTATE7, VENDOR_AMD),
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
