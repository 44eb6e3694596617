/* SPDX-License-Identifier: MIT */
/* From settings to a checked configuration: scalars by the table's types, the rest by its functions, then defaults. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "config/keys.h"
#include "life/handover.h"

#define NAME_MAX_BYTES 255

int vl_name_check(const struct vl_place *place, const char *name)
{
    size_t len = strlen(name);
    bool number = len > 0;

    if (!len)
        return vl_place_error(place, "the domain's name is empty");
    if (len > NAME_MAX_BYTES)
        return vl_place_error(place, "the domain's name has %zu characters; %d is the most", len, NAME_MAX_BYTES);
    for (const char *c = name; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 127)
            return vl_place_error(place, "the domain's name holds %s", *c == ' ' ? "a space" : "a control character");
        if (*c == '/')
            return vl_place_error(place, "the domain's name holds a slash");
        number = number && isdigit((unsigned char)*c);
    }
    if (number)
        return vl_place_error(place, "a domain's name cannot be a number: '%s' would be taken for a domain id", name);
    /* What is called so is hidden, and destroyed when vellumd starts. */
    if (!strncmp(name, VL_SHELL_PREFIX, strlen(VL_SHELL_PREFIX)))
        return vl_place_error(place, "a domain's name cannot begin with '" VL_SHELL_PREFIX "': ready-made domains that "
                              "are not guests yet are called so");
    return 0;
}

static int take_scalar(struct vl_loading *load, const struct vl_key *key, const struct vl_setting *s)
{
    void *at = (char *)load->config + key->offset;
    const char *text;
    long long n;
    int word;

    switch (key->type) {
    case VL_KEY_STRING:
    case VL_KEY_PATH:
        if (vl_value_string(s->value, key->name, &text))
            return -EINVAL;
        if (!*text && key->type == VL_KEY_PATH)
            return vl_place_error(&s->value->place, "'%s' is empty", key->name);
        *(char **)at = vl_strdup(&load->config->arena, text);
        return 0;
    case VL_KEY_INT:
    case VL_KEY_UINT:
        if (vl_value_number(s->value, key->name, key->min, key->max, &n))
            return -EINVAL;
        *(int *)at = (int)n;
        return 0;
    case VL_KEY_MIB:
        if (vl_value_number(s->value, key->name, key->min, key->max, &n))
            return -EINVAL;
        *(uint64_t *)at = (uint64_t)n << 10;
        return 0;
    case VL_KEY_BOOL:
        if (vl_value_number(s->value, key->name, 0, INT64_MAX, &n))
            return -EINVAL;
        *(bool *)at = n != 0;
        return 0;
    case VL_KEY_WORD:
        if (vl_value_word(s->value, key->name, key->words, &word))
            return -EINVAL;
        *(int *)at = word;
        return 0;
    default:
        return 0;
    }
}

/* Does this value ask for nothing: 0, "", [] ? */
static bool asks_nothing(const struct vl_value *v)
{
    return v->is_list ? v->count == 0 : !*v->text || !strcmp(v->text, "0");
}

static int take_setting(struct vl_loading *load, const struct vl_setting *s)
{
    const struct vl_key *key = vl_key_find(s->key), *near;

    if (!key) {
        near = vl_key_nearest(s->key);
        if (near)
            return vl_place_error(&s->place, "unknown key '%s' (did you mean '%s'?)", s->key, near->name);
        return vl_place_error(&s->place, "unknown key '%s'", s->key);
    }
    if (key->group == VL_KEYS_HVM) {
        if (!asks_nothing(s->value))
            vl_place_note(&s->place, "'%s' means nothing to a PV guest and is ignored", s->key);
        return 0;
    }
    if (key->group == VL_KEYS_DEFAULT_ONLY) {
        if (asks_nothing(s->value))
            return 0;
        return vl_place_error(&s->place, "'%s' is not supported: %s", s->key, key->doc);
    }
    if (key->type == VL_KEY_CUSTOM)
        return key->take(load, s);
    return take_scalar(load, key, s);
}

