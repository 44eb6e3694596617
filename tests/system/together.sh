#!/bin/bash
# SPDX-License-Identifier: MIT
# Two xl's on one domain at once, ours and Debian's; names that no guest should have, from the file, the command line and the store.
# On Vellum; HYPERVISORS= chooses others.
. "$(dirname "$0")/lib.sh"
for hypervisor in ${HYPERVISORS:-$build/hypervisor/vellum}; do
    smp=2 hv_args="dom0_max_vcpus=2" dom0_args="vellum.net=none" limit=${limit:-400} \
        boot "on-$(basename "$hypervisor")" together.sh "$build/pv-drivers/guest/hello:test/hello"
done
finish
