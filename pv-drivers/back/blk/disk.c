/* SPDX-License-Identifier: MIT */
#include "disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/io/blkif.h>
#include <xen/io/protocols.h>

#include "common/daemon.h"
#include "common/log.h"
#include "journal.h"
#include "server.h"

struct own {
    struct image image;
    char *params;
    bool cdrom, removable, discard;
    int journal;                /* file */
    char journal_path[192];
    uint64_t bytes;             /* as the worker has it */
    uint64_t can;               /* BLK_CAN_ of the medium */
    uint64_t limit_requests, limit_bytes;
    time_t lost_at;             /* since when the server has been away */
};

static const struct disk_options *options(struct device *d)
{
    return d->keeper->options;
}

static struct store *store_of(struct device *d)
{
    return &d->keeper->store;
}

static bool node_is(struct device *d, const char *name, const char *value)
{
    char *text = store_read(store_of(d), d->back, name);
    bool same = text && !strcmp(text, value);

    free(text);
    return same;
}

static int open_journal(struct device *d)
{
    struct own *o = d->own;

    snprintf(o->journal_path, sizeof(o->journal_path), "%s/blk-%u-%u", d->keeper->state_dir, d->keeper->domid, d->id);
    o->journal = daemon_state_file(o->journal_path, sizeof(struct journal));
    return o->journal < 0 ? o->journal : 0;
}

static int disk_open(struct device *d, char why[256])
{
    struct own *o = calloc(1, sizeof(*o));
    int rc;

    if (!o)
        return -ENOMEM;
    free(d->own);
    d->own = o;
    o->journal = -1;
    o->params = store_read(store_of(d), d->back, "params");
    o->cdrom = node_is(d, "device-type", "cdrom");
    o->removable = node_is(d, "removable", "1");
    o->discard = !node_is(d, "discard-enable", "0");
    rc = open_journal(d);
    if (rc)
        snprintf(why, 256, "%.150s: %s", o->journal_path, strerror(-rc));
    /* After the journal, whose lock says that no predecessor has the image any more. */
    o->image.fd = o->image.words = -1;
    if (!rc)
        rc = image_open(&o->image, o->params ? o->params : "", !node_is(d, "mode", "w"), &options(d)->image, why);
    if (rc) {
        image_close(&o->image);
        if (o->journal >= 0)
            close(o->journal);
        free(o->params);
        o->params = NULL;
    }
    return rc;
}

/* ---- to the worker ---- */

static int send_limits(struct device *d)
{
    struct own *o = d->own;
    struct blk_limits l = { .m = { BLK_LIMITS, d->id }, .requests = o->limit_requests, .bytes = o->limit_bytes };
    struct reply reply;

    return keeper_call(d->keeper, &l, sizeof(l), NULL, 0, &reply);
}

static int disk_give(struct device *d, char why[256])
{
    struct own *o = d->own;
    struct blk_attach a = { .m = { BLK_ATTACH, d->id }, .medium = o->image.medium, .readonly = o->image.readonly,
                            .synchronous = o->image.synchronous, .discard = o->discard,
                            .block_device = o->image.block_device, .bytes = o->image.bytes,
                            .timeout = options(d)->timeout };
    int fds[2] = { o->journal, o->image.fd }, rc;
    struct reply reply;

    if (a.medium == BLK_NBD && !d->keeper->worker_option) {
        d->keeper->worker_option = "nbd";
        keeper_restart(d->keeper);
        return -EPIPE;
    }
    if (a.medium == BLK_NBD) {
        fds[1] = image_connect(&o->image, why);
        if (fds[1] < 0)
            return fds[1];
        memcpy(a.export, o->image.export, sizeof(a.export));
    }
    rc = keeper_call(d->keeper, &a, sizeof(a), fds, a.medium == BLK_EMPTY ? 1 : 2, &reply);
    if (a.medium == BLK_NBD)
        close(fds[1]);
    if (rc) {
        char reason[256] = "libnbd cannot be loaded (is package libnbd0 installed?)";

        if (rc != -ENOPKG && a.medium == BLK_NBD)
            server_reason(&o->image, reason);
        else if (rc != -ENOPKG)
            snprintf(reason, sizeof(reason), "%s", strerror(-rc));
        snprintf(why, 256, "%.60s: %.190s", o->params, reason);
        return rc;
    }
    o->bytes = o->image.bytes = reply.value[0];
    o->can = reply.value[1];
    return send_limits(d);
}

/* ---- nodes ---- */

