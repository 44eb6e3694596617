/* SPDX-License-Identifier: MIT */
/*
 * The saved state of a domain, as Xen's tools publish it (specs/libxl-migration-stream and libxc-migration-stream in
 * Debian's xen-doc): a head that xl writes, the libxl stream, and in that the libxc stream with the guest itself.
 * Numbers are little-endian, but for those of the two image headers.
 */
#ifndef VL_STATE_FORMAT_H
#define VL_STATE_FORMAT_H

#include <stdint.h>

#define VL_PAGE_SHIFT 12
#define VL_PAGE_SIZE 4096u

/* What xl puts in front: this, then `optional_len` bytes, of which the first four are the length of the text. */
#define VL_HEAD_MAGIC "Xen saved domain, xl format\n \0 \r"
#define VL_HEAD_BYTE_ORDER 0x01020304u
#define VL_HEAD_JSON 1u                 /* the configuration is JSON */
#define VL_HEAD_STREAM_V2 2u            /* a libxl stream follows */
#define VL_HEAD_CONFIG_MAX (1u << 20)

struct vl_head_raw {
    char magic[32];
    uint32_t byte_order, mandatory, optional, optional_len;
};

#define VL_LIBXL_IDENT 0x4c6962786c466d74ull
#define VL_LIBXL_VERSION 2u
#define VL_OPTION_BIG_ENDIAN 1u
#define VL_OPTION_LEGACY 2u

enum { VL_LIBXL_END = 0, VL_LIBXL_LIBXC_CONTEXT = 1 };

struct vl_libxl_header {
    uint64_t ident;             /* big-endian, these three */
    uint32_t version, options;
};

#define VL_IMAGE_MARKER 0xffffffffffffffffull
#define VL_IMAGE_ID 0x58454e46u
#define VL_IMAGE_VERSION 3u
#define VL_DOMAIN_X86_PV 1u

struct vl_image_header {
    uint64_t marker;            /* big-endian, down to options */
    uint32_t id, version;
    uint16_t options, reserved[3];
};

struct vl_domain_header {
    uint32_t type;
    uint16_t page_shift, reserved;
    uint32_t xen_major, xen_minor;
};

struct vl_record {
    uint32_t type, length;
};

enum {
    VL_REC_END = 0x00,
    VL_REC_PAGE_DATA = 0x01,
    VL_REC_PV_INFO = 0x02,
    VL_REC_P2M_FRAMES = 0x03,
    VL_REC_VCPU_BASIC = 0x04,
    VL_REC_VCPU_EXTENDED = 0x05,
    VL_REC_VCPU_XSAVE = 0x06,
    VL_REC_SHARED_INFO = 0x07,
    VL_REC_TSC_INFO = 0x08,
    VL_REC_VCPU_MSRS = 0x0c,
    VL_REC_VERIFY = 0x0d,
    VL_REC_CHECKPOINT = 0x0e,
    VL_REC_STATIC_DATA_END = 0x10,
    VL_REC_CPUID_POLICY = 0x11,
    VL_REC_MSR_POLICY = 0x12,
};
#define VL_REC_OPTIONAL 0x80000000u

/* What may follow the header of a record; larger ones are refused before anything is read. */
#define VL_RECORD_MAX (64u << 20)       /* P2M frames of a guest of 16 TiB */
#define VL_BLOB_MAX (64u << 10)         /* vCPU state, policies */

struct vl_pages_header {
    uint32_t count, reserved;
};

struct vl_pv_info {
    uint8_t width, levels;
    uint16_t reserved;
    uint32_t reserved2;
};

struct vl_p2m_range {
    uint32_t first, last;
};

struct vl_vcpu_header {
    uint32_t vcpu, reserved;
};

struct vl_tsc_info {
    uint32_t mode, khz;
    uint64_t nsec;
    uint32_t incarnation, reserved;
};

/* A page's entry: its number, and its type in the top four bits (XEN_DOMCTL_PFINFO_*, shifted). */
#define VL_PFN_MASK ((1ull << 52) - 1)
#define VL_PFN_TYPE_SHIFT 60

enum vl_page_type {
    VL_PAGE_NORMAL = 0x0,
    VL_PAGE_L1 = 0x1,
    VL_PAGE_L4 = 0x4,
    VL_PAGE_PINNED = 0x8,       /* a bit, on 1 to 4 */
    VL_PAGE_BROKEN = 0xd,
    VL_PAGE_ALLOC_ONLY = 0xe,
    VL_PAGE_INVALID = 0xf,
};

/* 1 to 4 for a page table, 0 for anything else. */
static inline unsigned vl_page_level(unsigned type)
{
    return (type & 7) <= VL_PAGE_L4 && type < VL_PAGE_BROKEN ? type & 7 : 0;
}

static inline int vl_page_type_valid(unsigned type)
{
    return type <= VL_PAGE_L4 || (type > VL_PAGE_PINNED && type <= (VL_PAGE_PINNED | VL_PAGE_L4)) ||
        (type >= VL_PAGE_BROKEN && type <= VL_PAGE_INVALID);
}

static inline int vl_page_has_data(unsigned type)
{
    return type < VL_PAGE_BROKEN;
}

/* Pages are handled in batches of this many. */
#define VL_BATCH 1024u

struct vl_batch {
    unsigned n;
    uint64_t pfn[VL_BATCH];
    uint8_t type[VL_BATCH];
    void *page[VL_BATCH];       /* where its bytes are, or go; NULL for pages without */
};

#endif
