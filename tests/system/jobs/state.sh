# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Saved states: Debian's xl and ours restore each other's, the guest checking its memory; migrations and their forms; what
# goes wrong with both. Words on the kernel's command line choose the parts: state.turns=N, state.moves=N, state.forms,
# state.failures, state.cuts=N.
. /usr/lib/vellum/job.sh
word() { sed -n "s/.*state\.$1=\([0-9]*\).*/\1/p" /proc/cmdline; }
asked() { grep -q "state\.$1" /proc/cmdline; }
OURS=${OURS:-xl} THEIRS=${THEIRS:-xl-debian} kernel=${KERNEL:-/guests/vmlinuz} initrd=${INITRD:-/guests/initrd}
w=/tmp/state
mkdir -p $w
mount -t tmpfs -o size=600m state $w && mkdir -p $w/extra $w/bin
cp /usr/lib/vellum/memory-check $w/extra/
# In the guest, beside the memory: a disk is read again and again.
cat >$w/extra/checks <<'END'
#!/bin/sh
while sleep 4; do
    echo 3 >/proc/sys/vm/drop_caches
    echo "DISK $(dd if=/dev/xvda bs=64k 2>/dev/null | md5sum | cut -d' ' -f1)"
done &
exec /memory-check $1
END
chmod +x $w/extra/checks
(cat $initrd && cd $w/extra && printf 'memory-check\nchecks\n' | cpio -o -H newc 2>/dev/null | gzip -1) >$w/initrd
dd if=/dev/urandom of=$w/disk bs=64k count=16 2>/dev/null
loop=$(losetup -f) && losetup -r $loop $w/disk || fail "no loop device"
sum=$(md5sum <$w/disk | cut -d" " -f1)
printf 'name = "s"\ntype = "pv"\nkernel = "%s"\nramdisk = "%s"\nmemory = 128\nvcpus = 2\n' "$kernel" $w/initrd >$w/cfg
printf 'extra = "console=hvc0 stay job=/checks%%%%24"\non_poweroff = "destroy"\n' >>$w/cfg
printf 'disk = [ "phy:%s,xvda,r" ]\n' $loop >>$w/cfg
script() { printf '#!/bin/sh\n%s\n' "$2" >$w/$1 && chmod +x $w/$1; }
# The other end of a migration, without a network: called as ssh is.
script here "shift 2; exec $OURS \"\$@\""
script there "shift 2; exec $THEIRS \"\$@\""
# xenconsoled names a log as the domain is called when it first sees it: one that migrates is s--incoming then.
said() { cat "$(console_of s)" "$(console_of s--incoming)" 2>/dev/null; }
seen() { said | grep -ac 'MEMORY ok'; }
bad() { said | grep -ac 'MEMORY bad'; }
disk() { said | grep -ao 'DISK [0-9a-f]*' | sort -u | tr '\n' '|'; }
more() { [ "$(seen)" -ge $1 ]; }
# The guest has checked its memory twice since.
runs_on() { wait_for 60 more $(($(seen) + 2)); }
quietly() { "$@" >$w/out 2>&1 || { tail -n 12 $w/out; return 1; }; }
now() { cut -d. -f1 /proc/uptime; }
part_end() {
    same "$1: pages lost" "$(bad)" 0
    echo "    ($1: $(($(now) - part_begin)) s)"
    part_begin=$(now)
}
part_begin=$(now)

$OURS list >/dev/null 2>&1
free=$(free_pages)
check "a guest is made" quietly $OURS create -q -e $w/cfg
check "it checks its memory" wait_for 120 console_has s '^MEMORY ok 1'
part_end start

