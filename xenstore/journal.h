/* SPDX-License-Identifier: MIT */
/*
 * The journal: what lets a killed xenstored come back. Files in its folder (/run/xenstored, memory, not disk):
 *
 *   journal   a header, then records; a snapshot of the whole state first, then one record for each change since
 *   rings     for every domain id a slot with the positions of its ring (see ring.c)
 *
 * A record is {u32 len, u32 check, u64 gen} and `len` bytes of entries, padded to 8; all of one request's changes are
 * one record. Both files are mapped shared: appending is a copy into pages that outlive the process, with no system
 * call. The length is stored last, so a kill at any instruction leaves either the whole record or none; the check
 * covers what no kill can do: a damaged or cut file, of which the longest valid prefix counts. Pages are allocated
 * (fallocate) before they are written: a full /run is an error return, never SIGBUS.
 */
#ifndef XENSTORE_JOURNAL_H
#define XENSTORE_JOURNAL_H

#include "util.h"

#define JOURNAL_RESERVE (1u << 20) /* always allocated beyond the end: what is already decided must fit */
#define JOURNAL_MAX     (1ull << 33)

struct ring_slot {
    uint64_t in, out; /* stored as one 16-byte write */
    uint64_t stamp;   /* of the introduction that they belong to */
    uint64_t pad;
};

struct journal {
    int dir, fd, lock;
    char *map;
    uint64_t used, size;  /* bytes written, bytes allocated */
    uint64_t id;          /* ties the rings file to the journal */
    uint64_t visiting;    /* where the record begins that journal_each() shows; 0: none */
    bool shaken;          /* the last daemon ended in its start, when it had taken up the journal */
    struct ring_slot *slot;
    int rings_fd;
    /* the next file, while a snapshot is being written */
    int next_fd;
    char *next_map;
    uint64_t next_used, next_size;
    uint64_t base; /* `used` when the last snapshot was complete */
};

/*
 * Opens DIR's journal, locking it against a second daemon. KEEP: use what is there if it is of this boot; else, and
 * when there is none, an empty one. *FOUND tells which. 0 or negative errno (-EBUSY: another daemon runs).
 */
int journal_open(struct journal *j, const char *dir, bool keep, bool *found);
void journal_close(struct journal *j);

/* Appends one record; -ENOSPC (nothing written) when /run is full. */
int journal_append(struct journal *j, uint64_t gen, const struct buf *entries);
/* Makes sure of so many BYTES of room: 0 or -ENOSPC. */
int journal_reserve(struct journal *j, uint64_t bytes);
/* Allocates the slot's page. */
int journal_slot_reserve(struct journal *j, unsigned domid);

/* Every valid record in order, from the start; VISIT's non-zero answer ends it before that record. Sets the append
 * position behind the last. */
typedef int journal_visit(uint64_t gen, const char *entries, size_t len, void *arg);
int journal_each(struct journal *j, journal_visit *visit, void *arg);
/* For a signal's handler: the record that is being visited ends this process, and the next journal_each() leaves it out;
 * when none is, that one says so in j->shaken. */
void journal_blame(struct journal *j);

/* Compaction: a new file is begun, filled by next_append, and put in place of the old one with the tail from FROM on.
 */
int journal_next_begin(struct journal *j);
int journal_next_append(struct journal *j, uint64_t gen, const struct buf *entries);
int journal_next_finish(struct journal *j, uint64_t from);
void journal_next_abort(struct journal *j);

#endif
