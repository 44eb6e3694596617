# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Two xl's on one domain at once; names that no guest should have.
. /usr/lib/vellum/job.sh
rounds=$(sed -n 's/.*vellum\.rounds=\([0-9]*\).*/\1/p' /proc/cmdline)
mkdir -p /run/t
cd /run/t || exit 1
for f in a b; do dd if=/dev/zero of=$f.img bs=1M count=1 2>/dev/null; done
cfg() {
    printf 'name = "%s"\nkernel = "/test/hello"\nmemory = 8\nmaxmem = 16\nvcpus = 1\nmaxvcpus = 2\ncmdline = "stay"\n' "$1"
}
nothing_left() {
    [ -z "$(losetup -a)" ] && [ -z "$(xenstore-list /local/domain | grep -vx 0)" ] && [ -z "$(xenstore-list /libxl 2>/dev/null)" ] &&
        [ -z "$(xenstore-list /local/domain/0/backend 2>/dev/null)" ] && [ "$(domains)" = 1 ] && ! pgrep -f 'xl monitor' >/dev/null &&
        [ -z "$(ls /var/lib/xen | grep 'userdata-d\.[1-9]')" ]
}
what_is_left() { losetup -a; xenstore-ls -f /local/domain/0/backend | head -n 5; xenstore-ls -f /local/domain | grep -v '^/local/domain/0' | head -n 5; xenstore-ls -f /libxl | head -n 5; ls /var/lib/xen; $XL list; ps; }
left() { wait_for 15 nothing_left || { what_is_left; return 1; }; }
# at_once COMMAND COMMAND…: starts all of them, waits; $done of them had exit code 0. What they said is in 1, 2, …
at_once() {
    pids= n=0 done=0
    for c in "$@"; do
        n=$((n + 1))
        sh -c "$c" >$n 2>&1 &
        pids="$pids $!"
    done
    for p in $pids; do wait "$p" && done=$((done + 1)); done
}
words() { cat [1-9] 2>/dev/null | tr '\n' '|'; rm -f [1-9]; }

cfg g >g.cfg
round=0 right=0
while [ $round -lt 5 ]; do
    round=$((round + 1))
    at_once "$XL create -q -p g.cfg" "$XL create -q -p g.cfg" "$XL create -q -p g.cfg" "$XL create -q -p g.cfg"
    if [ $done = 1 ] && [ "$(domains)" = 2 ] && [ "$(cat [1-9] | grep -c "name 'g' exists already")" = 3 ]; then right=$((right + 1)); else words; fi
    at_once "$XL destroy g" "$XL destroy g" "$XL destroy g"
    [ $done -ge 1 ] && gone g || { right=-9; words; }
done
same "times four created it at once and one did, three ended it at once" $right 5
check "nothing is left" left

check "create" $XL create -q -p g.cfg
id=$($XL domid g)
at_once "$XL block-attach g /run/t/a.img,raw,xvdb,r" "$XL block-attach g /run/t/b.img,raw,xvdb,r" "$XL block-attach g /run/t/a.img,raw,xvdb,r"
same "of three that attach one vdev" $done 1
same "there is one disk" "$($XL block-list $id | tail -n +2 | wc -l)" 1
same "one loop device" "$(losetup -a | wc -l)" 1
at_once "$XL block-attach $id /run/t/a.img,raw,xvdc,r" "$XL block-attach $id /run/t/b.img,raw,xvdd,r" \
    "xl-debian block-attach $id file:/run/t/b.img,xvde,r" "$XL mem-max $id 14" "$XL vcpu-set $id 2" "$XL rename $id g2"
same "six that change it in different ways" $done 6
[ $done = 6 ] || words
same "its kept configuration has all disks" "$($XL list --long g2 | grep -c '"vdev"')" 4
check "and it is one that Debian's xl reads" sh -c 'xl-debian list -l g2 | grep -q "\"name\": \"g2\""'
at_once "$XL block-detach --force g2 xvdc" "$XL block-detach --force g2 xvdc" "$XL block-detach --force g2 xvdd"
check "of three that detach two disks two do, or one does another's" [ $done -ge 2 ]
same "there are two disks" "$($XL block-list g2 | tail -n +2 | wc -l)" 2
round=0 bad=0
while [ $round -lt 10 ]; do
    round=$((round + 1))
    at_once "$XL pause g2" "$XL unpause g2" "$XL vcpu-pin g2 all 0" "$XL rename g2 g2" "$XL list --long g2 >/dev/null" "$XL vcpu-list g2 >/dev/null"
    [ $done = 6 ] || { bad=$((bad + 1)); words; }
done
same "rounds of six that could not" $bad 0
at_once "$XL destroy g2" "xl-debian destroy g2" "$XL block-attach g2 /run/t/a.img,raw,xvdf,r" "$XL save g2 /run/t/saved"
check "destroyed in the midst of things" wait_for 10 gone g2
check "nothing is left of that" left
words >/dev/null
rm -f saved

round=0 bad=0
while [ $round -lt $rounds ]; do
    round=$((round + 1))
    ms=$((round * 79 % 127))
    at_once "$XL create -q -p g.cfg 'disk=[\"/run/t/a.img,raw,xvda,r\"]'" "usleep ${ms}000; $XL destroy g" "usleep $((ms + round % 11))000; $XL destroy g"
    $XL destroy g >/dev/null 2>&1
    wait_for 15 nothing_left || { bad=$((bad + 1)); words; what_is_left; }
done
same "creations destroyed on their way that left something" $bad 0

# Names. The parser's and `rename`'s own, then those that other tools allow.
long=$(head -c 4096 /dev/zero | tr '\0' x)
for name in 'a b' 'a/b' 'a	b' '12' '' "$long"; do
    cfg "$name" >bad.cfg
    check_not "create of '$(printf %.20s "$name")'" $XL create -q -p bad.cfg
done
check "create" $XL create -q -p g.cfg
id=$($XL domid g)
for name in 'a b' '../b' "$(printf 'a\033[2J')" "$(printf 'a\nb')" 12 '' "$long"; do
    check_not "rename to '$(printf %.20s "$name" | tr '\n\033' '??')'" $XL rename g "$name"
    for c in destroy shutdown pause domid block-list vcpu-list console dump-core list; do
        $XL $c "$name" $([ $c != dump-core ] || echo x) </dev/null >/dev/null 2>out && fail "xl $c of a name that nobody has"
        [ "$(wc -l <out)" = 1 ] || fail "xl $c says $(wc -l <out) lines of '$(printf %.20s "$name")'"
    done
done
same "it is called" "$($XL domname "$id")" g
check "destroy" $XL destroy g
# Debian's xl takes any name.
evil='../../run/t/evil x'
sed "s#\"g\"#\"$evil\"#" g.cfg >evil.cfg
if xl-debian create -q -e evil.cfg 2>/dev/null; then
    check "list shows it" sh -c "$XL list | grep -qF '$evil'"
    check "list --json quotes it" sh -c "$XL list --json '$evil' | grep -qF '\"name\": \"$evil\"'"
    check "it is found by its name" $XL pause "$evil"
    check "and destroyed" $XL destroy "$evil"
else
    ok "Debian's xl does not take it either"
fi
check "no file is where the name points" [ ! -e "/run/t/evil x.log" ]
check "nothing is left at the end" left
job_end
