/* SPDX-License-Identifier: MIT */
/* Taking memory from dom0 for a new guest (autoballoon in xl.conf(5)). */
#ifndef VL_LIFE_BALLOON_H
#define VL_LIFE_BALLOON_H

#include <stdint.h>

#include "base/vl.h"

/*
 * Where the host may do so, shrink dom0 until the guest fits, or for 30 s at most. 0 also when nothing was to be done or
 * may be: then the builder says what is missing. -errno, told, when dom0 did not give enough.
 */
int vl_balloon_make_room(struct vl *vl, uint64_t memory_kb);

#endif
