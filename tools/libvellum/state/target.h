/* SPDX-License-Identifier: MIT */
/*
 * A new domain as the sink of a stream: memory is given to it as pages come, in 2 MiB extents where a batch holds such,
 * and its bytes are read straight into the guest's frames. Page tables and registers are put into machine frames, the
 * P2M is written, tables are pinned, and then the vCPUs get their state.
 */
#ifndef VL_STATE_TARGET_H
#define VL_STATE_TARGET_H

#include "build/build.h"
#include "state/stream.h"

struct vl_vcpu_blob;

struct vl_target {
    struct vl *vl;
    uint32_t domid;
    const struct vl_build_params *params;
    struct vl_build_result *built;
    uint64_t most;              /* pages the guest may have at most */
    uint64_t last;              /* its last frame; set by the P2M record, before which there are no pages */
    uint64_t *mfn_plus_1;       /* by the guest's frame; 0: not given yet */
    uint8_t *type;
    uint64_t populated;
    uint64_t first_p2m, *p2m_frames;
    size_t n_p2m_frames;
    void *mapped;               /* of the batch under way */
    unsigned n_mapped;
    struct vl_scratch tables;   /* its page tables, as they came */
    uint8_t *shared_info;
    struct vl_vcpu_blob *blobs, **blobs_end;
    uint32_t max_vcpus;
    struct vl_tsc_info tsc;
    bool has_tsc;
};

/* `most` pages and `vcpus` are what the configuration allows. */
void vl_target_open(struct vl_target *t, struct vl *vl, uint32_t domid, const struct vl_build_params *params,
                    struct vl_build_result *built, uint64_t most, uint32_t vcpus);
struct vl_stream_sink vl_target_sink(struct vl_target *t);
void vl_target_close(struct vl_target *t);

/* finish.c: everything has come. */
int vl_target_finish(void *target);
/* A frame of the guest's as a machine frame, or VL_NO_FRAME. */
uint64_t vl_target_mfn(void *target, uint64_t pfn);

struct vl_vcpu_blob {
    struct vl_vcpu_blob *next;
    uint32_t record, vcpu;
    size_t len;
    uint8_t bytes[] __attribute__((aligned(8)));
};

#endif
