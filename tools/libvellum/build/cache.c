/* SPDX-License-Identifier: MIT */
/*
 * An entry is named SIZE-N: its compressed size, so that candidates are found without opening them, and a number that
 * makes it unique. DATA/SIZE-N.src and .pack are its files; the second one gets its name last, when both are written.
 * INDEX/id-IDENTITY is a symbolic link with an entry's name as its target. Removing files at any time is safe.
 */
#include "build/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "build/packed.h"

#define NAME_ROOM 64
#define DATA "/var/cache/vellum/kernels"
#define INDEX "/run/vellum/kernels"
#define BEING_WRITTEN 600       /* seconds: files without a whole entry that are older are nobody's */

static const char *data_folder = DATA, *index_folder = INDEX;

void vl_cache_folders(const char *data, const char *index)
{
    data_folder = data ? data : DATA;
    index_folder = index ? index : INDEX;
}

const char *vl_cache_folder(void)
{
    return data_folder;
}

static void identity(const struct stat *st, char path[512])
{
    snprintf(path, 512, "%s/id-%jx-%jx-%jx-%jx.%lx-%jx.%lx", index_folder, (uintmax_t)st->st_dev,
             (uintmax_t)st->st_ino, (uintmax_t)st->st_size, (uintmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
             (uintmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static void data_path(const char *entry, const char *kind, char path[512])
{
    snprintf(path, 512, "%s/%s.%s", data_folder, entry, kind);
}

static bool is_ours(const struct stat *st)
{
    return st->st_uid == geteuid() && !(st->st_mode & 022);
}

static bool folder_is_ours(const char *path)
{
    struct stat st;

    return !lstat(path, &st) && S_ISDIR(st.st_mode) && is_ours(&st);
}

/* A regular file of ours that no one else can write, mapped, and open as *opened; NULL for any other. */
static const uint8_t *map(const char *path, size_t *size, int *opened)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    void *p = MAP_FAILED;

    if (fd < 0)
        return NULL;
    /* Not populated: pages that are mapped as they are touched come sixteen at a time and are looked up once. */
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && is_ours(&st) && st.st_size > 0)
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        close(fd);
        return NULL;
    }
    *opened = fd;
    *size = (size_t)st.st_size;
    return p;
}

static void drop(const char *entry)
{
    static const char *const kinds[] = { "pack", "part", "src" };
    char path[512];

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        data_path(entry, kinds[i], path);
        unlink(path);
    }
}

static const uint8_t *map_packed(const char *entry, size_t *size, int *fd)
{
    const uint8_t *packed;
    char path[512];

    data_path(entry, "pack", path);
    packed = map(path, size, fd);
    if (packed && !vl_packed_valid(packed, *size)) {
        munmap((void *)packed, *size);
        close(*fd);
        drop(entry);
        return NULL;
    }
    return packed;
}

static bool same_source(const char *entry, const uint8_t *file, size_t file_size)
{
    char path[512];
    size_t size;
    const uint8_t *src;
    int fd;
    bool same;

    data_path(entry, "src", path);
    src = map(path, &size, &fd);
    same = src && size == file_size && !memcmp(src, file, size);
    if (src) {
        munmap((void *)src, size);
        close(fd);
    }
    return same;
}

/* The name of the entry that a file in the data folder makes whole. */
static bool entry_of(const char *file, char entry[NAME_ROOM])
{
    size_t len = strlen(file);

    if (len < 6 || len - 5 >= NAME_ROOM || strcmp(file + len - 5, ".pack"))
        return false;
    memcpy(entry, file, len - 5);
    entry[len - 5] = 0;
    return true;
}

/* An entry with the same source, found by its size. */
static bool find_equal(const uint8_t *file, size_t file_size, char entry[NAME_ROOM])
{
    DIR *dir = opendir(data_folder);
    char prefix[32];
    struct dirent *e;
    bool found = false;

    snprintf(prefix, sizeof(prefix), "%zu-", file_size);
    while (dir && !found && (e = readdir(dir)))
        found = !strncmp(e->d_name, prefix, strlen(prefix)) && entry_of(e->d_name, entry) &&
            same_source(entry, file, file_size);
    if (dir)
        closedir(dir);
    return found;
}

