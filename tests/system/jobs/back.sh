# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Runs in dom0: a stock Linux guest on vellum-blkd and vellum-netd; every disk format that the image has programs for.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0"
. /usr/lib/vellum/job.sh
modprobe tun
cd /run || exit 1
dd if=/dev/urandom of=seed bs=1M count=8 2>/dev/null
sum=$(md5sum <seed | cut -d' ' -f1)

# with_work NAME SCRIPT: an initrd with the guest's script in it.
with_work() {
    mkdir -p "w/$1"
    printf '%s\n' "$2" >"w/$1/work.sh"
    { zcat /guests/initrd; (cd "w/$1" && echo work.sh | cpio -o -H newc 2>/dev/null); } >"$1.initrd"
}
cfg() { # NAME LINE…
    guest_cfg "$1" | sed "s|^ramdisk.*|ramdisk = \"/run/$1.initrd\"|; s|^extra.*|extra = \"console=hvc0 stay job=sh%/work.sh\"|"
    shift
    printf '%s\n' "$@"
}
result() { sed -n "s/.*RESULT $2 \([^ ]*\).*/\1/p" "$(console_of "$1")" | tail -n 1 | tr -d '\r'; }
# The processes whose command line has this in it.
pids() { for p in /proc/[0-9]*; do tr '\0' ' ' <"$p/cmdline" 2>/dev/null | grep -q -- "$1" && echo "${p#/proc/}"; done; }
none() { [ -z "$(pids "$1")" ]; }
worker_of() { pids "$1.*--worker $2 "; }

# ---- disks ----
letters="a"
cp seed raw.img
truncate -s 16M raw.img
disks="'format=raw,vdev=xvda,access=rw,backendtype=qdisk,target=/run/raw.img'"
# A block device: not in memory, whatever its node is in.
cp raw.img device.img
losetup /dev/loop7 device.img || fail "a loop device"
letters="$letters o"
disks="$disks, 'format=raw,vdev=xvdo,access=rw,backendtype=qdisk,target=/dev/loop7'"
if command -v qemu-img >/dev/null; then
    n=98
    for f in qcow2 qcow qed vmdk vdi vpc vhdx; do
        qemu-img convert -f raw -O $f raw.img img.$f || fail "qemu-img convert to $f"
        l=$(printf "\\$(printf %o $n)") n=$((n + 1)) letters="$letters $l"
        word=$f; [ $f != vpc ] || word=vhd
        disks="$disks, 'format=$word,vdev=xvd$l,access=rw,target=/run/img.$f'"
    done
    qemu-img create -q -f qcow2 -b img.qcow2 -F qcow2 middle.qcow2 && qemu-img create -q -f qcow2 -b middle.qcow2 -F qcow2 top.qcow2
    cp img.qcow2 base.before
    disks=${disks/img.qcow2/top.qcow2}
fi
if command -v nbdkit >/dev/null; then
    gzip -k seed
    disks="$disks, 'vdev=xvdm,access=rw,target=memory:8M', 'format=raw,vdev=xvdn,access=ro,backendtype=qdisk,target=/run/seed'"
fi
# shellcheck disable=SC2016  # the guest's shell expands it
with_work blk 'for d in '"$letters"'; do
    dev=/dev/xvd$d
    echo "RESULT read-$d $(dd if=$dev bs=64k count=128 iflag=direct 2>/dev/null | md5sum)"
    dd if=$dev of=$dev bs=64k count=64 seek=128 oflag=direct conv=fsync 2>/dev/null
    echo "RESULT back-$d $(dd if=$dev bs=4k skip=2048 count=1024 iflag=direct 2>/dev/null | cmp -n 4194304 - $dev && echo same)"
done
if [ -b /dev/xvdm ]; then
    dd if=/dev/xvda of=/dev/xvdm bs=64k count=128 oflag=direct 2>/dev/null
    echo "RESULT read-m $(dd if=/dev/xvdm bs=64k iflag=direct 2>/dev/null | md5sum)"
    echo "RESULT ro-n $(cat /sys/block/xvdn/ro)"
fi
blkdiscard -o 0 -l 65536 /dev/xvda && echo "RESULT discard $(dd if=/dev/xvda bs=64k count=1 iflag=direct 2>/dev/null | tr -d "\\000" | wc -c)"
echo "RESULT done yes"
while [ "$(cat /sys/block/xvda/size)" != 65536 ]; do sleep 1; done; echo "RESULT resized yes"
while [ ! -b /dev/xvdz ]; do sleep 1; done; echo "RESULT plugged $(dd if=/dev/xvdz bs=64k iflag=direct 2>/dev/null | md5sum)"'
cfg blk "disk = [ $disks ]" >blk.cfg
check "a guest with disks on vellum-blkd is created" $XL create -q blk.cfg
dom=$(domid_of blk)
flags_of() { # of the worker's descriptor of this file
    for p in $(worker_of vellum-blkd "$dom"); do
        for fd in /proc/"$p"/fd/*; do [ "$(readlink "$fd")" != "$1" ] || sed -n 's/^flags:[^0-9]*//p' "/proc/$p/fdinfo/${fd##*/}"; done
    done
}
check "it reads and writes its disks" wait_for 400 console_has blk 'RESULT done yes'
same "a block device is used without dom0's cache" "$(($(flags_of /dev/loop7) & 040000))" $((040000))
for l in $letters; do
    same "xvd$l has the right content" "$(result blk read-$l)" "$sum"
    same "xvd$l keeps what is written" "$(result blk back-$l)" same
