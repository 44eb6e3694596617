# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# vellumd's work, with the reference guest that answers on its console (hello stay).
# Words on the kernel's command line: vellumd.parts=main+ends+host+many+disks+channels: which of them.
. /usr/lib/vellum/job.sh
. /test/ends.sh
hello_cfg() {
    printf 'name = "%s"\nkernel = "/test/hello"\nmemory = 8\ncmdline = "stay"\non_reboot = "restart"\n' "$1" >"/tmp/$1.cfg"
}
shells() { xenstore-ls -f /local/domain | sed -n 's:^/local/domain/\([0-9]*\)/name = "vellum-shell-.*:\1:p'; }
daemon() { pidof vellumd | tr ' ' '\n' | sort -n | head -1; }
# Its console, and what is typed, stay open until FOUND is there.
attached() { (sleep 1; printf '%s' "$2"; wait_for 15 grep -q "$3" /tmp/console) | timeout 20 xl console "$1" >/tmp/console 2>/dev/null; grep -q "$3" /tmp/console; }
answers() { attached "$1" "$2
" "$1: $2"; }
sees() { attached "$1" '' "$2"; }
console_runs() { ps | grep -v grep | grep -q 'xl console'; }
console_ended() { ! console_runs; }
event() { grep -q "\"event\":\"$2\",\"domid\":[0-9]*,\"name\":\"$1\"" /tmp/events; }
alive() { xl list "$1" >/dev/null 2>&1; }

parts=$(sed -n 's/.*vellumd\.parts=\([^ ]*\).*/\1/p' /proc/cmdline)
part() { case +$parts+ in *+$1+*) ;; *) return 1 ;; esac; }

wait_for 20 test -S /run/vellum/vellumd.sock
xl events --json >/tmp/events &

if part main; then
hello_cfg one
check "create" xl create -q /tmp/one.cfg
check "its console is logged" wait_for 10 console_has one 'hello from one'
check "no process looks after it alone" sh -c '! ps | grep -v grep | grep -q "xl monitor"'
check "its console answers" answers one first
check "who attaches later sees what came before" sees one 'one: first'
check "from the start" grep -q 'hello from one' /tmp/console
(wait_for 10 console_runs; sleep 1; printf '\035'; sleep 15) | xl console one >/dev/null &
check "a console is open" wait_for 10 console_runs
check "^] detaches" wait_for 12 console_ended
kill $! 2>/dev/null
id=$(domid_of one)
check "reboot is asked for" xl reboot one
check "it has a new id" wait_for 20 sh -c "[ \"\$(xl domid one)\" -gt $id ]"
check "its console answers again" answers one second
check "shutdown" xl shutdown -w one
check "it goes" wait_for 10 gone one
for e in created started stopped gone; do check "event: $e" wait_for 5 event one $e; done

hello_cfg two
check "a shell is made" wait_for 10 sh -c '[ -n "$(xenstore-ls -f /local/domain | grep vellum-shell)" ]'
check "no list shows it" [ "$(domains)" = 1 ]
before=$(shells)
check "create" xl create -q /tmp/two.cfg
check "that guest was a shell" sh -c "echo '$before' | grep -qx $(domid_of two)"
check "it answers" answers two third
check "kill -9 of vellumd" sh -c "kill -9 $(daemon)"
check "it comes back" wait_for 20 sh -c 'xl events >/dev/null & p=$!; sleep 1; kill $p'
xl events --json >>/tmp/events &
check "the guest answers" answers two fourth
tail -n 5 /tmp/console "$(console_of two)" | sed 's/^/    /'
check "no shell is left behind" wait_for 10 sh -c '[ "$(xenstore-ls /local/domain | grep -c vellum-shell)" -le 2 ]'
# A worker that makes a shell is stopped at one of its system calls after another, and killed there, and the daemon with it.
nameless() { xl list | grep -c '^(null)'; }
half_made() { [ "$(nameless)" -gt 0 ] || { shells | grep -vxF -e 0 ${before:+-e "$before"} | grep -q .; }; }
hello_cfg spare
call=60 met=0 left=0 rc=0
while [ $rc = 0 ] && [ $call -lt 1000 ]; do
    xl destroy spare 2>/dev/null
    wait_for 10 sh -c '! ps | grep -v grep | grep -qE "vellumd --(act|make-shell)"'
    main=$(daemon) before=$(shells)
    /test/hold-at "$main" make-shell $call >/tmp/held &
    wait_for 5 grep -q ready /tmp/held
    xl create -q /tmp/spare.cfg             # one to learn from: soon a shell is made
    wait $!
    rc=$?
    [ $rc = 0 ] || continue
    half_made && met=$((met + 1))
    kill -9 "$main" "$(tail -n 1 /tmp/held)"
    wait_for 20 sh -c 'xl events >/dev/null & p=$!; sleep 1; kill $p'
    wait_for 10 sh -c "[ -z \"\$(xl list | grep '^(null)')\" ]" && [ -z "$(shells)" ] || { left=$((left + 1)); xl list; shells; }
    call=$((call + 30))