static int disk_publish(struct store *s, struct device *d)
{
    const struct disk_options *opt = options(d);
    struct own *o = d->own;

    store_write(s, d->back, "feature-flush-cache", "%d", o->image.medium == BLK_EMPTY || (o->can & BLK_CAN_FLUSH));
    store_write(s, d->back, "feature-discard", "%d", !!(o->can & BLK_CAN_DISCARD));
    if (o->can & BLK_CAN_DISCARD) {
        store_write(s, d->back, "discard-granularity", "%u", o->image.block_device ? o->image.sector_size : 4096);
        store_write(s, d->back, "discard-alignment", "0");
        store_write(s, d->back, "discard-secure", "0");
    }
    store_write(s, d->back, "feature-persistent", "%d", !opt->no_persistent);
    store_write(s, d->back, "feature-max-indirect-segments", "%u", BLK_SEGMENTS_MAX);
    store_write(s, d->back, "max-ring-page-order", "%u", opt->order);
    store_write(s, d->back, "max-ring-pages", "%u", 1u << opt->order);
    store_write(s, d->back, "multi-queue-max-queues", "%u", opt->queues);
    store_write(s, d->back, "hotplug-status", "connected");
    return 0;
}

/* Linux's front-end and back-end count `sectors` in 512 bytes whatever `sector-size` says; so do we. */
static int disk_publish_connected(struct store *s, struct device *d)
{
    struct own *o = d->own;
    unsigned info = (o->cdrom ? VDISK_CDROM : 0) | (o->cdrom || o->removable ? VDISK_REMOVABLE : 0) |
        (o->image.readonly || (o->can & BLK_IS_READONLY) ? VDISK_READONLY : 0);

    store_write(s, d->back, "sectors", "%llu", (unsigned long long)o->bytes / 512);
    store_write(s, d->back, "sector-size", "%u", o->image.sector_size);
    store_write(s, d->back, "physical-sector-size", "%u", o->image.sector_size);
    store_write(s, d->back, "info", "%u", info);
    return 0;
}

static bool disk_ready(struct device *d)
{
    (void)d;
    return true;
}

/* ---- the front-end's nodes ---- */

/* One queue's event channel and ring pages, from `dir`. */
static int read_queue(struct device *d, const char *dir, struct blk_connect *c, unsigned queue, bool numbered, char why[256])
{
    struct store *s = store_of(d);
    int64_t port = store_number(s, dir, "event-channel", -ENOENT, 1, (1u << 17) - 1);

    if (port < 0) {
        snprintf(why, 256, "%.150s/event-channel is not a port", dir);
        return -EINVAL;
    }
    c->port[queue] = (uint32_t)port;
    for (unsigned i = 0; i < 1u << c->order; i++) {
        char name[24];
        int64_t ref;

        snprintf(name, sizeof(name), numbered ? "ring-ref%u" : "ring-ref", i);
        ref = store_number(s, dir, name, -ENOENT, 0, UINT32_MAX);
        if (ref < 0) {
            snprintf(why, 256, "%.150s/%s is not a grant", dir, name);
            return -EINVAL;
        }
        c->ref[queue][i] = (uint32_t)ref;
    }
    return 0;
}

static int read_front(struct device *d, struct blk_connect *c, char why[256])
{
    const struct disk_options *opt = options(d);
    struct store *s = store_of(d);
    int64_t order = store_number(s, d->front, "ring-page-order", -ENOENT, 0, opt->order);
    int64_t queues = store_number(s, d->front, "multi-queue-num-queues", 1, 1, opt->queues);
    char *protocol = store_read(s, d->front, "protocol");
    bool native = !protocol || !strcmp(protocol, XEN_IO_PROTO_ABI_X86_64) || !*protocol;
    int rc = 0;

    if (!native)
        snprintf(why, 256, "the front-end's protocol is '%.40s', and only %s is served", protocol, XEN_IO_PROTO_ABI_X86_64);
    free(protocol);
    if (!native)
        return -EINVAL;
    if (order == -EINVAL || queues < 0) {
        snprintf(why, 256, "the front-end wants a ring or a number of queues that was not offered");
        return -EINVAL;
    }
    c->order = order < 0 ? 0 : (uint8_t)order;
    c->queues = (uint8_t)queues;
    c->persistent = !opt->no_persistent && store_number(s, d->front, "feature-persistent", 0, 0, 1) == 1;
    for (unsigned i = 0; i < c->queues && !rc; i++) {
        char dir[STORE_PATH + 16];

        snprintf(dir, sizeof(dir), "%s/queue-%u", d->front, i);
        rc = read_queue(d, c->queues > 1 ? dir : d->front, c, i, order > 0 || (order == 0 && store_number(s, d->front, "ring-ref", -ENOENT, 0, UINT32_MAX) == -ENOENT), why);
    }
    return rc;
}

static int disk_connect_rings(struct device *d, bool again, char why[256])
{
    struct blk_connect c = { .m = { BLK_CONNECT, d->id }, .again = again };
    struct reply reply;
    int rc = read_front(d, &c, why);

    if (rc)
        return rc;
    rc = keeper_call(d->keeper, &c, sizeof(c), NULL, 0, &reply);
    if (rc && rc != -EPIPE)
        snprintf(why, 256, "its ring pages or event channels cannot be had: %s", strerror(-rc));
    return rc;
}