/* The folder and those above it, for root only. */
static bool make_folder(const char *path)
{
    char part[512];

    snprintf(part, sizeof(part), "%s", path);
    for (char *s = part + 1; *s; s++)
        if (*s == '/') {
            *s = 0;
            mkdir(part, 0755);
            *s = '/';
        }
    mkdir(part, 0700);
    return folder_is_ours(part);
}

static void link_identity(const struct stat *st, const char *entry)
{
    char path[512];

    if (!make_folder(index_folder))
        return;
    identity(st, path);
    if (symlink(entry, path) && errno != EEXIST)
        vl_debug("%s: %s", path, strerror(errno));
}

static bool linked_entry(const struct stat *st, char entry[NAME_ROOM])
{
    char path[512];
    ssize_t n;

    identity(st, path);
    n = readlink(path, entry, NAME_ROOM - 1);
    entry[n > 0 ? n : 0] = 0;
    return n > 0 && !strchr(entry, '/');
}

const uint8_t *vl_cache_find(const struct stat *st, const uint8_t *file, size_t file_size, size_t *size, int *fd)
{
    char path[512], entry[NAME_ROOM];
    const uint8_t *found;

    if (!folder_is_ours(data_folder))
        return NULL;
    if (folder_is_ours(index_folder) && linked_entry(st, entry)) {
        found = map_packed(entry, size, fd);
        if (found)
            return found;
        identity(st, path);
        unlink(path);
    }
    if (!find_equal(file, file_size, entry))
        return NULL;
    found = map_packed(entry, size, fd);
    if (found)
        link_identity(st, entry);
    return found;
}

void vl_cache_drop(const struct stat *st)
{
    char path[512], entry[NAME_ROOM];

    if (!linked_entry(st, entry))
        return;
    drop(entry);
    identity(st, path);
    unlink(path);
}

/* Calls `each` for every whole entry with what its files are. */
static void all_entries(void (*each)(void *arg, const char *entry, const struct stat *src, const struct stat *pack),
                        void *arg)
{
    DIR *dir = opendir(data_folder);
    char entry[NAME_ROOM], path[512];
    struct stat src, pack;
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        if (!entry_of(e->d_name, entry))
            continue;
        data_path(entry, "src", path);
        if (lstat(path, &src))
            memset(&src, 0, sizeof(src));
        data_path(entry, "pack", path);
        if (!lstat(path, &pack))
            each(arg, entry, &src, &pack);
    }
    if (dir)
        closedir(dir);
}

struct census {
    unsigned entries;
    uint64_t bytes;
    struct timespec first;
    char oldest[NAME_ROOM];
};

static void count(void *arg, const char *entry, const struct stat *src, const struct stat *pack)
{
    struct census *c = arg;

    c->entries++;
    c->bytes += (uint64_t)src->st_size + (uint64_t)pack->st_size;
    if (!*c->oldest || pack->st_mtim.tv_sec < c->first.tv_sec ||
        (pack->st_mtim.tv_sec == c->first.tv_sec && pack->st_mtim.tv_nsec < c->first.tv_nsec)) {
        snprintf(c->oldest, sizeof(c->oldest), "%s", entry);
        c->first = pack->st_mtim;
    }
}

/* Files of no whole entry, which a process that was killed has left. */
static void drop_halves(void)
{
    DIR *dir = opendir(data_folder);
    char entry[NAME_ROOM], path[512];
    struct dirent *e;
    struct stat st;

    while (dir && (e = readdir(dir))) {
        const char *dot = strrchr(e->d_name, '.');

        if (!dot || dot - e->d_name >= NAME_ROOM || (strcmp(dot, ".src") && strcmp(dot, ".part")))
            continue;
        snprintf(entry, sizeof(entry), "%.*s", (int)(dot - e->d_name), e->d_name);
        data_path(entry, "pack", path);
        if (!access(path, F_OK))
            continue;
        data_path(entry, dot + 1, path);
        if (!lstat(path, &st) && time(NULL) - st.st_mtim.tv_sec > BEING_WRITTEN)
            unlink(path);
    }
    if (dir)
        closedir(dir);
}

