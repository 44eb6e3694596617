/* SPDX-License-Identifier: MIT */
/* The loop's turn, commits to the journal, tracing. Owns the libevent base and the lists of the server. */
#include "server.h"

#include <errno.h>
#include <sched.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Bytes of changes since the last snapshot that are worth a new one: these, and some times what it will hold. */
#define COMPACT_FROM  (4ull << 20)
#define COMPACT_TIMES 4u
/* Nodes a turn: few while requests wait, many while none do. */
#define SNAPSHOT_BUSY 32u
#define SNAPSHOT_IDLE 512u
/* Microseconds after which the CPU came back late, and how often then, at most, not to give it away. */
#define YIELD_LATE 100u
#define YIELD_SKIP 16384u
#define LINGER_MISSES 6u /* at most 63 turns without trying */

/* ---- commits ---- */

static void collect_output(struct server *srv, bool journal)
{
    struct store *st = &srv->st;

    while (st->fresh != NULL) {
        struct conn *c = st->fresh;

        st->fresh = c->fresh_next;
        c->in_fresh = false;
        while (journal && c->out_safe != c->out_end) {
            size_t len = c->out_end - c->out_safe;
            struct entry e = { .type = ENTRY_OUT, .domid = c->domid, .num = c->out_safe };

            e.b_len = (uint16_t)(len > 60000 ? 60000 : len);
            entry_add(&st->jr, &e, NULL, c->out.data + c->out.len - len);
            c->out_safe += e.b_len;
        }
        c->out_safe = c->out_end;
    }
}

/* What the request at hand had sent to anyone. */
static void trace_output(struct server *srv)
{
    for (struct conn *c = srv->st.dirty; c != NULL; c = c->dirty_next) {
        if (c->untraced > conn_unsent(c)) /* its ring was closed, and what was in it dropped */
            c->untraced = 0;
        while (c->untraced > 0) {
            const char *message = c->out.data + c->out.len - c->untraced;
            struct xsd_sockmsg hdr;

            memcpy(&hdr, message, sizeof(hdr));
            server_trace(srv, c, "OUT", &hdr, message + sizeof(hdr));
            c->untraced -= (uint32_t)sizeof(hdr) + hdr.len;
        }
    }
}

void server_commit(struct server *srv, struct ring *ring)
{
    struct store *st = &srv->st;
    uint64_t gen = srv->gen_start;
    int rc;

    if (srv->trace != NULL)
        trace_output(srv);
    srv->gen_start = st->gen;
    if (st->jr.len == 0 && (st->fresh == NULL || !srv->journal_on)) {
        if (st->fresh != NULL)
            collect_output(srv, false);
        if (ring != NULL)
            ring_taken(srv, ring);
        return;
    }
    if (ring != NULL && st->jr.len == 0 && st->fresh == &ring->c && ring->c.fresh_next == NULL &&
        ring_put_directly(srv, ring)) {
        collect_output(srv, false);
        return;
    }
    collect_output(srv, srv->journal_on);
    if (srv->journal_on && ring != NULL) {
        const struct entry e = { .type = ENTRY_IN, .domid = ring->c.domid, .num = ring->in };

        entry_add(&st->jr, &e, NULL, NULL);
    }
    if (srv->journal_on && st->jr.len > 0) {
        rc = journal_append(&srv->j, gen, &st->jr);
        if (rc < 0 && !srv->journal_lost) /* JOURNAL_RESERVE is there to keep this from happening */
            log_line(LOG_ERROR, "a change could not be journalled (%s): a crash would lose it", strerror(-rc));
        srv->journal_lost = rc < 0;
    }
    st->jr.len = 0;
    if (st->jr.cap > (1u << 20))
        buf_free(&st->jr);
    if (ring != NULL)
        ring_taken(srv, ring);
}

/* Room for whatever the next turn decides; without it changes are refused. */
static void check_journal(struct server *srv)
{
    bool full = journal_reserve(&srv->j, JOURNAL_RESERVE) < 0;

    if (full == srv->st.journal_full)
        return;
    srv->st.journal_full = full;
    if (full)
        log_line(LOG_ERROR, "%s is full: changes are refused (ENOSPC) until there is room", srv->config.run_dir);
    else
        log_line(LOG_NOTE, "%s has room again: changes are accepted", srv->config.run_dir);
}

static void compact(struct server *srv)
{
    uint64_t since = srv->j.used - srv->j.base;
    bool busy = srv->compact_requests != srv->st.stat.requests;

    srv->compact_requests = srv->st.stat.requests;
    if (srv->snapshot == NULL) {
        if (since < COMPACT_FROM || since < COMPACT_TIMES * node_stats.bytes)
            return;
        if (snapshot_start(srv) < 0)
            srv->j.base = srv->j.used / 2; /* no room: tried again when that much has come again */
    } else {
        snapshot_step(srv, busy ? SNAPSHOT_BUSY : SNAPSHOT_IDLE);
    }
}

/* ---- the turn ---- */

