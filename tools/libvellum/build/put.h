/* SPDX-License-Identifier: MIT */
/*
 * Writing the memory of a guest that is being built, without mapping it: the hypervisor copies (GNTTABOP_copy), by grants
 * to this domain that stand in the guest's table for as long. A PV dom0 needs two page-table writes and two calls for
 * each frame that it maps and unmaps, which is more than twice the time of a copy.
 *
 * Call vl_put_open; any number of vl_put; vl_put_flush before what was given to vl_put changes; vl_put_close, after
 * which the guest's table has nothing of ours. The references used are those from FIRST on of the table's first frame.
 */
#ifndef VL_BUILD_PUT_H
#define VL_BUILD_PUT_H

#include <stddef.h>
#include <stdint.h>

struct vl_guest;
struct vl_put;

/* NULL after a told error. */
struct vl_put *vl_put_open(struct vl_guest *g);
/*
 * Copy `len` bytes to the guest's pseudo-physical `address`, now or at the next flush. The caller has checked that the
 * guest has that memory. 0 or a told -errno.
 */
int vl_put(struct vl_put *put, uint64_t address, const void *data, size_t len);
int vl_put_flush(struct vl_put *put);
/* Forgets what was not flushed. NULL is nothing. */
void vl_put_close(struct vl_put *put);

#endif
