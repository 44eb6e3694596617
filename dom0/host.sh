# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What `run`, `check` and the system tests share: packages of the host, the build, and QEMU.
# The caller sets $top, the source tree. From its environment:
#   VELLUM_BUILD   build folder (default: build in the source tree)
#   VELLUM_IMAGE   image folder (default: image in the build folder)
#   VELLUM_ACCEL   tcg or kvm, instead of the probe
#   QEMU           the command to use for qemu-system-x86_64
build=${VELLUM_BUILD:-$top/build}
image=${VELLUM_IMAGE:-$build/image}
read -r -a qemu <<<"${QEMU:-qemu-system-x86_64}"

say() { echo "== $*"; }
die() { echo "$0: $*" >&2; exit 1; }
names() { sed 's/#.*//' "$@" | tr -s ' \n' '\n' | sed '/^$/d'; }

# as_root COMMAND…: by sudo where we are not root.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else
        command -v sudo >/dev/null || die "this needs root or sudo: $*"
        sudo "$@"
    fi
}

# Installs those packages of a list that are missing, and says which.
install_missing() {
    local missing p
    missing=$(for p in $(names "$1"); do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || echo "$p"
    done | tr '\n' ' ')
    if [ -n "${missing% }" ]; then
        say "installing: $missing"
        as_root apt-get update -q </dev/null >"${TMPDIR:-/tmp}/vellum-apt.$$" 2>&1 &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing \
                </dev/null >>"${TMPDIR:-/tmp}/vellum-apt.$$" 2>&1 ||
            { tail -5 "${TMPDIR:-/tmp}/vellum-apt.$$" >&2; die "cannot install: $missing"; }
        rm -f "${TMPDIR:-/tmp}/vellum-apt.$$"
    elif ! apt-cache show linux-image-amd64 >/dev/null 2>&1; then
        say "fetching Debian's package lists"
        as_root apt-get update -q </dev/null >/dev/null
    fi
}

# build_all [CONFIGURE-ARGUMENT…]: configures where needed and makes everything.
build_all() {
    local log=$build/build.log
    mkdir -p "$build"
    say "building (log: $log)"
    : >"$log"
    if [ ! -x "$top/configure" ] || [ "$top/configure.ac" -nt "$top/configure" ]; then
        (cd "$top" && autoreconf -fi) >>"$log" 2>&1 || { tail -20 "$log" >&2; die "autoreconf failed"; }
    fi
    "$top/pv-drivers/guest/get-lwip" "$build/lwip" || say "without lwIP's source: nettest and httpd are not built"
    if [ ! -f "$build/config.status" ] || [ "$top/configure" -nt "$build/config.status" ]; then
        (cd "$build" && "$(realpath "$top")/configure" "$@") >>"$log" 2>&1 || { tail -20 "$log" >&2; die "configure failed"; }
    fi
    make -C "$build" -j"$(nproc)" >>"$log" 2>&1 || { grep -E 'error|Error|\*\*\*' "$log" | head -20 >&2; die "make failed"; }
}

build_image() { "$top/dom0/build-image" "$build" "$image" || die "no dom0 image"; }

# Does this accelerator really run a guest? A boot sector has a few seconds to write to QEMU's exit port.
accel_works() {
    local sector rc=0
    sector=$(mktemp)
    # mov dx, 0xf4; mov al, 0x10; out dx, al; hlt
    { printf '\xba\xf4\x00\xb0\x10\xee\xf4\xeb\xfd'; head -c 501 /dev/zero; printf '\x55\xaa'; } >"$sector"
    timeout -k 1 8 "${qemu[@]}" -accel "$1" -cpu "$2" -m 16 -display none -nodefaults -drive "file=$sector,format=raw,if=floppy" \
        -device isa-debug-exit,iobase=0xf4 </dev/null >/dev/null 2>&1 || rc=$?
    rm -f "$sector"
    [ $rc = 33 ]
}

# Sets $accel, and $cpu to go with it. With TCG no SMAP: QEMU takes iretq's stack reads in ring 3 for supervisor ones.
choose_accel() {
    accel=${VELLUM_ACCEL:-}
    if [ -z "$accel" ]; then
        accel=tcg
        if [ -w /dev/kvm ] && accel_works kvm host; then accel=kvm; fi
    fi
    case $accel in kvm) cpu=host ;; *) cpu=max,-smap ;; esac
}

# qemu_command [QEMU-ARGUMENT…]: sets $command to boot the image. Before it: $accel and $cpu; may be set: mem (MiB), smp,
# hypervisor, hv_args, dom0_args, dom0_mem (MiB), vmlinuz, initrd, disk (the device that has the guests' disk, drive
# `guests`), nic (on netdev `uplink`). No `noreboot`: a panic reboots, which ends QEMU.
qemu_command() {
    command=("${qemu[@]}" -accel "$accel" -cpu "$cpu" -m "${mem:-2048}" -smp "${smp:-1}" -nographic -no-reboot
        -kernel "${hypervisor:-$build/hypervisor/vellum}"
        -append "console=com1 com1=115200,8n1 dom0_mem=${dom0_mem:-768}M,max:${dom0_mem:-768}M ${hv_args:-}"
        -initrd "${vmlinuz:-$image/vmlinuz} console=hvc0 earlyprintk=xen panic=-1 ${dom0_args:-},${initrd:-$image/initrd}"
        "$@" -drive "file=$image/guests.img,format=raw,if=none,id=guests,snapshot=on" -device "${disk:-virtio-blk-pci},drive=guests"
        -netdev user,id=uplink -device "${nic:-virtio-net-pci},netdev=uplink,romfile=")
}
