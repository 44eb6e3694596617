/* SPDX-License-Identifier: MIT */
#include "vellumd/work.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/place.h"

struct work {
    TAILQ_ENTRY(work) link;
    struct vl_arena arena;
    const char *program;
    char **argv;
    char *input;
    pid_t pid;                  /* 0: waits its turn */
    int output;                 /* a memory file that takes its standard output */
    work_done *done;
    void *arg;
};

extern char **environ;

/* An anonymous file that holds `text`. */
static int memory_file(const char *text)
{
    int fd = memfd_create("vellumd", MFD_CLOEXEC);
    size_t len = strlen(text);

    if (fd >= 0 && (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int spawn(struct work *w)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, broken_pipe;
    int in = memory_file(w->input ? w->input : ""), rc;

    w->output = memory_file("");
    if (in < 0 || w->output < 0) {
        rc = errno;
    } else {
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_adddup2(&files, in, 0);
        posix_spawn_file_actions_adddup2(&files, w->output, 1);
        posix_spawnattr_init(&attr);
        sigemptyset(&none);
        posix_spawnattr_setsigmask(&attr, &none);
        sigemptyset(&broken_pipe);
        sigaddset(&broken_pipe, SIGPIPE);       /* we ignore it, scripts must not */
        posix_spawnattr_setsigdefault(&attr, &broken_pipe);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
        rc = posix_spawn(&w->pid, w->program, &files, &attr, w->argv, environ);
        posix_spawnattr_destroy(&attr);
        posix_spawn_file_actions_destroy(&files);
    }
    if (in >= 0)
        close(in);
    if (rc)
        vl_fail(-rc, "cannot run %s: %s", w->program, strerror(rc));
    return rc;
}

static void finish(struct vellumd *d, struct work *w, int status)
{
    char output[WORK_OUTPUT + 1];
    ssize_t n = w->output < 0 ? 0 : pread(w->output, output, WORK_OUTPUT, 0);

    output[n > 0 ? n : 0] = 0;
    TAILQ_REMOVE(&d->work, w, link);
    if (w->output >= 0)
        close(w->output);
    if (w->done)
        w->done(d, w->arg, status, output);
    vl_arena_free(&w->arena);
    free(w);
}

/* Start those whose turn has come. One that cannot be started is finished, so begin anew then. */
static void next(struct vellumd *d)
{
    struct work *w = TAILQ_FIRST(&d->work);

    while (w && d->working < WORKERS) {
        if (w->pid) {
            w = TAILQ_NEXT(w, link);
        } else if (!spawn(w)) {
            d->working++;
        } else {
            finish(d, w, -1);
            w = TAILQ_FIRST(&d->work);
        }
    }
}

void work_add(struct vellumd *d, char *const *argv, const char *input, work_done *done, void *arg)
{
    struct work *w = vl_xmalloc(sizeof(*w));
    char program[PATH_MAX];
    size_t n = 0;

    *w = (struct work){ .output = -1, .done = done, .arg = arg };
    vl_program(argv[0], program);
    w->program = vl_strdup(&w->arena, program);
    w->input = input ? vl_strdup(&w->arena, input) : NULL;
    while (argv[n])
        n++;
    w->argv = vl_alloc(&w->arena, (n + 1) * sizeof(*w->argv));
    for (size_t i = 0; i < n; i++)
        w->argv[i] = vl_strdup(&w->arena, argv[i]);
    TAILQ_INSERT_TAIL(&d->work, w, link);
    next(d);
}

static void on_child(evutil_socket_t fd, short what, void *arg)
{
    struct vellumd *d = arg;
    struct work *w;
    int status;
    pid_t pid;

    (void)fd;
    (void)what;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        TAILQ_FOREACH(w, &d->work, link)
            if (w->pid == pid) {
                d->working--;
                finish(d, w, status);
                break;
            }
    next(d);
}

int work_start(struct vellumd *d)
{
    TAILQ_INIT(&d->work);
    d->child_event = evsignal_new(d->base, SIGCHLD, on_child, d);
    if (!d->child_event || event_add(d->child_event, NULL))
        return vl_fail(-ENOMEM, "out of memory");
    return 0;
}

void work_stop(struct vellumd *d)
{
    struct work *w;

    event_free(d->child_event);
    while ((w = TAILQ_FIRST(&d->work))) {
        w->done = NULL;
        finish(d, w, -1);
    }
}
