/* SPDX-License-Identifier: MIT */
/*
 * Disk specifications (xl-disk-configuration(5)) with all their old spellings, and the numbers of virtual devices
 * (xen-vbd-interface(7)).
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "config/spec.h"

#define VDEV_EXTENDED (1l << 28)
#define VDEV_XVD (202l << 8)
#define VDEV_SD (8l << 8)
#define VDEV_HD_FIRST (3l << 8)
#define VDEV_HD_SECOND (22l << 8)

static long encode_xvd(unsigned long disk, unsigned long part)
{
    if (disk <= 15 && part <= 15)
        return VDEV_XVD | (long)(disk << 4) | (long)part;
    if (disk < 1ul << 20 && part <= 255)
        return VDEV_EXTENDED | (long)(disk << 8) | (long)part;
    return -1;
}

/* Decimal digits; -1 when there are none or too many. *s moves behind them. */
static long digits(const char **s)
{
    long n = 0;
    const char *start = *s;

    while (isdigit((unsigned char)**s) && *s - start < 9)
        n = n * 10 + (*(*s)++ - '0');
    return *s == start || isdigit((unsigned char)**s) ? -1 : n;
}

/* "a" is 0, "z" 25, "aa" 26 …; -1 when there are no letters or too many. */
static long letters(const char **s)
{
    long n = 0;
    const char *start = *s;

    while (**s >= 'a' && **s <= 'z' && *s - start < 5)
        n = n * 26 + (*(*s)++ - 'a') + 1;
    return *s == start || islower((unsigned char)**s) ? -1 : n - 1;
}

static long numeric_vdev(const char *text)
{
    long n;
    char *end;

    errno = 0;
    n = strtol(text, &end, 0);
    return *end || errno || n < 0 || n >= 2l << 28 ? -1 : n;
}

long vl_vdev_number(const char *vdev)
{
    const char *s = vdev;
    long disk, part = 0;
    int kind;

    if (isdigit((unsigned char)*s))
        return numeric_vdev(s);
    if (s[0] == 'd' && isdigit((unsigned char)s[1])) {
        s++;
        disk = digits(&s);
        if (*s == 'p') {
            s++;
            part = digits(&s);
        }
        return disk < 0 || part < 0 || *s ? -1 : encode_xvd((unsigned long)disk, (unsigned long)part);
    }
    if (!strncmp(s, "xvd", 3))
        kind = 'x';
    else if (!strncmp(s, "sd", 2) || !strncmp(s, "hd", 2))
        kind = *s;
    else
        return -1;
    s += kind == 'x' ? 3 : 2;
    disk = letters(&s);
    if (disk >= 0 && isdigit((unsigned char)*s))
        part = digits(&s);
    if (disk < 0 || part < 0 || *s)
        return -1;
    if (kind == 'x')
        return encode_xvd((unsigned long)disk, (unsigned long)part);
    if (kind == 's')
        return disk <= 15 && part <= 15 ? VDEV_SD | disk << 4 | part : -1;
    if (disk > 3 || part > 63)
        return -1;
    return disk < 2 ? VDEV_HD_FIRST | disk << 6 | part : VDEV_HD_SECOND | (disk - 2) << 6 | part;
}

bool vl_disk_is_address(const struct vl_disk *disk)
{
    const char *t = disk->target;

    return t && (strstr(t, "://") || !strncmp(t, "memory:", 7) || !strncmp(t, "rbd:", 4));
}

bool vl_disk_by_process(const struct vl_disk *disk)
{
    return disk->backend == VL_BACKEND_QDISK || vl_disk_is_address(disk) ||
           (disk->format != VL_DISK_RAW && disk->format != VL_DISK_EMPTY);
}

/* What has been said already, so that saying it twice is an error. */
struct disk_parse {
    struct vl_arena *arena;
    const struct vl_place *place;
    struct vl_disk *disk;
    bool has_target, has_format, has_vdev, has_access, explicit_write;
    int position;
};

