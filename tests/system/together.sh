#!/bin/bash
# SPDX-License-Identifier: MIT
# Two xl's on one domain at once, ours and Debian's; names that no guest should have, from the file, the command line and the store.
# On Vellum; HYPERVISORS= chooses others. VELLUM_LONG=1: more creations are destroyed on their way.
. "$(dirname "$0")/lib.sh"
rounds=${VELLUM_LONG:+300}
rounds=${rounds:-16}
for hypervisor in ${HYPERVISORS:-$build/hypervisor/vellum}; do
    smp=2 hv_args="dom0_max_vcpus=2" dom0_args="vellum.net=none vellum.rounds=$rounds" limit=${limit:-$((300 + rounds * 6))} \
        boot "on-$(basename "$hypervisor")" together.sh "$build/pv-drivers/guest/hello:test/hello"
done
finish
