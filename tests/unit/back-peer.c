/* SPDX-License-Identifier: MIT */
#include "back-peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *map(struct peer *peer, const uint32_t *refs, unsigned n, bool write)
{
    struct fake_peer *f = (struct fake_peer *)peer;

    for (unsigned i = 0; i < n; i++)
        if (refs[i] >= FAKE_PAGES || refs[i] != refs[0] + i || f->revoked[refs[i]] || (write && f->readonly[refs[i]]))
            return NULL;
    f->mapped += n;
    return f->pages[refs[0]];
}

static void unmap(struct peer *peer, void *at, unsigned n)
{
    struct fake_peer *f = (struct fake_peer *)peer;

    if ((uint8_t *)at < f->pages[0] || f->mapped < n)
        abort();
    f->mapped -= n;
}

static void *share(struct peer *peer, unsigned n, uint32_t *refs)
{
    struct fake_peer *f = (struct fake_peer *)peer;

    if (!f->shares)
        return NULL;
    for (unsigned i = 0; i < n; i++)
        refs[i] = FAKE_SHARED + i;
    free(f->shared);
    return f->shared = aligned_alloc(4096, n * 4096);
}

/* Our side of a copy: an address, or a page of ours and the place on it. */
static void *our_side(struct fake_peer *f, const peer_copy_t *s, bool out)
{
    uint32_t ref = out ? s->source.foreign.ref : s->dest.foreign.ref, offset = out ? s->source.foreign.offset : s->dest.foreign.offset;

    if (s->flags != (GNTCOPY_source_gref | GNTCOPY_dest_gref))
        return out ? s->source.virt : s->dest.virt;
    if ((out ? s->source.foreign.domid : s->dest.foreign.domid) != DOMID_SELF || ref < FAKE_SHARED || offset + s->len > 4096)
        abort();
    return f->shared + (ref - FAKE_SHARED) * 4096 + offset;
}

static int copy_one(struct fake_peer *f, peer_copy_t *s)
{
    bool both = s->flags == (GNTCOPY_source_gref | GNTCOPY_dest_gref);
    bool out = both ? s->source.foreign.domid == DOMID_SELF : (s->flags & GNTCOPY_dest_gref) != 0;
    uint32_t ref = out ? s->dest.foreign.ref : s->source.foreign.ref;
    uint32_t offset = out ? s->dest.foreign.offset : s->source.foreign.offset;
    uint8_t *ours = our_side(f, s, out);

    f->operations += both ? 1 : (unsigned)(((uintptr_t)ours % 4096 + s->len + 4095) / 4096);
    if (ref >= FAKE_PAGES || f->revoked[ref] || (out && f->readonly[ref]))
        return GNTST_bad_gntref;
    if (offset + s->len > 4096)
        return GNTST_bad_copy_arg;
    memcpy(out ? f->pages[ref] + offset : ours, out ? ours : f->pages[ref] + offset, s->len);
    return GNTST_okay;
}

static int copy(struct peer *peer, peer_copy_t *segments, unsigned n)
{
    struct fake_peer *f = (struct fake_peer *)peer;

    if (f->before_copy)
        f->before_copy(f);
    for (unsigned i = 0; i < n; i++)
        segments[i].status = (int16_t)copy_one(f, &segments[i]);
    return 0;
}

static int bind_port(struct peer *peer, uint32_t remote)
{
    struct fake_peer *f = (struct fake_peer *)peer;

    if (!remote || remote > 1000)
        return -EINVAL;
    f->bound++;
    return (int)remote + 1000;
}

static void unbind(struct peer *peer, uint32_t port)
{
    (void)port;
    ((struct fake_peer *)peer)->bound--;
}

static void notify(struct peer *peer, uint32_t port)
{
    (void)port;
    ((struct fake_peer *)peer)->notified++;
}

/* Events are for the workers' loops, which are not in these programs. */
static const struct peer_ops ops = { map, unmap, share, copy, bind_port, unbind, notify, NULL, NULL };

void fake_peer_init(struct fake_peer *f)
{
    memset(f, 0, sizeof(*f));
    f->peer = (struct peer){ &ops, 7, -1 };
    f->pages = aligned_alloc(4096, FAKE_PAGES * 4096);
    memset(f->pages, 0, FAKE_PAGES * 4096);
}

void fake_peer_free(struct fake_peer *f)
{
    free(f->pages);
    free(f->shared);
}
