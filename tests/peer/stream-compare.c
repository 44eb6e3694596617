/* SPDX-License-Identifier: MIT */
/*
 * Compares two saved states of one guest that were made one after the other: the records must be the same in kind,
 * order and length, and in their bytes where the guest's running in between changes nothing: the head, policies, P2M
 * frames, each page's number. Of the CPUID policy the leaves are compared. Says how many pages (their types, their bytes)
 * and registers differ. Exit code 0 when the two have the same form.
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

#include <xenctrl.h>

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

static uint64_t pages, other_types, other_pages, other_tables, other_blobs;

static void compare_pages(const uint8_t *a, const uint8_t *b)
{
    uint32_t count;
    uint64_t entry, other;
    const uint8_t *one, *two;

    memcpy(&count, a, sizeof(count));
    compare("pages: how many", a, b, 8);
    one = a + 8 + count * 8ul;
    two = b + 8 + count * 8ul;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(&entry, a + 8 + i * 8ul, sizeof(entry));
        memcpy(&other, b + 8 + i * 8ul, sizeof(other));
        /* A page may have become a table, or none: the guest ran in between. */
        compare("pages: numbers", (uint8_t *)&(uint64_t){ entry & VL_PFN_MASK },
                (uint8_t *)&(uint64_t){ other & VL_PFN_MASK }, sizeof(entry));
        other_types += entry != other;
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

/* One form's leaf in the other's list: nothing that says anything may be missing, nor said otherwise. */
static void find_leaf(const xen_cpuid_leaf_t *leaf, const uint8_t *list, size_t count)
{
    static const xen_cpuid_leaf_t nothing;
    xen_cpuid_leaf_t other;

    for (size_t i = 0; i < count; i++) {
        memcpy(&other, list + i * sizeof(other), sizeof(other));
        if (other.leaf == leaf->leaf && other.subleaf == leaf->subleaf) {
            if (memcmp(&other.a, &leaf->a, 4 * sizeof(leaf->a))) {
                printf("CPUID leaf %#x.%#x differs\n", leaf->leaf, leaf->subleaf);
                differences++;
            }
            return;
        }
    }
    /* Debian's writer adds those that the hypervisor makes up, and leaves of zeros. */
    if (leaf->leaf >> 16 != 0x4000 && memcmp(&nothing.a, &leaf->a, 4 * sizeof(leaf->a))) {
        printf("CPUID leaf %#x.%#x is in one only\n", leaf->leaf, leaf->subleaf);
        differences++;
    }
}

static void compare_leaves(const uint8_t *a, size_t a_count, const uint8_t *b, size_t b_count)
{
    xen_cpuid_leaf_t leaf;

    for (size_t i = 0; i < a_count + b_count; i++) {
        memcpy(&leaf, i < a_count ? a + i * sizeof(leaf) : b + (i - a_count) * sizeof(leaf), sizeof(leaf));
        if (i < a_count)
            find_leaf(&leaf, b, b_count);
        else
            find_leaf(&leaf, a, a_count);
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
        struct vl_record r, other;
        char what[32];

        memcpy(&r, a.p, sizeof(r));
        memcpy(&other, b.p, sizeof(other));
        snprintf(what, sizeof(what), "record %#x", r.type);
        compare(what, a.p, b.p, r.type == VL_REC_CPUID_POLICY ? sizeof(r.type) : sizeof(r));
        a.p += sizeof(r);
        b.p += sizeof(r);
        if (differences)
            break;
        if (r.type == VL_REC_PAGE_DATA)
            compare_pages(a.p, b.p);
        else if (r.type == VL_REC_CPUID_POLICY)
            compare_leaves(a.p, r.length / sizeof(xen_cpuid_leaf_t), b.p, other.length / sizeof(xen_cpuid_leaf_t));
        else if (r.type >= VL_REC_VCPU_BASIC && r.type <= VL_REC_TSC_INFO && r.type != VL_REC_VCPU_EXTENDED)
            other_blobs += memcmp(a.p, b.p, r.length) != 0;     /* the guest has run since */
        else
            compare(what, a.p, b.p, r.length);
        a.p += (r.length + 7ul) & ~7ul;
        b.p += (other.length + 7ul) & ~7ul;
    }
    if (!differences && (a.p != a.end || b.p != b.end)) {
        printf("one ends before the other\n");
        differences++;
    }
    printf("%llu pages, %llu of another type, %llu with other bytes (%llu of them page tables); %llu records of registers "
           "and time differ\n", (unsigned long long)pages, (unsigned long long)other_types,
           (unsigned long long)other_pages, (unsigned long long)other_tables, (unsigned long long)other_blobs);
    return differences != 0;
}
