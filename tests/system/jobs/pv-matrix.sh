# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Runs in dom0. "linux" and "ours" name back-ends (xen-blkback and xen-netback, vellum-blkd and vellum-netd) and front ends (Linux's in
# the stock guest, pv-drivers/front in the reference guest). Words on the kernel's command line: matrix.short, matrix.long.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0"
. /usr/lib/vellum/job.sh
cd /run || exit 1
long=$(grep -o 'matrix\.long' /proc/cmdline)
short=$(grep -o 'matrix\.short' /proc/cmdline)
plug_rounds=2 kill_rounds=3 backs='linux ours'
[ -z "$long" ] || plug_rounds=5 kill_rounds=8
[ -z "$short" ] || plug_rounds=1 kill_rounds=1 backs=ours
rows() { if [ -n "$short" ]; then "$1" | grep -x ';'; else "$1"; fi; }
for n in 1 2; do ip link add xenbr$n type bridge; ip addr add 10.8.$n.1/24 dev xenbr$n; ip link set xenbr$n up; done
for f in linux ours spare; do truncate -s 24M $f.img; done
dd if=/dev/urandom of=seed bs=64k count=32 2>/dev/null

# Our back-ends with the options of the row: xl starts them by name.
for d in blkd netd; do
    at=$(command -v vellum-$d)
    mv "$at" "$at.real"
    printf '#!/bin/sh\nexec %s.real $(cat /run/%s.options) "$@"\n' "$at" $d >"$at"
    chmod +x "$at"
done
# back OPTIONS-OF-BLKD|OPTIONS-OF-NETD|PARAMETER=VALUE…: how the back-ends of guests created from now on are set.
back() {
    IFS='|' read -r a b c <<<"$1||"
    echo "$a" >blkd.options
    echo "$b" >netd.options
    echo Y | tee /sys/module/xen_blkback/parameters/feature_persistent /sys/module/xen_netback/parameters/separate_tx_rx_irq >/dev/null
    for p in ${c//|/}; do echo "${p#*=}" >/sys/module/"${p%%=*}"; done
}
disk() { # BACK VDEV ACCESS
    case $1 in linux) echo "format=raw,vdev=$2,access=$3,target=/run/linux.img" ;;
    ours) echo "format=raw,vdev=$2,access=$3,backendtype=qdisk,target=/run/ours.img" ;; esac
}
vif() { # BACK BRIDGE
    case $1 in linux) echo "bridge=$2" ;; ours) echo "bridge=$2,backendtype=vnif" ;; esac
}
# The processes whose command line has this in it.
pids() { for p in /proc/[0-9]*; do tr '\0' ' ' <"$p/cmdline" 2>/dev/null | grep -q -- "$1" && echo "${p#/proc/}"; done; }
worker_of() { pids "$1.*--worker $2 "; }

# app NAME KERNEL EXTRA KEY=VALUE…: the reference guest.
app() {
    { printf 'name = "%s"\nkernel = "/guests/%s"\nmemory = 32\nextra = "%s"\n' "$1" "$2" "$3"
        [ -z "$4" ] || printf '%s\n' "$4"; } >"$1.cfg"
    : >"$(console_of "$1")"
    $XL create -q "$1.cfg" >out 2>&1 || fail "$1: create: $(tail -n 1 out)"
}
# verdict NAME WHAT WORD [SECONDS]: what the reference guest says at its end.
verdict() {
    wait_for "${4:-60}" console_has "$1" "$3 \(ok\|FAILED\)\|PANIC"
    check "$2: $(grep -a "^$3\|PANIC\|^[a-z]*test: [^d]" "$(console_of "$1")" | tail -n 3 | tr '\n\r' '; ')" console_has "$1" "$3 ok"
    wait_for 10 gone "$1" || $XL destroy "$1"
}
result() { sed -n "s/.*RESULT $2 \([^ ]*\).*/\1/p" "$(console_of "$1")" | tail -n 1 | tr -d '\r'; }

# ---- our front end ----
# Set-up of the back-ends ; word of blktest
blk_rows() {
    cat <<'EOT'
;
;persistent=0
;indirect=0 ring=0 queues=1
--no-persistent --queues 1 --ring-order 0||xen_blkback/parameters/feature_persistent=N;flush=0 discard=0
EOT
    [ -z "$long" ] || cat <<'EOT'
;indirect=0
;ring=0
;queues=1
;flush=0
;flush=0 barrier=0
;discard=0
;depth=1
--no-persistent;
--queues 1;
--ring-order 0;
--buffered;
||xen_blkback/parameters/feature_persistent=N;
EOT
}
net_rows() {
    cat <<'EOT'
;
;gso=0
;csum=0 sg=0 split=0 ctrl=0
;queues=2 hash=1
|--no-offload --queues 1|xen_netback/parameters/separate_tx_rx_irq=N;
EOT
    [ -z "$long" ] || cat <<'EOT'
;csum=0
;sg=0
;split=0
;ctrl=0
;queues=2
|--no-offload;
|--queues 1;queues=2
||xen_netback/parameters/separate_tx_rx_irq=N;
EOT
}
while IFS=';' read -r set words <&3; do
    back "$set"
    for b in linux ours; do
        app d blktest "mb=4 rounds=1 $words" "disk = [ '$(disk $b xvda rw)' ]"
        verdict d "disk, our front end, $b back-end${words:+, $words}${set:+ ($set)}" BLKTEST
    done
