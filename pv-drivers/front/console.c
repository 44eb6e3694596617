/* SPDX-License-Identifier: MIT */
/*
 * Owns the producer of `out` and the consumer of `in`, under `lock`. A back-end that does not consume, or whose index is
 * absurd, costs output, never more than a bounded wait: after one that timed out, output is dropped until there is room.
 */
#include "console.h"

#include <xen/io/console.h>

#define WAIT_NS 2000000000UL

static struct xencons_interface *ring;
static uint32_t port, lock;
static bool stuck;

static void on_event(void *arg) { (void)arg; }

static uint32_t load(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }

/* Room in the ring; 0 also for an index no honest back-end writes. */
static uint32_t room(void)
{
    uint32_t filled = ring->out_prod - load(&ring->out_cons);

    return filled > sizeof(ring->out) ? 0 : (uint32_t)sizeof(ring->out) - filled;
}

static bool has_room(void *arg) { return room() >= (uint32_t)(uintptr_t)arg; }

static bool wait_for(uint32_t wanted)
{
    return os_wait(has_room, (void *)(uintptr_t)wanted, os_time() + (stuck ? 0 : WAIT_NS));
}

static void put_char(char c)
{
    uint32_t prod = ring->out_prod;

    if (!room()) {
        os_event_notify(port);
        stuck = !wait_for(1);
        if (stuck)
            return;
    }
    ring->out[MASK_XENCONS_IDX(prod, ring->out)] = c;
    __atomic_store_n(&ring->out_prod, prod + 1, __ATOMIC_RELEASE);
}

bool console_write(const char *text, size_t len)
{
    if (!ring)
        return false;
    os_lock(&lock);
    for (; len; len--, text++) {
        if (*text == '\n')
            put_char('\r');
        put_char(*text);
    }
    os_event_notify(port);
    os_unlock(&lock);
    return true;
}

void console_flush(void)
{
    if (!ring)
        return;
    os_event_notify(port);
    wait_for(sizeof(ring->out));
}

static uint32_t typed(void)
{
    uint32_t waiting = ring ? load(&ring->in_prod) - ring->in_cons : 0;

    return waiting > sizeof(ring->in) ? 0 : waiting;
}

bool console_pending(void) { return typed() != 0; }

int console_getc(void)
{
    uint32_t waiting = typed(), cons;
    int c;

    if (!waiting)
        return -1;
    cons = ring->in_cons;
    c = (unsigned char)ring->in[MASK_XENCONS_IDX(cons, ring->in)];
    /* Read before the index that gives its place away. */
    __atomic_store_n(&ring->in_cons, cons + 1, __ATOMIC_SEQ_CST);
    if (waiting == 1)
        os_event_notify(port);
    return c;
}

int console_init(void *page, uint32_t event_port)
{
    int rc = os_event_attach(event_port, on_event, NULL);

    if (rc)
        return rc;
    ring = page;
    port = event_port;
    stuck = false;
    return 0;
}
