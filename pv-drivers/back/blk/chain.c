/* SPDX-License-Identifier: MIT */
#include "chain.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <yajl/yajl_tree.h>

#define DEPTH_MAX 64
#define OUTPUT_MAX (256 << 10)
#define SECONDS "10"

/* What `qemu-img info` says of one file, not of those behind it. The text, to be freed, or NULL. */
static char *ask(const char *format, const char *path)
{
    char *text = malloc(OUTPUT_MAX);
    size_t have = 0;
    ssize_t n = 1;
    int out[2], status;
    pid_t pid;

    if (!text || pipe2(out, O_CLOEXEC)) {
        free(text);
        return NULL;
    }
    pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        dup2(open("/dev/null", O_RDWR), 2);
        execlp("timeout", "timeout", SECONDS, "qemu-img", "info", "-U", "--output=json", "-f", format, path, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    while (pid > 0 && have < OUTPUT_MAX - 1 && n > 0) {
        n = read(out[0], text + have, OUTPUT_MAX - 1 - have);
        have += n > 0 ? (size_t)n : 0;
    }
    close(out[0]);
    text[have] = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
        free(text);
        return NULL;
    }
    return text;
}

static const char *string_at(yajl_val tree, const char *const *path)
{
    return YAJL_GET_STRING(yajl_tree_get(tree, (const char **)path, yajl_t_string));
}

/* Does a file lie below the folder, all links followed? */
static bool inside(const char *path, const char *folder)
{
    char real[PATH_MAX];
    size_t n = strlen(folder);

    if (*path != '/' || !realpath(path, real))
        return false;
    return !strcmp(folder, "/") || (!strncmp(real, folder, n) && real[n] == '/');
}

/* Files that hold parts of this very image: a VMDK's extents, a qcow2's data file. */
static bool parts_inside(yajl_val tree, const char *path, const char *folder, char why[256])
{
    static const char *const extents[] = { "format-specific", "data", "extents", NULL };
    static const char *const data_file[] = { "format-specific", "data", "data-file", NULL };
    static const char *const name[] = { "filename", NULL };
    yajl_val list = yajl_tree_get(tree, (const char **)extents, yajl_t_array);
    const char *part = string_at(tree, data_file);

    for (size_t i = 0; list && i < YAJL_GET_ARRAY(list)->len; i++) {
        const char *file = string_at(YAJL_GET_ARRAY(list)->values[i], name);

        if (file && !inside(file, folder)) {
            snprintf(why, 256, "%.80s names '%.80s', which is not below %.50s", path, file, folder);
            return false;
        }
    }
    if (part) {
        snprintf(why, 256, "%.120s keeps its data in another file ('%.80s'): not supported", path, part);
        return false;
    }
    return true;
}

/* The next file of the chain in `path` and `format`; 0: there is none; 1: there is. */
static int next(yajl_val tree, char path[PATH_MAX], char format[32], const char *folder, char why[256])
{
    static const char *const name[] = { "backing-filename", NULL }, *const full[] = { "full-backing-filename", NULL };
    static const char *const kind[] = { "backing-filename-format", NULL };
    const char *file = string_at(tree, full) ? string_at(tree, full) : string_at(tree, name);
    const char *word = string_at(tree, kind);

    if (!file)
        return 0;
    if (!inside(file, folder)) {
        snprintf(why, 256, "%.80s is backed by '%.80s', which is not a file below %.40s", path, file, folder);
        return -EPERM;
    }
    if (!word) {
        snprintf(why, 256, "%.90s does not say of what format its backing file '%.60s' is (qemu-img rebase -u -F)", path, file);
        return -EPERM;
    }
    snprintf(path, PATH_MAX, "%s", file);
    snprintf(format, 32, "%s", word);
    return 1;
}

int chain_check(const char *format, const char *path, const char *folder, char why[256])
{
    char at[PATH_MAX], kind[32], root[PATH_MAX], *slash;
    int more = 1;

    if (!realpath(folder ? folder : path, root)) {
        snprintf(why, 256, "%s: %s", folder ? folder : path, strerror(errno));
        return -errno;
    }
    if (!folder && (slash = strrchr(root, '/')))
        *(slash == root ? slash + 1 : slash) = 0;
    snprintf(at, sizeof(at), "%s", path);
    snprintf(kind, sizeof(kind), "%s", format);
    for (int depth = 0; more == 1; depth++) {
        char *text = depth < DEPTH_MAX ? ask(kind, at) : NULL;
        yajl_val tree = text ? yajl_tree_parse(text, why, 200) : NULL;

        if (depth == DEPTH_MAX)
            snprintf(why, 256, "%.150s: more than %d backing files", path, DEPTH_MAX);
        else if (!tree)
            snprintf(why, 256, "%.150s is not a whole %s image, or qemu-img is not installed", at, format);
        more = !tree || !parts_inside(tree, at, root, why) ? -EINVAL : next(tree, at, kind, root, why);
        yajl_tree_free(tree);
        free(text);
    }
    return more;
}
