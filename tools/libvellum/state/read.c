/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "state/stream.h"

#define CHUNK (256u << 10)      /* memory for a record grows as its bytes come */
#define LEAF_SIZE 24u           /* xen_cpuid_leaf_t */
#define MSR_SIZE 16u            /* xen_msr_entry_t, and xen_domctl_vcpu_msr */
#define PER_FRAME (VL_PAGE_SIZE / 8)
#define MAX_VCPUS 8192u

struct reader {
    struct vl_in *in;
    const struct vl_stream_sink *sink;
    uint32_t seen;              /* records seen, bits by type; they are all below 32 */
    uint64_t last_pfn;
    void *leaves, *msrs;        /* until the static data end */
    struct vl_policy policy;
    struct vl_batch *batch;
};

static bool has(const struct reader *r, uint32_t type)
{
    return r->seen & 1u << type;
}

/* --- heads ------------------------------------------------------------------------------------- */

int vl_head_read(struct vl_in *in, struct vl_head *head)
{
    struct vl_head_raw raw;
    uint32_t len = 0;
    int rc = vl_in_exact(in, &raw, sizeof(raw));

    *head = (struct vl_head){ 0 };
    if (rc)
        return rc;
    if (memcmp(raw.magic, VL_HEAD_MAGIC, sizeof(raw.magic)))
        return vl_fail(-EINVAL, "%s does not hold a saved domain", in->name);
    if (raw.byte_order != VL_HEAD_BYTE_ORDER)
        return vl_fail(-EINVAL, "%s was saved on a machine of another byte order", in->name);
    if (!(raw.mandatory & VL_HEAD_STREAM_V2))
        return vl_fail(-ENOTSUP, "%s was saved by xl 4.5 or older, in a format that is not supported", in->name);
    if (raw.mandatory & ~(VL_HEAD_STREAM_V2 | VL_HEAD_JSON))
        return vl_fail(-ENOTSUP, "%s needs features %#x that we do not know", in->name, raw.mandatory);
    if (raw.optional_len > VL_HEAD_CONFIG_MAX)
        return vl_fail(-EINVAL, "%s: a configuration of %u bytes is too long", in->name, raw.optional_len);
    head->mandatory = raw.mandatory;
    head->optional = raw.optional;
    head->optional_len = raw.optional_len;
    if (raw.optional_len < sizeof(len))
        return vl_in_skip(in, raw.optional_len);
    rc = vl_in_exact(in, &len, sizeof(len));
    if (!rc && (len > raw.optional_len - sizeof(len) || !(raw.mandatory & VL_HEAD_JSON)))
        rc = vl_fail(-EINVAL, "%s: the configuration in it is damaged or in the old format", in->name);
    if (rc)
        return rc;
    head->json = vl_xmalloc(len + 1);
    rc = vl_in_exact(in, head->json, len);
    head->json[len] = 0;
    head->json_len = len && !head->json[len - 1] ? len - 1 : len;
    if (!rc)
        rc = vl_in_skip(in, raw.optional_len - sizeof(len) - len);
    if (rc) {
        free(head->json);
        head->json = NULL;
    }
    return rc;
}

static int read_libxl_header(struct vl_in *in)
{
    struct vl_libxl_header h;
    struct vl_record record;
    int rc = vl_in_exact(in, &h, sizeof(h));

    if (rc)
        return rc;
    if (be64toh(h.ident) != VL_LIBXL_IDENT || be32toh(h.version) != VL_LIBXL_VERSION)
        return vl_fail(-EINVAL, "%s: there is no version 2 stream of libxl's in it", in->name);
    if (be32toh(h.options))
        return vl_fail(-ENOTSUP, "%s: %s", in->name, be32toh(h.options) & VL_OPTION_BIG_ENDIAN
                       ? "streams of another byte order are not supported"
                       : "converted streams of Xen 4.5 and older are not supported");
    rc = vl_in_exact(in, &record, sizeof(record));
    if (rc)
        return rc;
    if (record.type != VL_LIBXL_LIBXC_CONTEXT || record.length)
        return vl_fail(-EINVAL, "%s: record %#x of %u bytes where the guest's memory should begin", in->name,
                       record.type, record.length);
    return 0;
}

