#!/bin/bash
# SPDX-License-Identifier: MIT
# vellumd in place of xenconsoled, on Vellum and on Debian's Xen: consoles, reboot, events, shells, its own death, start
# and stop of all guests, 100 guests at once; guests that boot from their own disks.
# By hand: it takes many minutes, and has not passed yet.
. "$(dirname "$0")/lib.sh"
"$top/tests/system/make-boot-disks" "$build/pv-drivers/guest/hello" "$work/disks"
files=("$build/pv-drivers/guest/hello:test/hello" "$build/tests/system/socket-talk:test/socket-talk")
case ${PARTS:-disks} in *disks*)
    # One more, with the stock kernel.
    mkdir -p "$work/stock/boot/grub"
    cp "$image/guests/vmlinuz" "$image/guests/initrd" "$work/stock/boot/"
    printf 'set timeout=0\nmenuentry d { linux /boot/vmlinuz console=hvc0 stay; initrd /boot/initrd; }\n' >"$work/stock/boot/grub/grub.cfg"
    PATH=$PATH:/sbin mke2fs -q -t ext4 -d "$work/stock" "$work/disks/stock" 48M
    ;;
esac
for disk in "$work/disks"/*; do files+=("$disk:test/disks/$(basename "$disk")"); done
parts=${PARTS:-main,many,disks,channels}
for hypervisor in ${HYPERVISORS:-$build/hypervisor/vellum $image/xen}; do
    limit=${limit:-900} dom0_args="vellum.vellumd=on vellum.net=none vellumd.parts=${parts//,/+}" boot "on-$(basename "$hypervisor")" vellumd.sh "${files[@]}"
done
finish
