/* SPDX-License-Identifier: MIT */
/* The journal's files: mapping, appending, reading back, replacing. Knows nothing of what the entries mean. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC      "VellumXS"
#define FORMAT    2u
#define GROW       (4u << 20)
#define CHECK_SEED 0x76656c6c756d7873ull
#define RING_SLOTS 65536u

struct header {
    char magic[8];
    uint32_t version, pad;
    char boot[40]; /* the boot that the state belongs to */
    uint64_t id;
    uint64_t culprit; /* where the record begins whose taking up ended a daemon; 0: none did */
};
#define CULPRIT_START UINT64_MAX /* it ended in its start, but behind the journal's end */

struct record {
    uint32_t len, check;
    uint64_t gen;
};

static uint32_t check_of(uint64_t gen, const void *data, size_t len)
{
    return (uint32_t)hash_bytes(CHECK_SEED ^ gen, data, len) | 1; /* zeroed memory is never valid */
}

static void read_boot(char *boot, size_t size)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, boot, size - 1);

    if (fd >= 0)
        close(fd);
    boot[n < 0 ? 0 : n] = 0;
}

/* ---- files ---- */

static int allocate(int fd, uint64_t from, uint64_t to)
{
    if (fallocate(fd, 0, (off_t)from, (off_t)(to - from)) == 0)
        return 0;
    return errno == ENOSPC || errno == EFBIG || errno == EDQUOT ? -ENOSPC : -errno;
}

static int grow(int fd, uint64_t *size, uint64_t need)
{
    uint64_t want = (need + GROW - 1) / GROW * GROW;
    int rc;

    if (need <= *size)
        return 0;
    if (want > JOURNAL_MAX)
        return -ENOSPC;
    rc = allocate(fd, *size, want);
    if (rc == 0)
        *size = want;
    return rc;
}

static char *map_file(int fd)
{
    void *map = mmap(NULL, JOURNAL_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);

    return map == MAP_FAILED ? NULL : map;
}

