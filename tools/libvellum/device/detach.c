/* SPDX-License-Identifier: MIT */
/* Devices go here: found by their /libxl nodes, asked to close, given their time, and removed with all their nodes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include "base/guard.h"
#include "base/log.h"
#include "device/attach.h"

#define SETTLE_SECONDS 3

static int class_of(const char *name)
{
    for (int class = 0; class < VL_DEV_CLASSES; class++)
        if (!strcmp(vl_device_class_name(class), name))
            return class;
    return -1;
}

/* A numbered device with its back-end's domain; false for a node that is none. */
static bool read_device(struct vl *vl, struct vl_arena *arena, uint32_t domid, int class, const char *name,
                        struct vl_device *dev)
{
    char path[VL_PATH_MAX], *backend, *end, folder[16];
    unsigned back;

    *dev = (struct vl_device){ .class = class, .domid = domid, .devid = (unsigned)strtoul(name, &end, 10) };
    if (*end)
        return false;
    vl_libxl_path(dev, path);
    backend = vl_store_read(vl_store(vl), arena, "%s/backend", path);
    if (backend && sscanf(backend, "/local/domain/%u/backend/%15[^/]", &back, folder) == 2) {
        dev->backend_domid = back;
        dev->process = (class == VL_DEV_VBD && !strcmp(folder, "qdisk")) || (class == VL_DEV_VIF && !strcmp(folder, "vnif"));
    }
    return true;
}

struct vl_device *vl_devices_find(struct vl *vl, struct vl_arena *arena, uint32_t domid, int only, size_t *n)
{
    struct vl_device *devs = NULL, dev;
    size_t kinds = 0, count;
    char **kind = vl_store_list(vl_store(vl), arena, &kinds, "/libxl/%u/device", domid), **names;

    *n = 0;
    for (size_t k = 0; k < kinds; k++) {
        int class = class_of(kind[k]);

        if (class < 0 || (only >= 0 && class != only))
            continue;
        names = vl_store_list(vl_store(vl), arena, &count, "/libxl/%u/device/%s", domid, kind[k]);
        for (size_t i = 0; i < count; i++)
            if (read_device(vl, arena, domid, class, names[i], &dev))
                VL_PUSH(arena, devs, *n, dev);
    }
    return devs;
}

/* Does this device have a back-end that must close? The console's daemon asks for nothing. */
static bool closes(struct vl *vl, const struct vl_device *dev)
{
    int state = dev->class == VL_DEV_CONSOLE ? XenbusStateUnknown : vl_backend_state(vl, dev);

    return state != XenbusStateUnknown && state != XenbusStateClosed;
}

/* Queue the words that make a back-end close: it is no longer wanted. With `force` the guest's end goes at once. */
static void queue_close(struct vl *vl, const struct vl_device *dev, bool force)
{
    char path[VL_PATH_MAX];

    vl_backend_path(dev, path);
    vl_store_write(vl_store(vl), "0", "%s/online", path);
    vl_store_write(vl_store(vl), "5", "%s/state", path);
    vl_frontend_path(dev, path);
    if (force)
        vl_store_rm(vl_store(vl), "%s", path);
}

/*
 * Ask the back-ends to close and give them their time, together; then nodes go in any case, which is no failure. The
 * guest will not answer any more, so its ends go first: a back-end whose other end has vanished closes by itself.
 */
static int take_down(struct vl *vl, const struct vl_device *devs, size_t n)
{
    const unsigned done = VL_STATE(XenbusStateClosed) | VL_STATE(XenbusStateUnknown);
    struct vl_device *wait = vl_xmalloc(n * sizeof(*wait));
    size_t waiting = 0;
    int rc;

    for (size_t i = 0; i < n; i++)
        if (closes(vl, &devs[i]))
            wait[waiting++] = devs[i];
    for (size_t i = 0; i < waiting; i++)
        queue_close(vl, &wait[i], true);
    rc = waiting ? vl_store_apply(vl_store(vl)) : 0;
    vl_log_phase("back-ends asked to close");
    if (waiting && vl_wait_backends(vl, wait, waiting, done, VL_STATE_SECONDS))
        for (size_t i = 0; i < waiting; i++)
            if (closes(vl, &wait[i]))
                vl_warn("%s device %u: the back-end did not close within %d s; it is removed by force",
                        vl_device_class_name(wait[i].class), wait[i].devid, VL_STATE_SECONDS);
    free(wait);
    vl_log_phase("back-ends closed");
    for (size_t i = 0; i < n; i++)
        if (vl_device_run_script(vl, &devs[i], false, false) && !rc)
            rc = -EIO;
    vl_log_phase("back-ends' resources gone");
    return rc;
}

