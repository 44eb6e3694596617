/* SPDX-License-Identifier: MIT */
/* A small PV kernel to be damaged, shared by the unit tests and the fuzzers of lib/elf.c. */
#ifndef SAMPLE_KERNEL_H
#define SAMPLE_KERNEL_H

#include <elf.h>
#include <string.h>

#include <hv/types.h>

#include <xen/elfnote.h>
#include <xen/features.h>

#define BASE   0xffffffff80000000UL     /* its VIRT_BASE, and where its segments begin */
#define START  (BASE + 0x1000000)

struct image { uint8_t bytes[0x4000]; size_t size, notes, notes_end; };

static inline void add_note(struct image *im, uint32_t type, const void *desc, uint32_t size)
{
    Elf64_Nhdr h = { 4, size, type };

    memcpy(im->bytes + im->notes_end, &h, sizeof(h));
    memcpy(im->bytes + im->notes_end + sizeof(h), "Xen", 4);
    memcpy(im->bytes + im->notes_end + sizeof(h) + 4, desc, size);
    im->notes_end += sizeof(h) + 4 + ((size + 3) & ~3u);
}

static inline void add_number(struct image *im, uint32_t type, uint64_t v)
{
    add_note(im, type, &v, sizeof(v));
}

static inline void add_string(struct image *im, uint32_t type, const char *s)
{
    add_note(im, type, s, (uint32_t)strlen(s) + 1);
}

static inline Elf64_Ehdr *ehdr(struct image *im)
{
    return (Elf64_Ehdr *)im->bytes;
}

static inline Elf64_Phdr *phdr(struct image *im, unsigned int i)
{
    return (Elf64_Phdr *)(im->bytes + sizeof(Elf64_Ehdr)) + i;
}

static inline void finish(struct image *im)
{
    *phdr(im, 2) = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = im->notes, .p_filesz = im->notes_end - im->notes };
}

/* As Linux's: two segments (the second with p_vaddr 0, as per-CPU data has) and the notes. */
static inline void make_kernel(struct image *im)
{
    memset(im, 0, sizeof(*im));
    *ehdr(im) = (Elf64_Ehdr){ .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                              .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = 1, .e_entry = 0x1000000,
                              .e_phoff = sizeof(Elf64_Ehdr), .e_ehsize = sizeof(Elf64_Ehdr),
                              .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3 };
    *phdr(im, 0) = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = 0x1000, .p_vaddr = START, .p_paddr = 0x1000000,
                                 .p_filesz = 0x1800, .p_memsz = 0x1800 };
    *phdr(im, 1) = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = 0x2800, .p_vaddr = 0, .p_paddr = 0x1004000,
                                 .p_filesz = 0x10, .p_memsz = 0x2010 };
    for (unsigned int i = 0x1000; i < 0x2810; i++)
        im->bytes[i] = (uint8_t)(i * 7);
    im->notes = im->notes_end = 0x400;
    add_string(im, XEN_ELFNOTE_GUEST_OS, "linux");
    add_string(im, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    add_number(im, XEN_ELFNOTE_VIRT_BASE, BASE);
    add_number(im, XEN_ELFNOTE_ENTRY, START + 0x123);
    add_number(im, XEN_ELFNOTE_HYPERCALL_PAGE, START + 0x1000);
    add_number(im, XEN_ELFNOTE_INIT_P2M, 0x8000000000UL);
    add_string(im, XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb|made_up");
    add_number(im, XEN_ELFNOTE_SUPPORTED_FEATURES, 1u << XENFEAT_dom0);
    add_string(im, XEN_ELFNOTE_LOADER, "generic");
    add_note(im, XEN_ELFNOTE_MOD_START_PFN, "\1\0\0\0", 4);
    finish(im);
    im->size = 0x2810;
}

#endif
