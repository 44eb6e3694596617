/* SPDX-License-Identifier: MIT */
#include "vellumd/events.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/uuid.h"
#include "json/json.h"
#include "vellumd/socket.h"

void event_line(const struct dom *dom, const char *what, const char *key, const char *value, char *line, size_t room)
{
    struct vl_json *json = vl_json_new(false);
    char uuid[VL_UUID_TEXT], when[64], stamp[32];
    const char *text;
    struct timespec now;
    struct tm tm;
    size_t len;

    clock_gettime(CLOCK_REALTIME, &now);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &tm));
    snprintf(when, sizeof(when), "%s.%03ldZ", stamp, now.tv_nsec / 1000000);
    vl_uuid_format(dom->uuid, uuid);
    vl_json_map(json, NULL);
    vl_json_number(json, "version", 1);
    vl_json_string(json, "time", when);
    vl_json_string(json, "event", what);
    vl_json_number(json, "domid", dom->domid);
    vl_json_text_string(json, "name", dom->name ? dom->name : "");
    vl_json_string(json, "uuid", uuid);
    if (key)
        vl_json_text_string(json, key, value);
    vl_json_map_end(json);
    text = vl_json_text(json, &len);
    snprintf(line, room, "%.*s", (int)len, text);
    vl_json_free(json);
}

void event_tell(struct vellumd *d, const struct dom *dom, const char *what, const char *key, const char *value)
{
    char line[2048];

    if (!d->subscribers)
        return;
    event_line(dom, what, key, value, line, sizeof(line));
    socket_broadcast(d, line);
}
