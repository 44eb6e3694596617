# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Hypercalls with bad arguments out of a guest, then acts that end one. The host is audited after each, a neighbour asked
# whether it lives. Words on the kernel's command line: fuzz.seeds=N, fuzz.calls=N.
. /usr/lib/vellum/job.sh
word() { sed -n "s/.*$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
XL=$(word 'vellum\.xl')
seeds=$(word 'fuzz\.seeds')

cfg() { # NAME KERNEL EXTRA
    printf 'name = "%s"\nkernel = "%s"\nmemory = 32\nextra = "%s"\non_crash = "destroy"\n' "$1" "$2" "$3" >/tmp/cfg
}
# Every count and type of every frame, as the page tables have it.
frames_add_up() {
    $XL dmesg -c >/dev/null
    $XL debug-keys A
    wait_for 20 sh -c "$XL dmesg >/tmp/dmesg; grep -q 'audit: [0-9]* differences' /tmp/dmesg" || return 1
    grep 'audit:' /tmp/dmesg | tail -n 5
    grep -q 'audit: 0 differences' /tmp/dmesg
}
asked=0
neighbour_answers() {
    asked=$((asked + 1))
    echo "question $asked" >"$(xenstore-read "/local/domain/$(domid_of neighbour)/console/tty")"
    wait_for 20 console_has neighbour "neighbour: question $asked"
}
ended() { console_has fuzz 'FUZZ \(ok\|FAILED\)\|PANIC' || gone fuzz; }

cfg neighbour /guests/tiny stay
check "a neighbour is created" $XL create -q /tmp/cfg
check "it is up" wait_for 20 console_has neighbour "hello from neighbour"
cfg warm /guests/tiny stay
check "a first guest comes and goes" sh -c "$XL create -q -p /tmp/cfg && $XL destroy warm"
wait_for 20 gone warm
before=$(free_pages)

seed=1
while [ $seed -le "$seeds" ]; do
    : >"$(console_of fuzz)"
    cfg fuzz /usr/lib/vellum/fuzz "seed=$seed calls=$(word 'fuzz\.calls') stay=1"
    check "seed $seed: create" $XL create -q /tmp/cfg
    wait_for 60 ended || { $XL list; tail -n 5 "$(console_of fuzz)"; $XL debug-keys q; $XL debug-keys d; sleep 1; $XL dmesg | tail -n 70; }
    check "seed $seed: $(grep -a 'FUZZ [Fo]\|FUZZ trap\|PANIC' "$(console_of fuzz)" | tail -n 3 | tr '\n\r' '| ')" console_has fuzz 'FUZZ ok'
    check "seed $seed: frames add up while it lives" frames_add_up
    check "seed $seed: the neighbour answers" neighbour_answers
    $XL destroy fuzz
    wait_for 20 gone fuzz
    seed=$((seed + 1))
done

n=1
while [ $n -le 13 ]; do
    : >"$(console_of fuzz)"
    cfg fuzz /usr/lib/vellum/fuzz "kill=$n"
    $XL create -q /tmp/cfg >/tmp/out 2>&1 || tail -n 1 /tmp/out
    check "lethal act $n ends the guest" wait_for 20 gone fuzz
    gone fuzz || $XL destroy fuzz
    wait_for 5 console_has fuzz "FUZZ start.*kill $n" || fail "lethal act $n was not tried"
    ! console_has fuzz 'still alive' || fail "lethal act $n was survived"
    n=$((n + 1))
done
check "frames add up after all" frames_add_up
check "the neighbour still answers" neighbour_answers
wait_for 20 sh -c "[ \"\$($XL info | sed -n 's/^free_memory *: //p')\" = $before ]"
same "free memory (MiB) is what it was" "$(free_pages)" "$before"
same "domains" "$(domains)" 2
$XL dmesg | tail -n 5
job_end
