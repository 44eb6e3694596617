/* SPDX-License-Identifier: MIT */
/*
 * A running or suspended guest as the source of a stream: its P2M, found through its shared info and copied once (the
 * guest can change it), its page types, its frames mapped in batches.
 *
 * The way back from machine frames to the guest's is made from that copy, not from the hypervisor's M2P: it costs four
 * bytes a frame of the guest's and holds nothing of other guests.
 */
#ifndef VL_STATE_SOURCE_H
#define VL_STATE_SOURCE_H

#include "base/vl.h"
#include "state/call.h"
#include "state/stream.h"

struct vl_guest_source {
    struct vl *vl;
    uint32_t domid;
    xc_domaininfo_t info;
    uint8_t shared_info[VL_PAGE_SIZE];      /* a copy */
    uint64_t count;             /* frames in the P2M: 0 … count - 1 */
    uint64_t *p2m;
    uint64_t *frames;           /* machine frames of the P2M itself */
    size_t n_frames;
    uint32_t *pfn_plus_1;       /* by machine frame; 0: not the guest's */
    uint64_t machine_frames;
    struct vl_buffer types;
    void *mapped;
    unsigned n_mapped;
    uint64_t may_keep;          /* so many pages stay mapped until this process ends, which it does soon */
};

/* Read a guest's P2M. `most` is the number of frames it may have at most. 0 or a told -errno. */
int vl_source_open(struct vl_guest_source *s, struct vl *vl, uint32_t domid, uint64_t most);
/* Read it again, once the guest stands still; sets the bits of frames that are others now. 0 or a told -errno. */
int vl_source_refresh(struct vl_guest_source *s, uint64_t *changed);
void vl_source_close(struct vl_guest_source *s);

/* As the writer wants it. */
struct vl_stream_source vl_source_ops(struct vl_guest_source *s);

/* A machine frame as the guest's own number, or VL_NO_FRAME. */
uint64_t vl_source_pfn(void *source, uint64_t mfn);
/* The other way; VL_NO_FRAME for a hole. */
uint64_t vl_source_mfn(const struct vl_guest_source *s, uint64_t pfn);

#endif
