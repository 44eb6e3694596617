/* SPDX-License-Identifier: MIT */
#include "stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yajl/yajl_gen.h>

static void number(yajl_gen g, const char *name, uint64_t n)
{
    char dashed[40];

    snprintf(dashed, sizeof(dashed), "%s", name);
    for (char *c = dashed; *c; c++)
        if (*c == '_')
            *c = '-';
    yajl_gen_string(g, (const unsigned char *)dashed, strlen(dashed));
    yajl_gen_integer(g, (long long)n);
}

static void device(yajl_gen g, const struct stats_kind *kind, const char *dir, const char *name, unsigned domid, unsigned id)
{
    char path[512];
    struct stat st;
    const char *at;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    at = fstat(fd, &st) || (size_t)st.st_size != kind->file_size
        ? MAP_FAILED : mmap(NULL, kind->file_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return;
    yajl_gen_map_open(g);
    number(g, "domid", domid);
    number(g, "device", id);
    for (size_t i = 0; i < kind->n_fields; i++)
        number(g, kind->fields[i].name, *(const uint64_t *)(at + kind->fields[i].offset));
    yajl_gen_map_close(g);
    munmap((void *)at, kind->file_size);
}

int stats_print(const struct stats_kind *kind, const char *state_dir, int domid)
{
    yajl_gen g = yajl_gen_alloc(NULL);
    const unsigned char *out;
    struct dirent *e;
    size_t len, n = strlen(kind->prefix);
    DIR *dir = opendir(state_dir);

    if (!dir && errno != ENOENT) {
        fprintf(stderr, "%s: %s: %s\n", kind->program, state_dir, strerror(errno));
        return 1;
    }
    yajl_gen_config(g, yajl_gen_beautify, 1);
    yajl_gen_array_open(g);
    while (dir && (e = readdir(dir))) {
        unsigned dom, id;
        int end = 0;

        if (!strncmp(e->d_name, kind->prefix, n) && sscanf(e->d_name + n, "-%u-%u%n", &dom, &id, &end) == 2 &&
            !e->d_name[n + (size_t)end] && (domid < 0 || dom == (unsigned)domid))
            device(g, kind, state_dir, e->d_name, dom, id);
    }
    if (dir)
        closedir(dir);
    yajl_gen_array_close(g);
    yajl_gen_get_buf(g, &out, &len);
    fwrite(out, 1, len, stdout);
    yajl_gen_free(g);
    return 0;
}
