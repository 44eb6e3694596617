/* SPDX-License-Identifier: MIT */
/* Counters lie in the journals, which anyone who may read /run/vellum can map: no question to a running daemon. */
#include "stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <yajl/yajl_gen.h>

#include "journal.h"

#define FIELD(f) { #f, offsetof(struct blk_stats, f) }
static const struct { const char *name; size_t offset; } fields[] = {
    FIELD(reads), FIELD(writes), FIELD(flushes), FIELD(discards), FIELD(errors), FIELD(refused), FIELD(read_bytes),
    FIELD(written_bytes), FIELD(discarded_bytes), FIELD(mapped_segments), FIELD(copied_segments), FIELD(events),
    FIELD(notifications), FIELD(throttled), FIELD(replayed), FIELD(connects), FIELD(server_reconnects),
};

static void text(yajl_gen g, const char *s)
{
    yajl_gen_string(g, (const unsigned char *)s, strlen(s));
}

static void number(yajl_gen g, const char *name, uint64_t n)
{
    text(g, name);
    yajl_gen_integer(g, (long long)n);
}

static void disk(yajl_gen g, const char *dir, const char *name, unsigned domid, unsigned id)
{
    char path[512];
    struct journal *j;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    j = fd >= 0 ? journal_map(fd, false) : NULL;
    if (fd >= 0)
        close(fd);
    if (!j)
        return;
    yajl_gen_map_open(g);
    number(g, "domid", domid);
    number(g, "device", id);
    number(g, "queues", j->queues);
    number(g, "ring-pages", j->queues ? 1u << j->order : 0);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        char dashed[32];

        snprintf(dashed, sizeof(dashed), "%s", fields[i].name);
        for (char *c = dashed; *c; c++)
            if (*c == '_')
                *c = '-';
        number(g, dashed, *(uint64_t *)((char *)&j->stats + fields[i].offset));
    }
    yajl_gen_map_close(g);
    munmap(j, sizeof(*j));
}

int stats_print(const char *state_dir, int domid)
{
    yajl_gen g = yajl_gen_alloc(NULL);
    const unsigned char *out;
    struct dirent *e;
    size_t len;
    DIR *dir = opendir(state_dir);

    if (!dir && errno != ENOENT) {
        fprintf(stderr, "vellum-blkd: %s: %s\n", state_dir, strerror(errno));
        return 1;
    }
    yajl_gen_config(g, yajl_gen_beautify, 1);
    yajl_gen_array_open(g);
    while (dir && (e = readdir(dir))) {
        unsigned dom, id;
        int end = 0;

        if (sscanf(e->d_name, "blk-%u-%u%n", &dom, &id, &end) == 2 && !e->d_name[end] && (domid < 0 || dom == (unsigned)domid))
            disk(g, state_dir, e->d_name, dom, id);
    }
    if (dir)
        closedir(dir);
    yajl_gen_array_close(g);
    yajl_gen_get_buf(g, &out, &len);
    fwrite(out, 1, len, stdout);
    yajl_gen_free(g);
    return 0;
}
