/* SPDX-License-Identifier: MIT */
#include "vellumd/domain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "life/handover.h"
#include "life/life.h"
#include "life/monitor.h"
#include "life/power.h"
#include "vellumd/console.h"
#include "vellumd/events.h"
#include "vellumd/shells.h"
#include "vellumd/work.h"

#define START_MS 250            /* how soon a guest that is unpaused is seen to have started … */
#define START_LOOKS 40          /* … for so many looks after the last one came; those that stay paused are seen later */
#define START_LATER_S 2
#define EVENTS_AT_ONCE 256      /* of the store */
#define ADOPT_MS 5              /* how soon we look at a guest that has been handed over */

struct dom *domain_find(struct vellumd *d, uint32_t domid)
{
    struct dom *dom;

    TAILQ_FOREACH(dom, &d->doms, link)
        if (dom->domid == domid)
            return dom;
    return NULL;
}

void domain_note_path(const struct options *o, uint32_t domid, char path[300])
{
    snprintf(path, 300, "%.200s/" OWNED_FOLDER "/%u", o->run_folder, domid);
}

/* Is there a note that the domain with this uuid is ours? */
static bool noted(const struct options *o, uint32_t domid, const uint8_t uuid[16])
{
    char path[300], text[VL_UUID_TEXT], kept[VL_UUID_TEXT];
    int fd;
    ssize_t n;

    domain_note_path(o, domid, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, kept, sizeof(kept) - 1);
    if (fd >= 0)
        close(fd);
    vl_uuid_format(uuid, text);
    return n == (ssize_t)strlen(text) && !memcmp(text, kept, (size_t)n);
}

int domain_note(const struct options *o, uint32_t domid, const uint8_t uuid[16])
{
    char path[300], text[VL_UUID_TEXT];
    ssize_t len = VL_UUID_TEXT - 1;
    int fd, rc = 0;

    domain_note_path(o, domid, path);
    vl_uuid_format(uuid, text);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, (size_t)len) != len)
        rc = vl_fail_errno("%s", path);
    if (fd >= 0)
        close(fd);
    return rc;
}

static void free_devices(char **devices, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(devices[i]);
    free(devices);
}

/* Both places where a domain's consoles stand, watched while it lives. */
static void watch_consoles(struct dom *dom, bool on)
{
    static const char *const places[] = { "console", "device/console" };
    struct vl_store *store = vl_store(&dom->d->vl);
    char path[80];

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, sizeof(path), "/local/domain/%u/%s", dom->domid, places[i]);
        if (on)
            vl_store_watch(store, path, "console");
        else
            vl_store_unwatch(store, path, "console");
    }
}

static void drop(struct vellumd *d, struct dom *dom)
{
    char path[300];

    consoles_drop(d, dom);
    watch_consoles(dom, false);
    domain_note_path(&d->options, dom->domid, path);
    unlink(path);
    shells_gone(d, dom->domid);
    TAILQ_REMOVE(&d->doms, dom, link);
    free_devices(dom->devices, dom->n_devices);
    free(dom->name);
    free(dom);
}

static char *read_name(struct vellumd *d, uint32_t domid)
{
    struct vl_arena arena = { 0 };
    char *name = vl_store_read(vl_store(&d->vl), &arena, "/local/domain/%u/name", domid), *kept;

    kept = name && *name ? strdup(name) : NULL;
    vl_arena_free(&arena);
    return kept;
}

/* The name and UUID as they are now: a domain may be renamed, and a shell becomes a guest. */
static void refresh(struct vellumd *d, struct dom *dom, const xc_domaininfo_t *info)
{
    char *name = read_name(d, dom->domid);

    if (name) {
        free(dom->name);
        dom->name = name;
    }
    memcpy(dom->uuid, info->handle, sizeof(dom->uuid));
}

/* All devices of a domain, as "vbd/51712". */
static char **read_devices(struct vellumd *d, uint32_t domid, size_t *n)
{
    struct vl_store *store = vl_store(&d->vl);
    struct vl_arena arena = { 0 };
    char **devices = NULL, text[64];
    size_t classes;
    char **class = vl_store_list(store, &arena, &classes, "/libxl/%u/device", domid);

    *n = 0;
    for (size_t i = 0; i < classes; i++) {
        size_t count;
        char **ids = vl_store_list(store, &arena, &count, "/libxl/%u/device/%s", domid, class[i]);

        for (size_t j = 0; j < count; j++) {
            snprintf(text, sizeof(text), "%s/%s", class[i], ids[j]);
            devices = vl_xrealloc(devices, (*n + 1) * sizeof(*devices));
            devices[(*n)++] = strdup(text);
        }
    }
    vl_arena_free(&arena);
    return devices;
}

static bool has(char *const *devices, size_t n, const char *device)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(devices[i], device))
            return true;
    return false;
}

