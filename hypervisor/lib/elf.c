/* SPDX-License-Identifier: MIT */
/* Reading a 64-bit PV kernel: an ELF file (System V ABI, AMD64) whose notes named "Xen" (xen/elfnote.h) say where it
 * wants to be and what it can do. The file is hostile: every offset, count and size is checked before it is followed,
 * and each structure is copied out of it (it may be misaligned). The image must not change between parse and load.
 * A PV kernel's segments live at (p_paddr - paddr_offset) + virt_base; p_vaddr is not used (0 for Linux's per-CPU
 * data). */
#include <asm/bootparam.h>
#include <elf.h>
#include <hv/config.h>
#include <hv/lib.h>
#include <xen/elfnote.h>
#include <xen/features.h>

struct file { const uint8_t *image; size_t size; Elf64_Ehdr eh; };

/* `len` bytes at `off` of the file; NULL when they are not all there. */
static const void *at(const struct file *f, uint64_t off, uint64_t len)
{
    return off > f->size || len > f->size - off ? NULL : f->image + off;
}

/* check_header() saw that they are all there. */
static void get_phdr(const struct file *f, unsigned int i, Elf64_Phdr *ph)
{
    memcpy(ph, f->image + f->eh.e_phoff + i * sizeof(*ph), sizeof(*ph));
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

struct note { uint32_t type, size; const uint8_t *desc; };

static bool note_is(const struct note *n, const char *s)
{
    size_t len = strlen(s);
    return n->size >= len && memcmp(n->desc, s, len) == 0 && (n->size == len || n->desc[len] == '\0');
}

/* What a kernel may require: what we do for every PV guest, and what it can do itself (xen/features.h). */
static const char *const features[] = { "writable_page_tables", "pae_pgdir_above_4gb", "mmu_pt_update_preserve_ad",
                                        "highmem_assist", "gnttab_map_avail_bits", "dom0" };

/* name|!name|...: `!` marks a feature that the kernel cannot do without. */
static const char *check_features(const struct note *n)
{
    const char *p = (const char *)n->desc, *end = p + strnlen(p, n->size);
    while (p < end) {
        const char *name = p + (*p == '!'), *stop = memchr(name, '|', (size_t)(end - name)) ?: end;
        size_t len = (size_t)(stop - name);
        unsigned int i = 0;
        while (i < ARRAY_SIZE(features) && (strlen(features[i]) != len || memcmp(features[i], name, len) != 0))
            i++;
        if (*p == '!' && i == ARRAY_SIZE(features))
            return "it requires a feature that is not known";
        p = stop + 1;
    }
    return NULL;
}

/* Notes that are a number, and the field of struct pv_kernel that it goes to. */
static const struct { uint32_t type; size_t field; } number_notes[] = {
    { XEN_ELFNOTE_ENTRY, offsetof(struct pv_kernel, entry) },
    { XEN_ELFNOTE_HYPERCALL_PAGE, offsetof(struct pv_kernel, hypercall_page) },
    { XEN_ELFNOTE_VIRT_BASE, offsetof(struct pv_kernel, virt_base) },
    { XEN_ELFNOTE_PADDR_OFFSET, offsetof(struct pv_kernel, paddr_offset) },
    { XEN_ELFNOTE_INIT_P2M, offsetof(struct pv_kernel, init_p2m) },
    { XEN_ELFNOTE_MOD_START_PFN, offsetof(struct pv_kernel, mod_start_pfn) },
};

static const char *take_note(struct pv_kernel *k, const struct note *n)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(number_notes); i++) {
        uint64_t v = 0;
        if (n->type != number_notes[i].type)
            continue;
        if (n->size != sizeof(uint32_t) && n->size != sizeof(v))
            return "a numeric Xen note is neither 4 nor 8 bytes long";
        memcpy(&v, n->desc, n->size);
        *(uint64_t *)((char *)k + number_notes[i].field) = v;
        k->has_entry |= n->type == XEN_ELFNOTE_ENTRY;
    }
    switch (n->type) {
    case XEN_ELFNOTE_FEATURES:
        return check_features(n);
    case XEN_ELFNOTE_XEN_VERSION:
        return note_is(n, "xen-3.0") ? NULL : "it is for another hypervisor interface than xen-3.0";
    case XEN_ELFNOTE_GUEST_OS:
        memset(k->guest_os, 0, sizeof(k->guest_os));
        memcpy(k->guest_os, n->desc, strnlen((const char *)n->desc, min_t(size_t, n->size, sizeof(k->guest_os) - 1)));
    }
    return NULL;
}

