# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A creation whose xl is killed at any step leaves nothing: its guardian takes all of it away. A restored guest whose xl is
# killed has gone, too, or runs and has its monitor; one whose destruction is killed has gone.
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

# runs_on: the guest runs, and a process looks after it.
runs_on() { [ -n "$(domid_of g)" ] && ! state_of g | grep -q p && ps | grep -v grep | grep -q 'xl monitor'; }
check "create one to be saved" $XL create -q /tmp/g.cfg
check "it comes up" wait_for 150 console_has g '^GUEST up'
check "save" sh -c "$XL save g /run/d/state 2>/dev/null"
n=0
left=0
ran=0
gone=0
spared=0
while [ $n -lt 12 ]; do
    ending=
    $XL restore /run/d/state >/tmp/out 2>&1 &
    pid=$!
    usleep $((n * 250000))
    kill -9 $pid 2>/dev/null
    wait $pid
    if wait_for 5 nothing_left; then
        gone=$((gone + 1))
    elif runs_on; then
        ran=$((ran + 1))
        # And so is its end: killed a few milliseconds later each time.
        ending=1
        $XL destroy g >/tmp/out 2>&1 &
        pid=$!
        usleep $((ran * 15000))
        kill -9 $pid 2>/dev/null
        wait $pid
    fi
    if ! wait_for 30 nothing_left; then
        # A destroy that is killed before it has begun spares the guest: it runs on with its disk.
        if [ -n "$ending" ] && runs_on && [ "$(xenstore-read "/local/domain/$(domid_of g)/device/vbd/51712/state")" = 4 ]; then
            spared=$((spared + 1))
        else
            left=$((left + 1))
            what_is_left
            ps
        fi
        timeout 30 $XL destroy g >/dev/null 2>&1
    fi
    n=$((n + 1))
done
echo "    of 12 restored guests $gone had gone with their killed xl, $ran ran, $spared were spared by a destroy killed at its start"
check "at most half are spared" [ $((spared * 2)) -le $ran ]
check "some of each" [ $((gone > 0 && ran > 0)) = 1 ]
same "restored guests killed at 12 moments, and destructions, that left something" $left 0
job_end
