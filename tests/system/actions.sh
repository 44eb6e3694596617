#!/bin/bash
# SPDX-License-Identifier: MIT
# What on_poweroff, on_reboot and on_crash ask for happens.
. "$(dirname "$0")/lib.sh"
# On Debian's Xen: what is tested is the toolstack. HYPERVISORS and XL=xl-debian choose others.
for hypervisor in ${HYPERVISORS:-$image/xen}; do
    dom0_args="vellum.net=none vellum.xl=${XL:-xl}" boot "actions-on-$(basename "$hypervisor")" actions.sh
done
finish
