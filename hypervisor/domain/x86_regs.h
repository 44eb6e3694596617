/* SPDX-License-Identifier: MIT */
/* Registers that domain/ emulates, by their manual names (Intel SDM 3A 2.5, 4; AMD APM 2). Constants only. */
#ifndef DOMAIN_X86_REGS_H
#define DOMAIN_X86_REGS_H

#define CR0_PE                      0x00000001UL
#define CR0_MP                      0x00000002UL
#define CR0_EM                      0x00000004UL
#define CR0_TS                      0x00000008UL
#define CR0_ET                      0x00000010UL
#define CR0_NE                      0x00000020UL
#define CR0_WP                      0x00010000UL
#define CR0_AM                      0x00040000UL
#define CR0_PG                      0x80000000UL

#define CR4_TSD                     0x00000004UL
#define CR4_DE                      0x00000008UL
#define CR4_PSE                     0x00000010UL
#define CR4_PAE                     0x00000020UL
#define CR4_MCE                     0x00000040UL
#define CR4_PGE                     0x00000080UL
#define CR4_PCE                     0x00000100UL
#define CR4_OSFXSR                  0x00000200UL
#define CR4_OSXMMEXCPT              0x00000400UL
#define CR4_FSGSBASE                0x00010000UL
#define CR4_OSXSAVE                 0x00040000UL

#define XCR0_X87                    0x0001UL
#define XCR0_SSE                    0x0002UL
#define XCR0_YMM                    0x0004UL
#define XCR0_AVX512                 0x00e0UL    /* opmask, ZMM_Hi256, Hi16_ZMM: all or none */

#define RFLAGS_CF                   0x00000001UL
#define RFLAGS_PF                   0x00000004UL
#define RFLAGS_AF                   0x00000010UL
#define RFLAGS_ZF                   0x00000040UL
#define RFLAGS_SF                   0x00000080UL
#define RFLAGS_TF                   0x00000100UL
#define RFLAGS_DF                   0x00000400UL
#define RFLAGS_OF                   0x00000800UL
#define RFLAGS_RF                   0x00010000UL

#define DR6_FIXED                   0xffff0ff0UL    /* always one */
#define DR6_DEFINED                 0x0000e00fUL
#define   DR6_BS                    0x00004000UL    /* single step */
#define DR7_FIXED                   0x00000400UL
#define DR7_DEFINED                 0xffff03ffUL    /* enables, LE, GE, and the conditions; not GD */
#define   DR7_GD                    0x00002000UL

#define EXC_DB                      1
#define EXC_GP                      13

#define PFEC_WRITE                  0x0002u

#define MSR_TSC                     0x00000010
#define MSR_APIC_BASE               0x0000001b
#define   APIC_BASE_BSP             0x0000000000000100UL
#define MSR_SPEC_CTRL               0x00000048
#define MSR_PRED_CMD                0x00000049
#define   PRED_CMD_IBPB             0x0000000000000001UL
#define MSR_UCODE_REV               0x0000008b
#define MSR_P6_PERFCTR0             0x000000c1
#define MSR_P6_PERFCTR7             0x000000c8
#define MSR_PLATFORM_INFO           0x000000ce
#define   PLATFORM_INFO_CPUID_FAULT 0x0000000080000000UL
#define MSR_ARCH_CAPABILITIES       0x0000010a
#define MSR_MISC_FEATURES           0x00000140
#define   MISC_FEATURES_CPUID_FAULT 0x0000000000000001UL
#define MSR_SYSENTER_CS             0x00000174
#define MSR_SYSENTER_EIP            0x00000176
#define MSR_MCG_CAP                 0x00000179
#define MSR_MCG_STATUS              0x0000017a
#define MSR_MCG_CTL                 0x0000017b
#define MSR_P6_EVNTSEL0             0x00000186
#define MSR_P6_EVNTSEL7             0x0000018d
#define MSR_MISC_ENABLE             0x000001a0
#define   MISC_ENABLE_PERF_AVAIL    0x0000000000000080UL
#define   MISC_ENABLE_BTS_UNAVAIL   0x0000000000000800UL
#define   MISC_ENABLE_PEBS_UNAVAIL  0x0000000000001000UL
#define   MISC_ENABLE_MONITOR       0x0000000000040000UL
#define   MISC_ENABLE_XTPR_DISABLE  0x0000000000800000UL
#define MSR_PAT                     0x00000277
/* WB WT UC- UC WC WP UC UC: what every PV guest lives with */
#define   PAT_ABI                   0x0000050100070406UL
#define MSR_MC0_CTL2                0x00000280
#define MSR_PERF_CAPABILITIES       0x00000345
#define MSR_MC0_CTL                 0x00000400
#define MSR_EFER                    0xc0000080
#define   EFER_SCE                  0x0000000000000001UL
#define   EFER_LME                  0x0000000000000100UL
#define   EFER_LMA                  0x0000000000000400UL
#define   EFER_NXE                  0x0000000000000800UL
#define MSR_STAR                    0xc0000081
#define MSR_FMASK                   0xc0000084
#define MSR_FS_BASE                 0xc0000100
#define MSR_GS_BASE                 0xc0000101
#define MSR_KERNEL_GS_BASE          0xc0000102
#define MSR_TSC_AUX                 0xc0000103
#define MSR_K7_EVNTSEL0             0xc0010000
#define MSR_K7_PERFCTR3             0xc0010007
#define MSR_SYSCFG                  0xc0010010
#define MSR_HWCR                    0xc0010015
#define MSR_TOP_MEM                 0xc001001a
#define MSR_TOP_MEM2                0xc001001d
#define MSR_NB_CFG                  0xc001001f
#define MSR_PSTATE_LIMIT            0xc0010061
#define MSR_PSTATE7                 0xc001006b
#define MSR_F15_PERF_FIRST          0xc0010200
#define MSR_F15_PERF_LAST           0xc001020b
#define MSR_DE_CFG                  0xc0011029
#define   DE_CFG_LFENCE_SERIALISE   0x0000000000000002UL
#define MSR_HYPERCALL_PAGE          0x40000000      /* CPUID leaf 0x40000002's EBX */

#endif
