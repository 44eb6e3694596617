#!/bin/bash
# SPDX-License-Identifier: MIT
# kill -9 of xenstored while two guests do block I/O and devices are plugged: nobody notices.
. "$(dirname "$0")/lib.sh"
# Usually a few kills on Vellum. VELLUM_LONG=1 makes it 40, on Debian's Xen too, which takes many minutes; KILLS=N,
# HYPERVISORS="FILE…" and LIMIT=SECONDS a boot choose others.
cpu=${CPU:-$cpu}
kills=6 hypervisors=$build/hypervisor/vellum limit=600
[ -z "${VELLUM_LONG:-}" ] || kills=40 limit=900 hypervisors+=" $image/xen"
for hypervisor in ${HYPERVISORS:-$hypervisors}; do
    limit=${LIMIT:-$limit} smp=${SMP:-1} hv_args="dom0_max_vcpus=1" dom0_args="vellum.xl=xl-debian vellum.kills=${KILLS:-$kills}" boot "on-$(basename "$hypervisor")" store-kill.sh
done
finish
