/* SPDX-License-Identifier: MIT */
/*
 * The front-end half of the xenbus handshake, the same for every device: <xen/io/xenbus.h>. A device is in our directory
 * `device/TYPE/ID`, its back-end in the directory that `backend` there names.
 *
 *   back-end InitWait     -> driver's setup and publish, our state becomes `published`
 *   back-end Connected    -> driver's connected, our state becomes Connected
 *   back-end Closing      -> our state becomes Closed; the back-end then gives up our rings
 *   back-end Closed       -> driver's teardown; our state becomes Initialising again if the back-end stays `online`
 *   back-end InitWait anew (it was restarted), or a resume -> teardown, and all over again
 */
#ifndef FRONT_XENBUS_H
#define FRONT_XENBUS_H

#include "store.h"

#include <xen/io/xenbus.h>

struct xenbus_device;

/* The driver's steps, called by threads, one at a time. Errors are logged, told in xenstore, and end in Closed. */
struct xenbus_driver {
    const char *type;            /* "vbd", "vif" */
    enum xenbus_state published; /* our state when the back-end may connect */
    int (*setup)(struct xenbus_device *d);
    int (*publish)(struct xenbus_device *d, uint32_t tx); /* may be called several times */
    int (*connected)(struct xenbus_device *d);
    void (*changed)(struct xenbus_device *d); /* the back-end changed its nodes while connected */
    /* Gives up rings and grants; GONE: the device will not come back. Called also after a failed setup. */
    void (*teardown)(struct xenbus_device *d, bool gone);
};

struct xenbus_device {
    const struct xenbus_driver *driver;
    unsigned int id;
    char dir[48], peer_dir[96]; /* ours and the back-end's */
    domid_t peer;
    enum xenbus_state state, peer_state; /* ours; the back-end's as last seen */
    bool set_up, up, removed, closing;
    struct store_watch watch;
    struct xenbus_device *next;
};

/* Ids of our devices of a type, at most MAX; how many, or a negative errno. */
int xenbus_scan(const char *type, unsigned int *ids, unsigned int max);

/* Takes up a device; it connects in store_poll. Errors: the device is not there, or its nodes are malformed. */
int xenbus_open(struct xenbus_device *d, const struct xenbus_driver *driver, unsigned int id);
/* Leaves the device: Closed, teardown when the back-end has given up our rings too, or after a bounded wait. */
void xenbus_close(struct xenbus_device *d);
/* Polls until the device is up; 0, -XEN_ENODEV when it was removed, -XEN_ETIMEDOUT. */
int xenbus_wait(struct xenbus_device *d, uint64_t deadline);
/* After a resume, with store_init done: tears down and reconnects every device. */
void xenbus_resume(void);

/* The back-end's value of a feature node: a number, or OTHERWISE. */
uint64_t xenbus_feature(const struct xenbus_device *d, const char *node, uint64_t otherwise);

/* Memory of a ring: COUNT pages granted to the back-end, references in REFS. NULL, and nothing taken, on failure. */
void *xenbus_ring_alloc(const struct xenbus_device *d, unsigned int count, uint32_t *refs);
/* A page that the back-end does not let go of is never used again. */
void xenbus_ring_free(void *pages, unsigned int count, uint32_t *refs);

#endif
