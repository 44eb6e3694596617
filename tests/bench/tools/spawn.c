/* SPDX-License-Identifier: MIT */
/*
 * spawn COUNT COMMAND…: runs a program COUNT times and prints, on descriptor 3, how long one run took, in ms, and how many
 * page faults it had. By posix_spawn, which shares memory until the program runs: the time of a shell's fork, which copies the shell's
 * page tables, is not the program's.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int count = argc > 2 ? atoi(argv[1]) : 0;
    struct timespec from, to;
    struct rusage use = { 0 };
    double ms;

    if (count < 1)
        return 2;
    fcntl(3, F_SETFD, FD_CLOEXEC);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < count; i++) {
        pid_t pid;
        int status;

        if (posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ) || wait4(pid, &status, 0, &use) != pid || status)
            return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    dprintf(3, "%.3f %ld\n", ms / count, use.ru_minflt);
    return 0;
}
