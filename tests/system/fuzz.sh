#!/bin/bash
# SPDX-License-Identifier: MIT
# A guest makes every hypercall with bad arguments and page tables, others die of lethal acts; frames are audited, a neighbour lives on.
# FUZZ_SEEDS: runs of the fuzzer, from seed 1 on (2; VELLUM_LONG=1: 20); FUZZ_CALLS: hypercalls of each (20000).
. "$(dirname "$0")/lib.sh"
long=${VELLUM_LONG:+20}
seeds=${FUZZ_SEEDS:-${long:-2}}
limit=$((240 + seeds * 90)) dom0_args="vellum.xl=${XL:-xl} vellum.net=none fuzz.seeds=$seeds fuzz.calls=${FUZZ_CALLS:-20000}" \
    boot fuzz fuzz.sh "$build/pv-drivers/guest/fuzz:usr/lib/vellum/fuzz"
finish
