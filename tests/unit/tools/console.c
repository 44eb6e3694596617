/* SPDX-License-Identifier: MIT */
/* A console's terminal and its readers, on a real pseudo-terminal; the guest's ring is ours. */
#include <check.h>

#define xenevtchn_notify fake_notify
#define xenevtchn_unmask fake_unmask
#define xenevtchn_unbind fake_unbind
#define xengnttab_unmap fake_unmap
#define xengnttab_map_grant_ref fake_map
#define vl_store fake_store
#define vl_store_list fake_list
#define vl_store_read_number fake_number
#define vl_store_read_many fake_many
#include "success.h"
#include "vellumd/console.c"
#include "../run-suite.h"

static struct xencons_interface page;
static struct vellumd d;
static struct console *c;
static size_t logged;
static unsigned maps;

FAKE_SUCCESS(fake_notify, xenevtchn_handle *)
FAKE_SUCCESS(fake_unmask, xenevtchn_handle *)
FAKE_SUCCESS(fake_unbind, xenevtchn_handle *)

int fake_unmap(xengnttab_handle *handle, void *start, uint32_t count)
{
    (void)handle;
    (void)start;
    (void)count;
    return 0;
}

void *fake_map(xengnttab_handle *handle, uint32_t domid, uint32_t ref, int prot)
{
    (void)handle;
    (void)domid;
    (void)ref;
    (void)prot;
    maps++;
    return NULL;
}

struct vl_store *fake_store(struct vl *vl)
{
    return (struct vl_store *)vl;
}

/* The guest has one console beside its first, with a ring that cannot be mapped. */
char **fake_list(struct vl_store *store, struct vl_arena *arena, size_t *n, const char *fmt, ...)
{
    char **names = vl_alloc(arena, sizeof(*names));

    (void)store;
    (void)fmt;
    *n = 1;
    names[0] = vl_strdup(arena, "1");
    return names;
}

long fake_number(struct vl_store *store, long max, const char *fmt, ...)
{
    (void)store;
    (void)max;
    (void)fmt;
    return XenbusStateInitialised;
}

int fake_many(struct vl_store *store, struct vl_arena *arena, char *const *paths, size_t n, char **values)
{
    (void)store;
    (void)paths;
    for (size_t i = 0; i < n; i++)
        values[i] = i == 2 ? NULL : vl_strdup(arena, "5");
    return 0;
}

void conlog_write(struct conlog *log, const char *data, size_t len)
{
    (void)log;
    (void)data;
    logged += len;
}

int conlog_open(struct conlog *log, const char *folder, const char *name, off_t limit, unsigned keep)
{
    (void)log;
    (void)folder;
    (void)name;
    (void)limit;
    (void)keep;
    return 0;
}

void conlog_reopen(struct conlog *log)
{
    (void)log;
}

void conlog_close(struct conlog *log)
{
    (void)log;
}

struct chansock *chansock_new(struct vellumd *daemon, const char *path, const char *tty)
{
    (void)daemon;
    (void)path;
    (void)tty;
    return NULL;
}

void chansock_free(struct chansock *s)
{
    (void)s;
}

void hvlog_start(struct vellumd *daemon)
{
    (void)daemon;
}

void hvlog_stop(struct vellumd *daemon)
{
    (void)daemon;
}

bool hvlog_event(struct vellumd *daemon, evtchn_port_t port)
{
    (void)daemon;
    (void)port;
    return false;
}

void hvlog_reopen(struct vellumd *daemon)
{
    (void)daemon;
}

static void start(void)
{
    memset(&page, 0, sizeof(page));
    memset(&d, 0, sizeof(d));
    logged = 0;
    TAILQ_INIT(&d.consoles);
    d.base = event_base_new();
    d.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    d.inotify_event = event_new(d.base, d.inotify, EV_READ | EV_PERSIST, on_inotify, &d);
    event_add(d.inotify_event, NULL);
    c = vl_xmalloc(sizeof(*c));
    *c = (struct console){ .d = &d, .domid = 7, .by_grant = true, .master = -1, .watch = -1, .log.fd = -1 };
    ring_attach(&c->ring, &page);
    ck_assert_int_eq(make_terminal(c), 0);
    TAILQ_INSERT_TAIL(&d.consoles, c, link);
}

