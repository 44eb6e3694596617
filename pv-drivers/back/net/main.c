/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/stats.h"
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

enum { OPT_DOMAIN = 256, OPT_ALL, OPT_STATS, OPT_DAEMON, OPT_LOG, OPT_VERBOSE, OPT_QUIET, OPT_QUEUES, OPT_CHECK, OPT_NOOFF,
       OPT_SCRIPT, OPT_TYPE, OPT_STATE, OPT_WORKER, OPT_HELP, OPT_VERSION };

static const struct option longs[] = {
    { "domain", required_argument, NULL, OPT_DOMAIN }, { "all", no_argument, NULL, OPT_ALL },
    { "stats", optional_argument, NULL, OPT_STATS }, { "daemon", no_argument, NULL, OPT_DAEMON },
    { "log", required_argument, NULL, OPT_LOG }, { "verbose", no_argument, NULL, OPT_VERBOSE },
    { "quiet", no_argument, NULL, OPT_QUIET }, { "queues", required_argument, NULL, OPT_QUEUES },
    { "antispoof", required_argument, NULL, OPT_CHECK }, { "no-offload", no_argument, NULL, OPT_NOOFF },
    { "script", required_argument, NULL, OPT_SCRIPT }, { "type", required_argument, NULL, OPT_TYPE },
    { "state-dir", required_argument, NULL, OPT_STATE }, { "worker", required_argument, NULL, OPT_WORKER },
    { "help", no_argument, NULL, OPT_HELP }, { "version", no_argument, NULL, OPT_VERSION }, { NULL, 0, NULL, 0 },
};

#define FIELD(f) { #f, offsetof(struct net_state, stats.f) }
static const struct stats_field fields[] = {
    FIELD(rx_packets), FIELD(rx_bytes), FIELD(rx_errors), FIELD(rx_dropped), FIELD(tx_packets), FIELD(tx_bytes),
    FIELD(tx_errors), FIELD(tx_dropped), FIELD(tx_spoofed), FIELD(gso_packets), FIELD(events), FIELD(notifications),
    FIELD(throttled), FIELD(connects),
};
static const struct stats_kind stats_kind = {
    "vellum-netd", "net", sizeof(struct net_state), sizeof(fields) / sizeof(fields[0]), fields,
};

/* A number in bounds, or the end of the program. */
static unsigned number(const char *option, const char *text, unsigned min, unsigned max)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || n < min || n > max) {
        fprintf(stderr, "vellum-netd: --%s wants a number from %u to %u, not '%s'\n", option, min, max, text);
        exit(2);
    }
    return (unsigned)n;
}

static const char *check(const char *word)
{
    if (strcmp(word, "none") && strcmp(word, "mac") && strcmp(word, "ip")) {
        fprintf(stderr, "vellum-netd: --antispoof wants none, mac or ip, not '%s'\n", word);
        exit(2);
    }
    return word;
}

int main(int argc, char **argv)
{
    struct iface_options ifaces = { .queues = NET_QUEUES_MAX };
    struct daemon_options run = { .domid = -2, .argv = calloc((size_t)argc + 1, sizeof(char *)) };
    struct backend_kind kind = iface_kind;
    struct keeper keeper = { .kind = &kind, .options = &ifaces, .state_dir = "/run/vellum" };
    bool stats = false;
    int c, which;

    log_name("vellum-netd", -1);
    run.argv[run.argc++] = argv[0];
    while ((c = getopt_long(argc, argv, "", longs, &which)) != -1) {
        const char *name = c == '?' ? "" : longs[which].name;

        switch (c) {
        case OPT_DOMAIN: run.domid = (int)number(name, optarg, 0, 0x7fef); continue;
        case OPT_ALL: run.domid = -1; continue;
        case OPT_STATS: stats = true; continue;
        case OPT_DAEMON: run.background = true; continue;
        case OPT_LOG: run.log_file = optarg; continue;
        case OPT_WORKER: return worker_main((uint16_t)number(name, optarg, 0, 0x7fef));
        case OPT_QUIET: continue;
        case OPT_HELP: fputs(help, stdout); return 0;
        case OPT_VERSION: puts("vellum-netd " PACKAGE_VERSION); return 0;
        case OPT_VERBOSE: log_verbose = true; break;
        case OPT_QUEUES: ifaces.queues = number(name, optarg, 1, NET_QUEUES_MAX); break;
        case OPT_CHECK: ifaces.check = check(optarg); break;
        case OPT_NOOFF: ifaces.no_offload = true; break;
        case OPT_SCRIPT: ifaces.script = optarg; break;
        case OPT_TYPE: kind.type = optarg; break;
        case OPT_STATE: snprintf(keeper.state_dir, sizeof(keeper.state_dir), "%s", optarg); break;
        default: fputs(help, stderr); return 2;
        }
        /* What a supervisor hands on to each keeper. */
        if (asprintf(&run.argv[run.argc], optarg ? "--%s=%s" : "--%s", name, optarg) >= 0)
            run.argc++;
    }
    if (stats)
        return stats_print(&stats_kind, keeper.state_dir, optind < argc ? (int)number("stats", argv[optind], 0, 0x7fef) : -1);
    if (run.domid == -2 || optind < argc) {
        fputs(help, stderr);
        return 2;
    }
    return daemon_run(&keeper, &run);
}
