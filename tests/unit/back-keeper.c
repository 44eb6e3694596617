/* SPDX-License-Identifier: MIT */
/*
 * The keeper's state machine: against a store in this process, with real workers (this program again) that die at will.
 * The keeper runs in a thread of its own; the tests play toolstack and front-end.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <xen/io/xenbus.h>

#include "common/keeper.h"
#include "run-suite.h"

#define BACK "/local/domain/0/backend/test/5/1"
#define FRONT "/local/domain/5/device/thing/1"
#define NODES 128

/* ---- libxenstore, as far as keepers use it ---- */

struct xs_handle { int unused; };
static struct xs_handle handle;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { char path[160], value[256]; bool used; } node[NODES];
static int events = -1;
static unsigned refuse_commits;

static void wake(void)
{
    uint64_t one = 1;

    if (write(events, &one, sizeof(one)) < 0)
        abort();
}

static void set(const char *path, const char *value)
{
    int at = -1;

    for (int i = 0; i < NODES; i++)
        if (node[i].used && !strcmp(node[i].path, path))
            at = i;
    for (int i = 0; i < NODES && at < 0; i++)
        if (!node[i].used)
            at = i;
    snprintf(node[at].path, sizeof(node[at].path), "%s", path);
    snprintf(node[at].value, sizeof(node[at].value), "%s", value);
    node[at].used = true;
}

struct xs_handle *xs_open(unsigned long flags) { (void)flags; return &handle; }
void xs_close(struct xs_handle *h) { (void)h; }
int xs_fileno(struct xs_handle *h) { (void)h; return events; }
bool xs_watch(struct xs_handle *h, const char *p, const char *t) { (void)h; (void)p; (void)t; wake(); return true; }
bool xs_unwatch(struct xs_handle *h, const char *p, const char *t) { (void)h; (void)p; (void)t; return true; }
xs_transaction_t xs_transaction_start(struct xs_handle *h) { (void)h; return 1; }

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
    (void)h;
    (void)t;
    (void)abort;
    if (refuse_commits) {
        refuse_commits--;
        errno = EAGAIN;
        return false;
    }
    return true;
}

char **xs_check_watch(struct xs_handle *h)
{
    uint64_t n;

    (void)h;
    if (read(events, &n, sizeof(n)) == sizeof(n))
        return calloc(2, sizeof(char *));
    errno = EAGAIN;
    return NULL;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned *len)
{
    char *got = NULL;

    (void)h;
    (void)t;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < NODES && !got; i++)
        if (node[i].used && !strcmp(node[i].path, path))
            got = strdup(node[i].value);
    pthread_mutex_unlock(&lock);
    *len = got ? (unsigned)strlen(got) : 0;
    return got;
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *value, unsigned len)
{
    (void)h;
    (void)t;
    (void)len;
    pthread_mutex_lock(&lock);
    set(path, value);
    pthread_mutex_unlock(&lock);
    wake();
    return true;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned *n)
{
    char **list = calloc(2, sizeof(char *) + 8);

    (void)h;
    (void)t;
    *n = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < NODES && !*n; i++)
        if (node[i].used && !strncmp(node[i].path, BACK, strlen(BACK)) && !strncmp(BACK, path, strlen(path))) {
            list[0] = (char *)(list + 2);
            strcpy(list[0], "1");
            *n = 1;
        }
    pthread_mutex_unlock(&lock);
    return list;
}

/* ---- a kind of device ---- */

enum { ATTACH = MESSAGE_KIND, CONNECT, DISCONNECT, CRASH };

static struct { unsigned opened, given, connected, again, disconnected, closed; } did;
static bool refuse_open, refuse_connect;

static int call(struct device *d, uint32_t type)
{
    struct message m = { type, d->id };
    struct reply r;

    return keeper_call(d->keeper, &m, sizeof(m), NULL, 0, &r);
}

static int kind_open(struct device *d, char why[256])
{
    (void)d;
    did.opened++;
    if (refuse_open)
        snprintf(why, 256, "it is not there");
    return refuse_open ? -ENOENT : 0;
}

static int kind_give(struct device *d, char why[256])
{
    (void)why;
    did.given++;
    return call(d, ATTACH);
}

static int kind_publish(struct store *s, struct device *d)
{
    store_write(s, d->back, "feature-x", "1");
    return 0;
}

static unsigned size = 8;       /* of the device */

static int kind_publish_connected(struct store *s, struct device *d)
{
    store_write(s, d->back, "size", "%u", size);
    return 0;
}

static bool kind_ready(struct device *d) { (void)d; return true; }

