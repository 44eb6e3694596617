/* SPDX-License-Identifier: MIT */
/*
 * Notes about shells: a file in the run folder's SHELLS_FOLDER, named after the UUID, from before a shell is made until it
 * has become a guest or has gone. A shell has its name in the store only late; by its note one that is half made is known
 * as nobody's when both its maker and the daemon have been killed.
 *
 * The note holds the daemon's process id, and is locked by the worker that makes the shell as long as that lives.
 */
#ifndef VELLUMD_SHELLNOTE_H
#define VELLUMD_SHELLNOTE_H

#include "base/uuid.h"
#include "life/life.h"
#include "vellumd/vellumd.h"

#define SHELLS_FOLDER "shells"

/* The daemon's. 0 or a told -errno. */
int shellnote_write(const struct options *options, const char uuid[VL_UUID_TEXT]);
void shellnote_drop(const struct options *options, const uint8_t uuid[16]);

/* The worker's: lock the note. -errno, told; else *daemon is the process id that stands in it. The lock ends with the worker. */
int shellnote_hold(const struct options *options, const char *uuid, pid_t *daemon);

/*
 * When the daemon starts: calls `undo` for each domain of `list` whose UUID stands in a note, and removes the notes, but
 * for those whose worker is still there. That one finds that its daemon has gone, and undoes what it has made.
 */
void shellnotes_clear(const struct options *options, const struct vl_domain_list *list,
                      void (*undo)(void *arg, uint32_t domid), void *arg);

#endif
