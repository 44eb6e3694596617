# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The reference guest's applications on our front ends, with Linux's xen-blkback and xen-netback. Word on the kernel's
# command line: vellum.xl=COMMAND.
. /usr/lib/vellum/job.sh
XL=$(sed -n 's/.*vellum\.xl=\([^ ]*\).*/\1/p' /proc/cmdline)
XL=${XL:-xl}

# app NAME KERNEL EXTRA [KEY=VALUE…]
app() {
    name=$1
    { printf 'name = "%s"\nkernel = "/guests/%s"\nmemory = 32\nextra = "%s"\n' "$1" "$2" "$3"
        shift 3
        printf '%s\n' "$@"; } >/tmp/$name.cfg
    : >"$(console_of "$name")"
    check "$name: create" $XL create -q /tmp/$name.cfg
}

# verdict NAME WHAT LINE: the guest's last line, then it is gone.
verdict() {
    wait_for 90 console_has "$1" "$3 \(ok\|FAILED\)\|PANIC"
    check "$2: $(grep -a "^$3\|PANIC\|^blktest\|^nettest" "$(console_of "$1")" | tail -n 2 | tr '\n' ' ')" console_has "$1" "$3 ok"
    wait_for 20 gone "$1" || $XL destroy "$1"
}

truncate -s 32M /tmp/disk.img
disk='disk = [ "file:/tmp/disk.img,xvda,w" ]'
for extra in "" "persistent=0" "indirect=0 ring=0 queues=1" "flush=0 discard=0"; do
    app blk blktest "mb=8 $extra" "$disk"
    verdict blk "blktest ${extra:-with all features}" BLKTEST
done
app blk blktest "" 'disk = [ "file:/tmp/disk.img,xvda,r" ]'
verdict blk "blktest of a read-only disk" BLKTEST

if [ -f /guests/nettest ]; then
    vif='vif = [ "bridge=xenbr0" ]'
    app server nettest "serve ip=10.77.0.2" "$vif"
    check "nettest serves" wait_for 30 console_has server "NETTEST serving"
    for extra in "mb=16" "gso=0" "csum=0 sg=0 split=0"; do
        app client nettest "peer=10.77.0.2 ip=10.77.0.3 $extra" "$vif"
        verdict client "nettest $extra" NETTEST
    done
    check "the server ends when asked" $XL shutdown server
    check "it is gone" wait_for 20 gone server

    mkdir -p /tmp/www
    head -c 500000 /dev/urandom >/tmp/www/random
    (cd /tmp/www && tar cf /tmp/www.tar random)
    truncate -s 1M /tmp/www.tar
    app web httpd "ip=10.77.0.4" "$vif" 'disk = [ "file:/tmp/www.tar,xvda,r" ]'
    check "httpd serves" wait_for 30 console_has web "HTTPD serving"
    ip addr add 10.77.0.1/24 dev xenbr0
    # get PATH: the answer's head in /tmp/head, its body in /tmp/got. (busybox' wget, being static, cannot resolve.)
    get() {
        timeout 30 bash -c 'exec 3<>/dev/tcp/10.77.0.4/80 && printf "GET %s HTTP/1.0\r\n\r\n" "$0" >&3 && cat <&3' "$1" >/tmp/answer
        sed '/^\r*$/q' /tmp/answer >/tmp/head
        tail -c +$(($(wc -c </tmp/head) + 1)) /tmp/answer >/tmp/got
    }
    get /random
    check "a file of its disk" cmp /tmp/got /tmp/www/random
    get /none
    check "a file that it has not" grep -q '^HTTP/1.[01] 404' /tmp/head
    $XL destroy web
else
    fail "nettest and httpd were not built: no lwIP source"
fi
same "guests left" "$(domains)" 1
job_end
