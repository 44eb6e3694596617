# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For jobs that make dom0 a node of Debian's Ganeti. Ganeti lives on a disk of its own, which is changed into; its xl, the
# store and the consoles are dom0's.
. /usr/lib/vellum/job.sh
g=/run/gnt

# ganeti_node N: this dom0 is the cluster's node N: its folder, its name, its bridge, its ssh daemon.
ganeti_node() {
    modprobe ext4
    modprobe bridge
    mkdir -p $g
    mount "$(findfs LABEL=ganeti)" $g || fail "no disk with Ganeti"
    mount -t proc proc $g/proc
    mount -t xenfs xenfs $g/proc/xen
    mount -o bind /sys $g/sys
    mount -o bind /dev $g/dev
    mount -o bind /dev/pts $g/dev/pts
    mount -t tmpfs run $g/run
    mkdir -p $g/run/lock $g/run/sshd $g/run/xen $g/run/xenstored $g/var/lib/xen $g/var/log/xen $g/etc/xen
    for d in /guests /run/xen /run/xenstored /var/lib/xen /var/log/xen; do mount -o bind $d $g$d; done
    cp -R /etc/xen/. $g/etc/xen/
    cp /usr/sbin/xl $g/usr/sbin/xl
    cp -R /usr/lib/vellum $g/usr/lib/
    mkdir $g/dom0
    cp /usr/lib/x86_64-linux-gnu/lib*.so.* $g/dom0/
    printf '#!/bin/sh\nLD_LIBRARY_PATH=/dom0 exec xl top "$@"\n' >$g/usr/sbin/xentop
    chmod +x $g/usr/sbin/xentop
    hostname "node$1.example.com"
    echo '10.9.0.11 node2.example.com node2' >>$g/etc/hosts
    ip link add xenbr0 type bridge
    case $1 in 1) ip addr add 10.9.0.1/24 dev xenbr0 ;; *) ip addr add 10.9.0.11/24 dev xenbr0 ;; esac
    ip link set xenbr0 up
    in_g /usr/sbin/sshd
}

in_g() { chroot $g /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root "$@"; }
# step WHAT COMMAND…: a command of Ganeti's
step() {
    what=$1
    shift
    t=$(cut -d. -f1 /proc/uptime)
    check "$what" in_g "$@"
    sed 's/^/    /' /tmp/check.out | tail -n "${lines:-6}"
    echo "    ($(($(cut -d. -f1 /proc/uptime) - t)) s)"
}
field() { in_g gnt-instance list --no-headers -o "$1" inst1.example.com 2>/dev/null | tr -d ' '; }