done
echo "    to call $call; $met shells half made"
same "the last worker had ended before the call" $rc 1
check "workers with a half-made shell are killed, and the daemon with them" [ $met -gt 0 ]
same "times that they left something" $left 0
check "the daemon comes back" wait_for 20 sh -c 'xl events >/dev/null & p=$!; sleep 1; kill $p'
xl events --json >>/tmp/events &
xl destroy spare
check "what is asked for after that is done" xl shutdown -w two
check "it goes too" wait_for 10 gone two

hello_cfg loud
check "create a loud one" xl create -q /tmp/loud.cfg
words=$(printf '%0200d' 7)
yes "$words" | head -n 5600 >"$(xenstore-read "/local/domain/$(domid_of loud)/console/tty")" &
check "its log is renamed when it has a mebibyte" wait_for 60 test -s "$(console_of loud).1"
check "and goes on" wait_for 30 console_has loud "$words"
check "nothing of it is lost" wait_for 30 sh -c '[ "$(cat /var/log/xen/console/guest-loud.log /var/log/xen/console/guest-loud.log.1 | grep -c ^loud)" = 5600 ]'
check "it answers" answers loud eighth
dd if=/dev/zero of=/run/a.img bs=1M count=1 2>/dev/null
check "a disk comes" xl block-attach loud /run/a.img,raw,xvda,w
check "event: device-attached" wait_for 5 grep -q '"event":"device-attached".*"name":"loud".*"device":"vbd/51712"' /tmp/events
check "it goes" xl block-detach --force loud xvda
check "event: device-detached" wait_for 5 grep -q '"event":"device-detached".*"name":"loud".*"device":"vbd/51712"' /tmp/events
/test/end-guest "$(domid_of loud)" crash
check "event: crashed" wait_for 5 grep -q '"event":"crashed".*"name":"loud".*"reason":"crash"' /tmp/events
check "it is gone" wait_for 10 gone loud
fi

if part ends; then
ends_of_guests
check "no log is called otherwise than a guest" sh -c '! ls /var/log/xen/console | grep -E "null|vellum-shell"'
check "no process of ours is left" wait_for 10 sh -c '! ps | grep -v grep | grep -qE "xl monitor|vellumd --act"'
fi

if part host; then
mkdir -p /etc/xen/auto
for g in zz aa; do hello_cfg $g; cp /tmp/$g.cfg /etc/xen/auto/; done
echo 'no configuration' >/etc/xen/auto/aa.cfg~
check "start of all guests" vellumd --start-guests
check "in order" sh -c '[ "$(xl list | sed -n "3,4s/ .*//p" | tr "\n" " ")" = "aa zz " ]'
check "again: they run" vellumd --start-guests
check "stop of all guests" vellumd --stop-guests --seconds 20
check "none runs" wait_for 10 sh -c '[ "$(xl list | tail -n +2 | wc -l)" = 1 ]'

