/* SPDX-License-Identifier: MIT */
/*
 * What front/os.h asks of a kernel, on this one; grants are in grant.c.
 */
#include "hypercall.h"

#include <front/os.h>

/* Ports that os_event_open made and that are open still: one of before a resume is none of ours. */
static unsigned long opened[4096 / 64];

void os_forget_ports(void) { memset(opened, 0, sizeof(opened)); }

void *os_pages_alloc(unsigned int count) { return pages_alloc(count); }

void os_pages_free(void *va, unsigned int count) { pages_free(va, count); }

uint64_t os_frame(const void *va) { return va_mfn(va); }

int os_event_open(domid_t peer, os_event_fn fn, void *arg, uint32_t *port)
{
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = peer};
    long rc = event_op(EVTCHNOP_alloc_unbound, &alloc);

    if (rc)
        return (int)rc;
    *port = alloc.port;
    event_bind(alloc.port, fn, arg);
    opened[alloc.port / 64] |= 1UL << alloc.port % 64;
    return 0;
}

int os_event_attach(uint32_t port, os_event_fn fn, void *arg)
{
    event_bind(port, fn, arg);
    return 0;
}

void os_event_close(uint32_t port)
{
    if (!(opened[port / 64] >> port % 64 & 1))
        return;
    opened[port / 64] &= ~(1UL << port % 64);
    event_close(port);
}

void os_event_notify(uint32_t port) { event_notify(port); }

uint64_t os_time(void) { return time_now(); }

bool os_wait(bool (*done)(void *arg), void *arg, uint64_t deadline)
{
    bool was_on = events_off(), ok;

    while (!(ok = done(arg)) && time_now() < deadline)
        event_wait(deadline);
    if (was_on)
        events_on();
    return ok;
}

/* The holder may sleep, and then wants this CPU. */
void os_lock(uint32_t *lock)
{
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
        sched_op(SCHEDOP_yield, NULL);
}

void os_unlock(uint32_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }

void os_log(const char *fmt, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, fmt);
    vformat(line, sizeof(line), fmt, ap);
    va_end(ap);
    print("%s", line);
}

int os_format(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vformat(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
