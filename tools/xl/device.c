/* SPDX-License-Identifier: MIT */
/* block-*, network-* and channel-list: devices of running domains. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "life/devices.h"
#include "xl/xl.h"

/* What a listing shows of one device. All numbers are -1 when the guest or the back-end has not said them. */
struct row {
    struct vl_device dev;
    char backend[VL_PATH_MAX], frontend[VL_PATH_MAX], libxl[VL_PATH_MAX];
    long handle, state, port;
};

static long number_at(const char *base, const char *node)
{
    return vl_store_read_number(xl_vl.store, 1l << 40, "%s/%s", base, node);
}

static struct row read_row(const struct vl_device *dev)
{
    struct row r = { .dev = *dev };

    vl_backend_path(dev, r.backend);
    vl_frontend_path(dev, r.frontend);
    vl_libxl_path(dev, r.libxl);
    r.handle = dev->devid;
    r.state = number_at(r.backend, "state");
    r.port = number_at(r.frontend, "event-channel");
    return r;
}

static void json_row(struct vl_json *j, const struct row *r)
{
    vl_json_map(j, NULL);
    vl_json_number(j, "domid", r->dev.domid);
    vl_json_number(j, "id", r->dev.devid);
    vl_json_number(j, "backend_domid", r->dev.backend_domid);
    vl_json_string(j, "backend", r->backend);
    vl_json_string(j, "frontend", r->frontend);
    vl_json_number(j, "state", r->state);
    vl_json_number(j, "event_channel", r->port);
}

/* A node of the back-end's folder as it is now, or of ours, which no driver domain can write. */
static void json_text(struct vl_json *j, const char *base, const char *node, const char *key)
{
    struct vl_arena arena = { 0 };
    char *value = vl_store_read(xl_vl.store, &arena, "%s/%s", base, node);

    if (value)
        vl_json_text_string(j, key, value);
    vl_arena_free(&arena);
}

/* A limit as the back-end has it now; it may have been changed since the device was made. */
static void json_limit(struct vl_json *j, const struct row *r, const char *node, const char *key)
{
    long value = vl_store_read_number(xl_vl.store, (long)VL_LIMIT_BYTES_MAX, "%s/%s", r->backend, node);

    if (value > 0)
        vl_json_number(j, key, value);
}

static void show_disk(struct vl_json *j, const struct row *r)
{
    long ref = number_at(r->frontend, "ring-ref");

    if (!j) {
        printf("%-5u %-3u %-6ld %-5ld %-6ld %-8ld %-30s\n", r->dev.devid, r->dev.backend_domid, (long)r->dev.domid,
               r->state, r->port, ref, r->backend);
        return;
    }
    json_row(j, r);
    vl_json_number(j, "ring_ref", ref);
    json_text(j, r->libxl, "dev", "vdev");
    json_text(j, r->libxl, "params", "target");
    json_text(j, r->libxl, "mode", "mode");
    json_limit(j, r, "limit-iops", "limit_iops");
    json_limit(j, r, "limit-bytes", "limit_bytes");
    vl_json_map_end(j);
}

static void show_vif(struct vl_json *j, const struct row *r)
{
    struct vl_arena arena = { 0 };
    char *mac = vl_store_read(xl_vl.store, &arena, "%s/mac", r->libxl);
    long tx = number_at(r->frontend, "tx-ring-ref"), rx = number_at(r->frontend, "rx-ring-ref");

    if (!j) {
        printf("%-3u %-2u %-17s %5ld %5ld %6ld %5ld/%-11ld %-30s\n", r->dev.devid, r->dev.backend_domid,
               mac ? mac : "", r->handle, r->state, r->port, tx, rx, r->backend);
    } else {
        json_row(j, r);
        vl_json_text_string(j, "mac", mac ? mac : "");
        vl_json_number(j, "tx_ring_ref", tx);
        vl_json_number(j, "rx_ring_ref", rx);
        json_text(j, r->libxl, "bridge", "bridge");
        json_text(j, r->libxl, "ip", "ip");
        json_text(j, r->backend, "antispoof", "antispoof");
        vl_json_map_end(j);
    }
    vl_arena_free(&arena);
}

/* A channel is a console with a name; the guest's first console has none. */
static void show_channel(struct vl_json *j, const struct row *r)
{
    struct vl_arena arena = { 0 };
    char *name = vl_store_read(xl_vl.store, &arena, "%s/name", r->libxl);
    char *kind = vl_store_read(xl_vl.store, &arena, "%s/connection", r->libxl);
    char *at = vl_store_read(xl_vl.store, &arena, "%s/tty", r->libxl);

    if (name && kind && !strcmp(kind, "socket"))
        at = vl_store_read(xl_vl.store, &arena, "%s/path", r->libxl);
    if (name && !j) {
        printf("%-3u %-2u %-5ld %-6ld %8ld %-10s %-30s\n", r->dev.devid, r->dev.backend_domid, r->state, r->port,
               number_at(r->frontend, "ring-ref"), kind ? kind : "", at ? at : "");
    } else if (name) {
        json_row(j, r);
        vl_json_text_string(j, "name", name);
        vl_json_text_string(j, "connection", kind ? kind : "");
        vl_json_text_string(j, "path", at ? at : "");
        vl_json_map_end(j);
    }
    vl_arena_free(&arena);
}

