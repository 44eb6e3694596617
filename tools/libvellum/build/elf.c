/* SPDX-License-Identifier: MIT */
#include "build/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <xen/elfnote.h>

#include "base/log.h"

static int check_ident(const Elf64_Ehdr *h, const char *name)
{
    if (memcmp(h->e_ident, ELFMAG, SELFMAG))
        return vl_fail(-EINVAL, "%s: this is not an ELF file", name);
    if (h->e_ident[EI_CLASS] == ELFCLASS32 || h->e_machine == EM_386)
        return vl_fail(-EINVAL, "%s: this is a 32-bit kernel; only 64-bit PV kernels can run", name);
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
        return vl_fail(-EINVAL, "%s: this kernel is for another architecture (ELF machine %u)", name, h->e_machine);
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
        return vl_fail(-EINVAL, "%s: this ELF file is not an executable (type %u)", name, h->e_type);
    if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0)
        return vl_fail(-EINVAL, "%s: the ELF file has no usable program header table", name);
    return 0;
}

static int check_overlap(const struct vl_elf *elf, const char *name)
{
    for (unsigned i = 0; i < elf->n_load; i++)
        for (unsigned j = 0; j < i; j++) {
            const struct vl_segment *a = &elf->load[i], *b = &elf->load[j];

            if (a->paddr < b->paddr + b->memsz && b->paddr < a->paddr + a->memsz)
                return vl_fail(-EINVAL, "%s: segments %u and %u overlap in memory", name, j, i);
        }
    return 0;
}

int vl_elf_read(struct vl_elf *elf, const char *name, const uint8_t *data, size_t len, uint64_t size)
{
    Elf64_Ehdr h;
    Elf64_Phdr p;
    int rc;

    memset(elf, 0, sizeof(*elf));
    if (len < sizeof(h))
        return vl_fail(-EINVAL, "%s: the file is truncated: no room for an ELF header", name);
    memcpy(&h, data, sizeof(h));
    rc = check_ident(&h, name);
    if (rc)
        return rc;
    if (h.e_phoff > len || h.e_phnum > (len - h.e_phoff) / sizeof(p))
        return vl_fail(-EINVAL, "%s: the file is truncated: its program header table is cut off", name);
    elf->entry = h.e_entry;
    elf->phoff = h.e_phoff;
    elf->phnum = h.e_phnum;
    elf->shoff = h.e_shentsize == sizeof(Elf64_Shdr) ? h.e_shoff : 0;
    elf->shnum = elf->shoff ? h.e_shnum : 0;
    for (unsigned i = 0; i < h.e_phnum; i++) {
        memcpy(&p, data + h.e_phoff + i * sizeof(p), sizeof(p));
        if (p.p_type != PT_LOAD || p.p_memsz == 0)
            continue;
        if (elf->n_load == VL_ELF_SEGMENTS)
            return vl_fail(-EINVAL, "%s: more than %d segments to load", name, VL_ELF_SEGMENTS);
        if (p.p_filesz > p.p_memsz || p.p_offset > size || p.p_filesz > size - p.p_offset)
            return vl_fail(-EINVAL, "%s: the file is truncated: segment %u lies outside it", name, i);
        if (p.p_paddr + p.p_memsz < p.p_paddr)
            return vl_fail(-EINVAL, "%s: segment %u wraps around memory", name, i);
        elf->load[elf->n_load++] = (struct vl_segment){ p.p_offset, p.p_filesz, p.p_paddr, p.p_vaddr, p.p_memsz };
    }
    if (!elf->n_load)
        return vl_fail(-EINVAL, "%s: the ELF file has nothing to load", name);
    return check_overlap(elf, name);
}

/* A note's numeric value has 4 or 8 bytes. */
static bool number(const uint8_t *desc, size_t len, uint64_t *value)
{
    uint32_t small;

    if (len == 8) {
        memcpy(value, desc, 8);
    } else if (len == 4) {
        memcpy(&small, desc, 4);
        *value = small;
    } else {
        return false;
    }
    return true;
}

