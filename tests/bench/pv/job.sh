# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Runs in dom0: guests with a disk and an interface on Linux's back-ends and a disk and an interface on ours; the same load on
# both in turn, first by Linux's front ends, then by ours in the reference guest. Lines "BENCH FIGURE FRONT-BACK VALUE". What
# ends in -cpu is the CPU time that dom0 took for each MiB (each round trip), as the hypervisor counts it, in µs.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0"
. /usr/lib/vellum/job.sh
modprobe tun
cd /run || exit 1
word() { sed -n "s/.*bench\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
rounds=$(word rounds) seconds=$(word seconds) only=$(word only) front=$(word front)
wanted() { [ -z "$only" ] || case "+$only+" in *+"$1"+*) ;; *) return 1 ;; esac; }
for f in linux ours; do dd if=/dev/zero of=$f.img bs=1M count=64 2>/dev/null; done
for n in 1 2; do
    ip link add xenbr$n type bridge
    ip addr add 10.8.$n.1/24 dev xenbr$n
    ip link set xenbr$n up
done
backs='linux:1 ours:2'

cpu() { $XL list --json 0 | sed -n 's/.*"cpu_seconds": *\([0-9.e+-]*\).*/\1/p' | head -n 1; }
# measure FIGURE WHO SCALE FIELD COMMAND…: the figure is the output's field; its value times SCALE are the units per second
# that dom0's CPU time is divided by (0: it is µs a unit).
measure() {
    local figure=$1 who=$2 scale=$3 field=$4 out before after
    shift 4
    before=$(cpu)
    out=$("$@" | tail -n 1 | cut -d' ' -f"$field")
    after=$(cpu)
    case $out in [0-9]*) ;; *) fail "$figure, $who: $out"; return ;; esac
    echo "BENCH $figure $who $out"
    awk "BEGIN { units = ($scale ? $out * $scale : 1e6 / $out) * $seconds
        printf \"BENCH %s-cpu %s %.3f\n\", \"$figure\", \"$who\", ($after - $before) * 1e6 / units }"
}
MIB=1/1048576 PAGES=4096/1048576
ask() { address=$1; shift; /bench/load ask "$address" 7000 "$@"; }
cpio -id --quiet </bench/tools.cpio && mv tools /bench/ || fail "fio and iperf3 are unpacked"
iperf3() { /bench/tools/run iperf3 "$@" | to_bytes; }
to_bytes() { awk '/receiver/ { for (i = 1; i <= NF; i++) if ($i == "Kbits/sec") print $(i - 1) * 125 }'; }
reach() { wait_for 20 ping -c 1 -W 1 "$1"; }

# ---- from the create command to the first line ----
if wanted start; then
    : >/var/log/xen/console/guest-first.log
    for ((r = 0; r < rounds; r++)); do
        printf 'name = "first"\nkernel = "/guests/tiny"\nmemory = 16\n' >first.cfg
        echo "BENCH start xl-hello $(/bench/load until "$(console_of first)" hello "$XL" create -q first.cfg)"
        wait_for 10 gone first
        : >"$(console_of first)"
        for tool in "$XL" xl-debian; do
            guest_cfg first | sed 's/^extra.*/extra = "console=hvc0"/' >first.cfg
            echo "BENCH start $(basename "$tool")-linux $(/bench/load until "$(console_of first)" 'Linux version' "$tool" create -q first.cfg)"
            "$tool" destroy first
            : >"$(console_of first)"
        done
    done
fi

# ---- Linux's front ends ----
mkdir -p w/bench
cp /bench/load w/
cp -r /bench/tools w/bench/
# disk DEVICE HOW BLOCK DEPTH [BATCH]: bytes and operations a second, up to BATCH requests by one system call
cat >w/disk <<'EOT'
#!/bin/sh
batch=${5:-$4}
/bench/tools/run fio --name=j --filename="$1" --rw="$2" --bs="$3" --iodepth="$4" --ioengine=libaio --direct=1 --thread --time_based \
    --runtime=SECONDS --size=64M --gtod_reduce=1 --iodepth_batch_submit="$batch" --iodepth_batch_complete_min=1 \
    --iodepth_batch_complete_max="$batch" --output-format=terse | awk -F';' '/^3;/ { print ($7 + $48) * 1024, $8 + $49 }'
EOT
sed -i "s/SECONDS/$seconds/" w/disk
chmod +x w/disk
for g in 1 2; do
    echo "for n in 0 1; do ifconfig eth\$n 10.8.\$((n + 1)).1$g netmask 255.255.255.0 up; done; /bench/tools/run iperf3 -s >/dev/null & /load serve 7000" >w/work.sh
    { zcat /guests/initrd; (cd w && find . | cpio -o -H newc 2>/dev/null); } >pv$g.initrd
    guest_cfg pv$g | sed "s|^ramdisk.*|ramdisk = \"/run/pv$g.initrd\"|; s|^extra.*|extra = \"console=hvc0 job=sh%/work.sh\"|; s|^memory.*|memory = 480|" >pv$g.cfg
    echo "vif = [ 'bridge=xenbr1', 'bridge=xenbr2,backendtype=vnif' ]" >>pv$g.cfg
