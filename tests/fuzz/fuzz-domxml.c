/* SPDX-License-Identifier: MIT */
/* libFuzzer: a domain's XML from anywhere. What it becomes must be text that the configuration's parser reads. */
#include <libxml/parser.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/value.h"
#include "domxml/domxml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *nowhere;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *out = NULL, *text = malloc(size + !size);
    size_t len = 0;
    FILE *to = open_memstream(&out, &len);
    struct vl_settings settings = { 0 };
    struct vl_arena arena = { 0 };
    int rc;

    if (!nowhere)
        vl_log_stream(nowhere = fopen("/dev/null", "w"));
    memcpy(text, data, size);
    rc = domxml_to_config("f.xml", text, size, to);
    fclose(to);
    if (!rc && vl_settings_parse(&settings, &arena, "f.cfg", out, len))
        abort();
    vl_arena_free(&arena);
    free(out);
    free(text);
    return 0;
}
