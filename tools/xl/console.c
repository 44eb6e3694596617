/* SPDX-License-Identifier: MIT */
/*
 * console: joins this terminal to the pseudo-terminal that the console's daemon has made for a guest. ^] detaches.
 * The pty's name stands in the store where only the host can write: in the node of the guest's first console, and for
 * others under /libxl.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "xl/xl.h"

#define TTY_SECONDS 30

static struct termios saved;
static bool raw;
static char escape_key = 0x1d;  /* ^] */

static void restore_terminal(void)
{
    if (raw)
        tcsetattr(0, TCSANOW, &saved);
    raw = false;
}

static void on_signal(int sig)
{
    restore_terminal();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void make_raw(int fd, bool ours)
{
    struct termios t;

    if (tcgetattr(fd, &t))
        return;
    if (ours) {
        saved = t;
        raw = true;
    }
    cfmakeraw(&t);
    tcsetattr(fd, TCSANOW, &t);
}

static void console_node(uint32_t domid, const char *type, unsigned number, char path[128])
{
    if (!strcmp(type, "serial"))
        snprintf(path, 128, "/local/domain/%u/serial/%u/tty", domid, number);
    else if (number == 0)
        snprintf(path, 128, "/local/domain/%u/console/tty", domid);
    else
        snprintf(path, 128, "/libxl/%u/device/console/%u/tty", domid, number);
}

/* The pty's name; the daemon may just be about to make it. */
static char *wait_tty(uint32_t domid, const char *type, unsigned number)
{
    struct vl_store *store = vl_store(&xl_vl);
    static struct vl_arena arena;
    char node[128], token[32], *tty;

    if (!store)
        return NULL;
    console_node(domid, type, number, node);
    vl_store_watch(store, node, "tty");
    for (;;) {
        tty = vl_store_read(store, &arena, "%s", node);
        if (tty && *tty)
            break;
        if (vl_store_event(store, TTY_SECONDS * 1000, token, sizeof(token)) <= 0) {
            vl_log(VL_ERROR, "domain %u has no console %u of type %s (is xenconsoled running?)", domid, number, type);
            return NULL;
        }
    }
    vl_store_unwatch(store, node, "tty");
    if (strncmp(tty, "/dev/pts/", 9)) {
        vl_log(VL_ERROR, "domain %u: '%s' is no pseudo-terminal", domid, tty);
        return NULL;
    }
    return tty;
}

static int open_tty(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return vl_fail_errno("%s", path);
    if (fstat(fd, &st) || !S_ISCHR(st.st_mode)) {
        close(fd);
        return vl_fail(-EINVAL, "%s is no terminal", path);
    }
    return fd;
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/*
 * Where in the input the key stands that detaches, or NULL. From a terminal it may come with others that were typed
 * fast; from a pipe, which may carry anything, it counts only alone.
 */
static const char *find_escape(const char *buf, size_t n)
{
    if (isatty(0))
        return memchr(buf, escape_key, n);
    return n == 1 && *buf == escape_key ? buf : NULL;
}

/* Copy both ways until the escape key or the end of the guest. */
static void pump(int tty)
{
    struct pollfd p[2] = { { .fd = tty, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
    char buf[4096];

    for (;;) {
        ssize_t n;

        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return;
        if (p[0].revents) {
            n = read(tty, buf, sizeof(buf));
            if (n <= 0 && !(n < 0 && (errno == EINTR || errno == EAGAIN)))
                return;         /* the daemon has closed the pty: the guest is gone */
            if (n > 0 && !write_all(1, buf, (size_t)n))
                return;
        }
        if (p[1].revents) {
            const char *escape;

            n = read(0, buf, sizeof(buf));
            if (n <= 0) {
                p[1].fd = -1;   /* no more input; the guest may still have something to say */
                continue;
            }
            escape = find_escape(buf, (size_t)n);
            if (escape)
                n = escape - buf;
            if (!write_all(tty, buf, (size_t)n) || escape)
                return;
        }
    }
}

/* "^X" or one character. */
static bool parse_escape(const char *text)
{
    size_t len = strlen(text);

    if (len == 2 && *text == '^' && text[1] >= '?' && text[1] <= 'z')
        escape_key = text[1] & 0x1f;
    else if (len == 1)
        escape_key = *text;
    else
        return false;
    return true;
}

int xl_console(int argc, char **argv)
{
    static const struct option longs[] = {
        { "unpause", no_argument, NULL, 'u' }, { "escape", required_argument, NULL, 'e' }, XL_LONG_END,
    };
    const char *type = "pv";
    bool unpause = false;
    long number = 0;
    uint32_t domid;
    char *path;
    int tty;

    for (int opt; (opt = xl_getopt(argc, argv, "t:n:e:", longs, 1, 1)) != -1;) {
        if (opt == 't')
            type = optarg;
        else if (opt == 'u')
            unpause = true;
        else if (opt == 'n' && !xl_number("console", optarg, 0, 1023, &number))
            return 1;
        else if (opt == 'e' && !parse_escape(optarg))
            return vl_fail(1, "'%s' is not a key (such as ^] or x)", optarg);
    }
    if (strcmp(type, "pv") && strcmp(type, "serial"))
        return vl_fail(1, "the console's type must be pv or serial, not '%s'", type);
    domid = xl_find_domain(argv[optind]);
    path = wait_tty(domid, type, (unsigned)number);
    tty = path ? open_tty(path) : -1;
    if (tty < 0)
        return 1;
    make_raw(tty, false);
    signal(SIGTERM, on_signal);
    signal(SIGHUP, on_signal);
    if (isatty(0))
        make_raw(0, true);
    if (unpause && xc_domain_unpause(vl_xc(&xl_vl), domid))
        vl_fail_errno("cannot start domain %u", domid);
    pump(tty);
    restore_terminal();
    close(tty);
    return 0;
}
