# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For the jobs of a cluster of two nodes: the network between them, the disk that both have.
. /usr/lib/vellum/ganeti-node.sh
shared=/dev/disk/shared

# ganeti_pair N: this is node N. Its bridge has the nic whose address ends in 09:0N, and the disk with the serial number
# `shared` gets a name where Ganeti takes disks from.
ganeti_pair() {
    ganeti_node "$1"
    # The bridge takes this address as well.
    nic=$(grep -l "^52:54:00:10:09:0$1" /sys/class/net/*/address | head -n 1 | cut -d/ -f5)
    ip link set "$nic" up
    ip link set "$nic" master xenbr0
    [ "$(ls /sys/class/net/xenbr0/brif | wc -l)" = 1 ] || fail "no nic between the nodes"
    mkdir -p "${shared%/*}"
    for d in /sys/block/vd*; do
        [ "$(cat "$d/serial")" != shared ] || ln -s "/dev/${d##*/}" $shared
    done
    [ -b $shared ] || fail "no disk that both nodes have"
}

# logs NAME…: what Ganeti's daemons here complained of.
logs() {
    for name in "$@"; do
        grep -i 'error\|fail' "$g/var/log/ganeti/$name.log" | tail -n 8 | cut -c1-300 | sed "s/^/    $name: /"
    done
}

# on N COMMANDS: in dom0 of node N, seen from node 1. No single quotes in them.
on() {
    case $1 in
    1) sh -c ". /usr/lib/vellum/job.sh; $2" ;;
    2) in_g ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR 10.9.0.11 \
        "PATH=/usr/sbin:/usr/bin:/usr/lib/xen-4.17/bin chroot /proc/1/root /bin/sh -c '. /usr/lib/vellum/job.sh; $2'" ;;
    esac
}
