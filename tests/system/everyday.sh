#!/bin/bash
# SPDX-License-Identifier: MIT
# What a host meets sooner or later: every listing as JSON, with the members that docs/json.md names and no others; guests that
# end again and again; a cpupool-create that is killed; xl metrics and libvirt's XML, as installed. HYPERVISORS chooses others than ours, PARTS=json,pools,loops,helpers some.
. "$(dirname "$0")/lib.sh"
# The image leaves these out for the size of their libraries.
helpers=("$build/tools/lib/xl-metrics:test/lib/xl-metrics" "$build/tools/lib/xl-domxml:test/lib/xl-domxml")
while read -r library; do helpers+=("$library:test/lib/$(basename "$library")"); done < <(
    ldd "$build/tools/lib/xl-metrics" "$build/tools/lib/xl-domxml" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p' | grep -v '/libc\.so\|/libm\.so\|/libpthread' | sort -u)
for hypervisor in ${HYPERVISORS:-$build/hypervisor/vellum}; do
    smp=2 hv_args="dom0_max_vcpus=2" dom0_args=${PARTS:+vellum.parts=${PARTS//,/+}} limit=${limit:-400} \
        boot "everyday-on-$(basename "$hypervisor")" everyday.sh "$build/pv-drivers/guest/hello:test/hello" "${helpers[@]}"
done
finish
