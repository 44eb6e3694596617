#!/bin/sh
# SPDX-License-Identifier: MIT
# The demo guest's boot: file systems, name, network by DHCP, then a check of its disk and its network, whose results
# it prints on its console.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mkdir -p /run/lock /dev/pts
mount -t devpts devpts /dev/pts
hostname demo
ip link set lo up
echo "demo: $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release), Linux $(uname -r), up after $(cut -d' ' -f1 /proc/uptime) s"
for dev in $(ls /sys/class/net | grep '^e'); do
    ip link set "$dev" up
    udhcpc -i "$dev" -s /etc/udhcpc -n -q -t 10 -T 2 >/dev/null 2>&1 || echo "demo: $dev got no address by DHCP"
done
/usr/sbin/self-check
