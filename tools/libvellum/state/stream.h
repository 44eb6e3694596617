/* SPDX-License-Identifier: MIT */
/*
 * Streams as such: what is written and read between the format (format.h) and the guest, which stands behind two tables
 * of functions: a source while saving, a sink while restoring. Nothing here reaches the hypervisor, so tests and the
 * fuzzer put models there.
 *
 * Whatever is read is hostile. The reader checks lengths, counts, types, frame numbers' range and the order of
 * records; a sink need only check what its guest alone can know.
 */
#ifndef VL_STATE_STREAM_H
#define VL_STATE_STREAM_H

#include "state/format.h"
#include "state/pipe.h"
#include "state/tables.h"

/* --- the head: the configuration -------------------------------------------------------------- */

/* Write it: `len` bytes of JSON and a NUL. */
int vl_head_write(struct vl_out *out, const char *json, size_t len);

/* What a head says. `json` is allocated, NUL-terminated, NULL when there is none. */
struct vl_head {
    uint32_t mandatory, optional, optional_len;
    char *json;
    size_t json_len;
};
int vl_head_read(struct vl_in *in, struct vl_head *head);

/* --- writing ---------------------------------------------------------------------------------- */

struct vl_stream_source {
    void *ctx;
    /* For the n frames of a batch: type and, where a page has data, its bytes, until unmap. 0 or a told -errno. */
    int (*map)(void *ctx, struct vl_batch *b);
    void (*unmap)(void *ctx, struct vl_batch *b);
    vl_frame_map *pfn_of;       /* from a machine frame */
};

/* The bytes of a batch's page tables while they are translated. */
struct vl_scratch {
    uint8_t *pages;
    unsigned room;
};
void vl_scratch_free(struct vl_scratch *scratch);

int vl_stream_begin(struct vl_out *out, unsigned xen_major, unsigned xen_minor);
int vl_record_write(struct vl_out *out, uint32_t type, const void *first, size_t first_len, const void *second,
                    size_t second_len);
/*
 * The pages pfn[0 … n-1] of a batch as one record. With `late`, a page table that cannot be translated now (the guest
 * runs and changes it) is left out and reported by calling `late` with its number; without, that is an error.
 */
int vl_pages_write(struct vl_out *out, const struct vl_stream_source *source, struct vl_batch *b,
                   struct vl_scratch *scratch, void (*late)(void *ctx, uint64_t pfn), void *late_ctx);
int vl_stream_end(struct vl_out *out);

/* --- reading ---------------------------------------------------------------------------------- */

/* A set of blobs that the reader owns while it calls. */
struct vl_policy {
    const void *leaves, *msrs;  /* xen_cpuid_leaf_t[], xen_msr_entry_t[] */
    unsigned n_leaves, n_msrs;
};

/* Each returns 0 or a told -errno, which ends the reading. */
struct vl_stream_sink {
    void *ctx;
    int (*policy)(void *ctx, const struct vl_policy *policy);
    /* The guest's P2M list lies in these frames; pages beyond `last` will not come. */
    int (*p2m_frames)(void *ctx, uint64_t first, uint64_t last, const uint64_t *frames, size_t n);
    /* A batch to come: set page[] for those whose type has data. Then, when they are filled in, done. */
    int (*pages)(void *ctx, struct vl_batch *b);
    int (*pages_done)(void *ctx, struct vl_batch *b);
    int (*tsc)(void *ctx, const struct vl_tsc_info *tsc);
    int (*shared_info)(void *ctx, const void *page);
    /* One of the four vCPU records; never empty. */
    int (*vcpu)(void *ctx, uint32_t record, uint32_t vcpu, const void *blob, size_t len);
    int (*end)(void *ctx);      /* all there: put it together */
};

/* What follows the head, up to and including the last record. */
int vl_stream_read(struct vl_in *in, const struct vl_stream_sink *sink);

#endif
