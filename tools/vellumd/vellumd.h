/* SPDX-License-Identifier: MIT */
/*
 * vellumd: what must outlive a command. It does what configurations say about a guest's end, serves the guests'
 * consoles, keeps ready-made domain shells and tells subscribers what happens.
 *
 * One process, one thread, one libevent loop. Whatever may take long (destroying, creating, building a shell) is done
 * by a short-lived worker, which is this program executed anew, so that a slow back-end never holds up a console.
 * Nothing that matters lives in this process alone: which guests it looks after is in RUN_FOLDER, the rest is read
 * from hypervisor and store, so it can be stopped and started again at any time, guests unaware.
 */
#ifndef VELLUMD_VELLUMD_H
#define VELLUMD_VELLUMD_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#include "base/vl.h"

#define OWNED_FOLDER "owned"            /* in the run folder: DOMID → UUID of the guests that are ours */

struct options {
    const char *run_folder, *socket, *log_folder;
    long log_limit;             /* bytes; 0: logs grow */
    unsigned log_keep;
    bool consoles, hypervisor_log;
    unsigned shells, shell_mb;  /* how many to keep, and how much memory they may take */
};

TAILQ_HEAD(dom_list, dom);
TAILQ_HEAD(console_list, console);
TAILQ_HEAD(client_list, client);
TAILQ_HEAD(work_list, work);
TAILQ_HEAD(shell_list, shell);
TAILQ_HEAD(shape_list, shape);

struct vellumd {
    struct options options;
    struct event_base *base;
    struct event *signals[3];
    bool stopping;              /* asked to by a signal */
    struct vl vl;
    struct event *store_event, *more_timer;     /* the latter when there may be more of the store's than one look took */
    struct dom_list doms;
    struct event *start_timer;  /* looks for guests that have been unpaused; runs while there are paused new ones */
    unsigned start_looks;       /* since the last domain came */
    /* consoles */
    xenevtchn_handle *evtchn;
    xengnttab_handle *gnttab;
    struct event *evtchn_event, *inotify_event;
    int inotify;
    struct console_list consoles;
    struct hvlog *hvlog;
    /* clients of the socket */
    struct evconnlistener *listener;
    struct client_list clients;
    unsigned subscribers;
    /* workers */
    struct work_list work;
    unsigned working;
    struct event *child_event;
    /* shells */
    struct shell_list shells;
    struct shape_list shapes;
    struct event *shell_timer;
};

#endif
