/* SPDX-License-Identifier: MIT */
/* cpu/smp: numbers the machine's CPUs and starts them. Written on the boot CPU before dom0 exists, constant
 * afterwards, but for cpu_online_map, in which each CPU sets its own bit.
 *
 * All CPUs are started together: INIT to each, then a start-up IPI to each, a second one to those that do not stir.
 * The long pauses of the MP specification are for CPUs older than 64-bit mode. Then one after the other goes through
 * start_secondary, so that nothing there need be ready for company. */
#include <hv/acpi.h>
#include <hv/boot.h>
#include <hv/guest.h>
#include "private.h"

#define START_WAIT_US    200u           /* before the second start-up IPI */
#define ONLINE_WAIT_US   1000000u

cpumask_t cpu_online_map = 1;
unsigned int cpu_count = 1;
struct cpu_info *cpu_info_of[NR_CPUS];

uint32_t smp_apicids[NR_CPUS];          /* read by ap_entry */
unsigned long smp_stacks[NR_CPUS];      /* initial stack pointers; 0: not to be started */
static uint32_t acpi_ids[NR_CPUS];
static cpumask_t alive;                 /* CPUs that have reached ap_start */
static unsigned int may_start;          /* the CPU whose turn it is in start_secondary */
static uint64_t tsc_adjust;             /* the boot CPU's */

extern const char trampoline_start[], trampoline_end[], trampoline_cr3[], trampoline_cr0[], trampoline_efer[],
    trampoline_entry[], ap_entry[];
void ap_start(unsigned int cpu);

uint32_t cpu_apicid(unsigned int cpu) { return smp_apicids[cpu]; }
uint32_t cpu_acpi_id(unsigned int cpu) { return acpi_ids[cpu]; }

void smp_enumerate(void)
{
    smp_apicids[0] = apic_id();
    cpu_info_of[0] = cpu_info();
    call_init();
    for (unsigned int i = 0; i < acpi.nr_cpus; i++) {
        const struct acpi_cpu *c = &acpi.cpu[i];
        if (c->apicid == smp_apicids[0]) {
            acpi_ids[0] = c->acpi_id;
        } else if (c->apicid > 0xfe && !apic_is_x2apic()) {
            log_warn("SMP: CPU with APIC id %u needs x2APIC mode; ignored\n", c->apicid);
        } else if (cpu_count < NR_CPUS) {
            smp_apicids[cpu_count] = c->apicid;
            acpi_ids[cpu_count++] = c->acpi_id;
        }
    }
}

void smp_mark_online(void)
{
    /* Release: what this CPU set up is seen by those who see the bit. */
    __atomic_fetch_or(&cpu_online_map, BIT(cpu_id()), __ATOMIC_ACQ_REL);
}

/* --- on the started CPU ------------------------------------------------------------------------------------------- */
static bool has_tsc_adjust(void) { return cpuid_native(0, 0).a >= 7 && (cpuid_native(7, 0).b & CPUID7_EBX_TSC_ADJUST); }

/* Firmware that wrote a CPU's TSC shows in this register: the same offset everywhere makes all TSCs one clock again. */
static void sync_tsc(unsigned int cpu)
{
    if (!has_tsc_adjust() || rdmsr(MSR_TSC_ADJUST) == tsc_adjust)
        return;
    log_warn("CPU%u: TSC was %ld ticks off; corrected\n", cpu, (long)(rdmsr(MSR_TSC_ADJUST) - tsc_adjust));
    wrmsr(MSR_TSC_ADJUST, tsc_adjust);
}

/* From ap_entry: no descriptor tables of ours yet. */
void ap_start(unsigned int cpu)
{
    __atomic_fetch_or(&alive, BIT(cpu), __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&may_start, __ATOMIC_ACQUIRE) != cpu)
        cpu_relax();
    sync_tsc(cpu);
    start_secondary(cpu);
}

/* --- on the boot CPU ---------------------------------------------------------------------------------------------- */
/* A page of RAM below 640 KiB that is not the BIOS's: page 0 has its data, and page numbers above 0x9f are not RAM.
 * 0: none. */
static paddr_t find_low_page(void)
{
    for (unsigned int i = 0; i < boot_info.nr_e820; i++) {
        const struct e820_entry *e = &boot_info.e820[i];
        paddr_t p = ROUND_UP(max_t(paddr_t, e->addr, 0x8000), PAGE_SIZE);
        if (e->type == E820_RAM && p + PAGE_SIZE <= min_t(paddr_t, e->addr + e->size, 0xa0000))
            return p;
    }
    return 0;
}