static bool string(const uint8_t *desc, size_t len, char *out, size_t room)
{
    size_t n = strnlen((const char *)desc, len);

    if (n >= room)
        return false;
    memcpy(out, desc, n);
    out[n] = 0;
    return true;
}

/* One note called "Xen". Those that mean nothing to a 64-bit PV builder are passed over. False: a bad value. */
static bool take_note(struct vl_notes *n, uint32_t type, const uint8_t *desc, size_t len)
{
    uint64_t value = 0;
    char text[32];

    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        n->has_entry = true;
        return number(desc, len, &n->entry);
    case XEN_ELFNOTE_VIRT_BASE:
        n->has_virt_base = true;
        return number(desc, len, &n->virt_base);
    case XEN_ELFNOTE_PADDR_OFFSET:
        n->has_paddr_offset = true;
        return number(desc, len, &n->paddr_offset);
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        n->has_hypercall_page = true;
        return number(desc, len, &n->hypercall_page);
    case XEN_ELFNOTE_INIT_P2M:
        n->has_init_p2m = true;
        return number(desc, len, &n->init_p2m);
    case XEN_ELFNOTE_MOD_START_PFN:
        if (!number(desc, len, &value))
            return false;
        n->mod_start_pfn = value != 0;
        return true;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        if (!number(desc, len, &value))
            return false;
        n->supported_features |= (uint32_t)value;
        return true;
    case XEN_ELFNOTE_BSD_SYMTAB:
        if (!string(desc, len, text, sizeof(text)))
            return false;
        n->bsd_symtab = !strncmp(text, "yes", 3);
        return true;
    case XEN_ELFNOTE_GUEST_OS:
        return string(desc, len, n->guest_os, sizeof(n->guest_os));
    case XEN_ELFNOTE_LOADER:
        return string(desc, len, n->loader, sizeof(n->loader));
    case XEN_ELFNOTE_XEN_VERSION:
        return string(desc, len, n->xen_version, sizeof(n->xen_version));
    case XEN_ELFNOTE_FEATURES:
        return string(desc, len, n->features, sizeof(n->features));
    default:
        return true;
    }
}

static int take_notes(struct vl_notes *notes, const char *name, const uint8_t *at, size_t left)
{
    Elf64_Nhdr h;

    while (left >= sizeof(h)) {
        size_t name_room, desc_room;

        memcpy(&h, at, sizeof(h));
        name_room = ((size_t)h.n_namesz + 3) & ~(size_t)3;
        desc_room = ((size_t)h.n_descsz + 3) & ~(size_t)3;
        at += sizeof(h);
        left -= sizeof(h);
        if (name_room > left || h.n_descsz > left - name_room)
            return vl_fail(-EINVAL, "%s: the ELF notes are damaged", name);
        if (h.n_namesz == 4 && !memcmp(at, "Xen", 4) && !take_note(notes, h.n_type, at + name_room, h.n_descsz))
            return vl_fail(-EINVAL, "%s: the Xen ELF note %u has a bad value (%u bytes)", name, h.n_type, h.n_descsz);
        if (desc_room > left - name_room)
            break;
        at += name_room + desc_room;
        left -= name_room + desc_room;
    }
    return 0;
}

size_t vl_elf_needed(const struct vl_elf *elf, const uint8_t *data, size_t size)
{
    uint64_t end = elf->phoff + elf->phnum * sizeof(Elf64_Phdr);
    bool notes = false;

    if (end > size)
        return size;
    for (unsigned i = 0; i < elf->phnum; i++) {
        Elf64_Phdr p;

        memcpy(&p, data + elf->phoff + i * sizeof(p), sizeof(p));
        if (p.p_type != PT_LOAD && p.p_type != PT_NOTE)
            continue;
        if (p.p_offset > size || p.p_filesz > size - p.p_offset)
            return size;
        notes |= p.p_type == PT_NOTE;
        end = p.p_offset + p.p_filesz > end ? p.p_offset + p.p_filesz : end;
    }
    return notes && end > VL_ELF_HEAD ? end : size;     /* without a note segment the sections are looked at */
}

