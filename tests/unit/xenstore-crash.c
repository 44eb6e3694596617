/* SPDX-License-Identifier: MIT */
/*
 * kill -9 under load: simulated guests, domain 0's kernel among them, and socket clients keep a xenstored busy while it is
 * killed at random moments and started again. Every reply is accounted for:
 *
 *   - each guest's replies come once each, in order, with the value that its own history says (requests are pipelined,
 *     some longer than the ring, some in transactions that are open when the daemon dies);
 *   - each guest watches its own node and gets one event a write, and all watch /shared and get one a write there;
 *   - a socket client finds, after reconnecting, what it was last told had been written, or what it last asked for.
 *
 * Usage: xenstore-crash XENSTORED SIMHOST.so [KILLS [SEED [live]]]; `live`: live updates among the kills.
 */
#include "xenstore-sim.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define GUESTS    7 /* from domain 0 on */
#define SOCKETS   3
#define PENDING   32 /* at most; PIPELINE while it thinks */
#define PIPELINE  3
#define PIPELINE0 16 /* domain 0's kernel asks for all of its processes */
#define KEYS      4
#define VALUE_MAX 1700

enum expect { EXPECT_OK, EXPECT_VALUE, EXPECT_TXN_ID, EXPECT_ANY };

struct pending {
    uint32_t id;
    enum expect expect;
    char value[VALUE_MAX + 1];
};

struct guest {
    struct sim_ring ring;
    uint32_t next_id, txn;
    unsigned txn_step; /* 0: none; 1: waits for its id; then its requests */
    struct pending pending[PENDING];
    unsigned pending_count;
    char send[16384];
    size_t send_len;
    bool kick;
    char value[KEYS][VALUE_MAX + 1]; /* what its keys hold once all that was sent is done */
    uint64_t own_events, own_writes, shared_events, replies;
};

struct client {
    int fd;
    uint64_t acked, sent;
    bool waiting;
};

static struct guest guests[GUESTS];
static struct client clients[SOCKETS];
static uint64_t shared_writes, kills_done, updates_done;
static const char *daemon_path, *simhost_path;
static char run_dir[64], sim_dir[80];
static pid_t daemon_pid;
static bool settling;

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("FAIL: ", stderr);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, " (after %llu kills)\n", (unsigned long long)kills_done);
    va_end(ap);
    if (daemon_pid > 0)
        kill(daemon_pid, SIGKILL);
    exit(1);
}

static unsigned pick(unsigned n)
{
    return (unsigned)(random() % n);
}

/* ---- the daemon ---- */

static void start_daemon(void)
{
    daemon_pid = fork();
    if (daemon_pid == 0) {
        setenv("LD_PRELOAD", simhost_path, 1);
        setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", 1);
        if (!getenv("XS_CRASH_VERBOSE") && freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        execl(daemon_path, daemon_path, "-N", (char *)NULL);
        _exit(127);
    }
}

static void kill_daemon(void)
{
    int status;

    kill(daemon_pid, SIGKILL);
    if (waitpid(daemon_pid, &status, 0) < 0 || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail("the daemon had ended by itself, status %x", status);
    kills_done++;
}

static int connect_socket(bool wait)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };

    snprintf(sun.sun_path, sizeof(sun.sun_path), "%.90s/socket", run_dir);
    for (unsigned tries = 0; tries < 500; tries++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
            return fd;
        close(fd);
        if (!wait)
            return -1;
        usleep(2000);
    }
    return -1;
}

