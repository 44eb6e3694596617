/* SPDX-License-Identifier: MIT */
/*
 * Reading a 64-bit PV kernel: an ELF file (System V ABI, AMD64) whose notes named "Xen" (xen/elfnote.h) say where it wants
 * to be and what it can do. The file is hostile: every offset, count and size is checked before it is followed, and each
 * structure is copied out of it (it may be misaligned). The image must not change between parse and load.
 *
 * A PV kernel's segments live at (p_paddr - paddr_offset) + virt_base; p_vaddr is not used (it is 0 for Linux's per-CPU data).
 */
#include <elf.h>

#include <hv/config.h>
#include <hv/lib.h>

#include <xen/elfnote.h>
#include <xen/features.h>

struct file { const uint8_t *image; size_t size; Elf64_Ehdr eh; };

/* `len` bytes at `off` of the file; NULL when they are not all there. */
static const void *at(const struct file *f, uint64_t off, uint64_t len)
{
    if (off > f->size || len > f->size - off)
        return NULL;
    return f->image + off;
}

/* check_header() saw that they are all there. */
static void get_phdr(const struct file *f, unsigned int i, Elf64_Phdr *ph)
{
    memcpy(ph, f->image + f->eh.e_phoff + i * sizeof(*ph), sizeof(*ph));
}

static bool get_shdr(const struct file *f, unsigned int i, Elf64_Shdr *sh)
{
    const void *p = at(f, f->eh.e_shoff + (uint64_t)i * sizeof(*sh), sizeof(*sh));

    if (f->eh.e_shoff > f->size || !p)
        return false;
    memcpy(sh, p, sizeof(*sh));
    return true;
}

static const char *check_header(struct file *f)
{
    const Elf64_Ehdr *eh = &f->eh;

    if (f->size < SELFMAG || memcmp(f->image, ELFMAG, SELFMAG) != 0)
        return "not an ELF file";
    if (f->size > EI_CLASS && f->image[EI_CLASS] == ELFCLASS32)
        return "a 32-bit kernel; only 64-bit ones are supported";
    if (f->size < sizeof(*eh))
        return "truncated in the ELF header";
    memcpy(&f->eh, f->image, sizeof(*eh));
    if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64)
        return "not an x86-64 ELF file";
    if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
        return "not an executable ELF file";
    if (eh->e_phnum == 0 || eh->e_phentsize != sizeof(Elf64_Phdr))
        return "no program headers";
    if (!at(f, eh->e_phoff, (uint64_t)eh->e_phnum * sizeof(Elf64_Phdr)))
        return "truncated in the program headers";
    return NULL;
}

/* --- notes ----------------------------------------------------------------------------------------------------------- */

struct note { uint32_t type, size; const uint8_t *desc; };

/* Numbers come in 4 or 8 bytes. */
static bool note_number(const struct note *n, uint64_t *v)
{
    uint32_t v32;

    if (n->size == sizeof(*v)) {
        memcpy(v, n->desc, sizeof(*v));
        return true;
    }
    if (n->size != sizeof(v32))
        return false;
    memcpy(&v32, n->desc, sizeof(v32));
    *v = v32;
    return true;
}

static void note_string(const struct note *n, char *dst, size_t size)
{
    size_t len = strnlen((const char *)n->desc, min_t(size_t, n->size, size - 1));

    memcpy(dst, n->desc, len);
    dst[len] = '\0';
}

static bool note_is(const struct note *n, const char *s)
{
    size_t len = strlen(s);

    return n->size >= len && memcmp(n->desc, s, len) == 0 && (n->size == len || n->desc[len] == '\0');
}

static const struct { const char *name; unsigned int bit; } features[] = {
    { "writable_page_tables", XENFEAT_writable_page_tables },
    { "writable_descriptor_tables", XENFEAT_writable_descriptor_tables },
    { "auto_translated_physmap", XENFEAT_auto_translated_physmap },
    { "supervisor_mode_kernel", XENFEAT_supervisor_mode_kernel },
    { "pae_pgdir_above_4gb", XENFEAT_pae_pgdir_above_4gb },
    { "mmu_pt_update_preserve_ad", XENFEAT_mmu_pt_update_preserve_ad },
    { "highmem_assist", XENFEAT_highmem_assist },
    { "gnttab_map_avail_bits", XENFEAT_gnttab_map_avail_bits },
    { "hvm_callback_vector", XENFEAT_hvm_callback_vector },
    { "hvm_safe_pvclock", XENFEAT_hvm_safe_pvclock },
    { "hvm_pirqs", XENFEAT_hvm_pirqs },
    { "dom0", XENFEAT_dom0 },
    { "memory_op_vnode_supported", XENFEAT_memory_op_vnode_supported },
};

