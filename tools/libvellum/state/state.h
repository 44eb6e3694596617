/* SPDX-License-Identifier: MIT */
/*
 * A domain's state outside of it: suspended and resumed in place, written to a stream, made anew from one. Functions
 * return 0 or -errno after one told line.
 */
#ifndef VL_STATE_STATE_H
#define VL_STATE_STATE_H

#include <stdbool.h>

#include "life/life.h"
#include "state/live.h"
#include "state/pipe.h"

#define VL_SUSPEND_SECONDS 60           /* what a guest may take to suspend */

/*
 * Only one at a time may save, migrate, suspend or dump a domain: -EBUSY when another one does, and still does after
 * patience_ms. The lock is *fd's; it ends with close, or with the process.
 */
int vl_state_lock(uint32_t domid, int patience_ms, int *fd);

/* Ask a guest to suspend and wait until it has: it stands still then, with all its memory and devices. */
int vl_suspend(struct vl *vl, uint32_t domid);
/* Let a suspended guest run on, as if nothing had been. */
int vl_resume(struct vl *vl, uint32_t domid);
/* The same for one that has been asked to suspend by an xl that is dead, whether it has yet, is about to, or never will. */
int vl_suspend_undo(struct vl *vl, uint32_t domid);
/* 0 when the domain can be suspended at all: it runs, and is not domain 0. -errno, told. */
int vl_state_check(struct vl *vl, uint32_t domid);

/* The configuration of a domain as it goes into a stream; with `keep_domid` its id too. To be freed; NULL, told. */
char *vl_state_config(struct vl *vl, uint32_t domid, bool keep_domid, size_t *len);

struct vl_save_options {
    bool live;                          /* while it runs, where the hypervisor can tell what it writes */
    struct vl_live_params params;
    /* Called every now and then with pages sent and pages there are; may be NULL. */
    void (*progress)(void *ctx, unsigned round, uint64_t done, uint64_t all);
    void *progress_ctx;
};

/*
 * Write a domain (without the head): suspends it, and leaves it suspended, also when it fails after that: then
 * *suspended says so, and the caller resumes it.
 */
int vl_state_write(struct vl *vl, uint32_t domid, struct vl_out *out, const struct vl_save_options *options,
                   bool *suspended);

/*
 * Make a domain from a stream, after its head, paused and with all its devices. `config` says what it is to be like;
 * `domid` asks for an id in *domid, when that is not 0. Until vl_restore_finish it bears the UUID `token`, so that a
 * guardian (base/guard.h) can end it and not one of the same UUID that it is a copy of.
 */
int vl_restore(struct vl *vl, struct vl_in *in, const struct vl_config *config, const uint8_t token[16],
               uint32_t *domid);
/* It is the real one now: give it its UUID, and the name that `name` says when that is not NULL. */
int vl_restore_finish(struct vl *vl, uint32_t domid, const struct vl_config *config, const char *name);

#endif
