/* SPDX-License-Identifier: MIT */
/*
 * A domain's core file, in the format that Xen's tools publish (misc/dump-core-format.txt in Debian's xen-doc): an ELF
 * file of sections: notes, vCPUs' registers, the shared info page, the pages, and which page is which. Debian's xl puts
 * the names last; so do we. The domain stands still while it is dumped.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/elfnote.h>

#include "base/log.h"
#include "life/monitor.h"
#include "state/source.h"
#include "state/state.h"

#define CORE_MAGIC 0xf00febedull
#define CORE_VERSION 1ull
#define NOTES_AT 0x200u         /* the ELF header and seven section headers fill what is before */

enum { S_NULL, S_NAMES, S_NOTES, S_VCPUS, S_SHARED_INFO, S_PAGES, S_P2M, SECTIONS };

static const char names[] = "\0.shstrtab\0.note.Xen\0.xen_prstatus\0.xen_shared_info\0.xen_pages\0.xen_p2m";

struct note {
    uint32_t name_len, len, type;
    char name[4];
};

struct notes {
    struct note none;
    struct note header_note;
    struct { uint64_t magic, vcpus, pages, page_size; } header;
    struct note version_note;
    struct {
        uint64_t major, minor;
        xen_extraversion_t extra;
        xen_compile_info_t compile;
        xen_capabilities_info_t capabilities;
        xen_changeset_info_t changeset;
        xen_platform_parameters_t platform;
        uint64_t page_size;
    } version;
    struct note format_note;
    struct { uint64_t version; } format;
};
_Static_assert(sizeof(struct notes) == 1384, "as in Debian's files: no padding");

struct p2m_entry {
    uint64_t pfn, mfn;
};

struct core {
    struct vl *vl;
    uint32_t domid;
    struct vl_guest_source guest;
    struct vl_stream_source source;
    struct vl_out out;
    uint64_t pages;
    uint32_t *vcpus, n_vcpus;   /* those online */
};

static uint64_t present(const struct vl_guest_source *g)
{
    uint64_t n = 0;

    for (uint64_t pfn = 0; pfn < g->count; pfn++)
        n += vl_source_mfn(g, pfn) != VL_NO_FRAME;
    return n;
}

static void find_vcpus(struct core *c)
{
    uint32_t last = c->guest.info.max_vcpu_id;

    c->vcpus = vl_xmalloc((last + 1ull) * sizeof(*c->vcpus));
    for (uint32_t v = 0; v <= last; v++) {
        xc_vcpuinfo_t info;

        if (!xc_vcpu_getinfo(c->vl->xc, c->domid, v, &info) && info.online)
            c->vcpus[c->n_vcpus++] = v;
    }
}

static void set_note(struct note *n, uint32_t type, size_t len)
{
    *n = (struct note){ .name_len = sizeof(n->name), .len = (uint32_t)len, .type = type, .name = "Xen" };
}

static void fill_notes(struct core *c, struct notes *n)
{
    int version = xc_version(c->vl->xc, XENVER_version, NULL), page = xc_version(c->vl->xc, XENVER_pagesize, NULL);

    memset(n, 0, sizeof(*n));
    set_note(&n->none, XEN_ELFNOTE_DUMPCORE_NONE, 0);
    set_note(&n->header_note, XEN_ELFNOTE_DUMPCORE_HEADER, sizeof(n->header));
    n->header.magic = CORE_MAGIC;
    n->header.vcpus = c->n_vcpus;
    n->header.pages = c->pages;
    n->header.page_size = VL_PAGE_SIZE;
    set_note(&n->version_note, XEN_ELFNOTE_DUMPCORE_XEN_VERSION, sizeof(n->version));
    n->version.major = (uint64_t)version >> 16;
    n->version.minor = (uint64_t)version & 0xffff;
    xc_version(c->vl->xc, XENVER_extraversion, &n->version.extra);
    xc_version(c->vl->xc, XENVER_compile_info, &n->version.compile);
    xc_version(c->vl->xc, XENVER_capabilities, &n->version.capabilities);
    xc_version(c->vl->xc, XENVER_changeset, &n->version.changeset);
    xc_version(c->vl->xc, XENVER_platform_parameters, &n->version.platform);
    n->version.page_size = (uint64_t)page;
    set_note(&n->format_note, XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION, sizeof(n->format));
    n->format.version = CORE_VERSION;
}

