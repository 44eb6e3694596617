/* SPDX-License-Identifier: MIT */
/* Keys whose values are more than a scalar, but no devices. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/keys.h"

int vl_take_uuid(struct vl_loading *load, const struct vl_setting *s)
{
    const char *text;

    if (vl_value_string(s->value, "uuid", &text))
        return -EINVAL;
    if (!vl_uuid_parse(text, load->config->uuid))
        return vl_place_error(&s->value->place, "'%s' is not a UUID", text);
    load->has_uuid = true;
    return 0;
}

int vl_take_type(struct vl_loading *load, const struct vl_setting *s)
{
    const char *text;

    (void)load;
    if (vl_value_string(s->value, "type", &text))
        return -EINVAL;
    if (!strcmp(text, "pv"))
        return 0;
    if (!strcmp(text, "hvm") || !strcmp(text, "pvh"))
        return vl_place_error(&s->value->place, "guests of type '%s' are not supported: only 'pv' is", text);
    return vl_place_error(&s->value->place, "'type' cannot be '%s' (only 'pv' runs here)", text);
}

int vl_take_builder(struct vl_loading *load, const struct vl_setting *s)
{
    const char *text;

    (void)load;
    if (vl_value_string(s->value, "builder", &text))
        return -EINVAL;
    if (!strcmp(text, "generic") || !strcmp(text, "linux"))
        return 0;
    return vl_place_error(&s->value->place, "'builder' cannot be '%s': only PV guests ('generic') run here", text);
}

int vl_take_cmdline(struct vl_loading *load, const struct vl_setting *s)
{
    const char *text;

    if (vl_value_string(s->value, "cmdline", &text))
        return -EINVAL;
    load->has_cmdline = true;
    load->config->cmdline = vl_strdup(&load->config->arena, text);
    return 0;
}

int vl_take_root(struct vl_loading *load, const struct vl_setting *s)
{
    return vl_value_string(s->value, "root", &load->root);
}

int vl_take_extra(struct vl_loading *load, const struct vl_setting *s)
{
    return vl_value_string(s->value, "extra", &load->extra);
}

/* A string, or a list of strings, as an array of strings. */
static int take_strings(struct vl_loading *load, const struct vl_setting *s, char ***out, size_t *n)
{
    struct vl_arena *arena = &load->config->arena;
    const char *text;

    *out = NULL;
    *n = 0;
    if (!s->value->is_list) {
        if (vl_value_string(s->value, s->key, &text))
            return -EINVAL;
        VL_PUSH(arena, *out, *n, vl_strdup(arena, text));
        return 0;
    }
    for (size_t i = 0; i < s->value->count; i++) {
        if (vl_value_string(s->value->items[i], s->key, &text))
            return -EINVAL;
        VL_PUSH(arena, *out, *n, vl_strdup(arena, text));
    }
    return 0;
}

/* The form of a CPULIST; which CPUs the host has is known only when the domain is made. */
static int check_cpulist(const struct vl_place *place, const char *key, const char *text)
{
    const char *c = text;

    while (*c) {
        size_t word;

        c += strspn(c, " \t");
        c += *c == '^';
        if (!strncmp(c, "nodes:", 6) || !strncmp(c, "node:", 5)) {
            c = strchr(c, ':') + 1;
            c += *c == '^';
        }
        word = !strncmp(c, "all", 3) ? 3 : strspn(c, "0123456789");
        if (word && c[word] == '-') {
            size_t more = strspn(c + word + 1, "0123456789");

            word = more ? word + 1 + more : 0;
        }
        c += word;
        c += strspn(c, " \t");
        if (!word || (*c && *c != ','))
            return vl_place_error(place, "'%s' is not a list of CPUs: \"%s\"", key, text);
        c += *c == ',';
    }
    return 0;
}

static int take_cpulist(struct vl_loading *load, const struct vl_setting *s, char ***out, size_t *n)
{
    if (take_strings(load, s, out, n))
        return -EINVAL;
    for (size_t i = 0; i < *n; i++)
        if (check_cpulist(s->value->is_list ? &s->value->items[i]->place : &s->value->place, s->key, (*out)[i]))
            return -EINVAL;
    if (!s->value->is_list && *n == 1)
        return 0;
    load->config->cpus_per_vcpu |= out == &load->config->cpus;
    load->config->cpus_soft_per_vcpu |= out == &load->config->cpus_soft;
    return 0;
}

int vl_take_cpus(struct vl_loading *load, const struct vl_setting *s)
{
    return take_cpulist(load, s, &load->config->cpus, &load->config->n_cpus);
}