int vl_notes_read(struct vl_notes *notes, const struct vl_elf *elf, const char *name, const uint8_t *data, size_t size)
{
    bool found = false;

    memset(notes, 0, sizeof(*notes));
    for (unsigned i = 0; i < elf->phnum; i++) {
        Elf64_Phdr p;

        if (elf->phoff > size || (uint64_t)(i + 1) * sizeof(p) > size - elf->phoff)
            return vl_fail(-EINVAL, "%s: the file is truncated", name);
        memcpy(&p, data + elf->phoff + i * sizeof(p), sizeof(p));
        if (p.p_type != PT_NOTE)
            continue;
        if (p.p_offset > size || p.p_filesz > size - p.p_offset)
            return vl_fail(-EINVAL, "%s: the file is truncated: its notes lie outside it", name);
        found = true;
        if (take_notes(notes, name, data + p.p_offset, p.p_filesz))
            return -EINVAL;
    }
    /* Kernels linked without a note segment carry the notes as sections only. */
    for (unsigned i = 0; !found && i < elf->shnum; i++) {
        Elf64_Shdr s;

        if (elf->shoff > size || (uint64_t)(i + 1) * sizeof(s) > size - elf->shoff)
            break;
        memcpy(&s, data + elf->shoff + i * sizeof(s), sizeof(s));
        if (s.sh_type != SHT_NOTE || s.sh_offset > size || s.sh_size > size - s.sh_offset)
            continue;
        if (take_notes(notes, name, data + s.sh_offset, s.sh_size))
            return -EINVAL;
    }
    return 0;
}

/* Features (xen/features.h) that a kernel may demand of its place, and whether a 64-bit PV guest's place has them. */
static const struct { const char *name; bool have; } features[] = {
    { "writable_page_tables", true }, { "writable_descriptor_tables", true }, { "pae_pgdir_above_4gb", true },
    { "mmu_pt_update_preserve_ad", true }, { "gnttab_map_avail_bits", true }, { "memory_op_vnode_supported", true },
    { "auto_translated_physmap", false }, { "supervisor_mode_kernel", false }, { "highmem_assist", false },
    { "hvm_callback_vector", false }, { "hvm_safe_pvclock", false }, { "hvm_pirqs", false }, { "dom0", false },
};

static int check_features(const char *name, const char *list)
{
    while (*list) {
        size_t len = strcspn(list, "|"), i, count = sizeof(features) / sizeof(features[0]);

        if (*list == '!') {
            for (i = 0; i < count; i++)
                if (strlen(features[i].name) == len - 1 && !strncmp(features[i].name, list + 1, len - 1))
                    break;
            if (i == count || !features[i].have)
                return vl_fail(-EINVAL, "%s: the kernel requires the feature '%.*s', which a PV guest cannot have",
                               name, (int)len - 1, list + 1);
        }
        list += len;
        list += *list == '|';
    }
    return 0;
}

int vl_notes_check(const struct vl_notes *notes, const char *name)
{
    if (!notes->has_entry && !notes->has_virt_base && !*notes->guest_os && !*notes->xen_version)
        return vl_fail(-EINVAL, "%s: this kernel cannot run as a PV guest: it has no Xen ELF notes "
                       "(Linux wants CONFIG_XEN_PV)", name);
    if (*notes->xen_version && strcmp(notes->xen_version, "xen-3.0"))
        return vl_fail(-EINVAL, "%s: the kernel is for the interface '%s', not xen-3.0", name, notes->xen_version);
    if (*notes->loader && strcmp(notes->loader, "generic"))
        return vl_fail(-EINVAL, "%s: the kernel wants the loader '%s', not 'generic'", name, notes->loader);
    return check_features(name, notes->features);
}
