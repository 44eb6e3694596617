/* SPDX-License-Identifier: MIT */
/* Network interface specifications (xl-network-configuration(5)). */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config/keys.h"
#include "config/spec.h"

#define RATE_PERIOD_USECS 50000     /* when the rate names none */
#define ANTISPOOF_ADDRESSES 8       /* of IPv4, and of IPv6: what vellum-netd keeps */

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

/* Bytes of credit, and the period in µs after which they are given again. */
static int parse_rate(const struct vl_place *place, const char *text, struct vl_vif *vif)
{
    uint64_t bytes;

    if (vl_param_rate(place, "vif", text, &bytes, &vif->rate_usecs))
        return -EINVAL;
    if (!vif->rate_usecs)
        vif->rate_usecs = RATE_PERIOD_USECS;
    if (__builtin_mul_overflow(bytes, (uint64_t)vif->rate_usecs, &bytes))
        return vl_place_error(place, "vif: the rate '%s' is too high", text);
    vif->rate_bytes = bytes / 1000000;
    if (!vif->rate_bytes)
        return vl_place_error(place, "vif: the rate '%s' is less than a byte a period", text);
    return 0;
}

const char *const vl_antispoof_names[VL_ANTISPOOF_COUNT] = { NULL, "none", "mac", "ip" };

bool vl_antispoof_parse(const char *text, enum vl_antispoof *out)
{
    for (int i = VL_ANTISPOOF_NONE; i < VL_ANTISPOOF_COUNT; i++)
        if (!strcmp(text, vl_antispoof_names[i])) {
            *out = (enum vl_antispoof)i;
            return true;
        }
    return false;
}

/* Addresses between blanks or commas, each perhaps with a prefix length, as vellum-netd reads them: is each one? */
static int check_addresses(const struct vl_vif *vif)
{
    unsigned n4 = 0, n6 = 0;
    uint8_t address[16];

    for (const char *s = vif->ip + strspn(vif->ip, " ,"); *s; s += strspn(s, " ,")) {
        size_t len = strcspn(s, " ,"), bare = strcspn(s, " ,/");
        char word[INET6_ADDRSTRLEN] = "";

        if (bare < sizeof(word))
            memcpy(word, s, bare);
        if (inet_pton(AF_INET, word, address) == 1)
            n4++;
        else if (inet_pton(AF_INET6, word, address) == 1)
            n6++;
        else
            return vl_place_error(&vif->place, "vif: antispoof=ip: '%.*s' is not an address", (int)len, s);
        s += len;
    }
    if (n4 > ANTISPOOF_ADDRESSES || n6 > ANTISPOOF_ADDRESSES)
        return vl_place_error(&vif->place, "vif: antispoof=ip: vellum-netd knows up to %d addresses of a kind",
                              ANTISPOOF_ADDRESSES);
    return n4 + n6 ? 0 : vl_place_error(&vif->place, "vif: antispoof=ip needs the addresses: 'ip='");
}

int vl_vif_check_antispoof(const struct vl_vif *vif)
{
    if (vif->antispoof == VL_ANTISPOOF_UNSET)
        return 0;
    if (!vif->process)
        return vl_place_error(&vif->place, "vif: 'antispoof' needs vellum-netd: say backendtype=vnif");
    if (vif->antispoof != VL_ANTISPOOF_IP)
        return 0;
    return vif->ip ? check_addresses(vif) : vl_place_error(&vif->place, "vif: antispoof=ip needs the addresses: 'ip='");
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
    if (!strcmp(p->key, "antispoof"))
        return vl_antispoof_parse(p->value, &vif->antispoof) ? 0
            : vl_place_error(place, "vif: 'antispoof' cannot be '%s' (none, mac or ip)", p->value);
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
    /* A script may know more than names: BRIDGE.VLAN:TRUNK:TRUNK is vif-openvswitch's. */
    if (vif->bridge && ((!vif->script && strlen(vif->bridge) > 15) || strpbrk(vif->bridge, "/ \t")))
        return vl_place_error(place, "vif: '%s' is not a name for a bridge", vif->bridge);
    return vl_vif_check_antispoof(vif);
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
