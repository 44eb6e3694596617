/* SPDX-License-Identifier: MIT */
/* What the files of hypercall/ share: tables of sub-operations, indexed by number, and helpers of the control
 * interfaces. The argument is copied in once, the row's handler checks and acts, the result is copied out; what was
 * done for want of a place to write its result to is undone. -XEN_ERESTART from a handler makes the call again. */
#ifndef HYPERCALL_PRIVATE_H
#define HYPERCALL_PRIVATE_H

#include <hv/boot.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/event.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/pagetable.h>
#include <hv/policy.h>
#include <hv/x86.h>

#include <xen/sysctl.h>

enum {
    SUB_PRIV = 1 << 0,          /* only for privileged domains: -XEN_EPERM */
    SUB_OUT = 1 << 1,           /* the argument is copied out on success */
    SUB_OUT_ALWAYS = 1 << 2,    /* ...and on failure: it says what was wrong */
    SUB_OTHER = 1 << 3,         /* domctl: a domain may not do it to itself (-XEN_EINVAL) */
    SUB_NODOM = 1 << 4,         /* domctl: the handler looks for the domain itself */
    SUB_SELF = 1 << 5,          /* vcpu_op: the caller's own vCPU only (-XEN_EINVAL) */
    SUB_VCPU = 1 << 6,          /* domctl: ctx is the vCPU that the argument's first word names; -error */
    SUB_PAUSED = 1 << 7,        /* domctl: the domain, another one, stands still meanwhile */
};

struct subop {
    long (*fn)(void *ctx, void *arg);       /* NULL: refused with -error; that is 0 where the ABI has nothing */
    void (*undo)(void *ctx, void *arg);     /* takes back what fn did when the result cannot be copied out; or NULL */
    uint16_t size;                          /* of the argument */
    uint16_t error;                         /* XEN_E* */
    uint8_t flags;
};

/* A row; the initialisers after the size are .flags, .undo, .error as needed. */
#define SUBOP(f, sz, ...) { .fn = (f), .size = (sz), __VA_ARGS__ }
#define SUBOP_REFUSED(err) { .error = XEN_##err }
#define SUBOP_MAX_ARG 160

/* Defines the handler `name` of a row: `{ body }` follows and sees its context as `ctx` and its argument as `op`. */
#define SUBOP_HANDLER(name, ctx_type, ctx, arg_type) \
    static long name##_body(ctx_type *ctx, arg_type *op); \
    static long name(void *c, void *arg) { return name##_body(c, arg); } \
    static long name##_body(ctx_type *ctx __unused, arg_type *op __unused)
/* The same where the argument is a member of union u of `outer`. */
#define SUBOP_HANDLER_U(name, ctx_type, ctx, outer, member) \
    static long name##_body(ctx_type *ctx, __typeof__(((outer *)0)->u.member) *op); \
    static long name(void *c, void *arg) { return name##_body(c, &((outer *)arg)->u.member); } \
    static long name##_body(ctx_type *ctx __unused, __typeof__(((outer *)0)->u.member) *op __unused)

/* The row of cmd, clamped; NULL and *error set when it is not there, refused, or needs a privilege the caller lacks. */
const struct subop *subop_find(const struct subop *table, unsigned int count, unsigned int cmd, long *error);
/* Copies the argument in from garg, runs the row, copies out; subop_finish: it was copied to arg already. */
long subop_run(const struct subop *row, void *ctx, unsigned long garg);
long subop_finish(const struct subop *row, void *ctx, void *arg, unsigned long garg);
/* Finds the row and runs it. */
long subop_call(const struct subop *table, unsigned int count, unsigned int cmd, unsigned long garg);
#define SUBOP_CALL(table, cmd, garg) subop_call((table), ARRAY_SIZE(table), (unsigned int)(cmd), (garg))

/* A control interface: for privileged domains; its structure begins with the command and the interface's version.
 * Copies `size` bytes in to arg. 0, -XEN_EPERM, -XEN_EFAULT, -XEN_EACCES: another version. */
long ctl_begin(void *arg, size_t size, uint32_t version, unsigned long garg);
long ctl_call(const struct subop *table, unsigned int count, size_t size, uint32_t version, unsigned long garg);
/* A CPU or node set from the caller; bits from NR_CPUS up are ignored. 0, -XEN_EFAULT. */
int ctl_bitmap_get(uint64_t *map, const struct xenctl_bitmap *from);
/* The set, zero filled to the size the caller gave. 0, -XEN_EFAULT, -XEN_EINVAL: absurdly large. */
int ctl_bitmap_put(const struct xenctl_bitmap *to, uint64_t map);
/* XEN_DOMCTL_getdomaininfo's answer for d. No lock: each field is right by itself, as the ABI's users expect. */
void ctl_domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info);
/* All CPUs of a machine that we run on are of one kind. */
struct ctl_cpu_version { char vendor[12]; uint32_t family, model, stepping; };
struct ctl_cpu_version ctl_cpu_version(void);
/* Where a CPU is: core of its socket, socket, node. */
struct xen_sysctl_cputopo ctl_cpu_place(unsigned int cpu);

/* Frame m of d with a reference, or also a use as `type` (frame_get_and_type); NULL: it cannot be had. */
static inline struct frame *get_frame(mfn_t m, const struct domain *d)
{
    return mfn_valid(m) && frame_get(mfn_to_frame(m), d) ? mfn_to_frame(m) : NULL;
}
static inline struct frame *get_frame_as(mfn_t m, const struct domain *d, uint64_t type)
{
    return mfn_valid(m) && frame_get_and_type(mfn_to_frame(m), d, type) ? mfn_to_frame(m) : NULL;
}

/* NULL: d has no such vCPU. */
static inline struct vcpu *domain_vcpu(const struct domain *d, uint32_t id)
{
    return id < d->max_vcpus ? d->vcpu[index_clamp(id, d->max_vcpus)] : NULL;
}

/* v's one-shot timer fires at system time `at`, on the CPU that v, which is current, runs on. */
static inline void vcpu_set_singleshot(struct vcpu *v, nsec_t at)
{
    if (unlikely(v->singleshot.cpu != cpu_id()))
        timer_migrate(&v->singleshot, cpu_id());
    timer_set(&v->singleshot, at);
}

/* Takes v off its CPU for good, or lets it run (VGCF_online, VCPUOP_up and down). Does not wait. */
void vcpu_set_down(struct vcpu *v, bool down);
/* Gives v, whose domain's ctl_lock is held, the context at guest address garg. Also -XEN_ENOMEM, -XEN_EFAULT. */
long vcpu_context_load(struct vcpu *v, unsigned long garg, bool again);
/* v's LDT: -XEN_EINVAL, unchanged (descriptor.c). */
int vcpu_set_ldt(struct vcpu *v, unsigned long base, unsigned long entries);
/* An NMI for v's guest kernel; one that is pending already is enough. */
void vcpu_send_nmi(struct vcpu *v);

/* domctl_vcpu.c: the rows whose context is a vCPU. */
#define DOMCTL_VCPU_OPS (XEN_DOMCTL_set_vcpu_msrs + 1)
extern const struct subop domctl_vcpu_ops[DOMCTL_VCPU_OPS];

#endif
