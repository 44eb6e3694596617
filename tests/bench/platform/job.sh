# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Runs in dom0, or in the same image without a hypervisor: all figures of tests/bench/platform, a line "BENCH …" each.
# The folder /bench holds `work`, and `settings`: icount=1 when an instruction is a nanosecond.
. /bench/settings
PATH=/bench:$PATH
[ "$icount" = "" ] || { tsc=$(work tsc); up=$(cut -d' ' -f1 /proc/uptime); }
figure() { echo "BENCH $1 $(awk "BEGIN { printf \"%.6g\", $2 }") $3"; }

xen=''
[ ! -e /proc/xen/privcmd ] || xen=1
if [ "$icount" ]; then
    figure boot.before-kernel "$tsc/1e6-$up*1000" ms
    figure boot.to-job "$tsc/1e6" ms
fi
memory() { xl-debian info "$1"; }
if [ "$xen" ]; then
    figure boot.memory-held "$(memory total_memory)-$(memory free_memory)-$(xl-debian list 0 | awk 'END { print $3 }')" MiB
fi
work cpu cpu.dom0.
[ "$xen" ] || exit 0

# guest NAME MIB COMMAND [CONFIG-LINE…]: a stock guest whose initrd has `work`, and which runs the command.
guest() {
    name=$1
    mkdir -p /run/g/bench
    cp /bench/work /run/g/bench/
    # All of it uncompressed, since a toolstack may inflate what starts as gzip.
    { zcat /guests/initrd; (cd /run/g && find . | cpio -o -H newc 2>/dev/null); } >"/run/$name.initrd"
    {
        printf 'name = "%s"\nmemory = %s\nkernel = "/guests/vmlinuz"\nramdisk = "/run/%s.initrd"\n' "$name" "$2" "$name"
        printf 'extra = "console=hvc0 quiet job=%s"\n' "$3"
        shift 3
        printf '%s\n' "$@"
    } >"/run/$name.cfg"
    xl-debian create -q "/run/$name.cfg" || echo "bench: no guest $name"
}
# ended NAME: waits for its end, then repeats its figures.
ended() {
    while xl-debian domid "$1" >/dev/null 2>&1; do sleep 1; done
    grep -a '^BENCH' "/var/log/xen/console/guest-$1.log"
}

guest cpu 256 /bench/work%cpu%cpu.domU.
ended cpu

dd if=/dev/zero of=/run/disk bs=1M count=64 2>/dev/null
losetup /dev/loop7 /run/disk
work blk blk.dom0. /dev/loop7
guest blk 256 /bench/work%blk%blk.domU.%/dev/xvda 'disk = [ "phy:/dev/loop7,xvda,w" ]'
ended blk
losetup -d /dev/loop7

guest net 256 'ip%link%set%eth0%up;ip%addr%add%10.77.0.9/24%dev%eth0;/bench/work%serve' 'vif = [ "bridge=xenbr0" ]'
work ask net. 10.77.0.9 || echo "bench: no network to the guest"
xl-debian destroy net

# A small paused guest made and unmade, with N others there: Debian's tools, then ours.
small() { printf 'name = "%s"\nkernel = "/guests/tiny"\nmemory = 8\n' "$1" >"/run/$1.cfg"; }
round() {
    "$1" create -q -p /run/x.cfg >/dev/null && "$1" destroy x
}
before=$(memory free_memory)
small x
round xl-debian
round xl
have=0
for n in 0 25 100; do
    while [ $have -lt $n ]; do
        have=$((have + 1))
        small "g$have"
        xl-debian create -q -p "/run/g$have.cfg" || exit
    done
    for tool in xl-debian xl; do
        t=$(work now)
        for _ in 1 2 3; do round $tool; done
        figure "life.$tool.create+destroy@$n" "($(work now)-$t)*1000/3" ms
        t=$(work now)
        for _ in 1 2 3; do $tool list >/dev/null; done
        figure "life.$tool.list@$n" "($(work now)-$t)*1000/3" ms
    done
done
figure life.hypervisor-memory-per-guest "($before-$(memory free_memory))*1024/$have-8192" KiB
