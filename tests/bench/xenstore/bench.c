/* SPDX-License-Identifier: MIT */
/*
 * The xenstore benchmark's client, on libxenstore over the unix socket: the same program for every daemon.
 *
 *   bench fill DOMAINS           makes DOMAINS domains' worth of nodes (71 each)
 *   bench watch DOMAINS WATCHES  sets WATCHES watches in those domains' trees, says "ready", stays
 *   bench run OP COUNT           one waiting client: operations a second (OP: read, write, tx10, event)
 *   bench pipeline CLIENTS S     CLIENTS connections with 16 requests each in flight, for S seconds: requests a second
 *   bench devices CLIENTS S      CLIENTS processes with transactions on a device path each: a second, and retries
 *   bench bare SOCKET            the floor: a server that takes messages and answers them, and does nothing else
 *   bench domains COUNT          introduces COUNT simulated domains, releases them: microseconds each of the last 100
 */
#include "../../unit/xenstore-sim.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <xenstore.h>

#define DEPTH 16

static struct xs_handle *xs;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    exit(1);
}

static void open_store(void)
{
    xs = xs_open(0);
    check(xs != NULL, "xs_open");
}

static void write_node(xs_transaction_t t, const char *path, const char *value)
{
    check(xs_write(xs, t, path, value, (unsigned)strlen(value)), path);
}

/* ---- fill: what libxl writes for a guest with a disk and a network interface, roughly ---- */

static const char *const guest_nodes[][2] = {
    { "name", "guest" },
    { "domid", "1" },
    { "vm", "/vm/0f3a" },
    { "memory/static-max", "131072" },
    { "memory/target", "131072" },
    { "cpu/0/availability", "online" },
    { "cpu/1/availability", "online" },
    { "control/shutdown", "" },
    { "control/sysrq", "" },
    { "control/platform-feature-multiprocessor-suspend", "1" },
    { "store/port", "1" },
    { "store/ring-ref", "1048575" },
    { "console/ring-ref", "1048574" },
    { "console/port", "2" },
    { "console/limit", "1048576" },
    { "console/type", "xenconsoled" },
    { "console/tty", "/dev/pts/1" },
    { "device/vbd/51712/backend", "/local/domain/0/backend/vbd/1/51712" },
    { "device/vbd/51712/backend-id", "0" },
    { "device/vbd/51712/state", "4" },
    { "device/vbd/51712/virtual-device", "51712" },
    { "device/vbd/51712/ring-ref", "8" },
    { "device/vbd/51712/event-channel", "9" },
    { "device/vbd/51712/protocol", "x86_64-abi" },
    { "device/vif/0/backend", "/local/domain/0/backend/vif/1/0" },
    { "device/vif/0/backend-id", "0" },
    { "device/vif/0/state", "4" },
    { "device/vif/0/handle", "0" },
    { "device/vif/0/mac", "00:16:3e:15:91:c0" },
    { "device/vif/0/tx-ring-ref", "10" },
    { "device/vif/0/rx-ring-ref", "11" },
    { "device/vif/0/event-channel", "12" },
    { "data/x", "" },
    { "attr/os", "Linux" },
};
static const char *const backend_nodes[][2] = {
    { "frontend", "/local/domain/1/device/vbd/51712" },
    { "frontend-id", "1" },
    { "state", "4" },
    { "online", "1" },
    { "params", "/dev/vg/guest" },
    { "physical-device", "fd:1" },
    { "sectors", "2097152" },
    { "info", "0" },
    { "sector-size", "512" },
};

static void fill_domain(unsigned domid)
{
    char path[256];

    for (size_t i = 0; i < sizeof(guest_nodes) / sizeof(guest_nodes[0]); i++) {
        snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, guest_nodes[i][0]);
        write_node(XBT_NULL, path, guest_nodes[i][1]);
    }
    for (unsigned k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof(backend_nodes) / sizeof(backend_nodes[0]); i++) {
            snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u/%s/%s", k ? "vif" : "vbd", domid,
                     k ? "0" : "51712", backend_nodes[i][0]);
            write_node(XBT_NULL, path, backend_nodes[i][1]);
        }
    }
}

