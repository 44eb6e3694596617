/* SPDX-License-Identifier: MIT */
/*
 * Hostile guests and clients against the real daemon (on tests/peer/xenstore-simhost.so): rings whose indices jump and
 * whose bytes are random, a socket and a guest that never read, half messages and lengths without end, every request
 * with every kind of bad payload. After each the daemon must answer another client at once, and its own check must find
 * nothing.
 *
 * Usage: xenstore-hostile XENSTORED SIMHOST.so [ROUNDS [SEED]]
 */
#include "xenstore-sim.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define GUEST 9

static char run_dir[64];
static pid_t daemon_pid;
static int good; /* the client that must not suffer */
static double worst;

static void fail(const char *what)
{
    fprintf(stderr, "FAIL: %s\n", what);
    kill(daemon_pid, SIGKILL);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int connect_socket(void)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(sun.sun_path, sizeof(sun.sun_path), "%.90s/socket", run_dir);
    for (unsigned tries = 0; tries < 1000; tries++) {
        if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
            return fd;
        usleep(5000);
    }
    fail("the daemon does not listen");
    return -1;
}

/* One request of the good client's; its reply, which must be EXPECTED if that is not NULL. */
static const char *ask(uint32_t type, const char *data, size_t len, const char *expected)
{
    static char in[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
    char out[256];
    struct xsd_sockmsg hdr = { type, 1, 0, (uint32_t)len };
    double start = now();
    size_t have = 0;

    memcpy(out, &hdr, sizeof(hdr));
    memcpy(out + sizeof(hdr), data, len);
    if (write(good, out, sizeof(hdr) + len) != (ssize_t)(sizeof(hdr) + len))
        fail("the daemon is gone");
    do {
        ssize_t n = read(good, in + have, sizeof(in) - have);

        if (n <= 0)
            fail("the daemon is gone");
        have += (size_t)n;
        memcpy(&hdr, in, sizeof(hdr));
    } while (have < sizeof(hdr) || have < sizeof(hdr) + hdr.len);
    if (expected != NULL && strcmp(in + sizeof(hdr), expected))
        fail(in + sizeof(hdr));
    if (now() - start > worst)
        worst = now() - start;
    return in + sizeof(hdr);
}

static uint32_t any(void)
{
    return (uint32_t)random() << 16 ^ (uint32_t)random();
}

/* Returns when the daemon's queue of kicks has taken it. */
static void kick(void)
{
    while (!sim_kick(GUEST))
        usleep(100);
}

static void misbehave(struct sim_ring *r)
{
    static const uint32_t lengths[] = { 0, 5, 4096, 4097, 0x80000000u, 0xffffffffu };
    struct xsd_sockmsg hdr = { any() % 30, 1, any() % 3, lengths[any() % 6] };

    switch (any() % 7) {
    case 0: r->page->req_prod = any(); break;
    case 1: r->page->rsp_cons = any(); break;
    case 2: r->page->req_cons = any(); break;
    case 3: r->page->rsp_prod = any(); break;
    case 4: r->page->connection = XENSTORE_RECONNECT; break;
    case 5:
        for (unsigned i = 0; i < sizeof(r->page->req); i++)
            r->page->req[i] = (char)any();
        r->page->req_prod += any() % 1025;
        break;
    default:
        memcpy(r->page->req, &hdr, sizeof(hdr));
        r->page->req_prod = r->page->req_cons + 15 + any() % 1000;
        break;
    }
    kick();
}

static void hostile_ring(void)
{
    struct sim_ring r;

    sim_create(&r, GUEST, any() % 2 ? 0 : any());
    ask(XS_INTRODUCE, "9\0001\0001", 6, "OK");
    for (unsigned i = 1 + any() % 4; i > 0; i--)
        misbehave(&r);
    ask(XS_READ, "/tool", 6, NULL);
    ask(XS_RELEASE, "9", 2, "OK");
    munmap(r.page, 4096);
}

/* Says the same as if it had never failed, once the guest asks for a clean start. */
static void broken_ring_reconnects(void)
{
    struct sim_ring r;
    struct xsd_sockmsg hdr = { XS_GET_DOMAIN_PATH, 7, 0, 2 };
    char data[XENSTORE_PAYLOAD_MAX + 1], message[sizeof(hdr) + 2];
    double end = now() + 5;

    sim_create(&r, GUEST, 0);
    ask(XS_INTRODUCE, "9\0001\0001", 6, "OK");
    r.page->req_prod = 5000;
    kick();
    while (__atomic_load_n(&r.page->error, __ATOMIC_ACQUIRE) != XENSTORE_ERROR_RINGIDX && now() < end)
        usleep(1000);
    if (r.page->error != XENSTORE_ERROR_RINGIDX)
        fail("a jump of the request index is not reported");
    r.page->connection = XENSTORE_RECONNECT;
    kick();
    while (__atomic_load_n(&r.page->connection, __ATOMIC_ACQUIRE) != XENSTORE_CONNECTED && now() < end)
        usleep(1000);
    memcpy(message, &hdr, sizeof(hdr));
    memcpy(message + sizeof(hdr), "9", 2);
    sim_put(&r, message, sizeof(message));
    kick();
    while (!sim_get(&r, &hdr, data))
        if (now() > end)
            fail("no reply after reconnecting");
    if (strcmp(data, "/local/domain/9"))
        fail(data);
    ask(XS_RELEASE, "9", 2, "OK");
    munmap(r.page, 4096);
}

/* Writes LEN bytes again and again, without reading, until the daemon takes no more or hangs up. */
static int hostile_socket(const void *data, size_t len)
{
    int fd = connect_socket();

    for (unsigned i = 0; i < 200000; i++)
        if (send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
    ask(XS_READ, "/tool", 6, NULL);
    return fd;
}

static void hostile_sockets(void)
{
    struct xsd_sockmsg read_root = { XS_READ, 1, 0, 2 }, endless = { XS_WRITE, 1, 0, 0xffffffffu },
                       half = { XS_READ, 1, 0, 100 };
    char message[sizeof(read_root) + 2] = { 0 }, noise[4000];
    int fd[4];

    memcpy(message, &read_root, sizeof(read_root));
    message[sizeof(read_root)] = '/';
    for (unsigned i = 0; i < sizeof(noise); i++)
        noise[i] = (char)any();
    fd[0] = hostile_socket(message, sizeof(message));
    fd[1] = hostile_socket(&endless, sizeof(endless));
    fd[2] = hostile_socket(noise, sizeof(noise));
    fd[3] = hostile_socket(&half, sizeof(half) - 1);
    for (unsigned i = 0; i < 4; i++)
        close(fd[i]);
}

/* ---- messages: every type with every payload that is wrong in one way, from a socket and from a guest ---- */

struct payload {
    const char *what;
    const char *data;
    size_t len;
    size_t repeat; /* else: that many of DATA's first byte */
};

#define BYTES(what, bytes) { what, bytes, sizeof(bytes) - 1, 0 }

static const struct payload payloads[] = {
    { "nothing", "", 0, 0 },
    BYTES("no end", "/a"),
    BYTES("a NUL", "\0"),
    BYTES("NULs", "\0\0\0\0"),
    BYTES("embedded NUL", "/a\0b\0c"),
    BYTES("not ASCII", "/\xc3\xa4\xff\0x\0"),
    BYTES("control bytes", "/a\n\x01\x7f\0x\0"),
    BYTES("double slash", "/a//b\0x\0"),
    BYTES("slash at the end", "/a/b/\0x\0"),
    BYTES("special name", "@nosuchevent\0x\0"),
    BYTES("bad permissions", "/tool\0x0\0"),
    BYTES("negative domain", "/tool\0n-1\0"),
    BYTES("huge domain", "/tool\0n99999999999999999999\0"),
    BYTES("permissions without a domain", "/tool\0n\0r\0"),
    BYTES("negative number", "-1\0-1\0-1\0"),
    BYTES("huge number", "99999999999999999999999\0" "1\0" "1\0"),
    BYTES("reserved domain", "32752\0" "1\0" "1\0"),
    BYTES("a number and rubbish", "1x\0" "1\0" "1\0"),
    BYTES("offset that is none", "/tool\0x\0"),
    { "path too long", "a", 0, 3500 },
    { "most there may be, no end", "/", 0, XENSTORE_PAYLOAD_MAX },
    { "most NULs there may be", "\0", 0, XENSTORE_PAYLOAD_MAX },
};

/* Sends a message and takes its one reply; false when the other side hung up. */
typedef bool exchange(void *via, const void *message, size_t len, struct xsd_sockmsg *reply, char *data);

static bool by_socket(void *via, const void *message, size_t len, struct xsd_sockmsg *reply, char *data)
{
    int fd = *(int *)via;

    return send(fd, message, len, MSG_NOSIGNAL) == (ssize_t)len &&
           recv(fd, reply, sizeof(*reply), MSG_WAITALL) == sizeof(*reply) && reply->len <= XENSTORE_PAYLOAD_MAX &&
           (reply->len == 0 || recv(fd, data, reply->len, MSG_WAITALL) == (ssize_t)reply->len);
}

static bool by_ring(void *via, const void *message, size_t len, struct xsd_sockmsg *reply, char *data)
{
    const char *at = message;
    double end = now() + 5;

    for (;;) {
        size_t n = sim_put(via, at, len);

        at += n;
        len -= n;
        kick();
        if (sim_get(via, reply, data))
            return true;
        if (now() > end)
            return false;
        usleep(100);
    }
}

static unsigned bad_messages(exchange *via_exchange, void *via)
{
    static const uint32_t transactions[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff };
    static char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX], data[XENSTORE_PAYLOAD_MAX + 1];
    unsigned sent = 0;

    for (uint32_t type = 0; type < 40; type++) {
        for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
            const struct payload *p = &payloads[i];
            size_t len = p->repeat ? p->repeat : p->len;
            struct xsd_sockmsg hdr = { type < 35 ? type : 0u - type, 0x80000000u + sent, transactions[sent % 5],
                                       (uint32_t)len },
                               reply;

            memcpy(message, &hdr, sizeof(hdr));
            if (p->repeat)
                memset(message + sizeof(hdr), p->data[0], len);
            else
                memcpy(message + sizeof(hdr), p->data, len);
            do { /* an event may come before the reply */
                if (!via_exchange(via, message, sizeof(hdr) + len, &reply, data))
                    fail(p->what);
                len = 0u - sizeof(hdr); /* nothing more to send */
            } while (reply.type == XS_WATCH_EVENT);
            if (reply.req_id != hdr.req_id || reply.tx_id != hdr.tx_id ||
                (reply.type != XS_ERROR && reply.type != hdr.type))
                fail(p->what);
            sent++;
        }
    }
    return sent;
}