/* A fresh file NAME with its header; 0 or negative errno. */
static int create_file(struct journal *j, const char *name, int *fd, char **map, uint64_t *size, uint64_t *used)
{
    struct header h = { .version = FORMAT, .id = j->id };
    int rc;

    memcpy(h.magic, MAGIC, sizeof(h.magic));
    read_boot(h.boot, sizeof(h.boot));
    *fd = openat(j->dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (*fd < 0)
        return -errno;
    *size = 0;
    rc = grow(*fd, size, JOURNAL_RESERVE);
    *map = rc == 0 ? map_file(*fd) : NULL;
    if (rc == 0 && *map == NULL)
        rc = -ENOMEM;
    if (rc < 0) {
        close(*fd);
        *fd = -1;
        unlinkat(j->dir, name, 0);
        return rc;
    }
    memcpy(*map, &h, sizeof(h));
    *used = sizeof(h);
    return 0;
}

static int open_existing(struct journal *j)
{
    struct header h;
    struct stat sb;
    char boot[40];

    j->fd = openat(j->dir, "journal", O_RDWR | O_CLOEXEC);
    if (j->fd < 0)
        return -errno;
    read_boot(boot, sizeof(boot));
    if (fstat(j->fd, &sb) < 0 || pread(j->fd, &h, sizeof(h), 0) != sizeof(h) ||
        memcmp(h.magic, MAGIC, sizeof(h.magic)) || h.version != FORMAT) {
        log_line(LOG_WARN, "the journal's header is damaged: starting with an empty store");
    } else if (strncmp(h.boot, boot, sizeof(boot))) {
        log_line(LOG_NOTE, "the journal is of an earlier boot: starting with an empty store");
    } else {
        j->size = (uint64_t)sb.st_size;
        j->used = sizeof(h);
        j->id = h.id;
        j->map = map_file(j->fd);
        if (j->map != NULL)
            return 0;
    }
    close(j->fd);
    j->fd = -1;
    return -EINVAL;
}

static int open_rings(struct journal *j)
{
    size_t size = RING_SLOTS * sizeof(struct ring_slot);
    void *map;

    j->rings_fd = openat(j->dir, "rings", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->rings_fd < 0 || ftruncate(j->rings_fd, (off_t)size) < 0)
        return -errno;
    map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, j->rings_fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    j->slot = map;
    return 0;
}

int journal_open(struct journal *j, const char *dir, bool keep, bool *found)
{
    int rc;

    memset(j, 0, sizeof(*j));
    j->fd = j->next_fd = j->rings_fd = -1;
    j->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (j->dir < 0)
        return -errno;
    j->lock = openat(j->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->lock < 0)
        return -errno;
    if (flock(j->lock, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    *found = keep && open_existing(j) == 0;
    if (!*found) {
        unlinkat(j->dir, "rings", 0);
        if (getrandom(&j->id, sizeof(j->id), 0) != sizeof(j->id))
            j->id = (uint64_t)getpid();
        rc = create_file(j, "journal", &j->fd, &j->map, &j->size, &j->used);
        if (rc < 0)
            return rc;
    }
    return open_rings(j);
}

void journal_close(struct journal *j)
{
    journal_next_abort(j);
    if (j->map != NULL)
        munmap(j->map, JOURNAL_MAX);
    if (j->slot != NULL)
        munmap(j->slot, RING_SLOTS * sizeof(struct ring_slot));
    for (unsigned i = 0; i < 4; i++) {
        int fd = (int[]){ j->fd, j->rings_fd, j->lock, j->dir }[i];

        if (fd >= 0)
            close(fd);
    }
    memset(j, 0, sizeof(*j));
    j->fd = j->next_fd = j->rings_fd = j->dir = j->lock = -1;
}

/* ---- records ---- */

static int append(int fd, char *map, uint64_t *used, uint64_t *size, uint64_t gen, const struct buf *entries)
{
    struct record *r = (struct record *)(map + *used);
    uint64_t total = (sizeof(*r) + entries->len + 7) & ~7ull;
    int rc = 0;

    if (entries->len > UINT32_MAX / 2)
        return -EFBIG;
    if (*used + total + sizeof(*r) > *size) /* and room for the zero length that ends the file */
        rc = grow(fd, size, *used + total + sizeof(*r) + JOURNAL_RESERVE);
    if (rc < 0)
        return rc;
    memcpy(r + 1, entries->data, entries->len);
    r->check = check_of(gen, entries->data, entries->len);
    r->gen = gen;
    ((struct record *)(map + *used + total))->len = 0;
    __atomic_store_n(&r->len, (uint32_t)entries->len, __ATOMIC_RELEASE); /* from here on the record exists */
    *used += total;
    return 0;
}

int journal_append(struct journal *j, uint64_t gen, const struct buf *entries)
{
    return append(j->fd, j->map, &j->used, &j->size, gen, entries);
}

int journal_reserve(struct journal *j, uint64_t bytes)
{
    return j->used + bytes <= j->size ? 0 : grow(j->fd, &j->size, j->used + bytes);
}

int journal_slot_reserve(struct journal *j, unsigned domid)
{
    return allocate(j->rings_fd, domid * sizeof(struct ring_slot), (domid + 1u) * sizeof(struct ring_slot));
}

void journal_blame(struct journal *j)
{
    ((struct header *)j->map)->culprit = j->visiting != 0 ? j->visiting : CULPRIT_START;
}

/* Its bytes become entries of no type, of which each is left out; the records behind it stay where they are. */
static void leave_out(struct record *r, uint64_t at)
{
    log_line(LOG_WARN, "the journal's record at byte %llu ended the last xenstored: it is left out",
             (unsigned long long)at);
    memset(r + 1, 0, r->len);
    r->check = check_of(r->gen, r + 1, r->len);
}

int journal_each(struct journal *j, journal_visit *visit, void *arg)
{
    struct header *h = (struct header *)j->map;
    uint64_t at = sizeof(*h), culprit = h->culprit;
    int rc = 0;

    while (rc == 0 && at + sizeof(struct record) <= j->size) {
        struct record *r = (struct record *)(j->map + at);
        uint64_t total = (sizeof(*r) + (uint64_t)r->len + 7) & ~7ull;

        if (r->len == 0)
            break;
        if (at + total > j->size || r->check != check_of(r->gen, r + 1, r->len)) {
            log_line(LOG_WARN, "the journal is damaged at byte %llu: the %llu bytes before are used",
                     (unsigned long long)at, (unsigned long long)at);
            break;
        }
        if (at == culprit)
            leave_out(r, at);
        j->visiting = at;
        rc = visit(r->gen, (const char *)(r + 1), r->len, arg);
        if (rc == 0)
            at += total;
    }
    j->visiting = 0;
    j->shaken = culprit == CULPRIT_START;
    h->culprit = 0;
    j->used = at;
    return rc;
}

/* ---- compaction ---- */

int journal_next_begin(struct journal *j)
{
    return create_file(j, "journal.next", &j->next_fd, &j->next_map, &j->next_size, &j->next_used);
}

int journal_next_append(struct journal *j, uint64_t gen, const struct buf *entries)
{
    return append(j->next_fd, j->next_map, &j->next_used, &j->next_size, gen, entries);
}

void journal_next_abort(struct journal *j)
{
    if (j->next_fd < 0)
        return;
    munmap(j->next_map, JOURNAL_MAX);
    close(j->next_fd);
    unlinkat(j->dir, "journal.next", 0);
    j->next_fd = -1;
}

int journal_next_finish(struct journal *j, uint64_t from)
{
    uint64_t tail = j->used - from, base = j->next_used;
    int rc = grow(j->next_fd, &j->next_size, base + tail + JOURNAL_RESERVE);

    if (rc < 0)
        return rc;
    memcpy(j->next_map + base, j->map + from, tail);
    if (renameat(j->dir, "journal.next", j->dir, "journal") < 0)
        return -errno;
    munmap(j->map, JOURNAL_MAX);
    close(j->fd);
    j->fd = j->next_fd;
    j->map = j->next_map;
    j->size = j->next_size;
    j->used = base + tail;
    j->base = base;
    j->next_fd = -1;
    return 0;
}
