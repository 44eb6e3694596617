#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's xl and ours, command by command, on Debian's Xen and on Vellum: the same outputs, exit codes, store.
. "$(dirname "$0")/lib.sh"
for on in ${ON:-xen vellum}; do
    hypervisor=$image/xen
    [ "$on" = xen ] || hypervisor=$build/hypervisor/vellum
    smp=2 hv_args="dom0_max_vcpus=2" limit=${limit:-900} boot "$on" conform-xl.sh
done
finish
