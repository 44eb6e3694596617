/* SPDX-License-Identifier: MIT */
/* Memory for special ends: reached by the hypervisor, or indexed by frame numbers. Private to state/. */
#ifndef VL_STATE_CALL_H
#define VL_STATE_CALL_H

#include <xencall.h>

#include "base/vl.h"

struct vl_buffer {
    struct vl *vl;
    void *p;
    size_t pages;
};

/* Zeroed; NULL after a told error. The buffer stays until vl_buffer_free. */
void *vl_buffer(struct vl *vl, struct vl_buffer *b, size_t size);
void vl_buffer_free(struct vl_buffer *b);

/* Zeros that cost only where they are touched, for tables indexed by frame numbers. NULL, not told; vl_sparse_free. */
void *vl_sparse(size_t size);
void vl_sparse_free(void *p, size_t size);

/* The entries that the P2M of a guest of so many pages may have: a bound on what it can make us allocate. */
static inline uint64_t vl_p2m_most(uint64_t pages)
{
    return pages * 4 + (1u << 20);
}

/* set_xen_guest_handle for a buffer's memory: the libraries' headers have it for their own wrappers only. */
#define VL_HANDLE(handle, pointer) ((handle).p = (pointer))

#endif
