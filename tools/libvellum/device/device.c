/* SPDX-License-Identifier: MIT */
#include "device/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include "base/clock.h"
#include "base/log.h"
#include "device/attach.h"
#include "device/hotplug.h"

const char *vl_device_class_name(enum vl_device_class class)
{
    static const char *const names[] = { "console", "vbd", "vif", "pci" };

    return names[class];
}

const char *vl_backend_folder(const struct vl_device *dev)
{
    if (!dev->process)
        return vl_device_class_name(dev->class);
    return dev->class == VL_DEV_VBD ? "qdisk" : "vnif";
}

void vl_backend_path(const struct vl_device *dev, char path[VL_PATH_MAX])
{
    snprintf(path, VL_PATH_MAX, "/local/domain/%u/backend/%s/%u/%u", dev->backend_domid,
             vl_backend_folder(dev), dev->domid, dev->devid);
}

void vl_frontend_path(const struct vl_device *dev, char path[VL_PATH_MAX])
{
    if (dev->class == VL_DEV_CONSOLE && dev->devid == 0)
        snprintf(path, VL_PATH_MAX, "/local/domain/%u/console", dev->domid);
    else
        snprintf(path, VL_PATH_MAX, "/local/domain/%u/device/%s/%u", dev->domid, vl_device_class_name(dev->class),
                 dev->devid);
}

void vl_libxl_path(const struct vl_device *dev, char path[VL_PATH_MAX])
{
    snprintf(path, VL_PATH_MAX, "/libxl/%u/device/%s/%u", dev->domid, vl_device_class_name(dev->class), dev->devid);
}

void vl_nodes_begin(struct vl_nodes *nodes, struct vl_store *store, const struct vl_device *dev)
{
    nodes->store = store;
    nodes->dev = *dev;
    vl_backend_path(dev, nodes->backend);
    vl_frontend_path(dev, nodes->frontend);
    vl_libxl_path(dev, nodes->libxl);
    vl_store_expect(store, "/local/domain/%u", dev->domid);
    vl_store_mkdir(store, "%s", nodes->frontend);
    if (dev->class != VL_DEV_CONSOLE || dev->devid)     /* the first console's node lies open with the domain's */
        vl_store_perms(store, dev->domid, dev->backend_domid, "%s", nodes->frontend);
    vl_store_mkdir(store, "%s", nodes->backend);
    vl_store_perms(store, dev->backend_domid, dev->domid, "%s", nodes->backend);
    vl_store_mkdir(store, "%s", nodes->libxl);
    vl_node_front(nodes, "backend", "%s", nodes->backend);
    vl_node_front(nodes, "backend-id", "%u", dev->backend_domid);
    vl_node_back(nodes, "frontend", "%s", nodes->frontend);
    vl_store_write(store, nodes->backend, "%s/backend", nodes->libxl);
    vl_node_back(nodes, "frontend-id", "%u", dev->domid);
    vl_node_back(nodes, "online", "1");
    vl_node_back(nodes, "state", "%d", XenbusStateInitialising);
}

