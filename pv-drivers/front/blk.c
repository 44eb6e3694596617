/* SPDX-License-Identifier: MIT */
/*
 * The block front end's control path: what is negotiated through xenstore, and the memory of the queues. Runs in the
 * thread that polls the store; takes a queue's lock to start or stop it. Memory is taken at the first connection, as far
 * as it is still needed at the next, and given back when the device goes.
 */
#include "blk_queue.h"

static void on_event(void *arg)
{
    struct blk_queue *q = arg;

    if (q->dev->config.ready)
        q->dev->config.ready(q->dev->config.arg, q->index);
}

static uint64_t at_most(uint64_t v, uint64_t max) { return v < max ? v : max; }

static unsigned int pages_for(size_t bytes) { return (unsigned int)((bytes + OS_PAGE_SIZE - 1) / OS_PAGE_SIZE); }

static struct blk_queue *queue_new(struct blk_device *b, unsigned int index)
{
    struct blk_queue *q = os_pages_alloc(pages_for(sizeof(*q)));

    if (!q)
        return NULL;
    q->dev = b;
    q->index = index;
    q->ended_at = &q->ended;
    return q;
}

static int queue_set_up(struct blk_queue *q, unsigned int pages)
{
    q->ring_pages = xenbus_ring_alloc(&q->dev->bus, pages, q->ring_refs);
    if (!q->ring_pages)
        return -XEN_ENOMEM;
    q->ring_count = pages;
    ring_init(&q->ring, q->ring_pages, pages * OS_PAGE_SIZE,
              sizeof(struct blkif_request) > sizeof(struct blkif_response) ? sizeof(struct blkif_request)
                                                                             : sizeof(struct blkif_response));
    q->broken = false;
    return os_event_open(q->dev->bus.peer, on_event, q, &q->port);
}

/* Pages that stay granted go back too: the next back-end is another peer. */
static void queue_free_pages(struct blk_queue *q)
{
    bool ended = true;

    for (unsigned int i = 0; i < q->nr_pages; i++)
        if (q->pages[i].ref)
            ended &= os_grant_end(q->pages[i].ref);
    if (q->page_memory && ended)
        os_pages_free(q->page_memory, q->nr_pages);
    else if (q->page_memory)
        os_log("%s: the back-end keeps pages mapped: %u are lost\n", q->dev->bus.dir, q->nr_pages);
    if (q->memory)
        os_pages_free(q->memory, q->memory_pages);
    q->page_memory = q->memory = NULL;
    q->persistent = q->indirect = q->pages = NULL;
    q->nr_pages = q->slots = 0;
    q->free_slot = BLK_NO_SLOT;
}

static void queue_tear_down(struct blk_queue *q, bool gone)
{
    os_lock(&q->lock);
    q->live = false;
    blk_queue_rewind(q);
    queue_free_pages(q);
    if (q->port)
        os_event_close(q->port);
    xenbus_ring_free(q->ring_pages, q->ring_count, q->ring_refs);
    q->ring_pages = NULL;
    q->port = 0;
    if (gone)
        blk_queue_fail(q, -XEN_ENODEV);
    os_unlock(&q->lock);
    blk_queue_tell(q);
}

/* The order of a ring that both sides can do; "max-ring-pages" is the older name of the same. */
static unsigned int ring_order(const struct blk_device *b)
{
    uint64_t peer = xenbus_feature(&b->bus, "max-ring-page-order", 0), pages = 0;

    if (!peer)
        pages = xenbus_feature(&b->bus, "max-ring-pages", 0);
    while ((2UL << peer) <= pages && peer < BLK_MAX_RING_ORDER)
        peer++;
    return (unsigned int)at_most(at_most(peer, b->config.ring_order), BLK_MAX_RING_ORDER);
}

static int blk_setup(struct xenbus_device *bus)
{
    struct blk_device *b = (struct blk_device *)bus;
    uint64_t queues = xenbus_feature(bus, "multi-queue-max-queues", 1);
    int rc = 0;

    queues = at_most(at_most(queues, b->config.queues), BLK_MAX_QUEUES);
    queues = queues ? queues : 1;
    b->info.ring_pages = 1U << ring_order(b);
    /* Queues that once were stay: requests may wait in them. */
    for (unsigned int i = b->queues; i < queues; i++) {
        if (!b->queue[i])
            b->queue[i] = queue_new(b, i);
        if (!b->queue[i] && !i)
            return -XEN_ENOMEM;
        if (!b->queue[i])
            queues = i;
        else
            b->queues = i + 1;
    }
    b->info.queues = (unsigned int)queues;
    for (unsigned int i = 0; !rc && i < queues; i++)
        rc = queue_set_up(b->queue[i], b->info.ring_pages);
    return rc;
}