/* name|!name|...: `!` marks a feature that the kernel cannot do without. */
static const char *parse_features(const struct note *n, struct pv_kernel *k)
{
    const char *p = (const char *)n->desc, *end = p + strnlen(p, n->size);

    while (p < end) {
        bool required = *p == '!';
        const char *name = p + required, *stop = memchr(name, '|', (size_t)(end - name));
        size_t len = (size_t)((stop ? stop : end) - name);
        unsigned int i;

        for (i = 0; i < ARRAY_SIZE(features); i++)
            if (strlen(features[i].name) == len && memcmp(features[i].name, name, len) == 0)
                break;
        if (i < ARRAY_SIZE(features)) {
            k->features_supported |= 1u << features[i].bit;
            k->features_required |= required ? 1u << features[i].bit : 0;
        } else if (required) {
            return "it requires a feature that is not known";
        }
        p = name + len + 1;
    }
    return NULL;
}

/* What has been seen besides the fields of struct pv_kernel. */
struct note_state { struct pv_kernel *k; bool any; };

static const char *take_note(struct note_state *st, const struct note *n)
{
    struct pv_kernel *k = st->k;
    uint64_t v = 0;
    bool numeric = true;

    st->any = true;
    switch (n->type) {
    case XEN_ELFNOTE_ENTRY:
        numeric = note_number(n, &k->entry);
        k->has_entry = numeric;
        break;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        numeric = note_number(n, &k->hypercall_page);
        break;
    case XEN_ELFNOTE_VIRT_BASE:
        numeric = note_number(n, &k->virt_base);
        break;
    case XEN_ELFNOTE_PADDR_OFFSET:
        numeric = note_number(n, &k->paddr_offset);
        break;
    case XEN_ELFNOTE_INIT_P2M:
        numeric = note_number(n, &k->init_p2m);
        break;
    case XEN_ELFNOTE_MOD_START_PFN:
        numeric = note_number(n, &v);
        k->mod_start_pfn = v != 0;
        break;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        numeric = note_number(n, &v);
        k->features_supported |= (uint32_t)v;
        break;
    case XEN_ELFNOTE_FEATURES:
        return parse_features(n, k);
    case XEN_ELFNOTE_XEN_VERSION:
        return note_is(n, "xen-3.0") ? NULL : "it is for another hypervisor interface than xen-3.0";
    case XEN_ELFNOTE_GUEST_OS:
        note_string(n, k->guest_os, sizeof(k->guest_os));
        break;
    case XEN_ELFNOTE_LOADER:
        note_string(n, k->loader, sizeof(k->loader));
        break;
    case XEN_ELFNOTE_BSD_SYMTAB:
        k->bsd_symtab = note_is(n, "yes");
        break;
    }
    return numeric ? NULL : "a numeric Xen note is neither 4 nor 8 bytes long";
}

/* All notes of one segment or section; others' notes are passed over. */
static const char *walk_notes(const struct file *f, uint64_t off, uint64_t size, struct note_state *st)
{
    const uint8_t *p = at(f, off, size);
    Elf64_Nhdr h;

    if (!p)
        return "truncated in its notes";
    while (size >= sizeof(h)) {
        const uint8_t *name = p + sizeof(h);
        uint64_t name_size, desc_size, total;
        const char *why;

        memcpy(&h, p, sizeof(h));
        name_size = ROUND_UP((uint64_t)h.n_namesz, 4);
        desc_size = ROUND_UP((uint64_t)h.n_descsz, 4);
        total = sizeof(h) + name_size + desc_size;
        if (sizeof(h) + name_size + h.n_descsz > size)
            return "a note goes beyond its segment";
        if (h.n_namesz == sizeof("Xen") && memcmp(name, "Xen", sizeof("Xen")) == 0) {
            why = take_note(st, &(struct note){ h.n_type, h.n_descsz, name + name_size });
            if (why)
                return why;
        }
        total = min(total, size);           /* the last one may lack its padding */
        p += total;
        size -= total;
    }
    return NULL;
}

