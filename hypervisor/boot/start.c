/* SPDX-License-Identifier: MIT */
/* The whole boot, in order. */
#include <hv/acpi.h>
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/event.h>
#include <hv/grant.h>
#include <hv/guest.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/policy.h>
#include <hv/sched.h>
#include <hv/time.h>

void __noreturn start_hypervisor(uint32_t magic, uint32_t info)
{
    desc_init_boot();                           /* exceptions are caught from here on */
    multiboot_parse(magic, info);
    cmdline_parse(boot_info.cmdline);
    console_init_early(boot_options.console, boot_options.com1);
    log_set_levels(boot_options.loglvl, boot_options.guest_loglvl);
    log_info("Vellum " PACKAGE_VERSION "\n");
    log_info("command line: %s\n", hv_cmdline);
    cmdline_log_unknown();
    cpu_features_init();
    mm_init();                                  /* our page tables, struct frames */
    dom0_unpack();                              /* while large pieces of memory are there */
    mm_init_heap();
    desc_init_cpu();                            /* final GDT, TSS, syscall entry */
    acpi_init(boot_info.has_rsdp ? boot_info.rsdp : NULL);
    apic_init_bsp();
    ioapic_init();
    time_init();
    fpu_init_cpu();
    policy_init();
    mm_init_late();
    cpu_register_work(WORK_EVENT_CHECK, vcpu_event_work);
    domain_init();                              /* system domains, idle vCPUs */
    sched_init(boot_options.sched);
    sched_cpu_init(0);
    console_init();
    evtchn_init();
    grant_init();
    domain_debug_init();
    smp_boot_all(boot_options.maxcpus ? boot_options.maxcpus : NR_CPUS);

    dom0_build();
    dom0_start();
    run_on_fresh_stack(cpu_info(), sched_start_idle);
}

/* Each further CPU, on its own stack, with cpu_info filled. */
void start_secondary(unsigned int cpu)
{
    cpu_features_init();
    cpu_info()->cr3 = idle_cr3;
    desc_init_cpu();
    apic_init_cpu();
    time_init_cpu();
    fpu_init_cpu();
    cpu_info()->curr = idle_domain->vcpu[cpu];
    sched_cpu_init(cpu);
    smp_mark_online();
    run_on_fresh_stack(cpu_info(), sched_start_idle);
}
