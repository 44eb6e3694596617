/* SPDX-License-Identifier: MIT */
/*
 * Compares two saved states of one guest that were made one after the other: the records must be the same in kind,
 * order and length, and in their bytes where the guest did not run in between: the head, policies, P2M frames, each
 * page's number and type. Says how many pages and registers differ. Exit code 0 when the two have the same form.
 * Usage: stream-compare ONE TWO
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "state/format.h"

struct stream {
    const char *name;
    const uint8_t *p, *end;
};

static int differences;

static int map(struct stream *s, const char *name)
{
    int fd = open(name, O_RDONLY);
    struct stat st;
    void *p;

    if (fd < 0 || fstat(fd, &st))
        return -1;
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    *s = (struct stream){ name, p, (uint8_t *)p + st.st_size };
    return p == MAP_FAILED ? -1 : 0;
}

static void compare(const char *what, const uint8_t *a, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (a[i] != b[i]) {
            printf("%s: differs from byte %zu of %zu: %02x, %02x\n", what, i, len, a[i], b[i]);
            differences++;
            return;
        }
}

static uint64_t pages, other_pages, other_tables, other_blobs;

static void compare_pages(const uint8_t *a, const uint8_t *b)
{
    uint32_t count;
    uint64_t entry;
    const uint8_t *one, *two;

    memcpy(&count, a, sizeof(count));
    compare("pages: numbers and types", a, b, 8 + count * 8ul);
    one = a + 8 + count * 8ul;
    two = b + 8 + count * 8ul;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(&entry, a + 8 + i * 8ul, sizeof(entry));
        if (!vl_page_has_data((unsigned)(entry >> VL_PFN_TYPE_SHIFT)))
            continue;
        pages++;
        if (memcmp(one, two, VL_PAGE_SIZE)) {
            other_pages++;
            other_tables += vl_page_level((unsigned)(entry >> VL_PFN_TYPE_SHIFT)) != 0;
        }
        one += VL_PAGE_SIZE;
        two += VL_PAGE_SIZE;
    }
}

int main(int argc, char **argv)
{
    struct vl_head_raw head;
    struct stream a, b;
    size_t front;

    if (argc != 3 || map(&a, argv[1]) || map(&b, argv[2]))
        return 2;
    memcpy(&head, a.p, sizeof(head));
    front = sizeof(head) + head.optional_len + sizeof(struct vl_libxl_header) + sizeof(struct vl_record) +
        sizeof(struct vl_image_header) + sizeof(struct vl_domain_header);
    compare("head", a.p, b.p, front);
    a.p += front;
    b.p += front;
    while (a.p < a.end && b.p < b.end && !differences) {
        struct vl_record r;
        char what[32];

        memcpy(&r, a.p, sizeof(r));
        snprintf(what, sizeof(what), "record %#x", r.type);
        compare(what, a.p, b.p, sizeof(r));
        a.p += sizeof(r);
        b.p += sizeof(r);
        if (differences)
            break;
        if (r.type == VL_REC_PAGE_DATA)
            compare_pages(a.p, b.p);
        else if (r.type >= VL_REC_VCPU_BASIC && r.type <= VL_REC_TSC_INFO && r.type != VL_REC_VCPU_EXTENDED)
            other_blobs += memcmp(a.p, b.p, r.length) != 0;     /* the guest has run since */
        else
            compare(what, a.p, b.p, r.length);
        a.p += (r.length + 7ul) & ~7ul;
        b.p += (r.length + 7ul) & ~7ul;
    }
    if (!differences && (a.p != a.end || b.p != b.end)) {
        printf("one ends before the other\n");
        differences++;
    }
    printf("%llu pages, %llu with other bytes (%llu of them page tables); %llu records of registers and time differ\n",
           (unsigned long long)pages, (unsigned long long)other_pages, (unsigned long long)other_tables,
           (unsigned long long)other_blobs);
    return differences != 0;
}