static int read_image_headers(struct vl_in *in)
{
    struct vl_image_header image;
    struct vl_domain_header domain;
    int rc = vl_in_exact(in, &image, sizeof(image));

    if (rc)
        return rc;
    if (image.marker != VL_IMAGE_MARKER || be32toh(image.id) != VL_IMAGE_ID)
        return vl_fail(-EINVAL, "%s: the domain image has no valid header", in->name);
    if (be32toh(image.version) != VL_IMAGE_VERSION && be32toh(image.version) != 2)
        return vl_fail(-ENOTSUP, "%s: a domain image of version %u is not supported (2 and 3 are)", in->name,
                       be32toh(image.version));
    if (be16toh(image.options) & VL_OPTION_BIG_ENDIAN)
        return vl_fail(-ENOTSUP, "%s: domain images of another byte order are not supported", in->name);
    rc = vl_in_exact(in, &domain, sizeof(domain));
    if (rc)
        return rc;
    if (domain.type != VL_DOMAIN_X86_PV)
        return vl_fail(-ENOTSUP, "%s holds a domain of type %u; only x86 PV guests (1) run here", in->name,
                       domain.type);
    if (domain.page_shift != VL_PAGE_SHIFT)
        return vl_fail(-EINVAL, "%s: pages of 2^%u bytes", in->name, domain.page_shift);
    vl_debug("%s: a PV domain of version %u.%u", in->name, domain.xen_major, domain.xen_minor);
    return 0;
}

/* --- records ----------------------------------------------------------------------------------- */

static int refuse(const struct reader *r, uint32_t type, const char *why)
{
    return vl_fail(-EINVAL, "%s: record %#x %s, before byte %llu", r->in->name, type, why,
                   (unsigned long long)r->in->total);
}

/* Everything of a record that is not pages: `len` bytes, allocated as they come. NULL after a told error. */
static void *read_body(struct reader *r, uint32_t len, int *rc)
{
    uint8_t *body = NULL, pad[8];

    *rc = 0;
    for (uint32_t at = 0; at < len && !*rc;) {
        uint32_t n = len - at < CHUNK ? len - at : CHUNK;

        body = vl_xrealloc(body, at + n);
        *rc = vl_in_exact(r->in, body + at, n);
        at += n;
    }
    if (!*rc)
        *rc = vl_in_exact(r->in, pad, -len & 7);
    if (!*rc)
        return body ? body : vl_xmalloc(1);
    free(body);
    return NULL;
}

static int do_pv_info(struct reader *r, const void *body, uint32_t len)
{
    const struct vl_pv_info *info = body;

    if (len != sizeof(*info))
        return refuse(r, VL_REC_PV_INFO, "has a wrong length");
    if (info->width != 8 || info->levels != 4)
        return vl_fail(-ENOTSUP, "%s: a guest of %u bits with %u levels of page tables is not supported", r->in->name,
                       info->width * 8u, info->levels);
    return 0;
}

static int keep_policy(struct reader *r, uint32_t type, void **keep, unsigned *count, void *body, uint32_t len,
                       uint32_t size)
{
    if (!len || len % size)
        return refuse(r, type, "has a wrong length");
    *count = len / size;
    *keep = body;
    return 1;                   /* taken over */
}

static int static_data_end(struct reader *r)
{
    r->policy.leaves = r->leaves;
    r->policy.msrs = r->msrs;
    return r->sink->policy(r->sink->ctx, &r->policy);
}

static int do_p2m_frames(struct reader *r, const void *body, uint32_t len)
{
    struct vl_p2m_range range;
    uint64_t n;
    int rc = 0;

    if (!has(r, VL_REC_PV_INFO))
        return refuse(r, VL_REC_P2M_FRAMES, "comes before the guest's width");
    if (len < sizeof(range))
        return refuse(r, VL_REC_P2M_FRAMES, "has a wrong length");
    memcpy(&range, body, sizeof(range));
    n = (uint64_t)range.last / PER_FRAME - range.first / PER_FRAME + 1;
    if (range.first > range.last || n * 8 != len - sizeof(range))
        return refuse(r, VL_REC_P2M_FRAMES, "has a wrong range");
    if (!has(r, VL_REC_STATIC_DATA_END)) {      /* a version 2 image: the static data ends here */
        r->seen |= 1u << VL_REC_STATIC_DATA_END;
        rc = static_data_end(r);
    }
    r->last_pfn = range.last;
    return rc ? rc : r->sink->p2m_frames(r->sink->ctx, range.first, range.last,
                                         (const uint64_t *)((const uint8_t *)body + sizeof(range)), n);
}

static int do_tsc(struct reader *r, const void *body, uint32_t len)
{
    struct vl_tsc_info tsc;

    if (len != sizeof(tsc))
        return refuse(r, VL_REC_TSC_INFO, "has a wrong length");
    memcpy(&tsc, body, sizeof(tsc));
    return r->sink->tsc(r->sink->ctx, &tsc);
}

