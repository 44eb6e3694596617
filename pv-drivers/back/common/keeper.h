/* SPDX-License-Identifier: MIT */
/*
 * The keeper: the half of a back-end that is root. One keeper serves the devices of one kind of one guest. It owns the
 * back-end's nodes in xenstore and its state machine, opens what the devices are made of, and starts the worker: the
 * same program again, confined, which alone touches rings and what the guest wrote on them. The keeper never maps a page
 * of the guest's, the worker never speaks to xenstore.
 *
 * Every step is taken by looking at the states of both ends as they are now (keeper.c: step()), not at what changed: so
 * events may come in any order, be doubled or be lost. A worker that dies is started again and given its devices as they
 * were; a keeper that is started under a guest with connected devices takes them over in the same way.
 *
 * One thread, libevent's loop; no locks.
 */
#ifndef BACK_KEEPER_H
#define BACK_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "channel.h"
#include "store.h"

struct event_base;
struct keeper;

struct device {
    struct keeper *keeper;
    struct device *next;
    unsigned id;
    char back[STORE_PATH], front[STORE_PATH];
    bool opened;                /* resource and features are there */
    bool failed;                /* opening failed; told, and not tried again */
    bool given;                 /* the worker has the resource */
    bool connected;             /* the worker has the rings */
    bool watched;
    bool seen;                  /* mark of the last scan */
    void *own;                  /* the kind's */
};

/* A message begins with these two; answers carry the request's type. */
struct message {
    uint32_t type;
    uint32_t device;
};

#define MESSAGE_MAX 4096
#define MESSAGE_REPLY 1         /* any answer, and a worker's first word: struct reply */
#define MESSAGE_KIND 16         /* the kind's own start here */

struct reply {
    struct message m;
    int32_t rc;                 /* 0 or -errno */
    uint32_t unused;
    uint64_t value[4];          /* the kind's */
};

struct backend_kind {
    const char *program;        /* "vellum-blkd" */
    const char *type;           /* the folder in backend/: "qdisk" */
    /* Open the resource and queue nothing yet. 0, or -errno with the reason in `why`. */
    int (*open)(struct device *d, char why[256]);
    /* Hand the resource to a fresh worker. */
    int (*give)(struct device *d, char why[256]);
    /* In a transaction: write the features. */
    int (*publish)(struct store *s, struct device *d);
    /* May the device connect yet? */
    bool (*ready)(struct device *d);
    /* Read the front-end's nodes and connect the worker; `again`: the rings are in use already. */
    int (*connect)(struct device *d, bool again, char why[256]);
    /* In a transaction: what the front-end reads once we are connected. */
    int (*publish_connected)(struct store *s, struct device *d);
    void (*disconnect)(struct device *d);
    void (*close)(struct device *d);
    /* Something below the back-end's node, or time, has passed: look for changes of what may change. */
    void (*changed)(struct device *d);
    /* A message that answers nothing. */
    void (*message)(struct device *d, const struct message *m, size_t size);
};

struct keeper {
    const struct backend_kind *kind;
    const void *options;        /* the kind's */
    uint16_t domid;
    char self[8];               /* the domain that we run in */
    char back_root[STORE_PATH - 16];
    char state_dir[128];        /* what outlives us: /run/vellum */
    struct store store;
    struct event_base *base;
    struct device *devices;
    bool had_devices, ending;
    const char *worker_option;  /* the kind's, for the next worker that is started; NULL: none */
    int worker;                 /* the socket, -1: none */
    int worker_pid;
    void *worker_event;
    unsigned restarts;          /* in the last minute */
    int64_t restart_time;
};

/* Serve the domain until it has no devices left. The exit code. */
int keeper_run(struct keeper *k);

/* Send a message to the worker and wait for its answer (at most 20 s). 0 or -errno; an answer's own rc included. */
int keeper_call(struct keeper *k, const void *message, size_t size, const int *fds, unsigned n_fds, struct reply *reply);

/* Write nodes in one transaction with the state, and say what went wrong, if it did. */
int keeper_publish(struct device *d, int (*fill)(struct store *s, struct device *d), int state);

/* Connected devices tell their front-end to read its nodes again. */
void keeper_announce(struct device *d);

/*
 * End the worker and start another, which takes over what the old one had, as after a crash. For a kind whose worker
 * must be started with another `worker_option`; from within give() only, which then returns -EPIPE.
 */
void keeper_restart(struct keeper *k);

/* The descriptor of a worker's end of the socket. */
#define WORKER_SOCKET 3

#endif
