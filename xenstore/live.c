/* SPDX-License-Identifier: MIT */
/*
 * Live update: the journal is written anew with the sockets in it, and the process becomes the new program. It is
 * the recovery after a crash, but that the sockets' descriptors stay open. The process id, and so the pid file, stay.
 */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define ARGS_MAX 64

static void keep_open(struct server *srv, bool keep)
{
    int flag = keep ? 0 : FD_CLOEXEC;

    for (struct conn *c = srv->st.conns; c != NULL; c = c->next)
        if (c->kind == CONN_SOCKET)
            fcntl(((struct sock *)c)->fd, F_SETFD, flag);
    for (unsigned i = 0; i < 2; i++)
        fcntl(srv->listen_fd[i], F_SETFD, flag);
}

/* Our own arguments, or the new ones that were given, and --live-update. */
static void new_arguments(struct server *srv, char **argv)
{
    unsigned argc = 0;

    argv[argc++] = srv->live.binary;
    if (srv->live.cmdline != NULL) {
        for (char *word = strtok(srv->live.cmdline, " "); word != NULL && argc < ARGS_MAX - 2; word = strtok(NULL, " "))
            argv[argc++] = word;
    } else {
        for (int i = 1; i < srv->argc && argc < ARGS_MAX - 2; i++)
            if (strcmp(srv->argv[i], "--live-update"))
                argv[argc++] = srv->argv[i];
    }
    argv[argc++] = (char *)"--live-update";
    argv[argc] = NULL;
}

static void reply(struct server *srv, const char *text)
{
    struct sock *s = srv->live.requester;

    if (s != NULL)
        memcpy(conn_message(&srv->st, &s->c, XS_CONTROL, srv->live.req_id, 0, strlen(text) + 1), text,
               strlen(text) + 1);
}

void live_update_now(struct server *srv)
{
    char *argv[ARGS_MAX];
    struct sock *s = srv->live.requester;
    size_t len = s != NULL ? s->c.out.len : 0;
    int rc;

    srv->live.due = false;
    new_arguments(srv, argv);
    reply(srv, "OK"); /* sent by the new program, or taken back */
    rc = snapshot_whole(srv);
    if (rc == 0) {
        log_line(LOG_NOTE, "live update to %s", srv->live.binary);
        keep_open(srv, true);
        execv(srv->live.binary, argv);
        rc = -errno;
        keep_open(srv, false);
    }
    log_line(LOG_ERROR, "live update failed: %s", strerror(-rc));
    if (s != NULL) {
        s->c.out_end -= s->c.out.len - len;
        s->c.out.len = len;
        reply(srv, strerror(-rc));
    }
    free(srv->live.binary);
    free(srv->live.cmdline);
    srv->live.binary = srv->live.cmdline = NULL;
    srv->live.requester = NULL;
}