done
if command -v nbdkit >/dev/null; then
    same "a disk in memory keeps what is written" "$(result blk read-m)" "$sum"
    same "a read-only disk is one for the guest" "$(result blk ro-n)" 1
fi
if command -v qemu-img >/dev/null; then
    check "the base of a snapshot chain is unchanged" cmp base.before img.qcow2
fi
same "discard gives zeroes" "$(result blk discard)" 0
w=$(worker_of vellum-blkd "$dom")
same "the worker is nobody" "$(sed -n 's/^Uid:\t*\([0-9]*\).*/\1/p' "/proc/$w/status")" 65534
same "and filtered" "$(sed -n 's/^Seccomp:\t*//p' "/proc/$w/status")" 2
truncate -s 32M raw.img
check "a disk grows under its guest" wait_for 20 console_has blk 'RESULT resized yes'
check "a disk is plugged in" $XL block-attach blk "format=raw,vdev=xvdz,access=ro,backendtype=qdisk,target=/run/seed"
check "and read" wait_for 20 console_has blk 'RESULT plugged'
same "with the right content" "$(result blk plugged)" "$sum"
check "and taken away" $XL block-detach blk xvdz
vellum-blkd --stats "$dom" >stats.json
check "counters are told" grep -q '"read-bytes": [1-9]' stats.json
check_not "a disk that is not there is refused with a reason" $XL block-attach blk "format=raw,vdev=xvdy,access=ro,backendtype=qdisk,target=/run/none"
$XL destroy blk
check "the daemon ends with its guest" wait_for 20 none "vellum-blkd --domain $dom"

# ---- killed under load, nothing lost ----
# shellcheck disable=SC2016
with_work load 'dd if=/dev/urandom of=/r bs=1M count=8 2>/dev/null; s=$(md5sum </r)
for i in $(seq 24); do
    dd if=/r of=/dev/xvda bs=32k oflag=direct 2>/dev/null
    [ "$(dd if=/dev/xvda bs=32k count=256 iflag=direct 2>/dev/null | md5sum)" = "$s" ] || lost=lost
done
echo "RESULT load ${lost:-whole}"'
truncate -s 16M load.img
cfg load "disk = [ 'format=raw,vdev=xvda,access=rw,backendtype=qdisk,target=/run/load.img' ]" >load.cfg
check "a guest for the kills is created" $XL create -q load.cfg
dom=$(domid_of load)
kills=0
wait_for 20 console_has load 'GUEST up'
for _ in $(seq 40); do
    ! console_has load 'RESULT load' || break
    kill -9 $(worker_of vellum-blkd "$dom") 2>/dev/null && kills=$((kills + 1))
    usleep 700000
    if [ $((kills % 5)) = 4 ]; then
        kill -9 $(pids "vellum-blkd --domain $dom")
        vellum-blkd --domain "$dom" --daemon --log /run/again.log
    fi
done
check "the guest gets through" wait_for 60 console_has load 'RESULT load'
check "after $kills kills of the worker" [ "$kills" -ge 5 ]
same "with all data" "$(result load load)" whole
vellum-blkd --stats "$dom" | sed -n 's/.*"\(replayed\|connects\)": /        \1: /p'
$XL destroy load

# ---- net ----
# busybox nc leaves as soon as its peer has no more to say: who receives has an input that does not end.
# shellcheck disable=SC2016
with_work net 'ip link set lo up; ifconfig eth0 10.77.0.9 netmask 255.255.255.0 up; sleep 1
ping -c 3 10.77.0.1 >/dev/null && echo "RESULT ping yes"
echo "RESULT csum $(dmesg | grep -ci "hw csum failure")"
mkfifo /never; nc -l -p 7000 <>/never >/got; echo "RESULT got $(md5sum </got)"; echo "RESULT bytes $(wc -c </got)"
for i in 1 2 3 4 5; do sleep 1; cat /got /got /got /got | nc 10.77.0.1 7001 && break; done; echo "RESULT sent yes"'
cfg net "vif = [ 'backendtype=vnif,bridge=xenbr0,mac=00:16:3e:77:00:09' ]" >net.cfg
ip link show xenbr0 >/dev/null 2>&1 || { ip link add xenbr0 type bridge; ip addr add 10.77.0.1/24 dev xenbr0; ip link set xenbr0 up; }
check "a guest with an interface on vellum-netd is created" $XL create -q net.cfg
dom=$(domid_of net)
check "it pings" wait_for 40 console_has net 'RESULT ping yes'
mkfifo never
wait_for 5 false
timeout 60 nc 10.77.0.9 7000 <seed
wait_for 20 console_has net 'RESULT bytes'
same "TCP to the guest arrives whole, $(result net bytes) bytes" "$(result net got)" "$sum"
timeout 60 nc -l -p 7001 <>never >got
check "TCP from the guest arrives whole, $(wc -c <got) bytes" sh -c 'cat seed seed seed seed | cmp - got'
vellum-netd --stats "$dom" >net.json
check "large segments pass whole" grep -q '"gso-packets": [1-9]' net.json
kill -9 "$(worker_of vellum-netd "$dom")"
check "the interface survives its worker" wait_for 20 ping -c 1 -W 1 10.77.0.9
$XL destroy net
check "and goes with its guest" wait_for 20 sh -c "! ip link show vif$dom.0"
check "no daemon is left" wait_for 20 none vellum-netd
cat /var/log/xen/vellum-*.log /run/again.log 2>/dev/null | sort | uniq -c | sort -rn | head -20
job_end
