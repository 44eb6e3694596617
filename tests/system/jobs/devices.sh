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
# The same file by another name, and by the other kind of back-end: the kernel's has it as a loop device.
ln /run/d/b.img /run/d/b2.img
check_not "nor by a hard link" $XL block-attach g /run/d/b2.img,raw,xvdc,rw
check_not "nor by a process" $XL block-attach g "format=raw,vdev=xvdc,access=rw,backendtype=qdisk,target=/run/d/b.img"
check_not "nor its loop device" $XL block-attach g "format=raw,vdev=xvdc,access=ro,backendtype=qdisk,target=$(losetup -a | sed -n 's,^\(/dev/loop[0-9]*\):.*/b[.]img.*,\1,p')"
check_not "and nothing of them stays" sh -c 'xenstore-ls -f /local/domain/0/backend | grep 51744'
check "a process has the third file" $XL block-attach g "format=raw,vdev=xvdc,access=rw,backendtype=qdisk,target=/run/d/c.img"
check_not "which the kernel's back-end is not given then" $XL block-attach g /run/d/c.img,raw,xvdd,rw
check "the guest sees that" wait_for 30 sees 'xvdc.*END'
check "and it goes" $XL block-detach g xvdc

# Drives of vellum-blkd: one has a medium, and gets others; one is empty at first.
for f in first other; do { echo "$f"; dd if=/dev/zero bs=1M count="$([ $f = first ] && echo 2 || echo 3)" 2>/dev/null; } >/run/d/$f.iso; done
# drive VDEV MIB WORD: the guest sees a drive of that size, only to be read, which begins with the word.
drive() {
    guest "echo DRIVE $(printf '$(($(cat /sys/block/%s/size) / 2048)) $(cat /sys/block/%s/ro) $(dd if=/dev/%s bs=4096 count=1 iflag=direct 2>/dev/null | head -n 1)' "$1" "$1" "$1") END"
    grep -aq "^DRIVE $2 1${3:+ $3} END" /tmp/console
}
medium() { xenstore-write "/local/domain/0/backend/qdisk/$(domid_of g)/$1/params" "$2"; }
check "a drive with a medium comes" $XL block-attach g "format=raw,vdev=xvde,devtype=cdrom,backendtype=qdisk,target=/run/d/first.iso"
check "an empty drive comes" $XL block-attach g "format=empty,vdev=xvdf,devtype=cdrom,backendtype=qdisk"
check_not "none can be written" $XL block-attach g "format=raw,vdev=xvdg,access=rw,devtype=cdrom,backendtype=qdisk,target=/run/d/first.iso"
check "the guest reads the medium" wait_for 30 drive xvde 2 first
check "and finds the other drive empty" wait_for 30 drive xvdf 0 ''
medium 51776 raw:/run/d/other.iso
medium 51792 raw:/run/d/first.iso
check "another medium is read" wait_for 30 drive xvde 3 other
check "and one in the drive that was empty" wait_for 30 drive xvdf 2 first
medium 51776 ''
check "one is taken out" wait_for 30 drive xvde 0 ''
medium 51776 raw:/run/d/none.iso
medium 51792 raw:/run/d/other.iso
check "one that is not there leaves the drive empty, and does not harm the other" wait_for 30 drive xvdf 3 other
check "it is empty still" drive xvde 0 ''
check "both drives go" sh -c "$XL block-detach g xvde && $XL block-detach g xvdf"
check "an image of a format that is to be found out" $XL block-attach g "format=auto,vdev=xvde,access=ro,target=/run/d/first.iso"
check "the guest reads it" wait_for 30 drive xvde 2 first
check "it goes" $XL block-detach g xvde
check_not "none is taken for raw that the guest may write" $XL block-attach g "format=auto,vdev=xvde,target=/run/d/first.iso"
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
