/* SPDX-License-Identifier: MIT */
/* Builds dom0 from the boot modules: the kernel (module 0, bzImage or ELF) and an initial RAM disk (module 1). Its
 * pseudo-physical memory, in frames: the kernel's range from VIRT_BASE (frame 0) on, start info, stack, boot page
 * tables - all mapped -, the list of machine frames with the tables that map it where INIT_P2M says, the RAM disk, the
 * rest (struct start_info, xen/xen.h). */
#include "private.h"

#include <hv/acpi.h>
#include <xen/grant_table.h>

#define MB(n) ((uint64_t)(n) << 20)
#define PT_TABLE (PT_PRESENT | PT_WRITE | PT_USER | PT_ACCESSED | PT_DIRTY)

struct build {
    struct domain *d;
    struct pv_kernel k;
    unsigned long nr_pages;
    uint64_t *p2m;                                  /* scratch: machine frame of each page */
    unsigned int p2m_order;
    unsigned long va_base;                          /* virtual address of pfn 0 */
    unsigned long si_pfn, pt_pfn, nr_pt, stack_pfn, mapped_end;
    unsigned long p2m_pfn, nr_p2m_pt, nr_p2m, p2m_va;
    unsigned long initrd_pfn, nr_initrd;
    unsigned long next_pt;                          /* next unused table frame of the kernel's mapping */
};

static void *page(struct build *b, unsigned long pfn) { return mfn_to_virt(b->p2m[pfn]); }

/* The kernel as an ELF file: in the buffer, or the module itself. */
static const void *unpacked;
static void *unpack_buf;
static size_t unpacked_size, unpack_buf_size;

/* Before there is a heap: takes memory for the unpacked kernel and, for a while, for the method's dictionary. */
void dom0_unpack(void)
{
    const struct boot_module *m = &boot_info.module[0];
    const void *image = paddr_to_virt(m->start), *payload;
    size_t size;
    if (!boot_info.nr_modules)
        panic("no dom0 kernel: give it to the boot loader as the first module");
    if (bzimage_payload(image, m->size, &payload, &size)) {
        unpacked = image;               /* an ELF file as it is */
        unpacked_size = m->size;
        return;
    }
    if (bzimage_unpacked_size(payload, size, &unpack_buf_size))
        panic("dom0 kernel: its payload does not say its size");
    unpack_buf_size = ROUND_UP(unpack_buf_size, PAGE_SIZE);
    unpack_buf = mm_boot_alloc(unpack_buf_size);
    long n = kernel_decompress(unpack_buf, unpack_buf_size, payload, size);
    if (n < 0)
        panic("dom0 kernel: %s payload does not unpack: error %ld", decompress_method(payload, size) ?: "unknown", -n);
    unpacked = unpack_buf;
    unpacked_size = (size_t)n;
}

static void read_kernel(struct build *b)
{
    const char *why = "no reason";
    if (pv_kernel_parse(unpacked, unpacked_size, &b->k, &why))
        panic("dom0 kernel: %s", why);
    log_info("dom0 kernel: %s, %#lx - %#lx, entry %#lx\n", b->k.guest_os, (unsigned long)b->k.vstart,
             (unsigned long)b->k.vend, (unsigned long)b->k.entry);
}

/* A size of dom0_mem=; negative: what is to be left of avail. */
static uint64_t size_of(uint64_t n, uint64_t avail) { return n >> 63 ? avail - min(avail, -n) : n; }

static uint64_t bounded(const struct mem_option *o, uint64_t avail)
{
    uint64_t n = size_of(o->size, avail) ?: avail - min(avail / 16, MB(128));
    uint64_t most = size_of(o->max, avail) ?: n;
    return min(max(min(n, most), size_of(o->min, avail)), avail);
}

static unsigned long tables_for(unsigned long start, unsigned long end)
{
    unsigned long n = 1;                            /* L4 */
    for (unsigned int level = 1; level < 4; level++) {
        unsigned long span = PAGE_SIZE << 9 * level;
        n += (ROUND_UP(end, span) - ROUND_DOWN(start, span)) / span;
    }
    return n;
}

