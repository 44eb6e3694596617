/* SPDX-License-Identifier: MIT */
/* The kernel, the ramdisk and the P2M are written by a child process (base/child.h), as it ends before the guest starts. */
#include <errno.h>
#include <sys/mman.h>

#include "base/child.h"
#include "base/log.h"
#include "build/guest.h"
#include "build/image.h"

/* What the child hands over, in memory that both have. */
struct outcome {
    struct vl_guest *g;         /* the builder's: its child has a copy */
    bool loaded;                /* all else is there */
    bool cached;                /* the image's expansion was good, or there is none */
    struct vl_elf elf;
    struct vl_notes notes;
    struct vl_layout lay;
};

static int load(void *outcome)
{
    struct outcome *o = outcome;
    struct vl_guest *g = o->g;
    struct vl own = { 0 };
    int rc;

    g->vl = &own;
    g->ends_soon = true;
    rc = vl_xc(&own) ? vl_guest_load_kernel(g) : -EIO;
    if (!rc)
        rc = vl_guest_load_ramdisk(g);
    if (!rc)
        rc = vl_guest_write_p2m(g);
    vl_log_phase("ramdisk loaded, P2M written");
    o->cached = g->image->cached != NULL;
    o->elf = g->elf;
    o->notes = g->notes;
    o->lay = g->lay;
    o->loaded = true;
    return rc;
}

int vl_guest_load(struct vl_guest *g)
{
    struct outcome *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int rc;

    if (o == MAP_FAILED)
        return vl_fail_errno("no memory to load the kernel");
    o->g = g;
    rc = vl_child_run("the process that loads the kernel", load, o);
    if (o->loaded) {
        g->elf = o->elf;
        g->notes = o->notes;
        g->lay = o->lay;
        if (!o->cached)
            vl_image_forget_cached(g->image);
    }
    munmap(o, sizeof(*o));
    return rc;
}
