/* SPDX-License-Identifier: MIT */
/* A configuration file, as a file's bytes; what is taken must keep config.h's promises, and survive the kept form. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "json/domain.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    vl_log_stream(fopen("/dev/null", "w"));
    return 0;
}

static void promised(int what)
{
    if (!what)
        abort();
}

static void check(const struct vl_config *c)
{
    promised(c->name && *c->name && strlen(c->name) <= 255 && !strpbrk(c->name, "/ \t\n"));
    promised(c->vcpus >= 1 && c->vcpus <= c->max_vcpus && c->max_vcpus <= VL_MAX_VCPUS);
    promised(c->memory_kb && c->memory_kb <= c->maxmem_kb && !(c->memory_kb & 1023) && !(c->maxmem_kb & 1023));
    for (size_t i = 0; i < c->n_disks; i++)
        for (size_t k = 0; k < i; k++)
            promised(c->disks[i]->devid != c->disks[k]->devid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct vl_settings settings = { 0 };
    struct vl_arena arena = { 0 };
    struct vl_config *c, *again;
    struct vl_json *json;
    const char *text;
    size_t n;

    if (!vl_settings_parse(&settings, &arena, "fuzz", (const char *)data, len) && (c = vl_config_make(&settings))) {
        check(c);
        json = vl_json_new(true);
        vl_json_config(json, NULL, c, VL_JSON_KEPT, NULL);
        text = vl_json_text(json, &n);
        again = vl_json_config_read("kept", text, n);
        vl_json_free(json);
        vl_config_free(again);
        vl_config_free(c);
    }
    vl_arena_free(&arena);
    return 0;
}