static void fill(unsigned domains)
{
    open_store();
    for (unsigned i = 1; i <= domains; i++)
        fill_domain(i);
}

static void watch(unsigned domains, unsigned watches)
{
    char path[256];

    for (unsigned i = 0; i < watches; i++) {
        unsigned n;

        if (i % 1000 == 0) /* ten connections for ten thousand watches; they stay open with the process */
            open_store();
        snprintf(path, sizeof(path), "/local/domain/%u/watched/%u", 1 + i % domains, i / domains);
        check(xs_watch(xs, path, "token"), "watch");
        free(xs_read_watch(xs, &n));
    }
    puts("ready");
    fflush(stdout);
    pause();
}

/* ---- one waiting client ---- */

static void op_read(void)
{
    unsigned n;
    char *value = xs_read(xs, XBT_NULL, "/local/domain/500/device/vbd/bench/state", &n);

    check(value != NULL, "read");
    free(value);
}

static void op_write(void)
{
    write_node(XBT_NULL, "/local/domain/500/device/vbd/bench/state", "0123456789abcdef");
}

static void op_tx10(void)
{
    static const char *const path[10] = {
        "/local/domain/500/device/vbd/bench/n0", "/local/domain/500/device/vbd/bench/n1",
        "/local/domain/500/device/vbd/bench/n2", "/local/domain/500/device/vbd/bench/n3",
        "/local/domain/500/device/vbd/bench/n4", "/local/domain/500/device/vbd/bench/n5",
        "/local/domain/500/device/vbd/bench/n6", "/local/domain/500/device/vbd/bench/n7",
        "/local/domain/500/device/vbd/bench/n8", "/local/domain/500/device/vbd/bench/n9",
    };
    xs_transaction_t t = xs_transaction_start(xs);

    check(t != XBT_NULL, "start");
    for (unsigned i = 0; i < 10; i++)
        write_node(t, path[i], "0123456789abcdef");
    check(xs_transaction_end(xs, t, false), "end");
}

static void op_event(void)
{
    unsigned n;

    write_node(XBT_NULL, "/local/domain/500/device/vbd/bench/watched", "1");
    free(xs_read_watch(xs, &n));
}

static void run(const char *name, unsigned count)
{
    static const struct {
        const char *name;
        void (*op)(void);
    } ops[] = { { "read", op_read }, { "write", op_write }, { "tx10", op_tx10 }, { "event", op_event } };
    double start;

    open_store();
    op_write();
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (strcmp(name, ops[i].name))
            continue;
        if (ops[i].op == op_event) {
            unsigned n;

            check(xs_watch(xs, "/local/domain/500/device/vbd/bench/watched", "e"), "watch");
            free(xs_read_watch(xs, &n));
        }
        ops[i].op();
        puts("go");
        fflush(stdout);
        if (getchar() < 0) /* the driver resets the server's counters now */
            exit(1);
        start = now();
        for (unsigned k = 0; k < count; k++)
            ops[i].op();
        printf("%.1f\n", count / (now() - start));
        fflush(stdout);
        if (getchar() < 0) /* and reads them, before this connection closes */
            exit(1);
    }
}

/* ---- many pipelining connections, on the bare protocol ---- */

static size_t request(char *out, uint32_t type, const char *data, size_t len)
{
    struct xsd_sockmsg hdr = { type, 1, 0, (uint32_t)len };

    memcpy(out, &hdr, sizeof(hdr));
    memcpy(out + sizeof(hdr), data, len);
    return sizeof(hdr) + len;
}

static int connect_raw(void)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(sun.sun_path, sizeof(sun.sun_path), "%.100s", xs_daemon_socket());
    check(fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0, "connect");
    return fd;
}

