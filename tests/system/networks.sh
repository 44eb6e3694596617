#!/bin/bash
# SPDX-License-Identifier: MIT
# A guest's interfaces on bridges, in VLANs, on an Open vSwitch, routed and behind NAT, by our hotplug script and by Debian's.
# On Vellum; VELLUM_LONG=1: on Debian's Xen too. ON=vellum|xen: on one of them.
. "$(dirname "$0")/lib.sh"
"$top/dom0/build-image" -n "$build" "$build/image-networks" >"$work/image.log" 2>&1 || { tail "$work/image.log"; die "no image with Open vSwitch"; }
image=$build/image-networks
for on in ${ON:-vellum ${VELLUM_LONG:+xen}}; do
    hypervisor=
    [ "$on" = vellum ] || hypervisor=$image/xen
    dom0_mem=700 dom0_args="vellum.xl=xl" limit=400 boot "$on" networks.sh
done
finish