done
rm -r w
echo "disk = [ 'format=raw,vdev=xvda,access=rw,target=/run/linux.img', 'format=raw,vdev=xvdb,access=rw,backendtype=qdisk,target=/run/ours.img' ]" >>pv1.cfg
disks() {
    for pair in linux:/dev/xvda ours:/dev/xvdb; do
        w=linux-${pair%:*} d=${pair#*:}
        measure disk-read-1M "$w" $MIB 1 ask 10.8.1.11 /disk "$d" read 1M 4
        measure disk-write-1M "$w" $MIB 1 ask 10.8.1.11 /disk "$d" write 1M 4
        for how in read write; do
            measure disk-rand$how-4k-depth1 "$w" $PAGES 2 ask 10.8.1.11 /disk "$d" rand$how 4k 1
            measure disk-rand$how-4k-depth32 "$w" $PAGES 2 ask 10.8.1.11 /disk "$d" rand$how 4k 32
            measure disk-rand$how-4k-depth32-one-a-call "$w" $PAGES 2 ask 10.8.1.11 /disk "$d" rand$how 4k 32 1
        done
    done
}
between() { ask 10.8.1.12 /bench/tools/run iperf3 -c "$1" -t "$seconds" -f k | to_bytes; }
nets() {
    for pair in $backs; do
        w=linux-${pair%:*} to=10.8.${pair#*:}.11
        measure net-tcp-to-guest "$w" $MIB 1 /bench/load tcp "$to" 7000 "$seconds" send
        measure net-tcp-from-guest "$w" $MIB 1 /bench/load tcp "$to" 7000 "$seconds" receive
        measure net-tcp-guest-to-guest "$w" $MIB 1 ask 10.8.1.12 /load tcp "$to" 7000 "$seconds" send
        measure net-iperf3-to-guest "$w" $MIB 1 iperf3 -c "$to" -t "$seconds" -f k
        measure net-iperf3-from-guest "$w" $MIB 1 iperf3 -c "$to" -t "$seconds" -f k -R
        measure net-iperf3-guest-to-guest "$w" $MIB 1 between "$to"
        measure net-round-trip "$w" 0 1 /bench/load tcp "$to" 7000 "$seconds" ping
        echo "BENCH net-ping $w $(ping -q -i 0.2 -c 10 "$to" | sed -n 's,.* = [0-9.]*/\([0-9.]*\)/.*,\1,p' | awk '{ print $1 * 1000 }')"
    done
}
if [ "$front" != ours ] && { wanted disk || wanted net; }; then
    check "a guest on both kinds of back-ends is created" $XL create -q pv1.cfg
    ! wanted net || check "a second one" $XL create -q pv2.cfg
    reach 10.8.1.11
    ! wanted net || reach 10.8.1.12
    for ((r = 0; r < rounds; r++)); do
        ! wanted disk || disks
        ! wanted net || nets
    done
    dom=$(domid_of pv1)
    { vellum-blkd --stats "$dom" && vellum-netd --stats "$dom"; } | tr -s ' \n' ' '
    echo
    $XL destroy pv1
    ! wanted net || $XL destroy pv2
fi

# ---- what a program pays for the tap and the copies alone ----
[ "$front" = ours ] || ! wanted net || /bench/floor 0 || fail "the floor is measured"

# ---- ours ----
[ "$front" != linux ] || rounds=0
our_disk() { # BACK DISK
    printf 'name = "our"\nkernel = "/guests/blktest"\nmemory = 32\nextra = "mb=64 rounds=0 bench=%s"\ndisk = [ "%s" ]\n' "$seconds" "$2" >our.cfg
    : >"$(console_of our)"
    $XL create -q our.cfg
    wait_for 60 console_has our 'BLKTEST'
    wait_for 10 gone our
    # BENCH blk.NAME N request/s M KiB/s
    grep -a '^BENCH blk' "$(console_of our)" | tr -d '\r' | while read -r _ name requests _ kib _; do
        case $name in
        *sequential) n=${name#blk.}; echo "BENCH disk-${n%%-*}-1M ours-$1 $((kib * 1024))" ;;
        *) echo "BENCH disk-rand${name#blk.} ours-$1 $requests" ;;
        esac
    done
}
our_net() { # BACK BRIDGE VIF
    to=10.8.$2.13
    printf 'name = "our"\nkernel = "/guests/nettest"\nmemory = 32\nextra = "serve ip=%s"\nvif = [ "%s" ]\n' $to "$3" >our.cfg
    : >"$(console_of our)"
    $XL create -q our.cfg
    reach $to || { fail "the reference guest answers on $1's back-end: $(tail -n 5 "$(console_of our)" | tr '\r\n' ' |')"; return; }
    measure net-tcp-to-guest "ours-$1" $MIB 1 /bench/load plain $to 9 "$seconds" send
    measure net-tcp-from-guest "ours-$1" $MIB 1 /bench/load plain $to 19 "$seconds" receive
    measure net-round-trip "ours-$1" 0 1 /bench/load plain $to 7 "$seconds" ping
    echo "BENCH net-ping ours-$1 $(ping -q -i 0.2 -c 10 $to | sed -n 's,.* = [0-9.]*/\([0-9.]*\)/.*,\1,p' | awk '{ print $1 * 1000 }')"
    $XL destroy our
}
for ((r = 0; r < rounds; r++)); do
    ! wanted disk || our_disk linux 'format=raw,vdev=xvda,access=rw,target=/run/linux.img'
    ! wanted disk || our_disk ours 'format=raw,vdev=xvda,access=rw,backendtype=qdisk,target=/run/ours.img'
    ! wanted net || our_net linux 1 'bridge=xenbr1'
    ! wanted net || our_net ours 2 'bridge=xenbr2,backendtype=vnif'
done
job_end