static void plan(struct build *b)
{
    uint64_t avail = ((uint64_t)mm_free_frames() << PAGE_SHIFT) + unpack_buf_size;
    unsigned long end;
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        avail += boot_info.module[i].size;          /* given back before the last of dom0's memory is taken */
    avail -= min(avail, MB(8) + avail / 128);       /* what the hypervisor needs for guests to come */
    b->nr_pages = bounded(&boot_options.dom0_mem, avail) >> PAGE_SHIFT;
    b->va_base = b->k.virt_base;
    unsigned long pfn = (ROUND_UP(b->k.vend, PAGE_SIZE) - b->va_base) >> PAGE_SHIFT;
    b->nr_p2m = (b->nr_pages * 8 + PAGE_SIZE - 1) >> PAGE_SHIFT;
    if (!b->k.mod_start_pfn)
        panic("dom0 kernel: it wants its RAM disk mapped (no MOD_START_PFN note); that is not supported");
    if (!b->k.init_p2m)
        panic("dom0 kernel: it has no INIT_P2M note; that is not supported");
    b->p2m_va = b->k.init_p2m;
    b->si_pfn = pfn++;
    b->stack_pfn = pfn++;
    b->pt_pfn = pfn;
    for (b->nr_pt = 1;; b->nr_pt++) {               /* the tables map themselves */
        end = ROUND_UP(b->va_base + ((pfn + b->nr_pt) << PAGE_SHIFT) + MB(1) / 2, MB(4));
        if (tables_for(b->va_base, end) <= b->nr_pt)
            break;
    }
    b->mapped_end = (end - b->va_base) >> PAGE_SHIFT;
    b->p2m_pfn = b->mapped_end;
    b->nr_p2m_pt = tables_for(b->p2m_va, b->p2m_va + b->nr_p2m * PAGE_SIZE) - 1;
    b->initrd_pfn = b->p2m_pfn + b->nr_p2m + b->nr_p2m_pt;
    b->nr_initrd = boot_info.nr_modules > 1 ? (boot_info.module[1].size + PAGE_SIZE - 1) >> PAGE_SHIFT : 0;
    if (b->initrd_pfn + b->nr_initrd + 1024 > b->nr_pages)
        panic("dom0: %lu MB are too few for its kernel and RAM disk; see dom0_mem=", b->nr_pages >> 8);
}

/* Frames for pfns [pfn, end), in blocks as large as there are. */
static void allocate(struct build *b, unsigned long pfn, unsigned long end)
{
    unsigned int order = 18;
    while (pfn < end) {
        while ((1UL << order) > end - pfn)
            order--;
        /* nothing but the boot loader has used this memory: dom0, which owns the machine, may see what was there */
        mfn_t m = frames_alloc_domain(b->d, order, MEMF_NO_ZERO);
        if (m == INVALID_MFN) {
            if (order-- == 0)
                panic("dom0: out of memory at %lu of %lu MB", pfn >> 8, b->nr_pages >> 8);
            continue;
        }
        for (unsigned long i = 0; i < 1UL << order; i++, pfn++) {
            b->p2m[pfn] = m + i;
            m2p_set(m + i, pfn);
        }
    }
}

/* Copies n bytes (or zeroes, src NULL) to pseudo-physical address pa. */
static void put_bytes(struct build *b, unsigned long pa, const void *src, size_t n)
{
    for (size_t done = 0, part; done < n; done += part, pa += part) {
        char *dst = (char *)page(b, pa >> PAGE_SHIFT) + (pa & ~PAGE_MASK);
        part = min(n - done, PAGE_SIZE - (pa & ~PAGE_MASK));
        if (src)
            memcpy(dst, (const char *)src + done, part);
        else
            memset(dst, 0, part);
    }
}

static int put_segment(void *arg, uint64_t va, const void *src, size_t filesz, size_t memsz)
{
    struct build *b = arg;
    unsigned long pa = va - b->va_base;
    put_bytes(b, pa, src, filesz);
    put_bytes(b, pa + filesz, NULL, memsz - filesz);
    return 0;
}

static bool is_table_pfn(const struct build *b, unsigned long pfn)
{
    return pfn - b->pt_pfn < b->nr_pt || pfn - b->p2m_pfn - b->nr_p2m < b->nr_p2m_pt;
}

