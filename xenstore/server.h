/* SPDX-License-Identifier: MIT */
/*
 * The daemon around the store: sockets, rings, the hypervisor, the journal, one libevent loop.
 *
 * The loop turns: libevent runs what is ready, every connection serves a bounded amount of work, each request's changes
 * are committed to the journal, and only at the end of the turn the gathered output is sent, once a connection.
 *
 * Files: server.c (the turn, commits), socket.c, ring.c, hyp.c (the hypervisor's libraries), snapshot.c and recover.c
 * (the journal's contents, written and read), live.c (live update), daemon.c (CONTROL's host part), main.c.
 */
#ifndef XENSTORE_SERVER_H
#define XENSTORE_SERVER_H

#include "journal.h"
#include "store.h"

#include <stdio.h>

struct event;
struct event_base;
struct server;
struct snapshot;

/* A connection's share of one turn, in units of store.work (a request is one at least). */
#define TURN_WORK 32u
#define UNSENT_PAUSE (256u << 10) /* a socket with more unsent output is not served; domain 0's ring: no guest is */

struct sock {
    struct conn c; /* first */
    struct server *srv;
    int fd;
    struct event *rd, *wr;
    struct buf in;     /* received, not yet served */
    bool queued;       /* in the ready list */
    bool writing;      /* waits to write */
    bool paused;       /* too much unsent: not read */
    uint8_t impatience; /* see socket_receive() */
    struct sock *ready_next;
};

struct ring {
    struct conn c; /* first */
    struct server *srv;
    struct xenstore_domain_interface *page; /* NULL: not connected (replaying, or in error) */
    uint64_t gfn;
    uint32_t remote_port;
    int port; /* ours; -1 when not bound */
    uint8_t mapped; /* how, for hyp_unmap_ring */
    uint8_t breaks; /* that were told in the log */
    bool queued, kick, broken, slot_due;
    bool held;    /* in the list of those that wait for domain 0 */
    uint8_t held_in;
    bool stalled; /* has requests that wait until its guest reads */
    uint64_t in, out, stamp; /* stream positions: served, put into the ring */
    struct buf partial;      /* the beginning of a message too long for the ring; `in` is behind it */
    struct ring *ready_next, *held_next;
};

struct config {
    const char *run_dir, *pid_file, *trace_file;
    bool no_domain_init, no_fork, output_pid, no_recovery, live_update, keep_orphans;
    /* Quotas that hold for a store that begins empty, and over what the journal says. */
    uint32_t quota[QUOTA_COUNT], soft_memory;
    bool quota_given[QUOTA_COUNT], soft_given;
};

struct server {
    struct store st;
    struct journal j;
    bool journal_on;
    bool journal_lost; /* the last record could not be written */
    uint64_t gen_start; /* st.gen when the request at hand began: with it a replay gives the same generations */
    struct event_base *base;
    struct event *listen_event[2], *listen_again, *hyp_event;
    int listen_fd[2];
    struct config config;
    FILE *trace;
    uint64_t compact_requests; /* st.stat.requests of the turn before */
    uint64_t turn_used;        /* j.used of the turn before */

    struct sock *ready;       /* sockets with requests left over */
    struct ring *ready_rings, *serving_rings; /* rings to look at: next, and in this turn */
    struct ring *held_rings[2];               /* rings that may have requests, to look at when domain 0 has read */
    bool dom0_behind;                         /* domain 0's kernel has much to read: guests wait for it */
    struct ring **ring_of_port;
    unsigned ports;
    int virq_port;

    struct sock *turn_socket; /* one that sent something in this turn */
    uint32_t turn_sockets;    /* how many were served in it */
    uint32_t linger_skip, linger_misses;
    uint32_t yield_skip, yield_penalty; /* so many times not to give the CPU away, for it came back late */
    uint64_t yield_back;      /* when it last did in this turn, in microseconds; 0: not yet */

    struct snapshot *snapshot; /* being written */
    struct {
        char *binary, *cmdline;
        struct sock *requester;
        uint32_t req_id;
        bool due;
    } live;
    bool stop;
    int argc;
    char **argv;
};

