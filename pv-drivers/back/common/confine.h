/* SPDX-License-Identifier: MIT */
/* What a worker gives up before it looks at anything that its guest wrote. */
#ifndef BACK_CONFINE_H
#define BACK_CONFINE_H

#include <stddef.h>

/*
 * Drop root for good (to the user `nobody`, in an empty folder of its own where that can be had), and allow only the
 * system calls that the two workers' loops make, and `ioctls` on what is open already. Anything else ends the process.
 * `extra` lists further system calls by number. 0, or -errno (told); then the worker must not go on.
 */
int confine(const unsigned long *ioctls, size_t n_ioctls, const int *extra, size_t n_extra);

#endif
