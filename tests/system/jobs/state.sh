# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Saved states: Debian's xl and ours restore each other's, the guest checking its memory; migrations to this host and
# their failures. Words on the kernel's command line: state.turns=N (10), state.moves=N (50), state.cuts=N (0).
. /usr/lib/vellum/job.sh
word() { sed -n "s/.*state\.$1=\([0-9]*\).*/\1/p" /proc/cmdline; }
turns=$(word turns) moves=$(word moves) cuts=$(word cuts)
OURS=${OURS:-xl} THEIRS=${THEIRS:-xl-debian} kernel=${KERNEL:-/guests/vmlinuz} initrd=${INITRD:-/guests/initrd}
w=/tmp/state
mkdir -p $w/extra
mount -t tmpfs -o size=600m state $w && mkdir -p $w/extra
cp /usr/lib/vellum/memory-check $w/extra/
# In the guest, beside the memory: a disk is read again and again.
cat >$w/extra/checks <<'END'
#!/bin/sh
while sleep 1; do
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
# The other end of a migration, without a network.
printf '#!/bin/sh\nshift\nshift\nexec %s "$@"\n' $OURS >$w/here
printf '#!/bin/sh\nshift\nshift\nexec %s "$@"\n' $THEIRS >$w/there
chmod +x $w/here $w/there
# xenconsoled names a log as the domain is called when it first sees it: one that migrates is s--incoming then.
said() { cat "$(console_of s)" "$(console_of s--incoming)" 2>/dev/null; }
seen() { said | grep -ac 'MEMORY ok'; }
bad() { said | grep -ac 'MEMORY bad'; }
disk() { said | grep -ao 'DISK [0-9a-f]*' | sort -u | tr '\n' '|'; }
more() { [ "$(seen)" -ge $1 ]; }
# The guest has checked its memory twice since.
runs_on() { wait_for 60 more $(($(seen) + 2)); }
quietly() { "$@" >$w/out 2>&1 || { tail -n 12 $w/out; return 1; }; }

$OURS list >/dev/null 2>&1
free=$(free_pages)
check "a guest is made" quietly $OURS create -q -e $w/cfg
check "it checks its memory" wait_for 120 console_has s '^MEMORY ok 1'

check "Debian's xl saves it and lets it run" quietly $THEIRS save -c s $w/d.img
check "so does ours" quietly $OURS save -c s $w/o.img
if /usr/lib/vellum/stream-compare $w/d.img $w/o.img >$w/out 2>&1; then ok "the two have the same form: $(cat $w/out)"; else fail "the two differ: $(cat $w/out)"; fi
rm -f $w/d.img $w/o.img
check "it runs on" runs_on

i=0 done=0
while [ $i -lt ${turns:-10} ]; do
    i=$((i + 1))
    quietly $THEIRS save s $w/img && quietly $OURS restore -e $w/img && runs_on &&
        quietly $OURS save s $w/img && quietly $THEIRS restore -e $w/img && runs_on && done=$((done + 1)) || break
done
same "times saved by one and restored by the other, each way" "$done" "${turns:-10}"
same "pages lost" "$(bad)" 0
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

i=0 done=0
while [ $i -lt ${moves:-50} ]; do
    i=$((i + 1))
    quietly $OURS migrate -e -s $w/here s localhost && done=$((done + 1)) || break
done
same "migrations to this host" "$done" "${moves:-50}"
[ "$done" = "${moves:-50}" ] || said | grep -av 'MEMORY ok\|DISK' | tail -n 30 | cut -c1-150 | sed 's/^/    /'
check "it runs on" runs_on
same "pages lost" "$(bad)" 0
same "what it reads from its disk" "$(disk)" "DISK $sum|"
check "a migration to Debian's xl" quietly $OURS migrate -e -s $w/there s localhost
check "it runs on" runs_on
check "says why it stood still" grep -q 'cannot log what a PV guest writes' $w/out

# Ends that fail: the guest stays what and where it was.
id=$($OURS domid s)
stays() { [ "$($OURS domid s)" = "$id" ] && [ "$(domains)" = 2 ] && runs_on; }
check_not "a transport that does not start" quietly $OURS migrate -s false s nowhere
check "the guest stays" stays
check_not "another banner" quietly $OURS migrate -s "echo something quite different that is as long as a banner is; cat >/dev/null #" s nowhere
check "the guest stays" stays
check_not "a receiver that dies" quietly $OURS migrate -s "$OURS migrate-receive </dev/null; #" s nowhere
check "the guest stays" stays
check_not "a link that breaks" quietly $OURS migrate -s "head -c 30000000 | $OURS migrate-receive #" s nowhere
check "the guest stays" stays
check_not "a receiver that is full" quietly $OURS migrate -s "cat >/dev/full #" s nowhere
check "the guest stays" stays
check_not "a full disk" quietly sh -c "mount -t tmpfs -o size=20m small /mnt && $OURS save s /mnt/img"
check "the guest stays" stays
check "no file is left there" [ -z "$(ls /mnt)" ]

$OURS migrate -s "sleep 3; cat >/dev/null #" s nowhere >$w/out 2>&1 &
half=$!
sleep 1
check_not "a second command on it" $OURS save s $w/img
kill -9 $half
check "the guest stays" stays
mkfifo $w/slow
$OURS save s $w/slow >$w/out 2>&1 &
half=$!
(sleep 60 >/dev/null) <$w/slow &
sleeper=$!
suspended() { [ "$(state_of s)" = ss ]; }
check "a save to a pipe that nobody reads" wait_for 20 suspended
kill -9 $half
kill $sleeper
check "is undone when it is killed" stays

if [ "${cuts:-0}" -gt 0 ]; then
    quietly $OURS save s $w/img
    size=$(stat -c %s $w/img)
    before=$(free_pages)
    i=0 refused=0
    while [ $i -lt "$cuts" ]; do
        # half of them where the records are small, at both ends
        case $((i % 4)) in
        0) at=$((i * 12000 / cuts)) ;;
        1) at=$((size - 1 - i * 40000 / cuts)) ;;
        *) at=$((size / cuts * i)) ;;
        esac
        head -c $at $w/img | $OURS restore -e /dev/stdin >$w/out 2>&1 || refused=$((refused + 1))
        i=$((i + 1))
    done
    same "cut streams refused" "$refused" "$cuts"
    same "domains left" "$(domains)" 1
    wait_for 20 sh -c "[ \"\$($OURS info | sed -n 's/^free_memory *: //p')\" = $before ]"
    same "memory left" "$(free_pages)" "$before"
    # Killed half way: its guardian takes the domain down.
    mkfifo $w/pipe
    (head -c 30000000 $w/img && exec sleep 60) >$w/pipe &
    feeder=$!
    $OURS restore -e $w/pipe >$w/out 2>&1 &
    half=$!
    check "half of it comes in" wait_for 20 sh -c "[ \$($OURS list | tail -n +2 | wc -l) = 2 ]"
    sleep 1
    kill -9 $half
    kill $feeder
    check "nothing is left of it" wait_for 20 sh -c "[ \$($OURS list | tail -n +2 | wc -l) = 1 ]"
    check "the whole one is restored" quietly $OURS restore -e $w/img
    check "it runs on" runs_on
fi
check "destroy" $OURS destroy s
losetup -d $loop
wait_for 20 sh -c "[ \"\$($OURS info | sed -n 's/^free_memory *: //p')\" = $free ]"
same "free memory (MiB) is what it was" "$(free_pages)" "$free"
check "xenstore holds nothing of it" sh -c '[ -z "$(xenstore-list /local/domain | grep -vx 0)" ]'
job_end
