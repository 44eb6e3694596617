#!/bin/bash
# SPDX-License-Identifier: MIT
# Our xl and Debian's restore each other's saved guests, migrations and what goes wrong with them, broken streams.
# On Vellum, each a little; VELLUM_LONG=1: in full, on Debian's Xen too, in boots of some minutes each.
# ON=vellum|xen: on one of them. PARTS="WORDS…": these words of the job (state.turns=N …) in one boot.
. "$(dirname "$0")/lib.sh"
files=("$build/tests/peer/memory-check:usr/lib/vellum/memory-check" "$build/tests/peer/stream-compare:usr/lib/vellum/stream-compare")
export mem=3072 dom0_mem=1600
long=("turns state.turns=10" "moves state.moves=50" "failures state.forms state.failures" "cuts state.cuts=200")
boots=("short state.turns=1 state.moves=2 state.forms state.failures state.cuts=8")
[ -z "${VELLUM_LONG:-}" ] || boots=("${long[@]}")
[ -z "${PARTS:-}" ] || boots=("parts $PARTS")
for on in ${ON:-vellum ${VELLUM_LONG:+xen}}; do
    hypervisor=
    [ "$on" = vellum ] || hypervisor=$image/xen
    for b in "${boots[@]}"; do
        hv_args="dom0_max_vcpus=1" dom0_args="vellum.xl=xl vellum.net=none ${b#* }" limit=${LIMIT:-1500} \
            boot "$on-${b%% *}" state.sh "${files[@]}"
    done
done
finish
