/* SPDX-License-Identifier: MIT */
/* PCI devices (xl-pci-configuration(5)) and PV channels (xen-pv-channel(7)). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "config/spec.h"

/* "[DDDD:]BB:SS.F[@VSLOT]" with F a number; all hexadecimal. */
static bool parse_bdf(const char *text, struct vl_pci *pci)
{
    unsigned d = 0, b, s, f, v;
    int n = 0;

    if (sscanf(text, "%4x:%2x:%2x.%1x%n", &d, &b, &s, &f, &n) != 4) {
        d = 0;
        if (sscanf(text, "%2x:%2x.%1x%n", &b, &s, &f, &n) != 3)
            return false;
    }
    text += n;
    if (*text == '@') {
        if (sscanf(text, "@%2x%n", &v, &n) != 1)
            return false;
        pci->vslot = (int)v;
        text += n;
    }
    if (*text || s > 31 || f > 7)
        return false;
    pci->domain = d;
    pci->bus = b;
    pci->device = s;
    pci->function = f;
    return true;
}

static int pci_parameter(struct vl_arena *arena, const struct vl_place *place, struct vl_pci *pci,
                         const struct vl_param *p)
{
    long n;

    if (!strcmp(p->key, "permissive"))
        return vl_param_bool(place, p->key, p->value, &pci->permissive);
    if (!strcmp(p->key, "seize"))
        return vl_param_bool(place, p->key, p->value, &pci->seize);
    if (!strcmp(p->key, "msitranslate"))
        return vl_param_bool(place, p->key, p->value, &pci->msitranslate);
    if (!strcmp(p->key, "power_mgmt"))
        return vl_param_bool(place, p->key, p->value, &pci->power_mgmt);
    if (!strcmp(p->key, "rdm_policy"))
        return 0;
    if (!strcmp(p->key, "vslot")) {
        if (vl_param_number(place, p->key, p->value, 16, 0, 31, &n))
            return -EINVAL;
        pci->vslot = (int)n;
        return 0;
    }
    if (!strcmp(p->key, "name")) {
        pci->name = vl_strdup(arena, p->value);
        return 0;
    }
    return vl_place_error(place, "pci: unknown parameter '%s'", p->key);
}

struct vl_pci *vl_pci_parse(struct vl_arena *arena, const struct vl_place *place, const char *spec,
                            const struct vl_config *defaults)
{
    struct vl_pci *pci = vl_alloc(arena, sizeof(*pci));
    struct vl_param param;
    const char *at = spec;
    bool has_bdf = false;

    *pci = (struct vl_pci){ .place = vl_place_keep(arena, place), .vslot = VL_UNSET };
    if (defaults) {
        pci->permissive = defaults->pci_permissive;
        pci->seize = defaults->pci_seize;
        pci->msitranslate = defaults->pci_msitranslate;
    }
    while (vl_param_next(arena, &at, &param)) {
        if (!param.key || !strcmp(param.key, "bdf")) {
            if (!*param.value && has_bdf)
                continue;
            if (has_bdf || !parse_bdf(param.value, pci)) {
                vl_place_error(place, "pci: '%s' is not a PCI device ([DDDD:]BB:SS.F)", param.value);
                return NULL;
            }
            has_bdf = true;
        } else if (pci_parameter(arena, place, pci, &param)) {
            return NULL;
        }
    }
    if (has_bdf == (pci->name != NULL)) {
        vl_place_error(place, "pci: one of 'bdf' and 'name' is needed, and not both");
        return NULL;
    }
    return pci;
}

int vl_take_pci(struct vl_loading *load, const struct vl_setting *s)
{
    struct vl_config *c = load->config;

    c->pci = NULL;
    c->n_pci = 0;
    if (!s->value->is_list)
        return vl_place_error(&s->value->place, "'pci' wants a list of devices");
    for (size_t i = 0; i < s->value->count; i++) {
        const char *text;
        struct vl_pci *pci;

        if (vl_value_string(s->value->items[i], "pci", &text))
            return -EINVAL;
        pci = vl_pci_parse(&c->arena, &s->value->items[i]->place, text, c);
        if (!pci)
            return -EINVAL;
        VL_PUSH(&c->arena, c->pci, c->n_pci, pci);
    }
    return 0;
}

static int channel_parameter(struct vl_arena *arena, const struct vl_place *place, struct vl_channel *ch,
                             const struct vl_param *p)
{
    if (p->key && !strcmp(p->key, "name"))
        ch->name = vl_strdup(arena, p->value);
    else if (p->key && !strcmp(p->key, "path"))
        ch->path = vl_strdup(arena, p->value);
    else if (p->key && !strcmp(p->key, "backend"))
        ch->backend_domain = vl_strdup(arena, p->value);
    else if (p->key && !strcmp(p->key, "connection") && (!strcmp(p->value, "pty") || !strcmp(p->value, "PTY")))
        ch->socket = false;
    else if (p->key && !strcmp(p->key, "connection") && (!strcmp(p->value, "socket") || !strcmp(p->value, "SOCKET")))
        ch->socket = true;
    else if (p->key && !strcmp(p->key, "connection"))
        return vl_place_error(place, "channel: unknown connection '%s' (pty or socket)", p->value);
    else if (p->key || *p->value)
        return vl_place_error(place, "channel: unknown parameter '%s'", p->key ? p->key : p->value);
    return 0;
}

int vl_channel_check(const struct vl_channel *ch)
{
    if (!ch->name || !*ch->name)
        return vl_place_error(&ch->place, "channel: 'name' is missing");
    if (ch->socket && (!ch->path || *ch->path != '/' || strlen(ch->path) > 107))
        return vl_place_error(&ch->place, "channel: connection=socket wants path=, absolute and of at most 107 bytes");
    if (!ch->socket && ch->path)
        return vl_place_error(&ch->place, "channel: path= goes with connection=socket");
    return 0;
}

int vl_take_channel(struct vl_loading *load, const struct vl_setting *s)
{
    struct vl_config *c = load->config;

    c->channels = NULL;
    c->n_channels = 0;
    if (!s->value->is_list)
        return vl_place_error(&s->value->place, "'channel' wants a list of specifications");
    for (size_t i = 0; i < s->value->count; i++) {
        const struct vl_place *place = &s->value->items[i]->place;
        struct vl_channel *ch = vl_alloc(&c->arena, sizeof(*ch));
        struct vl_param param;
        const char *at;

        if (vl_value_string(s->value->items[i], "channel", &at))
            return -EINVAL;
        ch->place = vl_place_keep(&c->arena, place);
        while (vl_param_next(&c->arena, &at, &param))
            if (channel_parameter(&c->arena, place, ch, &param))
                return -EINVAL;
        if (vl_channel_check(ch))
            return -EINVAL;
        VL_PUSH(&c->arena, c->channels, c->n_channels, ch);
    }
    return 0;
}