static int do_vcpu(struct reader *r, uint32_t type, const void *body, uint32_t len)
{
    const struct vl_vcpu_header *h = body;

    if (!has(r, VL_REC_PAGE_DATA))
        return refuse(r, type, "comes before any memory");
    if (len < sizeof(*h))
        return refuse(r, type, "has a wrong length");
    if (h->vcpu >= MAX_VCPUS)
        return refuse(r, type, "is for an impossible vCPU");
    if (len == sizeof(*h))      /* Xen 4.6 to 4.8 wrote empty ones */
        return 0;
    if (type == VL_REC_VCPU_MSRS && (len - sizeof(*h)) % MSR_SIZE)
        return refuse(r, type, "has a wrong length");
    return r->sink->vcpu(r->sink->ctx, type, h->vcpu, (const uint8_t *)body + sizeof(*h), len - sizeof(*h));
}

/* Records other than pages. 1: the body has been kept. */
static int dispatch(struct reader *r, uint32_t type, void *body, uint32_t len)
{
    switch (type) {
    case VL_REC_PV_INFO:
        return do_pv_info(r, body, len);
    case VL_REC_CPUID_POLICY:
        return keep_policy(r, type, &r->leaves, &r->policy.n_leaves, body, len, LEAF_SIZE);
    case VL_REC_MSR_POLICY:
        return keep_policy(r, type, &r->msrs, &r->policy.n_msrs, body, len, MSR_SIZE);
    case VL_REC_STATIC_DATA_END:
        return static_data_end(r);
    case VL_REC_P2M_FRAMES:
        return do_p2m_frames(r, body, len);
    case VL_REC_TSC_INFO:
        return do_tsc(r, body, len);
    case VL_REC_SHARED_INFO:
        return len == VL_PAGE_SIZE ? r->sink->shared_info(r->sink->ctx, body) : refuse(r, type, "has a wrong length");
    default:
        return do_vcpu(r, type, body, len);
    }
}

/* Read the bytes of one batch straight to where the sink wants them. */
static int fill_batch(struct reader *r)
{
    struct vl_batch *b = r->batch;
    struct iovec v[VL_BATCH];
    size_t n = 0;
    int rc = r->sink->pages(r->sink->ctx, b);

    if (rc)
        return rc;
    for (unsigned i = 0; i < b->n; i++) {
        if (!vl_page_has_data(b->type[i]))
            continue;
        if (n && (uint8_t *)v[n - 1].iov_base + v[n - 1].iov_len == b->page[i])
            v[n - 1].iov_len += VL_PAGE_SIZE;
        else
            v[n++] = (struct iovec){ b->page[i], VL_PAGE_SIZE };
    }
    rc = vl_in_vector(r->in, v, n);
    /* The sink has to give up what it holds for the batch in any case. */
    return rc ? (r->sink->pages_done(r->sink->ctx, NULL), rc) : r->sink->pages_done(r->sink->ctx, b);
}

/* The entries of a record of pages: checked, and how many of them have data. */
static int check_entries(struct reader *r, const uint64_t *entry, uint32_t count, uint64_t *with_data)
{
    *with_data = 0;
    for (uint32_t i = 0; i < count; i++) {
        unsigned type = (unsigned)(entry[i] >> VL_PFN_TYPE_SHIFT);
        uint64_t pfn = entry[i] & ~(0xfull << VL_PFN_TYPE_SHIFT);

        if (!vl_page_type_valid(type))
            return vl_fail(-EINVAL, "%s: page %#llx has the unknown type %#x", r->in->name, (unsigned long long)pfn,
                           type);
        if (pfn > r->last_pfn)
            return vl_fail(-EINVAL, "%s: page %#llx lies outside the guest, whose last one is %#llx", r->in->name,
                           (unsigned long long)pfn, (unsigned long long)r->last_pfn);
        *with_data += (uint64_t)vl_page_has_data(type);
    }
    return 0;
}

static int do_pages(struct reader *r, uint32_t len)
{
    struct vl_pages_header h;
    uint64_t entry[VL_BATCH], with_data;
    int rc;

    if (!has(r, VL_REC_P2M_FRAMES))
        return refuse(r, VL_REC_PAGE_DATA, "comes before the P2M's frames");
    if (len < sizeof(h))
        return refuse(r, VL_REC_PAGE_DATA, "has a wrong length");
    rc = vl_in_exact(r->in, &h, sizeof(h));
    if (rc)
        return rc;
    if (!h.count || h.count > VL_BATCH || (uint64_t)h.count * 8 > len - sizeof(h))
        return refuse(r, VL_REC_PAGE_DATA, "has an impossible count of pages");
    rc = vl_in_exact(r->in, entry, h.count * sizeof(entry[0]));
    if (!rc)
        rc = check_entries(r, entry, h.count, &with_data);
    if (rc)
        return rc;
    if (sizeof(h) + (uint64_t)h.count * 8 + with_data * VL_PAGE_SIZE != len)
        return refuse(r, VL_REC_PAGE_DATA, "has a wrong length");
    r->batch->n = h.count;
    for (uint32_t i = 0; i < h.count; i++) {
        r->batch->pfn[i] = entry[i] & VL_PFN_MASK;
        r->batch->type[i] = (uint8_t)(entry[i] >> VL_PFN_TYPE_SHIFT);
        r->batch->page[i] = NULL;
    }
    return fill_batch(r);
}

