/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "state/vcpu.h"

#define GDT_FRAMES_MAX 16u
#define GDT_PER_FRAME 512u
#define CR3_USER_VALID 1ull             /* in a stream, ctrlreg[1] says so whether there is a user table */

static uint64_t gdt_frames(const vcpu_guest_context_x86_64_t *c)
{
    return (c->gdt_ents + GDT_PER_FRAME - 1) / GDT_PER_FRAME;
}

static int translate(uint32_t vcpu, uint64_t *frame, vl_frame_map *map, void *ctx, const char *what)
{
    uint64_t to = map(ctx, *frame);

    if (to == VL_NO_FRAME)
        return vl_fail(-EINVAL, "vCPU %u: its %s %#llx is none of the guest's frames", vcpu, what,
                       (unsigned long long)*frame);
    *frame = to;
    return 0;
}

static int translate_gdt(uint32_t vcpu, vcpu_guest_context_x86_64_t *c, vl_frame_map *map, void *ctx)
{
    uint64_t n = gdt_frames(c);
    int rc = 0;

    if (c->gdt_ents > GDT_FRAMES_MAX * GDT_PER_FRAME)
        return vl_fail(-EINVAL, "vCPU %u: a GDT of %llu entries", vcpu, (unsigned long long)c->gdt_ents);
    for (uint64_t i = 0; i < n && !rc; i++)
        rc = translate(vcpu, &c->gdt_frames[i], map, ctx, "GDT frame");
    return rc;
}

static int translate_cr3(uint32_t vcpu, vcpu_guest_context_x86_64_t *c, unsigned reg, vl_frame_map *map, void *ctx)
{
    uint64_t frame = c->ctrlreg[reg] >> 12;
    int rc = translate(vcpu, &frame, map, ctx, "page table");

    c->ctrlreg[reg] = frame << 12;
    return rc;
}

int vl_vcpu_to_guest(uint32_t vcpu, vcpu_guest_context_x86_64_t *c, vl_frame_map *map, void *ctx)
{
    uint64_t start_info = c->user_regs.rdx;
    int rc = 0;

    /* A guest that has suspended itself left its start_info's frame in the third argument of the hypercall. */
    if (!vcpu) {
        rc = translate(vcpu, &start_info, map, ctx, "start_info");
        c->user_regs.rdx = start_info;
    }
    if (!rc)
        rc = translate_gdt(vcpu, c, map, ctx);
    if (!rc)
        rc = translate_cr3(vcpu, c, 3, map, ctx);
    if (!rc && c->ctrlreg[1]) {
        rc = translate_cr3(vcpu, c, 1, map, ctx);
        c->ctrlreg[1] |= CR3_USER_VALID;
    }
    return rc;
}

int vl_vcpu_to_machine(uint32_t vcpu, vcpu_guest_context_x86_64_t *c, vl_frame_map *map, void *ctx,
                       uint64_t *start_info)
{
    uint64_t frame;
    int rc = 0;

    if (!vcpu) {
        *start_info = frame = c->user_regs.rdx;
        rc = translate(vcpu, &frame, map, ctx, "start_info");
        c->user_regs.rdx = frame;
    }
    if (!rc)
        rc = translate_gdt(vcpu, c, map, ctx);
    if (!rc)
        rc = translate_cr3(vcpu, c, 3, map, ctx);
    if (rc)
        return rc;
    if (!(c->ctrlreg[1] & CR3_USER_VALID)) {
        c->ctrlreg[1] = 0;
        return 0;
    }
    return translate_cr3(vcpu, c, 1, map, ctx);
}
