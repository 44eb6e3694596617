# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Runs in dom0: a stock Linux guest on vellum-blkd and vellum-netd; every disk format that the image has programs for;
# limits and anti-spoofing.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0"
. /usr/lib/vellum/job.sh
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
# By the shell alone: a process for each would take a second.
pids() {
    local p a line
    for p in /proc/[0-9]*; do
        line=
        { while IFS= read -r -d '' a; do line="$line$a "; done <"$p/cmdline"; } 2>/dev/null
        [[ ! $line =~ $1 ]] || echo "${p#/proc/}"
    done
}
none() { [ -z "$(pids "$1")" ]; }
worker_of() { pids "$1.*--worker $2 "; }
bridge_up() {
    ip link show xenbr0 >/dev/null 2>&1 || { ip link add xenbr0 type bridge; ip addr add 10.77.0.1/24 dev xenbr0; ip link set xenbr0 up; }
}
between() { # WHAT FOUND LEAST MOST
    if [ "${2:-0}" -ge "$3" ] && [ "$2" -le "$4" ]; then ok "$1: $2"; else fail "$1: ${2:-nothing}, not from $3 to $4"; fi
}

# ---- what the configuration limits ----
# Times are in hundredths of a second. A bucket holds a tenth of a second's worth when a disk has been idle.
limits() {
    local node
    # shellcheck disable=SC2016
    with_work lim 'now() { read -r t x </proc/uptime; echo "${t%.*}${t#*.}"; }
took() { s=$(now); dd of=/dev/null iflag=direct "$@" 2>/dev/null; echo $(($(now) - s)); }
echo "RESULT free $(took if=/dev/xvdc bs=64k count=64)"
echo "RESULT iops $(took if=/dev/xvdb bs=4k count=100)"
while :; do n=$((n + 1)); echo "RESULT rate-$n $(took if=/dev/xvda bs=64k count=64)"; done'
    cfg lim "disk = [ 'format=raw,vdev=xvda,backendtype=qdisk,rate=1MB/s,access=ro,target=/run/seed'," \
        "'format=raw,vdev=xvdb,backendtype=qdisk,iops=20,access=ro,target=/run/seed'," \
        "'format=raw,vdev=xvdc,backendtype=qdisk,access=ro,target=/run/seed' ]" >lim.cfg
    check "a guest with limits on its disks is created" $XL create -q lim.cfg
    dom=$(domid_of lim)
    node=/local/domain/0/backend/qdisk/$dom/51712/limit-bytes
    same "the limit is the back-end's" "$(xenstore-read "$node")" 1000000
    $XL list --long lim >long.json
    check "the kept configuration has the limits" sh -c 'grep -q "\"limit_bytes\": 1000000" long.json && grep -q "\"limit_iops\": 20" long.json'
    wait_for 60 console_has lim 'RESULT rate-1 '
    between "without a limit 4 MiB take no time to speak of" "$(result lim free)" 0 200
    between "100 requests at 20 a second take their time" "$(result lim iops)" 480 1000
    between "4 MiB at 1 MB/s take their time" "$(result lim rate-1)" 400 800
    xenstore-write "$node" 8000000
    wait_for 30 console_has lim 'RESULT rate-3 '
    between "raised under the guest to 8 MB/s they take less" "$(result lim rate-3)" 38 200
    $XL block-list --json lim >list.json
    check "the listing has the limit of now" grep -q '"limit_bytes": 8000000' list.json
    check_not "a limit on the kernel's back-end is refused" $XL block-attach lim format=raw,vdev=xvdy,backendtype=phy,iops=5,target=/run/seed
    check "a disk with a limit is plugged in" $XL block-attach lim format=raw,vdev=xvdy,backendtype=qdisk,access=ro,iops=5,target=/run/seed
    same "with its limit" "$(xenstore-read "/local/domain/0/backend/qdisk/$dom/268441600/limit-iops")" 5
    check "the guest is saved" $XL save lim lim.saved
    check "and restored" $XL restore lim.saved
    dom=$(domid_of lim)
    same "the limit is the configuration's again" "$(xenstore-read "/local/domain/0/backend/qdisk/$dom/51712/limit-bytes")" 1000000
    same "and that of the disk plugged in" "$(xenstore-read "/local/domain/0/backend/qdisk/$dom/268441600/limit-iops")" 5
    $XL destroy lim
    rm -f lim.saved
}

