/* SPDX-License-Identifier: MIT */
#include "device/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include "base/log.h"
#include "device/attach.h"

#define DEVICES_MAX 4096        /* more back-ends one driver domain does not serve */

/* A back-end we have brought up, or tried to. */
struct served {
    struct vl_device dev;
    bool seen, failed;
};

struct server {
    struct vl *vl;
    uint32_t self;
    struct served *all;
    size_t n;
};

static struct served *find(struct server *s, const struct vl_device *dev)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->all[i].dev.class == dev->class && s->all[i].dev.domid == dev->domid &&
            s->all[i].dev.devid == dev->devid)
            return &s->all[i];
    return NULL;
}

static void bring_up(struct server *s, const struct vl_device *dev)
{
    char path[VL_PATH_MAX];
    struct served entry = { *dev, true, false };

    if (s->n >= DEVICES_MAX) {
        vl_log(VL_ERROR, "%d back-ends are served: there is no room for more", DEVICES_MAX);
        return;
    }
    vl_backend_path(dev, path);
    vl_info("%s device %u of domain %u: bringing it up", vl_device_class_name(dev->class), dev->devid, dev->domid);
    entry.failed = vl_device_script(s->vl, dev, path, true, false) != 0;
    if (entry.failed) {
        struct vl_arena arena = { 0 };

        vl_store_expect(s->vl->store, "%s", path);
        /* A script has written its reason itself. */
        if (!vl_store_read(s->vl->store, &arena, "%s/hotplug-error", path))
            vl_store_write(s->vl->store, "xl devd could not bring it up; its log says why", "%s/hotplug-error", path);
        vl_store_write(s->vl->store, "error", "%s/hotplug-status", path);
        vl_store_apply(s->vl->store);
        vl_arena_free(&arena);
    }
    s->all = vl_xrealloc(s->all, (s->n + 1) * sizeof(*s->all));
    s->all[s->n++] = entry;
}

/* Closed for good: the script runs once more, and the nodes go, which tells the toolstack that all is done. */
static void take_down(struct server *s, const struct vl_device *dev)
{
    char path[VL_PATH_MAX], top[VL_PATH_MAX];
    struct served *known = find(s, dev);

    vl_backend_path(dev, path);
    vl_info("%s device %u of domain %u: taking it away", vl_device_class_name(dev->class), dev->devid, dev->domid);
    vl_device_script(s->vl, dev, path, false, false);
    snprintf(top, sizeof(top), "/local/domain/%u/backend", s->self);
    vl_store_prune(s->vl->store, top, "%s", path);
    if (known)
        *known = s->all[--s->n];
}

static void look_at(struct server *s, const struct vl_device *dev)
{
    int state = vl_backend_state(s->vl, dev);
    char path[VL_PATH_MAX];
    long online;

    vl_backend_path(dev, path);
    online = vl_store_read_number(s->vl->store, 1, "%s/online", path);
    if (find(s, dev))
        find(s, dev)->seen = true;
    if (state == XenbusStateInitWait && online == 1 && !find(s, dev))
        bring_up(s, dev);
    else if (state == XenbusStateClosed && online == 0)
        take_down(s, dev);
}

/* Go through all back-ends of ours; those that vanished without a word are forgotten. */
static void look(struct server *s)
{
    static const enum vl_device_class classes[] = { VL_DEV_VBD, VL_DEV_VIF };
    struct vl_arena arena = { 0 };

    for (size_t i = 0; i < s->n; i++)
        s->all[i].seen = false;
    for (size_t c = 0; c < 2; c++) {
        size_t doms, devs;
        char **dom = vl_store_list(s->vl->store, &arena, &doms, "/local/domain/%u/backend/%s", s->self,
                                   vl_device_class_name(classes[c]));

        for (size_t d = 0; d < doms; d++) {
            char **name = vl_store_list(s->vl->store, &arena, &devs, "/local/domain/%u/backend/%s/%s", s->self,
                                        vl_device_class_name(classes[c]), dom[d]);

            for (size_t i = 0; i < devs; i++)
                look_at(s, &(struct vl_device){ classes[c], (uint32_t)strtoul(dom[d], NULL, 10), s->self,
                                                (unsigned)strtoul(name[i], NULL, 10), false });
        }
    }
    for (size_t i = 0; i < s->n;)
        if (s->all[i].seen)
            i++;
        else
            s->all[i] = s->all[--s->n];
    vl_arena_free(&arena);
}

int vl_devices_serve(struct vl *vl)
{
    struct server s = { .vl = vl };
    char path[VL_PATH_MAX], token[32];
    long self;
    int rc;

    if (!vl_store(vl))
        return -EIO;
    self = vl_store_read_number(vl->store, DOMID_FIRST_RESERVED, "domid");
    if (self < 0)
        return vl_fail(-ENOENT, "this domain cannot learn its own number from the store");
    s.self = (uint32_t)self;
    snprintf(path, sizeof(path), "/local/domain/%u/backend", s.self);
    rc = vl_store_watch(vl->store, path, "backend");
    if (!self)
        vl_note("this is domain 0, whose xl runs the scripts of its back-ends itself: devd is for driver domains");
    while (rc >= 0 && self) {
        look(&s);
        rc = vl_store_event(vl->store, -1, token, sizeof(token));
        while (rc > 0 && vl_store_pending(vl->store))
            rc = vl_store_event(vl->store, 0, token, sizeof(token));
    }
    free(s.all);
    return self ? vl_fail(rc, "lost the store: %s", strerror(-rc)) : 0;
}
