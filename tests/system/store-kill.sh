#!/bin/bash
# SPDX-License-Identifier: MIT
# kill -9 of xenstored while two guests do block I/O and devices are plugged: nobody notices.
# By hand: it takes many minutes, and has not passed yet.
. "$(dirname "$0")/lib.sh"
# Minutes long, so only when asked for.
[ -n "${VELLUM_LONG:-}" ] || { echo "  skipped: VELLUM_LONG=1 runs it"; exit 77; }
cpu=${CPU:-$cpu}
for hypervisor in ${HYPERVISORS:-$build/hypervisor/vellum $image/xen}; do
    limit=${LIMIT:-300} smp=${SMP:-1} hv_args="dom0_max_vcpus=1" dom0_args="vellum.xl=xl-debian vellum.kills=${KILLS:-40}" boot "on-$(basename "$hypervisor")" store-kill.sh
done
finish
