/* SPDX-License-Identifier: MIT */
/*
 * Load for the benches of PV devices, without a library, so that it runs in any guest:
 *   load serve PORT                        TCP: a first byte of 'S' is sent to, 'R' read from, 'P' echoed; 'X' runs the line that follows
 *   load tcp ADDRESS PORT SECONDS send|receive|ping    prints bytes a second, or µs a round trip
 *   load plain ADDRESS PORT SECONDS send|receive|ping  the same with a server that needs no first byte: ports 9, 19, 7
 *   load ask ADDRESS PORT WORD…            has a server's shell run these words, and prints what that prints
 *   load until FILE TEXT COMMAND…          runs the command, and prints the ms from then until the file has the text
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

/* A line for a shell, whose output is the answer. */
static void run_asked(int s)
{
    char line[1024] = "";
    pid_t child;

    for (size_t at = 0; at < sizeof(line) - 1 && recv(s, line + at, 1, 0) == 1; at++)
        if (line[at] == '\n') {
            line[at] = 0;
            break;
        }
    child = fork();
    if (!child) {
        dup2(s, 1);
        dup2(s, 2);
        execl("/bin/sh", "sh", "-c", line, NULL);
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
    char line[1024] = "X";
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

    if (argc == 3 && !strcmp(what, "serve"))
        serve(argv + 2);
    if (argc == 6 && (!strcmp(what, "tcp") || !strcmp(what, "plain")))
        return tcp(argv + 2, *what == 'p');
    if (argc > 4 && !strcmp(what, "ask"))
        return ask(argv + 2);
    if (argc > 4 && !strcmp(what, "until"))
        return until(argv + 2);
    fprintf(stderr, "usage: load serve PORT | tcp|plain ADDRESS PORT SECONDS HOW | "
                    "ask ADDRESS PORT WORD… | until FILE TEXT COMMAND…\n");
    return 2;
}
