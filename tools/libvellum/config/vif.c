/* SPDX-License-Identifier: MIT */
/* Network interface specifications (xl-network-configuration(5)). */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config/keys.h"
#include "config/spec.h"

#define RATE_PERIOD_USECS 50000     /* when the rate names none */

static bool parse_mac(const char *text, uint8_t mac[6])
{
    int n = 0;

    if (strlen(text) != 17)
        return false;
    for (int i = 0; i < 6; i++)
        if (!isxdigit((unsigned char)text[3 * i]) || !isxdigit((unsigned char)text[3 * i + 1]) ||
            (i < 5 && text[3 * i + 2] != ':'))
            return false;
    return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5],
                  &n) == 6 && n == 17;
}

/* An address of Xen's own range, as xl makes them. */
static void random_mac(uint8_t mac[6])
{
    mac[0] = 0x00;
    mac[1] = 0x16;
    mac[2] = 0x3e;
    while (getrandom(mac + 3, 3, 0) != 3)
        ;
    mac[3] &= 0x7f;
}

/* "10Mb/s", "250KB/s@20ms": bytes of credit, and the period in µs after which they are given again. */
static int parse_rate(const struct vl_place *place, const char *text, struct vl_vif *vif)
{
    const char *units = "KMG", *unit;
    char *end;
    unsigned long long n, usecs = RATE_PERIOD_USECS;

    errno = 0;
    n = strtoull(text, &end, 10);
    if (end == text || errno)
        goto bad;
    unit = *end ? strchr(units, *end) : NULL;
    for (int i = unit ? (int)(unit - units) + 1 : 0; i > 0; i--)
        if (__builtin_mul_overflow(n, 1000ull, &n))
            goto bad;
    end += unit != NULL;
    if (*end == 'b')
        n /= 8;
    else if (*end != 'B')
        goto bad;
    if (strncmp(++end, "/s", 2))
        goto bad;
    end += 2;
    if (*end == '@') {
        const char *start = end + 1;

        usecs = strtoull(start, &end, 10);
        if (end == start || !usecs || usecs > 100000000)
            goto bad;
        if (!strcmp(end, "ms"))
            usecs *= 1000;
        else if (!*end || !strcmp(end, "s"))
            usecs *= 1000000;
        else if (strcmp(end, "us"))
            goto bad;
        end = "";
    }
    if (*end || usecs > 100000000 || __builtin_mul_overflow(n, usecs, &n))
        goto bad;
    vif->rate_bytes = n / 1000000;
    vif->rate_usecs = (uint32_t)usecs;
    if (!vif->rate_bytes)
        return vl_place_error(place, "vif: the rate '%s' is less than a byte a period", text);
    return 0;
bad:
    return vl_place_error(place, "vif: '%s' is not a rate (such as 10Mb/s or 250KB/s@20ms)", text);
}

static int named(struct vl_arena *arena, const struct vl_place *place, struct vl_vif *vif, const struct vl_param *p)
{
    static const char *const strings[] = { "bridge", "script", "ip", "vifname", "gatewaydev", "netdev", "backend",
                                           "model", "type", NULL };
    char **const into[] = { &vif->bridge, &vif->script, &vif->ip, &vif->vifname, &vif->gatewaydev, &vif->gatewaydev,
                            &vif->backend_domain, &vif->model, &vif->type };
    long n;

    for (int i = 0; strings[i]; i++)
        if (!strcmp(p->key, strings[i])) {
            *into[i] = *p->value ? vl_strdup(arena, p->value) : NULL;
            return 0;
        }
    if (!strcmp(p->key, "mac"))
        return parse_mac(p->value, vif->mac) ? 0
            : vl_place_error(place, "vif: '%s' is not a MAC address (xx:xx:xx:xx:xx:xx)", p->value);
    if (!strcmp(p->key, "rate"))
        return parse_rate(place, p->value, vif);
    if (!strcmp(p->key, "mtu")) {
        if (vl_param_number(place, "mtu", p->value, 0, 68, 65535, &n))
            return -EINVAL;
        vif->mtu = (int)n;
        return 0;
    }
    if (!strcmp(p->key, "devid")) {
        if (vl_param_number(place, "devid", p->value, 0, 0, 65535, &n))
            return -EINVAL;
        vif->devid = (int)n;
        return 0;
    }
    if (!strcmp(p->key, "backendtype")) {
        vif->process = !strcmp(p->value, "vnif");
        return vif->process || !strcmp(p->value, "vif") ? 0
            : vl_place_error(place, "vif: unknown back-end type '%s' (vif or vnif)", p->value);
    }
    if (!strcmp(p->key, "accel"))
        return 0;
    if (!strncmp(p->key, "colo_", 5) || !strcmp(p->key, "forwarddev") || !strcmp(p->key, "vlan"))
        return vl_place_error(place, "vif: '%s' is not supported", p->key);
    return vl_place_error(place, "vif: unknown parameter '%s'", p->key);
}

static int check(const struct vl_place *place, const struct vl_vif *vif)
{
    if (vif->mac[0] & 1)
        return vl_place_error(place, "vif: the MAC address is a multicast address");
    if (vif->type && strcmp(vif->type, "vif") && strcmp(vif->type, "ioemu") && strcmp(vif->type, "paravirtualised"))
        return vl_place_error(place, "vif: 'type' cannot be '%s' (vif, or ioemu, which a PV guest ignores)", vif->type);
    if (vif->vifname && (strlen(vif->vifname) > 15 || strpbrk(vif->vifname, "/ \t")))
        return vl_place_error(place, "vif: '%s' is not a name for an interface", vif->vifname);
    if (vif->bridge && (strlen(vif->bridge) > 15 || strpbrk(vif->bridge, "/ \t")))
        return vl_place_error(place, "vif: '%s' is not a name for a bridge", vif->bridge);
    return 0;
}

struct vl_vif *vl_vif_parse(struct vl_arena *arena, const struct vl_place *place, const char *spec, int devid)
{
    static const uint8_t none[6];
    struct vl_vif *vif = vl_alloc(arena, sizeof(*vif));
    struct vl_param param;
    const char *at = spec;

    vif->place = vl_place_keep(arena, place);
    vif->devid = devid;
    while (vl_param_next(arena, &at, &param)) {
        if (param.key) {
            if (named(arena, place, vif, &param))
                return NULL;
        } else if (!strcmp(param.value, "trusted") || !strcmp(param.value, "untrusted")) {
            vif->untrusted = *param.value == 'u';
        } else if (*param.value) {
            vl_place_error(place, "vif: do not know what to make of '%s'", param.value);
            return NULL;
        }
    }
    vif->mac_random = !memcmp(vif->mac, none, 6);
    if (vif->mac_random)
        random_mac(vif->mac);
    return check(place, vif) ? NULL : vif;
}

int vl_take_vif(struct vl_loading *load, const struct vl_setting *s)
{
    struct vl_config *c = load->config;
    int rc = 0;

    c->vifs = NULL;
    c->n_vifs = 0;
    if (!s->value->is_list)
        return vl_place_error(&s->value->place, "'vif' wants a list of specifications");
    for (size_t i = 0; i < s->value->count; i++) {
        const char *text;
        struct vl_vif *vif;

        if (vl_value_string(s->value->items[i], "vif", &text))
            return -EINVAL;
        vif = vl_vif_parse(&c->arena, &s->value->items[i]->place, text, (int)i);
        if (vif)
            VL_PUSH(&c->arena, c->vifs, c->n_vifs, vif);
        else
            rc = -EINVAL;
    }
    return rc;
}