/* All notes of one segment; others' notes are passed over. */
static const char *walk_notes(const struct file *f, uint64_t off, uint64_t size, struct pv_kernel *k, bool *any)
{
    const uint8_t *p = at(f, off, size);
    Elf64_Nhdr h;
    if (!p)
        return "truncated in its notes";
    while (size >= sizeof(h)) {
        memcpy(&h, p, sizeof(h));
        uint64_t desc = sizeof(h) + ROUND_UP((uint64_t)h.n_namesz, 4), total = desc + ROUND_UP((uint64_t)h.n_descsz, 4);
        if (desc + h.n_descsz > size)
            return "a note goes beyond its segment";
        if (h.n_namesz == sizeof("Xen") && memcmp(p + sizeof(h), "Xen", sizeof("Xen")) == 0) {
            const char *why = take_note(k, &(struct note){ h.n_type, h.n_descsz, p + desc });
            *any = true;
            if (why)
                return why;
        }
        total = min(total, size);           /* the last one may lack its padding */
        p += total;
        size -= total;
    }
    return NULL;
}

static const char *read_notes(const struct file *f, struct pv_kernel *k)
{
    bool any = false;
    const char *why;
    Elf64_Phdr ph;
    for (unsigned int i = 0; i < f->eh.e_phnum; i++) {
        get_phdr(f, i, &ph);
        if (ph.p_type == PT_NOTE && (why = walk_notes(f, ph.p_offset, ph.p_filesz, k, &any)))
            return why;
    }
    if (!any)
        return "it has no Xen notes: not a PV kernel";
    if (!k->has_entry)
        return "its Xen notes give no PV entry point: not a PV kernel";
    return NULL;
}

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
        get_phdr(f, i, &ph);
        if (ph.p_type != PT_LOAD || ph.p_memsz == 0)
            continue;
        uint64_t va = segment_va(k, &ph), end;
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
    *k = (struct pv_kernel){ .image = elf, .size = size };
    *why = check_header(&f) ?: read_notes(&f, k) ?: read_segments(&f, k) ?: check_addresses(k);
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
        get_phdr(&f, i, &ph);
        if (ph.p_type != PT_LOAD || ph.p_memsz == 0)
            continue;
        const void *src = at(&f, ph.p_offset, ph.p_filesz);
        int rc = src ? put(arg, segment_va(k, &ph), src, ph.p_filesz, ph.p_memsz) : -XEN_EINVAL;
        if (rc)
            return rc;
    }
    return 0;
}

#define HDR_OFFSET       0x1f1
#define HDR_PAYLOAD      0x0208         /* the version since which the payload's place is there */

/* Linux's bzImage, by the kernel's Documentation/x86/boot.rst: where its compressed ELF kernel is. */
int bzimage_payload(const void *image, size_t size, const void **payload, size_t *payload_size)
{
    struct setup_header h;
    if (size < HDR_OFFSET + sizeof(h))
        return -XEN_EINVAL;
    memcpy(&h, (const char *)image + HDR_OFFSET, sizeof(h));
    if (h.boot_flag != 0xaa55 || memcmp(&h.header, "HdrS", 4) != 0 || h.version < HDR_PAYLOAD)
        return -XEN_EINVAL;
    uint64_t start = ((h.setup_sects ?: 4) + 1) * 512u + (uint64_t)h.payload_offset;    /* 0 sectors mean 4 */
    uint64_t len = h.payload_length;
    if (len == 0 || start > size || len > size - start)
        return -XEN_EINVAL;
    *payload = (const char *)image + start;
    *payload_size = len;
    return 0;
}

int bzimage_unpacked_size(const void *payload, size_t payload_size, size_t *size)
{
    uint32_t n;
    if (payload_size < sizeof(n))
        return -XEN_EINVAL;
    /* gzip's own trailer ends with it; for the other methods the kernel's build appends it in the same form. */
    memcpy(&n, (const char *)payload + payload_size - sizeof(n), sizeof(n));
    *size = n;
    return n ? 0 : -XEN_EINVAL;
}