static int set_format(struct disk_parse *p, const char *text)
{
    if (p->has_format)
        return vl_place_error(p->place, "disk: the format is given twice");
    p->has_format = true;
    if (!*text)
        return 0;
    for (int i = 0; i < VL_DISK_EMPTY; i++)
        if (!strcmp(text, vl_disk_format_names[i])) {
            p->disk->format = (enum vl_disk_format)i;
            return 0;
        }
    if (!strcmp(text, "empty")) {
        p->disk->format = VL_DISK_EMPTY;
        return 0;
    }
    return vl_place_error(p->place, "disk: unknown format '%s' (raw, qcow, qcow2, vhd, qed, vmdk, vdi, vhdx, gzip, xz or auto)", text);
}

/* "hdc" or, in the old form, "hdc:cdrom". */
static int set_vdev(struct disk_parse *p, char *text)
{
    char *colon = strchr(text, ':');

    if (p->has_vdev)
        return vl_place_error(p->place, "disk: the virtual device is given twice");
    if (colon) {
        *colon = 0;
        if (!strcmp(colon + 1, "cdrom"))
            p->disk->cdrom = true;
        else if (strcmp(colon + 1, "disk"))
            return vl_place_error(p->place, "disk: unknown device type '%s' (only cdrom)", colon + 1);
    }
    p->has_vdev = true;
    p->disk->vdev = text;
    return 0;
}

static int set_access(struct disk_parse *p, const char *text)
{
    if (p->has_access)
        return vl_place_error(p->place, "disk: the access mode is given twice");
    p->has_access = *text != 0;
    if (!*text || !strcmp(text, "rw") || !strcmp(text, "w")) {
        p->explicit_write = *text != 0;
        return 0;
    }
    if (!strcmp(text, "ro") || !strcmp(text, "r")) {
        p->disk->readonly = true;
        return 0;
    }
    if (!strcmp(text, "w!") || !strcmp(text, "r!"))
        return vl_place_error(p->place, "disk: xend's sharing mode '%s' is not supported", text);
    return vl_place_error(p->place, "disk: unknown access mode '%s' (rw, w, ro or r)", text);
}

/* The old prefixes of targets: what each means now. */
static const struct { const char *prefix; enum vl_disk_format format; const char *script; } prefixes[] = {
    { "raw:", VL_DISK_RAW, NULL }, { "qcow2:", VL_DISK_QCOW2, NULL }, { "qcow:", VL_DISK_QCOW, NULL },
    { "vhd:", VL_DISK_VHD, NULL }, { "iscsi:", VL_DISK_RAW, "block-iscsi" }, { "nbd:", VL_DISK_RAW, "block-nbd" },
    { "enbd:", VL_DISK_RAW, "block-enbd" }, { "drbd:", VL_DISK_RAW, "block-drbd" }, { "tapdisk:", 0, NULL },
    { "tap2:", 0, NULL }, { "tap:", 0, NULL }, { "aio:", 0, NULL }, { "ioemu:", 0, NULL }, { "file:", 0, NULL },
    { "phy:", 0, NULL },
};

static char *strip_prefixes(struct disk_parse *p, char *text)
{
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t len = strlen(prefixes[i].prefix);

        if (strncmp(text, prefixes[i].prefix, len))
            continue;
        if (i < 4) {
            p->disk->format = prefixes[i].format;
            p->has_format = true;
        }
        if (prefixes[i].script)
            p->disk->script = vl_strdup(p->arena, prefixes[i].script);
        return strip_prefixes(p, text + len);
    }
    return text;
}

static int set_target(struct disk_parse *p, const char *text)
{
    if (p->has_target && p->disk->target)
        return vl_place_error(p->place, "disk: the target is given twice");
    p->has_target = true;
    if (*text)
        p->disk->target = vl_strdup(p->arena, text);
    return 0;
}

/* A vdev, perhaps with the old ":cdrom". */
static bool looks_like_vdev(struct vl_arena *arena, const char *text)
{
    return *text && vl_vdev_number(vl_strndup(arena, text, strcspn(text, ":"))) >= 0;
}