static void set_parameter(char *page, const char *where, const void *value, size_t size)
{
    memcpy(page + (where - trampoline_start), value, size);
}

static void write_trampoline(char *page)
{
    uint32_t cr3 = (uint32_t)idle_cr3, cr0 = (uint32_t)read_cr0(), efer = (uint32_t)rdmsr(MSR_EFER) & ~EFER_LMA;
    uint64_t entry = (unsigned long)ap_entry;
    memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    set_parameter(page, trampoline_cr3, &cr3, sizeof(cr3));
    set_parameter(page, trampoline_cr0, &cr0, sizeof(cr0));
    set_parameter(page, trampoline_efer, &efer, sizeof(efer));
    set_parameter(page, trampoline_entry, &entry, sizeof(entry));
}

/* The stack block with cpu_info at its top, and the vector table. False: no memory. */
static bool prepare_cpu(unsigned int cpu)
{
    char *stack = hv_pages_alloc(STACK_ORDER);
    if (!stack || irq_init_cpu(cpu) != 0) {
        if (stack)
            hv_pages_free(stack, STACK_ORDER);
        return false;
    }
    struct cpu_info *ci = (struct cpu_info *)(stack + STACK_SIZE) - 1;
    ci->cpu = cpu;
    cpu_events_init(ci);
    cpu_info_of[cpu] = ci;
    smp_stacks[cpu] = (unsigned long)ci & ~15UL;
    return true;
}

/* False: not all of `want` were in *map within `us` microseconds. Serves the others' requests meanwhile. */
static bool wait_for(const cpumask_t *map, cpumask_t want, unsigned int us)
{
    nsec_t end = now() + MICROSECS(us);
    while ((__atomic_load_n(map, __ATOMIC_ACQUIRE) & want) != want) {
        if (now() > end)
            return false;
        cpu_poll_requests();
        cpu_relax();
    }
    return true;
}

static void start_cpus(cpumask_t want, uint8_t page)
{
    unsigned int c;
    for_each_cpu(c, want)
        apic_send_init(smp_apicids[c]);
    udelay(START_WAIT_US);
    for (unsigned int try = 0; try < 2; try++) {
        for_each_cpu(c, want & ~__atomic_load_n(&alive, __ATOMIC_ACQUIRE))
            apic_send_startup(smp_apicids[c], page);
        if (wait_for(&alive, want, try ? ONLINE_WAIT_US : START_WAIT_US))
            break;
    }
    /* Back to waiting for a start-up IPI: they must not wake later in a page that is something else by then. */
    for_each_cpu(c, want & ~__atomic_load_n(&alive, __ATOMIC_ACQUIRE)) {
        log_err("SMP: CPU%u (APIC id %u) does not start\n", c, smp_apicids[c]);
        apic_send_init(smp_apicids[c]);
    }
}

void smp_boot_all(unsigned int max)
{
    unsigned int n = max ? min(max, cpu_count) : cpu_count;
    paddr_t low = find_low_page();
    cpumask_t want = 0;
    unsigned int c;
    char *saved;

    if (n == 1)
        return;
    saved = hv_pages_alloc(0);
    if (!low || !saved) {
        log_err("SMP: no memory below 640 KiB to start the other CPUs from; one CPU is used\n");
        return;
    }
    if (has_tsc_adjust())
        tsc_adjust = rdmsr(MSR_TSC_ADJUST);
    for (c = 1; c < n; c++) {
        if (prepare_cpu(c))
            want |= BIT(c);
        else
            log_err("SMP: no memory for CPU%u\n", c);
    }
    /* Whoever the page belongs to gets it back as it was. */
    memcpy(saved, paddr_to_virt(low), PAGE_SIZE);
    write_trampoline(paddr_to_virt(low));
    start_cpus(want, (uint8_t)(low >> PAGE_SHIFT));
    memcpy(paddr_to_virt(low), saved, PAGE_SIZE);
    hv_pages_free(saved, 0);
    for_each_cpu(c, want & __atomic_load_n(&alive, __ATOMIC_ACQUIRE)) {
        __atomic_store_n(&may_start, c, __ATOMIC_RELEASE);
        if (!wait_for(&cpu_online_map, BIT(c), ONLINE_WAIT_US))
            log_err("SMP: CPU%u does not come online\n", c);
    }
    log_info("SMP: %u of %u CPUs\n", hweight64(cpu_online_map), cpu_count);
}