static void serve_ready(struct server *srv)
{
    struct sock *s = srv->ready;
    struct ring *r;

    for (srv->ready = NULL; s != NULL;) {
        struct sock *next = s->ready_next;

        s->queued = false;
        socket_serve(srv, s); /* may close S, and no other */
        s = next;
    }
    srv->serving_rings = srv->ready_rings;
    srv->ready_rings = NULL;
    while ((r = srv->serving_rings) != NULL) { /* serving one may release another: ring_release takes it off */
        srv->serving_rings = r->ready_next;
        r->queued = false;
        ring_serve(srv, r);
    }
}

static void flush(struct server *srv)
{
    struct store *st = &srv->st;

    while (st->dirty != NULL) {
        struct conn *c = st->dirty;

        st->dirty = c->dirty_next;
        c->in_dirty = false;
        if (c->kind == CONN_RING) {
            struct ring *r = (struct ring *)c;

            if (c->dead)
                ring_break(srv, r, XENSTORE_ERROR_COMM, "it does not read what it is sent");
            ring_flush(srv, r);
        } else if (c->dead) {
            log_line(LOG_WARN, "client %u does not read what it is sent: disconnected", c->id);
            socket_close(srv, (struct sock *)c);
        } else {
            socket_flush(srv, (struct sock *)c);
        }
    }
}

static uint64_t microseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/*
 * The scheduler may give the CPU to anybody: where it is wanted by others than our clients, it comes back a time slice
 * later, and then going to sleep is the better way, since who wakes up goes first. Looking at the clock costs as much as
 * a read's path, so it is done once: from the CPU's last return in this turn on, what was served between is little.
 */
bool server_yield(struct server *srv)
{
    uint64_t start = srv->yield_back;

    if (srv->yield_skip > 0) {
        srv->yield_skip--;
        return false;
    }
    if (start == 0)
        start = microseconds();
    sched_yield();
    srv->yield_back = microseconds();
    if (srv->yield_back - start <= YIELD_LATE) {
        srv->yield_penalty /= 2;
        return true;
    }
    srv->yield_penalty = srv->yield_penalty < YIELD_SKIP / 2 ? 2 * srv->yield_penalty + YIELD_SKIP / 64 : YIELD_SKIP;
    srv->yield_skip = srv->yield_penalty;
    return true;
}

/*
 * A client that waits for its reply will ask again when it has it. To let it run now, and then to look, costs a third
 * of a sleep, the wake-up out of it and the loop between; so that is done while it is the only one who asks, within
 * one connection's share of a turn. It helps where the client shares our CPU; where it does not (a miss), it is tried
 * ever more seldom.
 */
static void linger(struct server *srv)
{
    uint32_t until = srv->st.work + TURN_WORK;

    if (srv->linger_skip > 0) {
        srv->linger_skip--;
        return;
    }
    while (srv->turn_socket != NULL && !srv->turn_socket->queued && !srv->turn_socket->writing && !srv->live.due) {
        int rc;

        if (!server_yield(srv))
            return;
        rc = socket_receive(srv, srv->turn_socket);
        if (rc <= 0) {
            srv->linger_misses += rc == 0 && srv->linger_misses < LINGER_MISSES;
            srv->linger_skip = (1u << srv->linger_misses) - 1;
            return;
        }
        srv->linger_misses = 0;
        flush(srv);
        if ((int32_t)(srv->st.work - until) >= 0)
            return;
    }
}

void server_turn(struct server *srv, bool wait)
{
    bool busy = srv->ready != NULL || srv->ready_rings != NULL || srv->snapshot != NULL;

    srv->turn_socket = NULL;
    srv->turn_sockets = 0;
    srv->yield_back = 0;
    event_base_loop(srv->base, EVLOOP_ONCE | (busy || !wait ? EVLOOP_NONBLOCK : 0));
    serve_ready(srv);
    flush(srv);
    if (srv->turn_sockets == 1 && !busy)
        linger(srv);
    ring_unhold(srv);
    if (srv->journal_on && (srv->j.used != srv->turn_used || srv->snapshot != NULL || srv->st.journal_full)) {
        srv->turn_used = srv->j.used;
        check_journal(srv);
        compact(srv);
    }
    if (srv->trace != NULL)
        fflush(srv->trace);
    if (srv->live.due)
        live_update_now(srv);
}

void server_run(struct server *srv)
{
    while (!srv->stop)
        server_turn(srv, true);
}

/* ---- tracing ---- */

int server_trace_open(struct server *srv, const char *path)
{
    FILE *file = fopen(path, "ae");

    if (file == NULL)
        return -errno;
    server_trace_close(srv);
    srv->trace = file;
    for (struct conn *c = srv->st.conns; c != NULL; c = c->next)
        c->untraced = 0;
    return 0;
}

void server_trace_close(struct server *srv)
{
    if (srv->trace != NULL)
        fclose(srv->trace);
    srv->trace = NULL;
}

