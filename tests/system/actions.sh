#!/bin/bash
# SPDX-License-Identifier: MIT
# What on_poweroff, on_reboot, on_crash and on_watchdog ask for happens, without vellumd.
. "$(dirname "$0")/lib.sh"
# On Debian's Xen: what is tested is the toolstack. HYPERVISORS and XL=xl-debian choose others.
for hypervisor in ${HYPERVISORS:-$image/xen}; do
    dom0_args="vellum.net=none vellum.xl=${XL:-xl}" limit=${limit:-900} boot "actions-on-$(basename "$hypervisor")" actions.sh \
        "$build/pv-drivers/guest/hello:test/hello" "$build/tests/system/end-guest:test/end-guest" "$jobs_dir/ends.sh:test/ends.sh"
done
finish
