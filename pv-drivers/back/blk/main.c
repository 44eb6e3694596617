/* SPDX-License-Identifier: MIT */
#include "common/program.h"
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

#define FIELD(f) { #f, offsetof(struct journal, stats.f) }
static const struct stats_field fields[] = {
    FIELD(reads), FIELD(writes), FIELD(flushes), FIELD(discards), FIELD(errors), FIELD(refused), FIELD(read_bytes),
    FIELD(written_bytes), FIELD(discarded_bytes), FIELD(mapped_segments), FIELD(copied_segments), FIELD(events),
    FIELD(notifications), FIELD(throttled), FIELD(replayed), FIELD(connects), FIELD(server_reconnects),
};
static const struct stats_kind stats_kind = {
    "vellum-blkd", "blk", sizeof(struct journal), sizeof(fields) / sizeof(fields[0]), fields,
};

static struct disk_options disks = { .image.run_dir = "/run/vellum", .queues = BLK_QUEUES_MAX, .order = BLK_ORDER_MAX,
                                     .timeout = 30 };

static void set_queues(const char *text) { disks.queues = program_number("queues", text, 1, BLK_QUEUES_MAX); }
static void set_order(const char *text) { disks.order = program_number("ring-order", text, 0, BLK_ORDER_MAX); }
static void set_timeout(const char *text) { disks.timeout = program_number("timeout", text, 1, 86400); }
static void set_folder(const char *text) { disks.image.folder = text; }
static void set_buffered(const char *text) { disks.image.buffered = !text; }
static void set_no_persistent(const char *text) { disks.no_persistent = !text; }
static void set_state_dir(const char *text) { disks.image.run_dir = text; }

static const struct program_option own[] = {
    { "queues", true, set_queues }, { "ring-order", true, set_order }, { "timeout", true, set_timeout },
    { "folder", true, set_folder }, { "buffered", false, set_buffered }, { "no-persistent", false, set_no_persistent },
};

int main(int argc, char **argv)
{
    struct program p = { &disk_kind, &disks, help, &stats_kind, own, sizeof(own) / sizeof(own[0]), set_state_dir, worker_main };

    return program_main(&p, argc, argv);
}
