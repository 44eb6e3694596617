/* SPDX-License-Identifier: MIT */
/* The processor's registers as its manuals name them, bits indented below (Intel SDM, AMD APM). Constants only: also
 * for assembly, and for rooms that emulate them. Page-table bits are in hv/pagetable.h. */
#pragma once

#ifdef __ASSEMBLY__
#define UL(x) x
#else
#define UL(x) x##UL
#endif

/* Control, debug and flags registers (SDM 3A 2.5, 17.2) */
#define CR0_PE                      UL(0x00000001)  /* protected mode */
#define CR0_MP                      UL(0x00000002)
#define CR0_TS                      UL(0x00000008)  /* task switched: FPU use faults */
#define CR0_ET                      UL(0x00000010)
#define CR0_NE                      UL(0x00000020)
#define CR0_WP                      UL(0x00010000)
#define CR0_AM                      UL(0x00040000)
#define CR0_PG                      UL(0x80000000)
#define CR4_TSD                     UL(0x00000004)
#define CR4_DE                      UL(0x00000008)
#define CR4_PSE                     UL(0x00000010)
#define CR4_PAE                     UL(0x00000020)
#define CR4_MCE                     UL(0x00000040)
#define CR4_PGE                     UL(0x00000080)
#define CR4_PCE                     UL(0x00000100)
#define CR4_OSFXSR                  UL(0x00000200)
#define CR4_OSXMMEXCPT              UL(0x00000400)
#define CR4_UMIP                    UL(0x00000800)
#define CR4_FSGSBASE                UL(0x00010000)
#define CR4_OSXSAVE                 UL(0x00040000)
#define CR4_SMEP                    UL(0x00100000)
#define CR4_SMAP                    UL(0x00200000)
#define XCR0_X87                    UL(0x0001)
#define XCR0_SSE                    UL(0x0002)
#define XCR0_YMM                    UL(0x0004)
#define XCR0_AVX512                 UL(0x00e0)      /* opmask, ZMM_Hi256, Hi16_ZMM: all or none */
#define RFLAGS_CF                   UL(0x00000001)
#define RFLAGS_FIXED                UL(0x00000002)  /* always one */
#define RFLAGS_PF                   UL(0x00000004)
#define RFLAGS_AF                   UL(0x00000010)
#define RFLAGS_ZF                   UL(0x00000040)
#define RFLAGS_SF                   UL(0x00000080)
#define RFLAGS_TF                   UL(0x00000100)
#define RFLAGS_IF                   UL(0x00000200)
#define RFLAGS_DF                   UL(0x00000400)
#define RFLAGS_OF                   UL(0x00000800)
#define RFLAGS_IOPL                 UL(0x00003000)
#define RFLAGS_NT                   UL(0x00004000)
#define RFLAGS_RF                   UL(0x00010000)
#define RFLAGS_VM                   UL(0x00020000)
#define RFLAGS_AC                   UL(0x00040000)
#define DR6_FIXED                   UL(0xffff0ff0)  /* always one */
#define DR6_DEFINED                 UL(0x0000e00f)
#define   DR6_BS                    UL(0x00004000)  /* single step */
#define DR7_FIXED                   UL(0x00000400)
#define DR7_DEFINED                 UL(0xffff03ff)  /* enables, LE, GE, and the conditions; not GD */
#define   DR7_ACTIVE                UL(0x000000ff)  /* any breakpoint enabled */

/* Exceptions, page-fault error code */
#define EXC_DB                      1
#define EXC_BP                      3
#define EXC_OF                      4
#define EXC_UD                      6
#define EXC_NM                      7
#define EXC_GP                      13
#define PFEC_PRESENT                0x0001u
#define PFEC_WRITE                  0x0002u
#define PFEC_USER                   0x0004u

/* Model-specific registers (SDM 4, APM 2 appendix A) */
#define MSR_TSC                     0x00000010
#define MSR_PLATFORM_ID             0x00000017
#define MSR_APIC_BASE               0x0000001b
#define   APIC_BASE_BSP             UL(0x0000000000000100)
#define   APIC_BASE_EXTD            UL(0x0000000000000400)  /* x2APIC mode */
#define   APIC_BASE_ENABLE          UL(0x0000000000000800)
#define   APIC_BASE_ADDR            UL(0x000ffffffffff000)
#define MSR_TSC_ADJUST              0x0000003b
#define MSR_SPEC_CTRL               0x00000048
#define MSR_PRED_CMD                0x00000049
#define   PRED_CMD_IBPB             UL(0x0000000000000001)
#define MSR_UCODE_REV               0x0000008b
#define MSR_P6_PERFCTR0             0x000000c1
#define MSR_P6_PERFCTR7             0x000000c8
#define MSR_PLATFORM_INFO           0x000000ce
#define   PLATFORM_INFO_CPUID_FAULT UL(0x0000000080000000)
#define MSR_ARCH_CAPABILITIES       0x0000010a
#define MSR_MISC_FEATURES           0x00000140
#define   MISC_FEATURES_CPUID_FAULT UL(0x0000000000000001)
#define MSR_SYSENTER_CS             0x00000174
#define MSR_SYSENTER_ESP            0x00000175
#define MSR_SYSENTER_EIP            0x00000176
#define MSR_MCG_CAP                 0x00000179
#define   MCG_CAP_COUNT             UL(0x00000000000000ff)
#define MSR_MCG_STATUS              0x0000017a
#define MSR_MCG_CTL                 0x0000017b
#define MSR_P6_EVNTSEL0             0x00000186
#define MSR_P6_EVNTSEL7             0x0000018d
#define MSR_MISC_ENABLE             0x000001a0
#define   MISC_ENABLE_PERF_AVAIL    UL(0x0000000000000080)
#define   MISC_ENABLE_BTS_UNAVAIL   UL(0x0000000000000800)
#define   MISC_ENABLE_PEBS_UNAVAIL  UL(0x0000000000001000)
#define   MISC_ENABLE_MONITOR       UL(0x0000000000040000)
#define   MISC_ENABLE_XTPR_DISABLE  UL(0x0000000000800000)
#define MSR_PAT                     0x00000277
#define   PAT_ABI                   UL(0x0000050100070406)  /* WB WT UC- UC WC WP UC UC, for every PV guest */
#define MSR_MC0_CTL2                0x00000280
#define MSR_PERF_CAPABILITIES       0x00000345
#define MSR_MC0_CTL                 0x00000400              /* four registers a bank: CTL, STATUS, ADDR, MISC */
#define MSR_MC0_STATUS              0x00000401
#define   MC_STATUS_VAL             UL(0x8000000000000000)
#define   MC_STATUS_ADDRV           UL(0x0400000000000000)
#define MSR_MC0_ADDR                0x00000402
#define MSR_TSC_DEADLINE            0x000006e0
#define MSR_X2APIC_BASE             0x00000800              /* + register offset / 16 */
#define MSR_EFER                    0xc0000080
#define   EFER_SCE                  UL(0x0000000000000001)
#define   EFER_LME                  UL(0x0000000000000100)
#define   EFER_LMA                  UL(0x0000000000000400)
#define   EFER_NXE                  UL(0x0000000000000800)
#define MSR_STAR                    0xc0000081
#define MSR_LSTAR                   0xc0000082
#define MSR_CSTAR                   0xc0000083
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
#define   DE_CFG_LFENCE_SERIALISE   UL(0x0000000000000002)
#define MSR_HYPERCALL_PAGE          0x40000000              /* CPUID leaf 0x40000002's EBX */