void domain_devices(struct vellumd *d, struct dom *dom)
{
    size_t n;
    char **now = read_devices(d, dom->domid, &n);

    for (size_t i = 0; i < n && dom->announced; i++)
        if (!has(dom->devices, dom->n_devices, now[i]))
            event_tell(d, dom, "device-attached", "device", now[i]);
    for (size_t i = 0; i < dom->n_devices && dom->announced; i++)
        if (!has(now, n, dom->devices[i]))
            event_tell(d, dom, "device-detached", "device", dom->devices[i]);
    free_devices(dom->devices, dom->n_devices);
    dom->devices = now;
    dom->n_devices = n;
}

static void acted(struct vellumd *d, void *arg, int status, const char *output)
{
    struct dom *dom = domain_find(d, (uint32_t)(uintptr_t)arg);

    (void)output;
    if (status)
        vl_log(VL_ERROR, "what the end of domain %u asks for could not be done (its log says more)",
               (unsigned)(uintptr_t)arg);
    if (dom) {
        dom->acting = false;
        dom->acted = true;
    }
    domains_sync(d);
}

/* May its end be acted on? One that ends again and again right after its start is left alone for a while. */
static bool due(struct vellumd *d, struct dom *dom, unsigned reason)
{
    if (!dom->act_at) {
        unsigned wait = vl_monitor_wait(&d->vl, dom->domid, reason);

        if (wait)
            vl_note("%s ended right after its start, as those before it: restarted in %u s", dom->name ? dom->name : "?", wait);
        dom->act_at = vl_now_ms() + wait * 1000L;
    }
    return vl_now_ms() >= dom->act_at;
}

static void act_on_end(struct vellumd *d, struct dom *dom)
{
    char domid[16];
    char *argv[] = { (char *)"vellumd", (char *)"--act", domid, (char *)"--run-folder", (char *)d->options.run_folder,
                     NULL };

    snprintf(domid, sizeof(domid), "%u", dom->domid);
    dom->acting = true;
    work_add(d, argv, NULL, acted, (void *)(uintptr_t)dom->domid);
}

/* One step of a domain's life after another. */
static void follow(struct vellumd *d, struct dom *dom, const xc_domaininfo_t *info)
{
    bool shut = info->flags & XEN_DOMINF_shutdown;
    unsigned reason = vl_shutdown_reason(info);

    if (!dom->announced && !dom->shell) {
        refresh(d, dom, info);
        dom->shell = vl_shell_name(dom->name);
        if (!dom->name || dom->shell)
            return;             /* it is being made, and not yet entered in the store, or is no guest yet */
        dom->announced = dom->look_consoles = true;
        event_tell(d, dom, "created", NULL, NULL);
        domain_devices(d, dom);
    }
    if (!dom->started && !(info->flags & XEN_DOMINF_paused) && !dom->shell) {
        dom->started = true;
        event_tell(d, dom, "started", NULL, NULL);
    }
    if (info->flags & XEN_DOMINF_dying) {
        dom->dying = true;
        consoles_drop(d, dom);
        return;
    }
    if (dom->look_consoles)     /* also of one that has ended by now: what it said stands in its ring */
        consoles_check(d, dom);
    dom->look_consoles = false;
    if (!shut) {
        dom->stopped = false;
        return;
    }
    if (!dom->stopped) {
        dom->stopped = true;
        dom->acted = false;
        dom->act_at = 0;
        refresh(d, dom, info);
        event_tell(d, dom, reason == SHUTDOWN_crash || reason == SHUTDOWN_watchdog ? "crashed" : "stopped", "reason",
                   vl_power_reason(reason));
    }
    if (dom->owned && !dom->acting && !dom->acted && reason != SHUTDOWN_suspend && due(d, dom, reason))
        act_on_end(d, dom);
}

static struct dom *add(struct vellumd *d, const xc_domaininfo_t *info)
{
    struct dom *dom = vl_xmalloc(sizeof(*dom));

    *dom = (struct dom){ .d = d, .domid = info->domain };
    memcpy(dom->uuid, info->handle, sizeof(dom->uuid));
    dom->owned = noted(&d->options, dom->domid, dom->uuid);
    dom->shell = shells_has(d, dom->domid);
    TAILQ_INSERT_TAIL(&d->doms, dom, link);
    if (dom->domid)
        watch_consoles(dom, true);
    return dom;
}

void domains_sync(struct vellumd *d)
{
    const struct timeval soon = { 0, START_MS * 1000 }, later = { START_LATER_S, 0 };
    struct vl_domain_list list;
    struct dom *dom, *next;
    bool waiting = false;

    if (vl_domains(&d->vl, &list, false))
        return;
    TAILQ_FOREACH(dom, &d->doms, link)
        dom->seen = false;
    for (size_t i = 0; i < list.count; i++) {
        dom = domain_find(d, list.all[i].info.domain);
        if (!dom) {
            dom = add(d, &list.all[i].info);
            d->start_looks = 0;
        }
        dom->seen = true;
        if (dom->domid)
            follow(d, dom, &list.all[i].info);
        /* Nothing tells that a domain is unpaused, nor when the last of one that was dying has gone. */
        waiting |= dom->domid && (dom->dying || (!dom->shell && !dom->started));
        waiting |= dom->stopped && dom->act_at > vl_now_ms();         /* and its restart waits */
    }
    for (dom = TAILQ_FIRST(&d->doms); dom; dom = next) {
        next = TAILQ_NEXT(dom, link);
        if (dom->seen)
            continue;
        if (dom->announced)
            event_tell(d, dom, "gone", NULL, NULL);
        drop(d, dom);
    }
    vl_domains_free(&list);
    if (waiting && !evtimer_pending(d->start_timer, NULL))
        event_add(d->start_timer, d->start_looks++ < START_LOOKS ? &soon : &later);
}

