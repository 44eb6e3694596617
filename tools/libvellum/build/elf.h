/* SPDX-License-Identifier: MIT */
/*
 * What a PV guest's builder needs from a 64-bit ELF kernel: where its segments go, and its Xen notes (xen/elfnote.h).
 * The two are read apart, because the segments' table stands at the start of the file, the notes anywhere.
 */
#ifndef VL_BUILD_ELF_H
#define VL_BUILD_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VL_ELF_SEGMENTS 32
#define VL_ELF_HEAD 65536       /* the file header and the segments' table stand within this */

/* A PT_LOAD segment, in the order of the file's table. Physical addresses are the file's, not yet offset. */
struct vl_segment {
    uint64_t offset, filesz, paddr, vaddr, memsz;
};

struct vl_elf {
    struct vl_segment load[VL_ELF_SEGMENTS];
    unsigned n_load;
    uint64_t entry;
    uint64_t phoff, shoff;
    uint16_t phnum, shnum;
};

/* The Xen notes. Addresses are virtual. */
struct vl_notes {
    bool has_entry, has_virt_base, has_paddr_offset, has_hypercall_page, has_init_p2m, mod_start_pfn;
    uint64_t entry, virt_base, paddr_offset, hypercall_page, init_p2m;
    char guest_os[32], loader[32], xen_version[32];
    char features[256];
    uint32_t supported_features;
    bool bsd_symtab;
};

/*
 * Read the header and the segments out of the first `len` bytes of a file of `size` bytes. Checks that it is a
 * little-endian x86-64 executable, that every segment lies in the file, and that none overlap in memory. `name` is
 * for messages. 0 or a told -EINVAL.
 */
int vl_elf_read(struct vl_elf *elf, const char *name, const uint8_t *data, size_t len, uint64_t size);

/* Read the Xen notes of the whole expanded file. 0, or a told -EINVAL: damaged notes. Missing ones are no error here. */
int vl_notes_read(struct vl_notes *notes, const struct vl_elf *elf, const char *name, const uint8_t *data, size_t size);

/*
 * How much of the expanded file a builder looks at: all segments and what describes them. Kernels bring relocations
 * behind that, which only who moves them needs.
 */
size_t vl_elf_needed(const struct vl_elf *elf, const uint8_t *data, size_t size);

/* Can a 64-bit PV guest be made of this? Tells why not: no Xen entry, a required feature that a PV guest cannot have. */
int vl_notes_check(const struct vl_notes *notes, const char *name);

#endif
