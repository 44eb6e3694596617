/* SPDX-License-Identifier: MIT */
/* A guest that changes its consoles' nodes without end: the daemon's loop goes on, and so do the others' consoles. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define vl_store fake_store
#define vl_store_event_path fake_event
#define consoles_check fake_check
#include "vellumd/domain.c"
#include "../run-suite.h"

#define ENOUGH 100000

static unsigned events, checks;

struct vl_store *fake_store(struct vl *vl)
{
    return (struct vl_store *)vl;
}

int fake_event(struct vl_store *s, int timeout_ms, char *token, size_t room, char *path, size_t path_room)
{
    (void)s;
    (void)timeout_ms;
    snprintf(token, room, "console");
    snprintf(path, path_room, "/local/domain/7/device/console/1/state");
    ck_assert_msg(++events < ENOUGH, "it never comes back");
    return 1;
}

void fake_check(struct vellumd *d, struct dom *dom)
{
    (void)d;
    ck_assert_uint_eq(dom->domid, 7);
    checks++;
}

void consoles_drop(struct vellumd *d, struct dom *dom)
{
    (void)d;
    (void)dom;
}

void event_tell(struct vellumd *d, const struct dom *dom, const char *what, const char *key, const char *value)
{
    (void)d;
    (void)dom;
    (void)what;
    (void)key;
    (void)value;
}

bool shells_has(struct vellumd *d, uint32_t domid)
{
    (void)d;
    (void)domid;
    return false;
}

void shells_gone(struct vellumd *d, uint32_t domid)
{
    (void)d;
    (void)domid;
}

void work_add(struct vellumd *d, char *const *argv, const char *input, work_done *done, void *arg)
{
    (void)d;
    (void)argv;
    (void)input;
    (void)done;
    (void)arg;
}

static bool turn_of_others;

static void other(evutil_socket_t fd, short what, void *arg)
{
    char byte;

    (void)what;
    (void)arg;
    turn_of_others |= read(fd, &byte, 1) == 1;
}

START_TEST(others_have_their_turn)
{
    static struct vellumd d;
    struct dom dom = { .d = &d, .domid = 7, .announced = true };
    struct event *guest;
    int pipes[2];

    d.base = event_base_new();
    TAILQ_INIT(&d.doms);
    TAILQ_INSERT_TAIL(&d.doms, &dom, link);
    d.more_timer = evtimer_new(d.base, on_store, &d);
    ck_assert_int_eq(pipe(pipes), 0);
    guest = event_new(d.base, pipes[0], EV_READ | EV_PERSIST, other, NULL);
    ck_assert_int_eq(event_add(guest, NULL), 0);
    ck_assert_int_eq(write(pipes[1], "x", 1), 1);
    domains_poll(&d);
    ck_assert_uint_eq(checks, 1);
    /* What may be left makes the loop come back without anything else that happens. */
    for (int i = 0; i < 3; i++)
        event_base_loop(d.base, EVLOOP_ONCE);
    ck_assert_uint_ge(checks, 3);
    ck_assert(turn_of_others);
    event_free(guest);
    event_free(d.more_timer);
    event_base_free(d.base);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vellumd: floods");
    TCase *t = tcase_create("flood");

    tcase_add_test(t, others_have_their_turn);
    suite_add_tcase(s, t);
    return run_suite(s);
}