static int publish_queue(const struct blk_queue *q, uint32_t tx, const char *dir)
{
    char node[24];
    int rc = 0;

    if (q->ring_count == 1)
        rc = store_write_number(tx, dir, "ring-ref", q->ring_refs[0]);
    for (unsigned int i = 0; !rc && q->ring_count > 1 && i < q->ring_count; i++) {
        os_format(node, sizeof(node), "ring-ref%u", i);
        rc = store_write_number(tx, dir, node, q->ring_refs[i]);
    }
    return rc ? rc : store_write_number(tx, dir, "event-channel", q->port);
}

static int blk_publish(struct xenbus_device *bus, uint32_t tx)
{
    struct blk_device *b = (struct blk_device *)bus;
    char dir[72];
    int rc = store_write(tx, bus->dir, "protocol", "x86_64-abi");

    if (!rc)
        rc = store_write_number(tx, bus->dir, "feature-persistent", b->config.persistent_pages != 0);
    if (!rc && b->info.ring_pages > 1) {
        unsigned int order = (unsigned int)__builtin_ctz(b->info.ring_pages);

        rc = store_write_number(tx, bus->dir, "ring-page-order", order);
        if (!rc)
            rc = store_write_number(tx, bus->dir, "num-ring-pages", b->info.ring_pages);
    }
    if (!rc && b->info.queues > 1)
        rc = store_write_number(tx, bus->dir, "multi-queue-num-queues", b->info.queues);
    for (unsigned int i = 0; !rc && i < b->info.queues; i++) {
        os_format(dir, sizeof(dir), b->info.queues > 1 ? "%s/queue-%u" : "%s", bus->dir, i);
        rc = publish_queue(b->queue[i], tx, dir);
    }
    return rc;
}

static int read_geometry(struct blk_device *b)
{
    struct blk_info *info = &b->info;
    uint64_t sectors = xenbus_feature(&b->bus, "sectors", 0), size = xenbus_feature(&b->bus, "sector-size", BLK_SECTOR);

    if (sectors > 1UL << 55 || size < BLK_SECTOR || size > OS_PAGE_SIZE || (size & (size - 1))) {
        os_log("%s: %lu sectors of %lu bytes are none that we can use\n", b->bus.dir, (unsigned long)sectors,
               (unsigned long)size);
        return -XEN_EINVAL;
    }
    info->sectors = sectors;
    info->sector_size = (uint32_t)size;
    info->physical_sector_size = (uint32_t)at_most(xenbus_feature(&b->bus, "physical-sector-size", size), 1U << 30);
    return 0;
}

static void read_features(struct blk_device *b)
{
    const struct xenbus_device *bus = &b->bus;
    struct blk_info *info = &b->info;
    uint64_t flags = xenbus_feature(bus, "info", 0);
    uint64_t segments = at_most(at_most(xenbus_feature(bus, "feature-max-indirect-segments", 0), b->config.indirect),
                                BLK_MAX_SEGMENTS);

    info->cdrom = flags & VDISK_CDROM;
    info->removable = flags & VDISK_REMOVABLE;
    info->read_only = flags & VDISK_READONLY;
    info->flush = b->config.flush && xenbus_feature(bus, "feature-flush-cache", 0);
    info->barrier = b->config.barrier && xenbus_feature(bus, "feature-barrier", 0);
    info->discard = b->config.discard && xenbus_feature(bus, "feature-discard", 0);
    info->secure_discard = info->discard && xenbus_feature(bus, "discard-secure", 0);
    info->discard_granularity = (uint32_t)xenbus_feature(bus, "discard-granularity", info->physical_sector_size);
    info->discard_alignment = (uint32_t)xenbus_feature(bus, "discard-alignment", 0);
    info->persistent = b->config.persistent_pages && xenbus_feature(bus, "feature-persistent", 0);
    info->max_segments = segments > BLKIF_MAX_SEGMENTS_PER_REQUEST ? (unsigned int)segments
                                                                   : BLKIF_MAX_SEGMENTS_PER_REQUEST;
}

/* A page that stays granted. Where grants are persistent, the back-end maps them all for writing. */
static int grant_page(struct blk_queue *q, struct blk_page *p, uint8_t *va, bool readonly, struct blk_page **list)
{
    p->va = va;
    p->ref = os_grant(q->dev->bus.peer, os_frame(va), readonly);
    if (!p->ref)
        return -XEN_ENOSPC;
    p->next = *list;
    *list = p;
    return 0;
}