# A guest that bears another's address: not heard, until its back-end is told to let it.
antispoof() {
    local node
    bridge_up
    # shellcheck disable=SC2016
    with_work spoof 'heard() { ping -c 1 -W 1 10.77.0.1 >/dev/null 2>&1; }
tries() { for i in 1 2 3; do heard && { echo yes; return; }; done; echo no; }
bear() { ip link set eth0 down; ip link set eth0 address "$1"; ip addr flush dev eth0; ip addr add "$2/24" dev eth0; ip link set eth0 up; sleep 1; }
own=$(cat /sys/class/net/eth0/address)
bear $own 10.77.0.9; for i in 1 2 3 4 5; do heard && break; sleep 1; done; echo "RESULT own $(tries)"
bear $own 10.77.0.10; echo "RESULT ip $(tries)"
bear 00:16:3e:77:00:99 10.77.0.9; echo "RESULT mac $(tries) $(cat /sys/class/net/eth0/address)"
until heard; do sleep 1; done; echo "RESULT after yes"
while heard; do sleep 1; done; echo "RESULT mac-only no"
bear $own 10.77.0.10; echo "RESULT ip-too $(tries)"'
    cfg spoof "vif = [ 'backendtype=vnif,bridge=xenbr0,mac=00:16:3e:77:00:09,ip=10.77.0.9,antispoof=ip' ]" >spoof.cfg
    check "a guest with antispoof=ip is created" $XL create -q spoof.cfg
    dom=$(domid_of spoof)
    node=/local/domain/0/backend/vnif/$dom/0/antispoof
    $XL network-list --json spoof >list.json
    check "the listing says so" grep -q '"antispoof": "ip"' list.json
    wait_for 60 console_has spoof 'RESULT mac '
    same "with its own addresses it is heard" "$(result spoof own)" yes
    same "with another IP address it is not" "$(result spoof ip)" no
    same "with another MAC address it is not" "$(result spoof mac)" no
    check "it did change the address" console_has spoof 'RESULT mac no 00:16:3e:77:00:99'
    vellum-netd --stats "$dom" >spoof.json
    check "what was dropped is counted" grep -q '"tx-spoofed": [1-9]' spoof.json
    xenstore-write "$node" none
    check "allowed to, it is heard with that address" wait_for 30 console_has spoof 'RESULT after yes'
    xenstore-write "$node" mac
    check "with antispoof=mac it no longer is" wait_for 30 console_has spoof 'RESULT mac-only no'
    wait_for 60 console_has spoof 'RESULT ip-too'
    same "with another IP address it is" "$(result spoof ip-too)" yes
    check_not "antispoof on the kernel's back-end is refused" $XL network-attach spoof backendtype=vif antispoof=mac
    $XL destroy spoof
}
if [ -f /test/limits ]; then
    limits
    antispoof
    job_end
    exit
fi

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
    disks="$disks, 'vdev=xvdm,access=rw,target=memory:8M', 'format=raw,vdev=xvdn,access=ro,backendtype=qdisk,target=/run/seed'"
fi
# Disks that come from elsewhere, or packed: only read.
elsewhere='' packed=''
if [ -f /test/packed ]; then
    busybox ip link set lo up
    mkdir -p www
    cp seed www/disk
    busybox httpd -p 127.0.0.1:8000 -h /run/www
    elsewhere=p packed="q r"
    disks="$disks, 'vdev=xvdp,access=ro,target=http://127.0.0.1:8000/disk'"
    disks="$disks, 'format=gzip,vdev=xvdq,access=ro,target=/test/packed.gz', 'format=xz,vdev=xvdr,access=ro,target=/test/packed.xz'"