int vl_take_cpus_soft(struct vl_loading *load, const struct vl_setting *s)
{
    return take_cpulist(load, s, &load->config->cpus_soft, &load->config->n_cpus_soft);
}

int vl_take_bootloader_args(struct vl_loading *load, const struct vl_setting *s)
{
    struct vl_config *c = load->config;
    const char *text;

    if (s->value->is_list)
        return take_strings(load, s, &c->bootloader_args, &c->n_bootloader_args);
    if (vl_value_string(s->value, s->key, &text))
        return -EINVAL;
    c->bootloader_args = NULL;
    c->n_bootloader_args = 0;
    while (*(text += strspn(text, " \t"))) {
        size_t len = strcspn(text, " \t");

        VL_PUSH(&c->arena, c->bootloader_args, c->n_bootloader_args, vl_strndup(&c->arena, text, len));
        text += len;
    }
    return 0;
}

int vl_take_tsc_mode(struct vl_loading *load, const struct vl_setting *s)
{
    static const char *const words[] = { "default", "always_emulate", "native", "native_paravirt", NULL };
    long long n;

    if (!s->value->is_list && !s->value->quoted) {
        if (vl_value_number(s->value, "tsc_mode", 0, 3, &n))
            return -EINVAL;
        load->config->tsc_mode = (int)n;
        return 0;
    }
    return vl_value_word(s->value, "tsc_mode", words, &load->config->tsc_mode);
}

int vl_take_passthrough(struct vl_loading *load, const struct vl_setting *s)
{
    static const char *const words[] = { "disabled", "enabled", "sync_pt", "default", NULL };
    int word;

    if (vl_value_word(s->value, "passthrough", words, &word))
        return -EINVAL;
    load->config->passthrough = word == 3 ? VL_UNSET : word != 0;
    return 0;
}

/* "FIRST", "FIRST-LAST" or, with `comma`, "FIRST,COUNT"; all hexadecimal. */
static int take_range(const struct vl_value *v, const char *key, char between, uint64_t last, struct vl_range *out)
{
    const char *text;
    char *end;
    uint64_t second;

    if (vl_value_string(v, key, &text))
        return -EINVAL;
    errno = 0;
    out->first = strtoull(text, &end, 16);
    out->count = 1;
    if (end != text && *end == between) {
        const char *more = end + 1;

        second = strtoull(more, &end, 16);
        out->count = between == '-' ? second - out->first + 1 : second;
        if (end == more || (between == '-' && second < out->first))
            end = (char *)text;
    }
    if (end == text || *end || errno)
        return vl_place_error(&v->place, "'%s' holds '%s', which is not a range", key, text);
    if (!out->count || out->first > last || out->count - 1 > last - out->first)
        return vl_place_error(&v->place, "'%s' holds '%s', which reaches beyond 0x%llx", key, text,
                              (unsigned long long)last);
    return 0;
}

static int take_ranges(struct vl_loading *load, const struct vl_setting *s, char between, uint64_t last,
                       struct vl_range **out, size_t *n)
{
    *out = NULL;
    *n = 0;
    if (!s->value->is_list)
        return vl_place_error(&s->value->place, "'%s' wants a list", s->key);
    for (size_t i = 0; i < s->value->count; i++) {
        struct vl_range r;

        if (take_range(s->value->items[i], s->key, between, last, &r))
            return -EINVAL;
        VL_PUSH(&load->config->arena, *out, *n, r);
    }
    return 0;
}

int vl_take_ioports(struct vl_loading *load, const struct vl_setting *s)
{
    return take_ranges(load, s, '-', 0xffff, &load->config->ioports, &load->config->n_ioports);
}

int vl_take_iomem(struct vl_loading *load, const struct vl_setting *s)
{
    return take_ranges(load, s, ',', 0xffffffffffull, &load->config->iomem, &load->config->n_iomem);
}

int vl_take_irqs(struct vl_loading *load, const struct vl_setting *s)
{
    struct vl_config *c = load->config;

    c->irqs = NULL;
    c->n_irqs = 0;
    if (!s->value->is_list)
        return vl_place_error(&s->value->place, "'irqs' wants a list");
    for (size_t i = 0; i < s->value->count; i++) {
        long long n;

        if (vl_value_number(s->value->items[i], "irqs", 0, 4095, &n))
            return -EINVAL;
        VL_PUSH(&c->arena, c->irqs, c->n_irqs, ((struct vl_range){ (uint64_t)n, 1 }));
    }
    return 0;
}
