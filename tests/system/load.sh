#!/bin/bash
# SPDX-License-Identifier: MIT
# Eight CPUs, dom0 and two guests of four vCPUs under load: no stall, no warning, no lost wake-up. VELLUM_LOAD_SECONDS (30) says for how long.
# Alone: eight busy CPUs, and what it looks for are delays
. "$(dirname "$0")/lib.sh"
seconds=${VELLUM_LOAD_SECONDS:-30}
${CC:-cc} -O2 -static -o "$work/load" "$top/tests/system/load.c"
smp=8 limit=$((seconds * 4 + 600)) hv_args="dom0_max_vcpus=4" dom0_args="vellum.seconds=$seconds vellum.net=none" \
    boot smp8 load.sh "$work/load:usr/lib/vellum/load"
finish