fi
# A disk over ssh, from this machine's own server, with the keys where libssh looks for them.
start_ssh() {
    mkdir -p /root/.ssh
    echo /bin/bash >/etc/shells         # dropbear lets nobody in whose shell is not listed
    dropbearkey -t ed25519 -f host.key >/dev/null 2>&1
    dropbearkey -t ed25519 -f user.key 2>/dev/null | grep '^ssh-' >/root/.ssh/authorized_keys
    dropbearconvert dropbear openssh user.key /root/.ssh/id_ed25519 2>/dev/null
    dropbearkey -y -f host.key | sed -n 's/^ssh-/[127.0.0.1]:2022 ssh-/p' >/root/.ssh/known_hosts
    chmod -R go= /root /root/.ssh
    dropbear -s -r host.key -p 127.0.0.1:2022 -P /run/ssh.pid
}
if command -v dropbear >/dev/null; then
    start_ssh 2>/dev/null
    cp raw.img ssh.img
    letters="$letters s"
    disks="$disks, 'vdev=xvds,access=rw,target=ssh://root@127.0.0.1:2022/run/ssh.img'"
fi
# shellcheck disable=SC2016  # the guest's shell expands it
with_work blk 'for d in /sys/block/xvd*; do echo "SEES ${d##*/} $(($(cat $d/size) / 2048)) MiB, ro $(cat $d/ro), flush $(cat $d/queue/write_cache)"; done
for d in '"$letters"'; do
    dev=/dev/xvd$d
    echo "RESULT read-$d $(dd if=$dev bs=64k count=128 iflag=direct 2>/dev/null | md5sum)"
    dd if=$dev of=$dev bs=64k count=64 seek=128 oflag=direct conv=fsync 2>/dev/null
    echo "RESULT back-$d $(dd if=$dev bs=4k skip=2048 count=1024 iflag=direct 2>/dev/null | cmp -n 4194304 - $dev && echo same)"
done
for d in '"$elsewhere $packed"'; do echo "RESULT read-$d $(dd if=/dev/xvd$d bs=64k iflag=direct 2>/dev/null | md5sum)"; done
if [ -b /dev/xvdm ]; then
    dd if=/dev/xvda of=/dev/xvdm bs=64k count=128 oflag=direct 2>/dev/null
    echo "RESULT read-m $(dd if=/dev/xvdm bs=64k iflag=direct 2>/dev/null | md5sum)"
    echo "RESULT ro-n $(cat /sys/block/xvdn/ro)"
fi
blkdiscard -o 0 -l 65536 /dev/xvda && echo "RESULT discard $(dd if=/dev/xvda bs=64k count=1 iflag=direct 2>/dev/null | tr -d "\\000" | wc -c)"
echo "RESULT done yes"
while [ "$(cat /sys/block/xvda/size)" != 65536 ]; do sleep 1; done; echo "RESULT resized yes"
while [ ! -b /dev/xvdz ]; do sleep 1; done; echo "RESULT plugged $(dd if=/dev/xvdz bs=64k iflag=direct 2>/dev/null | md5sum)"
while [ -b /dev/xvds ]; do sleep 1; n=$((n + 1)); echo "RESULT again-$n $(dd if=/dev/xvds bs=4k skip=2048 count=8 iflag=direct 2>/dev/null | cmp -n 32768 - /dev/xvdp && echo same)"; done'
# Linux's front-end keeps 4 MiB of pages for each disk.
cfg blk "disk = [ $disks ]" | sed 's/^memory.*/memory = 256/' >blk.cfg
check "a guest with disks on vellum-blkd is created" $XL create -q blk.cfg
dom=$(domid_of blk)
flags_of() { # of the worker's descriptor of this file
    for p in $(worker_of vellum-blkd "$dom"); do
        for fd in /proc/"$p"/fd/*; do [ "$(readlink "$fd")" != "$1" ] || sed -n 's/^flags:[^0-9]*//p' "/proc/$p/fdinfo/${fd##*/}"; done
    done
}
check "it reads and writes its disks" wait_for 400 console_has blk 'RESULT done yes'
grep -a '^SEES' "$(console_of blk)" | sed 's/^/        /'
same "a block device is used without dom0's cache" "$(($(flags_of /dev/loop7) & 040000))" $((040000))
for l in $letters; do
    same "xvd$l has the right content" "$(result blk read-$l)" "$sum"
    same "xvd$l keeps what is written" "$(result blk back-$l)" same
