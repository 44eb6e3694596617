# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# vellumd's work, with the reference guest that answers on its console (hello stay).
# Words on the kernel's command line: vellumd.parts=main+many+disks+channels: which of them.
. /usr/lib/vellum/job.sh
hello_cfg() {
    printf 'name = "%s"\nkernel = "/test/hello"\nmemory = 8\ncmdline = "stay"\non_reboot = "restart"\n' "$1" >"/tmp/$1.cfg"
}
daemon() { pidof vellumd | tr ' ' '\n' | sort -n | head -1; }
answers() { (sleep 1; printf '%s\n' "$2"; sleep 1) | timeout 6 xl console "$1" >/tmp/console 2>/dev/null; grep -q "$1: $2" /tmp/console; }
event() { grep -q "\"event\":\"$2\",\"domid\":[0-9]*,\"name\":\"$1\"" /tmp/events; }
alive() { xl list "$1" >/dev/null 2>&1; }

parts=$(sed -n 's/.*vellumd\.parts=\([^ ]*\).*/\1/p' /proc/cmdline)
part() { case +${parts:-main+many+disks+channels}+ in *+$1+*) ;; *) return 1 ;; esac; }

wait_for 20 test -S /run/vellum/vellumd.sock
xl events --json >/tmp/events &

if part main; then
hello_cfg one
check "create" xl create -q /tmp/one.cfg
check "its console is logged" wait_for 10 console_has one 'hello from one'
check "no process looks after it alone" sh -c '! ps | grep -v grep | grep -q "xl monitor"'
check "its console answers" answers one first
check "who attaches later sees what came before" sh -c "(sleep 1) | timeout 4 xl console one >/tmp/console; grep -q 'hello from one' /tmp/console && grep -q 'one: first' /tmp/console"
id=$(domid_of one)
check "reboot is asked for" xl reboot one
check "it has a new id" wait_for 20 sh -c "[ \"\$(xl domid one)\" -gt $id ]"
check "its console answers again" answers one second
check "shutdown" xl shutdown -w one
check "it goes" wait_for 10 gone one
for e in created started stopped gone; do check "event: $e" wait_for 5 event one $e; done

hello_cfg two
check "of a shell" sh -c 'sleep 2; xl create -q /tmp/two.cfg'
check "it answers" answers two third
check "kill -9 of vellumd" sh -c "kill -9 $(daemon)"
check "it comes back" wait_for 20 sh -c 'xl events >/dev/null & p=$!; sleep 1; kill $p'
check "the guest answers" answers two fourth
tail -n 5 /tmp/console "$(console_of two)" | sed 's/^/    /'
check "no shell is left behind" wait_for 10 sh -c '[ "$(xenstore-ls /local/domain | grep -c vellum-shell)" -le 2 ]'
check "what is asked for after that is done" xl shutdown -w two
check "it goes too" wait_for 10 gone two

mkdir -p /etc/xen/auto
for g in zz aa; do hello_cfg $g; cp /tmp/$g.cfg /etc/xen/auto/; done
check "start of all guests" vellumd --start-guests
check "in order" sh -c '[ "$(xl list | sed -n "3,4s/ .*//p" | tr "\n" " ")" = "aa zz " ]'
check "again: they run" vellumd --start-guests
check "stop of all guests" vellumd --stop-guests --seconds 20
check "none runs" wait_for 10 sh -c '[ "$(xl list | tail -n +2 | wc -l)" = 1 ]'
fi

if part many; then
n=1
while [ $n -le 100 ]; do
    hello_cfg "g$n"
    xl create -q "/tmp/g$n.cfg" >/tmp/out 2>&1 || tail -n 1 /tmp/out
    n=$((n + 1))
done
same "100 guests" "$(domains)" 101
check "all have spoken" wait_for 60 sh -c '[ "$(grep -l "hello from" /var/log/xen/console/guest-g*.log | wc -l)" = 100 ]'
grep -L "hello from" /var/log/xen/console/guest-g*.log | while read -r log; do ls -l "$log"; done | head -n 5 | sed 's/^/    silent: /'
rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(daemon)/status")
check "vellumd has less than 16 MiB ($rss kB)" [ "$rss" -lt 16384 ]
same "processes of ours" "$(ps | grep -v grep | grep -cE 'xl monitor|vellumd --act')" 0
n=1
while [ $n -le 100 ]; do xl destroy "g$n"; n=$((n + 1)); done
same "none left" "$(domains)" 1
fi

