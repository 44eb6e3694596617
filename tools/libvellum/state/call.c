/* SPDX-License-Identifier: MIT */
#include "state/call.h"

#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "state/format.h"

void *vl_buffer(struct vl *vl, struct vl_buffer *b, size_t size)
{
    *b = (struct vl_buffer){ .vl = vl, .pages = (size + VL_PAGE_SIZE - 1) / VL_PAGE_SIZE };
    if (!b->pages)
        b->pages = 1;
    b->p = xencall_alloc_buffer_pages(xc_interface_xcall_handle(vl->xc), b->pages);
    if (b->p)
        memset(b->p, 0, b->pages * VL_PAGE_SIZE);
    else
        vl_fail_errno("no memory for a hypercall of %zu pages", b->pages);
    return b->p;
}

void vl_buffer_free(struct vl_buffer *b)
{
    if (b->p)
        xencall_free_buffer_pages(xc_interface_xcall_handle(b->vl->xc), b->p, b->pages);
    b->p = NULL;
}

void *vl_sparse(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

void vl_sparse_free(void *p, size_t size)
{
    if (p)
        munmap(p, size);
}