check "start them" vellumd --start-guests
check "both say hello" wait_for 10 sh -c 'grep -q "hello from aa" /var/log/xen/console/guest-aa.log && grep -q "hello from zz" /var/log/xen/console/guest-zz.log'
began=$(cat /var/log/xen/console/guest-aa.log /var/log/xen/console/guest-zz.log | grep -c '^hello from')
# Of two ends of a migration, one that does not answer and one that is here: only its command is not ssh.
mkdir -p /run/ssh
cat >/run/ssh/ssh <<'EOS'
#!/bin/sh
echo "$*" >>/run/ssh/log
[ "$1" = here ] || exit 255
shift
exec "$@"
EOS
chmod +x /run/ssh/ssh
check "the host's end: migrations fail, guests are saved" env PATH="/run/ssh:$PATH" vellumd --stop-guests --migrate away --save /var/lib/xen/save
check "they were asked to go away" grep -q '^away .*migrate-receive' /run/ssh/log
grep -av '^Saving\|^Migration' /tmp/check.out | tail -n 20 | cut -c1-150 | sed 's/^/    /'
same "there are two files" "$(ls /var/lib/xen/save | tr '\n' ' ')" 'aa zz '
check "and no guest" wait_for 10 sh -c '[ "$(xl list | tail -n +2 | wc -l)" = 1 ]'
check "the host's start: they are restored" vellumd --start-guests --save /var/lib/xen/save
same "no file is left" "$(ls /var/lib/xen/save)" ''
check "aa is what it was" answers aa fifth
check "zz is what it was" answers zz sixth
same "none has been started anew" "$(cat /var/log/xen/console/guest-aa.log /var/log/xen/console/guest-zz.log | grep -c '^hello from')" "$began"
id=$(domid_of zz)
env PATH="/run/ssh:$PATH" vellumd --stop-guests --migrate here --seconds 0 >/tmp/out 2>&1
check "the host's end: guests are migrated" sh -c "grep -q '\"event\":\"gone\",\"domid\":$id,' /tmp/events && ! grep -q 'shutting zz down' /tmp/out"
tail -n 25 /tmp/out | cut -c1-150 | sed 's/^/    /'
check "here they came to this host and had no time to end" wait_for 10 sh -c '[ "$(xl list | tail -n +2 | wc -l)" = 1 ]'
rm -rf /etc/xen/auto
fi

if part many; then
n=1
while [ $n -le 100 ]; do
    hello_cfg "g$n"
    xl create -q "/tmp/g$n.cfg" >/tmp/out 2>&1 || tail -n 1 /tmp/out
    n=$((n + 1))
done
# A shell that is just being made has no name yet, by which a list leaves it out.
check "100 guests" wait_for 20 sh -c '[ "$(xl list | tail -n +2 | wc -l)" = 101 ]'
check "all have spoken" wait_for 60 sh -c '[ "$(grep -l "hello from" /var/log/xen/console/guest-g*.log | wc -l)" = 100 ]'
grep -L "hello from" /var/log/xen/console/guest-g*.log | while read -r log; do ls -l "$log"; done | head -n 5 | sed 's/^/    silent: /'
rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(daemon)/status")
check "vellumd has less than 16 MiB ($rss kB)" [ "$rss" -lt 16384 ]
same "processes of ours" "$(ps | grep -v grep | grep -cE 'xl monitor|vellumd --act')" 0
n=1
while [ $n -le 100 ]; do xl destroy "g$n"; n=$((n + 1)); done
check "none left" wait_for 20 sh -c '[ "$(xl list | tail -n +2 | wc -l)" = 1 ]'
fi

if part disks; then
mkdir -p /test/disks
mount -o ro "$(findfs LABEL=boot-disks)" /test/disks || fail "no disk with the disks"
# from_disk NAME DISK LINE…: a guest that boots from a disk.
from_disk() {
    name=$1 disk=$2
    shift 2
    printf 'name = "%s"\nmemory = 48\ndisk = ["/test/disks/%s,raw,xvda,r"]\n' "$name" "$disk"
    printf '%s\n' "$@"
}
# boots NAME TEXT: a guest of /tmp/disk.cfg says it on its console.
boots() {
    began=$(cut -d. -f1 /proc/uptime)
    # After an error of an entry GRUB waits ten seconds for a key.
    if xl create -q /tmp/disk.cfg >/tmp/out 2>&1 && wait_for 60 console_has "$1" "$2" && ! console_has "$1" 'Press any key'; then
        ok "$1 boots ($(($(cut -d. -f1 /proc/uptime) - began)) s)"
    else
        fail "$1 does not boot, or with errors: $(tail -n 1 /tmp/out)"
        tail -n 25 "$(console_of "$1")" | cut -c1-150 | sed 's/^/    /'
    fi
    xl destroy "$1" 2>/dev/null
}

# boots_stock NAME: a guest of /tmp/disk.cfg with Debian's kernel.
boots_stock() {
    check "$1: create" xl create -q /tmp/disk.cfg
    began=$(cut -d. -f1 /proc/uptime)
    wait_for 90 console_has "$1" 'Linux version'
    linux=$(($(cut -d. -f1 /proc/uptime) - began))
    check "$1: up (Linux ran after $linux s)" wait_for 150 console_has "$1" '^GUEST up'
    console_has "$1" '^GUEST up' || { tail -n 25 "$(console_of "$1")" | cut -c1-150 | sed 's/^/    /'; xl list; }
    xl destroy "$1"
}

