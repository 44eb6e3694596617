#!/bin/bash
# SPDX-License-Identifier: MIT
# Our xenstored under Debian's xl, on Vellum and on Debian's Xen: guests with disks and vifs, save, restore, Debian's own test.
. "$(dirname "$0")/lib.sh"
test_xenstore=$image/pool/usr/lib/xen-4.17/bin/test-xenstore:usr/lib/xen-4.17/bin/test-xenstore
for hypervisor in ${HYPERVISORS:-$build/hypervisor/vellum $image/xen}; do
    hv_args="dom0_max_vcpus=1" dom0_args="vellum.xl=xl-debian ${DOM0_ARGS:-}" boot "on-$(basename "$hypervisor")" store.sh "$test_xenstore"
done
# The same session with Debian's clients and ours, on Debian's daemon and ours, on this host.
make -s -C "$build" tests/peer/xenstore-simhost.so
if said=$("$top/tests/peer/xenstore-clients" "$build" "$image/pool" 2>&1); then ok "$said"; else fail "clients: $said"; fi
finish
