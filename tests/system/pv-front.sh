#!/bin/bash
# SPDX-License-Identifier: MIT
# Our front ends against Linux's back-ends on Vellum and on Debian's Xen: blktest, nettest and httpd, features off one by one.
. "$(dirname "$0")/lib.sh"
for hypervisor in ${HYPERVISORS:-$build/hypervisor/vellum $image/xen}; do
    limit=${LIMIT:-600} smp=${SMP:-1} hv_args="dom0_max_vcpus=1" dom0_args="vellum.xl=${XL:-xl}" boot "on-$(basename "$hypervisor")" pv-front.sh
done
finish
