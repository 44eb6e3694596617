/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer on the reader of saved states. The first byte says where the input begins: at the very head, after the
 * configuration, among the records, or among the records of a guest whose P2M is known (so that pages are met soon).
 * The sink is the unit tests' model. A run of pages is short in the input: what a page record wants beyond the input's
 * end comes from its beginning, over and over, up to a limit.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "model.h"

#define LONGEST (256u << 10)

static size_t put(uint8_t *to, size_t at, const void *from, size_t len)
{
    memcpy(to + at, from, len);
    return at + len;
}

static size_t put_record(uint8_t *to, size_t at, uint32_t type, const void *body, uint32_t len)
{
    struct vl_record r = { type, len };

    at = put(to, at, &r, sizeof(r));
    at = put(to, at, body, len);
    memset(to + at, 0, -len & 7);
    return at + (-len & 7);
}

/* What precedes the input, by how deep it begins. */
static size_t prefix(uint8_t *to, unsigned depth)
{
    struct vl_head_raw head = { .byte_order = VL_HEAD_BYTE_ORDER, .mandatory = 3, .optional_len = 6 };
    struct vl_libxl_header libxl = { htobe64(VL_LIBXL_IDENT), htobe32(VL_LIBXL_VERSION), 0 };
    struct vl_image_header image = { .marker = VL_IMAGE_MARKER, .id = htobe32(VL_IMAGE_ID), .version = htobe32(3) };
    struct vl_domain_header domain = { VL_DOMAIN_X86_PV, VL_PAGE_SHIFT, 0, 4, 17 };
    struct vl_pv_info info = { 8, 4, 0, 0 };
    struct { struct vl_p2m_range range; uint64_t frame; } p2m = { { 0, 100 }, 5 };
    size_t at = 0;

    memcpy(head.magic, VL_HEAD_MAGIC, sizeof(head.magic));
    if (depth > 0) {
        at = put(to, at, &head, sizeof(head));
        at = put(to, at, "\2\0\0\0x", 6);
    }
    if (depth > 1) {
        at = put(to, at, &libxl, sizeof(libxl));
        at = put_record(to, at, VL_LIBXL_LIBXC_CONTEXT, "", 0);
        at = put(to, at, &image, sizeof(image));
        at = put(to, at, &domain, sizeof(domain));
        at = put_record(to, at, VL_REC_PV_INFO, &info, sizeof(info));
    }
    if (depth > 2) {
        at = put_record(to, at, VL_REC_STATIC_DATA_END, "", 0);
        at = put_record(to, at, VL_REC_P2M_FRAMES, &p2m, sizeof(p2m));
    }
    return at;
}

static void read_stream(int fd)
{
    struct model *m = model_new();
    struct vl_stream_sink sink = model_sink(m);
    struct vl_head head;
    struct vl_in in;

    lseek(fd, 0, SEEK_SET);
    vl_in_open(&in, fd, "input");
    if (!vl_head_read(&in, &head)) {
        int rc = vl_stream_read(&in, &sink);

        /* A batch that has begun is always ended, and only a whole stream is put together. */
        if (m->mapped || (rc != 0) != (m->ends == 0))
            abort();
        free(head.json);
    }
    vl_in_close(&in);
    model_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[LONGEST];
    static int fd = -1;
    size_t len;

    if (!size)
        return 0;
    if (fd < 0) {
        fd = memfd_create("input", 0);
        vl_log_stream(fopen("/dev/null", "w"));
    }
    len = prefix(bytes, data[0] & 3);
    len = put(bytes, len, data + 1, size - 1);
    for (unsigned times = data[0] >> 2; size > 1 && times && len + size < LONGEST; times--)
        len = put(bytes, len, data + 1, size - 1);
    if (ftruncate(fd, 0) || pwrite(fd, bytes, len, 0) != (ssize_t)len)
        abort();
    read_stream(fd);
    return 0;
}
