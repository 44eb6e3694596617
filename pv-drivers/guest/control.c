/* SPDX-License-Identifier: MIT */
/*
 * What the toolstack asks through xenstore's control/shutdown: watched, and acknowledged by writing it back empty.
 */
#include "hypercall.h"

#include <front/store.h>

static const struct {
    const char *request;
    unsigned int reason;
} requests[] = {
    {"suspend", SHUTDOWN_suspend},
    {"poweroff", SHUTDOWN_poweroff},
    {"halt", SHUTDOWN_poweroff},
    {"reboot", SHUTDOWN_reboot},
};

static void on_shutdown(struct store_watch *w)
{
    char value[32];

    if (store_read(0, w->path, NULL, value, sizeof(value)) <= 0)
        return;
    for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
        if (strcmp(value, requests[i].request))
            continue;
        store_write(0, w->path, NULL, "");
        print("%s\n", value);
        if (requests[i].reason != SHUTDOWN_suspend)
            shutdown(requests[i].reason);
        suspend();
        return;
    }
    print("control/shutdown asks \"%s\", which this kernel does not do\n", value);
}

void control_init(void)
{
    static struct store_watch watch = {.path = "control/shutdown", .fn = on_shutdown};
    char node[32];

    for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
        format(node, sizeof(node), "feature-%s", requests[i].request);
        store_write(0, "control", node, "1");
    }
    store_watch(&watch);
    balloon_init();
}
