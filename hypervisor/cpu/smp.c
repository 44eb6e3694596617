/* SPDX-License-Identifier: MIT */
/* cpu/smp: numbers the machine's CPUs and starts them, one after the other, so that nothing in start_secondary need be
 * ready for company. All is written on the boot CPU before dom0 exists and constant afterwards, but for cpu_online_map,
 * in which each CPU sets its own bit. */
#include <hv/acpi.h>
#include <hv/boot.h>
#include <hv/guest.h>
#include "private.h"

#define START_WAIT_US    200u           /* before the second start-up IPI */
#define ONLINE_WAIT_US   5000000u

cpumask_t cpu_online_map = 1;
unsigned int cpu_count = 1;
struct cpu_info *cpu_info_of[NR_CPUS];
static struct acpi_cpu ids[NR_CPUS];
static uint64_t tsc_adjust;             /* the boot CPU's */

extern const char trampoline_start[], trampoline_end[];
extern struct cpu_info *start_cpu_info;
extern void (*start_function)(void);

uint32_t cpu_apicid(unsigned int cpu) { return ids[cpu].apicid; }
uint32_t cpu_acpi_id(unsigned int cpu) { return ids[cpu].acpi_id; }

void smp_enumerate(void)
{
    ids[0].apicid = apic_id();
    cpu_info_of[0] = cpu_info();
    call_init();
    cpu_register_work(WORK_NMI, nmi_work);
    for (unsigned int i = 0; i < acpi.nr_cpus; i++) {
        const struct acpi_cpu *c = &acpi.cpu[i];
        if (c->apicid == ids[0].apicid)
            ids[0] = *c;
        else if (c->apicid > 0xfe && !apic_is_x2apic())
            log_warn("SMP: CPU with APIC id %u needs x2APIC mode; ignored\n", c->apicid);
        else if (cpu_count < NR_CPUS)
            ids[cpu_count++] = *c;
    }
}

void smp_mark_online(void)
{
    /* Release: what this CPU set up is seen by those who see the bit. */
    __atomic_fetch_or(&cpu_online_map, BIT(cpu_id()), __ATOMIC_ACQ_REL);
}

static bool has_tsc_adjust(void) { return cpuid_native(0, 0).a >= 7 && (cpuid_native(7, 0).b & CPUID7_EBX_TSC_ADJUST); }

/* On the started CPU, with no descriptor tables of ours yet. Firmware that wrote a CPU's TSC shows in TSC_ADJUST: the
 * same offset everywhere makes all TSCs one clock again. */
static void ap_start(void)
{
    if (has_tsc_adjust() && rdmsr(MSR_TSC_ADJUST) != tsc_adjust) {
        log_warn("CPU%u: TSC was %ld ticks off; corrected\n", cpu_id(), (long)(rdmsr(MSR_TSC_ADJUST) - tsc_adjust));
        wrmsr(MSR_TSC_ADJUST, tsc_adjust);
    }
    start_secondary(cpu_id());
}

/* A page of RAM below 640 KiB that is not the BIOS's. 0: none. */
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

/* False: not online within `us` microseconds. Serves the CPU's requests meanwhile. */
static bool wait_online(unsigned int cpu, unsigned int us)
{
    nsec_t end = now() + MICROSECS(us);
    while (!(__atomic_load_n(&cpu_online_map, __ATOMIC_ACQUIRE) & BIT(cpu))) {
        if (now() > end)
            return false;
        cpu_poll_requests();
        cpu_relax();
    }
    return true;
}

/* INIT and up to two start-up IPIs. The long pauses of the MP specification are for CPUs older than 64-bit mode. */
static void start_cpu(unsigned int cpu, uint8_t page)
{
    char *stack = irq_init_cpu(cpu) == 0 ? hv_pages_alloc(STACK_ORDER) : NULL;
    if (!stack) {
        log_err("SMP: no memory for CPU%u\n", cpu);
        return;
    }
    start_cpu_info = cpu_info_of[cpu] = (struct cpu_info *)(stack + STACK_SIZE) - 1;
    start_cpu_info->cpu = cpu;
    cpu_events_init(start_cpu_info);
    apic_send_init(cpu_apicid(cpu));
    udelay(START_WAIT_US);
    apic_send_startup(cpu_apicid(cpu), page);
    if (wait_online(cpu, START_WAIT_US))
        return;
    apic_send_startup(cpu_apicid(cpu), page);
    if (wait_online(cpu, ONLINE_WAIT_US))
        return;
    log_err("SMP: CPU%u (APIC id %u) does not start\n", cpu, cpu_apicid(cpu));
    apic_send_init(cpu_apicid(cpu));    /* it must not wake later in a page that is something else by then */
}

void smp_boot_all(unsigned int max)
{
    size_t size = (size_t)(trampoline_end - trampoline_start);
    paddr_t low = find_low_page();
    char saved[64];
    if (min(max, cpu_count) == 1)
        return;
    if (!low || size > sizeof(saved)) {
        log_err("SMP: no memory below 640 KiB to start the other CPUs from; one CPU is used\n");
        return;
    }
    if (has_tsc_adjust())
        tsc_adjust = rdmsr(MSR_TSC_ADJUST);
    memcpy(saved, paddr_to_virt(low), size);    /* whoever the page belongs to gets it back as it was */
    memcpy(paddr_to_virt(low), trampoline_start, size);
    start_function = ap_start;
    for (unsigned int c = 1; c < min(max, cpu_count); c++)
        start_cpu(c, (uint8_t)(low >> PAGE_SHIFT));
    memcpy(paddr_to_virt(low), saved, size);
    log_info("SMP: %u of %u CPUs\n", hweight64(cpu_online_map), cpu_count);
}