static unsigned hostile_messages(void)
{
    struct sim_ring r;
    int fd = connect_socket();
    unsigned sent = bad_messages(by_socket, &fd);

    close(fd);
    sim_create(&r, GUEST, 0xfffffff0u); /* the indices wrap at once */
    ask(XS_INTRODUCE, "9\0001\0001", 6, "OK");
    sent += bad_messages(by_ring, &r);
    ask(XS_RELEASE, "9", 2, "OK");
    munmap(r.page, 4096);
    ask(XS_CONTROL, "check", 6, "OK");
    return sent;
}

/* A guest that watches and never reads: what it is sent is bounded, and whoever writes does not wait for it. */
static void deaf_guest(void)
{
    static const char watch[] = "/deaf\0token";
    struct xsd_sockmsg hdr = { XS_WATCH, 1, 0, sizeof(watch) }, read_path = { XS_GET_DOMAIN_PATH, 1, 0, 2 };
    char message[sizeof(hdr) + sizeof(watch)], path[64];
    struct sim_ring r;
    double start = worst;

    sim_create(&r, GUEST, 0);
    ask(XS_INTRODUCE, "9\0001\0001", 6, "OK");
    ask(XS_WRITE, "/deaf\0", 6, "OK");
    ask(XS_SET_PERMS, "/deaf\0b0", 9, "OK");
    memcpy(message, &hdr, sizeof(hdr));
    memcpy(message + sizeof(hdr), watch, sizeof(watch));
    sim_put(&r, message, sizeof(message));
    kick();
    worst = 0;
    for (unsigned i = 0; i < 50000; i++) {
        int len = snprintf(path, sizeof(path), "/deaf/%u", i % 500);

        ask(XS_WRITE, path, (size_t)len + 1, "OK");
        if (i < 200) { /* and asks on */
            memcpy(message, &read_path, sizeof(read_path));
            memcpy(message + sizeof(hdr), "9", 2);
            sim_put(&r, message, sizeof(hdr) + 2);
            kick();
        }
    }
    if (worst > 0.5)
        fail("a guest that does not read holds up another client");
    worst = start > worst ? start : worst;
    ask(XS_RELEASE, "9", 2, "OK");
    ask(XS_RM, "/deaf", 6, "OK");
    ask(XS_CONTROL, "check", 6, "OK");
    munmap(r.page, 4096);
}

