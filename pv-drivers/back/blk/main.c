/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/stats.h"
#include "disk.h"
#include "journal.h"
#include "worker.h"

static const char help[] =
    "usage: vellum-blkd [OPTION]... --domain N | --all | --stats [N]\n"
    "Serves the disks of a guest (back-end type `qdisk`) from raw files, block devices and, through qemu-nbd and nbdkit,\n"
    "from all other formats and places. Ends by itself when the guest has no disks left.\n"
    "\n"
    "  --domain N         the guest\n"
    "  --all              every guest that has such disks, each by a process of its own, started again should it die\n"
    "  --stats [N]        print the counters of all guests' disks, or of guest N's, as JSON\n"
    "  --daemon           go into the background\n"
    "  --log FILE         with --daemon: append messages to FILE\n"
    "  --verbose          say more\n"
    "  --queues N         most queues that are offered a disk, 1 to 4 (default 4)\n"
    "  --ring-order N     most ring pages a queue, as a power of 2, 0 to 4 (default 4)\n"
    "  --no-persistent    copy grants, instead of keeping the front-end's pages mapped\n"
    "  --buffered         use dom0's page cache, not O_DIRECT\n"
    "  --folder DIR       backing files of images must be below DIR (default: the folder of each image)\n"
    "  --timeout SECONDS  how long requests wait for a lost NBD server before they fail (default 30)\n"
    "  --type WORD        the folder below backend/ in xenstore (default qdisk)\n"
    "  --state-dir DIR    what a successor needs, locks and sockets (default /run/vellum)\n"
    "  --help, --version\n";

enum { OPT_DOMAIN = 256, OPT_ALL, OPT_STATS, OPT_DAEMON, OPT_LOG, OPT_VERBOSE, OPT_QUIET, OPT_NBD, OPT_QUEUES, OPT_ORDER, OPT_NOPERS,
       OPT_BUFFERED, OPT_FOLDER, OPT_TIMEOUT, OPT_TYPE, OPT_STATE, OPT_WORKER, OPT_HELP, OPT_VERSION };

static const struct option longs[] = {
    { "domain", required_argument, NULL, OPT_DOMAIN }, { "all", no_argument, NULL, OPT_ALL },
    { "stats", optional_argument, NULL, OPT_STATS }, { "daemon", no_argument, NULL, OPT_DAEMON },
    { "log", required_argument, NULL, OPT_LOG }, { "verbose", no_argument, NULL, OPT_VERBOSE },
    { "quiet", no_argument, NULL, OPT_QUIET }, { "nbd", no_argument, NULL, OPT_NBD }, { "queues", required_argument, NULL, OPT_QUEUES },
    { "ring-order", required_argument, NULL, OPT_ORDER }, { "no-persistent", no_argument, NULL, OPT_NOPERS },
    { "buffered", no_argument, NULL, OPT_BUFFERED }, { "folder", required_argument, NULL, OPT_FOLDER },
    { "timeout", required_argument, NULL, OPT_TIMEOUT }, { "type", required_argument, NULL, OPT_TYPE },
    { "state-dir", required_argument, NULL, OPT_STATE }, { "worker", required_argument, NULL, OPT_WORKER },
    { "help", no_argument, NULL, OPT_HELP }, { "version", no_argument, NULL, OPT_VERSION }, { NULL, 0, NULL, 0 },
};

#define FIELD(f) { #f, offsetof(struct journal, stats.f) }
static const struct stats_field fields[] = {
    FIELD(reads), FIELD(writes), FIELD(flushes), FIELD(discards), FIELD(errors), FIELD(refused), FIELD(read_bytes),
    FIELD(written_bytes), FIELD(discarded_bytes), FIELD(mapped_segments), FIELD(copied_segments), FIELD(events),
    FIELD(notifications), FIELD(throttled), FIELD(replayed), FIELD(connects), FIELD(server_reconnects),
};
static const struct stats_kind stats_kind = {
    "vellum-blkd", "blk", sizeof(struct journal), sizeof(fields) / sizeof(fields[0]), fields,
};

/* A number in bounds, or the end of the program. */
static unsigned number(const char *option, const char *text, unsigned min, unsigned max)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || n < min || n > max) {
        fprintf(stderr, "vellum-blkd: --%s wants a number from %u to %u, not '%s'\n", option, min, max, text);
        exit(2);
    }
    return (unsigned)n;
}

int main(int argc, char **argv)
{
    struct disk_options disks = { .image.run_dir = "/run/vellum", .queues = BLK_QUEUES_MAX, .order = BLK_ORDER_MAX, .timeout = 30 };
    struct daemon_options run = { .domid = -2, .argv = calloc((size_t)argc + 1, sizeof(char *)) };
    struct backend_kind kind = disk_kind;
    struct keeper keeper = { .kind = &kind, .options = &disks, .state_dir = "/run/vellum" };
    bool stats = false, nbd = false;
    int c, which;

    log_name("vellum-blkd", -1);
    run.argv[run.argc++] = argv[0];
    while ((c = getopt_long(argc, argv, "", longs, &which)) != -1) {
        const char *name = c == '?' ? "" : longs[which].name;

        switch (c) {
        case OPT_DOMAIN: run.domid = (int)number(name, optarg, 0, 0x7fef); continue;
        case OPT_ALL: run.domid = -1; continue;
        case OPT_STATS: stats = true; continue;
        case OPT_DAEMON: run.background = true; continue;
        case OPT_LOG: run.log_file = optarg; continue;
        case OPT_WORKER: return worker_main((uint16_t)number(name, optarg, 0, 0x7fef), nbd);
        case OPT_QUIET: continue;
        case OPT_NBD: nbd = true; continue;
        case OPT_HELP: fputs(help, stdout); return 0;
        case OPT_VERSION: puts("vellum-blkd " PACKAGE_VERSION); return 0;
        case OPT_VERBOSE: log_verbose = true; break;
        case OPT_QUEUES: disks.queues = number(name, optarg, 1, BLK_QUEUES_MAX); break;
        case OPT_ORDER: disks.order = number(name, optarg, 0, BLK_ORDER_MAX); break;
        case OPT_NOPERS: disks.no_persistent = true; break;
        case OPT_BUFFERED: disks.image.buffered = true; break;
        case OPT_FOLDER: disks.image.folder = optarg; break;
        case OPT_TIMEOUT: disks.timeout = number(name, optarg, 1, 86400); break;
        case OPT_TYPE: kind.type = optarg; break;
        case OPT_STATE:
            disks.image.run_dir = optarg;
            snprintf(keeper.state_dir, sizeof(keeper.state_dir), "%s", optarg);
            break;
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
