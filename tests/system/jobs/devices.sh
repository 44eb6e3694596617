# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Devices of a running guest: disks and interfaces come and go, with Debian's hotplug scripts and without a shell; what
# hangs is taken by force; the configuration that is kept follows; creations that fail leave nothing.
. /usr/lib/vellum/job.sh
mkdir -p /run/d
for f in a b c; do dd if=/dev/zero of=/run/d/$f.img bs=1M count=8 2>/dev/null; done
nothing_left() {
    [ -z "$(losetup -a)" ] && [ -z "$(xenstore-list /local/domain | grep -vx 0)" ] && [ -z "$(xenstore-list /libxl 2>/dev/null)" ] &&
        [ -z "$(xenstore-list /local/domain/0/backend 2>/dev/null)" ] && [ "$(domains)" = 1 ]
}
what_is_left() { losetup -a; xenstore-ls -f /local/domain | grep -v '^/local/domain/0' | head -n 5; xenstore-ls -f /libxl | head -n 5; xenstore-ls -f /local/domain/0/backend | head -n 5; $XL list; }
# Runs a command on the guest's console; its output is in /tmp/console.
guest() { (sleep 1; printf '\n%s\n' "$1"; sleep "${2:-3}"; printf '\035'; sleep 1) | timeout 40 $XL console g >/tmp/console 2>&1; }
sees() { guest 'echo DISKS $(ls /sys/block | tr "\n" " ") NICS $(ls /sys/class/net | tr "\n" " ") END' && grep -aq "$1" /tmp/console; }

guest_cfg g 'disk = [ "/run/d/a.img,raw,xvda,rw" ]' 'vif = [ "bridge=xenbr0" ]' >/tmp/g.cfg
check "create with a disk and an interface" $XL create /tmp/g.cfg
check "the guest comes up" wait_for 150 console_has g '^GUEST up'
check "it has them" wait_for 30 sees 'xvda.*eth0.*END'
check "the interface is a port of the bridge" sh -c 'ls /sys/class/net/xenbr0/brif | grep -q vif'
check "block-attach" $XL block-attach g /run/d/b.img,raw,xvdb,rw
check "the guest sees the disk" wait_for 30 sees 'xvdb.*END'
check_not "the same vdev again is refused" $XL block-attach g /run/d/c.img,raw,xvdb,rw
check_not "a file that another disk writes is refused" $XL block-attach g /run/d/b.img,raw,xvdc,rw
check "block-list has two" sh -c "[ \$($XL block-list g | tail -n +2 | wc -l) = 2 ]"
check "the kept configuration has the disk" sh -c "$XL list --long g | grep -q '\"vdev\": \"xvdb\"'"
check "block-detach" $XL block-detach g xvdb
check_not "it is gone" $XL block-detach g xvdb
check "the kept configuration has it no more" sh -c "! $XL list --long g | grep -q '\"vdev\": \"xvdb\"'"
check "its loop device is gone" sh -c '[ "$(losetup -a | wc -l)" = 1 ]'
check "block-attach by Debian's script" $XL block-attach g /run/d/b.img,raw,xvdb,ro,script=block
check "its loop device is there" sh -c 'losetup -a | grep -q b.img'
check "block-detach by Debian's script" $XL block-detach g xvdb
check "its loop device is gone again" sh -c '[ "$(losetup -a | wc -l)" = 1 ]'
check "network-attach" $XL network-attach g mac=00:16:3e:00:00:07 bridge=xenbr0
check "the guest sees it" wait_for 30 sees 'eth1.*END'
check "network-list --json" sh -c "$XL network-list --json g | grep -q '\"mac\": \"00:16:3e:00:00:07\"'"
check "network-detach by MAC address" $XL network-detach g 00:16:3e:00:00:07
check_not "an interface on no bridge is refused" $XL network-attach g bridge=nobridge
check "network-list has one" sh -c "[ \$($XL network-list g | tail -n +2 | wc -l) = 1 ]"
check "network-attach by Debian's script" $XL network-attach g mac=00:16:3e:00:00:08 bridge=xenbr0 script=vif-bridge
check "network-detach by Debian's script" $XL network-detach g 00:16:3e:00:00:08
check "network-attach by Debian's script for routes" $XL network-attach g mac=00:16:3e:00:00:09 ip=10.99.0.9 script=vif-route
check "there is a route" sh -c 'ip route | grep -q "^10.99.0.9 dev vif"'
check "network-detach by it" $XL network-detach g 00:16:3e:00:00:09
check "there is none" sh -c '! ip route | grep -q "^10.99.0.9 "'

check "block-attach once more" $XL block-attach g /run/d/b.img,raw,xvdb,rw
check "the guest has it" wait_for 30 sees 'xvdb.*END'
$XL pause g
check_not "a paused guest keeps its disk" $XL block-detach g xvdb
check "by force it goes" $XL block-detach --force g xvdb
$XL unpause g
check "destroy" $XL destroy g
check "nothing is left of it" wait_for 15 nothing_left
nothing_left || what_is_left

printf '#!/bin/sh\nsleep 30 &\nexit 1\n' >/run/d/fails
chmod +x /run/d/fails
guest_cfg g 'disk = [ "/run/d/a.img,raw,xvda,rw,script=/run/d/fails" ]' >/tmp/bad.cfg
check_not "a script that fails" $XL create -q /tmp/bad.cfg
check "nothing is left of that" wait_for 20 nothing_left
nothing_left || what_is_left
job_end