static void map_page(struct build *b, unsigned long va, unsigned long pfn, unsigned long *next)
{
    pte_t *t = page(b, b->pt_pfn);
    for (unsigned int level = 4; level > 1; level--) {
        pte_t *e = &t[pt_index(va, level)];
        if (!(*e & PT_PRESENT))
            *e = MFN_TO_PADDR(b->p2m[(*next)++]) | PT_TABLE;
        t = mfn_to_virt(pte_mfn(*e));
    }
    t[pt_index(va, 1)] = MFN_TO_PADDR(b->p2m[pfn]) | (is_table_pfn(b, pfn) ? PT_TABLE & ~PT_WRITE : PT_TABLE);
}

static void build_tables(struct build *b)
{
    unsigned long next = b->pt_pfn + 1, next_p2m = b->p2m_pfn + b->nr_p2m;
    put_bytes(b, b->pt_pfn << PAGE_SHIFT, NULL, b->nr_pt << PAGE_SHIFT);
    put_bytes(b, next_p2m << PAGE_SHIFT, NULL, b->nr_p2m_pt << PAGE_SHIFT);
    for (unsigned long pfn = 0; pfn < b->mapped_end; pfn++)
        map_page(b, b->va_base + (pfn << PAGE_SHIFT), pfn, &next);
    for (unsigned long i = 0; i < b->nr_p2m; i++)
        map_page(b, b->p2m_va + (i << PAGE_SHIFT), b->p2m_pfn + i, &next_p2m);
    HV_BUG_ON(next > b->pt_pfn + b->nr_pt || next_p2m > b->p2m_pfn + b->nr_p2m + b->nr_p2m_pt);
}

static void fill_start_info(struct build *b)
{
    struct start_info *si = page(b, b->si_pfn);
    memset(si, 0, PAGE_SIZE);
    hv_strlcpy(si->magic, "xen-3.0-x86_64", sizeof(si->magic));
    si->nr_pages = b->nr_pages;
    si->shared_info = MFN_TO_PADDR(virt_to_mfn(b->d->shared_info));
    si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN | SIF_MOD_START_PFN;
    si->pt_base = b->va_base + (b->pt_pfn << PAGE_SHIFT);
    si->nr_pt_frames = b->nr_pt;
    si->mfn_list = b->p2m_va;
    si->first_p2m_pfn = b->p2m_pfn;
    si->nr_p2m_frames = b->nr_p2m + b->nr_p2m_pt;
    if (b->nr_initrd) {
        si->mod_start = b->initrd_pfn;
        si->mod_len = boot_info.module[1].size;
    }
    hv_strlcpy((char *)si->cmd_line, boot_info.module[0].cmdline, MAX_GUEST_CMDLINE);
}

static void start_vcpu(struct build *b)
{
    static struct vcpu_guest_context c;             /* 5 KiB: not on the stack */
    int rc;
    c.flags = VGCF_IN_KERNEL | VGCF_online;
    c.user_regs.rip = b->k.entry;
    c.user_regs.rsp = b->va_base + ((b->stack_pfn + 1) << PAGE_SHIFT);
    c.user_regs.rsi = b->va_base + (b->si_pfn << PAGE_SHIFT);
    c.user_regs.cs = FLAT_KERNEL_CS;
    c.user_regs.ss = FLAT_KERNEL_SS;
    c.user_regs.rflags = 0x202;
    c.kernel_ss = FLAT_KERNEL_SS;
    c.kernel_sp = c.user_regs.rsp;
    c.ctrlreg[3] = xen_pfn_to_cr3(b->p2m[b->pt_pfn]);
    do {
        rc = vcpu_set_context(dom0->vcpu[0], &c);
    } while (rc == -XEN_ERESTART);
    if (rc)
        panic("dom0: its first page tables are not valid: error %d", -rc);
    struct frame *l4 = mfn_to_frame(b->p2m[b->pt_pfn]);     /* the builder pins it */
    __atomic_fetch_or(&l4->type, TYPE_PINNED, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&l4->type, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&l4->count, 1, __ATOMIC_SEQ_CST);
}

