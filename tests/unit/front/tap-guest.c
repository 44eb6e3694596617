/* SPDX-License-Identifier: MIT */
/* What nettest and netstack find of the guest kernel, in a process; their main is guest_main there. */
#include "../../../pv-drivers/guest/nettest.c"

#include <stdio.h>
#include <stdlib.h>

const char *guest_options;

static const char *find(const char *name)
{
    const char *p = strstr(guest_options, name);

    return p && p[strlen(name)] == '=' && (p == guest_options || p[-1] == ' ') ? p + strlen(name) + 1 : NULL;
}

unsigned long option(const char *name, unsigned long otherwise)
{
    const char *p = find(name);

    return p ? strtoul(p, NULL, 10) : otherwise;
}

bool option_text(const char *name, char *buf, size_t size)
{
    const char *p = find(name);

    if (!p)
        return false;
    snprintf(buf, size, "%.*s", (int)(strchr(p, ' ') ? strchr(p, ' ') - p : (long)strlen(p)), p);
    return true;
}

bool option_word(const char *word) { return strstr(guest_options, word) != NULL; }

uint64_t time_now(void) { return os_time(); }

void control_init(void) {}

void print(const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    fputs(line, stderr);
    if (strstr(line, "FAILED"))
        _Exit(1);
}

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    _Exit(1);
}
