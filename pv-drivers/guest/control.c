/* SPDX-License-Identifier: MIT */
/*
 * What the toolstack asks through xenstore's control/shutdown: watched, and acknowledged by writing it back empty.
 */
#include "hypercall.h"

static const struct {
    const char *request;
    unsigned int reason;
} requests[] = {
    {"poweroff", SHUTDOWN_poweroff},
    {"halt", SHUTDOWN_poweroff},
    {"reboot", SHUTDOWN_reboot},
};

void control_init(void)
{
    char path[64];

    for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
        format(path, sizeof(path), "control/feature-%s", requests[i].request);
        store_write(path, "1");
    }
    store_watch("control/shutdown");
}

void control_check(void)
{
    char value[32];

    if (!store_changed() || store_read("control/shutdown", value, sizeof(value)) <= 0)
        return;
    for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
        if (strcmp(value, requests[i].request))
            continue;
        store_write("control/shutdown", "");
        print("%s\n", value);
        shutdown(requests[i].reason);
    }
    print("control/shutdown asks \"%s\", which this kernel does not do\n", value);
}