static void list_one(struct vl_json *json, uint32_t domid, enum vl_device_class class,
                     void (*show)(struct vl_json *j, const struct row *r))
{
    struct vl_arena arena = { 0 };
    struct vl_device *devs;
    size_t n;

    devs = vl_devices_find(&xl_vl, &arena, domid, class, &n);
    for (size_t i = 0; i < n; i++) {
        struct row r = read_row(&devs[i]);

        show(json, &r);
    }
    vl_arena_free(&arena);
}

static int list(int argc, char **argv, enum vl_device_class class, const char *header, const char *schema,
                void (*show)(struct vl_json *j, const struct row *r))
{
    struct vl_json *json = xl_getopt_json(argc, argv, 1, -1) ? xl_json_begin(schema) : NULL;
    int rc = 0;

    if (json)
        vl_json_array(json, "devices");
    else
        puts(header);
    for (int a = optind; a < argc; a++) {
        uint32_t domid;

        if (vl_domain_find(&xl_vl, argv[a], &domid) || !vl_store(&xl_vl))
            rc = 1;
        else
            list_one(json, domid, class, show);
    }
    if (json) {
        vl_json_array_end(json);
        rc |= xl_json_end(json);
    }
    return rc;
}

int xl_block_list(int argc, char **argv)
{
    return list(argc, argv, VL_DEV_VBD, "Vdev  BE  handle state evt-ch ring-ref BE-path                       ",
                "block-list", show_disk);
}

int xl_network_list(int argc, char **argv)
{
    return list(argc, argv, VL_DEV_VIF,
                "Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path                       ",
                "network-list", show_vif);
}

int xl_channel_list(int argc, char **argv)
{
    return list(argc, argv, VL_DEV_CONSOLE,
                "Idx BE state evt-ch ring-ref connection                               ", "channel-list",
                show_channel);
}

/* The words after the domain, joined by commas: people write a specification as one word or as many. */
static char *joined(struct vl_arena *arena, int argc, char **argv)
{
    char *spec = argv[0];

    for (int i = 1; i < argc; i++)
        spec = vl_printf(arena, "%s,%s", spec, argv[i]);
    return spec;
}

static const struct vl_place command_line = { "command line", 0, 0 };

int xl_block_attach(int argc, char **argv)
{
    struct vl_arena arena = { 0 };
    struct vl_disk *disk;
    uint32_t domid;
    int rc;

    xl_getopt(argc, argv, "", NULL, 2, -1);
    domid = xl_find_domain(argv[optind]);
    disk = vl_disk_parse(&arena, &command_line, joined(&arena, argc - optind - 1, argv + optind + 1));
    if (disk && xl_dry_run)
        printf("disk: %s on %s, %s, %s\n", disk->target ? disk->target : "(empty)", disk->vdev,
               vl_disk_format_names[disk->format], disk->readonly ? "read-only" : "writable");
    rc = !disk || (!xl_dry_run && vl_domain_attach_disk(&xl_vl, domid, disk)) ? 1 : 0;
    vl_arena_free(&arena);
    return rc;
}

int xl_network_attach(int argc, char **argv)
{
    struct vl_arena arena = { 0 };
    struct vl_vif *vif;
    uint32_t domid;
    int rc;

    xl_getopt(argc, argv, "", NULL, 1, -1);
    domid = xl_find_domain(argv[optind]);
    vif = vl_vif_parse(&arena, &command_line,
                       argc - optind > 1 ? joined(&arena, argc - optind - 1, argv + optind + 1) : "", VL_UNSET);
    if (vif && xl_dry_run)
        printf("vif: mac %02x:%02x:%02x:%02x:%02x:%02x, bridge %s\n", vif->mac[0], vif->mac[1], vif->mac[2],
               vif->mac[3], vif->mac[4], vif->mac[5], vif->bridge ? vif->bridge : VL_DEFAULT_BRIDGE);
    rc = !vif || (!xl_dry_run && vl_domain_attach_vif(&xl_vl, domid, vif)) ? 1 : 0;
    vl_arena_free(&arena);
    return rc;
}

static int detach(int argc, char **argv,
                  int (*find)(struct vl *vl, uint32_t domid, const char *text, struct vl_device *dev))
{
    static const struct option longs[] = { { "force", no_argument, NULL, 'f' }, XL_LONG_END };
    struct vl_device dev;
    bool force = xl_force;
    uint32_t domid;

    while (xl_getopt(argc, argv, "f", longs, 2, 2) != -1)
        force = true;
    domid = xl_find_domain(argv[optind]);
    return find(&xl_vl, domid, argv[optind + 1], &dev) || vl_domain_detach(&xl_vl, &dev, force) ? 1 : 0;
}

int xl_block_detach(int argc, char **argv)
{
    return detach(argc, argv, vl_domain_find_disk);
}

int xl_network_detach(int argc, char **argv)
{
    return detach(argc, argv, vl_domain_find_vif);
}
