#!/bin/bash
# SPDX-License-Identifier: MIT
# The hypervisor finds its way on machines from 256 MiB to 16 GiB, from 4 GiB on with a part above the PCI hole; a guest may
# have all the memory that there is, 128 vCPUs, or a balloon eight times its size.
# Alone: up to 16 GiB
. "$(dirname "$0")/lib.sh"
# size NAME MIB DOM0-MIB [WORDS of dom0's command line]
size() { mem=$2 dom0_mem=$3 dom0_args="vellum.dom0=$3 vellum.host=$2 vellum.net=none ${4:-}" boot "$1" memory.sh; }
size 256M 256 208
size 384M 384 256
size 4G 4096 512 vellum.guests=1
# QEMU takes what the machine below touches, a part of it; still, a small host does not try.
if [ "$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)" -ge 6000 ]; then size 16G 16384 768; else
    echo "  skip  16G: this host has less than 6 GB to spare"
fi
finish
