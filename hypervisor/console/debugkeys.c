/* SPDX-License-Identifier: MIT */
/*
 * Debug keys: one character, one report on the console. Rooms register theirs at boot, on the boot CPU; afterwards the
 * table is only read, so it needs no lock. Handlers run from exit work with no lock held, interrupts off.
 */
#include "console-internal.h"

#include <hv/cpu.h>
#include <hv/lib.h>

#define NR_KEYS 128

static struct { const char *desc; void (*fn)(char key); } keys[NR_KEYS];

void debugkey_register(char key, const char *desc, void (*fn)(char key))
{
    unsigned int k = (unsigned char)key;

    HV_ASSERT(k < NR_KEYS && !keys[k].fn);
    keys[k].desc = desc;
    keys[k].fn = fn;
}

void debugkey_handle(char key)
{
    unsigned int k = (unsigned char)key;

    if (k >= NR_KEYS || !keys[k].fn)
        return;
    console_printf("'%c': %s\n", key, keys[k].desc);
    keys[k].fn(key);
}

static void show_help(char key)
{
    (void)key;
    for (unsigned int k = 0; k < NR_KEYS; k++)
        if (keys[k].fn)
            console_printf(" %c  %s\n", (char)k, keys[k].desc);
}

static void reboot(char key)
{
    (void)key;
    machine_reboot();
}

void debugkeys_init(void)
{
    debugkey_register('h', "show this help", show_help);
    debugkey_register('R', "reboot the machine", reboot);
}
