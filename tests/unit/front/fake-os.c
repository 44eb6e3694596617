/* SPDX-License-Identifier: MIT */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>

struct fake_grant fake_grants[FAKE_GRANTS];
unsigned int fake_grants_used, fake_pages_used, fake_ports_used, fake_grants_limit, fake_logged;
unsigned int fake_notified[FAKE_PORTS];
void (*fake_peer)(void);
bool fake_quiet, fake_gives_up;
uint64_t (*fake_clock)(void);
void (*fake_sleep)(uint64_t deadline);

static struct {
    os_event_fn fn;
    void *arg;
} ports[FAKE_PORTS];
static uint64_t now;

void fake_init(void)
{
    memset(fake_grants, 0, sizeof(fake_grants));
    memset(ports, 0, sizeof(ports));
    memset(fake_notified, 0, sizeof(fake_notified));
    fake_grants_used = fake_pages_used = fake_ports_used = fake_logged = 0;
    fake_grants_limit = FAKE_GRANTS;
    fake_peer = NULL;
    now = 1000;
    fake_store_reset();
    fake_store_page = aligned_alloc(4096, 4096);
    memset(fake_store_page, 0, 4096);
    store_init(fake_store_page, 1);
}

void fake_fini(void)
{
    if ((!fake_gives_up && (fake_grants_used || fake_pages_used)) || fake_ports_used) {
        fprintf(stderr, "kept: %u grants, %u pages, %u ports\n", fake_grants_used, fake_pages_used, fake_ports_used);
        abort();
    }
    fake_store_reset();
    free(fake_store_page);
    fake_store_page = NULL;
}

void fake_turn(void)
{
    fake_store_turn();
    if (fake_peer)
        fake_peer();
}

void *fake_page(uint32_t ref, bool write)
{
    if (ref >= FAKE_GRANTS || !fake_grants[ref].used || (write && fake_grants[ref].readonly))
        return NULL;
    return (void *)(uintptr_t)(fake_grants[ref].frame << 12);
}

void fake_event(uint32_t port)
{
    if (port < FAKE_PORTS && ports[port].fn)
        ports[port].fn(ports[port].arg);
}

void *os_pages_alloc(unsigned int count)
{
    void *p = aligned_alloc(4096, (size_t)count * 4096);

    fake_pages_used += count;
    return memset(p, 0, (size_t)count * 4096);
}

void os_pages_free(void *va, unsigned int count)
{
    fake_pages_used -= count;
    free(va);
}

uint64_t os_frame(const void *va) { return (uintptr_t)va >> 12; }

uint32_t os_grant(domid_t peer, uint64_t frame, bool readonly)
{
    (void)peer;
    if (fake_grants_used >= fake_grants_limit)
        return 0;
    for (uint32_t i = 8; i < FAKE_GRANTS; i++) {
        if (fake_grants[i].used)
            continue;
        fake_grants[i] = (struct fake_grant){.frame = frame, .used = true, .readonly = readonly};
        fake_grants_used++;
        return i;
    }
    return 0;
}

bool os_grant_end(uint32_t ref)
{
    if (ref >= FAKE_GRANTS || !fake_grants[ref].used)
        abort(); /* the library ended what it did not have */
    if (fake_grants[ref].mapped)
        return false;
    fake_grants[ref].used = false;
    fake_grants_used--;
    return true;
}

int os_event_open(domid_t peer, os_event_fn fn, void *arg, uint32_t *port)
{
    (void)peer;
    for (uint32_t i = 8; i < FAKE_PORTS; i++)
        if (!ports[i].fn) {
            ports[i].fn = fn;
            ports[i].arg = arg;
            fake_ports_used++;
            *port = i;
            return 0;
        }
    return -XEN_ENOSPC;
}

int os_event_attach(uint32_t port, os_event_fn fn, void *arg)
{
    ports[port].fn = fn;
    ports[port].arg = arg;
    return 0;
}

void os_event_close(uint32_t port)
{
    if (!ports[port].fn)
        abort();
    ports[port].fn = NULL;
    fake_ports_used--;
}

void os_event_notify(uint32_t port) { fake_notified[port]++; }

uint64_t os_time(void) { return fake_clock ? fake_clock() : (now += 1000); }

/* Nobody else runs: what a hundred turns do not bring about never comes, and the time passes. */
bool os_wait(bool (*done)(void *arg), void *arg, uint64_t deadline)
{
    for (unsigned int i = 0; i < 100; i++) {
        if (done(arg))
            return true;
        fake_turn();
    }
    while (fake_sleep && !done(arg) && os_time() < deadline) {
        fake_sleep(deadline);
        fake_turn();
    }
    if (deadline != ~0UL && deadline > now)
        now = deadline;
    return done(arg);
}

void os_lock(uint32_t *lock)
{
    if (*lock)
        abort(); /* one thread: it would wait for itself */
    *lock = 1;
}

void os_unlock(uint32_t *lock)
{
    if (!*lock)
        abort();
    *lock = 0;
}

void os_log(const char *fmt, ...)
{
    va_list ap;

    fake_logged++;
    if (fake_quiet)
        return;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
}

int os_format(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