/* Positional: target, format, vdev, access; in the old form the format's place holds the vdev. */
static int positional(struct disk_parse *p, char *text)
{
    if (p->position == 0 && !p->has_target) {
        p->position = 1;
        return set_target(p, strip_prefixes(p, text));
    }
    if (p->position <= 1 && (!p->has_format || !*text || looks_like_vdev(p->arena, text))) {
        p->position = 2;
        if (!looks_like_vdev(p->arena, text))
            return p->has_format ? 0 : set_format(p, text);
        p->has_format = true;
    }
    if (p->position <= 2 && !p->has_vdev) {
        p->position = 3;
        return set_vdev(p, text);
    }
    if (p->position <= 3 && !p->has_access) {
        p->position = 4;
        if (!strcmp(text, "cdrom"))         /* "/image.iso,,hdc,cdrom" */
            p->disk->cdrom = true;
        else
            return set_access(p, text);
        return 0;
    }
    if (!*text)
        return 0;
    return vl_place_error(p->place, "disk: do not know what to make of '%s'", text);
}

static int set_backend_type(struct disk_parse *p, const char *text)
{
    static const char *const names[] = { "auto", "phy", "qdisk", "tap", "standalone" };

    for (int i = 1; i < 5; i++)
        if (!strcmp(text, names[i])) {
            p->disk->backend = (enum vl_disk_backend)i;
            return 0;
        }
    return vl_place_error(p->place, "disk: unknown back-end type '%s' (phy, qdisk, tap or standalone)", text);
}

/* 1: it was a flag; 0: it was none. */
static int flag(struct disk_parse *p, const char *text)
{
    static const char *const known[] = { "cdrom", "discard", "no-discard", "direct-io-safe", "trusted", "untrusted",
                                         NULL };
    int i;

    for (i = 0; known[i] && strcmp(known[i], text); i++)
        ;
    switch (i) {
    case 0: p->disk->cdrom = true; break;
    case 1: p->disk->no_discard = false; break;
    case 2: p->disk->no_discard = true; break;
    case 3: p->disk->direct_io_safe = true; break;
    case 4: p->disk->untrusted = false; break;
    case 5: p->disk->untrusted = true; break;
    default: return 0;
    }
    return 1;
}

/* A limit of zero would be none, and is not what anybody who writes one wants. */
static int set_rate(struct disk_parse *p, const char *text)
{
    uint64_t *bytes = &p->disk->limit_bytes;

    if (vl_param_rate(p->place, "disk", text, bytes, NULL))
        return -EINVAL;
    if (!*bytes)
        return vl_place_error(p->place, "disk: the rate '%s' is less than a byte a second", text);
    return *bytes <= VL_LIMIT_BYTES_MAX ? 0 : vl_place_error(p->place, "disk: the rate '%s' is too high", text);
}

static int set_iops(struct disk_parse *p, const char *text)
{
    long n;

    if (vl_param_number(p->place, "iops", text, 10, 1, VL_LIMIT_IOPS_MAX, &n))
        return -EINVAL;
    p->disk->limit_iops = (uint32_t)n;
    return 0;
}

int vl_disk_check_limits(const struct vl_disk *disk)
{
    if ((!disk->limit_iops && !disk->limit_bytes) || vl_disk_by_process(disk))
        return 0;
    return vl_place_error(&disk->place, "disk: '%s' needs vellum-blkd: say backendtype=qdisk",
                          disk->limit_iops ? "iops" : "rate");
}

static int named(struct disk_parse *p, struct vl_param *param)
{
    const char *key = param->key, *value = param->value;

    if (!strcmp(key, "format"))
        return set_format(p, value);
    if (!strcmp(key, "vdev"))
        return set_vdev(p, param->value);
    if (!strcmp(key, "access"))
        return set_access(p, value);
    if (!strcmp(key, "backendtype"))
        return set_backend_type(p, value);
    if (!strcmp(key, "iops"))
        return set_iops(p, value);
    if (!strcmp(key, "rate"))
        return set_rate(p, value);
    if (!strcmp(key, "backend"))
        p->disk->backend_domain = *value ? param->value : NULL;
    else if (!strcmp(key, "script"))
        p->disk->script = *value ? param->value : NULL;
    else if (!strcmp(key, "devtype") && !strcmp(value, "cdrom"))
        p->disk->cdrom = true;
    else if (!strcmp(key, "devtype") && !strcmp(value, "disk"))
        p->disk->cdrom = false;
    else if (!strcmp(key, "specification") && !strcmp(value, "xen"))
        return 0;
    else if (!strcmp(key, "devtype") || !strcmp(key, "specification"))
        return vl_place_error(p->place, "disk: '%s' cannot be '%s' for a PV guest", key, value);
    else
        return vl_place_error(p->place, "disk: unknown parameter '%s'", key);
    return 0;
}