if part disks; then
printf 'name = "stock"\nbootloader = "pygrub"\nmemory = 192\ndisk = ["/test/disks/stock,raw,xvda,w"]\n' >/tmp/disk.cfg
check "stock kernel from ext4: create" xl create -q /tmp/disk.cfg
check "stock kernel from ext4: up" wait_for 150 console_has stock '^GUEST up'
console_has stock '^GUEST up' || { tail -n 25 "$(console_of stock)" | cut -c1-150 | sed 's/^/    /'; xl list; }
xl destroy stock
for disk in grub-ext4 bls-btrfs extlinux-xfs sdboot-vfat grub-iso; do
    printf 'name = "%s"\nbootloader = "pygrub"\nmemory = 48\ndisk = ["/test/disks/%s,raw,xvda,r"]\n' $disk $disk >/tmp/disk.cfg
    check "$disk: create" xl create -q /tmp/disk.cfg
    check "$disk: its kernel runs" wait_for 60 console_has $disk "hello from $disk"
    check "$disk: with its command line" sh -c "sleep 1; xl list $disk"
    console_has $disk "hello from $disk" || { tail -n 25 "$(console_of $disk)" | cut -c1-150 | sed 's/^/    /'; xl list; }
    xl destroy $disk
done
for disk in broken-ext4 nothing; do
    printf 'name = "%s"\nfirmware = "pvgrub64"\nmemory = 48\ndisk = ["/test/disks/%s,raw,xvda,r"]\n' $disk $disk >/tmp/disk.cfg
    check "$disk: create" xl create -q /tmp/disk.cfg
    check "$disk: it ends, or says why not" wait_for 60 sh -c "! xl list $disk 2>/dev/null || grep -aq 'no disk of this guest' $(console_of $disk)"
    xl destroy $disk 2>/dev/null
done
fi

if part channels; then
# What comes to the guest's second and third console goes back, with a word before it.
cat >/tmp/agent <<'EOS'
#!/bin/sh
for n in 1 2; do (stty -F /dev/hvc$n raw -echo; while read -r line; do echo "back $line"; done </dev/hvc$n >/dev/hvc$n) & done
EOS
mkdir -p /tmp/extra
cp /tmp/agent /tmp/extra/agent
chmod +x /tmp/extra/agent
(cat /guests/initrd && cd /tmp/extra && echo agent | cpio -o -H newc 2>/dev/null | gzip -1) >/tmp/initrd
guest_cfg ch 'channel = [ "name=org.a,connection=socket,path=/run/ch.sock", "name=org.b,connection=pty" ]' |
    sed 's#/guests/initrd#/tmp/initrd#; s#stay#stay job=/agent#' >/tmp/ch.cfg
check "channels: create" xl create -q /tmp/ch.cfg
check "it comes up" wait_for 120 console_has ch '^GUEST up'
check "its channel's socket" wait_for 30 test -S /run/ch.sock
same "who may use it" "$(stat -c %a /run/ch.sock)" 600
for round in one two; do
    check "a client of the socket has its answer ($round)" sh -c "/test/socket-talk /run/ch.sock 'word $round' 'back word $round'"
done
check "the pty's reader has its answer" sh -c '(sleep 1; echo third; sleep 2) | timeout 8 xl console -n 2 ch | grep -q "back third"'
check "channel-list" sh -c 'xl channel-list ch | grep -q "socket *\/run\/ch.sock"'
check "kill -9 of vellumd" sh -c "kill -9 $(daemon)"
check "it takes its channels up again" wait_for 30 /test/socket-talk /run/ch.sock 'word three' 'back word three'
xl channel-list ch | sed 's/^/    /'
check "destroy" xl destroy ch
check "the socket goes" wait_for 10 sh -c '! test -e /run/ch.sock'
fi
job_end