/* ---- floods ---- */

static void flood_socket(void)
{
    struct xsd_sockmsg hdr = { XS_DIRECTORY, 1, 0, 2 };
    static char out[64 * (sizeof(hdr) + 2)], in[65536];
    int fd = connect_socket();

    for (size_t at = 0; at < sizeof(out); at += sizeof(hdr) + 2) {
        memcpy(out + at, &hdr, sizeof(hdr));
        memcpy(out + at + sizeof(hdr), "/", 2);
    }
    for (;;) {
        send(fd, out, sizeof(out), MSG_DONTWAIT | MSG_NOSIGNAL); /* cut anywhere: what it means does not matter */
        if (recv(fd, in, sizeof(in), 0) <= 0)
            fd = connect_socket();
    }
}

static void flood_ring(struct sim_ring *r)
{
    struct xsd_sockmsg hdr = { XS_READ, 1, 0, 2 };
    char message[sizeof(hdr) + 2], data[XENSTORE_PAYLOAD_MAX + 1];

    memcpy(message, &hdr, sizeof(hdr));
    memcpy(message + sizeof(hdr), "/", 2);
    for (;;) {
        while (XENSTORE_RING_SIZE - (r->page->req_prod - __atomic_load_n(&r->page->req_cons, __ATOMIC_ACQUIRE)) >=
               sizeof(message))
            sim_put(r, message, sizeof(message));
        sim_kick(GUEST);
        while (sim_get(r, &hdr, data))
            ;
    }
}

