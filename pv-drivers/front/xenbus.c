/* SPDX-License-Identifier: MIT */
/*
 * Owns the list of devices and each device's states; all of it is used by the thread that calls store_poll, so there is
 * no lock. Invariant: `set_up` says that the driver has something to tear down, `up` that both sides are Connected.
 */
#include "xenbus.h"

#define CLOSE_NS 5000000000UL

static struct xenbus_device *devices;

uint64_t xenbus_feature(const struct xenbus_device *d, const char *node, uint64_t otherwise)
{
    return store_number(0, d->peer_dir, node, otherwise);
}

static void set_state(struct xenbus_device *d, enum xenbus_state state)
{
    int rc = store_write_number(0, d->dir, "state", state);

    d->state = state;
    if (rc)
        os_log("%s: state %u: error %d\n", d->dir, state, -rc);
}

static void tell_error(struct xenbus_device *d, const char *what, int rc)
{
    char path[64], text[96];

    os_log("%s: %s: error %d\n", d->dir, what, -rc);
    os_format(path, sizeof(path), "error/%s", d->dir);
    os_format(text, sizeof(text), "%d %s", -rc, what);
    store_write(0, path, "error", text);
}

static void tear_down(struct xenbus_device *d, bool gone)
{
    if (d->set_up || gone)
        d->driver->teardown(d, gone);
    d->set_up = d->up = false;
}

static int publish(struct xenbus_device *d)
{
    int rc;

    do {
        uint32_t tx;

        rc = store_begin(&tx);
        if (rc)
            return rc;
        rc = d->driver->publish(d, tx);
        if (rc) {
            store_end(tx, false);
            return rc;
        }
        rc = store_end(tx, true);
    } while (rc == -XEN_EAGAIN);
    return rc;
}

static void fail(struct xenbus_device *d, const char *what, int rc)
{
    tell_error(d, what, rc);
    tear_down(d, true);
    set_state(d, XenbusStateClosed);
    d->removed = true;
}

static void set_up(struct xenbus_device *d)
{
    int rc;

    d->set_up = true;
    rc = d->driver->setup(d);
    if (!rc)
        rc = publish(d);
    if (rc)
        fail(d, "setting up", rc);
    else
        set_state(d, d->driver->published);
}

/* The back-end waits for us: at first, or after it was restarted; not when this is what we answered already. */
static void peer_waits(struct xenbus_device *d, enum xenbus_state before)
{
    if (d->set_up && before == XenbusStateInitWait)
        return;
    if (d->set_up) {
        os_log("%s: the back-end starts anew\n", d->dir);
        tear_down(d, false);
    }
    if (d->state != XenbusStateInitialising)
        set_state(d, XenbusStateInitialising);
    set_up(d);
}

static void peer_connected(struct xenbus_device *d)
{
    int rc;

    if (d->up) {
        if (d->driver->changed)
            d->driver->changed(d);
        return;
    }
    if (!d->set_up)
        return;
    rc = d->driver->connected(d);
    if (rc) {
        fail(d, "connecting", rc);
        return;
    }
    d->up = true;
    if (d->state != XenbusStateConnected)
        set_state(d, XenbusStateConnected);
}

/* Our Closed is what makes the back-end give up our rings; only its own says that it has. */
static void peer_closing(struct xenbus_device *d)
{
    d->up = false;
    if (d->set_up && d->state != XenbusStateClosed) {
        os_log("%s: the back-end closes\n", d->dir);
        set_state(d, XenbusStateClosed);
    }
}

/* One that stays online is only being restarted: it is told that we are ready for its next life. */
static void peer_closed(struct xenbus_device *d)
{
    bool online = xenbus_feature(d, "online", 0) == 1;

    peer_closing(d);
    tear_down(d, !online);
    if (online && d->state == XenbusStateClosed)
        set_state(d, XenbusStateInitialising);
    d->removed = !online;
}

static void on_change(struct store_watch *w)
{
    struct xenbus_device *d = w->arg;
    enum xenbus_state before = d->peer_state;
    uint64_t state = xenbus_feature(d, "state", XenbusStateUnknown);

    d->peer_state = state <= XenbusStateReconfigured ? (enum xenbus_state)state : XenbusStateUnknown;
    if (d->closing || d->removed) /* nothing brings it back: it failed, or was unplugged */
        return;
    switch (d->peer_state) {
    case XenbusStateInitWait:
        peer_waits(d, before);
        break;
    case XenbusStateConnected:
        peer_connected(d);
        break;
    case XenbusStateClosing:
        peer_closing(d);
        break;
    case XenbusStateClosed:
        if (before != d->peer_state)
            peer_closed(d);
        break;
    case XenbusStateUnknown:
        if (before != XenbusStateUnknown) { /* its directory is gone */
            tear_down(d, true);
            d->removed = true;
        }
        break;
    default:
        break;
    }
}