/* KEY += VALUE: lists grow, strings too. */
static struct vl_setting *joined(struct vl_arena *arena, const struct vl_setting *a, const struct vl_setting *b)
{
    struct vl_setting *s = vl_alloc(arena, sizeof(*s));
    struct vl_value *v = vl_alloc(arena, sizeof(*v));

    *s = *a;
    *v = *a->value;
    s->value = v;
    if (a->value->is_list != b->value->is_list) {
        vl_place_error(&b->place, "'%s +=' joins a list with a list or a string with a string", b->key);
        return NULL;
    }
    if (v->is_list) {
        v->items = NULL;
        v->count = 0;
        for (size_t i = 0; i < a->value->count; i++)
            VL_PUSH(arena, v->items, v->count, a->value->items[i]);
        for (size_t i = 0; i < b->value->count; i++)
            VL_PUSH(arena, v->items, v->count, b->value->items[i]);
    } else {
        v->text = vl_printf(arena, "%s%s", a->value->text, b->value->text);
        v->quoted = true;
    }
    return s;
}

/*
 * The settings that count: of a key that is set twice the last one, with a warning when both stand in one file; of
 * the command line over the file without one.
 */
static struct vl_setting **effective(struct vl_loading *load, const struct vl_settings *in, size_t *n)
{
    struct vl_arena *arena = &load->config->arena;
    struct vl_setting **out = NULL;

    *n = 0;
    for (size_t i = 0; i < in->count; i++) {
        struct vl_setting *s = in->all[i], *old = NULL;
        size_t at;

        for (at = 0; at < *n; at++)
            if (!strcmp(out[at]->key, s->key))
                break;
        if (at == *n) {
            VL_PUSH(arena, out, *n, s);
            continue;
        }
        old = out[at];
        if (s->append)
            s = joined(arena, old, s);
        else if (s->from_command_line == old->from_command_line)
            vl_place_warn(&s->place, "'%s' was already set on line %d; this one counts", s->key, old->place.line);
        if (s)
            out[at] = s;
        else
            load->errors++;
    }
    return out;
}

static void set_defaults(struct vl_config *c)
{
    c->cpu_weight = c->cap = VL_UNSET;
    c->rtds_period = c->rtds_budget = c->rtds_extratime = VL_UNSET;
    c->on_poweroff = c->on_crash = c->on_watchdog = VL_ACT_DESTROY;
    c->on_reboot = VL_ACT_RESTART;
    c->on_soft_reset = VL_ACT_SOFT_RESET;
    c->passthrough = VL_UNSET;
    c->max_grant_frames = c->max_maptrack_frames = c->max_grant_version = VL_UNSET;
    c->max_event_channels = VL_DEFAULT_EVENT_CHANNELS;
}

static int fail(struct vl_loading *load, const char *key, const struct vl_settings *in, const char *message)
{
    struct vl_place whole = { in->count ? in->all[0]->place.file : "configuration", 0, 0 };

    for (size_t i = in->count; i-- > 0;)
        if (!strcmp(in->all[i]->key, key)) {
            whole = in->all[i]->place;
            break;
        }
    load->errors++;
    return vl_place_error(&whole, "%s", message);
}

static const struct vl_place *place_of(const struct vl_settings *in, const char *key)
{
    for (size_t i = in->count; i-- > 0;)
        if (!strcmp(in->all[i]->key, key))
            return &in->all[i]->place;
    return NULL;
}