/* What cannot be written, by its format or where it is; NULL: the rest. An object in S3 has to have sizes, to be many. */
static const char *only_read(const struct vl_disk *d)
{
    const char *t = d->target ? d->target : "";

    if (d->format == VL_DISK_GZIP || d->format == VL_DISK_XZ)
        return d->format == VL_DISK_GZIP ? "what is packed by gzip" : "what is packed by xz";
    if (!strncmp(t, "http://", 7) || !strncmp(t, "https://", 8) || !strncmp(t, "ftp://", 6))
        return "what is behind a URL";
    return !strncmp(t, "s3://", 5) && !strstr(t, "size=") ? "one object in S3" : NULL;
}

static int finish(struct disk_parse *p)
{
    struct vl_disk *d = p->disk;
    long number;

    if (!d->vdev || !*d->vdev)
        return vl_place_error(p->place, "disk: the virtual device is missing ('vdev', such as xvda)");
    number = vl_vdev_number(d->vdev);
    if (number < 0)
        return vl_place_error(p->place, "disk: '%s' is not a virtual device (xvda, sda1, hdc, d2p3 …)", d->vdev);
    d->devid = (unsigned)number;
    if (d->cdrom) {
        if (p->explicit_write)
            return vl_place_error(p->place, "disk: a cdrom cannot be writable");
        d->readonly = true;
    }
    if (d->format == VL_DISK_EMPTY)
        d->target = NULL;
    if (!d->target && !d->cdrom)
        return vl_place_error(p->place, "disk: the target is missing: only a cdrom can be empty");
    if (!d->target)
        d->format = VL_DISK_EMPTY;
    if (!d->readonly && only_read(d))
        return vl_place_error(p->place, "disk: %s can only be read (access=ro)", only_read(d));
    if (vl_disk_is_address(d) && d->format != VL_DISK_RAW && d->format != VL_DISK_GZIP && d->format != VL_DISK_XZ)
        return vl_place_error(p->place, "disk: an image of format %s has to be a file, not '%s'", vl_disk_format_names[d->format],
                              d->target);
    if (d->backend == VL_BACKEND_PHY && d->format != VL_DISK_RAW && d->format != VL_DISK_EMPTY)
        return vl_place_error(p->place, "disk: the back-end phy reads only format raw, not %s",
                              vl_disk_format_names[d->format]);
    return vl_disk_check_limits(d);
}

struct vl_disk *vl_disk_parse(struct vl_arena *arena, const struct vl_place *place, const char *spec)
{
    struct disk_parse p = { .arena = arena, .place = place, .disk = vl_alloc(arena, sizeof(struct vl_disk)) };
    struct vl_param param;
    const char *at = spec;
    int rc = 0;

    p.disk->place = vl_place_keep(arena, place);
    while (!rc && vl_param_next(arena, &at, &param)) {
        if (param.key && !strcmp(param.key, "target")) {    /* takes all the rest, commas included */
            at = NULL;
            rc = set_target(&p, param.rest);
        } else if (param.key) {
            rc = named(&p, &param);
        } else if (!flag(&p, param.value)) {
            rc = positional(&p, param.value);
        }
    }
    if (!rc)
        rc = finish(&p);
    return rc ? NULL : p.disk;
}

int vl_take_disk(struct vl_loading *load, const struct vl_setting *s)
{
    struct vl_config *c = load->config;
    int rc = 0;

    c->disks = NULL;
    c->n_disks = 0;
    if (!s->value->is_list)
        return vl_place_error(&s->value->place, "'disk' wants a list of specifications");
    for (size_t i = 0; i < s->value->count; i++) {
        const char *text;
        struct vl_disk *disk;

        if (vl_value_string(s->value->items[i], "disk", &text))
            return -EINVAL;
        disk = vl_disk_parse(&c->arena, &s->value->items[i]->place, text);
        if (disk)
            VL_PUSH(&c->arena, c->disks, c->n_disks, disk);
        else
            rc = -EINVAL;
    }
    return rc;
}
