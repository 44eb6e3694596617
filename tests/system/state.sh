#!/bin/bash
# SPDX-License-Identifier: MIT
# Our xl and Debian's restore each other's saved guests on Debian's Xen; migrations, and what goes wrong with them; then Vellum.
# By hand: many minutes; the part turns passes, vellum and cuts have not been seen to pass yet.
# VELLUM_LONG=1 does each of them many times more. PART=turns, cuts or vellum does one of them.
. "$(dirname "$0")/lib.sh"
files=("$build/tests/peer/memory-check:usr/lib/vellum/memory-check" "$build/tests/peer/stream-compare:usr/lib/vellum/stream-compare")
export mem=3072 dom0_mem=1600
args="vellum.xl=xl vellum.net=none"
turns=2 moves=5 cuts=40
[ -z "${VELLUM_LONG:-}" ] || turns=10 moves=50 cuts=200
for part in ${PART:-turns cuts vellum}; do
    hypervisor=$image/xen
    case $part in
    turns) words="state.turns=$turns state.moves=$moves" ;;
    cuts) words="state.turns=1 state.moves=1 state.cuts=$cuts" ;;
    vellum)
        words="state.turns=$turns state.moves=$moves state.cuts=$cuts"
        hypervisor=$build/hypervisor/vellum
        ;;
    esac
    hv_args="dom0_max_vcpus=1" dom0_args="$args $words" limit=1500 boot "$part" state.sh "${files[@]}"
done
finish