void server_trace(struct server *srv, const struct conn *c, const char *direction, const struct xsd_sockmsg *hdr,
                  const char *data)
{
    time_t now = time(NULL);
    struct tm tm;
    char when[32];

    localtime_r(&now, &tm);
    strftime(when, sizeof(when), "%Y%m%d %H:%M:%S", &tm);
    fprintf(srv->trace, "%s %s%u %s %s (", direction, c->kind == CONN_RING ? "domain " : "client ",
            c->kind == CONN_RING ? c->domid : c->id, when, request_type_name(hdr->type));
    for (uint32_t i = 0; i < hdr->len; i++)
        fputc(data[i] >= ' ' && data[i] < 127 ? data[i] : ' ', srv->trace);
    fputs(")\n", srv->trace);
}

/* ---- set-up ---- */

static int make_room(void *arg, uint64_t bytes)
{
    struct server *srv = arg;

    return srv->journal_on ? journal_reserve(&srv->j, bytes + JOURNAL_RESERVE) : 0;
}

static const struct store_host host = { hyp_domain_exists, ring_introduce, ring_release, make_room, daemon_control };

/* Domain 0's own ring, between its kernel and us. */
static int start_dom0(struct server *srv)
{
    struct domain *d = domain_account(&srv->st, 0);
    int port = hyp_dom0_port(), rc;

    if (d->introduced)
        return 0; /* from the journal */
    if (port < 0)
        return port;
    rc = domain_introduce(&srv->st, 0, 0, (uint32_t)port);
    server_commit(srv, NULL);
    return rc;
}

static void first_nodes(struct server *srv)
{
    static struct path p;

    path_parse(&p, "/tool/xenstored", 15, 0, XENSTORE_ABS_PATH_MAX);
    if (tree_find(srv->st.root, &p, NULL, NULL) == NULL)
        mutate_mkdir(&srv->st, &srv->st.root, &p, 0);
    server_commit(srv, NULL);
}

static void apply_quotas(struct server *srv)
{
    for (unsigned i = 0; i < QUOTA_COUNT; i++)
        if (srv->config.quota_given[i])
            srv->st.quota[i] = srv->config.quota[i];
    if (srv->config.soft_given)
        srv->st.soft_memory = srv->config.soft_memory;
}

static int open_journal(struct server *srv)
{
    bool found;
    int rc = journal_open(&srv->j, srv->config.run_dir, !srv->config.no_recovery, &found);

    if (rc == -EBUSY)
        log_line(LOG_ERROR, "another xenstored serves %s", srv->config.run_dir);
    else if (rc < 0)
        log_line(LOG_ERROR, "cannot keep a journal in %s: %s", srv->config.run_dir, strerror(-rc));
    if (rc < 0)
        return rc;
    srv->journal_on = true;
    apply_quotas(srv); /* before and after: the journal may have other ones */
    if (found)
        rc = recover(srv);
    apply_quotas(srv);
    srv->st.journaling = true;
    return rc;
}

int server_init(struct server *srv, const struct config *config)
{
    struct event_config *ec = event_config_new();
    int rc;

    hash_init();
    srv->config = *config;
    srv->listen_fd[0] = srv->listen_fd[1] = -1;
    event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME);
    srv->base = event_base_new_with_config(ec);
    event_config_free(ec);
    if (srv->base == NULL)
        return -ENOMEM;
    store_init(&srv->st);
    srv->st.host = &host;
    srv->st.host_arg = srv;
    srv->st.keep_orphans = config->keep_orphans;
    if (hyp_open(srv) < 0 && !config->no_domain_init) {
        log_line(LOG_ERROR,
                 "no hypervisor here (cannot open event channels); --no-domain-init serves sockets without one");
        return -ENODEV;
    }
    rc = open_journal(srv);
    if (rc < 0)
        return rc;
    if (!config->no_domain_init) {
        rc = start_dom0(srv);
        if (rc < 0)
            log_line(LOG_ERROR, "cannot connect to domain 0's kernel: %s", strerror(-rc));
        if (rc < 0)
            return rc;
    }
    first_nodes(srv);
    rc = socket_listen(srv);
    if (rc < 0) {
        log_line(LOG_ERROR, "cannot listen in %s: %s", config->run_dir, strerror(-rc));
        return rc;
    }
    if (srv->j.shaken)
        log_line(LOG_WARN, "the last xenstored ended when it looked which domains are there: that waits until one ends");
    else
        hyp_check_domains(srv); /* who ended while no daemon listened */
    recover_end();
    return 0;
}

void server_fini(struct server *srv)
{
    struct conn *next;

    snapshot_abort(srv);
    for (struct conn *c = srv->st.conns; c != NULL; c = next) {
        next = c->next;
        if (c->kind == CONN_SOCKET)
            socket_close(srv, (struct sock *)c);
        else
            ring_release(srv, c->domain);
    }
    socket_close_listeners(srv);
    hyp_close(srv);
    store_fini(&srv->st);
    if (srv->journal_on)
        journal_close(&srv->j);
    free(srv->ring_of_port);
    event_base_free(srv->base);
}