done
for l in $elsewhere; do same "xvd$l has the right content" "$(result blk read-$l)" "$sum"; done
for l in $packed; do same "xvd$l has the right content" "$(result blk read-$l)" "$(md5sum </test/packed | cut -d' ' -f1)"; done
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
# What an address lacks is said in one line, and the guest that runs is as it was.
refused() { # WHAT TARGET WORDS
    check_not "$1 is refused" $XL block-attach blk "vdev=xvdy,access=ro,target=$2"
    cp /tmp/check.out refusal
    check "with the reason" grep -q "$3" refusal
}
if command -v nbdkit >/dev/null; then
    refused "a server that is not there" http://127.0.0.1:8001/disk "Failed to connect"
    refused "a file that is not there" http://127.0.0.1:8000/none "404"
    refused "a host whose key is not known" ssh://root@localhost:2022/run/seed "known"
    [ -e /usr/lib/x86_64-linux-gnu/nbdkit/plugins/nbdkit-S3-plugin ] ||
        refused "S3 without its plugin" s3://bucket/key "nbdkit-plugin-python"
    [ -e /usr/lib/x86_64-linux-gnu/qemu/block-rbd.so ] || refused "Ceph without QEMU's part" rbd:pool/image "qemu-block-extra"
fi
if [ -f ssh.pid ]; then
    # Kill the connections' processes: the disk is there again after a request that takes longer.
    n=$(grep -ac 'RESULT again' "$(console_of blk)")
    # shellcheck disable=SC2046  # one argument a process
    kill $(pids dropbear | grep -vx "$(cat ssh.pid)")
    check "a disk over ssh survives the loss of its connection, nothing lost" wait_for 90 console_has blk "RESULT again-$((n + 2)) same"
    console_has blk "RESULT again-$((n + 2)) same" || tail -n 8 "$(console_of blk)"
fi
$XL destroy blk
check "the daemon ends with its guest" wait_for 20 none "vellum-blkd --domain $dom"
check "and all servers of its disks" wait_for 20 none 'qemu-nbd|nbdkit'
same "no socket is left" "$(find /run/vellum -name "nbd-*")" ""
[ ! -f /test/disks ] || { job_end; exit; }

# ---- killed under load, nothing lost ----
# shellcheck disable=SC2016
with_work load 'dd if=/dev/urandom of=/r bs=1M count=8 2>/dev/null; s=$(md5sum </r)
while [ "$(cat /sys/block/xvda/size)" = 32768 ]; do
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
works() { ! none "vellum-blkd.*--worker $dom "; }
for _ in $(seq 20); do
    [ $kills -lt 7 ] && wait_for 20 works || break
    usleep 700000
    kill -9 $(worker_of vellum-blkd "$dom") 2>/dev/null || continue
    kills=$((kills + 1))
    if [ $kills = 4 ]; then     # its keeper too, and the disk grows while nobody is there: that ends the guest's work
        kill -9 $(pids "vellum-blkd --domain $dom")
        truncate -s 32M load.img
        vellum-blkd --domain "$dom" --daemon --log /run/again.log
    fi
done
check "the guest gets through, and sees its disk grown" wait_for 90 console_has load 'RESULT load'
console_has load 'RESULT load' || { tail -n 20 "$(console_of load)"; xenstore-ls "/local/domain/0/backend/qdisk/$dom"; tail -n 20 /run/again.log; }
check "after $kills kills of the worker" [ "$kills" -ge 7 ]
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
for i in $(seq 20); do sleep 1; cat /got /got /got /got | nc 10.77.0.1 7001 && break; done; echo "RESULT sent yes"'
cfg net "vif = [ 'backendtype=vnif,bridge=xenbr0,mac=00:16:3e:77:00:09' ]" >net.cfg
bridge_up
check "a guest with an interface on vellum-netd is created" $XL create -q net.cfg
dom=$(domid_of net)
check "it pings" wait_for 40 console_has net 'RESULT ping yes'
mkfifo never
wait_for 30 timeout 60 nc 10.77.0.9 7000 <seed      # once the guest listens
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
limits
antispoof
cat /var/log/xen/vellum-*.log /run/again.log 2>/dev/null | sort | uniq -c | sort -rn | head -20
job_end