turns() {
    check "Debian's xl saves it and lets it run" quietly $THEIRS save -c s $w/d.img
    check "so does ours" quietly $OURS save -c s $w/o.img
    if /usr/lib/vellum/stream-compare $w/d.img $w/o.img >$w/out 2>&1; then ok "the two have the same form: $(cat $w/out)"; else fail "the two differ: $(cat $w/out)"; fi
    rm -f $w/d.img $w/o.img
    check "it runs on" runs_on
    i=0 done=0
    while [ $i -lt $1 ]; do
        i=$((i + 1))
        quietly $THEIRS save s $w/img && quietly $OURS restore -e $w/img && runs_on &&
            quietly $OURS save s $w/img && quietly $THEIRS restore -e $w/img && runs_on && done=$((done + 1)) || break
    done
    same "times saved by one and restored by the other, each way" "$done" "$1"
    check "our xl saves compressed" quietly $OURS save --zstd s $w/img
    check "and restores that" quietly $OURS restore -e $w/img
    check "it runs on" runs_on
    rm -f $w/img
    check "it suspends in place" quietly $OURS suspend s
    check "that is its state" [ "$(state_of s)" = ss ]
    check "it resumes" quietly $OURS resume s
    check "it runs on" runs_on
    check "a core file" quietly $OURS dump-core s $w/core
    check "as long as Debian's" sh -c "$THEIRS dump-core s $w/core2 && [ \$(stat -c %s $w/core) = \$(stat -c %s $w/core2) ]"
    check "with the same sections" sh -c "head -c 512 $w/core >$w/c1; head -c 512 $w/core2 | cmp - $w/c1"
    rm -f $w/core $w/core2
}

moves() {
    i=0 done=0
    while [ $i -lt $1 ]; do
        i=$((i + 1))
        quietly $OURS migrate -e -s $w/here s localhost && done=$((done + 1)) || break
    done
    same "migrations to this host" "$done" "$1"
    [ "$done" = "$1" ] || said | grep -av 'MEMORY ok\|DISK' | tail -n 30 | cut -c1-150 | sed 's/^/    /'
    check "it runs on" runs_on
    same "what it reads from its disk" "$(disk)" "DISK $sum|"
}

# Each way in which a guest can be moved, once.
forms() {
    check "a migration to Debian's xl" quietly $OURS migrate -e -s $w/there s localhost
    check "it runs on" runs_on
    check "says why it stood still" grep -q 'cannot log what a PV guest writes' $w/out
    script bin/ssh "[ \"\$*\" = 'far xl migrate-receive -e' ] && exec $OURS migrate-receive -e"
    check "by ssh when nothing else is said" quietly env PATH=$w/bin:$PATH $OURS migrate -e s far
    # What Ganeti does with socat (tests/peer/ganeti): a listener there, here a command that ends in a comment sign.
    ip link set lo up
    mkfifo $w/back
    (nc -l -p 8002 <$w/back | $OURS migrate-receive -e >$w/back 2>$w/receiver) &
    wait_for 10 grep -q ':1F42 .* 0A ' /proc/net/tcp /proc/net/tcp6     # it listens on port 8002
    check "by TCP to a receiver that listens" quietly $OURS migrate -s "nc 127.0.0.1 8002 #" -C $w/cfg s localhost
    rm -f $w/back
    check "compressed, stopped first" quietly $OURS migrate -e --zstd --rounds=0 -s $w/here s localhost
    check "it runs on" runs_on
    check_not "which needs no excuse" grep 'cannot log' $w/out
    t=$(now)
    $OURS -t migrate -e --bandwidth=24 --downtime=100 -s $w/here s localhost >$w/out 2>&1 &
    mover=$!
    check "while it moves there are two" wait_for 20 sh -c "$OURS list | grep -q '^s--incoming  *[0-9]*  *[0-9]*  *[0-9]*  *--p'"
    check "the old one standing still" wait_for 5 sh -c "$OURS list | grep -q '^s  *[0-9]*  *[0-9]*  *[0-9]*  *---ss-'"
    check "24 MiB a second" wait $mover
    check "which 128 MiB take 5 s for" [ $(($(now) - t)) -ge 5 ]
    check "its progress" sh -c "tr '\r' '\n' <$w/out | grep -q '^Migrating:  [45][0-9]%' && tr '\r' '\n' <$w/out | grep -q '^Migrating: 100%'"
    check "it runs on" runs_on
    check "and is one again" [ "$(domains)" = 2 ]
}

