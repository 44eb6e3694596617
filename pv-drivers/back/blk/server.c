/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "address.h"
#include "common/log.h"

#define START_TENTHS 300        /* of a second, for a server to listen: S3's is a Python program */
#define CONNECT_SECONDS 5
#define LOCK_TRIES 25           /* of 200 ms */

/* A server needs the right to open files, whoever's they are; none of root's other rights. */
static void drop_rights(void)
{
    for (int cap = 0; cap <= 63; cap++)
        if (cap != CAP_DAC_OVERRIDE && cap != CAP_DAC_READ_SEARCH)
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
}

/* Which package a server lacks when it says so. */
static const struct { const char *program, *says, *package; } needs[] = {
    { "qemu-nbd", "cannot be run", "qemu-utils" }, { "qemu-nbd", "nknown protocol", "qemu-block-extra" },
    { "nbdkit", "cannot be run", "nbdkit" }, { "nbdkit", "plugin 'S3'", "nbdkit-plugin-python" },
    { "nbdkit", "'boto3'", "python3-boto3" },
};

/* The line that says it: the first, or of a Python program's back trace the one behind it, which is not as far in. */
static char *telling_line(char *text)
{
    char *line = strstr(text, "Traceback"), *error;

    if (line) {
        do
            line = strchr(line, '\n');
        while (line && !strncmp(++line, "  ", 2));
        line = line ? line + (*line == ' ') : text;
    } else {
        error = strncmp(text, "nbdkit: ", 8) ? NULL : strstr(text, "error: ");      /* "nbdkit: curl[1]: error: …" */
        line = error && error < text + strcspn(text, "\n") ? error + 7 : text;
    }
    line[strcspn(line, "\n")] = 0;
    return line;
}

bool server_words(struct image *i, char line[256])
{
    char text[4096];
    ssize_t n = i->words >= 0 ? pread(i->words, text, sizeof(text) - 1, 0) : 0;

    *line = 0;
    if (n <= 0)
        return false;
    text[n] = 0;
    /* It appends; so the file stays small however often a guest has it complain. */
    if (ftruncate(i->words, 0))
        log_error("a server's messages cannot be cut off: %s", strerror(errno));
    snprintf(line, 256, "%.255s", telling_line(text));
    return true;
}

/* Why a server ended, or will not do, in its own words. */
void server_reason(struct image *i, char why[256])
{
    const char *program = i->argc ? i->argv[0] : "its server", *package = NULL;
    char text[256];

    if (!server_words(i, text))
        snprintf(text, sizeof(text), "%s", i->server ? "no answer of use within 15 s" : "it ended without a word");
    for (size_t n = 0; n < sizeof(needs) / sizeof(needs[0]) && !package; n++)
        if (!strcmp(needs[n].program, program) && strstr(text, needs[n].says))
            package = needs[n].package;
    if (!strncmp(text, program, strlen(program)))           /* it has said its name itself */
        snprintf(why, 256, package ? "%.200s (is package %s installed?)" : "%s", text, package);
    else
        snprintf(why, 256, package ? "%s: %.190s (is package %s installed?)" : "%s: %.240s", program, text, package);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

    if (fd < 0)
        return -errno;
    if (strlen(path) >= sizeof(a.sun_path)) {
        close(fd);
        return -ENAMETOOLONG;
    }
    strcpy(a.sun_path, path);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
        rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

static int connect_tcp(const char *host, const char *port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *a;
    struct timeval limit = { CONNECT_SECONDS, 0 };
    int fd = -1, rc = -EHOSTUNREACH;

    if (getaddrinfo(host, port, &hints, &list))
        return rc;
    for (a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        if (connect(fd, a->ai_addr, a->ai_addrlen)) {
            rc = -errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd >= 0 ? fd : rc;
}

/* Flushing takes a server its time; five seconds are enough, or it is beyond hope. */
static void end_process(struct image *i)
{
    pid_t ended = 0;

    if (!i->server)
        return;
    kill(i->server, SIGTERM);
    for (int n = 0; n < 250 && !ended; n++) {
        ended = waitpid(i->server, NULL, WNOHANG);
        if (!ended)
            usleep(20000);
    }
    if (!ended) {
        kill(i->server, SIGKILL);
        waitpid(i->server, NULL, 0);
    }
    i->server = 0;
}

static void forget_words(struct image *i)
{
    if (i->words >= 0)
        close(i->words);
    i->words = -1;
}

/* Start the server and wait until it listens: a connection, or -errno; -EAGAIN: another has the image still. */
static int try_launch(struct image *i, char why[256])
{
    int fd = -1, status;

    forget_words(i);
    i->words = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
    unlink(i->socket);
    i->server = fork();
    if (i->server < 0) {
        i->server = 0;
        return -errno;
    }
    if (i->server == 0) {
        int null = open("/dev/null", O_RDWR);

        dup2(null, 0);
        dup2(null, 1);
        if (i->words >= 0)
            dup2(i->words, 2);
        close_range(3, ~0u, 0);
        drop_rights();
        execvp(i->argv[0], i->argv);
        dprintf(2, "cannot be run: %s", strerror(errno));
        _exit(127);
    }
    for (int n = 0; n < START_TENTHS * 5 && fd < 0; n++) {
        if (waitpid(i->server, &status, WNOHANG) == i->server) {
            i->server = 0;
            server_reason(i, why);
            break;
        }
        fd = connect_unix(i->socket);
        if (fd < 0)
            usleep(n < 50 ? 4000 : 20000);
    }
    if (fd < 0 && i->server) {
        snprintf(why, 256, "%s does not listen after %d s", i->argv[0], START_TENTHS / 10);
        end_process(i);
    }
    if (fd < 0 && strstr(why, " lock"))
        return -EAGAIN;
    return fd < 0 ? -EIO : fd;
}

/* A predecessor's server ends by itself, but takes its time to flush. */
static int launch(struct image *i, char why[256])
{
    int fd = try_launch(i, why);

    for (int n = 0; n < LOCK_TRIES && fd == -EAGAIN; n++) {
        usleep(200000);
        fd = try_launch(i, why);
    }
    return fd;
}

int image_connect(struct image *i, char why[256])
{
    int fd;

    if (i->server && waitpid(i->server, NULL, WNOHANG) == i->server)
        i->server = 0;
    if (i->argc && !i->server)
        return launch(i, why);
    fd = *i->host ? connect_tcp(i->host, i->port) : connect_unix(i->socket);
    if (fd < 0)
        snprintf(why, 256, "%.150s: %s", *i->host ? i->host : i->socket, strerror(-fd));
    return fd;
}

/* A keeper that was killed has left its servers' sockets, which carry its number. */
static void sweep(const char *run_dir)
{
    DIR *dir = opendir(run_dir);
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        int pid;

        if (sscanf(e->d_name, "nbd-%d-", &pid) == 1 && pid > 0 && kill(pid, 0) && errno == ESRCH)
            unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir)
        closedir(dir);
}

int server_open(struct image *i, const char *format, const char *target, const struct image_options *o, char why[256])
{
    static unsigned number;

    if (!number)
        sweep(o->run_dir);
    i->medium = BLK_NBD;
    snprintf(i->socket, sizeof(i->socket), "%s/nbd-%d-%u", o->run_dir, (int)getpid(), number++);
    return address_read(i, format, target, o, why);
}

void server_stop(struct image *i)
{
    end_process(i);
    if (i->argc)
        unlink(i->socket);
    forget_words(i);
    for (unsigned n = 0; n < i->argc; n++)
        free(i->argv[n]);
    i->argc = 0;
}