/* The back-end's nodes, and the folders above them that are empty then. */
static void forget_backend(struct vl *vl, const struct vl_device *dev)
{
    char path[VL_PATH_MAX], top[VL_PATH_MAX];

    vl_backend_path(dev, path);
    snprintf(top, sizeof(top), "/local/domain/%u", dev->backend_domid);
    vl_store_prune(vl_store(vl), top, "%s", path);
}

static int detach(struct vl *vl, const struct vl_device *devs, size_t n)
{
    int rc = n ? take_down(vl, devs, n) : 0;

    for (size_t i = 0; i < n; i++)
        forget_backend(vl, &devs[i]);
    return rc;
}

int vl_devices_detach_all(struct vl *vl, uint32_t domid)
{
    struct vl_arena arena = { 0 };
    size_t n;
    struct vl_device *devs = vl_devices_find(vl, &arena, domid, -1, &n);
    int rc = detach(vl, devs, n);

    vl_arena_free(&arena);
    return rc;
}

int vl_devices_detach_orphans(struct vl *vl, uint32_t domid)
{
    static const struct { enum vl_device_class class; bool process; } kinds[] = {
        { VL_DEV_CONSOLE, false }, { VL_DEV_VBD, false }, { VL_DEV_VBD, true }, { VL_DEV_VIF, false }, { VL_DEV_VIF, true },
        { VL_DEV_PCI, false },
    };
    struct vl_device *devs = NULL;
    struct vl_arena arena = { 0 };
    size_t n = 0, count;
    int rc;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct vl_device dev = { .class = kinds[i].class, .domid = domid, .process = kinds[i].process };
        char **names, *end;

        names = vl_store_list(vl_store(vl), &arena, &count, "/local/domain/0/backend/%s/%u", vl_backend_folder(&dev), domid);
        for (size_t k = 0; k < count; k++) {
            dev.devid = (unsigned)strtoul(names[k], &end, 10);
            if (!*end)
                VL_PUSH(&arena, devs, n, dev);
        }
    }
    rc = detach(vl, devs, n);
    vl_arena_free(&arena);
    return rc;
}

/* Ask the guest to let go. -ETIMEDOUT, told, when it does not. */
static int ask(struct vl *vl, const struct vl_device *dev)
{
    int rc;

    if (!closes(vl, dev))
        return 0;
    /* Two ends that are just finding each other may miss that one of them closes: they are given time to have done so. */
    if (vl_backend_state(vl, dev) < XenbusStateConnected)
        vl_wait_backends(vl, dev, 1, ~(VL_STATE(XenbusStateInitialising) | VL_STATE(XenbusStateInitWait) |
                                       VL_STATE(XenbusStateInitialised)), SETTLE_SECONDS);
    queue_close(vl, dev, false);
    rc = vl_store_apply(vl_store(vl));
    if (!rc && vl_wait_backends(vl, dev, 1, VL_STATE(XenbusStateClosed) | VL_STATE(XenbusStateUnknown),
                                VL_STATE_SECONDS))
        rc = vl_fail(-ETIMEDOUT, "%s device %u: the guest did not let go of it within %d s and keeps it (--force takes "
                     "it away all the same)", vl_device_class_name(dev->class), dev->devid, VL_STATE_SECONDS);
    return rc;
}

int vl_device_unplug(struct vl *vl, const struct vl_device *dev, bool force)
{
    char path[VL_PATH_MAX];
    int rc = force ? 0 : ask(vl, dev);

    if (rc)
        return rc;
    vl_guard_again();           /* from here on it goes, whatever becomes of us */
    rc = take_down(vl, dev, 1);
    forget_backend(vl, dev);
    vl_frontend_path(dev, path);
    vl_store_rm(vl_store(vl), "%s", path);
    vl_libxl_path(dev, path);
    vl_store_rm(vl_store(vl), "%s", path);
    return vl_store_apply(vl_store(vl)) || rc ? -EIO : 0;
}
