/* SPDX-License-Identifier: MIT */
/* The processor's part of a domain's state: vCPU records, CPU policy, TSC. Frame numbers are translated on the way. */
#ifndef VL_STATE_VCPU_H
#define VL_STATE_VCPU_H

#include "base/vl.h"
#include "state/stream.h"

/* Translate a vCPU's registers from machine frames to the guest's (saving). -errno told. */
int vl_vcpu_to_guest(uint32_t vcpu, vcpu_guest_context_x86_64_t *c, vl_frame_map *map, void *ctx);
/* And back. The start_info frame of vCPU 0, in the guest's numbering, goes to *start_info. */
int vl_vcpu_to_machine(uint32_t vcpu, vcpu_guest_context_x86_64_t *c, vl_frame_map *map, void *ctx,
                       uint64_t *start_info);

/* Write the records of one vCPU; nothing for one that is not online. */
int vl_vcpu_write(struct vl *vl, uint32_t domid, uint32_t vcpu, struct vl_out *out, vl_frame_map *map, void *ctx);
/* Set one of the records' blobs, already translated. */
int vl_vcpu_set(struct vl *vl, uint32_t domid, uint32_t record, uint32_t vcpu, const void *blob, size_t len);

int vl_policy_write(struct vl *vl, uint32_t domid, struct vl_out *out);
int vl_policy_set(struct vl *vl, uint32_t domid, const struct vl_policy *policy);

int vl_tsc_write(struct vl *vl, uint32_t domid, struct vl_out *out);
int vl_tsc_set(struct vl *vl, uint32_t domid, const struct vl_tsc_info *tsc);

#endif