static void lay_out(const struct core *c, Elf64_Shdr *s)
{
    uint64_t vcpus = c->n_vcpus * sizeof(vcpu_guest_context_x86_64_t);
    uint64_t pages_at = (NOTES_AT + sizeof(struct notes) + vcpus + VL_PAGE_SIZE * 2 - 1) & -(uint64_t)VL_PAGE_SIZE;

    memset(s, 0, SECTIONS * sizeof(*s));
    s[S_NOTES] = (Elf64_Shdr){ .sh_name = 11, .sh_type = SHT_NOTE, .sh_offset = NOTES_AT,
                               .sh_size = sizeof(struct notes) };
    s[S_VCPUS] = (Elf64_Shdr){ .sh_name = 21, .sh_type = SHT_PROGBITS, .sh_size = vcpus, .sh_addralign = 8,
                               .sh_entsize = sizeof(vcpu_guest_context_x86_64_t) };
    s[S_VCPUS].sh_offset = s[S_NOTES].sh_offset + s[S_NOTES].sh_size;
    s[S_SHARED_INFO] = (Elf64_Shdr){ .sh_name = 35, .sh_type = SHT_PROGBITS, .sh_size = VL_PAGE_SIZE,
                                     .sh_addralign = 8, .sh_entsize = VL_PAGE_SIZE };
    s[S_SHARED_INFO].sh_offset = s[S_VCPUS].sh_offset + vcpus;
    s[S_PAGES] = (Elf64_Shdr){ .sh_name = 52, .sh_type = SHT_PROGBITS, .sh_offset = pages_at,
                               .sh_size = c->pages * VL_PAGE_SIZE, .sh_addralign = VL_PAGE_SIZE,
                               .sh_entsize = VL_PAGE_SIZE };
    s[S_P2M] = (Elf64_Shdr){ .sh_name = 63, .sh_type = SHT_PROGBITS,
                             .sh_size = c->pages * sizeof(struct p2m_entry), .sh_addralign = 8,
                             .sh_entsize = sizeof(struct p2m_entry) };
    s[S_P2M].sh_offset = s[S_PAGES].sh_offset + s[S_PAGES].sh_size;
    s[S_NAMES] = (Elf64_Shdr){ .sh_name = 1, .sh_type = SHT_STRTAB, .sh_size = sizeof(names) };
    s[S_NAMES].sh_offset = s[S_P2M].sh_offset + s[S_P2M].sh_size;
}

static int pad_to(struct core *c, uint64_t offset)
{
    static const uint8_t zeros[VL_PAGE_SIZE];
    int rc = 0;

    while (c->out.total < offset && !rc) {
        uint64_t n = offset - c->out.total;

        rc = vl_out_exact(&c->out, zeros, n < sizeof(zeros) ? n : sizeof(zeros));
    }
    return rc;
}

static int write_front(struct core *c, const Elf64_Shdr *s)
{
    Elf64_Ehdr h = { .e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_shoff = sizeof(h),
                     .e_ehsize = sizeof(h), .e_phentsize = sizeof(Elf64_Phdr), .e_shentsize = sizeof(*s),
                     .e_shnum = SECTIONS, .e_shstrndx = S_NAMES };
    struct notes notes;
    int rc;

    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS64;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    h.e_ident[EI_VERSION] = EV_CURRENT;
    fill_notes(c, &notes);
    rc = vl_out_exact(&c->out, &h, sizeof(h));
    if (!rc)
        rc = vl_out_exact(&c->out, s, SECTIONS * sizeof(*s));
    if (!rc)
        rc = pad_to(c, NOTES_AT);
    return rc ? rc : vl_out_exact(&c->out, &notes, sizeof(notes));
}

static int write_vcpus(struct core *c)
{
    vcpu_guest_context_any_t *any = vl_xmalloc(sizeof(*any));
    int rc = 0;

    for (uint32_t i = 0; i < c->n_vcpus && !rc; i++) {
        if (xc_vcpu_getcontext(c->vl->xc, c->domid, c->vcpus[i], any))
            rc = vl_fail_errno("cannot read the registers of vCPU %u", c->vcpus[i]);
        else
            rc = vl_out_exact(&c->out, &any->x64, sizeof(any->x64));
    }
    free(any);
    return rc ? rc : vl_out_exact(&c->out, c->guest.shared_info, VL_PAGE_SIZE);
}