static void check_devices(struct vl_loading *load)
{
    struct vl_config *c = load->config;

    for (size_t i = 0; i < c->n_disks; i++)
        for (size_t j = 0; j < i; j++)
            if (c->disks[i]->devid == c->disks[j]->devid) {
                load->errors++;
                vl_place_error(&c->disks[i]->place, "two disks have the vdev '%s'", c->disks[i]->vdev);
                break;
            }
    for (size_t i = 0; i < c->n_vifs; i++)
        for (size_t j = 0; j < i; j++) {
            if (c->vifs[i]->devid == c->vifs[j]->devid) {
                load->errors++;
                vl_place_error(&c->vifs[i]->place, "two network interfaces have the devid %d", c->vifs[i]->devid);
            } else if (!memcmp(c->vifs[i]->mac, c->vifs[j]->mac, 6)) {
                vl_place_warn(&c->vifs[i]->place, "two network interfaces have the same MAC address");
            }
        }
}

/* What concerns several keys at once, and the defaults that depend on others. */
static void complete(struct vl_loading *load, const struct vl_settings *in)
{
    struct vl_config *c = load->config;

    if (!c->name)
        fail(load, "name", in, "'name' is missing");
    else if (vl_name_check(place_of(in, "name"), c->name))
        load->errors++;
    if (!c->kernel && !c->bootloader && !c->firmware)
        fail(load, "kernel", in, "nothing to boot: one of 'kernel', 'bootloader', 'firmware' is needed");
    if (!load->has_uuid) {
        vl_uuid_random(c->uuid);
        c->uuid_random = true;
    }
    if (!c->memory_kb)
        c->memory_kb = c->maxmem_kb ? c->maxmem_kb : 32 << 10;
    if (!c->maxmem_kb)
        c->maxmem_kb = c->memory_kb;
    if (c->memory_kb > c->maxmem_kb)
        fail(load, "memory", in, "'memory' is larger than 'maxmem'");
    c->vcpus_said = c->vcpus;
    c->max_vcpus_said = c->max_vcpus;
    if (!c->vcpus)
        c->vcpus = c->max_vcpus ? c->max_vcpus : 1;
    if (!c->max_vcpus)
        c->max_vcpus = c->vcpus;
    if (c->vcpus > c->max_vcpus)
        fail(load, "vcpus", in, "'vcpus' is larger than 'maxvcpus'");
    if (load->has_cmdline && (load->root || load->extra))
        vl_place_warn(place_of(in, "cmdline"), "with 'cmdline', 'root' and 'extra' are ignored");
    else if (load->root && load->extra)
        c->cmdline = vl_printf(&c->arena, "root=%s %s", load->root, load->extra);
    else if (load->root)
        c->cmdline = vl_printf(&c->arena, "root=%s", load->root);
    else if (load->extra)
        c->cmdline = vl_strdup(&c->arena, load->extra);
    check_devices(load);
}

struct vl_config *vl_config_make(const struct vl_settings *in)
{
    struct vl_loading load = { .config = calloc(1, sizeof(struct vl_config)) };
    struct vl_setting **settings;
    size_t n;

    if (!load.config) {
        vl_fail(-ENOMEM, "out of memory");
        return NULL;
    }
    set_defaults(load.config);
    settings = effective(&load, in, &n);
    for (size_t i = 0; i < n; i++)
        if (take_setting(&load, settings[i]))
            load.errors++;
    complete(&load, in);
    if (load.errors) {
        vl_config_free(load.config);
        return NULL;
    }
    return load.config;
}

struct vl_config *vl_config_load(const char *path, char *const *arguments, size_t n_arguments)
{
    struct vl_arena arena = { 0 };
    struct vl_settings settings = { 0 };
    struct vl_config *config = NULL;
    int rc = path ? vl_settings_parse_file(&settings, &arena, path) : 0;

    for (size_t i = 0; i < n_arguments; i++)
        if (vl_settings_parse_argument(&settings, &arena, arguments[i]))
            rc = -EINVAL;
    if (!rc)
        config = vl_config_make(&settings);
    vl_arena_free(&arena);
    return config;
}

void vl_config_free(struct vl_config *config)
{
    if (!config)
        return;
    vl_arena_free(&config->arena);
    free(config);
}