static int kind_connect(struct device *d, bool again, char why[256])
{
    did.connected++;
    did.again += again;
    snprintf(why, 256, "no ring");
    return refuse_connect ? -EINVAL : call(d, CONNECT);
}

static void kind_disconnect(struct device *d) { did.disconnected++; call(d, DISCONNECT); }
static void kind_close(struct device *d) { (void)d; did.closed++; }
static void kind_message(struct device *d, const struct message *m, size_t n) { (void)d; (void)m; (void)n; }

static const struct backend_kind kind = {
    .program = "test", .type = "test", .open = kind_open, .give = kind_give, .publish = kind_publish, .ready = kind_ready,
    .connect = kind_connect, .publish_connected = kind_publish_connected, .disconnect = kind_disconnect, .close = kind_close,
    .message = kind_message,
};

/* The worker: says yes to everything, and ends with its keeper. */
static int worker(void)
{
    struct reply r = { .m = { MESSAGE_REPLY, 0 } };
    struct message m;
    int fds[CHANNEL_FDS];
    unsigned n;

    if (channel_send(WORKER_SOCKET, &r, sizeof(r), NULL, 0))
        return 1;
    while (channel_receive(WORKER_SOCKET, &m, sizeof(m), fds, &n, 0) > 0) {
        r.m.device = m.device;
        channel_send(WORKER_SOCKET, &r, sizeof(r), NULL, 0);
    }
    return 0;
}

/* ---- toolstack and front-end ---- */

static struct keeper keeper;
static pthread_t thread;

static void *run(void *arg)
{
    keeper_run(arg);
    return NULL;
}

static void put(const char *dir, const char *name, const char *value)
{
    char path[200];

    snprintf(path, sizeof(path), *name ? "%s/%s" : "%s", dir, name);
    pthread_mutex_lock(&lock);
    set(path, value);
    pthread_mutex_unlock(&lock);
    wake();
}

static void drop(const char *prefix)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < NODES; i++)
        if (node[i].used && !strncmp(node[i].path, prefix, strlen(prefix)))
            node[i].used = false;
    pthread_mutex_unlock(&lock);
    wake();
}

static int value_of(const char *dir, const char *name)
{
    char path[200], *text;
    unsigned len;
    int n;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    text = xs_read(&handle, 0, path, &len);
    n = text ? atoi(text) : -1;
    free(text);
    return n;
}

static void expect_state(int state)
{
    for (int i = 0; i < 1000 && value_of(BACK, "state") != state; i++)
        usleep(10000);
    ck_assert_int_eq(value_of(BACK, "state"), state);
}

static void expect(const unsigned *counter, unsigned n)
{
    for (int i = 0; i < 1000 && *(volatile const unsigned *)counter < n; i++)
        usleep(10000);
    ck_assert_uint_eq(*(volatile const unsigned *)counter, n);
}

static void add_device(int back_state, int front_state)
{
    char state[4];

    put("domid", "", "0");
    put(FRONT, "", "");
    snprintf(state, sizeof(state), "%d", front_state);
    put(FRONT, "state", state);
    put(BACK, "frontend", FRONT);
    put(BACK, "", "");
    put(BACK, "online", "1");
    snprintf(state, sizeof(state), "%d", back_state);
    put(BACK, "state", state);
}

static void start(void)
{
    keeper = (struct keeper){ .kind = &kind, .domid = 5 };
    ck_assert_int_eq(pthread_create(&thread, NULL, run, &keeper), 0);
}

static void setup(void)
{
    events = eventfd(0, EFD_NONBLOCK);
    memset(node, 0, sizeof(node));
    memset(&did, 0, sizeof(did));
    refuse_open = refuse_connect = false;
    refuse_commits = 0;
}

static void teardown(void)
{
    drop("/local/domain/0/backend");
    pthread_join(thread, NULL);
    close(events);
}

static void connect_device(void)
{
    add_device(XenbusStateInitialising, XenbusStateInitialising);
    start();
    expect_state(XenbusStateInitWait);
    ck_assert_int_eq(value_of(BACK, "feature-x"), 1);
    put(FRONT, "state", "3");
    expect_state(XenbusStateConnected);
}

START_TEST(connects_and_closes)
{
    connect_device();
    put(FRONT, "state", "4");
    put(FRONT, "state", "5");
    expect_state(XenbusStateClosing);
    expect(&did.disconnected, 1);
    put(FRONT, "state", "6");
    expect_state(XenbusStateClosed);
    put(FRONT, "state", "1");           /* the guest boots again */
    expect_state(XenbusStateInitWait);
    put(FRONT, "state", "3");
    expect_state(XenbusStateConnected);
    ck_assert_uint_eq(did.opened, 1);
    put(BACK, "online", "0");           /* and the toolstack takes it away */
    put(BACK, "state", "5");
    put(FRONT, "state", "6");
    expect_state(XenbusStateClosed);
    expect(&did.closed, 1);
}
END_TEST