/* One guest and one socket ask without end: the mean time that another client waits, in seconds. */
static double flooded(void)
{
    struct sim_ring r;
    pid_t flooder[2];
    double start;

    sim_create(&r, GUEST, 0);
    ask(XS_INTRODUCE, "9\0001\0001", 6, "OK");
    for (unsigned i = 0; i < 2; i++) {
        flooder[i] = fork();
        if (flooder[i] == 0) {
            if (i == 0)
                flood_socket();
            flood_ring(&r);
        }
    }
    start = now();
    for (unsigned i = 0; i < 2000; i++)
        ask(XS_READ, "/tool", 6, NULL);
    start = (now() - start) / 2000;
    for (unsigned i = 0; i < 2; i++) {
        kill(flooder[i], SIGKILL);
        waitpid(flooder[i], NULL, 0);
    }
    ask(XS_RELEASE, "9", 2, "OK");
    ask(XS_CONTROL, "check", 6, "OK");
    munmap(r.page, 4096);
    if (start > 0.02)
        fail("a flood holds up another client");
    return start;
}

/* The socket to which a service manager's daemons say that they are ready. */
static void set_state(const char *state)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/state.%u", run_dir, GUEST);
    file = fopen(path, "w");
    if (file == NULL || fputs(state, file) < 0 || fclose(file) != 0)
        fail(path);
}

/*
 * A domain that is dying is there as long as the hypervisor knows it, as for Debian's daemons; what it was given then, and
 * was never introduced for, ends with it all the same.
 */
