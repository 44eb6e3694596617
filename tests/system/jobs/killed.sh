# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A creation whose xl is killed at any step leaves nothing: its guardian takes all of it away.
. /usr/lib/vellum/job.sh
mkdir -p /run/d
for f in a b c; do dd if=/dev/zero of=/run/d/$f.img bs=1M count=8 2>/dev/null; done
nothing_left() {
    [ -z "$(losetup -a)" ] && [ -z "$(xenstore-list /local/domain | grep -vx 0)" ] && [ -z "$(xenstore-list /libxl 2>/dev/null)" ] &&
        [ -z "$(xenstore-list /local/domain/0/backend 2>/dev/null)" ] && [ "$(domains)" = 1 ]
}
what_is_left() { losetup -a; xenstore-ls -f /local/domain | grep -v '^/local/domain/0' | head -n 5; xenstore-ls -f /libxl | head -n 5; xenstore-ls -f /local/domain/0/backend | head -n 5; $XL list; }

guest_cfg g 'disk = [ "/run/d/a.img,raw,xvda,rw" ]' >/tmp/g.cfg
n=0
left=0
made=0
whole=0
while [ $n -lt 24 ]; do
    $XL create -q -p /tmp/g.cfg >/tmp/out 2>&1 &
    pid=$!
    usleep $((n * 6000))
    kill -9 $pid 2>/dev/null
    if wait $pid; then
        made=$((made + 1))
        $XL destroy g
    elif ! wait_for 10 nothing_left; then
        whole=$((whole + 1))            # it was killed between its work's end and its own
        timeout 30 $XL destroy g >/dev/null 2>&1
    fi
    wait_for 20 nothing_left || { left=$((left + 1)); what_is_left; ps; }
    n=$((n + 1))
done
echo "    of 24 creations $made had ended before they were killed, $whole were done but for that"
check "most were killed on their way" [ $((made + whole)) -lt 16 ]
check "what their guardians left is a whole guest, and seldom" [ $whole -lt 4 ]
same "creations killed at 24 moments that left something" $left 0
job_end
