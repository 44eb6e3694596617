# SPDX-License-Identifier: MIT
hv_sources += hypervisor/cpu/acpi.c hypervisor/cpu/apic.c hypervisor/cpu/calibrate.c hypervisor/cpu/call.c hypervisor/cpu/desc.c \
  hypervisor/cpu/entry.S hypervisor/cpu/fpu.c hypervisor/cpu/ioapic.c hypervisor/cpu/irq.c hypervisor/cpu/machine.c \
  hypervisor/cpu/msi.c hypervisor/cpu/paging.c hypervisor/cpu/pci.c hypervisor/cpu/pirq.c hypervisor/cpu/private.h \
  hypervisor/cpu/reboot.c hypervisor/cpu/smp.c hypervisor/cpu/time.c hypervisor/cpu/timer.c hypervisor/cpu/tlb.c \
  hypervisor/cpu/traps.c hypervisor/cpu/x86.h
