#!/bin/bash
# SPDX-License-Identifier: MIT
# dom0 with other disks, nics and timers, and its kernel packed with each method; debug keys typed on the console; what a panic prints.
. "$(dirname "$0")/lib.sh"

# said WHAT PATTERN: the last boot's console has it.
said() { if grep -aqE "$2" "$work/text"; then ok "$1"; else fail "$1: nothing like \"$2\" on the console"; fi; }

# machine NAME METHOD LOG-LINE: boots with the settings before it.
machine() {
    "$top/tests/system/repack-kernel" "$image/vmlinuz" "$2" "$work/vmlinuz"
    vmlinuz=$work/vmlinuz smp=2 hv_args="dom0_max_vcpus=2" dom0_args="vellum.cpus=2" boot "$1" boot.sh
    said "$1: the hypervisor saw it" "$3"
}

qemu_extra="-machine pc,hpet=off -device ahci,id=ahci" disk=ide-hd,bus=ahci.0 nic=e1000 machine ahci-e1000-no-hpet gzip "TSC: .* by PM timer"
qemu_extra="-machine q35" disk=ide-hd nic=e1000e cpu=max,-smap,-x2apic machine q35-e1000e-no-x2apic zstd "APIC: xAPIC"
disk=nvme,serial=1 cpu=max,-smap,-tsc-deadline,-xsave machine nvme-no-deadline-timer-no-xsave lz4 "timer by one-shot counter"

# Where the console is QEMU's monitor too, ctrl-a is typed twice.
until_said() { until grep -aq "$1" "$log"; do sleep 0.2; done; }
type_keys() {
    until_said "JOB types"
    printf '\1\1\1\1\1\1hqdmegr\1\1\1\1\1\1'
    until_said "JOB end"
    printf '\1cmce 0 0 0xbd00000000000000 5 0 0\n'
    sleep 30
}
typed=type_keys boot keys keys.sh
sed -i 's/(qemu) //g' "$log"     # the monitor's prompt comes in the midst of a line
said "a panic says what happened" "Panic on CPU [01]: machine check"
said "it has the registers, and where by name" "rip e008:[0-9a-f]* [a-z_]+\+0x"
said "it has the calls by name" "\) {3}\[[0-9a-f]+\] [a-z_]+\+0x[0-9a-f]+/0x"
said "it has the CPU's last events" "\) {3}hypercall [0-9]+\("
said "it says what comes next" "Reboot in"
finish
