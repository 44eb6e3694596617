/* SPDX-License-Identifier: MIT */
#include "vellumd/status.h"

#include <stdio.h>

#include "json/json.h"
#include "vellumd/console.h"
#include "vellumd/domain.h"
#include "vellumd/shells.h"

void status_line(struct vellumd *d, char *line, size_t room)
{
    struct vl_json *json = vl_json_new(false);
    unsigned guests = 0, owned = 0;
    struct dom *dom;
    size_t len;
    const char *text;

    TAILQ_FOREACH(dom, &d->doms, link) {
        guests += dom->announced;
        owned += dom->owned;
    }
    vl_json_map(json, NULL);
    vl_json_number(json, "version", 1);
    vl_json_number(json, "guests", guests);
    vl_json_number(json, "owned", owned);
    vl_json_number(json, "consoles", consoles_count(d));
    vl_json_number(json, "shells", shells_ready(d));
    vl_json_number(json, "workers", d->working);
    vl_json_map_end(json);
    text = vl_json_text(json, &len);
    snprintf(line, room, "%.*s", (int)len, text);
    vl_json_free(json);
}
