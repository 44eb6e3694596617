/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#include <hv/guest.h>
#include <hv/irq.h>

struct machine m;
uint64_t fpu_features;
unsigned int fpu_state_size;
static const struct cpu_record *cpu_model;

/* --- guest memory ------------------------------------------------------------------------------------------------ */
static struct { uintptr_t start; size_t size; } memory[16];
static unsigned int nr_memory;

void guest_memory_reset(void) { nr_memory = 0; }

void guest_memory_add(const void *p, size_t n)
{
    if (nr_memory == ARRAY_SIZE(memory)) abort();
    memory[nr_memory].start = (uintptr_t)p;
    memory[nr_memory++].size = n;
}

bool guest_range_ok(const void *gva, size_t n)
{
    uintptr_t a = (uintptr_t)gva;

    for (unsigned int i = 0; i < nr_memory; i++)
        if (a >= memory[i].start && a - memory[i].start <= memory[i].size &&
            n <= memory[i].size - (a - memory[i].start))
            return true;
    return nr_memory == 0 && a >= 0x10000 && a + n >= a;
}

int copy_from_guest(void *dst, const void *gva, size_t n)
{
    if (!guest_range_ok(gva, n)) return -XEN_EFAULT;
    if (n) memcpy(dst, gva, n);
    return 0;
}

int copy_to_guest(void *gva, const void *src, size_t n)
{
    if (!guest_range_ok(gva, n)) return -XEN_EFAULT;
    if (n) memcpy(gva, src, n);
    return 0;
}

/* --- registers --------------------------------------------------------------------------------------------------- */
unsigned long cpu_get_fs_base(void) { return m.fs_base; }
unsigned long cpu_get_gs_base(void) { return m.gs_base; }
unsigned long cpu_get_gs_shadow(void) { return m.gs_shadow; }
void cpu_set_fs_base(unsigned long v) { m.fs_base = v; }
void cpu_set_gs_base(unsigned long v) { m.gs_base = v; }
void cpu_set_gs_shadow(unsigned long v) { m.gs_shadow = v; }
void fpu_set_ts(bool on) { m.ts = on; m.ts_writes++; }
void fpu_set_xcr0(struct vcpu *v, uint64_t x) { v->xcr0 = m.xcr0 = x; }
void cpu_set_debug(unsigned int reg, unsigned long val) { current->dr[reg] = val; m.debug_loads++; }
void cpu_trap_tsc(bool on) { m.trap_tsc = on; }
void tlb_flush_va_local(unsigned long va) { m.invalidated++; m.invalidated_va = va; }
void wbinvd_local(void) { m.flushes++; }
void sched_block(void) { m.blocks++; }
void domain_pause(struct domain *d) { d->control_pause++; }
void domain_unpause(struct domain *d) { d->control_pause--; }
uint64_t console_uart_iobase(void) { return 0x3f8; }

void inject_exception(unsigned int vector, uint32_t error)
{
    m.exceptions++;
    m.vector = vector;
    m.error = error;
}

void inject_page_fault(unsigned long cr2, uint32_t error)
{
    m.cr2 = cr2;
    inject_exception(14, error);
}

static void note_io(uint16_t port, unsigned int size, bool out, uint32_t val)
{
    if (m.nr_io == ARRAY_SIZE(m.io)) abort();
    m.io[m.nr_io].port = port;
    m.io[m.nr_io].size = (uint8_t)size;
    m.io[m.nr_io].out = out;
    m.io[m.nr_io++].val = val;
}

uint32_t port_in(uint16_t port, unsigned int size)
{
    uint32_t val = m.port_value + port;

    val &= size == 4 ? ~0u : (1u << size * 8) - 1;
    note_io(port, size, false, val);
    return val;
}

void port_out(uint16_t port, uint32_t val, unsigned int size) { note_io(port, size, true, val); }

int msr_read_safe(uint32_t msr, uint64_t *val)
{
    for (unsigned int i = 0; i < m.nr_msr; i++)
        if (m.msr[i].msr == msr) {
            *val = m.msr[i].val;
            return 0;
        }
    return -XEN_EFAULT;
}

int msr_write_safe(uint32_t msr, uint64_t val)
{
    for (unsigned int i = 0; i < m.nr_msr; i++)
        if (m.msr[i].msr == msr) {
            m.msr[i].val = val;
            return 0;
        }
    return -XEN_EFAULT;
}

