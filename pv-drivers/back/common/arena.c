/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int arena_open(struct arena *a, struct peer *peer, unsigned pages)
{
    void *plain = NULL;

    *a = (struct arena){ .pages = pages, .refs = calloc(pages, sizeof(*a->refs)) };
    if (a->refs && peer->ops->share)
        a->at = peer->ops->share(peer, pages, a->refs);
    if (a->at)
        return 0;
    free(a->refs);
    a->refs = NULL;
    if (posix_memalign(&plain, ARENA_PAGE, pages * ARENA_PAGE))
        return -ENOMEM;
    a->at = plain;
    return 0;
}

void arena_close(struct arena *a)
{
    if (!a->refs)
        free(a->at);
    free(a->refs);
    *a = (struct arena){ 0 };
}

uint8_t *arena_place(const struct arena *a, size_t *used, size_t head, size_t offset, size_t len)
{
    size_t at = *used + head;

    at += (offset - at) % ARENA_PAGE;
    if (at + len > (size_t)a->pages * ARENA_PAGE)
        return NULL;
    *used = at + len;
    return a->at + at;
}

unsigned arena_copy_parts(const struct arena *a, const struct peer *peer, peer_copy_t *c, uint8_t *ours, uint32_t ref,
                          uint16_t offset, uint16_t len, bool to_guest)
{
    unsigned n = 0;

    if (!a->refs) {
        *c = to_guest ? peer_copy_out(peer, ours, ref, offset, len) : peer_copy_in(peer, ours, ref, offset, len);
        return 1;
    }
    do {
        size_t at = (size_t)(ours - a->at), left = ARENA_PAGE - at % ARENA_PAGE;
        uint16_t part = len < left ? len : (uint16_t)left;

        arena_copy_page(a, peer, &c[n++], at, ref, offset, part, to_guest);
        ours += part;
        offset = (uint16_t)(offset + part);
        len = (uint16_t)(len - part);
    } while (len);
    return n;
}
