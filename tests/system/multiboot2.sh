#!/bin/bash
# SPDX-License-Identifier: MIT
# GRUB starts the hypervisor by multiboot2 and by multiboot from a CD, and dom0 comes up.
. "$(dirname "$0")/lib.sh"
command -v grub-mkrescue >/dev/null && command -v xorriso >/dev/null || { echo "  no grub-mkrescue or xorriso here"; exit 77; }
iso=$work/iso
mkdir -p "$iso/boot/grub" "$work/jobdir"
cp "$build/hypervisor/vellum" "$image/vmlinuz" "$iso/boot/"
mkdir -p "$work/jobdir/usr/lib/vellum"
cp "$jobs_dir/lib.sh" "$work/jobdir/usr/lib/vellum/job.sh"
cp "$jobs_dir/grub.sh" "$work/jobdir/job"
# Not packed: GRUB unpacks what is, and takes the size from the last of several members.
(zcat "$image/initrd" && cd "$work/jobdir" && find . | cpio -o -H newc -R 0:0 --quiet) >"$iso/boot/initrd"
for proto in multiboot2 multiboot; do
    module=module${proto#multiboot}
    cat >"$iso/boot/grub/grub.cfg" <<EOF
insmod all_video
$proto /boot/vellum console=com1 com1=115200,8n1 dom0_mem=512M dom0_max_vcpus=1
$module /boot/vmlinuz console=hvc0 earlyprintk=xen panic=-1 vellum.net=none
$module /boot/initrd
boot
EOF
    # A module's own name is not part of its command line with this protocol; dom0's kernel ignores a word it does not know.
    grub-mkrescue -o "$work/boot.iso" "$iso" >"$work/mkrescue" 2>&1 || { fail "grub-mkrescue: $(tail -n 1 "$work/mkrescue")"; continue; }
    log=${VELLUM_LOGS:-$work}/$(basename "$0").$proto.log
    mkdir -p "$(dirname "$log")"
    rc=0
    timeout -k 5 "${limit:-600}" "${qemu[@]}" -accel "$accel" -cpu "$cpu" -m 1024 -nographic -no-reboot -nic none \
        -boot d -cdrom "$work/boot.iso" </dev/null >"$log" 2>&1 || rc=$?
    tr -d '\r' <"$log" >"$work/text"
    verdicts "$proto" "$rc"
done
finish