void machine_msr(uint32_t msr, uint64_t val)
{
    if (msr_write_safe(msr, val)) {
        if (m.nr_msr == ARRAY_SIZE(m.msr)) abort();
        m.msr[m.nr_msr].msr = msr;
        m.msr[m.nr_msr++].val = val;
    }
}

uint32_t pci_conf_read(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int size)
{
    (void)seg;
    m.pci.bus = bus;
    m.pci.devfn = devfn;
    m.pci.reg = reg;
    m.pci.size = size;
    m.pci.write = false;
    m.nr_pci++;
    return 0x11223344;
}

void pci_conf_write(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, uint32_t val, unsigned int size)
{
    pci_conf_read(seg, bus, devfn, reg, size);
    m.pci.val = val;
    m.pci.write = true;
}

struct cpuid_regs cpuid_native(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r = { 0, 0, 0, 0 };

    for (unsigned int i = 0; i < cpu_model->count; i++) {
        const struct xen_cpuid_leaf *l = &cpu_model->leaf[i];

        if (l->leaf == leaf && (l->subleaf == subleaf || l->subleaf == XEN_CPUID_NO_SUBLEAF))
            return (struct cpuid_regs){ l->a, l->b, l->c, l->d };
    }
    return r;
}

/* --- start and stop ---------------------------------------------------------------------------------------------- */
static unsigned long objects, bytes;

struct vcpu *machine_start(const struct cpu_record *cpu, domid_t id)
{
    struct vcpu *v;

    fake_reset(4);
    memset(&m, 0, sizeof(m));
    guest_memory_reset();
    cpu_model = cpu;
    fpu_features = cpu->xcr0;
    m.port_value = 0xa5a50000;
    machine_msr(0xc0000103, 0);
    machine_msr(0x1b, 0xfee00800);      /* this CPU is not the one that booted */
    machine_msr(0x1a0, 0x40001);
    machine_msr(0x8b, 0x0100006500000000);
    machine_msr(0x48, 0);
    machine_msr(0x49, 0);
    objects = fake_live_objects;
    bytes = fake_live_bytes;
    memset(&host_policy, 0, sizeof(host_policy));
    policy_init();
    for (domid_t i = 0; i < 2; i++) {
        struct domain *d = fake_domain_new(i, i == 0, 2);

        spin_lock_init(&d->rights_lock, RANK_RIGHTS);
        d->iomem = rangeset_new();
        d->ioports = rangeset_new();
        d->irqs = rangeset_new();
        if (policy_domain_init(d)) abort();
        if (i == 0 && (ioports_permit(d, 0, 0xffff, true) || ioports_permit(d, 0x3f8, 0x3ff, false))) abort();
        for (unsigned int n = 0; n < 2; n++) {
            struct vcpu *x = d->vcpu[n];

            x->in_kernel = true;
            x->iopl = 1 << 12;
            x->xcr0 = 1;
            x->traps = calloc(256, sizeof(*x->traps));
            x->traps[13].address = 0xffffffff81000000;
        }
    }
    v = domain_find(id)->vcpu[0];
    fake_run(v);
    memset(&cpu_info()->guest_regs, 0, sizeof(struct cpu_user_regs));
    return v;
}

void machine_stop(void)
{
    for (domid_t i = 0; i < 2; i++) {
        struct domain *d = domain_find(i);

        for (unsigned int n = 0; n < 2; n++) free(d->vcpu[n]->traps);
        rangeset_free(d->iomem);
        rangeset_free(d->ioports);
        rangeset_free(d->irqs);
        if (d->io_bitmap) hv_pages_free(d->io_bitmap, 1);
        d->io_bitmap = NULL;
        policy_domain_destroy(d);
    }
    fake_domains_reset();
    if (fake_live_objects != objects || fake_live_bytes != bytes || fake_locks_held()) abort();
}

