/* SPDX-License-Identifier: MIT */
#include "base/late.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/arena.h"

static struct { void *p; size_t bytes; } *late;
static size_t n_late, room;

void vl_late_unmap(const void *p, size_t bytes)
{
    if (!p)
        return;
    if (n_late == room) {
        room = room ? room * 2 : 16;
        late = vl_xrealloc(late, room * sizeof(*late));
    }
    late[n_late].p = (void *)p;
    late[n_late++].bytes = bytes;
}

void vl_late_unmap_now(void)
{
    while (n_late) {
        n_late--;
        munmap(late[n_late].p, late[n_late].bytes);
    }
    free(late);
    late = NULL;
    room = 0;
}
