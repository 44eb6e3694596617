/* SPDX-License-Identifier: MIT */
/*
 * The store's client: through a socket it sends all of a change at once, through /dev/xen/xenbus no request before the
 * reply to the last. The daemon is a process here that answers everything, and notes what comes too early.
 */
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/store-own.h"
#include "messages.h"
#include "../run-suite.h"

#define EARLY_MS 20             /* a request that has not come within this waits for a reply */

static void answer(int fd, const struct xsd_sockmsg *request, const char *payload)
{
    const char *text = request->type == XS_READ ? strrchr(payload, '/') + 1
                     : request->type == XS_TRANSACTION_START ? "7" : "OK";
    struct xsd_sockmsg reply = *request;
    char out[sizeof(reply) + 64];

    reply.len = (uint32_t)strlen(text) + (request->type != XS_READ);
    memcpy(out, &reply, sizeof(reply));
    memcpy(out + sizeof(reply), text, reply.len);
    if (write(fd, out, sizeof(reply) + reply.len) < 0)
        _exit(100);
}

static void receive(int fd, void *to, size_t len)
{
    while (len) {
        ssize_t n = read(fd, to, len);

        if (n <= 0)
            _exit(100);
        to = (char *)to + n;
        len -= (size_t)n;
    }
}

/* Ends with how many requests came before the one in front of them was answered. */
static void serve(int fd, unsigned requests)
{
    int early = 0;

    for (; requests; requests--) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        struct xsd_sockmsg m;
        char payload[256] = "";

        receive(fd, &m, sizeof(m));
        if (m.len >= sizeof(payload))
            _exit(100);
        receive(fd, payload, m.len);
        early += poll(&p, 1, EARLY_MS) > 0;
        answer(fd, &m, payload);
    }
    _exit(early);
}

/* A change of three nodes and a reading of three; returns how many of their requests came early. */
static int play(bool device)
{
    char *paths[] = { (char *)"/a/one", (char *)"/a/two", (char *)"/a/three" }, *values[3];
    struct vl_store *store = vl_xmalloc(sizeof(*store));
    struct vl_arena arena = { 0 };
    int fd[2], status;
    pid_t pid;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    pid = fork();
    if (!pid)
        serve(fd[1], 1 + 3 + 1 + 3 + 4 + 3);
    close(fd[1]);
    memset(store, 0, sizeof(*store));
    store->fd = fd[0];
    store->is_device = device;
    store->events_end = &store->events;
    vl_store_mkdir(store, "/a");
    vl_store_write(store, "x", "/a/%s", "one");
    vl_store_perms(store, 0, 5, "/a/one");
    ck_assert_int_eq(vl_store_apply(store), 0);
    ck_assert_int_eq(vl_store_read_many(store, &arena, paths, 3, values), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(values[i], paths[i] + 3);
    ck_assert_int_eq(vl_store_swap(store, "one", "two", "/a/%s", "one"), 1);
    ck_assert_int_eq(vl_store_swap(store, "on", "two", "/a/one"), 0);
    vl_store_close(store);
    vl_arena_free(&arena);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(test_socket)
{
    ck_assert_int_eq(play(false), 4);
}
END_TEST

START_TEST(test_device)
{
    ck_assert_int_eq(play(true), 0);
}
END_TEST

/* A daemon without the node that is expected: it must be told that the transaction does not count. */
static void serve_gone(int fd)
{
    bool asked = false, changed_first = false;

    for (;;) {
        struct xsd_sockmsg m;
        char payload[256] = "", out[sizeof(m) + sizeof("ENOENT")];

        receive(fd, &m, sizeof(m));
        if (m.len >= sizeof(payload))
            _exit(100);
        receive(fd, payload, m.len);
        changed_first |= m.type == XS_WRITE && !asked;
        if (m.type == XS_TRANSACTION_END)
            _exit(!strcmp(payload, "F") && asked && !changed_first ? 0 : 1);
        if (m.type != XS_READ) {
            answer(fd, &m, payload);
            continue;
        }
        asked = !strcmp(payload, "/local/domain/7");
        m.type = XS_ERROR;
        m.len = sizeof("ENOENT");
        memcpy(out, &m, sizeof(m));
        memcpy(out + sizeof(m), "ENOENT", m.len);
        if (write(fd, out, sizeof(out)) < 0)
            _exit(100);
    }
}

START_TEST(test_expected)
{
    struct vl_store *store = vl_xmalloc(sizeof(*store));
    int fd[2], status;
    pid_t pid;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    pid = fork();
    if (!pid)
        serve_gone(fd[1]);
    close(fd[1]);
    memset(store, 0, sizeof(*store));
    store->fd = fd[0];
    store->events_end = &store->events;
    vl_store_expect(store, "/local/domain/%u", 7);
    vl_store_write(store, "offline", "/local/domain/7/cpu/1/availability");
    ck_assert_int_ne(vl_store_apply(store), 0);
    messages_expect("gone", "t: /local/domain/7 is no longer in the store\n");
    ck_assert_uint_eq(store->queued, 0);
    vl_store_close(store);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tools: the store's client");
    TCase *t = tcase_create("store");

    tcase_add_checked_fixture(t, messages_start, messages_end);
    tcase_add_test(t, test_socket);
    tcase_add_test(t, test_device);
    tcase_add_test(t, test_expected);
    suite_add_tcase(s, t);
    return run_suite(s);
}
