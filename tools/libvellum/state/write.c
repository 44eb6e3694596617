/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "state/stream.h"

static const uint8_t zeros[8];

int vl_head_write(struct vl_out *out, const char *json, size_t len)
{
    struct vl_head_raw raw = { .byte_order = VL_HEAD_BYTE_ORDER, .mandatory = VL_HEAD_JSON | VL_HEAD_STREAM_V2,
                               .optional_len = (uint32_t)(sizeof(uint32_t) + len + 1) };
    uint32_t text_len = (uint32_t)len + 1;
    struct iovec v[] = { { &raw, sizeof(raw) }, { &text_len, sizeof(text_len) }, { (void *)(uintptr_t)json, len },
                         { (void *)(uintptr_t)zeros, 1 } };

    memcpy(raw.magic, VL_HEAD_MAGIC, sizeof(raw.magic));
    return vl_out_vector(out, v, 4);
}

int vl_stream_begin(struct vl_out *out, unsigned xen_major, unsigned xen_minor)
{
    struct vl_libxl_header libxl = { htobe64(VL_LIBXL_IDENT), htobe32(VL_LIBXL_VERSION), 0 };
    struct vl_record context = { VL_LIBXL_LIBXC_CONTEXT, 0 };
    struct vl_image_header image = { .marker = VL_IMAGE_MARKER, .id = htobe32(VL_IMAGE_ID),
                                     .version = htobe32(VL_IMAGE_VERSION) };
    struct vl_domain_header domain = { VL_DOMAIN_X86_PV, VL_PAGE_SHIFT, 0, xen_major, xen_minor };
    struct vl_pv_info info = { .width = 8, .levels = 4 };
    struct iovec v[] = { { &libxl, sizeof(libxl) }, { &context, sizeof(context) }, { &image, sizeof(image) },
                         { &domain, sizeof(domain) } };
    int rc = vl_out_vector(out, v, 4);

    return rc ? rc : vl_record_write(out, VL_REC_PV_INFO, &info, sizeof(info), NULL, 0);
}

int vl_record_write(struct vl_out *out, uint32_t type, const void *first, size_t first_len, const void *second,
                    size_t second_len)
{
    struct vl_record record = { type, (uint32_t)(first_len + second_len) };
    struct iovec v[] = { { &record, sizeof(record) }, { (void *)(uintptr_t)first, first_len },
                         { (void *)(uintptr_t)second, second_len },
                         { (void *)(uintptr_t)zeros, -(first_len + second_len) & 7 } };

    return vl_out_vector(out, v, 4);
}

int vl_stream_end(struct vl_out *out)
{
    struct vl_record ends[2] = { { VL_REC_END, 0 }, { VL_LIBXL_END, 0 } };

    return vl_out_exact(out, ends, sizeof(ends));
}

void vl_scratch_free(struct vl_scratch *scratch)
{
    free(scratch->pages);
    *scratch = (struct vl_scratch){ 0 };
}

/* Drop entry i of a batch. Its page stays mapped with the others. */
static void drop(struct vl_batch *b, unsigned i)
{
    unsigned rest = b->n - i - 1;

    memmove(&b->pfn[i], &b->pfn[i + 1], rest * sizeof(b->pfn[0]));
    memmove(&b->type[i], &b->type[i + 1], rest * sizeof(b->type[0]));
    memmove(&b->page[i], &b->page[i + 1], rest * sizeof(b->page[0]));
    b->n--;
}

/* Put copies with the guest's own frame numbers in place of the batch's page tables. */
static int translate(const struct vl_stream_source *source, struct vl_batch *b, struct vl_scratch *scratch,
                     void (*late)(void *ctx, uint64_t pfn), void *late_ctx)
{
    unsigned tables = 0, at = 0;

    for (unsigned i = 0; i < b->n; i++)
        tables += vl_page_level(b->type[i]) != 0;
    if (tables > scratch->room) {
        free(scratch->pages);
        scratch->pages = vl_xmalloc((size_t)tables * VL_PAGE_SIZE);
        scratch->room = tables;
    }
    for (unsigned i = 0; i < b->n;) {
        unsigned level = vl_page_level(b->type[i]), bad;
        uint64_t *to;

        if (!level) {
            i++;
            continue;
        }
        to = (uint64_t *)(scratch->pages + (size_t)at++ * VL_PAGE_SIZE);
        bad = vl_table_translate(level, b->page[i], to, source->pfn_of, source->ctx);
        if (bad == 512) {
            b->page[i++] = to;
        } else if (late) {
            late(late_ctx, b->pfn[i]);
            drop(b, i);
        } else {
            return vl_fail(-EDOM, "the guest's page table %#llx (level %u) maps what is not the guest's: entry %u is "
                           "%#llx", (unsigned long long)b->pfn[i], level, bad,
                           (unsigned long long)((uint64_t *)b->page[i])[bad]);
        }
    }
    return 0;
}

static int write_batch(struct vl_out *out, struct vl_batch *b)
{
    struct vl_pages_header header = { .count = b->n };
    struct vl_record record = { .type = VL_REC_PAGE_DATA };
    uint64_t entry[VL_BATCH];
    struct iovec v[3 + VL_BATCH];
    size_t n = 3, pages = 0;

    if (!b->n)
        return 0;
    for (unsigned i = 0; i < b->n; i++) {
        entry[i] = b->pfn[i] | (uint64_t)b->type[i] << VL_PFN_TYPE_SHIFT;
        if (!b->page[i])
            continue;
        pages++;
        if (n > 3 && (uint8_t *)v[n - 1].iov_base + v[n - 1].iov_len == b->page[i])
            v[n - 1].iov_len += VL_PAGE_SIZE;
        else
            v[n++] = (struct iovec){ b->page[i], VL_PAGE_SIZE };
    }
    record.length = (uint32_t)(sizeof(header) + b->n * sizeof(entry[0]) + pages * VL_PAGE_SIZE);
    v[0] = (struct iovec){ &record, sizeof(record) };
    v[1] = (struct iovec){ &header, sizeof(header) };
    v[2] = (struct iovec){ entry, b->n * sizeof(entry[0]) };
    return vl_out_vector(out, v, n);
}

int vl_pages_write(struct vl_out *out, const struct vl_stream_source *source, struct vl_batch *b,
                   struct vl_scratch *scratch, void (*late)(void *ctx, uint64_t pfn), void *late_ctx)
{
    int rc = source->map(source->ctx, b);

    if (rc)
        return rc;
    rc = translate(source, b, scratch, late, late_ctx);
    if (!rc)
        rc = write_batch(out, b);
    source->unmap(source->ctx, b);
    return rc;
}
