#!/bin/bash
# SPDX-License-Identifier: MIT
# vellumd in place of xenconsoled: consoles, ends of guests, events, shells, its own death, the host's start and end; boots from disks.
# On Vellum, with some disks. VELLUM_LONG=1: 100 guests, channels and all disks too, and all of it on Debian's Xen.
# PARTS=main,disks, HYPERVISORS=, DISKS="grub-ext4 …" (or all), PACKED="grub-ext4.zstd …" and STOCK="zstd:bls …" choose others.
. "$(dirname "$0")/lib.sh"
parts=main,ends,host,disks
hypervisors=$build/hypervisor/vellum
disks="grub-ext4 bls-btrfs extlinux-xfs sdboot-vfat lvm-ext4 kernel-ext4 nothing"
packed="grub-ext4.zstd bls-ext4.zstd grub-xfs.lz4 extlinux-ext4.lz4 grub-vfat.gzip bls-xfs.xz grub-ext4.lzma bls-ext4.bzip2"
stock="lz4:grub zstd:bls"       # Debian's kernel itself, by which loader
if [ -n "${VELLUM_LONG:-}" ]; then
    parts+=,many,channels
    hypervisors+=" $image/xen"
    disks=all
    stock="lz4:grub zstd:grub zstd22:bls xz:bls gzip:grub"
fi
parts=${PARTS:-$parts}
disks=${DISKS:-$disks}
packed=${PACKED-$packed}
stock=${STOCK-$stock}
files=("$build/pv-drivers/guest/hello:test/hello" "$build/tests/system/socket-talk:test/socket-talk"
    "$build/tests/system/end-guest:test/end-guest" "$build/tests/system/hold-at:test/hold-at" "$jobs_dir/ends.sh:test/ends.sh")

# stock_disk METHOD LOADER: a disk with Debian's kernel, packed so, and a ramdisk. Debian has two kernels, one in lz4 and one in xz.
stock_disk() {
    local t=$work/stock/boot
    rm -rf "$t"
    mkdir -p "$t/grub2" "$t/loader/entries"
    case $1 in
    lz4) cp "$image/guests/vmlinuz" "$t/" ;;
    xz) cp "$image/vmlinuz" "$t/" ;;
    *) "$top/tests/system/repack-kernel" "$image/guests/vmlinuz" "$1" "$t/vmlinuz" ;;
    esac
    cp "$image/guests/initrd" "$t/"
    case $2 in
    grub)
        printf 'set timeout=0\nmenuentry Debian {\n linux /boot/vmlinuz console=hvc0 stay\n initrd /boot/initrd\n}\n' \
            >"$t/grub2/grub.cfg"
        ;;
    bls)
        printf 'set timeout=0\nblscfg\n' >"$t/grub2/grub.cfg"
        printf 'title Debian\nlinux /vmlinuz\ninitrd /initrd\noptions console=hvc0 stay\n' >"$t/loader/entries/d.conf"
        ;;
    esac
    mke2fs -q -t ext4 -d "$work/stock" "$work/disks/stock.$1" 48M >/dev/null
}

extra=
case ,$parts, in *,disks,*)
    PATH=$PATH:/sbin:/usr/sbin
    # shellcheck disable=SC2086  # names
    "$top/tests/system/make-boot-disks" "$build/pv-drivers/guest/hello" "$work/disks" ${disks#all}
    # shellcheck disable=SC2086
    [ -z "$packed" ] || BZIMAGE=$image/vmlinuz "$top/tests/system/make-boot-disks" "$build/pv-drivers/guest/hello" "$work/disks" $packed
    for s in $stock; do stock_disk "${s%:*}" "${s#*:}"; done
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
