/* SPDX-License-Identifier: MIT */
/*
 * Load for tests/system/load.sh: load SECONDS WORKERS. Each worker is a pair of processes that pass a byte to and fro
 * and in between fault pages in, fork, sleep for a moment and compute. A pair that hears nothing for 30 s, as after a
 * lost wake-up, ends the program with exit code 1. Says "LOAD ok ROUNDS" at the end.
 */
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fault_pages(void)
{
    const size_t size = 256 << 10;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        err(1, "mmap");
    for (size_t at = 0; at < size; at += 4096)
        p[at] = 1;
    munmap(p, size);
}

static void fork_once(void)
{
    pid_t child = fork();
    int status = 0;

    if (child < 0)
        err(1, "fork");
    if (!child)
        _exit(0);
    if (waitpid(child, &status, 0) != child || status)
        errx(1, "a child ended with status %#x", status);
}

static void compute(void)
{
    volatile double x = 1;

    for (int i = 0; i < 20000; i++)
        x = x * 1.0000001 + 1e-9;
}

static void hear(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char c;

    if (poll(&p, 1, 30000) != 1)
        errx(1, "nothing heard for 30 s");
    if (read(fd, &c, 1) != 1)
        errx(1, "the partner is gone");
}

static void say(int fd)
{
    if (write(fd, "x", 1) != 1)
        errx(1, "the partner is gone");
}

/* One half of a pair; `first` speaks first and counts. */
static unsigned long pair_up(int from, int to, int first, double until)
{
    unsigned long rounds = 0;
    const struct timespec moment = { .tv_nsec = 300000 };

    if (first)
        say(to);
    while (now() < until) {
        hear(from);
        switch (rounds++ % 8) {
        case 1: fault_pages(); break;
        case 3: fork_once(); break;
        case 5: nanosleep(&moment, NULL); break;
        case 7: compute(); break;
        }
        say(to);
    }
    return rounds;
}

static void worker(double until, int report)
{
    int there[2], back[2];
    unsigned long rounds;
    pid_t partner;

    if (pipe(there) || pipe(back) || (partner = fork()) < 0)
        err(1, "pipe");
    if (!partner) {
        /* It outlasts the first half, which therefore always hears an answer. */
        pair_up(there[0], back[1], 0, until + 3600);
        _exit(0);
    }
    rounds = pair_up(back[0], there[1], 1, until);
    if (write(report, &rounds, sizeof(rounds)) != sizeof(rounds))
        err(1, "report");
    kill(partner, 9);
    waitpid(partner, NULL, 0);
    _exit(0);
}

int main(int argc, char **argv)
{
    unsigned long total = 0, rounds;
    int report[2], status, failed = 0;
    double until = now() + (argc == 3 ? atof(argv[1]) : 0);
    int workers = argc == 3 ? atoi(argv[2]) : 0;

    if (workers < 1 || pipe(report))
        errx(2, "usage: load SECONDS WORKERS");
    for (int i = 0; i < workers; i++) {
        pid_t child = fork();

        if (child < 0)
            err(1, "fork");
        if (!child)
            worker(until, report[1]);
    }
    close(report[1]);
    while (wait(&status) > 0)
        failed |= status;
    while (read(report[0], &rounds, sizeof(rounds)) == sizeof(rounds))
        total += rounds;
    if (failed)
        errx(1, "a worker failed");
    printf("LOAD ok %lu rounds\n", total);
    return 0;
}