done 3< <(rows blk_rows)
while IFS=';' read -r set words <&3; do
    back "$set"
    for b in linux:ours ours:linux ours:ours; do
        [ -z "$set$long$short" ] || [ $b = linux:ours ] || continue
        app s nettest "serve ip=10.8.1.2 $words" "vif = [ '$(vif ${b%:*} xenbr1)' ]"
        app c nettest "mb=2 udp=40 peer=10.8.1.2 ip=10.8.1.3 $words" "vif = [ '$(vif ${b#*:} xenbr1)' ]"
        verdict c "network, our front ends, back-ends $b${words:+, $words}${set:+ ($set)}" NETTEST 100
        $XL destroy s
    done
done 3< <(rows net_rows)

# ---- Linux's front ends: both back-ends at once, the peers are of our front end ----
back ''
app s1 nettest 'serve ip=10.8.1.2' "vif = [ '$(vif ours xenbr1)' ]"
app s2 nettest 'serve ip=10.8.2.2' "vif = [ '$(vif linux xenbr2)' ]"
mkdir -p w
cat >w/work.sh <<'EOT'
dd if=/dev/urandom of=/r bs=64k count=48 2>/dev/null
ifconfig eth0 10.8.1.9 netmask 255.255.255.0 up
ifconfig eth1 10.8.2.9 netmask 255.255.255.0 up
for d in a b; do
    for bs in 4k 64k 1024k; do
        dd if=/r of=/dev/xvd$d bs=$bs oflag=direct conv=fsync 2>/dev/null
        dd if=/dev/xvd$d bs=16k count=192 iflag=direct 2>/dev/null | cmp - /r && echo "RESULT disk-$d-$bs same"
    done
    cat /r >/dev/xvd$d; sync; echo 3 >/proc/sys/vm/drop_caches
    head -c 3145728 /dev/xvd$d | cmp - /r && echo "RESULT disk-$d-cached same"
    blkdiscard -l 65536 /dev/xvd$d && [ "$(dd if=/dev/xvd$d bs=64k count=1 iflag=direct 2>/dev/null | tr -d '\000' | wc -c)" = 0 ] && echo "RESULT disk-$d-discard same"
done
for n in 1 2; do
    ping -c 2 -s 1400 10.8.$n.2 >/dev/null && echo "RESULT net-$n-ping same"
    nc 10.8.$n.2 7 </r >/got; cmp /got /r && echo "RESULT net-$n-echo same"
done
echo "RESULT all done"
# Load until told otherwise, for what happens to the devices meanwhile.
for d in a b; do
    (i=0; while :; do
        i=$((i + 1)); dd if=/r of=/dev/xvd$d bs=32k oflag=direct 2>/dev/null
        dd if=/dev/xvd$d bs=64k count=48 iflag=direct 2>/dev/null | cmp - /r || echo "RESULT load bad-disk-$d"
        echo "LOAD disk-$d $i"
    done) &
done
for n in 1 2; do
    (i=0; while :; do
        i=$((i + 1)); timeout 60 nc 10.8.$n.2 7 </r >/got$n 2>/nc$n; rc=$?
        cmp /got$n /r || echo "RESULT load bad-net-$n,nc:$rc,bytes:$(wc -c </got$n),$(tr " " _ </nc$n | tail -n 1)"
        echo "LOAD net-$n $i"; sleep 1
    done) &