static void pipeline(unsigned clients, double seconds)
{
    struct pollfd fds[clients];
    char out[DEPTH * 128], in[65536], data[128];
    size_t len = 0, reply = 0, pending[clients];
    uint64_t done = 0;
    double start;

    open_store();
    write_node(XBT_NULL, "/bench/pipeline", "0123456789abcdef");
    for (unsigned i = 0; i < DEPTH; i++) { /* reads and writes by turns; their replies are 32 and 19 bytes */
        size_t n = (size_t)snprintf(data, sizeof(data), "/bench/pipeline") + 1;

        if (i & 1) {
            memcpy(data + n, "0123456789abcdef", 16);
            len += request(out + len, XS_WRITE, data, n + 16);
            reply += 19;
        } else {
            len += request(out + len, XS_READ, data, n);
            reply += 32;
        }
    }
    for (unsigned i = 0; i < clients; i++) {
        fds[i] = (struct pollfd){ connect_raw(), POLLIN, 0 };
        check(write(fds[i].fd, out, len) == (ssize_t)len, "write");
        pending[i] = reply;
    }
    for (start = now(); now() - start < seconds;) {
        poll(fds, clients, 100);
        for (unsigned i = 0; i < clients; i++) {
            ssize_t n = fds[i].revents ? read(fds[i].fd, in, pending[i]) : 0;

            check(n >= 0, "read");
            pending[i] -= (size_t)n;
            if (pending[i] == 0) {
                done += DEPTH;
                pending[i] = reply;
                check(write(fds[i].fd, out, len) == (ssize_t)len, "write");
            }
        }
    }
    printf("%.1f\n", (double)done / (now() - start));
}

/*
 * ---- the floor: a server that looks at no more than a message's length and type, for one client at a time. It lets the
 * client run before it sleeps, which makes it cheaper than one that only blocks.
 */

static size_t message(char *out, uint32_t type, const void *data, size_t len)
{
    struct xsd_sockmsg hdr = { .type = type, .len = (uint32_t)len };

    memcpy(out, &hdr, sizeof(hdr));
    memcpy(out + sizeof(hdr), data, len);
    return sizeof(hdr) + len;
}

/* WATCHED: room for the payload of the client's one watch, which is that of its events too; *LEN: of how many bytes. */
static void answer(int fd, const struct xsd_sockmsg *request, char *watched, size_t *len)
{
    char out[1024];
    size_t n = 0;

    if (request->type == XS_WRITE && *len > 0)
        n = message(out, XS_WATCH_EVENT, watched, *len);
    if (request->type == XS_READ)
        n += message(out + n, XS_READ, "0123456789abcdef", 16);
    else
        n += message(out + n, request->type, request->type == XS_TRANSACTION_START ? "1\0" : "OK", 3);
    if (request->type == XS_WATCH && request->len < 256) {
        *len = request->len;
        memcpy(watched, request + 1, *len);
        n += message(out + n, XS_WATCH_EVENT, watched, *len);
    }
    check(send(fd, out, n, MSG_NOSIGNAL) > 0 || errno == EPIPE, "send");
}

static void serve_bare(const char *path)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(sun.sun_path, sizeof(sun.sun_path), "%.100s", path);
    check(bind(listener, (struct sockaddr *)&sun, sizeof(sun)) == 0 && listen(listener, 16) == 0, path);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        _Alignas(struct xsd_sockmsg) char data[8192];
        char watched[256];
        size_t len = 0, watched_len = 0;

        for (;;) {
            const struct xsd_sockmsg *hdr = (const void *)data;
            ssize_t n;

            sched_yield();
            n = recv(fd, data + len, sizeof(data) - len, MSG_DONTWAIT);
            if (n < 0 && errno == EAGAIN)
                n = recv(fd, data + len, sizeof(data) - len, 0);
            if (n <= 0)
                break;
            len += (size_t)n;
            if (len < sizeof(*hdr) || len < sizeof(*hdr) + hdr->len)
                continue;
            answer(fd, hdr, watched, &watched_len);
            len = 0;
        }
        close(fd);
    }
}

