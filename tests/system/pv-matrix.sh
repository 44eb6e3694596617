#!/bin/bash
# SPDX-License-Identifier: MIT
# The four by four: Linux's front ends and ours, Linux's back-ends and ours, disks and networks with their data checked.
# Features off one by one, plugging under load, back-ends killed, saved and restored, ballooned. Short, on Vellum;
# MATRIX_ON=vellum|xen: whole, on one of them; VELLUM_LONG=1: on both, each feature off alone, and more kills.
. "$(dirname "$0")/lib.sh"
limit=${VELLUM_LONG:+900}
on=${MATRIX_ON:-vellum${VELLUM_LONG:+ xen}} word=
[ -n "${MATRIX_ON:-}${VELLUM_LONG:-}" ] || word=matrix.short
[ -z "${VELLUM_LONG:-}" ] || word=matrix.long
for on in $on; do
    hypervisor=
    [ "$on" = vellum ] || hypervisor=$image/xen
    mem=2560 dom0_mem=1200 hv_args="dom0_max_vcpus=1" dom0_args="vellum.xl=xl vellum.net=none $word" \
        limit=${LIMIT:-${limit:-600}} boot "$on" pv-matrix.sh
done
finish
