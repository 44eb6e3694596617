/* SPDX-License-Identifier: MIT */
/* domctls with a buffer: memory that the hypervisor may reach. Private to state/. */
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

/* set_xen_guest_handle for a buffer's memory: the libraries' headers have it for their own wrappers only. */
#define VL_HANDLE(handle, pointer) ((handle).p = (pointer))

#endif
