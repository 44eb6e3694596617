/* SPDX-License-Identifier: MIT */
/* What saving, restoring and migrating share. */
#ifndef XL_STATE_H
#define XL_STATE_H

#include "state/state.h"
#include "state/stream.h"

/* What is behind the name of a domain that lives elsewhere. */
#define XL_AWAY "--migratedaway"

#define XL_LIVE_ROUNDS 5
#define XL_DOWNTIME_MS 300

/* A running line of progress on standard error, when that is a terminal, or with -t. */
struct xl_progress {
    const char *what;
    unsigned round, percent;
    bool shown;
};
void xl_progress(void *progress, unsigned round, uint64_t done, uint64_t all);

/*
 * The configuration that goes with a domain's state: the file `path`, or, when that is NULL, what is kept of the
 * running domain. To be freed. NULL, told.
 */
char *xl_state_config(uint32_t domid, const char *path, bool keep_domid, size_t *len);

/*
 * Destroy a domain that lives elsewhere by now. 0 when it has gone, though something of it may stand (told); else a told -errno.
 */
int xl_state_end(uint32_t domid);

/* The head of a stream with a line about it, as people know it from xl. */
int xl_head_write(struct vl_out *out, const char *json, size_t len);

/* A domain that comes in. */
struct xl_incoming {
    struct vl_config *config;
    char *final_name;           /* its name when it is the only one; NULL: it has it already */
    uint8_t token[16];
    uint32_t domid;
};

/*
 * Read a stream and make its domain, paused. With `incoming` its name ends in --incoming until xl_incoming_start.
 * `file` overrides the configuration in the stream when it is not NULL. 0 or a told -errno, with nothing left behind;
 * xl_incoming_free in any case.
 */
int xl_incoming(struct xl_incoming *d, struct vl_in *in, const char *file, bool incoming);
/* It is the only one from here on: name, UUID, and it runs unless `paused`. */
int xl_incoming_start(struct xl_incoming *d, bool paused, bool monitor);
void xl_incoming_drop(struct xl_incoming *d);
void xl_incoming_free(struct xl_incoming *d);

#endif
