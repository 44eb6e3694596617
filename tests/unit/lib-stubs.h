/* SPDX-License-Identifier: MIT */
/* Shared by the unit tests of lib/, console/ and boot/: see lib-stubs.c. */
#ifndef LIB_STUBS_H
#define LIB_STUBS_H

#include <setjmp.h>
#include <stdio.h>

#include <hv/console.h>
#include <hv/lib.h>

extern jmp_buf panic_target;
extern bool panic_expected;
extern char panic_text[256];
extern unsigned long alloc_fail_after;      /* hv_alloc() fails after so many more calls; ~0: never */
extern unsigned int fake_cpu_number, poll_count;
extern void (*poll_hook)(void);             /* called by cpu_poll_requests() */

void stub_panic(const char *fmt, va_list ap) __noreturn;

/* True when the statement panicked. */
#define EXPECT_PANIC(statement) ({                  \
    volatile bool panicked_ = false;                \
    panic_expected = true;                          \
    if (setjmp(panic_target) == 0) { statement; }   \
    else panicked_ = true;                          \
    panic_expected = false;                         \
    panicked_;                                      \
})

/* A small generator: tests must not change from run to run. */
static inline uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005UL + 1442695040888963407UL;
    return (uint32_t)(*state >> 33);
}

#endif
