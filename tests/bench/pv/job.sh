# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Runs in dom0: one guest with a disk and an interface on Linux's back-ends and a disk and an interface on ours; the same load on both in
# turn. Lines "BENCH FIGURE BACKEND VALUE"; "cpu" figures are dom0's busy milliseconds for each MiB.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0"
. /usr/lib/vellum/job.sh
modprobe tun
cd /run || exit 1
rounds=$(sed -n 's/.*bench\.rounds=\([0-9]*\).*/\1/p' /proc/cmdline)
seconds=$(sed -n 's/.*bench\.seconds=\([0-9]*\).*/\1/p' /proc/cmdline)
for f in linux ours; do dd if=/dev/zero of=$f.img bs=1M count=96 2>/dev/null; done
for n in 1 2; do ip link add xenbr$n type bridge; ip addr add 10.8.$n.1/24 dev xenbr$n; ip link set xenbr$n up; done
mkdir -p w
cp /bench/load w/
cat >w/work.sh <<EOT
for n in 0 1; do ifconfig eth\$n 10.8.\$((n + 1)).2 netmask 255.255.255.0 up; done
f() { echo "BENCH \$1 \$2 \$(/load disk \$3 $seconds \$4 \$5 \$6 | cut -d' ' -f\$7)"; }
for r in \$(seq $rounds); do
    for pair in linux:/dev/xvda ours:/dev/xvdb; do
        b=\${pair%:*} d=\${pair#*:}
        f disk-read-1M \$b \$d read 1048576 4 1
        f disk-write-1M \$b \$d write 1048576 4 1
        f disk-randread-4k-qd1 \$b \$d randread 4096 1 2
        f disk-randread-4k-qd32 \$b \$d randread 4096 32 2
        f disk-randwrite-4k-qd32 \$b \$d randwrite 4096 32 2
    done
done
echo "RESULT disks done"
/load serve 7000
EOT
{ zcat /guests/initrd; (cd w && printf 'work.sh\nload\n' | cpio -o -H newc 2>/dev/null); } >pv.initrd
guest_cfg pv | sed 's|^ramdisk.*|ramdisk = "/run/pv.initrd"|; s|^extra.*|extra = "console=hvc0 job=sh%/work.sh"|; s|^memory.*|memory = 192|' >pv.cfg
cat >>pv.cfg <<'EOT'
disk = [ 'format=raw,vdev=xvda,access=rw,target=/run/linux.img', 'format=raw,vdev=xvdb,access=rw,backendtype=qdisk,target=/run/ours.img' ]
vif = [ 'bridge=xenbr1', 'bridge=xenbr2,backendtype=vnif' ]
EOT
check "the guest is created" $XL create -q pv.cfg
dom=$(domid_of pv)
check "its disks are measured" wait_for $((rounds * seconds * 14 + 60)) console_has pv 'RESULT disks'
grep -ao 'BENCH .*' "$(console_of pv)" | tr -d '\r'
busy() { awk '/^cpu / { print ($2 + $3 + $4 + $7 + $8) * 10 }' /proc/stat; }
for ((r = 0; r < rounds; r++)); do
    for pair in linux:1 ours:2; do
        b=${pair%:*} to=10.8.${pair#*:}.2
        wait_for 10 ping -c 1 -W 1 "$to"
        for how in send receive; do
            start=$(busy)
            rate=$(/bench/load tcp "$to" 7000 "$seconds" $how)
            echo "BENCH net-tcp-$([ $how = send ] && echo to || echo from)-guest $b $rate"
            echo "BENCH net-cpu-$how $b $(awk "BEGIN { print ($(busy) - $start) / ($rate * $seconds / 1048576) }")"
        done
        echo "BENCH net-round-trip $b $(/bench/load tcp "$to" 7000 "$seconds" ping)"
    done
done
vellum-blkd --stats "$dom"
vellum-netd --stats "$dom"
$XL destroy pv
job_end
