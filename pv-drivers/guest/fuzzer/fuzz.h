/* SPDX-License-Identifier: MIT */
/*
 * The hypercall fuzzer's rooms: values (what arguments are drawn from), rows (every hypercall and sub-operation, with
 * the shape of its arguments), mmu (page-table trees and updates with an expected refusal), special (iret, multicall,
 * grants, descriptors).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "../hypercall.h"

#define NR_SCRATCH 64  /* pages whose frames and mappings are played with */
#define BUF_SIZE   512 /* largest argument structure of one call */

/* values.c */
extern unsigned char *scratch[NR_SCRATCH];
extern unsigned long scratch_mfn[NR_SCRATCH];
extern domid_t own_domid;
void values_init(uint64_t seed);
uint64_t rnd(void);
static inline unsigned int below(unsigned int n) { return (unsigned int)(rnd() >> 33) % n; }
static inline bool chance(unsigned int percent) { return below(100) < percent; }
uint64_t any_number(void);               /* small, an edge, or anything */
uint64_t bad_pointer(void);              /* nothing may be written through it */
uint64_t good_pointer(void);             /* a page of ours that holds nothing */
void *guarded_pages(unsigned int order); /* 2^order pages, an unmapped one behind them */
unsigned long last_free_bytes(size_t n); /* address of the last n bytes that good pointers may reach */
uint64_t any_frame(void);                /* ours, a page table of ours, somebody's, nobody's */
uint64_t not_our_frame(void);
uint64_t any_pte(void);
/* A value of a kind: the letters are explained at values.c's table. Its size in bytes is returned through *size. */
uint64_t value_of(char kind, unsigned int cmd, unsigned int *size);

/* rows.c */
void rows_init(void);
struct call {
    const char *name;
    unsigned long nr, args[5];
    bool plain; /* result is not an errno: any value will do */
};
void row_call(struct call *c, unsigned int buffer);
void row_call_nth(struct call *c, unsigned int row, unsigned int cmd, unsigned int buffer);
unsigned int row_count(void);
unsigned int row_cmds(unsigned int row);
#define NR_BUFFERS 16

/* fuzz.c */
long fuzz_do(const struct call *c); /* makes the call, checks its result */
void fuzz_check(const char *what, long rc, bool plain);
void fuzz_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* mmu.c and special.c: one random act each */
void mmu_act(void);
void special_init(void);
void special_act(void);
void special_restore(void); /* callbacks and debug registers as this kernel needs them */
/* kill.c: acts that the ABI punishes with the domain's end; returns only when this one did not */
void kill_act(unsigned long which);

#endif