done
wait
EOT
{ zcat /guests/initrd; (cd w && echo work.sh | cpio -o -H newc 2>/dev/null); } >linux.initrd
linux_rows() {
    cat <<'EOT'
--no-persistent --queues 1 --ring-order 0|--no-offload --queues 1|xen_blkback/parameters/feature_persistent=N xen_netback/parameters/separate_tx_rx_irq=N;
EOT
    [ -z "$long" ] || cat <<'EOT'
;xen_blkfront.feature_persistent=0
;xen_blkfront.max=0
;xen_blkfront.max_queues=1 xen_netfront.max_queues=1
;xen_blkfront.max_ring_page_order=4
EOT
    echo ';'
}
what_linux_has() { grep -ao 'RESULT [a-z]*-[^ ]* same' "$(console_of l)" | sort -u | wc -l; }
while IFS=';' read -r set words <&3; do
    back "$set"
    $XL destroy l >/dev/null 2>&1
    guest_cfg l "disk = [ '$(disk linux xvda rw)', '$(disk ours xvdb rw)' ]" "vif = [ '$(vif linux xenbr1)', '$(vif ours xenbr2)' ]" |
        sed "s|^ramdisk.*|ramdisk = \"/run/linux.initrd\"|; s|^extra.*|extra = \"console=hvc0 stay $words job=sh%/work.sh\"|" >l.cfg
    : >"$(console_of l)"
    check "Linux with four devices${words:+, $words}${set:+ ($set)}" $XL create -q l.cfg
    wait_for 120 console_has l 'RESULT all done'
    same "disks and networks, Linux's front ends, both back-ends: right results" "$(what_linux_has)" 14
    [ "$(what_linux_has)" = 14 ] || grep -a 'RESULT\|cmp:' "$(console_of l)" | tail -n 20
done 3< <(rows linux_rows)

# ---- under load (the last Linux guest goes on) ----
load() { grep -ao "LOAD $1 [0-9]*" "$(console_of l)" | tail -n 1 | cut -d' ' -f3; }
further() { [ "$(load "$1")" -gt "$2" ]; }
goes_on() { # WHAT: each device's data moves on
    for d in disk-a disk-b net-1 net-2; do
        n=$(load $d)
        check "$1: $d goes on" wait_for 60 further $d "${n:-0}"
    done
    same "$1: nothing wrong" "$(result l load)" ""
}
plugs=0
for ((i = 0; i < plug_rounds; i++)); do
    for b in linux ours; do
        case $b in linux) t='' ;; ours) t=backendtype=qdisk, ;; esac
        $XL block-attach l "format=raw,vdev=xvdc,access=rw,${t}target=/run/spare.img" >out 2>&1 && $XL block-detach l xvdc >>out 2>&1 ||
            fail "disk plugged in and out, $b: $(tail -n 1 out)"
        $XL network-attach l "$(vif $b xenbr1),mac=00:16:3e:00:09:09" >out 2>&1 && $XL network-detach l 00:16:3e:00:09:09 >>out 2>&1 ||
            fail "interface plugged in and out, $b: $(tail -n 1 out)"
        plugs=$((plugs + 1))
    done
done
goes_on "devices plugged in and out $plugs times"
dom=$(domid_of l)
for ((i = 0; i < kill_rounds; i++)); do
    kill -9 $(worker_of vellum-blkd "$dom") $(worker_of vellum-netd "$dom")
    usleep 1500000
done
goes_on "our back-ends killed"
check "Linux is saved" $XL save l l.save
check "and restored" $XL restore l.save
rm -f l.save
goes_on "after it"
$XL destroy l

# ---- the reference guest: killed back-end, saved and restored, ballooned ----
for b in $backs; do
    app d blktest "mb=8 on" "disk = [ '$(disk $b xvda rw)' ]"
    wait_for 20 console_has d 'sectors of'
    if [ $b = ours ]; then
        for i in 1 2 3; do
            kill -9 $(worker_of vellum-blkd "$(domid_of d)")
            usleep 700000
        done
    fi
    check "$b: reference guest ballooned under load" $XL mem-set d 28
    check "$b: saved under load" $XL save d d.save
    check "$b: restored" $XL restore d.save
    rm -f d.save
    xenstore-write "/local/domain/$(domid_of d)/data/end" 1
    verdict d "$b: disk of the reference guest, balloon and resume under load" BLKTEST 120
done
for b in $backs; do
    app s nettest "serve ip=10.8.1.7" "vif = [ '$(vif $b xenbr1)' ]"
    app c nettest "mb=48 udp=5 peer=10.8.1.7 ip=10.8.1.8" "vif = [ '$(vif $b xenbr1)' ]"
    wait_for 20 console_has c 'net.ping'
    usleep 500000
    check "$b: server saved under a stream" $XL save s s.save
    check "$b: restored" $XL restore s.save
    rm -f s.save
    verdict c "$b: TCP stream over a suspend of its server" NETTEST 120
    check "$b: server ballooned" $XL mem-set s 28
    check "$b: server ends when asked" $XL shutdown s
    wait_for 20 gone s || $XL destroy s
done
$XL destroy s1
$XL destroy s2
wait_for 20 sh -c '[ -z "$(xenstore-list /local/domain/0/backend 2>/dev/null | while read -r t; do xenstore-list "/local/domain/0/backend/$t"; done)" ]'
same "back-ends left" "$(for t in $(xenstore-list /local/domain/0/backend); do xenstore-list "/local/domain/0/backend/$t"; done)" ""
same "guests left" "$(domains)" 1
cat /var/log/xen/vellum-*.log 2>/dev/null | sort | uniq -c | sort -rn | head -20
job_end