# However old files spell it.
n=0
for disk in $(cd /test/disks && ls -d grub-* bls-* extlinux-* sdboot-* lvm-* late-* 2>/dev/null); do
    case $disk in *.lzma | *.bzip2)
        from_disk $disk $disk 'bootloader = "pygrub"' >/tmp/disk.cfg
        check "$disk: create" xl create -q /tmp/disk.cfg
        check "$disk: refused, with the reason" wait_for 60 console_has $disk "${disk##*.} kernel: GRUB does not expand these"
        xl destroy $disk 2>/dev/null
        continue
        ;;
    esac
    case $n in
    0) how='bootloader = "pygrub"' ;;
    1) how='firmware = "pvgrub64"' ;;
    2) how='bootloader = "/usr/bin/pygrub"' ;;
    *) how='bootloader = "/usr/lib/xen-4.4/bin/pygrub"' ;;
    esac
    n=$(((n + 1) % 4))
    from_disk $disk $disk "$how" >/tmp/disk.cfg
    boots $disk "hello from $disk"
done
if [ -e /test/disks/grub-ext4 ]; then
    from_disk debian grub-ext4 'kernel = "/usr/lib/grub-xen/grub-x86_64-xen.bin"' >/tmp/disk.cfg
    boots debian 'hello from debian'
    from_disk entry grub-ext4 'bootloader = "pygrub"' 'bootloader_args = ["--entry=2"]' >/tmp/disk.cfg
    boots entry '^1 vCPUs'
fi
if [ -e /test/disks/sdboot-vfat ]; then
    from_disk args sdboot-vfat 'bootloader = "pygrub"' 'extra = "smp"' >/tmp/disk.cfg
    boots args '^1 vCPUs'
fi
if [ -e /test/disks/kernel-ext4 ]; then
    from_disk kernel kernel-ext4 'bootloader = "pygrub"' 'bootloader_args = ["--kernel=/boot/vmlinuz-1", "--args=stay smp"]' >/tmp/disk.cfg
    boots kernel '^1 vCPUs'
fi
for disk in $(cd /test/disks && ls -d broken-* nothing 2>/dev/null); do
    from_disk $disk $disk 'firmware = "pvgrub64"' >/tmp/disk.cfg
    check "$disk: create" xl create -q /tmp/disk.cfg
    check "$disk: it ends, and says why" wait_for 60 sh -c "! xl list $disk 2>/dev/null && grep -aq 'no disk of this guest' $(console_of $disk)"
    xl destroy $disk 2>/dev/null
done
from_disk refused nothing 'bootloader = "/usr/bin/lilo"' >/tmp/disk.cfg
check_not "another boot loader" xl create -q /tmp/disk.cfg
from_disk refused nothing 'firmware = "pvgrub32"' >/tmp/disk.cfg
check_not "a GRUB of 32 bits" xl create -q /tmp/disk.cfg
# Debian's kernel: how long until Linux runs tells what expanding it costs.
for disk in $(cd /test/disks && ls -d stock.* 2>/dev/null); do
    printf 'name = "%s"\nbootloader = "pygrub"\nmemory = 224\ndisk = ["/test/disks/%s,raw,xvda,r"]\n' $disk $disk >/tmp/disk.cfg
    boots_stock $disk
done
# In little memory GRUB says so; where it has just enough, it does not load the kernel over itself.
small_guest() { # DISK MEMORY PATTERN
    printf 'name = "small"\nbootloader = "pygrub"\nmemory = %s\ndisk = ["/test/disks/%s,raw,xvda,r"]\n' "$2" "$1" >/tmp/disk.cfg
    check "$1 in $2 MiB: create" xl create -q /tmp/disk.cfg
    check "$1 in $2 MiB: Linux runs, or GRUB says why not" wait_for 60 console_has small "$3"
    xl destroy small
}
for disk in $(cd /test/disks && ls -d stock.zstd stock.lz4 2>/dev/null); do
    refusal="${disk#stock.} kernel: no memory for its"
    small_guest $disk 64 "$refusal"
    for mem in 116 136; do small_guest $disk $mem "$refusal\|Linux version"; done
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
check "the pty's reader has its answer" sh -c '(sleep 1; echo third; sleep 5) | timeout 12 xl console -n 2 ch | grep -q "back third"'
check "channel-list" sh -c 'xl channel-list ch | grep -q "socket *\/run\/ch.sock"'
check "kill -9 of vellumd" sh -c "kill -9 $(daemon)"
check "it takes its channels up again" wait_for 30 /test/socket-talk /run/ch.sock 'word three' 'back word three'
xl channel-list ch | sed 's/^/    /'
check "destroy" xl destroy ch
check "the socket goes" wait_for 10 sh -c '! test -e /run/ch.sock'
fi
job_end