/* ---- transactions on different devices ---- */

static void device_client(unsigned i, double seconds, int out)
{
    char path[128];
    uint64_t count[2] = { 0, 0 };
    double start = now();

    open_store();
    snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u/51712/state", 1000 + i);
    while (now() - start < seconds) {
        xs_transaction_t t = xs_transaction_start(xs);
        unsigned n;

        check(t != XBT_NULL, "start");
        free(xs_read(xs, t, path, &n));
        write_node(t, path, "4");
        if (xs_transaction_end(xs, t, false))
            count[0]++;
        else
            count[1]++;
    }
    check(write(out, count, sizeof(count)) == sizeof(count), "pipe");
    exit(0);
}

static void devices(unsigned clients, double seconds)
{
    uint64_t total[2] = { 0, 0 }, count[2];
    int fd[2];

    check(pipe(fd) == 0, "pipe");
    for (unsigned i = 0; i < clients; i++)
        if (fork() == 0)
            device_client(i, seconds, fd[1]);
    for (unsigned i = 0; i < clients; i++) {
        check(read(fd[0], count, sizeof(count)) == sizeof(count), "read");
        total[0] += count[0];
        total[1] += count[1];
    }
    printf("%.1f %llu\n", (double)total[0] / seconds, (unsigned long long)total[1]);
}

/* ---- domains ---- */

static void domains(unsigned count)
{
    struct sim_ring *rings = calloc(count, sizeof(*rings));
    double start, introduce, release;
    unsigned last = count < 100 ? count : 100;
    char path[64];

    open_store();
    for (unsigned i = 0; i < count; i++)
        sim_create(&rings[i], i + 1, 0);
    for (unsigned i = 0; i < count - last; i++) {
        snprintf(path, sizeof(path), "/local/domain/%u", i + 1);
        check(xs_introduce_domain(xs, i + 1, 1, 1), "introduce");
        write_node(XBT_NULL, path, "");
        check(xs_set_permissions(xs, XBT_NULL, path, &(struct xs_permissions){ i + 1, XS_PERM_NONE }, 1), "perms");
    }
    start = now();
    for (unsigned i = count - last; i < count; i++)
        check(xs_introduce_domain(xs, i + 1, 1, 1), "introduce");
    introduce = now() - start;
    start = now();
    for (unsigned i = count - last; i < count; i++)
        check(xs_release_domain(xs, i + 1), "release");
    release = now() - start;
    printf("%.1f %.1f\n", introduce * 1e6 / last, release * 1e6 / last);
    for (unsigned i = 0; i < count - last; i++)
        check(xs_release_domain(xs, i + 1), "release");
    for (unsigned i = 0; i < count; i++)
        sim_destroy(&rings[i]);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    unsigned a = argc > 2 ? (unsigned)atoi(argv[2]) : 0;

    if (!strcmp(mode, "fill") && argc == 3)
        fill(a);
    else if (!strcmp(mode, "watch") && argc == 4 && a > 0)
        watch(a, (unsigned)atoi(argv[3]));
    else if (!strcmp(mode, "run") && argc == 4)
        run(argv[2], (unsigned)atoi(argv[3]));
    else if (!strcmp(mode, "pipeline") && argc == 4)
        pipeline(a, atof(argv[3]));
    else if (!strcmp(mode, "devices") && argc == 4)
        devices(a, atof(argv[3]));
    else if (!strcmp(mode, "bare") && argc == 3)
        serve_bare(argv[2]);
    else if (!strcmp(mode, "domains") && argc == 3)
        domains(a);
    else
        return fprintf(stderr, "see the head of bench.c\n"), 2;
    return 0;
}
