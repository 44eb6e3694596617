/* SPDX-License-Identifier: MIT */
/*
 * Bringing the console up, in two steps: polled output as soon as the command line is known, then, when memory,
 * interrupts and timers work, the full ring, input and debug keys.
 */
#include "console-internal.h"

#include <hv/lib.h>

#define DEFAULT_COM1 "115200,8n1"

/* Whether `name` is one of the comma-separated devices of console=. */
static bool list_has(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = list; p; p = strchr(p, ',')) {
        p += *p == ',';
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || !p[n]))
            return true;
    }
    return false;
}

/* console=: com1 (also when nothing is said); without it there is only the log ring. */
void console_init_early(const char *cmdline_console, const char *com1)
{
    if (*cmdline_console && !list_has(cmdline_console, "com1"))
        return;
    uart_init_early(*com1 ? com1 : DEFAULT_COM1);
}

void console_init(void)
{
    ring_init();
    debugkeys_init();
    input_init();
    uart_init();
}
