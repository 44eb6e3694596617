/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define GUEST_BURST 10

static char name[48] = "vellum-back";
bool log_verbose;

void log_name(const char *program, int domid)
{
    if (domid >= 0)
        snprintf(name, sizeof(name), "%s[%d]", program, domid);
    else
        snprintf(name, sizeof(name), "%s", program);
}

/* One write a line, so that the lines of several processes in one file do not mix. */
static void line(const char *fmt, va_list ap)
{
    char text[1024];
    int n = snprintf(text, sizeof(text), "%s: ", name);

    n += vsnprintf(text + n, sizeof(text) - (size_t)n - 1, fmt, ap);
    if (n > (int)sizeof(text) - 2)
        n = (int)sizeof(text) - 2;
    text[n++] = '\n';
    if (write(STDERR_FILENO, text, (size_t)n) < 0)
        return;
}

void log_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    line(fmt, ap);
    va_end(ap);
}

void log_info(const char *fmt, ...)
{
    va_list ap;

    if (!log_verbose)
        return;
    va_start(ap, fmt);
    line(fmt, ap);
    va_end(ap);
}

void log_guest(const char *fmt, ...)
{
    static int tokens = GUEST_BURST;
    static unsigned left_out;
    static time_t last;
    struct timespec now;
    va_list ap;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec != last && tokens < GUEST_BURST) {
        tokens++;
        last = now.tv_sec;
    }
    if (!tokens) {
        left_out++;
        return;
    }
    tokens--;
    if (left_out)
        log_error("%u more messages about the guest were left out", left_out);
    left_out = 0;
    va_start(ap, fmt);
    line(fmt, ap);
    va_end(ap);
}
