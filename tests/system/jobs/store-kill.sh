# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# xenstored is killed (-9) again and again while two guests write, read back and compare their disks and get disks and
# network interfaces attached and detached. The guests, dom0's kernel, xenconsoled and every xl command notice nothing.
. /usr/lib/vellum/job.sh
word() { sed -n "s/.*vellum\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
XL=$(word xl)
XL=${XL:-xl}
kills=$(word kills)
kills=${kills:-40}
# By dom0's kernel: what libxenstore has for those who want to outlive the daemon.
export XENSTORED_PATH=/dev/xen/xenbus
pid_of_store() { cat /run/xenstored.pid; }

work='n=0;while%:;do%n=$((n+1));dd%if=/dev/urandom%of=/tmp/a%bs=64k%count=4%2>/dev/null;dd%if=/tmp/a%of=/dev/xvda%bs=64k%conv=fsync%2>/dev/null;echo%3>/proc/sys/vm/drop_caches;dd%if=/dev/xvda%bs=64k%count=4%2>/dev/null|cmp%-%/tmp/a&&echo%IO%$n%ok||echo%IO%$n%BAD;usleep%100000;done'
for g in g1 g2; do
    head -c 1048576 /dev/zero >/tmp/$g.img
    head -c 1048576 /dev/zero >/tmp/$g.more
    guest_cfg $g "disk = [ \"file:/tmp/$g.img,xvda,w\" ]" 'vif = [ "bridge=xenbr0" ]' |
        awk -v w="$work" '{ if ($1 == "extra") print "extra = '"'"'console=hvc0 job=" w "'"'"'"; else print }' >/tmp/$g.cfg
    check "$g: create" $XL create -q /tmp/$g.cfg
done
for g in g1 g2; do check "$g: works" wait_for 120 console_has $g '^IO 1 ok'; done
io() { grep -ac '^IO .* ok' "$(console_of "$1")"; }

# Kills at odd moments until told to stop.
killer() {
    n=0
    while [ ! -e /tmp/stop ]; do
        usleep $((1500000 + (n * 7919 % 23) * 130000)) # it shall get something done
        old=$(pid_of_store)
        kill -9 "$old" 2>/dev/null && n=$((n + 1))
        echo $n >/tmp/kills
        until [ "$(pid_of_store)" != "$old" ]; do usleep 100000; done # a start takes a second here, or more
    done
}
echo 0 >/tmp/kills
before="$(io g1) $(io g2)"
[ "$kills" = 0 ] || killer &
killer_pid=$!
plugged=0 failed=0
try() { if "$@" >/tmp/try.out 2>&1; then plugged=$((plugged + 1)); else failed=$((failed + 1)); echo "hot-plug: $*: $(tail -n 2 /tmp/try.out | tr '\n' '|')"; fi; }
round=0
while [ "$(cat /tmp/kills)" -lt "$kills" ] && [ $round -lt 40 ] || [ $round -lt 1 ]; do
    round=$((round + 1))
    for g in g1 g2; do
        try $XL block-attach $g "file:/tmp/$g.more,xvdb,w"
        try $XL network-attach $g bridge=xenbr0
        try $XL block-detach $g xvdb
        try $XL network-detach $g 1
    done
    echo "round $round after $(cut -d' ' -f1 /proc/uptime) s: $plugged attached or detached, $(cat /tmp/kills) kills"
done
: >/tmp/stop
wait $killer_pid
check "killed $(cat /tmp/kills) times" [ "$(cat /tmp/kills)" -ge "$kills" ]
check "$plugged disks and interfaces attached or detached meanwhile" [ $plugged -ge 8 ]
same "of them refused" $failed 0
for g in g1 g2; do
    set -- $before
    [ $g = g1 ] && was=$1 || was=$2
    check "$g: went on writing ($was, now $(io $g))" wait_for 60 sh -c "[ \$(grep -ac '^IO .* ok' $(console_of $g)) -gt $((was + 2)) ]"
    same "$g: read back what it had not written" "$(grep -ac 'IO .* BAD' "$(console_of $g)")" 0
done
check "xenconsoled is the one that was started" sh -c "[ \$(dmesg | grep -c 'xenconsoled ended') = 0 ]"
check "its own check" sh -c '[ "$(xenstore-control check)" = OK ]'
check "live update" env -u XENSTORED_PATH xenstore-control live-update /usr/sbin/xenstored
for g in g1 g2; do
    was=$(io $g)
    check "$g: goes on after it" wait_for 60 sh -c "[ \$(grep -ac '^IO .* ok' $(console_of $g)) -gt $((was + 1)) ]"
    check "$g: destroy" $XL destroy $g
    check "$g: gone" wait_for 10 gone $g
done
check "no loop device left" wait_for 20 sh -c '[ -z "$(losetup -a)" ]'
check_store them
job_end
