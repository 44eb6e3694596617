#!/bin/bash
# SPDX-License-Identifier: MIT
# A stock guest on our user-space back-ends, every disk format, kills under load.
# On Vellum; VELLUM_LONG=1: on Debian's Xen too. BACK_ON=vellum|xen: on one of them. PART=disks: only the formats; PART=limits: only limits and
# anti-spoofing.
. "$(dirname "$0")/lib.sh"
common="vellum.xl=xl"
# The usual image of dom0 has no qemu-nbd and nbdkit. RAW=1: without them, and what comes over a net or packed.
files=()
if [ -z "${RAW:-}" ]; then
    "$top/dom0/build-image" -f "$build" "$build/image-formats" >"$work/image.log" 2>&1 || { tail "$work/image.log"; die "no image with all formats"; }
    image=$build/image-formats
    head -c 1M /dev/urandom >"$work/packed"
    gzip -k "$work/packed"
    xz -k "$work/packed"
    files+=("$work/packed:test/packed" "$work/packed.gz:test/packed.gz" "$work/packed.xz:test/packed.xz")
fi
if [ -n "${PART:-}" ]; then
    case $PART in disks | limits) ;; *) die "no such part: $PART" ;; esac
    : >"$work/part"
    files+=("$work/part:test/$PART")
fi
for on in ${BACK_ON:-vellum ${VELLUM_LONG:+xen}}; do
    hypervisor=
    [ "$on" = vellum ] || hypervisor=$image/xen
    mem=2560 dom0_mem=1400 dom0_args=$common limit=${LIMIT:-900} boot "$on" back.sh "${files[@]}"
done
finish
