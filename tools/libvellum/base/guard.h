/* SPDX-License-Identifier: MIT */
/*
 * A guardian for a creation (or a save): a process that waits beside it, and undoes everything when the creating process
 * dies before it has said that all is well, by whatever signal. When all is well, the guardian becomes the domain's
 * monitor as soon as its creator has ended, or has become another program.
 *
 * The guardian is a child that shares the creator's memory (as vfork's does, but running beside it), so it costs no
 * copy of page tables. It touches nothing of that memory but this module's own variables: it reads a pipe and then
 * executes xl anew. Since it lives a moment longer than its creator, the creator's memory is taken down in the
 * guardian's time and nobody waits for that. The guest's memory must not be mapped in it any more by then.
 */
#ifndef VL_BASE_GUARD_H
#define VL_BASE_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Start one for the domain that will have this uuid. 0 or a told -errno. It destroys nothing before it is armed. */
int vl_guard_start(const uint8_t uuid[16]);
/* No other domain has that uuid, and the next thing is to make it. */
void vl_guard_arm(void);

/* The domain has been made, and its UUID is about to change: from here on it is known by its number. */
void vl_guard_number(uint32_t domid);
/*
 * The domain is about to be started, and is not to go any more: the guardian starts it, if that has not been done, and
 * then becomes its monitor, or just ends.
 */
void vl_guard_starting(bool monitor, uint32_t domid);

/* Start one for a domain that is about to be suspended: it has it run on, if it has been asked to suspend by then. */
int vl_guard_start_resume(uint32_t domid);
void vl_guard_asked(bool asked);
/* It is about to be renamed, as one that has been moved away: it gets its own name back, too. */
void vl_guard_renamed(void);

/* All is well: `monitor` says whether the guardian is to become the monitor of domain `domid`, or just to end. */
void vl_guard_done(bool monitor, uint32_t domid);

/* The domain is being saved to `path`, and `partial` is its name until it is whole. */
void vl_guard_file(const char *partial, const char *path);

/* Start one for a domain that is being taken down: the guardian goes on with that. */
int vl_guard_start_end(uint32_t domid);

/*
 * Start one for a device that is about to be attached: the guardian takes it away, by that command. With `coming` false it
 * is about to be detached, and the guardian does nothing before vl_guard_again.
 */
int vl_guard_start_device(const char *command, uint32_t domid, unsigned device, bool coming);

/*
 * Start one for a CPU pool that is about to be made under that number: if it has no name in the store by then, the guardian
 * removes it. vl_guard_arm says that the next thing is to make it.
 */
int vl_guard_start_pool(uint32_t id);

/*
 * The domain that was suspended lives elsewhere now (in that file, which may yet have to get its name) and is to go: the
 * guardian ends that, if its creator dies meanwhile.
 */
void vl_guard_finish(void);
/* It does not, or it does not start, after all: what is undone is as before. */
void vl_guard_again(void);

/* It failed: the guardian has nothing to do, unless the domain may yet suspend, and would then stand still. */
void vl_guard_settle(void);

/* The creation failed and has been undone: the guardian has nothing to do. */
void vl_guard_cancel(void);

/* The same for a creator that lives on: its guardian ends now. */
void vl_guard_dismiss(void);

/* The xl that guardians of this process execute, where that is not its own program. */
void vl_guard_program(const char *path);

/* The process group of a script that runs now (0: none), for the guardian to end if its creator dies. */
void vl_guard_script(pid_t group);

#endif
