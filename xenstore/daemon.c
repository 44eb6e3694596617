/* SPDX-License-Identifier: MIT */
/* The part of CONTROL that is about the process: logs, reports, the steps of a live update. */
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int say(struct buf *out, const char *text)
{
    buf_add(out, text, strlen(text));
    return 0;
}

static int control_log(struct server *srv, const char **argv, unsigned argc, struct buf *out)
{
    int rc = 0;

    if (argc != 2 || (strcmp(argv[1], "on") && strcmp(argv[1], "off")))
        return -EINVAL;
    if (!strcmp(argv[1], "off"))
        server_trace_close(srv);
    else if (srv->trace == NULL && srv->config.trace_file != NULL)
        rc = server_trace_open(srv, srv->config.trace_file);
    return rc < 0 ? rc : say(out, "OK");
}

static int control_logfile(struct server *srv, const char **argv, unsigned argc, struct buf *out)
{
    int rc;

    if (argc != 2 || argv[1][0] == 0)
        return -EINVAL;
    rc = server_trace_open(srv, argv[1]);
    if (rc < 0)
        return rc;
    free((char *)srv->config.trace_file);
    srv->config.trace_file = xstrdup(argv[1]);
    return say(out, "OK");
}

static void report(struct server *srv, FILE *file)
{
    const struct store *st = &srv->st;
    unsigned accounts = 0, conns = 0;

    for (const struct domain *d = st->accounts; d != NULL; d = d->next)
        accounts++;
    for (const struct conn *c = st->conns; c != NULL; c = c->next)
        conns++;
    fprintf(file, "nodes            : %8llu in %llu bytes (all trees)\n", (unsigned long long)node_stats.nodes,
            (unsigned long long)node_stats.bytes);
    fprintf(file, "permission lists : %8u\n", perms_lists());
    fprintf(file, "watches          : %8u in %llu bytes\n", st->watch_count, (unsigned long long)watch_memory());
    fprintf(file, "transactions     : %8u\n", st->txn_count);
    fprintf(file, "connections      : %8u, %u domains introduced, %u with accounts\n", conns, st->introduced_count,
            accounts);
    fprintf(file, "requests         : %8llu, %llu events, %llu commits, %llu conflicts\n",
            (unsigned long long)st->stat.requests, (unsigned long long)st->stat.events,
            (unsigned long long)st->stat.commits, (unsigned long long)st->stat.conflicts);
    fprintf(file, "journal          : %8llu bytes, %llu of them the last snapshot\n", (unsigned long long)srv->j.used,
            (unsigned long long)srv->j.base);
    for (const struct conn *c = st->conns; c != NULL; c = c->next) {
        const struct ring *r = (const struct ring *)c;

        if (c->kind != CONN_RING)
            continue;
        fprintf(file, "ring of %-9u: port %d, served to %llu, sent to %llu, %zu bytes unsent%s", c->domid, r->port,
                (unsigned long long)r->in, (unsigned long long)r->out, conn_unsent(c), r->broken ? ", closed" : "");
        if (r->page != NULL)
            fprintf(file, "; page: request %u to %u, response %u to %u", r->page->req_cons, r->page->req_prod,
                    r->page->rsp_cons, r->page->rsp_prod);
        fputc('\n', file);
    }
    for (const struct domain *d = st->accounts; d != NULL; d = d->next)
        fprintf(file, "domain %-10u: %8u nodes, %u watches, %u transactions, %llu bytes\n", d->domid, d->nodes,
                d->watches, d->txns, (unsigned long long)d->memory);
}

static int control_memreport(struct server *srv, const char **argv, unsigned argc, struct buf *out)
{
    FILE *file = argc == 2 ? fopen(argv[1], "ae") : srv->trace;

    if (argc > 2 || (argc == 1 && file == NULL))
        return -EINVAL;
    if (file == NULL)
        return -errno;
    report(srv, file);
    if (argc == 2)
        fclose(file);
    return say(out, "OK");
}

static int control_print(const char **argv, unsigned argc, struct buf *out)
{
    if (argc != 2 || argv[1][0] == 0)
        return -EINVAL;
    log_line(LOG_NOTE, "control: %s", argv[1]);
    return say(out, "OK");
}

/* -f FILE, -c ARGUMENTS and -a prepare and give up; -s does it, at the end of the turn, and its reply comes then. */
static int control_live_update(struct server *srv, const struct request *rq, const char **argv, unsigned argc,
                               struct buf *out)
{
    if (argc < 2)
        return -EINVAL;
    if (!strcmp(argv[1], "-a")) {
        if (srv->live.binary == NULL)
            return say(out, "No live-update session active.");
        free(srv->live.binary);
        srv->live.binary = NULL;
        return say(out, "OK");
    }
    if (!strcmp(argv[1], "-f") && argc == 3) {
        if (access(argv[2], X_OK) < 0)
            return say(out, "File not accessible.");
        free(srv->live.binary);
        srv->live.binary = xstrdup(argv[2]);
        return say(out, "OK");
    }
    if (!strcmp(argv[1], "-c") && argc == 3) {
        free(srv->live.cmdline);
        srv->live.cmdline = xstrdup(argv[2]);
        return say(out, "OK");
    }
    if (strcmp(argv[1], "-s")) /* -t and -F are about waiting for transactions: ours go on after the update */
        return -EINVAL;
    if (srv->live.binary == NULL)
        return say(out, "No live-update session active.");
    if (rq->conn->kind != CONN_SOCKET)
        return -EINVAL;
    srv->live.requester = (struct sock *)rq->conn;
    srv->live.req_id = rq->hdr.req_id;
    srv->live.due = true;
    return 1;
}

int daemon_control(void *arg, const struct request *rq, const char **argv, unsigned argc, struct buf *out)
{
    struct server *srv = arg;

    if (!strcmp(argv[0], "log"))
        return control_log(srv, argv, argc, out);
    if (!strcmp(argv[0], "logfile"))
        return control_logfile(srv, argv, argc, out);
    if (!strcmp(argv[0], "memreport"))
        return control_memreport(srv, argv, argc, out);
    if (!strcmp(argv[0], "print"))
        return control_print(argv, argc, out);
    if (!strcmp(argv[0], "live-update"))
        return control_live_update(srv, rq, argv, argc, out);
    return -ENOSYS;
}
