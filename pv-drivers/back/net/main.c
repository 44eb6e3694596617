/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/program.h"
#include "iface.h"
#include "wire.h"
#include "worker.h"

static const char help[] =
    "usage: vellum-netd [OPTION]... --domain N | --all | --stats [N]\n"
    "Serves the network interfaces of a guest (back-end type `vnif`): each is a tap device in this domain, with checksum\n"
    "and segmentation offload end to end. Ends by itself when the guest has no such interfaces left.\n"
    "\n"
    "  --domain N       the guest\n"
    "  --all            every guest that has such interfaces, each by a process of its own, started again should it die\n"
    "  --stats [N]      print the counters of all guests' interfaces, or of guest N's, as JSON\n"
    "  --daemon         go into the background\n"
    "  --log FILE       with --daemon: append messages to FILE\n"
    "  --verbose        say more\n"
    "  --queues N       most queues that are offered an interface, 1 to 4 (default 4)\n"
    "  --antispoof WHAT none, mac or ip: what a guest's packets must carry, where the node `antispoof` says nothing\n"
    "  --no-offload     no checksum or segmentation offload\n"
    "  --script FILE    run this hotplug script, where no toolstack does\n"
    "  --type WORD      the folder below backend/ in xenstore (default vnif; `vif` where xen-netback is not loaded)\n"
    "  --state-dir DIR  counters and locks (default /run/vellum)\n"
    "  --help, --version\n";

#define FIELD(f) { #f, offsetof(struct net_state, stats.f) }
static const struct stats_field fields[] = {
    FIELD(rx_packets), FIELD(rx_bytes), FIELD(rx_errors), FIELD(rx_dropped), FIELD(tx_packets), FIELD(tx_bytes),
    FIELD(tx_errors), FIELD(tx_dropped), FIELD(tx_spoofed), FIELD(gso_packets), FIELD(events), FIELD(notifications),
    FIELD(throttled), FIELD(connects),
};
static const struct stats_kind stats_kind = {
    "vellum-netd", "net", sizeof(struct net_state), sizeof(fields) / sizeof(fields[0]), fields,
};

static struct iface_options ifaces = { .queues = NET_QUEUES_MAX };

static void set_queues(const char *text) { ifaces.queues = program_number("queues", text, 1, NET_QUEUES_MAX); }
static void set_script(const char *text) { ifaces.script = text; }
static void set_no_offload(const char *text) { ifaces.no_offload = !text; }

static void set_antispoof(const char *text)
{
    if (strcmp(text, "none") && strcmp(text, "mac") && strcmp(text, "ip")) {
        fprintf(stderr, "vellum-netd: --antispoof wants none, mac or ip, not '%s'\n", text);
        exit(2);
    }
    ifaces.check = text;
}

static const struct program_option own[] = {
    { "queues", true, set_queues }, { "antispoof", true, set_antispoof }, { "no-offload", false, set_no_offload },
    { "script", true, set_script },
};

int main(int argc, char **argv)
{
    struct program p = { &iface_kind, &ifaces, help, &stats_kind, own, sizeof(own) / sizeof(own[0]), NULL, worker_main };

    return program_main(&p, argc, argv);
}
