#!/bin/bash
# SPDX-License-Identifier: MIT
# vellumd in place of xenconsoled: consoles, ends of guests, events, shells, its own death, the host's start and end; boots from disks.
# On Vellum, with some disks. VELLUM_LONG=1: 100 guests, channels and all disks too, and all of it on Debian's Xen.
# PARTS=main,disks, HYPERVISORS= and DISKS="grub-ext4 …" (or all) choose others.
. "$(dirname "$0")/lib.sh"
parts=main,ends,host,disks
hypervisors=$build/hypervisor/vellum
disks="grub-ext4 bls-btrfs extlinux-xfs sdboot-vfat lvm-ext4 kernel-ext4 nothing"
if [ -n "${VELLUM_LONG:-}" ]; then
    parts+=,many,channels
    hypervisors+=" $image/xen"
    disks=all
fi
parts=${PARTS:-$parts}
disks=${DISKS:-$disks}
files=("$build/pv-drivers/guest/hello:test/hello" "$build/tests/system/socket-talk:test/socket-talk"
    "$build/tests/system/end-guest:test/end-guest" "$jobs_dir/ends.sh:test/ends.sh")

# A disk with Debian's kernel and a ramdisk, on which Fedora's boot loader would find them. (Debian's cloud kernel is compressed
# by lz4, which GRUB cannot read.)
stock_disk() {
    local t=$work/stock/boot
    mkdir -p "$t/grub2" "$t/loader/entries"
    cp "$image/vmlinuz" "$image/guests/initrd" "$t/"
    printf 'set timeout=0\nblscfg\n' >"$t/grub2/grub.cfg"
    printf 'title Debian\nlinux /vmlinuz\ninitrd /initrd\noptions console=hvc0 stay\n' >"$t/loader/entries/d.conf"
    mke2fs -q -t ext4 -d "$work/stock" "$1" 48M >/dev/null
}

extra=
case ,$parts, in *,disks,*)
    PATH=$PATH:/sbin:/usr/sbin
    # shellcheck disable=SC2086  # names
    "$top/tests/system/make-boot-disks" "$build/pv-drivers/guest/hello" "$work/disks" ${disks#all}
    [ "$disks" != all ] || stock_disk "$work/disks/stock"
    # They lie on one of dom0's disks, as files.
    mke2fs -q -t ext4 -L boot-disks -d "$work/disks" "$work/boot-disks" 700M >/dev/null
    grub=usr/lib/grub-xen/grub-x86_64-xen.bin
    files+=("$image/pool/$grub:$grub")          # Debian's build of GRUB's kernel
    extra="-drive file=$work/boot-disks,format=raw,if=virtio"
    ;;
esac
for on in ${HYPERVISORS:-$hypervisors}; do
    hypervisor=$on limit=${limit:-900} qemu_extra=$extra \
        dom0_args="vellum.vellumd=on vellum.net=none vellumd.parts=${parts//,/+}" boot "on-$(basename "$on")" vellumd.sh "${files[@]}"
done
finish
