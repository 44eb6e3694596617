/* SPDX-License-Identifier: MIT */
/* Base types of the hypervisor, and the public ABI headers as the hypervisor sees them. Errors are the ABI's:
 * functions return 0 or a negative enum xen_errno (-XEN_EINVAL, ...). */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1     /* the latest interface version and the control-plane structs */
#endif
#include <xen/xen.h>
#include <xen/errno.h>
enum { XEN_ERESTART = 85 };     /* only inside: a call that stopped half way and is to be made again */

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))
#define ARRAY_SIZE(a)         (sizeof(a) / sizeof((a)[0]))
#define container_of(p, t, m) ((t *)((char *)(p) - offsetof(t, m)))
#define likely(x)             __builtin_expect(!!(x), 1)
#define unlikely(x)           __builtin_expect(!!(x), 0)
#define min(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define min_t(t, a, b) min((t)(a), (t)(b))
#define max_t(t, a, b) max((t)(a), (t)(b))
#define ROUND_UP(x, a)   (((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define ROUND_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define BIT(n)           (1UL << (n))
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define barrier()        __asm__ __volatile__("" ::: "memory")

#define __printf(f, a) __attribute__((format(printf, f, a)))
#define __aligned(n)   __attribute__((aligned(n)))
#define __packed       __attribute__((packed))
#define __noreturn     __attribute__((noreturn))
#define __unused       __attribute__((unused))
#define __weak_sym     __attribute__((weak))
#define noinline       __attribute__((noinline))
#define always_inline  inline __attribute__((always_inline))

typedef unsigned long mfn_t;    /* machine frame number */
typedef unsigned long paddr_t;  /* machine byte address */
typedef uint64_t      nsec_t;   /* nanoseconds of system time (since boot) */
typedef uint64_t      cpumask_t; /* one bit a CPU; NR_CPUS is 64 */

#define NR_CPUS      64
#define INVALID_MFN  (~0UL)
#define MFN_TO_PADDR(m) ((paddr_t)(m) << PAGE_SHIFT)
#define PADDR_TO_MFN(p) ((mfn_t)((p) >> PAGE_SHIFT))
struct domain; struct vcpu;

/* A value out of a guest-controlled range, clamped even under speculation. */
static inline unsigned long index_clamp(unsigned long i, unsigned long size)
{
    unsigned long mask = (unsigned long)((long)(i - size) >> 63);
#ifdef __x86_64__
    __asm__ __volatile__("cmp %1, %2; sbb %0, %0" : "=r"(mask) : "r"(size), "r"(i) : "cc");
#endif
    return i & mask;
}
