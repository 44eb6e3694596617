#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's xl and ours, command by command, on Debian's Xen and on Vellum: the same outputs, exit codes, store.
. "$(dirname "$0")/lib.sh"
for on in ${ON:-xen vellum}; do
    hypervisor=$image/xen
    [ "$on" = xen ] || hypervisor=$build/hypervisor/vellum
    for part in ${PART:-h:60 g:28 pools:14}; do
        smp=1
        [ "${part%:*}" != pools ] || smp=2
        hv_args="dom0_max_vcpus=$smp" dom0_args="conform.part=${part%:*} conform.least=${part#*:}" limit=${limit:-900} \
            boot "$on-${part%:*}" conform-xl.sh
    done
done
finish
