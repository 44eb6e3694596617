/* SPDX-License-Identifier: MIT */
/*
 * The PV console: <xen/io/console.h>. Owns the producer of `out` and the consumer of `in`. One vCPU: no lock. A back-end that
 * does not consume, or whose index is absurd, costs output, never more than a bounded wait.
 */
#include "hypercall.h"

#include <xen/io/console.h>

#define WAIT_NS 2000000000UL

static struct xencons_interface *ring;
static evtchn_port_t port;

static void on_event(evtchn_port_t p, void *arg)
{
    (void)p;
    (void)arg;
}

/* Room in the ring; 0 also for an index no honest back-end writes. */
static uint32_t room(void)
{
    uint32_t filled = ring->out_prod - ACCESS(ring->out_cons);

    return filled > sizeof(ring->out) ? 0 : (uint32_t)sizeof(ring->out) - filled;
}

static bool wait_for(uint32_t wanted)
{
    uint64_t deadline = time_now() + WAIT_NS;
    bool masked = ACCESS(shared_info->vcpu_info[0].evtchn_upcall_mask);

    events_off();
    while (room() < wanted && time_now() < deadline)
        event_wait(time_now() + 10000000);
    if (!masked)
        events_on();
    return room() >= wanted;
}

static void put_char(char c)
{
    uint32_t prod = ring->out_prod;

    if (!room()) {
        event_notify(port);
        if (!wait_for(1))
            return;
    }
    ring->out[MASK_XENCONS_IDX(prod, ring->out)] = c;
    wmb(); /* the character before the index that shows it */
    ACCESS(ring->out_prod) = prod + 1;
}

void console_write(const char *text, size_t len)
{
    if (!ring) {
        console_emergency(text, len);
        return;
    }
    for (; len; len--, text++) {
        if (*text == '\n')
            put_char('\r');
        put_char(*text);
    }
    event_notify(port);
}

void console_flush(void)
{
    if (!ring)
        return;
    event_notify(port);
    wait_for(sizeof(ring->out));
}

int console_getc(void)
{
    uint32_t cons, waiting;
    int c;

    if (!ring)
        return -1;
    cons = ring->in_cons;
    waiting = ACCESS(ring->in_prod) - cons;
    if (!waiting || waiting > sizeof(ring->in))
        return -1;
    rmb(); /* the index before the character it shows */
    c = (unsigned char)ACCESS(ring->in[MASK_XENCONS_IDX(cons, ring->in)]);
    mb(); /* read before the index that gives its place away */
    ACCESS(ring->in_cons) = cons + 1;
    if (waiting == 1)
        event_notify(port);
    return c;
}

void console_emergency(const char *text, size_t len) { HC(console_io, CONSOLEIO_write, len, text); }

void console_init(void)
{
    if (!start_info->console.domU.mfn)
        return;
    ring = mfn_va(start_info->console.domU.mfn);
    port = start_info->console.domU.evtchn;
    event_bind(port, on_event, NULL);
}
