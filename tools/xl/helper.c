/* SPDX-License-Identifier: MIT */
/*
 * Commands that are programs of their own (xl-NAME), because they need libraries that would make every xl start
 * slower: they stand in lib/vellum beside the folder that xl is installed in.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/place.h"
#include "xl/xl.h"

extern char **environ;

/* Where the program of a command is. */
static int find_helper(const char *command, char path[PATH_MAX])
{
    char name[64];

    snprintf(name, sizeof(name), "xl-%s", command);
    return vl_installed(name, path);
}

int xl_helper(int argc, char **argv)
{
    char path[PATH_MAX];

    (void)argc;
    if (find_helper(xl_current->name, path))
        return vl_fail(-ENOENT, "'xl %s' is not installed: there is no %s", xl_current->name, path), 1;
    execv(path, argv);
    return vl_fail_errno("%s", path), 1;
}

bool xl_is_xml(const char *path)
{
    FILE *f = strcmp(path, "-") ? fopen(path, "re") : NULL;
    int c = f ? getc(f) : EOF;

    while (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        c = getc(f);
    if (f)
        fclose(f);
    return c == '<';
}

char *xl_from_xml(const char *path)
{
    static char made[] = "/tmp/xl-domxml-XXXXXX";
    char helper[PATH_MAX], *argv[] = { helper, (char *)path, NULL };
    posix_spawn_file_actions_t files;
    int fd = -1, status = 0, rc;
    pid_t pid;

    if (find_helper("domxml", helper)) {
        vl_fail(-ENOENT, "%s is XML, and there is no %s to read it", path, helper);
        return NULL;
    }
    fd = mkostemp(made, O_CLOEXEC);
    if (fd < 0) {
        vl_fail_errno("%s", made);
        return NULL;
    }
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, fd, 1);
    rc = posix_spawn(&pid, helper, &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    close(fd);
    if (rc)
        vl_fail(-rc, "%s: %s", helper, strerror(rc));
    while (!rc && waitpid(pid, &status, 0) < 0)
        rc = errno == EINTR ? 0 : errno;
    if (!rc && !status)
        return made;
    unlink(made);
    return NULL;
}