void vl_node_front(struct vl_nodes *nodes, const char *name, const char *fmt, ...)
{
    char value[VL_STORE_VALUE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    vl_store_write(nodes->store, value, "%s/%s", nodes->frontend, name);
}

void vl_node_back(struct vl_nodes *nodes, const char *name, const char *fmt, ...)
{
    char value[VL_STORE_VALUE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    vl_store_write(nodes->store, value, "%s/%s", nodes->backend, name);
    vl_store_write(nodes->store, value, "%s/%s", nodes->libxl, name);
}

void vl_console_queue(struct vl_store *store, uint32_t domid, unsigned long mfn, uint32_t port)
{
    struct vl_device dev = { .class = VL_DEV_CONSOLE, .domid = domid };
    struct vl_nodes n;

    vl_nodes_begin(&n, store, &dev);
    vl_store_perms(store, domid, 0, "%s/backend-id", n.frontend);
    vl_node_front(&n, "limit", "1048576");
    vl_node_front(&n, "type", "xenconsoled");
    vl_node_front(&n, "output", "pty");
    vl_node_front(&n, "tty", "%s", "");
    vl_node_front(&n, "port", "%u", port);
    vl_node_front(&n, "ring-ref", "%lu", mfn);
    vl_node_back(&n, "protocol", "vt100");
}

int vl_channel_queue(struct vl *vl, uint32_t domid, const struct vl_channel *channel, unsigned number)
{
    struct vl_device dev = { VL_DEV_CONSOLE, domid, 0, number, false };
    const char *kind = channel->socket ? "socket" : "pty";
    struct vl_nodes n;

    if (channel->backend_domain && strcmp(channel->backend_domain, "0"))
        return vl_place_error(&channel->place, "channel '%s': its back-end must be domain 0", channel->name);
    vl_nodes_begin(&n, vl_store(vl), &dev);
    vl_node_front(&n, "limit", "1048576");
    vl_node_front(&n, "type", "xenconsoled");
    vl_node_front(&n, "output", "%s", kind);
    vl_node_front(&n, "tty", "%s", "");
    vl_node_front(&n, "name", "%s", channel->name);
    vl_node_front(&n, "state", "%d", XenbusStateInitialising);
    vl_node_back(&n, "name", "%s", channel->name);
    vl_node_back(&n, "connection", "%s", kind);
    if (channel->socket)
        vl_node_back(&n, "path", "%s", channel->path);
    vl_node_back(&n, "protocol", "vt100");
    return 0;
}

int vl_backend_state(struct vl *vl, const struct vl_device *dev)
{
    char path[VL_PATH_MAX];
    long state;

    vl_backend_path(dev, path);
    state = vl_store_read_number(vl_store(vl), XenbusStateReconfigured, "%s/state", path);
    return state < 0 ? XenbusStateUnknown : (int)state;
}

/* One look at all devices: how many are not yet in a state of the mask. */
static size_t missing(struct vl *vl, const struct vl_device *devs, size_t n, unsigned states)
{
    size_t left = 0;

    for (size_t i = 0; i < n; i++)
        left += !(states & 1u << vl_backend_state(vl, &devs[i]));
    return left;
}

int vl_wait_backends(struct vl *vl, const struct vl_device *devs, size_t n, unsigned states, int seconds)
{
    struct vl_store *store = vl_store(vl);
    long end = vl_now_ms() + seconds * 1000L, left;
    char path[VL_PATH_MAX + 8], token[32];
    int rc = 0;

    if (!missing(vl, devs, n, states))
        return 0;
    for (size_t i = 0; i < n; i++) {
        vl_backend_path(&devs[i], path);
        strcat(path, "/state");
        vl_store_watch(store, path, "backend");
    }
    while (missing(vl, devs, n, states)) {
        left = end - vl_now_ms();
        if (left <= 0) {
            rc = -ETIMEDOUT;
            break;
        }
        rc = vl_store_event(store, (int)left, token, sizeof(token));
        if (rc < 0)
            break;
        rc = 0;
    }
    for (size_t i = 0; i < n; i++) {
        vl_backend_path(&devs[i], path);
        strcat(path, "/state");
        vl_store_unwatch(store, path, "backend");
    }
    return rc;
}

/* The word of who runs the back-end's script: 1 connected, 0 none yet, -EIO refused (told). */
static int served(struct vl *vl, const struct vl_device *dev, const char *path)
{
    struct vl_arena arena = { 0 };
    char *status = vl_store_read(vl_store(vl), &arena, "%s/hotplug-status", path);
    char *error = vl_store_read(vl_store(vl), &arena, "%s/hotplug-error", path);
    int rc = 0;

    if (error || (status && !strcmp(status, "error")))
        rc = vl_fail(-EIO, "%s device %u: domain %u, which has its back-end, refused it: %s",
                     vl_device_class_name(dev->class), dev->devid, dev->backend_domid,
                     error ? error : "it did not say why");
    else if (status && !strcmp(status, "connected"))
        rc = 1;
    vl_arena_free(&arena);
    return rc;
}

int vl_wait_served(struct vl *vl, const struct vl_device *dev, int seconds)
{
    long end = vl_now_ms() + seconds * 1000L, left;
    char path[VL_PATH_MAX], token[32];
    int rc;

    vl_backend_path(dev, path);
    vl_store_watch(vl_store(vl), path, "served");
    while (!(rc = served(vl, dev, path)) && (left = end - vl_now_ms()) > 0)
        if (vl_store_event(vl_store(vl), (int)left, token, sizeof(token)) < 0)
            break;
    vl_store_unwatch(vl_store(vl), path, "served");
    if (!rc)
        vl_warn("%s device %u: domain %u, which has its back-end, did not say within %d s that it serves it (does xl devd "
                "run there?)", vl_device_class_name(dev->class), dev->devid, dev->backend_domid, seconds);
    return rc < 0 ? rc : 0;
}
