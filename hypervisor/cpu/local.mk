# SPDX-License-Identifier: MIT
hv_sources += \
  hypervisor/cpu/acpi.c \
  hypervisor/cpu/acpi_map.c \
  hypervisor/cpu/apic.c \
  hypervisor/cpu/calibrate.c \
  hypervisor/cpu/call.c \
  hypervisor/cpu/ioapic.c \
  hypervisor/cpu/irq.c \
  hypervisor/cpu/irqs.h \
  hypervisor/cpu/machine.c \
  hypervisor/cpu/msi.c \
  hypervisor/cpu/pci.c \
  hypervisor/cpu/pci.h \
  hypervisor/cpu/pirq.c \
  hypervisor/cpu/platform.h \
  hypervisor/cpu/reboot.c \
  hypervisor/cpu/smp.c \
  hypervisor/cpu/time.c \
  hypervisor/cpu/timer.c \
  hypervisor/cpu/trampoline.S \
  hypervisor/cpu/x86.h
hv_sources += hypervisor/cpu/decompress.c \
  hypervisor/cpu/desc.c \
  hypervisor/cpu/entry.S \
  hypervisor/cpu/fpu.c \
  hypervisor/cpu/paging.c \
  hypervisor/cpu/paging.h \
  hypervisor/cpu/segment.c \
  hypervisor/cpu/tlb.c \
  hypervisor/cpu/traps.c
