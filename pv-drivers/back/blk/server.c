/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain.h"
#include "common/log.h"

#define START_TENTHS 100        /* of a second, for a server to listen */
#define CONNECT_SECONDS 5
#define LOCK_TRIES 25           /* of 200 ms */

static void arg(struct image *i, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void arg(struct image *i, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (i->argc + 1 < sizeof(i->argv) / sizeof(i->argv[0]) && vasprintf(&i->argv[i->argc], fmt, ap) >= 0)
        i->argc++;
    va_end(ap);
    i->argv[i->argc] = NULL;
}

static const char *after(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(text, prefix, n) ? NULL : text + n;
}

/* ---- command lines ---- */

static bool can_direct(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void qemu_nbd(struct image *i, const char *format, const char *target, const struct image_options *o)
{
    bool direct = *target == '/' && !o->buffered && can_direct(target);

    arg(i, "qemu-nbd");
    arg(i, "--persistent");
    arg(i, "--shared=4");
    arg(i, "--socket=%s", i->socket);
    arg(i, "--format=%s", format);
    arg(i, "--discard=unmap");
    arg(i, "--cache=%s", direct ? "none" : "writeback");
    if (direct)
        arg(i, "--aio=io_uring");
    if (i->readonly)
        arg(i, "--read-only");
    arg(i, "%s", target);
}

static void nbdkit(struct image *i, const char *filter, const char *plugin)
{
    arg(i, "nbdkit");
    arg(i, "--foreground");
    arg(i, "--exit-with-parent");
    arg(i, "--unix=%s", i->socket);
    if (i->readonly || filter)
        arg(i, "--readonly");
    if (filter) {
        arg(i, "--filter=%s", filter);
        i->readonly = true;
    }
    arg(i, "%s", plugin);
}

static int nbdkit_ssh(struct image *i, const char *rest, char why[256])
{
    const char *slash = strchr(rest, '/'), *at = memchr(rest, '@', slash ? (size_t)(slash - rest) : 0);

    if (!slash) {
        snprintf(why, 256, "ssh://%s: wants ssh://[USER@]HOST/PATH", rest);
        return -EINVAL;
    }
    nbdkit(i, NULL, "ssh");
    if (at)
        arg(i, "user=%.*s", (int)(at - rest), rest);
    rest = at ? at + 1 : rest;
    arg(i, "host=%.*s", (int)(slash - rest), rest);
    arg(i, "path=%s", slash);
    return 0;
}

static int nbdkit_s3(struct image *i, const char *rest, char why[256])
{
    const char *slash = strchr(rest, '/');

    if (!slash || slash == rest || !slash[1]) {
        snprintf(why, 256, "s3://%s: wants s3://BUCKET/KEY", rest);
        return -EINVAL;
    }
    nbdkit(i, NULL, "S3");
    arg(i, "bucket=%.*s", (int)(slash - rest), rest);
    arg(i, "key=%s", slash + 1);
    return 0;
}

/* A server elsewhere: no process of ours. */
static int remote(struct image *i, const char *rest, bool is_unix, char why[256])
{
    const char *slash = strchr(rest, '/'), *query = strstr(rest, "?socket="), *end, *colon;

    if (!slash || (is_unix && !query)) {
        snprintf(why, 256, "wants nbd://HOST[:PORT]/[EXPORT] or nbd+unix:///[EXPORT]?socket=PATH, not '%.100s'", rest);
        return -EINVAL;
    }
    end = query ? query : rest + strlen(rest);
    snprintf(i->export, sizeof(i->export), "%.*s", (int)(end - slash - 1), slash + 1);
    if (is_unix) {
        snprintf(i->socket, sizeof(i->socket), "%s", query + strlen("?socket="));
        return 0;
    }
    colon = memchr(rest, ':', (size_t)(slash - rest));
    snprintf(i->host, sizeof(i->host), "%.*s", (int)((colon ? colon : slash) - rest), rest);
    snprintf(i->port, sizeof(i->port), "%.*s", colon ? (int)(slash - colon - 1) : 5, colon ? colon + 1 : "10809");
    return 0;
}

/* A target without a path of its own. -ENOENT: it is a path. */
static int by_scheme(struct image *i, const char *target, const struct image_options *o, char why[256])
{
    const char *rest;

    if (after(target, "http://") || after(target, "https://") || after(target, "ftp://")) {
        nbdkit(i, NULL, "curl");
        arg(i, "url=%s", target);
        i->readonly = true;
    } else if ((rest = after(target, "ssh://"))) {
        return nbdkit_ssh(i, rest, why);
    } else if ((rest = after(target, "s3://"))) {
        return nbdkit_s3(i, rest, why);
    } else if ((rest = after(target, "memory:"))) {
        nbdkit(i, NULL, "memory");
        arg(i, "size=%s", rest);
    } else if (after(target, "rbd:")) {
        qemu_nbd(i, "raw", target, o);
    } else if ((rest = after(target, "nbd://"))) {
        return remote(i, rest, false, why);
    } else if ((rest = after(target, "nbd+unix://"))) {
        return remote(i, rest, true, why);
    } else {
        return -ENOENT;
    }
    return 0;
}

static int by_format(struct image *i, const char *format, const char *target, const struct image_options *o, char why[256])
{
    struct stat st;
    int rc;

    if (*target != '/') {
        snprintf(why, 256, "'%.150s' is neither a path from the root nor a known kind of address", target);
        return -EINVAL;
    }
    if (stat(target, &st)) {
        rc = -errno;
        snprintf(why, 256, "%s: %s", target, strerror(-rc));
        return rc;
    }
    if (!format || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))) {
        snprintf(why, 256, "%s is neither a file nor a block device", target);
        return -EINVAL;
    }
    if (!strcmp(format, "gzip") || !strcmp(format, "xz")) {
        nbdkit(i, format, "file");
        arg(i, "file=%s", target);
        return 0;
    }
    rc = chain_check(format, target, o->folder, why);
    if (!rc)
        qemu_nbd(i, format, target, o);
    return rc;
}

