/* SPDX-License-Identifier: MIT */
/*
 * The measured work of tests/bench/platform: the same static program in dom0, in a guest and without a hypervisor.
 * Each figure is a line "BENCH NAME VALUE UNIT". Counts are fixed, so that under -icount a run repeats exactly.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define MIB (1UL << 20)
static const char *place = "";

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void figure(const char *name, double value, const char *unit)
{
    printf("BENCH %s%s %.6g %s\n", place, name, value, unit);
    fflush(stdout);
}

static void *pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        err(1, "mmap");
    return p;
}

/* ---- CPU and kernel ---- */

static void syscalls(void)
{
    const int n = 50000;
    double t = now();

    for (int i = 0; i < n; i++)
        syscall(SYS_getppid);
    figure("syscall", (now() - t) / n * 1e6, "us");
}

static void pass_on(int from, int to, int times)
{
    char c = 0;

    while (times--)
        if (read(from, &c, 1) != 1 || write(to, &c, 1) != 1)
            err(1, "pipe");
}

/* Two processes that hand a byte to and fro. */
static void pipe_switch(void)
{
    const int n = 3000;
    int there[2], back[2];
    pid_t child;
    double t;
    char c = 0;

    if (pipe(there) || pipe(back) || (child = fork()) < 0)
        err(1, "pipe");
    if (!child) {
        pass_on(there[0], back[1], n);
        _exit(0);
    }
    t = now();
    if (write(there[1], &c, 1) != 1)
        err(1, "pipe");
    pass_on(back[0], there[1], n - 1);
    if (read(back[0], &c, 1) != 1)
        err(1, "pipe");
    figure("pipe-switch", (now() - t) / (2 * n) * 1e6, "us");
    waitpid(child, NULL, 0);
}

static void fork_exec(void)
{
    static char self[] = "/proc/self/exe";
    const int n = 100;
    double t = now();

    for (int i = 0; i < n; i++) {
        pid_t child = fork();

        if (!child) {
            execl(self, self, "nothing", (char *)NULL);
            _exit(1);
        }
        waitpid(child, NULL, 0);
    }
    figure("fork-exec", (now() - t) / n * 1e3, "ms");
}

static void faults(void)
{
    const size_t size = 4 * MIB, rounds = 8;
    double t = now();

    for (size_t r = 0; r < rounds; r++) {
        volatile char *p = pages(size);

        for (size_t at = 0; at < size; at += 4096)
            p[at] = 1;
        munmap((void *)p, size);
    }
    figure("page-fault", (now() - t) / (double)(rounds * size / 4096) * 1e6, "us");
}

/* What a process pays to change the protection of memory that it has touched. */
static void protect(void)
{
    const size_t size = MIB, rounds = 20;
    char *p = pages(size);
    double t;

    memset(p, 1, size);
    t = now();
    for (size_t r = 0; r < rounds; r++)
        if (mprotect(p, size, PROT_READ) || mprotect(p, size, PROT_READ | PROT_WRITE))
            err(1, "mprotect");
    figure("mprotect-1M", (now() - t) / (2 * rounds) * 1e6, "us");
    munmap(p, size);
}

static void copy(void)
{
    const size_t size = 8 * MIB, rounds = 5;
    char *a = pages(size), *b = pages(size);
    double t;

    memset(a, 1, size);
    memset(b, 2, size);
    t = now();
    for (size_t r = 0; r < rounds; r++)
        memcpy(r & 1 ? a : b, r & 1 ? b : a, size);
    figure("memcpy", (double)(rounds * size) / MIB / (now() - t), "MiB/s");
}

static void cpu(void)
{
    syscalls();
    pipe_switch();
    fork_exec();
    faults();
    protect();
    copy();
}

/* ---- Block: direct reads and writes of a whole device ---- */

static void sequential(int fd, bool write_it, char *buffer, uint64_t size)
{
    const size_t rounds = 64;
    double t = now();

    for (size_t i = 0; i < rounds; i++) {
        off_t at = (off_t)(i * MIB % size);
        ssize_t done = write_it ? pwrite(fd, buffer, MIB, at) : pread(fd, buffer, MIB, at);

        if (done != MIB)
            err(1, "block device");
    }
    figure(write_it ? "write-1M" : "read-1M", (double)rounds / (now() - t), "MiB/s");
}

/* Random 4 KiB reads, `depth` of them in flight. */
static void random_reads(int fd, unsigned int depth, char *buffer, uint64_t size)
{
    const unsigned int total = 4000;
    struct iocb blocks[64], *list[64];
    struct io_event events[64];
    aio_context_t context = 0;
    unsigned int sent = 0, done = 0, idle = depth;
    uint64_t seed = 1;
    double t;

    if (syscall(SYS_io_setup, depth, &context))
        err(1, "io_setup");
    for (unsigned int i = 0; i < depth; i++)
        list[i] = &blocks[i];
    t = now();
    while (done < total) {
        long n;

        for (n = 0; idle && sent < total; n++, idle--, sent++) {
            struct iocb *b = list[n];

            seed = seed * 6364136223846793005UL + 1442695040888963407UL;
            memset(b, 0, sizeof(*b));
            b->aio_fildes = (uint32_t)fd;
            b->aio_lio_opcode = IOCB_CMD_PREAD;
            b->aio_buf = (uintptr_t)(buffer + (b - blocks) * 4096);
            b->aio_nbytes = 4096;
            b->aio_offset = (int64_t)((seed >> 20) % (size / 4096) * 4096);
        }
        if (n && syscall(SYS_io_submit, context, n, list) != n)
            err(1, "io_submit");
        n = syscall(SYS_io_getevents, context, 1L, (long)depth, events, NULL);
        if (n < 1)
            err(1, "io_getevents");
        for (long i = 0; i < n; i++) {
            if (events[i].res != 4096)
                errx(1, "block device: read of %lld", (long long)events[i].res);
            list[i] = (struct iocb *)(uintptr_t)events[i].obj;
        }
        done += (unsigned int)n;
        idle += (unsigned int)n;
    }
    figure(depth == 1 ? "randread-4k-depth1" : "randread-4k-depth32", total / (now() - t), "reads/s");
    syscall(SYS_io_destroy, context);
}

