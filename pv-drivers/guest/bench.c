/* SPDX-License-Identifier: MIT */
/*
 * bench: what the hypervisor's services cost this guest, in TSC cycles: the least and the mean of many runs, loop
 * included. Command line: runs=N (2000). One line a figure: BENCH name least mean.
 */
#include "hypercall.h"

#include <front/store.h>
#include <xen/grant_table.h>

static unsigned char *page;
static void *page_hole;
static uint64_t entry_address;
static evtchn_port_t loop_port;
static volatile unsigned long events_seen;

static void on_loop(void *arg)
{
    (void)arg;
    events_seen++;
}

static void do_nothing(void) { barrier(); }
static void do_version(void) { HC(xen_version, 0, 0); }
static void do_unknown(void) { HC(arch_7, 0); }
static void do_yield(void) { sched_op(SCHEDOP_yield, NULL); }
static void do_taskswitch(void) { HC(fpu_taskswitch, 0); }
static void do_timer(void) { HC(set_timer_op, time_now() + 1000000000); }
static void do_segment_base(void) { HC(set_segment_base, SEGBASE_FS, 0); }
static void do_clock(void) { time_now(); }
static void do_flush(void)
{
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    mmuext_op(&op, 1, NULL);
}

static void do_map_update(void) { remap(page, va_mfn(page) << PAGE_SHIFT | PTE_KERNEL); }

static void do_mmu_update_64(void)
{
    static struct mmu_update u[64];

    for (unsigned int i = 0; i < ARRAY_SIZE(u); i++)
        u[i] = (struct mmu_update){.ptr = entry_address,
                                   .val = va_mfn(page) << PAGE_SHIFT | PTE_P | PTE_A | (i & 1 ? PTE_W : 0)};
    mmu_update(u, ARRAY_SIZE(u), NULL);
}

static void do_trapped_update(void)
{
    *(volatile pte_t *)pte_of((unsigned long)page, 1) = va_mfn(page) << PAGE_SHIFT | PTE_KERNEL;
}

static void do_pin(void)
{
    struct mmuext_op op[2] = {{.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = va_mfn(page)},
                              {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = va_mfn(page)}};

    remap(page, va_mfn(page) << PAGE_SHIFT | PTE_P);
    mmuext_op(op, 2, NULL);
    remap(page, va_mfn(page) << PAGE_SHIFT | PTE_KERNEL);
}

static void do_event(void)
{
    unsigned long before = events_seen;

    event_notify(loop_port);
    while (events_seen == before)
        HC(xen_version, 0, 0);
}

static void do_fault(void) { safe_write(0, 0); }
static void do_invalid(void) { __asm__ volatile("ud2"); }

static void skip_ud2(struct frame *f)
{
    if (f->vector != 6)
        return;
    f->rip += 2;
    f->vector = ~0UL;
}

static void do_cpuid(void)
{
    uint32_t a = 0, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
}

/* Grants to ourselves: what a back-end pays for a page of ours. */
static void *grant_source, *grant_target;
static uint32_t grant_ref;
static domid_t self;

static void do_grant(void)
{
    os_grant_end(os_grant(self, va_mfn(grant_source), false));
}

static void do_grant_copy(void)
{
    struct gnttab_copy c = {.source.u.ref = grant_ref, .source.domid = self, .dest.u.gmfn = va_mfn(grant_target),
                            .dest.domid = DOMID_SELF, .len = PAGE_SIZE, .flags = GNTCOPY_source_gref};

    if (HC(grant_table_op, GNTTABOP_copy, &c, 1) || c.status != GNTST_okay)
        panic("grant copy: %d", c.status);
}

/* At a place of our address space that has lost its own page. */
static void do_grant_map(void)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = (unsigned long)page_hole, .flags = GNTMAP_host_map, .ref = grant_ref, .dom = self};
    struct gnttab_unmap_grant_ref unmap = {.host_addr = (unsigned long)page_hole};

    if (HC(grant_table_op, GNTTABOP_map_grant_ref, &map, 1) || map.status != GNTST_okay)
        panic("grant map: %d", map.status);
    unmap.handle = map.handle;
    if (HC(grant_table_op, GNTTABOP_unmap_grant_ref, &unmap, 1) || unmap.status != GNTST_okay)
        panic("grant unmap: %d", unmap.status);
}

static void grants_init(void)
{
    self = (domid_t)store_number(0, "domid", NULL, 0);
    grant_source = page_alloc(0);
    grant_target = page_alloc(0);
    page_hole = page_alloc(0);
    remap(page_hole, 0);
    grant_ref = os_grant(self, va_mfn(grant_source), false);
}

static void measure(const char *name, void (*fn)(void), unsigned long runs)
{
    uint64_t least = ~0UL, total = 0;

    for (unsigned long i = 0; i < runs; i++) {
        uint64_t t = cycles();

        fn();
        t = cycles() - t;
        total += t;
        if (t < least)
            least = t;
    }
    print("BENCH %20s %8lu %8lu\n", name, least, total / runs);
}

void main(void)
{
    static const struct {
        const char *name;
        void (*fn)(void);
    } rows[] = {
        {"nothing", do_nothing},
        {"clock", do_clock},
        {"xen_version", do_version},
        {"unknown hypercall", do_unknown},
        {"yield", do_yield},
        {"fpu_taskswitch", do_taskswitch},
        {"set_segment_base", do_segment_base},
        {"set_timer", do_timer},
        {"tlb flush", do_flush},
        {"update_va_mapping", do_map_update},
        {"mmu_update 64", do_mmu_update_64},
        {"trapped pte write", do_trapped_update},
        {"pin and unpin L1", do_pin},
        {"event to self", do_event},
        {"page fault", do_fault},
        {"ud2", do_invalid},
        {"cpuid", do_cpuid},
        {"grant and end", do_grant},
        {"grant copy of 4 KiB", do_grant_copy},
        {"grant map and unmap", do_grant_map},
    };
    struct evtchn_bind_ipi ipi = {.vcpu = 0};
    unsigned long runs = option("runs", 2000);
    pte_t *entry;

    page = page_alloc(0);
    entry = pte_of((unsigned long)page, 1);
    entry_address = (va_mfn(entry) << PAGE_SHIFT) + ((unsigned long)entry & (PAGE_SIZE - 1));
    HC(vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
    if (event_op(EVTCHNOP_bind_ipi, &ipi))
        panic("no event channel");
    event_bind(ipi.port, on_loop, NULL);
    loop_port = ipi.port;
    trap_hook = skip_ud2;
    grants_init();
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
        measure(rows[i].name, rows[i].fn, runs);
    print("BENCH end\n");
}
