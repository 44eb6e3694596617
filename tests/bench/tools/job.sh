# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# Runs in dom0: the same commands with Debian's xl and with ours, timed. Lines "BENCH NAME XL MILLISECONDS", and
# "FIGURE NAME VALUE" for what only ours has.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0"
mkdir -p /run/b
guests=$(sed -n 's/.*bench\.guests=\([0-9]*\).*/\1/p' /proc/cmdline)
cfg() { printf 'name = "%s"\nkernel = "%s"\nmemory = %s\n' "$1" "$2" "$3" >"/run/b/$1.cfg"; }
for name in stock stock2; do
    cfg $name /guests/vmlinuz 128
    echo 'ramdisk = "/guests/initrd"' >>/run/b/$name.cfg
done
cfg tiny /guests/tiny 8
cfg slow /guests/tiny 8
echo 'vif = [ "mac=00:16:3e:00:00:01, script=/run/b/slow-script" ]' >>/run/b/slow.cfg
printf '#!/bin/sh\nsleep 5\nexec /etc/xen/scripts/vif-bridge "$@"\n' >/run/b/slow-script
chmod +x /run/b/slow-script

# timed NAME XL COUNT COMMAND…: the time of one run, in ms.
timed() {
    local name=$1 xl=$2 count=$3 ms
    shift 3
    ms=$(spawn "$count" "$@" 3>&1 >/run/b/out 2>&1) || { echo "BENCH-FAILED $name $xl: $(tail -1 /run/b/out)"; return; }
    echo "BENCH $name $xl $ms"
}
create() { timed "$1" "$2" 1 "$2" create -q -p -e "/run/b/$3.cfg"; }
printf '#!/bin/sh\n"$1" create -q -p -e /run/b/tiny.cfg && exec "$1" destroy tiny\n' >/run/b/pair
chmod +x /run/b/pair

# What one xl needs among N guests.
round() {
    local xl=$1 n=$2
    timed "create+destroy small@$n" "$xl" 5 /run/b/pair "$xl"
    timed "list@$n" "$xl" 5 "$xl" list
}
forget() { rm -rf /var/cache/vellum/kernels /run/vellum/kernels; }

# A running guest's state, written to memory and read from there; and what copying those bytes takes.
states() {
    cfg live /guests/vmlinuz 128
    printf 'ramdisk = "/guests/initrd"\nextra = "console=hvc0 quiet stay"\n' >>/run/b/live.cfg
    mkdir -p /run/b/state && mount -t tmpfs -o size=400m state /run/b/state
    xl create -q -e /run/b/live.cfg
    until grep -aqs '^GUEST up' /var/log/xen/console/guest-live.log; do sleep 1; done
    for xl in xl-debian xl; do
        for turn in 1 2; do     # the second is the figure: the first has code to load
            save=$(timed "save 128 MiB" $xl 1 $xl save live /run/b/state/img)
            restore=$(timed "restore 128 MiB" $xl 1 $xl restore -e /run/b/state/img)
            sleep 2             # its devices connect
            [ $turn = 2 ] || rm /run/b/state/img
        done
        printf '%s\n' "$save" "$restore"
        [ $xl != xl ] || timed "a copy of the saved file" xl 1 cp /run/b/state/img /run/b/state/copy
        rm -f /run/b/state/*
    done
    xl destroy live
    umount /run/b/state
}
if grep -q bench.states /proc/cmdline; then
    states
    echo "JOB end"
    exit
fi

stand_around() {
    for ((g = 1; g <= guests; g++)); do
        cfg "g$g" /guests/tiny 8
        xl create -q -p -e "/run/b/g$g.cfg" || break
    done
}
# What does Debian's console daemon take of that, which looks at every guest whenever one comes or goes? Ours is in its place here.
if grep -q vellum.vellumd=on /proc/cmdline; then
    kill "$(pgrep -f 'keep vellumd')"
    kill "$(pidof vellumd)"
    sleep 1
    vellumd --consoles --shells 0
    sleep 1
    /run/b/pair xl >/dev/null 2>&1
    round xl 0
    stand_around
    round xl "$guests"
    echo "JOB end"
    exit
fi

# once each, so that what is made at a first use is not counted
for xl in xl-debian xl; do /run/b/pair $xl; $xl list; cat /guests/vmlinuz /guests/initrd; done >/dev/null 2>&1
for xl in xl-debian xl; do
    forget
    sleep 2
    create "create stock, first" $xl stock
    sleep 2
    create "create stock, the second guest" $xl stock2
    timed "destroy stock" $xl 1 $xl destroy stock
    $xl destroy stock2
    sleep 1
    forget
    [ $xl = xl-debian ] || xl kernel-cache /guests/vmlinuz
    sleep 2
    create "create stock, first, kernel kept before" $xl stock
    $xl destroy stock
    create "create small" $xl tiny
    timed "destroy small" $xl 1 $xl destroy tiny
    timed "list, nothing there" $xl 5 $xl list
    round $xl 0
done
states
# Does one creation wait for another, whose script takes its time?
for xl in xl-debian xl; do
    $xl create -q -p -e /run/b/slow.cfg >/dev/null 2>&1 &
    sleep 2
    create "create small beside a slow script" $xl tiny
    wait
    $xl destroy slow
    $xl destroy tiny
done >/run/b/beside 2>&1
grep BENCH /run/b/beside
# The same guests once vellumd keeps shells of their shape. What no command can be faster than comes first.
timed "a program's start and end" xl 5 busybox true
vellumd --no-consoles --shell-memory 512
for name in tiny stock; do
    xl create -q -p -e /run/b/$name.cfg
    xl destroy $name
    sleep 5
    create "create $name, of a shell" xl $name
    xl destroy $name
    sleep 5
done
kill "$(pidof vellumd)"
sleep 1
if [ "${guests:-0}" -gt 0 ]; then
    stand_around
    for xl in xl-debian xl; do round $xl "$guests"; done
    vellumd --no-consoles
    sleep 3
    echo "FIGURE vellumd's memory among $guests guests, KiB: $(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(pidof vellumd)/status")"
fi
echo "JOB end"