static void block(const char *device)
{
    int fd = open(device, O_RDWR | O_DIRECT);
    char *buffer = pages(MIB);
    uint64_t size;

    if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size))
        err(1, "%s", device);
    memset(buffer, 0x5a, MIB);
    sequential(fd, true, buffer, size);
    sequential(fd, false, buffer, size);
    random_reads(fd, 1, buffer, size);
    random_reads(fd, 32, buffer, size);
}

/* ---- Network: the guest answers, dom0 asks ---- */

enum { PORT = 5001 };

static int bound(int type)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int fd = socket(AF_INET, type, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
        err(1, "bind");
    return fd;
}

/* Echoes datagrams; a stream's first byte says what is wanted: 's' takes all that comes, 'r' sends until the peer goes. */
static void serve(void)
{
    char *buffer = pages(MIB);
    int listener = bound(SOCK_STREAM), datagrams = bound(SOCK_DGRAM);

    if (!fork()) {
        struct sockaddr_in from;

        for (;;) {
            socklen_t length = sizeof(from);
            ssize_t n = recvfrom(datagrams, buffer, MIB, 0, (struct sockaddr *)&from, &length);

            if (n > 0)
                sendto(datagrams, buffer, (size_t)n, 0, (struct sockaddr *)&from, length);
        }
    }
    listen(listener, 1);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        char what;
        uint64_t got = 0;

        if (fd >= 0 && read(fd, &what, 1) == 1 && what == 's') {
            for (ssize_t n; (n = read(fd, buffer, 128 * 1024)) > 0;)
                got += (uint64_t)n;
            /* The sender has shut its half: it waits for this count, which ends its measurement. */
            if (write(fd, &got, sizeof(got)) < 0)
                warn("write");
        } else if (fd >= 0) {
            while (send(fd, buffer, 128 * 1024, MSG_NOSIGNAL) > 0)
                ;
        }
        close(fd);
    }
}

static struct sockaddr_in peer;

static int connected(char what)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    for (int tries = 0; connect(fd, (struct sockaddr *)&peer, sizeof(peer)); tries++) {
        if (tries == 100)
            err(1, "connect");
        usleep(100000);
    }
    if (write(fd, &what, 1) != 1)
        err(1, "write");
    return fd;
}

static void ask(const char *address)
{
    const uint64_t bytes = 192 * MIB;
    const int pings = 300;
    uint64_t moved = 0, counted = 0;
    char *buffer = pages(MIB);
    struct timeval second = {.tv_sec = 1};
    int fd;
    double t;

    peer = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_pton(AF_INET, address, &peer.sin_addr);
    close(connected('s'));                  /* it is there, and our neighbour */
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
    t = now();
    for (int i = 0; i < pings; i++)
        if (sendto(fd, buffer, 64, 0, (struct sockaddr *)&peer, sizeof(peer)) != 64 || recv(fd, buffer, 64, 0) != 64)
            err(1, "datagram");
    figure("round-trip", (now() - t) / pings * 1e6, "us");

    fd = connected('s');
    t = now();
    for (ssize_t n; moved < bytes && (n = write(fd, buffer, 128 * 1024)) > 0;)
        moved += (uint64_t)n;
    shutdown(fd, SHUT_WR);
    if (read(fd, &counted, sizeof(counted)) != sizeof(counted) || counted != moved)
        errx(1, "the guest counted %lu bytes of %lu", (unsigned long)counted, (unsigned long)moved);
    figure("tcp-to-guest", (double)moved * 8 / 1e6 / (now() - t), "Mbit/s");
    close(fd);

    fd = connected('r');
    t = now();
    for (moved = 0; moved < bytes;) {
        ssize_t n = read(fd, buffer, 128 * 1024);

        if (n <= 0)
            err(1, "read");
        moved += (uint64_t)n;
    }
    figure("tcp-from-guest", (double)moved * 8 / 1e6 / (now() - t), "Mbit/s");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (argc > 2)
        place = argv[2];
    if (!strcmp(what, "nothing"))
        return 0;
    if (!strcmp(what, "tsc"))
        printf("%llu\n", (unsigned long long)__rdtsc());
    else if (!strcmp(what, "now"))
        printf("%.9f\n", now());
    else if (!strcmp(what, "cpu"))
        cpu();
    else if (!strcmp(what, "blk") && argc == 4)
        block(argv[3]);
    else if (!strcmp(what, "serve"))
        serve();
    else if (!strcmp(what, "ask") && argc == 4)
        ask(argv[3]);
    else
        errx(2, "usage: work nothing | tsc | now | cpu PLACE | blk PLACE DEVICE | serve | ask PLACE ADDRESS");
    return 0;
}
