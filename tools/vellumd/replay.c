/* SPDX-License-Identifier: MIT */
#include "vellumd/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define FIRST_ROOM 2048u

uint64_t replay_start(const struct replay *replay)
{
    return replay->end > replay->room ? replay->end - replay->room : 0;
}

/* Doubling moves what is there, which has never been more than `room` bytes when this is called. */
static void grow(struct replay *r, size_t len)
{
    size_t room = r->room ? r->room : FIRST_ROOM;
    uint64_t start = replay_start(r);
    char *data;

    while (room < REPLAY_MAX && r->end - start + len > room)
        room *= 2;
    if (room == r->room)
        return;
    data = vl_xmalloc(room);
    for (uint64_t at = start; at < r->end; at++)
        data[at & (room - 1)] = r->data[at & (r->room - 1)];
    free(r->data);
    r->data = data;
    r->room = room;
}

void replay_add(struct replay *r, const char *from, size_t len)
{
    if (r->room < REPLAY_MAX && r->end + len > r->room)
        grow(r, len);
    while (len) {
        size_t at = r->end & (r->room - 1), n = r->room - at < len ? r->room - at : len;

        memcpy(r->data + at, from, n);
        from += n;
        len -= n;
        r->end += n;
    }
}

const char *replay_piece(const struct replay *r, uint64_t *at, size_t *len)
{
    uint64_t start = replay_start(r);
    size_t offset;

    if (*at < start)
        *at = start;
    if (*at >= r->end) {
        *len = 0;
        return NULL;
    }
    offset = *at & (r->room - 1);
    *len = r->room - offset < r->end - *at ? r->room - offset : (size_t)(r->end - *at);
    return r->data + offset;
}

void replay_free(struct replay *r)
{
    free(r->data);
    *r = (struct replay){ 0 };
}