/* ---- processes ---- */

/* A server needs the right to open files, whoever's they are; none of root's other rights. */
static void drop_rights(void)
{
    for (int cap = 0; cap <= 63; cap++)
        if (cap != CAP_DAC_OVERRIDE && cap != CAP_DAC_READ_SEARCH)
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
}

/* What a server that failed had to say: its first line. */
static void read_words(int fd, const char *program, char why[256])
{
    char text[200] = "";
    ssize_t n = fd >= 0 ? pread(fd, text, sizeof(text) - 1, 0) : 0;

    text[n > 0 ? n : 0] = 0;
    text[strcspn(text, "\n")] = 0;
    snprintf(why, 256, "%s: %s", program, *text ? text : "it ended without a word");
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
    unlink(i->socket);
}

/* Start the server and wait until it listens: a connection, or -errno; -EAGAIN: another has the image still. */
static int try_launch(struct image *i, char why[256])
{
    int words = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), fd = -1, status;

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
        if (words >= 0)
            dup2(words, 2);
        close_range(3, ~0u, 0);
        drop_rights();
        execvp(i->argv[0], i->argv);
        dprintf(2, "cannot be run: %s", strerror(errno));
        _exit(127);
    }
    for (int n = 0; n < START_TENTHS * 5 && fd < 0; n++) {
        if (waitpid(i->server, &status, WNOHANG) == i->server) {
            i->server = 0;
            read_words(words, i->argv[0], why);
            break;
        }
        fd = connect_unix(i->socket);
        if (fd < 0)
            usleep(n < 50 ? 4000 : 20000);
    }
    if (words >= 0)
        close(words);
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

int server_open(struct image *i, const char *format, const char *target, const struct image_options *o, char why[256])
{
    static unsigned number;
    int rc;

    i->medium = BLK_NBD;
    snprintf(i->socket, sizeof(i->socket), "%s/nbd-%d-%u", o->run_dir, (int)getpid(), number++);
    rc = by_scheme(i, target, o, why);
    if (rc == -ENOENT)
        rc = by_format(i, format, target, o, why);
    return rc;
}

void server_stop(struct image *i)
{
    end_process(i);
    for (unsigned n = 0; n < i->argc; n++)
        free(i->argv[n]);
    i->argc = 0;
}