static bool read_all(int fd, void *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = read(fd, (char *)data + at, len - at);

        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

/* A request over a socket, blocking; the reply's type, or -1 when the daemon died meanwhile. */
static int ask(int fd, uint32_t type, const char *data, size_t len, char *reply, size_t *reply_len)
{
    char out[8192];
    struct xsd_sockmsg hdr = { type, 7, 0, (uint32_t)len };

    memcpy(out, &hdr, sizeof(hdr));
    memcpy(out + sizeof(hdr), data, len);
    if (send(fd, out, sizeof(hdr) + len, MSG_NOSIGNAL) != (ssize_t)(sizeof(hdr) + len))
        return -1;
    if (!read_all(fd, &hdr, sizeof(hdr)) || hdr.len > 4096 || !read_all(fd, reply, hdr.len))
        return -1;
    *reply_len = hdr.len;
    reply[hdr.len] = 0;
    return (int)hdr.type;
}

static void must(int fd, uint32_t type, const char *data, size_t len)
{
    char reply[4097];
    size_t n;
    int got = ask(fd, type, data, len, reply, &n);

    if (got != (int)type)
        fail("setting up: request %u of %s gave %d %s", type, data, got, got >= 0 ? reply : "");
}

/* ---- guests ---- */

static struct pending *queue(struct guest *g, uint32_t type, uint32_t tx, enum expect expect, const char *data,
                             size_t len)
{
    struct xsd_sockmsg hdr = { type, ++g->next_id, tx, (uint32_t)len };
    struct pending *p = &g->pending[g->pending_count++];

    memcpy(g->send + g->send_len, &hdr, sizeof(hdr));
    memcpy(g->send + g->send_len + sizeof(hdr), data, len);
    g->send_len += sizeof(hdr) + len;
    p->id = hdr.req_id;
    p->expect = expect;
    return p;
}

static void queue_write(struct guest *g, unsigned key, uint32_t tx)
{
    char data[VALUE_MAX + 32];
    int head = snprintf(data, sizeof(data), "key%u", key) + 1;
    size_t len = pick(8) == 0 ? 900 + pick(VALUE_MAX - 900) : 1 + pick(40);

    snprintf(g->value[key], sizeof(g->value[key]), "%u:", g->next_id);
    while (strlen(g->value[key]) < len)
        strcat(g->value[key], "x");
    memcpy(data + head, g->value[key], strlen(g->value[key]));
    queue(g, XS_WRITE, tx, EXPECT_OK, data, (size_t)head + strlen(g->value[key]));
    g->own_writes += key == 0 && tx == 0;
}

static void queue_read(struct guest *g, unsigned key, uint32_t tx)
{
    char data[32];
    int len = snprintf(data, sizeof(data), "key%u", key) + 1;
    struct pending *p = queue(g, XS_READ, tx, EXPECT_VALUE, data, (size_t)len);

    strcpy(p->value, g->value[key]);
}

static void queue_shared(struct guest *g)
{
    char data[64];
    int len = snprintf(data, sizeof(data), "/shared/%u", g->ring.domid) + 1;

    len += snprintf(data + len, sizeof(data) - (size_t)len, "%u", g->next_id);
    queue(g, XS_WRITE, 0, EXPECT_OK, data, (size_t)len);
    shared_writes++;
}

/* What a guest asks next, if it may. */
static void think(struct guest *g)
{
    if (g->send_len > 0)
        return;
    if (g->txn_step > 0) {
        if (g->pending_count > 0)
            return; /* a transaction goes step by step, so that kills fall into it */
        switch (g->txn_step++) {
        case 2: queue_write(g, 1, g->txn); break;
        case 3: queue_read(g, 1, g->txn); break;
        case 4: queue_write(g, 2, g->txn); break;
        case 5: queue(g, XS_TRANSACTION_END, g->txn, EXPECT_OK, "T", 2); break;
        default: g->txn_step = 0; break;
        }
        return;
    }
    if (settling || g->pending_count >= (g->ring.domid == 0 ? PIPELINE0 : PIPELINE))
        return;
    switch (pick(8)) {
    case 0: case 1: queue_write(g, 0, 0); break;
    case 2: queue_write(g, pick(KEYS), 0); break;
    case 3: case 4: queue_read(g, pick(KEYS), 0); break;
    case 5: queue_shared(g); break;
    case 6:
        if (g->pending_count == 0) {
            g->txn_step = 1;
            queue(g, XS_TRANSACTION_START, 0, EXPECT_TXN_ID, "", 1);
        }
        break;
    default: queue(g, XS_DIRECTORY, 0, EXPECT_ANY, ".", 0); break;
    }
}

static void take_event(struct guest *g, const char *data)
{
    const char *token = data + strlen(data) + 1;

    if (!strcmp(token, "own"))
        g->own_events++;
    else if (!strcmp(token, "shared"))
        g->shared_events++;
    else
        fail("domain %u: an event with token %s", g->ring.domid, token);
}

static void take_reply(struct guest *g, const struct xsd_sockmsg *hdr, const char *data)
{
    const struct pending *p = &g->pending[0];

    if (g->pending_count == 0)
        fail("domain %u: reply %u %s to nothing", g->ring.domid, hdr->req_id, data);
    if (hdr->req_id != p->id)
        fail("domain %u: reply to request %u, expected to %u", g->ring.domid, hdr->req_id, p->id);
    if (hdr->type == XS_ERROR && p->expect != EXPECT_ANY)
        fail("domain %u: request %u: %s", g->ring.domid, hdr->req_id, data);
    if (p->expect == EXPECT_VALUE && strcmp(p->value, data))
        fail("domain %u: read %.40s, expected %.40s", g->ring.domid, data, p->value);
    if (p->expect == EXPECT_OK && strcmp(data, "OK"))
        fail("domain %u: %s instead of OK", g->ring.domid, data);
    if (p->expect == EXPECT_TXN_ID) {
        g->txn = (uint32_t)atoi(data);
        g->txn_step = 2;
    }
    g->replies++;
    g->pending_count--;
    memmove(&g->pending[0], &g->pending[1], g->pending_count * sizeof(g->pending[0]));
}

static void run_guest(struct guest *g)
{
    struct xsd_sockmsg hdr;
    char data[4097];
    size_t n;
    uint32_t before = g->ring.page->rsp_cons;

    think(g);
    n = sim_put(&g->ring, g->send, g->send_len);
    g->send_len -= n;
    memmove(g->send, g->send + n, g->send_len);
    while (sim_get(&g->ring, &hdr, data)) {
        if (hdr.type == XS_WATCH_EVENT)
            take_event(g, data);
        else
            take_reply(g, &hdr, data);
    }
    if (n > 0 || g->ring.page->rsp_cons != before)
        g->kick = true;
    if (g->kick)
        g->kick = !sim_kick(g->ring.domid);
}

static void set_up_guest(struct guest *g, unsigned domid, int fd)
{
    char data[128];
    int len;

    len = snprintf(data, sizeof(data), "/local/domain/%u", domid) + 1;
    must(fd, XS_MKDIR, data, (size_t)len);
    len += snprintf(data + len, 16, "n%u", domid) + 1;
    must(fd, XS_SET_PERMS, data, (size_t)len);
    len = snprintf(data, sizeof(data), "/shared/%u", domid) + 1;
    must(fd, XS_MKDIR, data, (size_t)len);
    len += snprintf(data + len, 16, "r%u", domid) + 1;
    must(fd, XS_SET_PERMS, data, (size_t)len);
    len = snprintf(data, sizeof(data), "%u", domid) + 1;
    len += snprintf(data + len, 16, "1") + 1;
    len += snprintf(data + len, 16, "1") + 1;
    must(fd, XS_INTRODUCE, data, (size_t)len);
    for (unsigned i = 0; i < KEYS; i++)
        queue_write(g, i, 0);
    g->own_writes = 0; /* the watch comes after them */
    queue(g, XS_WATCH, 0, EXPECT_OK, "key0\0own", 9);
    queue(g, XS_WATCH, 0, EXPECT_OK, "/shared\0shared", 15);
}

/* ---- socket clients: each counts up in its own node ---- */

static void check_client(struct client *c, unsigned i)
{
    char path[32], reply[4097];
    size_t len;
    int n = snprintf(path, sizeof(path), "/client/%u", i) + 1;
    uint64_t value;

    c->fd = connect_socket(true);
    if (c->fd < 0)
        fail("the new daemon does not listen");
    if (ask(c->fd, XS_READ, path, (size_t)n, reply, &len) != XS_READ)
        return; /* killed again, or never written */
    value = strtoull(reply, NULL, 10);
    if (value != c->acked && value != c->sent)
        fail("client %u was told that %llu was written, asked for %llu, and finds %llu", i,
             (unsigned long long)c->acked, (unsigned long long)c->sent, (unsigned long long)value);
    c->acked = c->sent = value;
}

static void run_client(struct client *c, unsigned i)
{
    char data[64], reply[4097];
    struct xsd_sockmsg hdr = { XS_WRITE, 1, 0, 0 };
    int n;

    if (c->fd < 0)
        return;
    if (c->waiting) {
        ssize_t got = recv(c->fd, reply, sizeof(reply), MSG_DONTWAIT);

        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            close(c->fd);
            c->fd = -1;
            return;
        }
        if (got != (ssize_t)sizeof(hdr) + 3 || strcmp(reply + sizeof(hdr), "OK"))
            fail("client %u: %zd bytes of reply", i, got);
        c->acked = c->sent;
        c->waiting = false;
        return;
    }
    if (settling)
        return;
    n = snprintf(data + sizeof(hdr), 40, "/client/%u", i) + 1;
    n += snprintf(data + sizeof(hdr) + n, 20, "%llu", (unsigned long long)++c->sent);
    hdr.len = (uint32_t)n;
    memcpy(data, &hdr, sizeof(hdr));
    c->waiting = send(c->fd, data, sizeof(hdr) + (size_t)n, MSG_NOSIGNAL) > 0;
}

