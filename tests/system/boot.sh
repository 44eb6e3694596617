#!/bin/bash
# SPDX-License-Identifier: MIT
# The hypervisor boots Debian's kernel as dom0, on one CPU and on two; built by clang too, where check built it so.
. "$(dirname "$0")/lib.sh"
for n in ${CPUS:-1 2}; do
    smp=$n hv_args="dom0_max_vcpus=$n" dom0_args="vellum.cpus=$n" boot "smp$n" boot.sh
done
clang=$VELLUM_BUILD-clang/hypervisor/vellum
[ ! -e "$clang" ] || hypervisor=$clang smp=2 hv_args="dom0_max_vcpus=2" dom0_args="vellum.cpus=2" boot clang boot.sh
finish
