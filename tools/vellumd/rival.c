/* SPDX-License-Identifier: MIT */
#include "vellumd/rival.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "xenconsoled"
#define REPLACED " (deleted)"   /* what Linux adds to the name of a program whose file has been replaced */

/* The file that it runs, which it cannot choose as it can the name that ps shows. */
static bool runs_program(int process)
{
    char path[4096];
    ssize_t n = readlinkat(process, "exe", path, sizeof(path) - 1);
    char *name;

    if (n <= 0)
        return false;
    path[n] = 0;
    name = strrchr(path, '/');
    return name && (!strcmp(name + 1, PROGRAM) || !strcmp(name + 1, PROGRAM REPLACED));
}

/* All of real, effective, saved and file system's user: the first is another's in a program that is root's for anyone. */
static bool is_roots(int process)
{
    int fd = openat(process, "status", O_RDONLY | O_CLOEXEC);
    unsigned real, effective, saved, fs;
    char text[2048], *line;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = 0;
    line = strstr(text, "\nUid:");
    return line && sscanf(line, "\nUid: %u %u %u %u", &real, &effective, &saved, &fs) == 4 &&
           !(real | effective | saved | fs);
}

pid_t rival_find(void)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    pid_t found = 0;

    while (proc && !found && (e = readdir(proc))) {
        pid_t pid = atoi(e->d_name);
        int process = pid > 0 ? openat(dirfd(proc), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

        if (process < 0)
            continue;
        if (runs_program(process) && is_roots(process))
            found = pid;
        close(process);
    }
    if (proc)
        closedir(proc);
    return found;
}
