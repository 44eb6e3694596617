#!/bin/bash
# SPDX-License-Identifier: MIT
# A stock guest on our user-space back-ends, every disk format, kills under load: on Vellum and on Debian's Xen.
# By hand: it has not run yet.
. "$(dirname "$0")/lib.sh"
common="vellum.xl=xl"
for on in ${BACK_ON:-vellum xen}; do
    hypervisor=
    [ "$on" = vellum ] || hypervisor=$image/xen
    mem=2560 dom0_mem=1400 dom0_args=$common limit=${LIMIT:-600} boot "$on" back.sh
done
finish
