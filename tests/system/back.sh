#!/bin/bash
# SPDX-License-Identifier: MIT
# A stock guest on our user-space back-ends, every disk format, kills under load.
# On Vellum; VELLUM_LONG=1: on Debian's Xen too. BACK_ON=vellum|xen: on one of them.
. "$(dirname "$0")/lib.sh"
common="vellum.xl=xl"
for on in ${BACK_ON:-vellum ${VELLUM_LONG:+xen}}; do
    hypervisor=
    [ "$on" = vellum ] || hypervisor=$image/xen
    mem=2560 dom0_mem=1400 dom0_args=$common limit=${LIMIT:-600} boot "$on" back.sh
done
finish
