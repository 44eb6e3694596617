/* SPDX-License-Identifier: MIT */
/*
 * A hypercall with sub-operations is a table of these rows, indexed by the sub-operation's number; rows without a
 * name are numbers the ABI does not have. A sub-operation is copied in once, checked, done, copied out. What it does
 * wrong for want of a place to write its result to is undone.
 */
#ifndef HYPERCALL_SUBOP_H
#define HYPERCALL_SUBOP_H

#include <hv/types.h>

enum {
    SUB_PRIV = 1 << 0,      /* only for privileged domains: -XEN_EPERM */
    SUB_OUT = 1 << 1,       /* the argument is copied out on success */
    SUB_OUT_ALWAYS = 1 << 2, /* ...and on failure: it says what was wrong */
    SUB_OTHER = 1 << 3,     /* domctl: a domain may not do it to itself (-XEN_EINVAL) */
    SUB_NODOM = 1 << 4,     /* domctl: the handler looks for the domain itself */
    SUB_SELF = 1 << 5,      /* vcpu_op: the caller's own vCPU only (-XEN_EINVAL) */
};

struct subop {
    const char *name;
    long (*fn)(void *ctx, void *arg);       /* NULL: refused with -error */
    void (*undo)(void *ctx, void *arg);     /* takes back what fn did when the result cannot be copied out; or NULL */
    uint16_t size;                          /* of the argument */
    uint16_t error;                         /* XEN_E* of a refused one */
    uint8_t flags;
};

/* Rows of the tables. */
#define SUBOP(n, f, sz, fl)        { .name = (n), .fn = (f), .size = (sz), .flags = (fl) }
#define SUBOP_UNDO(n, f, u, sz, fl) { .name = (n), .fn = (f), .undo = (u), .size = (sz), .flags = (fl) }
#define SUBOP_REFUSED(n, err, fl)  { .name = (n), .error = (err), .flags = (fl) }

#define SUBOP_MAX_ARG 160

/* The row of cmd, clamped; NULL and *error set when it is not there, refused, or needs a privilege the caller lacks. */
const struct subop *subop_find(const struct subop *table, unsigned int count, unsigned int cmd, long *error);
/* Copies the argument in from guest address garg, runs the row, copies out. */
long subop_run(const struct subop *row, void *ctx, unsigned long garg);

#endif