/* Which records may come, how often, and how long they may be. */
static int admit(struct reader *r, const struct vl_record *record)
{
    static const uint32_t many = 1u << VL_REC_PAGE_DATA | 1u << VL_REC_VCPU_BASIC | 1u << VL_REC_VCPU_EXTENDED |
        1u << VL_REC_VCPU_XSAVE | 1u << VL_REC_VCPU_MSRS;
    static const uint32_t early = 1u << VL_REC_PV_INFO | 1u << VL_REC_CPUID_POLICY | 1u << VL_REC_MSR_POLICY |
        1u << VL_REC_STATIC_DATA_END;
    static const uint32_t known = many | early | 1u << VL_REC_P2M_FRAMES | 1u << VL_REC_SHARED_INFO |
        1u << VL_REC_TSC_INFO;
    uint32_t limit = record->type == VL_REC_P2M_FRAMES || record->type == VL_REC_PAGE_DATA ? VL_RECORD_MAX
        : VL_BLOB_MAX;

    if (record->type == VL_REC_VERIFY || record->type == VL_REC_CHECKPOINT)
        return vl_fail(-ENOTSUP, "%s: %s are not supported", r->in->name,
                       record->type == VL_REC_VERIFY ? "verification streams (--debug)"
                       : "checkpointed streams (Remus)");
    if (record->type >= 32 || !(known & 1u << record->type))
        return vl_fail(-ENOTSUP, "%s: a record of the unknown type %#x must not be passed over", r->in->name,
                       record->type);
    if (has(r, record->type) && !(many & 1u << record->type))
        return refuse(r, record->type, "comes a second time");
    if (early & 1u << record->type && has(r, VL_REC_STATIC_DATA_END))
        return refuse(r, record->type, "comes after the static data's end");
    if (record->length > limit)
        return refuse(r, record->type, "is too long");
    return 0;
}

static int one_record(struct reader *r, const struct vl_record *record)
{
    void *body;
    int rc;

    if (record->type & VL_REC_OPTIONAL)
        return vl_in_skip(r->in, (record->length + 7ull) & ~7ull);
    rc = admit(r, record);
    if (rc)
        return rc;
    if (record->type == VL_REC_PAGE_DATA) {
        rc = do_pages(r, record->length);
    } else {
        body = read_body(r, record->length, &rc);
        if (!body)
            return rc;
        rc = dispatch(r, record->type, body, record->length);
        if (rc != 1)
            free(body);
    }
    r->seen |= 1u << record->type;
    return rc < 0 ? rc : 0;
}

static int read_records(struct reader *r)
{
    static const uint32_t needed = 1u << VL_REC_PAGE_DATA | 1u << VL_REC_SHARED_INFO | 1u << VL_REC_VCPU_BASIC;
    struct vl_record record;
    int rc;

    for (;;) {
        rc = vl_in_exact(r->in, &record, sizeof(record));
        if (rc)
            return rc;
        if (record.type == VL_REC_END)
            break;
        rc = one_record(r, &record);
        if (rc)
            return rc;
    }
    if (record.length)
        return refuse(r, VL_REC_END, "has a wrong length");
    if ((r->seen & needed) != needed)
        return vl_fail(-EINVAL, "%s ends without the guest's %s", r->in->name,
                       !has(r, VL_REC_PAGE_DATA) ? "memory" : !has(r, VL_REC_SHARED_INFO) ? "shared info" : "vCPUs");
    rc = vl_in_exact(r->in, &record, sizeof(record));
    if (rc)
        return rc;
    if (record.type != VL_LIBXL_END || record.length)
        return vl_fail(-ENOTSUP, "%s: record %#x after the guest's state; a PV guest has none", r->in->name,
                       record.type);
    rc = vl_in_finish(r->in);
    return rc ? rc : r->sink->end(r->sink->ctx);
}

int vl_stream_read(struct vl_in *in, const struct vl_stream_sink *sink)
{
    struct reader r = { .in = in, .sink = sink };
    int rc = read_libxl_header(in);

    if (!rc)
        rc = read_image_headers(in);
    if (rc)
        return rc;
    r.batch = vl_xmalloc(sizeof(*r.batch));
    rc = read_records(&r);
    free(r.batch);
    free(r.leaves);
    free(r.msrs);
    return rc;
}
