#!/bin/bash
# SPDX-License-Identifier: MIT
# The four by four: Linux's front ends and ours, Linux's back-ends and ours, disks and networks with their data checked.
# Features off one by one, plugging under load, back-ends killed, saved and restored, ballooned; on Vellum and on Debian's
# Xen. MATRIX_ON=vellum|xen: on one of them; VELLUM_LONG=1: each feature off alone, and more kills.
# By hand: not passed yet; on Vellum one TCP echo of Linux under load did not come back as sent, on the interface of vellum-netd.
. "$(dirname "$0")/lib.sh"
limit=${VELLUM_LONG:+900}
for on in ${MATRIX_ON:-vellum xen}; do
    hypervisor=
    [ "$on" = vellum ] || hypervisor=$image/xen
    mem=2560 dom0_mem=1200 hv_args="dom0_max_vcpus=1" dom0_args="vellum.xl=xl vellum.net=none${VELLUM_LONG:+ matrix.long}" \
        limit=${limit:-600} boot "$on" pv-matrix.sh
done
finish