static void on_start_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    domains_sync(arg);
}

void domains_soon(struct vellumd *d)
{
    static const struct timeval soon = { 0, ADOPT_MS * 1000 };

    event_add(d->start_timer, &soon);
}

int domain_adopt(struct vellumd *d, uint32_t domid)
{
    struct dom *dom = domain_find(d, domid);
    xc_domaininfo_t info;
    int rc;

    if (vl_domain_info(&d->vl, domid, &info))
        return -ESRCH;
    rc = domain_note(&d->options, domid, info.handle);
    if (rc)
        return rc;
    if (dom) {
        memcpy(dom->uuid, info.handle, sizeof(dom->uuid));
        dom->owned = true;
    }
    domains_soon(d);            /* it may have stopped already, its console may be ready */
    return 0;
}

/* Which domain a path below /local/domain or /libxl belongs to. */
static struct dom *owner(struct vellumd *d, const char *path, const char *prefix)
{
    unsigned domid;

    if (strncmp(path, prefix, strlen(prefix)) || sscanf(path + strlen(prefix), "%u", &domid) != 1)
        return NULL;
    return domain_find(d, domid);
}

static void on_store(evutil_socket_t fd, short what, void *arg)
{
    domains_poll(arg);
    (void)fd;
    (void)what;
}

void domains_poll(struct vellumd *d)
{
    char token[16], path[256];
    struct dom *dom;
    static const struct timeval now = { 0, 0 };
    bool sync = false;
    int rc = 0, n = 0;

    /* A guest can write its consoles' nodes without end: what came is gathered, and others have their turn between. */
    while (n < EVENTS_AT_ONCE &&
           (rc = vl_store_event_path(vl_store(&d->vl), 0, token, sizeof(token), path, sizeof(path))) > 0) {
        n++;
        if (!strcmp(token, "domains"))
            sync = true;
        else if (!strcmp(token, "console") && (dom = owner(d, path, "/local/domain/")))
            dom->look_consoles = true;
        else if (!strcmp(token, "devices") && (dom = owner(d, path, "/libxl/")))
            dom->look = true;   /* a device is a dozen nodes: one look is enough for all */
    }
    if (rc < 0) {
        vl_fail(rc, "lost xenstored: %s", strerror(-rc));
        event_base_loopbreak(d->base);
        return;
    }
    if (sync)
        domains_sync(d);
    TAILQ_FOREACH(dom, &d->doms, link) {
        if (dom->look)
            domain_devices(d, dom);
        if (dom->look_consoles)
            consoles_check(d, dom);
        dom->look = dom->look_consoles = false;
    }
    if (n == EVENTS_AT_ONCE)    /* there may be more, which nothing may tell any more */
        event_add(d->more_timer, &now);
}

int domains_start(struct vellumd *d)
{
    struct vl_store *store = vl_store(&d->vl);
    char folder[300];
    int rc;

    TAILQ_INIT(&d->doms);
    if (!store || !vl_xc(&d->vl))
        return -EIO;
    snprintf(folder, sizeof(folder), "%.200s/" OWNED_FOLDER, d->options.run_folder);
    if (mkdir(folder, 0700) && errno != EEXIST)
        return vl_fail_errno("%s", folder);
    d->start_timer = evtimer_new(d->base, on_start_timer, d);
    d->store_event = event_new(d->base, vl_store_fd(store), EV_READ | EV_PERSIST, on_store, d);
    d->more_timer = evtimer_new(d->base, on_store, d);
    if (!d->start_timer || !d->store_event || !d->more_timer || event_add(d->store_event, NULL))
        return vl_fail(-ENOMEM, "out of memory");
    rc = vl_store_watch(store, "@introduceDomain", "domains");
    if (!rc)
        rc = vl_store_watch(store, "@releaseDomain", "domains");
    if (!rc)
        rc = vl_store_watch(store, "/libxl", "devices");
    if (rc)
        return vl_fail(rc, "cannot watch the store: %s", strerror(-rc));
    domains_sync(d);
    return 0;
}

void domains_stop(struct vellumd *d)
{
    struct dom *dom;

    while ((dom = TAILQ_FIRST(&d->doms))) {
        TAILQ_REMOVE(&d->doms, dom, link);
        free_devices(dom->devices, dom->n_devices);
        free(dom->name);
        free(dom);
    }
    event_free(d->start_timer);
    event_free(d->store_event);
    event_free(d->more_timer);
}