/* A page that cannot be read (it is not the domain's any more) is written as zeros: the index names it still. */
static int write_batch(struct core *c, struct vl_batch *b)
{
    static uint8_t zeros[VL_PAGE_SIZE];
    struct iovec v[VL_BATCH];
    size_t n = 0;
    int rc = c->source.map(c->source.ctx, b);

    if (rc)
        return rc;
    for (unsigned i = 0; i < b->n; i++) {
        void *page = b->page[i] ? b->page[i] : zeros;

        if (n && page != zeros && (uint8_t *)v[n - 1].iov_base + v[n - 1].iov_len == page)
            v[n - 1].iov_len += VL_PAGE_SIZE;
        else
            v[n++] = (struct iovec){ page, VL_PAGE_SIZE };
    }
    rc = vl_out_vector(&c->out, v, n);
    c->source.unmap(c->source.ctx, b);
    b->n = 0;
    return rc;
}

static int write_pages(struct core *c)
{
    struct vl_batch *b = vl_xmalloc(sizeof(*b));
    int rc = 0;

    b->n = 0;
    for (uint64_t pfn = 0; pfn < c->guest.count && !rc; pfn++) {
        if (vl_source_mfn(&c->guest, pfn) != VL_NO_FRAME)
            b->pfn[b->n++] = pfn;
        if (b->n == VL_BATCH)
            rc = write_batch(c, b);
    }
    if (!rc && b->n)
        rc = write_batch(c, b);
    free(b);
    return rc;
}

static int write_index(struct core *c)
{
    struct p2m_entry entry[VL_BATCH];
    unsigned n = 0;
    int rc = 0;

    for (uint64_t pfn = 0; pfn < c->guest.count && !rc; pfn++) {
        if (vl_source_mfn(&c->guest, pfn) != VL_NO_FRAME)
            entry[n++] = (struct p2m_entry){ pfn, vl_source_mfn(&c->guest, pfn) };
        if (n == VL_BATCH || (pfn + 1 == c->guest.count && n)) {
            rc = vl_out_exact(&c->out, entry, n * sizeof(*entry));
            n = 0;
        }
    }
    return rc;
}

static int dump(struct core *c)
{
    Elf64_Shdr sections[SECTIONS];
    int rc;

    c->source = vl_source_ops(&c->guest);
    c->pages = present(&c->guest);
    find_vcpus(c);
    lay_out(c, sections);
    rc = write_front(c, sections);
    if (!rc)
        rc = write_vcpus(c);
    if (!rc)
        rc = pad_to(c, sections[S_PAGES].sh_offset);
    if (!rc)
        rc = write_pages(c);
    if (!rc)
        rc = write_index(c);
    return rc ? rc : vl_out_exact(&c->out, names, sizeof(names));
}

int vl_dump_core(struct vl *vl, uint32_t domid, const char *path)
{
    struct core c = { .vl = vl, .domid = domid };
    xc_domaininfo_t info;
    bool pause;
    int fd, rc = vl_xc(vl) ? vl_domain_info(vl, domid, &info) : -EIO;

    if (rc)
        return rc == -EIO ? rc : vl_fail(rc, "there is no domain %u", domid);
    if (domid == 0)
        return vl_fail(-EINVAL, "domain 0 is the host: it cannot dump itself");
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return vl_fail_errno("%s", path);
    pause = !(info.flags & (XEN_DOMINF_paused | XEN_DOMINF_shutdown | XEN_DOMINF_dying));
    if (pause && xc_domain_pause(vl->xc, domid))
        rc = vl_fail_errno("cannot pause domain %u", domid);
    if (!rc)
        rc = vl_source_open(&c.guest, vl, domid, vl_p2m_most(info.max_pages));
    if (!rc) {
        rc = vl_out_open(&c.out, fd, path, 0);
        if (!rc)
            rc = dump(&c);
        vl_out_close(&c.out);
        vl_source_close(&c.guest);
    }
    if (pause && xc_domain_unpause(vl->xc, domid) && !rc)
        rc = vl_fail_errno("cannot unpause domain %u", domid);
    if (close(fd) && !rc)
        rc = vl_fail_errno("cannot write %s", path);
    if (rc)
        unlink(path);
    free(c.vcpus);
    return rc;
}
