/* SPDX-License-Identifier: MIT */
/*
 * A file that lies in memory (tmpfs), mapped: a copy costs less than a system call that copies. What is mapped can vanish
 * (somebody cuts the file short): a copy that meets such a page ends, and its caller asks the file by a system call. So it
 * does for what a hole reaches into, where touching a page would allocate it; the mapping keeps account of the holes.
 * Used by the only thread of its process.
 */
#ifndef BLK_MAPPING_H
#define BLK_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct mapping {
    uint8_t *at;        /* NULL: there is none */
    uint64_t bytes;
    uint64_t *hole;     /* a bit a page: it may be in a hole */
    uint64_t holes;     /* of these bits, how many are set */
};

/* Once a process, before it is confined: without it there are no mappings. 0, or a negative errno. */
int mapping_init(void);

/* Map the whole pages of a file's first `bytes`; none where that cannot be, or where looking for its holes would take long. */
struct mapping mapping_open(int fd, uint64_t bytes, bool readonly);
void mapping_close(struct mapping *m);

/* Copy between the list and the file's bytes from `at` on; together they are `bytes`. False: part or nothing was copied. */
bool mapping_read(const struct mapping *m, uint64_t at, uint64_t bytes, const struct iovec *iov, unsigned n);
bool mapping_write(const struct mapping *m, uint64_t at, uint64_t bytes, const struct iovec *iov, unsigned n);

/* The caller makes a hole of these bytes, or has filled them. */
void mapping_punched(struct mapping *m, uint64_t at, uint64_t bytes);
void mapping_filled(struct mapping *m, uint64_t at, uint64_t bytes);

#endif