/* --- recorded CPUs: QEMU 7.2's TCG, -cpu max and -cpu Skylake-Server --------------------------------------------- */
#define L(l, s, a, b, c, d) { 0x##l, s, 0x##a, 0x##b, 0x##c, 0x##d },
#define N XEN_CPUID_NO_SUBLEAF
static const struct xen_cpuid_leaf amd[] = {
    L(00000000, N, 0000000d, 68747541, 444d4163, 69746e65)
    L(00000001, N, 00060fb1, 00000800, fed8320b, 0fcbfbfd)
    L(00000005, N, 00000000, 00000000, 00000003, 00000000)
    L(00000006, N, 00000004, 00000000, 00000000, 00000000)
    L(00000007, 0, 00000000, 01c843a9, 8001021c, 00000000)
    L(0000000b, 0, 00000000, 00000001, 00000100, 00000000)
    L(0000000b, 1, 00000000, 00000001, 00000201, 00000000)
    L(0000000d, 0, 0000021f, 00000a88, 00000a88, 00000000)
    L(0000000d, 1, 00000005, 000003c8, 00000000, 00000000)
    L(0000000d, 2, 00000100, 00000240, 00000000, 00000000)
    L(0000000d, 3, 00000040, 000003c0, 00000000, 00000000)
    L(0000000d, 4, 00000040, 00000400, 00000000, 00000000)
    L(0000000d, 9, 00000008, 00000a80, 00000000, 00000000)
    L(80000000, N, 8000000a, 68747541, 444d4163, 69746e65)
    L(80000001, N, 00060fb1, 00000000, 00000075, edd3fbfd)
    L(80000002, N, 554d4551, 47435420, 55504320, 72657620)
    L(80000003, N, 6e6f6973, 352e3220, 0000002b, 00000000)
    L(80000005, N, 01ff01ff, 01ff01ff, 40020140, 40020140)
    L(80000006, N, 00000000, 42004200, 02008140, 00808140)
    L(80000008, N, 00003928, 00000000, 00000000, 00000000)
    L(8000000a, N, 00000001, 00000010, 00000000, 10010001)
};
static const struct xen_cpuid_leaf intel[] = {
    L(00000000, N, 0000000d, 756e6547, 6c65746e, 49656e69)
    L(00000001, N, 00050654, 00000800, fed83203, 078bfbfd)
    L(00000002, N, 00000001, 00000000, 0000004d, 002c307d)
    L(00000004, 0, 00000121, 01c0003f, 0000003f, 00000001)
    L(00000004, 1, 00000122, 01c0003f, 0000003f, 00000001)
    L(00000004, 2, 00000143, 03c0003f, 00000fff, 00000001)
    L(00000004, 3, 00000163, 03c0003f, 00003fff, 00000006)
    L(00000005, N, 00000000, 00000000, 00000003, 00000000)
    L(00000006, N, 00000004, 00000000, 00000000, 00000000)
    L(00000007, 0, 00000000, 018803a9, 00000018, 00000000)
    L(0000000b, 0, 00000000, 00000001, 00000100, 00000000)
    L(0000000b, 1, 00000000, 00000001, 00000201, 00000000)
    L(0000000d, 0, 000002e7, 00000a88, 00000a88, 00000000)
    L(0000000d, 1, 00000005, 00000988, 00000000, 00000000)
    L(0000000d, 2, 00000100, 00000240, 00000000, 00000000)
    L(0000000d, 5, 00000040, 00000440, 00000000, 00000000)
    L(0000000d, 6, 00000200, 00000480, 00000000, 00000000)
    L(0000000d, 7, 00000400, 00000680, 00000000, 00000000)
    L(0000000d, 9, 00000008, 00000a80, 00000000, 00000000)
    L(80000000, N, 80000008, 756e6547, 6c65746e, 49656e69)
    L(80000001, N, 00050654, 00000000, 00000021, 2c100800)
    L(80000002, N, 65746e49, 6558206c, 50206e6f, 65636f72)
    L(80000003, N, 726f7373, 6b532820, 6b616c79, 00002965)
    L(80000005, N, 01ff01ff, 01ff01ff, 40020140, 40020140)
    L(80000006, N, 00000000, 42004200, 02008140, 00808140)
    L(80000008, N, 00003028, 00000000, 00000000, 00000000)
};
const struct cpu_record record_amd = { "TCG max", 0x7, ARRAY_SIZE(amd), amd };
const struct cpu_record record_intel = { "Skylake-Server", 0xe7, ARRAY_SIZE(intel), intel };
