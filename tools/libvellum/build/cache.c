/* SPDX-License-Identifier: MIT */
/*
 * An entry is named SIZE-N: its compressed size, so that candidates are found without opening them, and a number that
 * makes it unique. DATA/SIZE-N.src and .elf are its files. INDEX/SIZE-N says that they are whole, and
 * INDEX/id-IDENTITY is a symbolic link with the entry's name as its target. Removing files at any time is safe.
 */
#include "build/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define PAGE 4096ul
#define ENTRIES_MAX 16
#define NAME_ROOM 64

static const char *data_folder = "/var/cache/vellum/kernels";
static const char *index_folder = "/run/vellum/kernels";

void vl_cache_folders(const char *data, const char *index)
{
    data_folder = data ? data : "/var/cache/vellum/kernels";
    index_folder = index ? index : "/run/vellum/kernels";
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

/* A regular file of ours that no one else can write, mapped; NULL for any other. */
static const uint8_t *map(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    void *p = MAP_FAILED;

    if (fd < 0)
        return NULL;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022) && st.st_size > 0)
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    close(fd);
    if (p == MAP_FAILED)
        return NULL;
    *size = (size_t)st.st_size;
    return p;
}

static bool is_whole(const char *entry)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", index_folder, entry);
    return access(path, F_OK) == 0;
}

static bool same_source(const char *entry, const uint8_t *file, size_t file_size)
{
    char path[512];
    size_t size;
    const uint8_t *src;
    bool same;

    data_path(entry, "src", path);
    src = map(path, &size);
    same = src && size == file_size && !memcmp(src, file, size);
    if (src)
        munmap((void *)src, size);
    return same;
}

/* An entry with the same source, found by its size. */
static bool find_equal(const uint8_t *file, size_t file_size, char entry[NAME_ROOM])
{
    DIR *dir = opendir(index_folder);
    char prefix[32];
    struct dirent *e;
    bool found = false;

    snprintf(prefix, sizeof(prefix), "%zu-", file_size);
    while (dir && !found && (e = readdir(dir)))
        if (!strncmp(e->d_name, prefix, strlen(prefix)) && strlen(e->d_name) < NAME_ROOM &&
            same_source(e->d_name, file, file_size)) {
            strcpy(entry, e->d_name);
            found = true;
        }
    if (dir)
        closedir(dir);
    return found;
}

static void link_identity(const struct stat *st, const char *entry)
{
    char path[512];

    identity(st, path);
    if (symlink(entry, path) && errno != EEXIST)
        vl_debug("%s: %s", path, strerror(errno));
}

const uint8_t *vl_cache_find(const struct stat *st, const uint8_t *file, size_t file_size, size_t *size)
{
    char path[512], entry[NAME_ROOM];
    const uint8_t *found;
    ssize_t n;

    identity(st, path);
    n = readlink(path, entry, sizeof(entry) - 1);
    if (n > 0) {
        entry[n] = 0;
        if (!strchr(entry, '/') && is_whole(entry)) {
            data_path(entry, "elf", path);
            found = map(path, size);
            if (found)
                return found;
        }
        identity(st, path);
        unlink(path);
    }
    if (!find_equal(file, file_size, entry))
        return NULL;
    data_path(entry, "elf", path);
    found = map(path, size);
    if (found)
        link_identity(st, entry);
    return found;
}

/* The folder and those above it, for root only. */
static bool make_folder(const char *path)
{
    char part[512];
    struct stat st;

    snprintf(part, sizeof(part), "%s", path);
    for (char *s = part + 1; *s; s++)
        if (*s == '/') {
            *s = 0;
            mkdir(part, 0755);
            *s = '/';
        }
    mkdir(part, 0700);
    return !lstat(part, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022);
}

static bool page_skipped(const uint8_t *skipped, size_t page)
{
    return skipped && skipped[page / 8] & 1u << page % 8;
}

/* Write a file with holes where pages were left out. */
static bool write_file(const char *path, const uint8_t *data, size_t size, const uint8_t *skipped)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && !ftruncate(fd, (off_t)size);

    for (size_t at = 0; good && at < size;) {
        size_t end = at;

        while (end < size && !page_skipped(skipped, end / PAGE))
            end = end + PAGE < size ? end + PAGE : size;
        while (good && at < end) {
            ssize_t n = pwrite(fd, data + at, end - at, (off_t)at);

            good = n > 0 || (n < 0 && errno == EINTR);
            at += n > 0 ? (size_t)n : 0;
        }
        while (at < size && page_skipped(skipped, at / PAGE))
            at += PAGE;
    }
    if (fd >= 0)
        close(fd);
    if (!good)
        unlink(path);
    return good;
}

static void drop(const char *entry)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", index_folder, entry);
    unlink(path);
    data_path(entry, "elf", path);
    unlink(path);
    data_path(entry, "src", path);
    unlink(path);
}

/* Files that no index entry names (of an earlier boot, or of a process that was killed) go, and the oldest of too many. */
static void tidy(void)
{
    DIR *dir = opendir(data_folder);
    char oldest[NAME_ROOM] = "", path[1024];
    struct timespec first = { 0 };
    struct dirent *e;
    struct stat st;
    int whole = 0;

    while (dir && (e = readdir(dir))) {
        size_t len = strlen(e->d_name);
        char entry[NAME_ROOM];

        if (len < 5 || len - 4 >= NAME_ROOM || strcmp(e->d_name + len - 4, ".elf"))
            continue;
        memcpy(entry, e->d_name, len - 4);
        entry[len - 4] = 0;
        snprintf(path, sizeof(path), "%s/%s", data_folder, e->d_name);
        if (stat(path, &st))
            continue;
        if (!is_whole(entry)) {
            if (time(NULL) - st.st_mtim.tv_sec > 60)    /* not one that is being written */
                drop(entry);
            continue;
        }
        whole++;
        if (!*oldest || st.st_mtim.tv_sec < first.tv_sec ||
            (st.st_mtim.tv_sec == first.tv_sec && st.st_mtim.tv_nsec < first.tv_nsec)) {
            strcpy(oldest, entry);
            first = st.st_mtim;
        }
    }
    if (dir)
        closedir(dir);
    if (whole >= ENTRIES_MAX)
        drop(oldest);
}

void vl_cache_keep(const struct stat *st, const uint8_t *file, size_t file_size, const uint8_t *expanded, size_t size,
                   const uint8_t *skipped)
{
    char entry[NAME_ROOM], path[512], src[512];
    struct timespec now;
    int fd;

    if (!make_folder(index_folder) || !make_folder(data_folder)) {
        vl_debug("no cache of kernels: %s, %s", data_folder, index_folder);
        return;
    }
    tidy();
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(entry, sizeof(entry), "%zu-%d.%lx", file_size, (int)getpid(), now.tv_nsec);
    data_path(entry, "src", src);
    data_path(entry, "elf", path);
    if (!write_file(src, file, file_size, NULL))
        return;
    if (!write_file(path, expanded, size, skipped)) {
        unlink(src);
        return;
    }
    snprintf(path, sizeof(path), "%s/%s", index_folder, entry);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        drop(entry);
        return;
    }
    close(fd);
    link_identity(st, entry);
}
