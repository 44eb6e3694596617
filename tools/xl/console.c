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

#include "base/clock.h"
#include "xl/xl.h"

#define TTY_SECONDS 30
#define PIECE 4096
#define TYPED_MAX (1u << 20)    /* what is kept of it for a guest that reads slowly */
#define STUCK_MS 1000           /* a guest that takes nothing of it for so long does not read */

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

/* What was typed and the guest has not taken yet. */
struct typed {
    char data[TYPED_MAX];
    size_t start, end;
    long moved;                 /* when the guest took some last, or could have (milliseconds) */
    size_t dropped;
};

/* False when the pty is closed. */
static bool give(int tty, struct typed *t)
{
    ssize_t n = t->start < t->end ? write(tty, t->data + t->start, t->end - t->start) : 0;

    if (n < 0 && errno != EINTR && errno != EAGAIN)
        return false;
    if (n > 0 || t->start == t->end)
        t->moved = vl_now_ms();
    t->start += n > 0 ? (size_t)n : 0;
    if (t->start == t->end)
        t->start = t->end = 0;
    return true;
}

static bool has_room(struct typed *t)
{
    if (sizeof(t->data) - t->end < PIECE && t->start) {
        memmove(t->data, t->data + t->start, t->end - t->start);
        t->end -= t->start;
        t->start = 0;
    }
    return sizeof(t->data) - t->end >= PIECE;
}

/* Take what has been typed. 1: the key that detaches was in it; 0; -1: there will be no more. */
static int take_typed(int tty, struct typed *t)
{
    char scratch[PIECE], *to = has_room(t) ? t->data + t->end : scratch;
    ssize_t n = read(0, to, PIECE);
    const char *escape;

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n <= 0)
        return -1;
    escape = find_escape(to, (size_t)n);
    if (escape)
        n = escape - to;
    if (to == scratch)
        t->dropped += (size_t)n;
    else
        t->end += (size_t)n;
    give(tty, t);
    return escape ? 1 : 0;
}

/*
 * Copy both ways until the escape key or the end of the guest. A guest that does not read must not keep the key from us:
 * so the pty is written only as it has room, and once more has been typed than we keep and the guest takes none of it, the
 * rest is read for the key alone. Input that is no terminal's has no such key behind other bytes, and waits instead.
 */
static void pump(int tty)
{
    static struct typed typed;
    struct pollfd p[2] = { { .fd = tty }, { .events = POLLIN } };
    bool open = true, terminal = isatty(0);

    typed = (struct typed){ .moved = vl_now_ms() };
    fcntl(tty, F_SETFL, fcntl(tty, F_GETFL) | O_NONBLOCK);
    for (;;) {
        bool room = has_room(&typed), stuck = !room && terminal && vl_now_ms() - typed.moved >= STUCK_MS;
        char buf[PIECE];
        ssize_t n;

        p[0].events = POLLIN | (typed.start < typed.end ? POLLOUT : 0);
        p[1].fd = open && (room || stuck) ? 0 : -1;
        p[1].revents = 0;
        if (poll(p, 2, open && terminal && !room && !stuck ? STUCK_MS : -1) < 0 && errno != EINTR)
            break;
        if (p[0].revents & (POLLIN | POLLHUP | POLLERR)) {
            n = read(tty, buf, sizeof(buf));
            if (n <= 0 && !(n < 0 && (errno == EINTR || errno == EAGAIN)))
                break;          /* the daemon has closed the pty: the guest is gone */
            if (n > 0 && !write_all(1, buf, (size_t)n))
                break;
        }
        if (p[0].revents & POLLOUT && !give(tty, &typed))
            break;
        if (p[1].revents) {
            int got = take_typed(tty, &typed);

            if (got > 0)
                break;
            open = got == 0;    /* no more input; the guest may still have something to say */
        }
    }
    if (typed.dropped)
        fprintf(stderr, "\r\nxl: the guest does not read its console: %zu bytes that were typed have been dropped\r\n",
                typed.dropped);
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