/* ---- server.c ---- */
int server_init(struct server *srv, const struct config *config);
void server_run(struct server *srv);
/* One turn of the loop; WAIT: for something to do, if nothing is left over. */
void server_turn(struct server *srv, bool wait);
void server_fini(struct server *srv);
/* Lets whoever is ready run first; false, at once, while that takes too long on this CPU. */
bool server_yield(struct server *srv);
/* After each request: what it changed goes to the journal. RING: its sender, if that is a ring, with `in` moved on. */
void server_commit(struct server *srv, struct ring *ring);
/* Requests and what they cause to be sent are appended to PATH from now on. 0 or negative errno, and then all is as before. */
int server_trace_open(struct server *srv, const char *path);
void server_trace_close(struct server *srv);
void server_trace(struct server *srv, const struct conn *c, const char *direction, const struct xsd_sockmsg *hdr,
                  const char *data);

/* ---- socket.c ---- */
int socket_listen(struct server *srv);
struct sock *socket_adopt(struct server *srv, int fd, bool readonly);
void socket_serve(struct server *srv, struct sock *s);
void socket_queue(struct server *srv, struct sock *s);
void socket_flush(struct server *srv, struct sock *s);
/* Takes and serves what S has sent. 1: something; 0: nothing; -1: the connection is over, and S is freed. */
int socket_receive(struct server *srv, struct sock *s);
void socket_close(struct server *srv, struct sock *s);
void socket_close_listeners(struct server *srv);

/* ---- ring.c ---- */
int ring_introduce(void *srv, struct domain *d, uint64_t gfn, uint32_t port); /* store_host.introduce */
void ring_release(void *srv, struct domain *d);                               /* store_host.release */
struct ring *ring_create(struct server *srv, struct domain *d, uint64_t gfn, uint32_t port);
int ring_connect(struct server *srv, struct ring *r);
void ring_serve(struct server *srv, struct ring *r);
/* Queues the rings that waited for domain 0, when it has read enough. */
void ring_unhold(struct server *srv);
void ring_flush(struct server *srv, struct ring *r);
bool ring_put_directly(struct server *srv, struct ring *r);
void ring_store_slot(struct server *srv, struct ring *r);
/* The messages up to r->in are served and committed: the guest may see them taken. */
void ring_taken(struct server *srv, struct ring *r);
void ring_queue(struct server *srv, struct ring *r);
void ring_break(struct server *srv, struct ring *r, uint32_t error, const char *why);
void ring_introduce_entry(const struct ring *r, struct entry *e, char b[28]);

/* ---- hyp.c ---- */
int hyp_open(struct server *srv);
void hyp_close(struct server *srv);
int hyp_map_ring(struct server *srv, struct ring *r);
void hyp_unmap_ring(struct server *srv, struct ring *r);
int hyp_bind(struct server *srv, struct ring *r);
void hyp_unbind(struct server *srv, struct ring *r);
void hyp_notify(struct server *srv, const struct ring *r);
bool hyp_domain_exists(void *srv, unsigned domid);
/* Looks at all introduced domains for those that shut down or are gone. */
void hyp_check_domains(struct server *srv);
int hyp_dom0_port(void); /* of domain 0's ring, or negative errno */

/* ---- snapshot.c, recover.c ---- */
int snapshot_start(struct server *srv);
/* Does at most WORK nodes' worth of it: 1 when there is more to do, 0 when done, negative errno when given up. */
int snapshot_step(struct server *srv, unsigned work);
/* The whole of it at once, with the sockets, for a live update. */
int snapshot_whole(struct server *srv);
void snapshot_abort(struct server *srv);
/* Until recover_end() a fault is noted in the journal, for the next daemon to do otherwise. */
int recover(struct server *srv);
void recover_end(void);

/* ---- daemon.c, live.c ---- */
int daemon_control(void *srv, const struct request *rq, const char **argv, unsigned argc, struct buf *out);
void live_update_now(struct server *srv);

#endif
