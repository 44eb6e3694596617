/* SPDX-License-Identifier: MIT */
#include "build/put.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/log.h"
#include "build/guest.h"

#define FIRST GNTTAB_NR_RESERVED_ENTRIES
#define BATCH 256

struct vl_put {
    struct vl_guest *g;
    xengnttab_handle *gnttab;
    xenforeignmemory_resource_handle *table;
    grant_entry_v1_t *entry;    /* the guest's first ones */
    xengnttab_grant_copy_segment_t segment[BATCH];      /* segment i uses the reference FIRST + i */
    unsigned n, most;           /* segments that wait; references that have been used */
};
_Static_assert(FIRST + BATCH <= VL_PAGE / sizeof(grant_entry_v1_t), "the references lie in the table's first frame");

struct vl_put *vl_put_open(struct vl_guest *g)
{
    struct vl_put *put = vl_xmalloc(sizeof(*put));
    void *p = NULL;

    *put = (struct vl_put){ .g = g, .gnttab = vl_gnttab(g->vl) };
    if (!put->gnttab) {
        free(put);
        return NULL;
    }
    put->table = xenforeignmemory_map_resource(vl_fmem(g->vl), (domid_t)g->domid, XENMEM_resource_grant_table,
                                               XENMEM_resource_grant_table_id_shared, 0, 1, &p,
                                               PROT_READ | PROT_WRITE, 0);
    if (!put->table) {
        vl_fail_errno("cannot map the guest's grant table");
        free(put);
        return NULL;
    }
    put->entry = p;
    return put;
}

/* One piece, within a page of the guest's. */
static int queue(struct vl_put *put, uint64_t address, const void *data, size_t len)
{
    xengnttab_grant_copy_segment_t *s;
    grant_entry_v1_t *e;
    int rc = put->n == BATCH ? vl_put_flush(put) : 0;

    if (rc)
        return rc;
    e = &put->entry[FIRST + put->n];
    e->domid = 0;
    e->frame = (uint32_t)vl_guest_mfn(put->g, address / VL_PAGE);
    __atomic_store_n(&e->flags, GTF_permit_access, __ATOMIC_RELEASE);
    s = &put->segment[put->n];
    s->source.virt = (void *)data;
    s->dest.foreign.ref = FIRST + put->n;
    s->dest.foreign.offset = address % VL_PAGE;
    s->dest.foreign.domid = (domid_t)put->g->domid;
    s->len = (uint16_t)len;
    s->flags = GNTCOPY_dest_gref;
    s->status = 0;
    put->n++;
    put->most = put->n > put->most ? put->n : put->most;
    return 0;
}

int vl_put(struct vl_put *put, uint64_t address, const void *data, size_t len)
{
    const uint8_t *from = data;
    int rc = 0;

    while (len && !rc) {
        size_t room = VL_PAGE - address % VL_PAGE, n = len < room ? len : room;

        rc = queue(put, address, from, n);
        address += n;
        from += n;
        len -= n;
    }
    return rc;
}

int vl_put_flush(struct vl_put *put)
{
    unsigned n = put->n;

    put->n = 0;
    if (n && xengnttab_grant_copy(put->gnttab, n, put->segment))
        return vl_fail_errno("cannot copy to the guest's frames");
    for (unsigned i = 0; i < n; i++)
        if (put->segment[i].status != GNTST_okay)
            return vl_fail(-EFAULT, "the hypervisor refused to copy to the guest's frames (grant status %d)",
                           put->segment[i].status);
    return 0;
}

void vl_put_close(struct vl_put *put)
{
    if (!put)
        return;
    for (unsigned i = 0; i < put->most; i++)
        put->entry[FIRST + i].flags = 0;
    memset(put->entry + FIRST, 0, put->most * sizeof(*put->entry));
    xenforeignmemory_unmap_resource(vl_fmem(put->g->vl), put->table);
    free(put);
}