/* ---- the course of it ---- */

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void run_all(uint64_t us)
{
    uint64_t end = now_us() + us;

    do {
        for (unsigned i = 0; i < GUESTS; i++)
            run_guest(&guests[i]);
        for (unsigned i = 0; i < SOCKETS; i++)
            run_client(&clients[i], i);
        usleep(50);
    } while (now_us() < end);
}

static void reconnect_clients(void)
{
    for (unsigned i = 0; i < SOCKETS; i++) {
        if (clients[i].fd >= 0)
            close(clients[i].fd);
        clients[i].waiting = false;
        check_client(&clients[i], i);
    }
}

static bool all_quiet(void)
{
    for (unsigned i = 0; i < GUESTS; i++)
        if (guests[i].pending_count > 0 || guests[i].send_len > 0 || guests[i].txn_step > 0 ||
            guests[i].shared_events < shared_writes + 1)
            return false;
    return true;
}

/* A live update keeps every socket connection: a client that waits for its reply gets it from the new program. */
static void live_update(void)
{
    char data[512], reply[4097];
    size_t len;
    int fd = connect_socket(true), n;

    n = snprintf(data, sizeof(data), "live-update") + 1;
    n += snprintf(data + n, 8, "-f") + 1;
    n += snprintf(data + n, 400, "%s", daemon_path) + 1;
    must(fd, XS_CONTROL, data, (size_t)n);
    if (ask(fd, XS_CONTROL, "live-update\0-s", 15, reply, &len) != XS_CONTROL || strcmp(reply, "OK"))
        fail("live update: %s", reply);
    must(fd, XS_READ, "/", 2); /* by the same connection */
    close(fd);
    for (unsigned i = 0; i < SOCKETS; i++)
        if (clients[i].fd < 0)
            fail("client %u lost its connection in a live update", i);
    updates_done++;
}