/* Links whose entry has gone. */
static void drop_links(void)
{
    DIR *dir = opendir(index_folder);
    char entry[NAME_ROOM], path[1024], pack[512];
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        ssize_t n;

        snprintf(path, sizeof(path), "%s/%s", index_folder, e->d_name);
        n = readlink(path, entry, sizeof(entry) - 1);
        if (n <= 0)
            continue;
        entry[n] = 0;
        data_path(entry, "pack", pack);
        if (access(pack, F_OK))
            unlink(path);
    }
    if (dir)
        closedir(dir);
}

/* Make room for one more entry of so many bytes. */
static void tidy(uint64_t bytes)
{
    struct census c;

    drop_halves();
    do {
        c = (struct census){ 0 };
        all_entries(count, &c);
        if (c.entries && (c.entries >= VL_CACHE_ENTRIES || c.bytes + bytes > VL_CACHE_BYTES))
            drop(c.oldest);
        else
            break;
    } while (c.entries > 1);
    drop_links();
}

/* A new file, filled either with the bytes or with their packed form. */
static int write_file(const char *path, const uint8_t *data, size_t size, bool packed)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), rc = fd < 0 ? -errno : 0;

    if (!rc && packed)
        rc = vl_packed_write(fd, data, size);
    for (size_t at = 0; !rc && !packed && at < size;) {
        ssize_t n = write(fd, data + at, size - at);

        if (n > 0)
            at += (size_t)n;
        else if (!n || errno != EINTR)
            rc = n ? -errno : -EIO;
    }
    if (fd >= 0 && close(fd) && !rc)
        rc = -errno;
    return rc;
}

int vl_cache_keep(const struct stat *st, const uint8_t *file, size_t file_size, const uint8_t *expanded, size_t size)
{
    char entry[NAME_ROOM], part[512], path[512];
    struct timespec now;
    int rc;

    if (!make_folder(data_folder))
        return -EACCES;
    if (file_size + size > VL_CACHE_BYTES)
        return -EFBIG;
    tidy(file_size + size);
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(entry, sizeof(entry), "%zu-%d.%lx", file_size, (int)getpid(), now.tv_nsec);
    data_path(entry, "src", path);
    rc = write_file(path, file, file_size, false);
    data_path(entry, "part", part);
    if (!rc)
        rc = write_file(part, expanded, size, true);
    data_path(entry, "pack", path);
    if (!rc && rename(part, path))
        rc = -errno;
    if (rc)
        drop(entry);
    else
        link_identity(st, entry);
    return rc;
}

int vl_cache_lock(void)
{
    char path[512];
    int fd;

    if (!make_folder(data_folder))
        return -1;
    snprintf(path, sizeof(path), "%s/lock", data_folder);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    while (fd >= 0 && flock(fd, LOCK_EX))
        if (errno != EINTR) {
            close(fd);
            return -1;
        }
    return fd;
}

struct listing {
    void (*each)(void *arg, uint64_t source, uint64_t packed, time_t kept);
    void *arg;
};

static void show(void *arg, const char *entry, const struct stat *src, const struct stat *pack)
{
    struct listing *l = arg;

    (void)entry;
    l->each(l->arg, (uint64_t)src->st_size, (uint64_t)pack->st_size, pack->st_mtim.tv_sec);
}

void vl_cache_list(void (*each)(void *arg, uint64_t source, uint64_t packed, time_t kept), void *arg)
{
    struct listing l = { each, arg };

    all_entries(show, &l);
}

static void drop_one(void *arg, const char *entry, const struct stat *src, const struct stat *pack)
{
    (void)arg;
    (void)src;
    (void)pack;
    drop(entry);
}

void vl_cache_clear(void)
{
    all_entries(drop_one, NULL);
    drop_links();
}
