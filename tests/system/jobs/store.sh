# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Our xenstored in place of Debian's: Debian's test-xenstore, Debian's clients, and a guest with a disk and a network
# interface that is created, rebooted, saved, restored and destroyed.
# Words on the kernel's command line: vellum.xl=COMMAND; vellum.save=no leaves save and restore out.
. /usr/lib/vellum/job.sh
word() { sed -n "s/.*vellum\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
XL=$(word xl)
XL=${XL:-xl}
# Debian's clients wait in the image under another name.
same "xenstored is ours" "$(readlink "/proc/$(cat /run/xenstored.pid)/exe")" /usr/sbin/xenstored
check "test-xenstore" /usr/lib/xen-4.17/bin/test-xenstore
check "its own check" sh -c '[ "$(xenstore-control check)" = OK ]'

head -c 4194304 /dev/zero >/tmp/disk.img
echo "first words of the disk" | dd of=/tmp/disk.img conv=notrunc 2>/dev/null
: >/tmp/empty
guest_cfg g 'disk = [ "file:/tmp/disk.img,xvda,w" ]' 'vif = [ "bridge=xenbr0" ]' 'on_reboot = "restart"' |
    sed 's/console=hvc0 stay/& job=head%-n%1%\/dev\/xvda;ip%addr%add%10.77.0.50\/24%dev%eth0;ip%link%set%eth0%up;ping%-c%3%-W%9%10.77.0.1/' >/tmp/g.cfg
works() { # WHEN
    check "$1: the guest comes up" wait_for 120 console_has g '^GUEST up'
    check "$1: reads its disk" wait_for 30 console_has g '^first words of the disk'
    check "$1: reaches dom0" wait_for 60 console_has g ' 0% packet loss'
}
backends() { xenstore-read "/local/domain/0/backend/vbd/$1/51712/state" "/local/domain/0/backend/vif/$1/0/state" | tr '\n' ' '; }
id_of() { $XL list | awk -v n="$1" '$1 == n { print $2 }'; }

check "create" $XL create -q /tmp/g.cfg
works create
id=$(id_of g)
same "back ends are connected" "$(backends "$id")" "4 4 "
: >"$(console_of g)"
check "reboot" $XL reboot g
works reboot
check "under a new domid" sh -c "[ '$(id_of g)' != '$id' ]"
if [ "$(word save)" != no ]; then
    check "save" $XL save g /tmp/g.save
    check "it is gone" gone g
    check "restore" $XL restore /tmp/g.save
    id=$(id_of g)
    check "back ends are connected again" wait_for 30 sh -c "[ \"\$(xenstore-read /local/domain/0/backend/vbd/$id/51712/state /local/domain/0/backend/vif/$id/0/state | tr '\n' ' ')\" = '4 4 ' ]"
    check "its network answers" ping -c 2 -W 20 10.77.0.50
fi
check "destroy" $XL destroy g
check "it is gone at once" wait_for 10 gone g
check "no loop device left" wait_for 10 sh -c '[ -z "$(losetup -a)" ]'
check "xenstore holds nothing of it" sh -c '[ -z "$(xenstore-list /local/domain | grep -vx 0)" ] && ! xenstore-exists /local/domain/0/backend/vbd/'"$id"
check "its own check, at the end" sh -c '[ "$(xenstore-control check)" = OK ]'
job_end
