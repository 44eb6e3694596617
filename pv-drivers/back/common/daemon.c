/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

#define STATE_TRIES 500         /* of 10 ms */
#define LOCK_TRIES 30           /* of 10 ms: a predecessor that is just ending */

int daemon_state_file(const char *path, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), rc = -EBUSY;

    if (fd < 0)
        return -errno;
    for (int i = 0; i < STATE_TRIES && rc; i++) {
        rc = flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
        if (rc)
            usleep(10000);
    }
    if (!rc && ftruncate(fd, (off_t)size))
        rc = -errno;
    if (!rc)
        return fd;
    close(fd);
    return rc;
}

static int into_background(const char *log_file)
{
    int null = open("/dev/null", O_RDWR), log = log_file ? open(log_file, O_WRONLY | O_CREAT | O_APPEND, 0640) : -1;
    pid_t pid;

    if (log_file && log < 0) {
        log_error("%s: %s", log_file, strerror(errno));
        return -errno;
    }
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid > 0)
        _exit(0);
    setsid();
    dup2(null, 0);
    dup2(null, 1);
    dup2(log >= 0 ? log : null, 2);
    return 0;
}

/* The lock of one guest's keeper: held for life. -1: another has it. */
static int take_lock(struct keeper *k)
{
    char path[192];
    int fd;

    snprintf(path, sizeof(path), "%s/%s-%u.lock", k->state_dir, k->kind->program, k->domid);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
        if (!flock(fd, LOCK_EX | LOCK_NB))
            return fd;
        usleep(10000);
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static int one(struct keeper *k, const struct daemon_options *o)
{
    int lock, rc;

    k->domid = (uint16_t)o->domid;
    log_name(k->kind->program, o->domid);
    lock = take_lock(k);
    if (lock < 0) {
        log_info("another keeper serves domain %d already", o->domid);
        return 0;
    }
    if (o->background && into_background(o->log_file))
        return 1;
    rc = keeper_run(k);
    close(lock);
    return rc;
}

/* ---- the supervisor ---- */

struct child {
    struct child *next;
    unsigned domid;
    pid_t pid;
};

static pid_t start_child(const struct daemon_options *o, unsigned domid)
{
    char number[16], *argv[64];
    unsigned n = 0;
    pid_t pid;

    for (; n < o->argc && n < 60; n++)
        argv[n] = o->argv[n];
    snprintf(number, sizeof(number), "%u", domid);
    argv[n++] = "--domain";
    argv[n++] = number;
    argv[n] = NULL;
    pid = fork();
    if (pid == 0) {
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    return pid;
}

static void reap(struct child **list)
{
    struct child **at = list;

    while (*at) {
        struct child *c = *at;

        if (waitpid(c->pid, NULL, WNOHANG) == 0) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        free(c);
    }
}

/* Every guest that has devices of ours has a keeper; one that died is started again at the next look. */
static void look(struct store *s, const char *root, struct child **list, const struct daemon_options *o)
{
    unsigned n = 0;
    char **names = xs_directory(s->xs, XBT_NULL, root, &n);

    reap(list);
    for (unsigned i = 0; i < n; i++) {
        unsigned domid = (unsigned)strtoul(names[i], NULL, 10), devices = 0;
        struct child *c = *list;
        char path[STORE_PATH + 16], **ids;

        while (c && c->domid != domid)
            c = c->next;
        snprintf(path, sizeof(path), "%s/%u", root, domid);
        ids = c ? NULL : xs_directory(s->xs, XBT_NULL, path, &devices);
        free(ids);
        if (c || !devices || !(c = calloc(1, sizeof(*c))))
            continue;
        c->domid = domid;
        c->pid = start_child(o, domid);
        c->next = *list;
        *list = c;
    }
    free(names);
}

static volatile sig_atomic_t ending;

static void on_signal(int number)
{
    if (number != SIGCHLD)
        ending = 1;
}

static int all(struct keeper *k, const struct daemon_options *o)
{
    struct sigaction action = { .sa_handler = on_signal };
    struct child *list = NULL;
    struct store store;
    char root[STORE_PATH], *self;
    unsigned len;

    log_name(k->kind->program, -1);
    if (o->background && into_background(o->log_file))
        return 1;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGCHLD, &action, NULL);
    if (store_open(&store))
        return 1;
    self = xs_read(store.xs, XBT_NULL, "domid", &len);
    snprintf(root, sizeof(root), "/local/domain/%s/backend/%s", self ? self : "0", k->kind->type);
    free(self);
    if (!xs_watch(store.xs, root, "all"))
        return 1;
    while (!ending) {
        struct pollfd p = { xs_fileno(store.xs), POLLIN, 0 };
        char **event;

        poll(&p, 1, 2000);
        while ((event = xs_check_watch(store.xs)))
            free(event);
        look(&store, root, &list, o);
    }
    for (struct child *c = list; c; c = c->next)
        kill(c->pid, SIGTERM);
    xs_close(store.xs);
    return 0;
}

int daemon_run(struct keeper *k, const struct daemon_options *o)
{
    if (mkdir(k->state_dir, 0700) && errno != EEXIST) {
        log_error("%s: %s", k->state_dir, strerror(errno));
        return 1;
    }
    return o->domid >= 0 ? one(k, o) : all(k, o);
}
