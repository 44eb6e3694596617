#!/bin/bash
# SPDX-License-Identifier: MIT
# A guest's disk comes from a driver domain, where xl devd runs what dom0 does otherwise.
. "$(dirname "$0")/lib.sh"
files=()
n=0
for m in xen/xen-privcmd xen/xen-evtchn block/loop block/xen-blkback/xen-blkback; do
    f=$(find "$image/guest-kernel/lib/modules" -path "*/drivers/$m.ko")
    [ -n "$f" ] && files+=("$f:lib/drv/$n-${m##*/}.ko")
    n=$((n + 1))
done
mem=2048 dom0_args="vellum.net=none" boot driver driver.sh "${files[@]}"
finish