START_TEST(closes_when_the_guest_is_gone)
{
    connect_device();
    put(BACK, "online", "0");
    put(BACK, "state", "5");
    drop(FRONT);
    expect_state(XenbusStateClosed);
    expect(&did.closed, 1);
    ck_assert_uint_eq(did.disconnected, 1);
}
END_TEST

START_TEST(gives_a_new_worker_what_the_old_one_had)
{
    connect_device();
    for (unsigned i = 1; i <= 3; i++) {
        kill(keeper.worker_pid, SIGKILL);
        expect(&did.again, i);
    }
    ck_assert_uint_eq(did.given, 4);
    ck_assert_uint_eq(did.opened, 1);
    ck_assert_int_eq(value_of(BACK, "state"), XenbusStateConnected);
}
END_TEST

START_TEST(takes_over_connected_devices)
{
    add_device(XenbusStateConnected, XenbusStateConnected);
    put(BACK, "size", "8");
    size = 16;                  /* it has grown while no keeper was there */
    start();
    expect(&did.again, 1);
    for (unsigned i = 0; i < 500 && value_of(BACK, "size") != 16; i++)
        usleep(10000);
    ck_assert_int_eq(value_of(BACK, "size"), 16);
    ck_assert_int_eq(value_of(BACK, "state"), XenbusStateConnected);
    ck_assert_int_eq(value_of(BACK, "feature-x"), -1);  /* the front-end has read its own long ago */
}
END_TEST

START_TEST(leaves_devices_to_a_successor)
{
    connect_device();
    kill(getpid(), SIGTERM);
    pthread_join(thread, NULL);
    ck_assert_int_eq(value_of(BACK, "state"), XenbusStateConnected);
    ck_assert_uint_eq(did.disconnected + did.closed, 0);
    start();
    expect(&did.again, 1);
}
END_TEST

START_TEST(says_why_it_cannot)
{
    char *why;
    unsigned len;

    refuse_open = true;
    add_device(XenbusStateInitialising, XenbusStateInitialising);
    start();
    expect_state(XenbusStateClosed);
    why = xs_read(&handle, 0, BACK "/hotplug-error", &len);
    ck_assert_str_eq(why, "it is not there");
    free(why);
    put(FRONT, "state", "3");
    usleep(100000);
    ck_assert_uint_eq(did.opened, 1);   /* no second try */
}
END_TEST

START_TEST(closes_on_a_front_end_with_nonsense)
{
    refuse_connect = true;
    add_device(XenbusStateInitialising, XenbusStateInitialising);
    start();
    expect_state(XenbusStateInitWait);
    put(FRONT, "state", "4");
    expect_state(XenbusStateClosing);
    put(FRONT, "state", "6");
    expect_state(XenbusStateClosed);
    refuse_connect = false;
    put(FRONT, "state", "1");
    expect_state(XenbusStateInitWait);
    put(FRONT, "state", "3");
    expect_state(XenbusStateConnected);
}
END_TEST

/* Any states in any order, twenty a millisecond; at the end an orderly front-end gets its device. */
START_TEST(survives_states_in_any_order)
{
    static const char *const states[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "-1", "", "4 ", "x", "99999999999999999999" };

    connect_device();
    srand(3);
    for (int i = 0; i < 2000; i++) {
        put(FRONT, "state", states[(unsigned)rand() % (sizeof(states) / sizeof(states[0]))]);
        refuse_commits = rand() % 16 == 0;
        if (i % 20 == 0)
            usleep(1000);
    }
    refuse_commits = 0;
    put(FRONT, "state", "6");
    expect_state(XenbusStateClosed);
    put(FRONT, "state", "1");
    expect_state(XenbusStateInitWait);
    put(FRONT, "state", "3");
    expect_state(XenbusStateConnected);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *s = suite_create("back-keeper");
    TCase *t = tcase_create("states");

    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--worker"))
            return worker();
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, connects_and_closes);
    tcase_add_test(t, closes_when_the_guest_is_gone);
    tcase_add_test(t, gives_a_new_worker_what_the_old_one_had);
    tcase_add_test(t, takes_over_connected_devices);
    tcase_add_test(t, leaves_devices_to_a_successor);
    tcase_add_test(t, says_why_it_cannot);
    tcase_add_test(t, closes_on_a_front_end_with_nonsense);
    tcase_add_test(t, survives_states_in_any_order);
    suite_add_tcase(s, t);
    return run_suite(s);
}
