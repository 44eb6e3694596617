/* SPDX-License-Identifier: MIT */
/*
 * What a kernel supplies to the front-end drivers, and all that they take from it besides memcpy, memmove, memset and
 * memcmp, which a freestanding compiler asks for anyway, strlen and strcmp.
 *
 * Calls come from two contexts. Events: handlers given to os_event_open and os_event_attach, called when a port fires,
 * with that port masked; a driver's handler calls nothing but the driver user's own `ready`. Threads: all else. Memory is
 * taken when a device connects, never to move data. Errors are negative XEN_ errnos of <xen/errno.h>.
 */
#ifndef FRONT_OS_H
#define FRONT_OS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef __XEN_INTERFACE_VERSION__
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#endif
#include <xen/xen.h>
#include <xen/errno.h>

#define OS_PAGE_SIZE 4096U

size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* COUNT pages, zeroed, consecutive in our address space; NULL when there are none. */
void *os_pages_alloc(unsigned int count);
void os_pages_free(void *va, unsigned int count);
/* The frame number that names the page of VA in a grant: its mfn in a PV kernel. */
uint64_t os_frame(const void *va);

/* Grants PEER access to a frame: the reference, or 0 when none is left. */
uint32_t os_grant(domid_t peer, uint64_t frame, bool readonly);
/* Takes a grant back: false while the peer has the page mapped (the grant then stays). A grant that was made before the
 * last resume is simply forgotten. */
bool os_grant_end(uint32_t ref);

typedef void (*os_event_fn)(void *arg);
/* A new port for PEER to bind to, with its handler. */
int os_event_open(domid_t peer, os_event_fn fn, void *arg, uint32_t *port);
/* A handler for a port that exists: xenstore's and the console's. */
int os_event_attach(uint32_t port, os_event_fn fn, void *arg);
/* A port that was opened before the last resume is simply forgotten. */
void os_event_close(uint32_t port);
void os_event_notify(uint32_t port);

uint64_t os_time(void); /* nanoseconds, never backwards */
/* Sleeps until DONE says true, asked anew after every event, or os_time() reaches the deadline: what DONE said last. An
 * event between the question and the sleep is not missed. */
bool os_wait(bool (*done)(void *arg), void *arg, uint64_t deadline);

/* A lock that may be held over os_wait; the word is 0 when free. */
void os_lock(uint32_t *lock);
void os_unlock(uint32_t *lock);

/* As printf and snprintf, for %s %u %lu %x %d. */
void os_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int os_format(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
