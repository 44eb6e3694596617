/* SPDX-License-Identifier: MIT */
/*
 * Load for the benches of PV devices, without a library, so that it runs in any guest:
 *   load disk DEVICE SECONDS read|write|randread|randwrite BLOCK DEPTH   prints bytes and operations a second
 *   load serve PORT                        TCP: a first byte of 'S' is sent to, 'R' read from, 'P' echoed; 'X' runs what follows
 *   load tcp ADDRESS PORT SECONDS send|receive|ping    prints bytes a second, or µs a round trip
 *   load plain ADDRESS PORT SECONDS send|receive|ping  the same with a server that needs no first byte: ports 9, 19, 7
 *   load ask ADDRESS PORT ARGUMENT…        has a server run `load ARGUMENT…`, and prints what that prints
 *   load until FILE TEXT COMMAND…          runs the command, and prints the ms from then until the file has the text
 * Disks by Linux's own asynchronous I/O with O_DIRECT.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 64

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- disks ---- */

struct job {
    int fd;
    bool writes, random;
    size_t block;
    uint64_t blocks, next, seed;
    aio_context_t ctx;
};

static void submit(struct job *j, struct iocb *cb)
{
    struct iocb *list = cb;
    uint64_t at = j->next++ % j->blocks;

    if (j->random) {
        j->seed = j->seed * 6364136223846793005u + 1442695040888963407u;
        at = (j->seed >> 20) % j->blocks;
    }
    cb->aio_lio_opcode = j->writes ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
    cb->aio_offset = (int64_t)(at * j->block);
    if (syscall(SYS_io_submit, j->ctx, 1, &list) != 1)
        die("io_submit");
}

static int disk(char **a)
{
    struct job j = { .writes = strstr(a[2], "write"), .random = strstr(a[2], "rand"), .block = strtoul(a[3], NULL, 10), .seed = 1 };
    unsigned depth = (unsigned)strtoul(a[4], NULL, 10);
    static struct iocb cb[DEPTH_MAX];
    struct io_event done[DEPTH_MAX];
    double begin, end, seconds = strtod(a[1], NULL);
    uint64_t size, ops = 0;

    j.fd = open(a[0], O_RDWR | O_DIRECT);
    if (j.fd < 0 || ioctl(j.fd, BLKGETSIZE64, &size) || !depth || depth > DEPTH_MAX || syscall(SYS_io_setup, DEPTH_MAX, &j.ctx))
        die(a[0]);
    j.blocks = size / j.block;
    for (unsigned i = 0; i < depth; i++) {
        void *buffer;

        if (posix_memalign(&buffer, 4096, j.block))
            die("memory");
        memset(buffer, (int)i, j.block);
        cb[i].aio_fildes = (uint32_t)j.fd;
        cb[i].aio_buf = (uintptr_t)buffer;
        cb[i].aio_nbytes = j.block;
        submit(&j, &cb[i]);
    }
    begin = now();
    while ((end = now()) < begin + seconds) {
        long n = syscall(SYS_io_getevents, j.ctx, 1, DEPTH_MAX, done, NULL);

        for (long i = 0; i < n; i++, ops++) {
            if (done[i].res != (int64_t)j.block) {
                errno = (int)-done[i].res;
                die("I/O");
            }
            submit(&j, (struct iocb *)(uintptr_t)done[i].obj);
        }
    }
    printf("%.0f %.1f\n", (double)ops * (double)j.block / (end - begin), (double)ops / (end - begin));
    return 0;
}

/* ---- TCP ---- */

static char buffer[256 << 10];

static void talk(int s, char how)
{
    ssize_t n = 1;

    while (n > 0) {
        if (how == 'S')
            n = send(s, buffer, sizeof(buffer), MSG_NOSIGNAL);
        else
            n = recv(s, buffer, sizeof(buffer), 0);
        if (how == 'P' && n > 0)
            n = send(s, buffer, (size_t)n, MSG_NOSIGNAL);
    }
    close(s);
}