# Ends that fail: the guest stays what and where it was, and nothing else is there.
one_only() { [ "$(domains)" = 2 ] && [ -z "$(pgrep -f 'migrate-receiv[e]|xl resum[e]')" ]; }
stays() { [ "$($OURS domid s)" = "$id" ] && wait_for 10 one_only && runs_on; }
refused() {
    what=$1
    shift
    check_not "$what" quietly "$@"
    check "the guest stays" stays
}
failed_moves() {
    refused "a transport that does not start" $OURS migrate -s false s nowhere
    script stranger "echo something quite different that is as long as a banner is; cat >/dev/null"
    refused "another banner" $OURS migrate -s "$w/stranger #" s nowhere
    refused "a receiver that dies" $OURS migrate -s "$OURS migrate-receive </dev/null; #" s nowhere
    refused "a link that breaks" $OURS migrate -s "head -c 30000000 | $OURS migrate-receive #" s nowhere
    refused "a receiver that is full" $OURS migrate -s "cat >/dev/full #" s nowhere
    refused "a configuration that is none" $OURS migrate -C $w/disk -s $w/here s nowhere
    script killed "exec 3<&0
$OURS migrate-receive -e <&3 &
receiver=\$!
(until $OURS list | grep -q '^s--incoming '; do usleep 100000; done; sleep 1; kill -9 \$receiver) >/dev/null 2>&1 &
exec 3<&-
wait \$receiver"
    refused "a receiver that is killed with half of it" $OURS migrate --bandwidth=24 -s "$w/killed #" s nowhere
    banner='xl migration receiver ready, send binary domain data.\n' ready='domain received, ready to unpause\0'
    report='my copy unpause results are as follows\0' go='domain is yours, you are cleared to unpause\0'
    script unable "printf '$banner$ready$report\001$go'; cat >/dev/null"
    refused "a receiver that cannot start it" $OURS migrate -s "$w/unable #" s nowhere

    script mute "touch $w/began; sleep 10"
    $OURS migrate -s "$w/mute #" s nowhere >$w/out 2>&1 &
    half=$!
    check "a migration begins" wait_for 15 test -e $w/began
    check_not "a second command on it" $OURS save s $w/img
    kill -9 $half
    check "the guest stays when the sender is killed" stays
    $OURS migrate --bandwidth=24 -s $w/here s localhost >$w/out 2>&1 &
    half=$!
    check "half of it is there" wait_for 20 sh -c "$OURS list | grep -q '^s--incoming '"
    sleep 1
    kill -9 $half
    check "the guest stays when the sender is killed then" stays
}

# Neither end can know who has it when the link breaks between permission and report: it does not run twice.
undecided() {
    script silent "printf '$banner$ready'; timeout 30 cat >/dev/null"
    check_not "a receiver that never reports" quietly $OURS migrate -s "$w/silent #" s nowhere
    check "it is put aside" [ "$($OURS domid s--migratedaway)" = "$id" ]
    check "and stands still" [ "$(state_of s--migratedaway)" = ss ]
    check "what to do is said" grep -q "'xl rename s--migratedaway s' and 'xl resume s'" $w/out
    check "that" sh -c "$OURS rename s--migratedaway s && $OURS resume s"
    check "works" stays
    check "one whose migration died at this point" sh -c "$OURS suspend s && $OURS rename s s--migratedaway"
    check "gets its name back from the guardian" $OURS resume --after-rename "$id"
    check "and runs on" stays
    check_not "a report that gets lost" quietly $OURS migrate -e -s "$OURS migrate-receive -e | dd bs=1 count=$((54 + 34)) 2>/dev/null #" s nowhere
    check "the other one runs" runs_on
    check "this one does not" [ "$(state_of s--migratedaway)" = ss ]
    check "and is destroyed" $OURS destroy s--migratedaway
    id=$($OURS domid s)
    check "the guest is one" stays
}

# What a killed save leaves: the guest as it was, or, when it was through by then, a whole file in its place; never both.
undone() {
    through=
    sleep 2         # its guardian decides
    wait_for 15 test ! -e $w/img.partial || return
    if [ "$(head -c 3 $w/img 2>/dev/null | tr '\0' x)" = old ] || [ ! -e $w/img ]; then
        stays
    else
        through=1
        wait_for 10 gone s && quietly $OURS restore -e $w/img && id=$($OURS domid s) && rm -f $w/img && runs_on
    fi
}

