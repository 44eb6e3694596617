/* SPDX-License-Identifier: MIT */
/* FPU, SSE and AVX state of vCPUs. Saved when a vCPU is switched out; restored at switch-in unless this CPU's registers
 * still hold it (it went idle and came back). owner[cpu] is whose state the registers hold; v->fpu_cpu where v's was
 * last. No locks: a vCPU's area is touched by the CPU it runs on, or by a caller that holds it paused. */
#include <hv/domain.h>
#include <hv/guest.h>
#include "private.h"

#define FXSAVE_SIZE     512
#define XSAVE_HEADER    64
#define FCW_RESET       0x037f
#define MXCSR_RESET     0x1f80

struct fxsave { uint16_t fcw, control[3]; uint64_t rip, rdp; uint32_t mxcsr, mask; uint8_t regs[480]; };
_Static_assert(sizeof(struct fxsave) == FXSAVE_SIZE, "SDM 1 10.5.1");
struct xsave { struct fxsave legacy; uint64_t xstate_bv, xcomp_bv, reserved[6]; };

unsigned int fpu_state_size = FXSAVE_SIZE + XSAVE_HEADER;
uint64_t fpu_features = XCR0_X87 | XCR0_SSE;
static bool has_xsave, has_xsaveopt;
static bool keeps_pointers;     /* an AMD CPU whose loads of a state without an exception leave FIP, FDP and FOP as they are */
static struct vcpu *owner[NR_CPUS];
static uint64_t loaded_xcr0[NR_CPUS];

static void load_xcr0(uint64_t v)
{
    if (has_xsave && loaded_xcr0[cpu_id()] != v) {
        loaded_xcr0[cpu_id()] = v;
        xsetbv(0, v);
    }
}

/* AMD64 Manual 3, 80000008h EBX: RstrFpErrPtrs. */
static bool cpu_keeps_pointers(void)
{
    struct cpuid_regs id = cpuid_native(0, 0);
    bool amd = id.c == 0x444d4163 || (id.b == 0x6f677948 && id.c == 0x656e6975);    /* AuthenticAMD, HygonGenuine */
    return amd && !(cpuid_native(0x80000000, 0).a >= 0x80000008 && (cpuid_native(0x80000008, 0).b & BIT(2)));
}

/* What the last owner's floating-point instructions left there is not for the next one: an instruction of ours does. */
static void replace_pointers(void)
{
    static const uint32_t zero;
    __asm__ __volatile__("fnclex; emms; fildl %0" : : "m"(zero));
}

void fpu_init_cpu(void)
{
    if (cpu_id() == 0)
        keeps_pointers = cpu_keeps_pointers();
    if (!(read_cr4() & CR4_OSXSAVE))
        return;
    if (cpu_id() == 0) {
        has_xsave = true;
        has_xsaveopt = cpuid_native(0xd, 1).a & 1;
        fpu_features = cpuid_native(0xd, 0).a & (XCR0_X87 | XCR0_SSE | XCR0_YMM | XCR0_AVX512);
        if ((fpu_features & XCR0_AVX512) != XCR0_AVX512)
            fpu_features &= ~XCR0_AVX512;
    }
    load_xcr0(fpu_features);
    if (cpu_id() == 0)
        fpu_state_size = cpuid_native(0xd, 0).b;    /* the size for what XCR0 now enables */
}

static void reset_area(void *area)
{
    struct xsave *x = area;
    memset(area, 0, fpu_state_size);
    x->legacy.fcw = FCW_RESET;
    x->legacy.mxcsr = MXCSR_RESET;
}

int fpu_vcpu_init(struct vcpu *v)
{
    v->fpu = hv_alloc(ROUND_UP(fpu_state_size, 64));
    if (!v->fpu)
        return -XEN_ENOMEM;
    HV_BUG_ON((unsigned long)v->fpu & 63);
    reset_area(v->fpu);
    v->xcr0 = fpu_features & XCR0_X87;
    v->fpu_cpu = NR_CPUS;
    return 0;
}

void fpu_vcpu_destroy(struct vcpu *v)
{
    for (unsigned int c = 0; c < NR_CPUS; c++)
        __atomic_compare_exchange_n(&owner[c], &(struct vcpu *){ v }, NULL, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    hv_free(v->fpu);
    v->fpu = NULL;
}

void fpu_save(struct vcpu *v)
{
    if (owner[cpu_id()] != v)
        return;
    clts();
    load_xcr0(fpu_features);                        /* SSE runs, and is to be kept, whatever XCR0 the guest has */
    if (!has_xsave)
        __asm__ __volatile__("fxsave64 (%0)" : : "r"(v->fpu) : "memory");
    else if (has_xsaveopt)
        __asm__ __volatile__("xsaveopt64 (%0)" : : "r"(v->fpu), "a"(~0u), "d"(~0u) : "memory");
    else
        __asm__ __volatile__("xsave64 (%0)" : : "r"(v->fpu), "a"(~0u), "d"(~0u) : "memory");
}

/* A state that came from outside (setvcpucontext, restore) was checked when it was taken in: the loads cannot fault. */
void fpu_restore(struct vcpu *v)
{
    unsigned int cpu = cpu_id();
    if (owner[cpu] != v || v->fpu_cpu != cpu) {
        clts();
        load_xcr0(fpu_features);                    /* what the guest switched off must still be replaced */
        if (keeps_pointers)
            replace_pointers();
        if (has_xsave)
            __asm__ __volatile__("xrstor64 (%0)" : : "r"(v->fpu), "a"(~0u), "d"(~0u) : "memory");
        else
            __asm__ __volatile__("fxrstor64 (%0)" : : "r"(v->fpu) : "memory");
        owner[cpu] = v;
        v->fpu_cpu = cpu;
    }
    load_xcr0(v->xcr0 ? v->xcr0 : fpu_features);
    if (v->cr0_ts || (read_cr0() & CR0_TS))
        fpu_set_ts(v->cr0_ts);
}

void fpu_set_xcr0(struct vcpu *v, uint64_t xcr0)
{
    v->xcr0 = xcr0;
    load_xcr0(xcr0);
}

void fpu_set_ts(bool on)
{
    on ? write_cr0(read_cr0() | CR0_TS) : clts();
}

void fpu_import_legacy(struct vcpu *v, const void *fxsave512)
{
    struct xsave *x = v->fpu;
    reset_area(v->fpu);
    memcpy(&x->legacy, fxsave512, FXSAVE_SIZE);
    x->legacy.mxcsr &= 0xffbf;                      /* reserved bits would make the load fault */
    x->xstate_bv = has_xsave ? XCR0_X87 | XCR0_SSE : 0;
    v->fpu_cpu = NR_CPUS;
}

void fpu_export_legacy(struct vcpu *v, void *fxsave512) { memcpy(fxsave512, v->fpu, FXSAVE_SIZE); }
