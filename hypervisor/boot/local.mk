# SPDX-License-Identifier: MIT
hv_sources += hypervisor/boot/multiboot.c hypervisor/boot/cmdline.c hypervisor/boot/head.S hypervisor/boot/start.c