static void check_end(void)
{
    int fd = connect_socket(true);
    char reply[4097];
    size_t len;

    for (unsigned i = 0; i < GUESTS; i++) {
        const struct guest *g = &guests[i];

        if (g->own_events != g->own_writes + 1 || g->shared_events != shared_writes + 1)
            fail("domain %u: %llu events for %llu writes of its own, %llu of %llu shared ones", g->ring.domid,
                 (unsigned long long)g->own_events, (unsigned long long)g->own_writes + 1,
                 (unsigned long long)g->shared_events, (unsigned long long)shared_writes + 1);
    }
    if (ask(fd, XS_CONTROL, "check", 6, reply, &len) != XS_CONTROL || strcmp(reply, "OK"))
        fail("the store's own check: %s", reply);
    close(fd);
}

static void set_up(void)
{
    char path[108];
    FILE *port;
    int fd;

    snprintf(run_dir, sizeof(run_dir), "/dev/shm/xs-crash.%d", (int)getpid());
    snprintf(sim_dir, sizeof(sim_dir), "%s/sim", run_dir);
    mkdir(run_dir, 0700);
    mkdir(sim_dir, 0700);
    setenv("XS_SIM", sim_dir, 1);
    setenv("XENSTORED_RUNDIR", run_dir, 1);
    for (unsigned i = 0; i < GUESTS; i++)
        sim_create(&guests[i].ring, i, pick(2) ? 0 : 0xffffff00u + pick(250)); /* indices that wrap soon, too */
    snprintf(path, sizeof(path), "%s/port.0", sim_dir);
    port = fopen(path, "w");
    if (port == NULL || fputs("1", port) < 0 || fclose(port) != 0)
        fail("%s", path);
    start_daemon();
    fd = connect_socket(true);
    if (fd < 0)
        fail("the daemon does not start");
    for (unsigned i = 0; i < GUESTS; i++)
        set_up_guest(&guests[i], i, fd);
    for (unsigned i = 0; i < SOCKETS; i++)
        clients[i].fd = connect_socket(true);
    close(fd);
}