/* A line of arguments for a process of its own, whose output is the answer. */
static void run_asked(int s)
{
    char line[256] = "", *args[16] = { "load" };
    int n = 1;
    pid_t child;

    for (size_t at = 0; at < sizeof(line) - 1 && recv(s, line + at, 1, 0) == 1 && line[at] != '\n'; at++)
        ;
    for (char *word = strtok(line, " \n"); word && n < 15; word = strtok(NULL, " \n"))
        args[n++] = word;
    child = fork();
    if (!child) {
        dup2(s, 1);
        dup2(s, 2);
        execv("/proc/self/exe", args);
        _exit(1);
    }
    waitpid(child, NULL, 0);
    close(s);
}

static void serve(char **a)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(a[0])) };
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    signal(SIGCHLD, SIG_IGN);
    if (bind(s, (struct sockaddr *)&in, sizeof(in)) || listen(s, 8))
        die("listen");
    for (;;) {
        int c = accept(s, NULL, NULL);
        char how;

        setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (c >= 0 && !fork()) {
            signal(SIGCHLD, SIG_DFL);
            if (recv(c, &how, 1, 0) != 1)
                _exit(1);
            if (how == 'X')
                run_asked(c);
            else
                talk(c, how);
            _exit(0);
        }
        close(c);
    }
}

static int connected(const char *address, const char *port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    inet_pton(AF_INET, address, &to.sin_addr);
    if (connect(s, (struct sockaddr *)&to, sizeof(to)))
        die(address);
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return s;
}

static int ask(char **a)
{
    int s = connected(a[0], a[1]);
    char line[256] = "X";
    ssize_t n;

    for (a += 2; *a; a++) {
        strncat(line, *a, sizeof(line) - strlen(line) - 2);
        strncat(line, a[1] ? " " : "\n", sizeof(line) - strlen(line) - 1);
    }
    if (send(s, line, strlen(line), 0) < 0)
        die("send");
    while ((n = recv(s, buffer, sizeof(buffer), 0)) > 0)
        fwrite(buffer, 1, (size_t)n, stdout);
    return 0;
}

static int tcp(char **a, bool plain)
{
    int s = connected(a[0], a[1]);
    char how = *a[3] == 's' ? 'R' : *a[3] == 'r' ? 'S' : 'P';
    double begin, end, seconds = strtod(a[2], NULL), bytes = 0, trips = 0;

    if (!plain && send(s, &how, 1, 0) != 1)
        die("send");
    begin = now();
    while ((end = now()) < begin + seconds) {
        ssize_t n = how == 'S' ? 0 : send(s, buffer, how == 'P' ? 1 : sizeof(buffer), MSG_NOSIGNAL);

        if (how != 'R')
            n = recv(s, buffer, sizeof(buffer), 0);
        if (n <= 0)
            die("connection");
        bytes += (double)n;
        trips++;
    }
    printf("%.1f\n", how == 'P' ? (end - begin) / trips * 1e6 : bytes / (end - begin));
    return 0;
}

/* ---- time to a line on a console ---- */

static bool has(const char *file, const char *text)
{
    int fd = open(file, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, buffer, sizeof(buffer) - 1);

    close(fd);
    buffer[n > 0 ? n : 0] = 0;
    return n > 0 && memmem(buffer, (size_t)n, text, strlen(text));
}

static int until(char **a)
{
    double begin = now();
    pid_t child = fork();

    if (!child) {
        execvp(a[2], a + 2);
        die(a[2]);
    }
    while (!has(a[0], a[1])) {
        if (now() > begin + 60) {
            errno = ETIME;
            die(a[0]);
        }
        usleep(1000);
    }
    printf("%.2f\n", (now() - begin) * 1e3);
    waitpid(child, NULL, 0);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (argc == 7 && !strcmp(what, "disk"))
        return disk(argv + 2);
    if (argc == 3 && !strcmp(what, "serve"))
        serve(argv + 2);
    if (argc == 6 && (!strcmp(what, "tcp") || !strcmp(what, "plain")))
        return tcp(argv + 2, *what == 'p');
    if (argc > 4 && !strcmp(what, "ask"))
        return ask(argv + 2);
    if (argc > 4 && !strcmp(what, "until"))
        return until(argv + 2);
    fprintf(stderr, "usage: load disk DEVICE SECONDS HOW BLOCK DEPTH | serve PORT | tcp|plain ADDRESS PORT SECONDS HOW | "
                    "ask ADDRESS PORT ARGUMENT… | until FILE TEXT COMMAND…\n");
    return 2;
}