static void disk_disconnect_rings(struct device *d)
{
    struct message m = { BLK_DISCONNECT, d->id };
    struct reply reply;

    keeper_call(d->keeper, &m, sizeof(m), NULL, 0, &reply);
}

static void disk_close(struct device *d)
{
    struct message m = { BLK_DETACH, d->id };
    struct own *o = d->own;
    struct reply reply;

    if (d->given)
        keeper_call(d->keeper, &m, sizeof(m), NULL, 0, &reply);
    image_close(&o->image);
    if (o->journal >= 0)
        close(o->journal);
    o->journal = -1;
    unlink(o->journal_path);
    free(o->params);
    o->params = NULL;
}

/* ---- what changes while it runs ---- */

static void look_at_size(struct device *d)
{
    struct own *o = d->own;
    struct blk_size m = { .m = { BLK_SIZE, d->id }, .bytes = image_size(&o->image) };
    struct reply reply;

    if (o->image.medium != BLK_FILE || m.bytes == o->bytes)
        return;
    log_info("disk %u: %llu bytes now, %llu before", d->id, (unsigned long long)m.bytes, (unsigned long long)o->bytes);
    if (keeper_call(d->keeper, &m, sizeof(m), NULL, 0, &reply))
        return;
    o->bytes = o->image.bytes = m.bytes;
    keeper_announce(d);
}

/* Another medium in a drive: xl cd-insert and cd-eject write `params`. */
static void look_at_medium(struct device *d)
{
    struct own *o = d->own;
    char *params = store_read(store_of(d), d->back, "params"), why[256] = "";
    struct image other;
    int rc;

    if (!o->cdrom || !strcmp(params ? params : "", o->params ? o->params : "")) {
        free(params);
        return;
    }
    rc = image_open(&other, params ? params : "", true, &options(d)->image, why);
    if (rc) {
        log_error("disk %u: %s", d->id, why);
        image_open(&other, "", true, &options(d)->image, why);
    }
    image_close(&o->image);     /* the worker has a descriptor of its own, until the other medium is in */
    o->image = other;
    free(o->params);
    o->params = params;
    rc = disk_give(d, why);
    if (rc)
        log_error("disk %u: %s", d->id, why);
    keeper_announce(d);
}

static void look_at_limits(struct device *d)
{
    struct own *o = d->own;
    int64_t requests = store_number(store_of(d), d->back, "limit-iops", 0, 0, 1000000000);
    int64_t bytes = store_number(store_of(d), d->back, "limit-bytes", 0, 0, 1ll << 50);

    if (requests < 0 || bytes < 0 || ((uint64_t)requests == o->limit_requests && (uint64_t)bytes == o->limit_bytes))
        return;
    o->limit_requests = (uint64_t)requests;
    o->limit_bytes = (uint64_t)bytes;
    send_limits(d);
}

/* Bring the worker a new connection to a lost server, until it is too late. */
static void look_for_server(struct device *d)
{
    struct own *o = d->own;
    struct message m = { BLK_SERVER, d->id };
    char why[256] = "";
    int fd;

    if (!o->lost_at)
        return;
    fd = image_connect(&o->image, why);
    if (fd < 0 && time(NULL) - o->lost_at < (time_t)options(d)->timeout)
        return;
    if (fd < 0)
        log_error("disk %u: no server for %u s, its requests fail: %s", d->id, options(d)->timeout, why);
    else
        log_info("disk %u: connected to its server again", d->id);
    o->lost_at = 0;
    channel_send(d->keeper->worker, &m, sizeof(m), &fd, fd >= 0);
    if (fd >= 0)
        close(fd);
}

/* What its server complains of belongs into our log, as often as a guest may fill that. */
static void look_at_words(struct device *d)
{
    struct own *o = d->own;
    char text[256];

    if (server_words(&o->image, text))
        log_guest("disk %u: %s: %s", d->id, o->image.argv[0], text);
}

static void disk_changed(struct device *d)
{
    look_at_words(d);
    look_at_limits(d);
    look_at_medium(d);
    look_at_size(d);
    look_for_server(d);
}

static void disk_message(struct device *d, const struct message *m, size_t size)
{
    struct own *o = d->own;

    (void)size;
    if (m->type != BLK_RECONNECT || o->image.medium != BLK_NBD || o->lost_at)
        return;
    o->lost_at = time(NULL);
    look_for_server(d);
}

const struct backend_kind disk_kind = {
    .program = "vellum-blkd", .type = "qdisk", .open = disk_open, .give = disk_give, .publish = disk_publish,
    .ready = disk_ready, .connect = disk_connect_rings, .publish_connected = disk_publish_connected,
    .disconnect = disk_disconnect_rings, .close = disk_close, .changed = disk_changed, .message = disk_message,
};