static void clean_up(void)
{
    char command[160];

    kill(daemon_pid, SIGKILL);
    waitpid(daemon_pid, NULL, 0);
    snprintf(command, sizeof(command), "rm -rf %s", run_dir);
    if (system(command) != 0)
        fprintf(stderr, "%s: not removed\n", run_dir);
}

int main(int argc, char **argv)
{
    unsigned kills = argc > 3 ? (unsigned)atoi(argv[3]) : 200,
             seed = argc > 4 ? (unsigned)atoi(argv[4]) : (unsigned)time(NULL);
    bool live = argc > 5 && !strcmp(argv[5], "live");
    uint64_t replies = 0, events = 0, deadline;

    if (argc < 3) {
        fprintf(stderr, "usage: %s XENSTORED SIMHOST.so [KILLS [SEED [live]]]\n", argv[0]);
        return 2;
    }
    daemon_path = argv[1];
    simhost_path = argv[2];
    srandom(seed);
    set_up();
    settling = true; /* every watch is there before the first write */
    while (!all_quiet())
        run_all(1000);
    settling = false;
    for (unsigned i = 0; i < kills; i++) {
        run_all(pick(20) == 0 ? 100000 : pick(12000));
        if (live && pick(4) == 0) {
            live_update();
            continue;
        }
        kill_daemon();
        if (pick(8) == 0)
            run_all(pick(3000)); /* the guests go on meanwhile */
        start_daemon();
        reconnect_clients();
    }
    settling = true;
    for (deadline = now_us() + 20000000; !all_quiet() && now_us() < deadline;)
        run_all(10000);
    for (unsigned i = 0; i < GUESTS && !all_quiet(); i++)
        fprintf(stderr, "domain %u: %u pending, %zu to send, step %u, %llu of %llu shared events, ring %u/%u %u/%u\n",
                guests[i].ring.domid, guests[i].pending_count, guests[i].send_len, guests[i].txn_step,
                (unsigned long long)guests[i].shared_events, (unsigned long long)shared_writes + 1,
                guests[i].ring.page->req_cons, guests[i].ring.page->req_prod, guests[i].ring.page->rsp_cons,
                guests[i].ring.page->rsp_prod);
    if (!all_quiet())
        fail("guests still wait at the end");
    check_end();
    for (unsigned i = 0; i < GUESTS; i++) {
        replies += guests[i].replies;
        events += guests[i].own_events + guests[i].shared_events;
    }
    clean_up();
    printf("seed %u: %llu kills, %llu live updates, %llu replies and %llu events, all accounted for\n", seed,
           (unsigned long long)kills_done, (unsigned long long)updates_done, (unsigned long long)replies,
           (unsigned long long)events);
    return 0;
}