/* Slots and their segments, and pages that stay granted: for indirect requests, and for data where both sides want it. */
static int queue_memory(struct blk_queue *q, const struct blk_info *info)
{
    unsigned int segments = info->max_segments, data = info->persistent ? q->dev->config.persistent_pages : 0;
    unsigned int indirect = segments > BLKIF_MAX_SEGMENTS_PER_REQUEST ? (unsigned int)at_most(q->ring.size, 32) : 0;
    size_t slots = q->ring.size;
    struct blk_segment *segment;
    int rc = 0;

    q->memory_pages = pages_for(slots * (sizeof(struct blk_slot) + segments * sizeof(struct blk_segment)) +
                                (data + indirect) * sizeof(struct blk_page));
    q->memory = os_pages_alloc(q->memory_pages);
    q->nr_pages = data + indirect;
    q->page_memory = q->nr_pages ? os_pages_alloc(q->nr_pages) : NULL;
    if (!q->memory || (q->nr_pages && !q->page_memory)) {
        q->nr_pages = q->page_memory ? q->nr_pages : 0;
        return -XEN_ENOMEM;
    }
    q->slot = q->memory;
    segment = (void *)(q->slot + slots);
    q->pages = (void *)(segment + slots * segments);
    for (unsigned int i = 0; i < slots; i++) {
        q->slot[i].segment = segment + i * segments;
        q->slot[i].next_free = i + 1 < slots ? (uint16_t)(i + 1) : BLK_NO_SLOT;
    }
    q->slots = (unsigned int)slots;
    q->free_slot = 0;
    for (unsigned int i = 0; !rc && i < q->nr_pages; i++)
        rc = grant_page(q, &q->pages[i], (uint8_t *)q->page_memory + i * OS_PAGE_SIZE, !info->persistent,
                        i < indirect ? &q->indirect : &q->persistent);
    return rc;
}

/* A back-end with fewer queues than its predecessor: requests move from those without a ring to those that have one. */
static void move_waiting(struct blk_device *b)
{
    for (unsigned int i = b->info.queues; i < b->queues; i++) {
        struct blk_queue *from = b->queue[i], *to = b->queue[i % b->info.queues];

        if (!from->first)
            continue;
        if (to->last)
            to->last->next = from->first;
        else
            to->first = from->first;
        to->last = from->last;
        from->first = from->last = NULL;
    }
    b->queues = b->info.queues;
}

static int blk_connected(struct xenbus_device *bus)
{
    struct blk_device *b = (struct blk_device *)bus;
    int rc = read_geometry(b);

    if (rc)
        return rc;
    read_features(b);
    for (unsigned int i = 0; !rc && i < b->info.queues; i++)
        rc = queue_memory(b->queue[i], &b->info);
    if (rc)
        return rc;
    move_waiting(b);
    for (unsigned int i = 0; i < b->queues; i++) {
        struct blk_queue *q = b->queue[i];

        os_lock(&q->lock);
        q->live = true;
        blk_queue_issue(q);
        os_unlock(&q->lock);
        blk_queue_tell(q);
    }
    return 0;
}

static void blk_changed(struct xenbus_device *bus)
{
    struct blk_device *b = (struct blk_device *)bus;
    struct blk_info old = b->info;

    if (read_geometry(b))
        b->info = old;
    else if ((b->info.sectors != old.sectors || b->info.sector_size != old.sector_size) && b->config.resized)
        b->config.resized(b->config.arg);
}

static void blk_teardown(struct xenbus_device *bus, bool gone)
{
    struct blk_device *b = (struct blk_device *)bus;

    b->gone = gone;
    for (unsigned int i = 0; i < b->queues; i++)
        queue_tear_down(b->queue[i], gone);
}

static const struct xenbus_driver blk_driver = {
    .type = "vbd",
    .published = XenbusStateInitialised,
    .setup = blk_setup,
    .publish = blk_publish,
    .connected = blk_connected,
    .changed = blk_changed,
    .teardown = blk_teardown,
};

int blk_open(struct blk_device *b, unsigned int id, const struct blk_config *config)
{
    memset(b, 0, sizeof(*b));
    b->config = *config;
    return xenbus_open(&b->bus, &blk_driver, id);
}

int blk_wait(struct blk_device *b, uint64_t deadline) { return xenbus_wait(&b->bus, deadline); }

void blk_close(struct blk_device *b)
{
    xenbus_close(&b->bus);
    for (unsigned int i = 0; i < BLK_MAX_QUEUES; i++)
        if (b->queue[i])
            os_pages_free(b->queue[i], pages_for(sizeof(struct blk_queue)));
    b->queues = 0;
}