/* All but APICs and where messages to them go, the timer, the UART; of the PIT dom0 has channel 2 and the mode. */
static void give_rights(struct domain *d)
{
    static const struct { uint16_t first, last; } ours[] = { { 0x20, 0x21 }, { 0xa0, 0xa1 }, { 0x40, 0x40 } };
    unsigned int uart = (unsigned int)console_uart_iobase();
    if (ioports_permit(d, 0, 0xffff, true) || iomem_permit(d, 0, (1UL << 40) - 1, true))
        panic("dom0: no memory for its rights");
    for (unsigned int i = 0; i < ARRAY_SIZE(ours); i++)
        ioports_permit(d, ours[i].first, ours[i].last, false);
    if (uart)
        ioports_permit(d, uart, uart + 7, false);
    iomem_permit(d, 0xfee00, 0xfeeff, false);
    iomem_permit(d, acpi.lapic_base >> PAGE_SHIFT, acpi.lapic_base >> PAGE_SHIFT, false);
    for (unsigned int i = 0; i < acpi.nr_ioapics; i++)
        iomem_permit(d, acpi.ioapic[i].base >> PAGE_SHIFT, acpi.ioapic[i].base >> PAGE_SHIFT, false);
    for (unsigned int i = 1; i < irq_gsi_count(); i++)
        irq_permit(d, i, true);
}

static struct domain *create(unsigned int vcpus)
{
    struct xen_domctl_createdomain c = {
        .max_vcpus = vcpus, .max_evtchn_port = ~0u, .max_grant_frames = -1, .max_maptrack_frames = -1,
        .grant_opts = XEN_DOMCTL_GRANT_version(2),
    };
    struct domain *d;
    int rc = domain_create(0, &c, true, &d);
    if (!rc)
        rc = domain_max_vcpus(d, vcpus);
    if (rc)
        panic("dom0 cannot be created: error %d", -rc);
    return d;
}

/* The parts with contents first, so that what they were copied from is free when the rest is taken. */
static void fill_memory(struct build *b)
{
    unsigned long filled = b->initrd_pfn + b->nr_initrd;
    while ((PAGE_SIZE << b->p2m_order) < b->nr_pages * 8)
        b->p2m_order++;
    b->p2m = hv_pages_alloc(b->p2m_order);
    if (!b->p2m)
        panic("dom0: no memory for its frame list");
    b->d->max_pages = b->nr_pages;
    allocate(b, 0, filled);
    pv_kernel_load(&b->k, put_segment, b);
    if (b->nr_initrd)
        put_bytes(b, b->initrd_pfn << PAGE_SHIFT, paddr_to_virt(boot_info.module[1].start), boot_info.module[1].size);
    build_tables(b);
    fill_start_info(b);
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        mm_free_module(i);
    if (unpack_buf)
        mm_boot_free(unpack_buf, unpack_buf_size);
    allocate(b, filled, b->nr_pages);
    put_bytes(b, b->p2m_pfn << PAGE_SHIFT, b->p2m, b->nr_pages * 8);
    b->d->max_pages = boot_options.dom0_mem.max && !(boot_options.dom0_mem.max >> 63) ?
                      max(boot_options.dom0_mem.max >> PAGE_SHIFT, b->nr_pages) : UINT32_MAX;
}

void dom0_build(void)
{
    static struct build b;
    unsigned int vcpus = boot_options.dom0_max_vcpus ?: (unsigned)hweight64(cpu_online_map);
    read_kernel(&b);
    dom0 = b.d = create(min(vcpus, (unsigned)MAX_VCPUS));
    plan(&b);
    fill_memory(&b);
    give_rights(dom0);
    start_vcpu(&b);
    hv_pages_free(b.p2m, b.p2m_order);
    for (unsigned int i = 0; boot_options.dom0_vcpus_pin && i < dom0->max_vcpus; i++) {
        cpumask_t pin = BIT(i % hweight64(cpu_online_map));
        sched_set_affinity(dom0->vcpu[i], &pin, NULL);
    }
    log_info("dom0: %lu MB, %u vCPUs; RAM disk at frame %#lx; %lu MB free\n", b.nr_pages >> 8, dom0->max_vcpus,
             b.initrd_pfn, mm_free_frames() >> 8);
}

void dom0_start(void)
{
    clear_bit(VPF_DOWN, &dom0->vcpu[0]->pause_flags);
    domain_unpause_by_control(dom0);
}

void dom0_shutdown(uint8_t reason)
{
    static const char *const names[] = { "poweroff", "reboot", "suspend", "crash", "watchdog", "soft reset" };
    log_info("dom0 has shut down: %s\n", reason < ARRAY_SIZE(names) ? names[reason] : "?");
    if (reason == SHUTDOWN_poweroff)
        machine_poweroff();
    if (boot_options.noreboot && reason != SHUTDOWN_reboot) {
        console_printf("noreboot is set: the machine stops here\n");
        cpu_halt_forever();
    }
    machine_reboot();
}
