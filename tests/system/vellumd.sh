#!/bin/bash
# SPDX-License-Identifier: MIT
# vellumd in place of xenconsoled: consoles, ends of guests, events, shells, its own death, start and stop of all guests.
# On Vellum; PARTS= and HYPERVISORS= choose others of the job's parts, and on what: VELLUM_LONG=1 means all of them on both.
# By hand: it has not passed yet.
. "$(dirname "$0")/lib.sh"
parts=${PARTS:-main,ends,host}
hypervisors=${HYPERVISORS:-$build/hypervisor/vellum}
if [ -n "${VELLUM_LONG:-}" ]; then
    parts=${PARTS:-main,ends,host,many,disks,channels}
    hypervisors=${HYPERVISORS:-$build/hypervisor/vellum $image/xen}
fi
files=("$build/pv-drivers/guest/hello:test/hello" "$build/tests/system/socket-talk:test/socket-talk"
    "$build/tests/system/end-guest:test/end-guest" "$jobs_dir/ends.sh:test/ends.sh")
extra=
case ,$parts, in *,disks,*)
    # The disks lie on one of dom0's, as files.
    mkdir -p "$work/disks" "$work/stock/boot/grub2" "$work/stock/boot/loader/entries"
    "$top/tests/system/make-boot-disks" "$build/pv-drivers/guest/hello" "$work/disks" ${DISKS:-}
    # One more, with Debian's kernel and a ramdisk; its cloud kernel, which is compressed by lz4, GRUB cannot start.
    cp "$image/vmlinuz" "$image/guests/initrd" "$work/stock/boot/"
    printf 'set timeout=0\nblscfg\n' >"$work/stock/boot/grub2/grub.cfg"
    printf 'title Debian\nlinux /vmlinuz\ninitrd /initrd\noptions console=hvc0 stay\n' >"$work/stock/boot/loader/entries/d.conf"
    PATH=$PATH:/sbin mke2fs -q -t ext4 -d "$work/stock" "$work/disks/stock" 48M
    PATH=$PATH:/sbin mke2fs -q -t ext4 -L boot-disks -d "$work/disks" "$work/boot-disks" 700M
    grub=usr/lib/grub-xen/grub-x86_64-xen.bin
    files+=("$image/pool/$grub:$grub")          # Debian's build of GRUB's kernel
    extra="-drive file=$work/boot-disks,format=raw,if=virtio"
    ;;
esac
for on in $hypervisors; do
    hypervisor=$on limit=${limit:-900} qemu_extra=$extra \
        dom0_args="vellum.vellumd=on vellum.net=none vellumd.parts=${parts//,/+}" boot "on-$(basename "$on")" vellumd.sh "${files[@]}"
done
finish
