/* SPDX-License-Identifier: MIT */
/*
 * Locks between commands, in /run/vellum/locks. The folder is root's alone: in one where anybody may make files, such as
 * /run/lock, any user could take a lock first and stop our commands for as long as they like.
 *
 * One byte of a file is one lock. It belongs to the open file, so it ends with the processes that have it.
 */
#ifndef VL_BASE_RUN_LOCK_H
#define VL_BASE_RUN_LOCK_H

#include <stdint.h>

/*
 * Take lock `which` of the file of that name, waiting for at most `patience_ms` (-1: as long as it takes). A descriptor to
 * close; -EBUSY, not told; another -errno, told.
 */
int vl_run_lock(const char *name, uint32_t which, int patience_ms);

/* Another folder in that one's place, for tests; NULL: that one. */
void vl_run_lock_folder(const char *folder);

#endif
