/* SPDX-License-Identifier: MIT */
/*
 * domctl: a vCPU's extended state, for save and restore: XCR0, the features ever enabled, then an XSAVE area in the
 * standard format (SDM 1, 13.4) of the size those features need. v->fpu is of that format too (cpu/fpu.c). An area that
 * comes in is checked so that the CPU can load it without a fault.
 */
#include "domctl.h"

#include <hv/cpu.h>
#include <hv/mm.h>

enum { XCR0_X87_BIT = 1, XCR0_SSE_BIT = 2, XCR0_AVX_BIT = 4, XCR0_AVX512_BITS = 0xe0 };
#define CPUID1_ECX_OSXSAVE BIT(27)
#define MXCSR_OFFSET    24
#define MXCSR_KNOWN     0xffffu
#define LEGACY_SIZE     512

struct xstate_prefix { uint64_t xcr0, accum; };
struct xsave_header { uint64_t xstate_bv, xcomp_bv, reserved[6]; };

#define AREA_MIN (LEGACY_SIZE + sizeof(struct xsave_header))

static bool have_xsave(void)
{
    return cpuid_native(1, 0).c & CPUID1_ECX_OSXSAVE;
}

static size_t area_size(uint64_t features)
{
    size_t size = AREA_MIN;

    for (unsigned int i = 2; i < 63; i++) {
        struct cpuid_regs r;

        if (!(features & BIT(i)))
            continue;
        r = cpuid_native(0xd, i);
        size = max(size, (size_t)r.a + r.b);
    }
    return min(size, (size_t)fpu_state_size);
}

/* As XSETBV would take it. */
static bool xcr0_ok(uint64_t xcr0)
{
    uint64_t avx512 = xcr0 & XCR0_AVX512_BITS;

    return !(xcr0 & ~fpu_features) && (xcr0 & XCR0_X87_BIT) && (!(xcr0 & XCR0_AVX_BIT) || (xcr0 & XCR0_SSE_BIT)) &&
           (!avx512 || (avx512 == XCR0_AVX512_BITS && (xcr0 & XCR0_AVX_BIT)));
}

static void *area_address(const struct xen_domctl_vcpuextstate *op)
{
    return (void *)((unsigned long)op->buffer.p + sizeof(struct xstate_prefix));
}

/* Without a buffer, or with size and mask 0: what a caller has to bring. */
long domctl_getvcpuextstate(void *ctx, void *arg)
{
    struct domain *d = ctx;
    struct xen_domctl_vcpuextstate *op = &((struct xen_domctl *)arg)->u.vcpuextstate;
    struct vcpu *v = domctl_vcpu(d, op->vcpu);
    struct xstate_prefix prefix;
    size_t size = 0;
    long rc;

    if (!v)
        return -XEN_ESRCH;
    domain_pause(d);
    prefix.xcr0 = prefix.accum = v->xcr0 ? v->xcr0 : fpu_features;
    if (have_xsave())
        size = sizeof(prefix) + area_size(prefix.accum);
    rc = 0;
    if (handle_is_null(op->buffer) || (!op->size && !op->xfeature_mask)) {
        op->size = size;
        op->xfeature_mask = fpu_features;
    } else if (op->size != size || op->xfeature_mask != fpu_features) {
        rc = -XEN_EINVAL;
    } else if (size && (copy_to_guest(op->buffer.p, &prefix, sizeof(prefix)) ||
                        copy_to_guest(area_address(op), v->fpu, size - sizeof(prefix)))) {
        rc = -XEN_EFAULT;
    }
    domain_unpause(d);
    return rc;
}

static bool area_ok(const uint8_t *area, uint64_t features)
{
    struct xsave_header h;
    uint32_t mxcsr;

    memcpy(&h, area + LEGACY_SIZE, sizeof(h));
    memcpy(&mxcsr, area + MXCSR_OFFSET, sizeof(mxcsr));
    for (unsigned int i = 0; i < ARRAY_SIZE(h.reserved); i++) {
        if (h.reserved[i])
            return false;
    }
    return !(h.xstate_bv & ~features) && !h.xcomp_bv && !(mxcsr & ~MXCSR_KNOWN);
}

long domctl_setvcpuextstate(void *ctx, void *arg)
{
    struct domain *d = ctx;
    const struct xen_domctl_vcpuextstate *op = &((struct xen_domctl *)arg)->u.vcpuextstate;
    struct vcpu *v = domctl_vcpu(d, op->vcpu);
    struct xstate_prefix prefix;
    uint8_t *area;
    size_t size;
    long rc = 0;

    if (!v)
        return -XEN_ESRCH;
    if (!have_xsave() || op->size < sizeof(prefix) + AREA_MIN)
        return -XEN_EINVAL;
    if (copy_from_guest(&prefix, op->buffer.p, sizeof(prefix)))
        return -XEN_EFAULT;
    size = op->size - sizeof(prefix);
    if (!xcr0_ok(prefix.xcr0) || (prefix.xcr0 & ~prefix.accum) || (prefix.accum & ~fpu_features) ||
        size > area_size(prefix.accum))
        return -XEN_EINVAL;
    area = hv_alloc(size);
    if (!area)
        return -XEN_ENOMEM;
    if (copy_from_guest(area, area_address(op), size))
        rc = -XEN_EFAULT;
    else if (!area_ok(area, prefix.accum))
        rc = -XEN_EINVAL;
    if (!rc) {
        domain_pause(d);
        memset(v->fpu, 0, fpu_state_size);
        memcpy(v->fpu, area, size);
        v->xcr0 = prefix.xcr0;
        v->fpu_cpu = NR_CPUS;       /* no CPU's registers hold this state */
        domain_unpause(d);
    }
    hv_free(area);
    return rc;
}
