/* SPDX-License-Identifier: MIT */
/*
 * libnbd, loaded only by a worker that serves an image through it: with what it needs itself (TLS, XML, ICU) it is ten
 * times larger than all the rest, and a guest on raw disks has no use for it. It must be loaded before the worker is
 * confined.
 */
#ifndef BLK_LIBNBD_LATE_H
#define BLK_LIBNBD_LATE_H

#include <stdbool.h>

#include <libnbd.h>

#define LIBNBD_FUNCTIONS(X) \
    X(nbd_create) X(nbd_close) X(nbd_get_error) X(nbd_get_errno) X(nbd_set_export_name) X(nbd_aio_connect_socket) \
    X(nbd_aio_disconnect) X(nbd_aio_is_connecting) X(nbd_aio_is_ready) X(nbd_aio_is_processing) X(nbd_aio_is_dead) \
    X(nbd_aio_is_closed) X(nbd_aio_get_fd) X(nbd_aio_get_direction) X(nbd_aio_notify_read) X(nbd_aio_notify_write) \
    X(nbd_aio_pread) X(nbd_aio_pwrite) X(nbd_aio_flush) X(nbd_aio_trim) X(nbd_get_size) X(nbd_is_read_only) \
    X(nbd_can_flush) X(nbd_can_trim) X(nbd_poll)

struct libnbd {
#define X(name) __typeof__(&name) name;
    LIBNBD_FUNCTIONS(X)
#undef X
};

/* The functions; NULL members until libnbd_load(). */
extern struct libnbd libnbd;

/* False when the library is not installed (told). */
bool libnbd_load(void);

#endif