failed_saves() {
    mount -t tmpfs -o size=20m small /mnt
    refused "a full disk" $OURS save s /mnt/img
    check "no file is left there" [ -z "$(ls /mnt)" ]
    umount /mnt
    refused "a folder that is not there" $OURS save s /nowhere/img
    echo old >$w/img
    $OURS save s $w/img >$w/out 2>&1 &
    half=$!
    until suspended || ! kill -0 $half 2>/dev/null; do :; done
    kill -9 $half
    check "a save that is killed" undone
    [ -n "$through" ] || same "the file is the old one, alone" "$(cat $w/img*)" old
    rm -f $w/img
    # Killed around the moment at which the guest stops: it may have been asked and not have stopped yet.
    for tenths in 1 2 3 5 7; do
        $OURS save s $w/img >$w/out 2>&1 &
        half=$!
        usleep ${tenths}00000
        kill -9 $half
        check "killed after $tenths/10 s" undone
    done
    check "no file is left then either" sh -c "! ls $w/img*"
    mkfifo $w/slow
    $OURS save s $w/slow >$w/out 2>&1 &
    half=$!
    (sleep 60 >/dev/null) <$w/slow &
    sleeper=$!
    check "a save to a pipe that nobody reads" wait_for 20 suspended
    kill -9 $half
    kill $sleeper
    check "is undone when it is killed" stays
    rm -f $w/slow
}
suspended() { [ "$(state_of s)" = ss ]; }

# Where cut I of OF is, in order: half of them where the records are small, at both ends.
cut_at() {
    if [ $1 -lt $((of / 4)) ]; then echo $(($1 * 12000 * 4 / of))
    elif [ $1 -ge $((of - of / 4)) ]; then echo $((size - 1 - (of - 1 - $1) * 40000 * 4 / of))
    else echo $((12000 + (size - 52000) * ($1 - of / 4) / (of - of / 4 * 2))); fi
}
cuts() {
    quietly $OURS save s $w/img
    cp $w/img $w/whole
    size=$(stat -c %s $w/img)
    before=$(free_pages)
    of=$1 i=$1 refused=0
    while [ $i -gt 0 ]; do
        i=$((i - 1))
        truncate -s "$(cut_at $i)" $w/img
        $OURS restore -e $w/img >$w/out 2>&1 || refused=$((refused + 1))
    done
    same "cut streams refused" "$refused" "$1"
    same "domains left" "$(domains)" 1
    wait_for 20 sh -c "[ \"\$($OURS info | sed -n 's/^free_memory *: //p')\" = $before ]"
    same "memory left" "$(free_pages)" "$before"
    # Killed half way: its guardian takes the domain down.
    mkfifo $w/pipe
    (head -c 30000000 $w/whole && exec sleep 60) >$w/pipe &
    feeder=$!
    $OURS restore -e $w/pipe >$w/out 2>&1 &
    half=$!
    check "half of it comes in" wait_for 20 sh -c "[ \$($OURS list | tail -n +2 | wc -l) = 2 ]"
    sleep 1
    kill -9 $half
    kill $feeder
    check "nothing is left of it" wait_for 20 sh -c "[ \$($OURS list | tail -n +2 | wc -l) = 1 ]"
    check "the whole one is restored" quietly $OURS restore -e $w/whole
    check "it runs on" runs_on
    rm -f $w/img $w/whole $w/pipe
}

if asked turns; then
    turns "$(word turns)"
    part_end turns
fi
if asked moves; then
    moves "$(word moves)"
    part_end moves
fi
if asked forms; then
    forms
    part_end forms
fi
if asked failures; then
    id=$($OURS domid s)
    failed_moves
    undecided
    part_end "failures of moves"
    failed_saves
    part_end "failures of saves"
fi
if asked cuts; then
    cuts "$(word cuts)"
    part_end cuts
fi
if asked failures; then
    $OURS migrate --bandwidth=24 -s $w/here s localhost >$w/out 2>&1 &
    half=$!
    check "half of it is there" wait_for 20 sh -c "$OURS list | grep -q '^s--incoming '"
    check "destroyed while it moves" $OURS destroy s
    check_not "the move fails" wait $half
    sed 's/^/    /' $w/out
    check "nothing is left at either end" wait_for 20 sh -c "[ \$($OURS list | tail -n +2 | wc -l) = 1 ]"
else
    check "destroy" $OURS destroy s
fi
losetup -d $loop
wait_for 20 sh -c "[ \"\$($OURS info | sed -n 's/^free_memory *: //p')\" = $free ]"
same "free memory (MiB) is what it was" "$(free_pages)" "$free"
check_store it
job_end
