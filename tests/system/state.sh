#!/bin/bash
# SPDX-License-Identifier: MIT
# Our xl and Debian's restore each other's saved guests on Debian's Xen; migrations, and what goes wrong with them; then Vellum.
# By hand: it takes a quarter of an hour, and some turns of it still fail.
. "$(dirname "$0")/lib.sh"
files=("$build/tests/peer/memory-check:usr/lib/vellum/memory-check" "$build/tests/peer/stream-compare:usr/lib/vellum/stream-compare")
export mem=3072 dom0_mem=1600
args="vellum.xl=xl vellum.net=none"
hypervisor=$image/xen hv_args="dom0_max_vcpus=1" \
    dom0_args="$args state.turns=${TURNS:-10} state.moves=${MOVES:-50}" boot turns state.sh "${files[@]}"
hypervisor=$image/xen hv_args="dom0_max_vcpus=1" \
    dom0_args="$args state.turns=1 state.moves=1 state.cuts=${CUTS:-200}" limit=900 boot cuts state.sh "${files[@]}"
hv_args="dom0_max_vcpus=1" dom0_args="$args state.turns=2 state.moves=5" boot vellum state.sh "${files[@]}"
finish
