/* SPDX-License-Identifier: MIT */
/* panic() and logging for unit tests that do not link console/. */
#include <string.h>

#include "lib-stubs.h"

char last_log[512];

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    stub_panic(fmt, ap);
}

void log_msg(enum loglevel level, const char *fmt, ...)
{
    va_list ap;
    size_t used = strlen(last_log);

    (void)level;
    va_start(ap, fmt);
    hv_vsnprintf(last_log + used, sizeof(last_log) - used, fmt, ap);
    va_end(ap);
}
