/* SPDX-License-Identifier: MIT */
#include "grants.h"

#include <string.h>

void *grants_page(struct grants *g, uint32_t ref)
{
    unsigned i = (ref * 2654435761u) % (2 * GRANTS_MAX);
    void *page;

    for (; g->slot[i].page; i = (i + 1) % (2 * GRANTS_MAX))
        if (g->slot[i].ref == ref)
            return g->slot[i].page;
    if (g->used == GRANTS_MAX)
        return NULL;
    page = g->peer->ops->map(g->peer, &ref, 1, true);
    if (!page)
        return NULL;
    g->slot[i].ref = ref;
    g->slot[i].page = page;
    g->used++;
    return page;
}

void grants_free(struct grants *g)
{
    for (unsigned i = 0; i < 2 * GRANTS_MAX; i++)
        if (g->slot[i].page)
            g->peer->ops->unmap(g->peer, g->slot[i].page, 1);
    memset(g->slot, 0, sizeof(g->slot));
    g->used = 0;
}