/* Notes are found by segments; some linkers make only sections. */
static const char *read_notes(const struct file *f, struct pv_kernel *k)
{
    struct note_state st = { .k = k };
    const char *why;
    Elf64_Phdr ph;
    Elf64_Shdr sh;

    for (unsigned int i = 0; i < f->eh.e_phnum; i++) {
        get_phdr(f, i, &ph);
        if (ph.p_type == PT_NOTE && (why = walk_notes(f, ph.p_offset, ph.p_filesz, &st)))
            return why;
    }
    for (unsigned int i = 0; !st.any && i < f->eh.e_shnum && f->eh.e_shentsize == sizeof(sh); i++) {
        if (!get_shdr(f, i, &sh))
            return "truncated in the section headers";
        if (sh.sh_type == SHT_NOTE && (why = walk_notes(f, sh.sh_offset, sh.sh_size, &st)))
            return why;
    }
    if (!st.any)
        return "it has no Xen notes: not a PV kernel";
    if (!k->has_entry)
        return "its Xen notes give no PV entry point: not a PV kernel";
    return NULL;
}

/* --- segments --------------------------------------------------------------------------------------------------------- */

static uint64_t segment_va(const struct pv_kernel *k, const Elf64_Phdr *ph)
{
    return ph->p_paddr - k->paddr_offset + k->virt_base;
}

static bool in_hypervisor_hole(uint64_t start, uint64_t end)
{
    return start < HV_VIRT_END && end > 0x0000800000000000UL;   /* ours, or not canonical */
}

static const char *read_segments(const struct file *f, struct pv_kernel *k)
{
    Elf64_Phdr ph;

    k->vstart = ~0UL;
    k->vend = 0;
    for (unsigned int i = 0; i < f->eh.e_phnum; i++) {
        uint64_t va, end;

        get_phdr(f, i, &ph);
        if (ph.p_type != PT_LOAD || ph.p_memsz == 0)
            continue;
        va = segment_va(k, &ph);
        if (ph.p_filesz > ph.p_memsz)
            return "a segment has more bytes in the file than in memory";
        if (!at(f, ph.p_offset, ph.p_filesz))
            return "truncated: a segment goes beyond the end of the file";
        if (__builtin_add_overflow(va, ph.p_memsz, &end) || end > -PAGE_SIZE)
            return "a segment goes beyond the end of the address space";
        if (in_hypervisor_hole(va, end))
            return "a segment is in the hypervisor's part of the address space";
        k->vstart = min(k->vstart, ROUND_DOWN(va, PAGE_SIZE));
        k->vend = max(k->vend, ROUND_UP(end, PAGE_SIZE));
    }
    if (k->vstart >= k->vend)
        return "it has no segments to load";
    if (in_hypervisor_hole(k->vstart, k->vend))
        return "its segments lie on both sides of the hypervisor";
    return NULL;
}

static const char *check_addresses(const struct pv_kernel *k)
{
    if (k->entry < k->vstart || k->entry >= k->vend)
        return "its entry point is outside of its segments";
    if (k->hypercall_page &&
        (k->hypercall_page % PAGE_SIZE || k->hypercall_page < k->vstart || k->hypercall_page >= k->vend))
        return "its hypercall page is not a page of its segments";
    if (k->virt_base > k->vstart)
        return "its segments lie below its virtual base";
    if (k->init_p2m && (k->init_p2m % PAGE_SIZE || in_hypervisor_hole(k->init_p2m, k->init_p2m + 1)))
        return "its place for the p2m list cannot be used";
    return NULL;
}

int pv_kernel_parse(const void *elf, size_t size, struct pv_kernel *k, const char **why)
{
    struct file f = { .image = elf, .size = size };

    memset(k, 0, sizeof(*k));
    k->image = elf;
    k->size = size;
    *why = check_header(&f);
    if (!*why)
        *why = read_notes(&f, k);
    if (!*why)
        *why = read_segments(&f, k);
    if (!*why)
        *why = check_addresses(k);
    return *why ? -XEN_EINVAL : 0;
}

int pv_kernel_load(const struct pv_kernel *k,
                   int (*put)(void *arg, uint64_t va, const void *src, size_t filesz, size_t memsz), void *arg)
{
    struct file f = { .image = k->image, .size = k->size };
    Elf64_Phdr ph;

    if (check_header(&f))
        return -XEN_EINVAL;
    for (unsigned int i = 0; i < f.eh.e_phnum; i++) {
        const void *src;
        int rc;

        get_phdr(&f, i, &ph);
        if (ph.p_type != PT_LOAD || ph.p_memsz == 0)
            continue;
        src = at(&f, ph.p_offset, ph.p_filesz);
        if (!src)
            return -XEN_EINVAL;
        rc = put(arg, segment_va(k, &ph), src, ph.p_filesz, ph.p_memsz);
        if (rc)
            return rc;
    }
    return 0;
}