/* Reads where the back-end is and watches its directory. */
static int find_peer(struct xenbus_device *d)
{
    uint64_t peer = store_number(0, d->dir, "backend-id", DOMID_FIRST_RESERVED);
    int rc = store_read(0, d->dir, "backend", d->peer_dir, sizeof(d->peer_dir));

    if (rc < 0)
        return rc;
    if (!rc || peer >= DOMID_FIRST_RESERVED)
        return -XEN_EINVAL;
    d->peer = (domid_t)peer;
    d->peer_state = XenbusStateUnknown;
    os_format(d->watch.path, sizeof(d->watch.path), "%s", d->peer_dir);
    d->watch.fn = on_change;
    d->watch.arg = d;
    return store_watch(&d->watch);
}

int xenbus_open(struct xenbus_device *d, const struct xenbus_driver *driver, unsigned int id)
{
    int rc;

    memset(d, 0, sizeof(*d));
    d->driver = driver;
    d->id = id;
    os_format(d->dir, sizeof(d->dir), "device/%s/%u", driver->type, id);
    d->state = (enum xenbus_state)store_number(0, d->dir, "state", XenbusStateUnknown);
    rc = find_peer(d);
    if (rc)
        return rc;
    d->next = devices;
    devices = d;
    return 0;
}

static bool poll_needed(void *arg) { return (void)arg, store_pending(); }

static bool peer_let_go(const struct xenbus_device *d)
{
    return d->peer_state == XenbusStateClosed || d->peer_state == XenbusStateUnknown || d->peer_state == XenbusStateInitWait;
}

void xenbus_close(struct xenbus_device *d)
{
    struct xenbus_device **p = &devices;
    uint64_t deadline = os_time() + CLOSE_NS;

    while (*p && *p != d)
        p = &(*p)->next;
    if (!*p)
        return;
    d->closing = true;
    if (!d->removed) {
        set_state(d, XenbusStateClosing);
        set_state(d, XenbusStateClosed);
    }
    for (store_poll(); d->set_up && !peer_let_go(d); store_poll())
        if (!os_wait(poll_needed, NULL, deadline))
            break;
    *p = d->next;
    store_unwatch(&d->watch);
    tear_down(d, true);
}

int xenbus_wait(struct xenbus_device *d, uint64_t deadline)
{
    for (;;) {
        store_poll();
        if (d->up)
            return 0;
        if (d->removed)
            return -XEN_ENODEV;
        if (!os_wait(poll_needed, NULL, deadline))
            return -XEN_ETIMEDOUT;
    }
}

/* All are torn down before the first is set up: old ports and references have meanings of their own in the new domain. */
void xenbus_resume(void)
{
    for (struct xenbus_device *d = devices; d; d = d->next)
        tear_down(d, false);
    for (struct xenbus_device *d = devices; d; d = d->next) {
        int rc;

        store_unwatch(&d->watch);
        d->state = XenbusStateInitialising;
        rc = find_peer(d);
        if (rc)
            tell_error(d, "resuming", rc);
    }
}

int xenbus_scan(const char *type, unsigned int *ids, unsigned int max)
{
    char dir[32], names[512];
    int len, count = 0;

    os_format(dir, sizeof(dir), "device/%s", type);
    len = store_list(0, dir, names, sizeof(names));
    if (len < 0)
        return len == -XEN_ENOENT ? 0 : len;
    for (const char *p = names; p < names + len && count < (int)max; p += strlen(p) + 1) {
        unsigned int id = 0;
        const char *c = p;

        for (; *c >= '0' && *c <= '9' && id < 1U << 28; c++)
            id = id * 10 + (unsigned int)(*c - '0');
        if (c != p && !*c)
            ids[count++] = id;
    }
    return count;
}

void *xenbus_ring_alloc(const struct xenbus_device *d, unsigned int count, uint32_t *refs)
{
    uint8_t *pages = os_pages_alloc(count);
    unsigned int i;

    if (!pages)
        return NULL;
    for (i = 0; i < count; i++) {
        refs[i] = os_grant(d->peer, os_frame(pages + i * OS_PAGE_SIZE), false);
        if (!refs[i])
            break;
    }
    if (i == count)
        return pages;
    while (i--)
        os_grant_end(refs[i]);
    os_pages_free(pages, count);
    return NULL;
}

void xenbus_ring_free(void *pages, unsigned int count, uint32_t *refs)
{
    bool free = true;

    if (!pages)
        return;
    for (unsigned int i = 0; i < count; i++)
        free &= os_grant_end(refs[i]);
    if (free)
        os_pages_free(pages, count);
    else
        os_log("the back-end keeps a ring of %u pages mapped: they are lost\n", count);
}