static void dying_guest(void)
{
    const struct xsd_sockmsg read_left = { XS_READ, 1, 0, 6 };
    char message[sizeof(read_left) + 6], data[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg reply;
    struct sim_ring r;
    double end = now() + 10;

    sim_create(&r, GUEST, 0);
    set_state("dying");
    ask(XS_WRITE, "/left\0", 6, "OK");
    ask(XS_SET_PERMS, "/left\0n0\0r9", 12, "OK");
    if (memcmp(ask(XS_GET_PERMS, "/left", 6, "n0"), "n0\0r9", 6))
        fail("a dying domain's permission");
    sim_destroy(&r);
    set_state("");
    while (!sim_kick(0xffff)) /* VIRQ_DOM_EXC */
        usleep(100);
    while (strcmp(ask(XS_CONTROL, "quota\0" "9", 8, NULL), "ENOENT")) {
        if (now() > end)
            fail("the end of a domain that only permissions name is not noticed");
        usleep(100);
    }
    sim_create(&r, GUEST, 0);
    ask(XS_INTRODUCE, "9\0001\0001", 6, "OK");
    memcpy(message, &read_left, sizeof(read_left));
    memcpy(message + sizeof(read_left), "/left", 6);
    if (!by_ring(&r, message, sizeof(message), &reply, data) || reply.type != XS_ERROR || strcmp(data, "EACCES"))
        fail("a domain has what the last one of its number was given");
    ask(XS_RELEASE, "9", 2, "OK");
    ask(XS_RM, "/left", 6, "OK");
    munmap(r.page, 4096);
}

static int notify_socket(void)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(sun.sun_path, sizeof(sun.sun_path), "%.90s/notify", run_dir);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
        fail(sun.sun_path);
    setenv("NOTIFY_SOCKET", sun.sun_path, 1);
    return fd;
}

static void start_daemon(const char *path, const char *simhost)
{
    struct sim_ring dom0;
    struct pollfd notified;
    char name[108];
    FILE *port;

    snprintf(run_dir, sizeof(run_dir), "/dev/shm/xs-hostile.%d", (int)getpid());
    mkdir(run_dir, 0700);
    setenv("XS_SIM", run_dir, 1);
    setenv("XENSTORED_RUNDIR", run_dir, 1);
    sim_create(&dom0, 0, 0);
    snprintf(name, sizeof(name), "%s/port.0", run_dir);
    port = fopen(name, "w");
    if (port == NULL || fputs("1", port) < 0 || fclose(port) != 0)
        fail(name);
    notified = (struct pollfd){ notify_socket(), POLLIN, 0 };
    daemon_pid = fork();
    if (daemon_pid == 0) {
        setenv("LD_PRELOAD", simhost, 1);
        setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        execl(path, path, "-N", (char *)NULL);
        _exit(127);
    }
    memset(name, 0, sizeof(name));
    if (poll(&notified, 1, 10000) != 1 || recv(notified.fd, name, sizeof(name) - 1, 0) <= 0 ||
        strncmp(name, "READY=1", 7))
        fail("it does not tell that it is ready");
    close(notified.fd);
    good = connect_socket();
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 3 ? (unsigned)atoi(argv[3]) : 500, messages;
    char command[128];
    double flood;
    int status;

    if (argc < 3)
        return fprintf(stderr, "usage: %s XENSTORED SIMHOST.so [ROUNDS [SEED]]\n", argv[0]), 2;
    srandom(argc > 4 ? (unsigned)atoi(argv[4]) : 1);
    start_daemon(argv[1], argv[2]);
    for (unsigned i = 0; i < rounds; i++)
        hostile_ring();
    broken_ring_reconnects();
    hostile_sockets();
    messages = hostile_messages();
    deaf_guest();
    dying_guest();
    flood = flooded();
    ask(XS_CONTROL, "check", 6, "OK");
    kill(daemon_pid, SIGTERM);
    if (waitpid(daemon_pid, &status, 0) < 0 || status != 0)
        fail("the daemon did not end well");
    snprintf(command, sizeof(command), "rm -rf %s", run_dir);
    status = system(command);
    printf("%u hostile rings, 4 hostile sockets, %u bad messages, a deaf guest, a dying one; another client waited %.1f ms at most; %.0f us on "
           "average under a flood from a socket and a guest\n",
           rounds, messages, worst * 1e3, flood * 1e6);
    return status != 0;
}
