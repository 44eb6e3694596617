/* SPDX-License-Identifier: MIT */
/* Console output goes to stderr when asked for; a panic fails the test. */
#include <stdio.h>
#include <stdlib.h>
#include "fake.h"

unsigned int fake_log_lines;
bool fake_verbose;

static void out(const char *prefix, const char *fmt, va_list ap)
{
    __atomic_fetch_add(&fake_log_lines, 1, __ATOMIC_RELAXED);
    if (!fake_verbose && !getenv("FAKE_VERBOSE"))
        return;
    fputs(prefix, stderr);
    vfprintf(stderr, fmt, ap);
}

#define OUT(prefix) do { va_list ap; va_start(ap, fmt); out(prefix, fmt, ap); va_end(ap); } while (0)

__weak_sym void log_msg(enum loglevel level, const char *fmt, ...) { (void)level; OUT("(VLM) "); }
__weak_sym void log_guest(enum loglevel level, const struct domain *d, const char *fmt, ...)
{
    (void)level;
    (void)d;
    OUT("(guest) ");
}
__weak_sym void console_printf(const char *fmt, ...) { OUT(""); }

__weak_sym void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("PANIC: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}

__weak_sym void debugkey_register(char key, const char *desc, void (*fn)(char key)) { (void)key; (void)desc; (void)fn; }