static void end(void)
{
    struct dom dom = { .domid = 7 };

    consoles_drop(&d, &dom);
    event_free(d.inotify_event);
    close(d.inotify);
    event_base_free(d.base);
}

static int reader(void)
{
    int fd = open(ptsname(c->master), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    return fd;
}

/* Let what happens be dealt with. */
static void settle(void)
{
    for (int i = 0; i < 20; i++) {
        event_base_loop(d.base, EVLOOP_NONBLOCK);
        usleep(500);
    }
}

static void guest_prints(size_t len)
{
    for (; len; len--)
        page.out[page.out_prod++ % sizeof(page.out)] = 'y';
    c->used = 0;
    serve(c);
}

/* A reader leaves input that the guest does not take: nothing more is written, and nothing waits for room for it. */
START_TEST(left_with_input)
{
    char text[3000], buf[4096];
    size_t got = 0;
    int fd = reader();

    memset(text, 'x', sizeof(text));
    settle();
    ck_assert(c->attached);
    ck_assert_int_eq(write(fd, text, sizeof(text)), sizeof(text));
    settle();
    ck_assert_uint_eq(ring_room(&c->ring), 0);
    close(fd);
    settle();
    ck_assert(!c->attached);
    for (int i = 0; i < 100; i++)
        guest_prints(sizeof(page.out));
    ck_assert(!event_pending(c->writable, EV_WRITE, NULL));
    ck_assert(!event_pending(c->readable, EV_READ, NULL));
    /* What was typed comes when the guest reads. */
    for (int i = 0; i < 10; i++) {
        got += page.in_prod - page.in_cons;
        page.in_cons = page.in_prod;
        serve(c);
        settle();
    }
    ck_assert_uint_eq(got, sizeof(text));
    ck_assert(!c->typed && !event_pending(c->readable, EV_READ, NULL));
    /* The next reader starts with the kept output. */
    fd = reader();
    settle();
    ck_assert_int_gt(read(fd, buf, sizeof(buf)), 0);
    close(fd);
}
END_TEST

/* Output that nobody takes, and a close that is not told of yet. */
START_TEST(full_when_closed)
{
    int fd = reader();

    settle();
    close(fd);
    for (int i = 0; i < 100; i++)
        guest_prints(sizeof(page.out));
    ck_assert(!event_pending(c->writable, EV_WRITE, NULL));
    settle();
    ck_assert(!c->attached);
}
END_TEST

/* A reader comes just as the one before goes, so that inotify makes one event of its opening and ours. */
START_TEST(one_goes_another_comes)
{
    int fd = reader(), next;
    char buf[64];

    settle();
    close(fd);
    event_base_loop(d.base, EVLOOP_NONBLOCK);
    next = reader();
    discard_unread(c);
    settle();
    ck_assert(c->attached);
    guest_prints(3);
    ck_assert_int_eq(read(next, buf, sizeof(buf)), 3);
    close(next);
    settle();
    ck_assert(!c->attached);
}
END_TEST

/* A guest that has printed all it may is dropped: what is in its ring still goes to the log. */
START_TEST(last_words)
{
    struct dom dom = { .domid = 7 };

    c->window = vl_now_ms();
    c->used = BUDGET;
    page.out_prod = sizeof(page.out);
    consoles_drop(&d, &dom);
    ck_assert_uint_eq(logged, sizeof(page.out));
}
END_TEST

/* A guest can announce rings that are none as often as it likes. */
START_TEST(wrong_rings)
{
    struct dom dom = { .domid = 7, .announced = true };

    d.options.consoles = true;
    maps = 0;
    for (int i = 0; i < 100; i++)
        consoles_check(&d, &dom);
    ck_assert_uint_ge(maps, 1);
    ck_assert_uint_le(maps, 16);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tools: consoles");
    TCase *t = tcase_create("consoles");

    tcase_add_checked_fixture(t, start, end);
    tcase_add_test(t, left_with_input);
    tcase_add_test(t, full_when_closed);
    tcase_add_test(t, one_goes_another_comes);
    tcase_add_test(t, last_words);
    tcase_add_test(t, wrong_rings);
    suite_add_tcase(s, t);
    return run_suite(s);
}
