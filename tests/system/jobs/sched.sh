# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Guests that would take all of the one CPU get what their weights and caps give them. dom0 hardly wants any.
. /usr/lib/vellum/job.sh
burner() { printf 'name = "%s"\nkernel = "/guests/vmlinuz"\nramdisk = "/guests/initrd"\nmemory = 96\nextra = "console=hvc0 job=while%%:;do%%:;done"\n' "$1"; }
# used: CPU time of a and of b in ms, by the hypervisor, in $a_used and $b_used.
used() {
    a_used=0 b_used=0
    eval "$($XL list | awk '$1 == "a" || $1 == "b" { print $1 "_used=" int($6 * 1000) }')"
}
now() { awk '{ print int($1 * 1000) }' /proc/uptime; }
# between WHAT VALUE LOW HIGH
between() { if [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; then ok "$1: $2, of $3 to $4"; else fail "$1: $2, not of $3 to $4"; fi; }
# measure: for 5 s; then of a and b, in thousandths of the CPU.
measure() {
    used
    t=$(now) a=$a_used b=$b_used
    sleep 5
    used
    t=$(($(now) - t))
    a=$(((a_used - a) * 1000 / t)) b=$(((b_used - b) * 1000 / t))
}

for g in a b; do
    burner $g >/tmp/$g.cfg
    check "create $g" $XL create -q /tmp/$g.cfg
done
for g in a b; do check "$g is up" wait_for 120 console_has $g "GUEST up"; done
measure
between "of equal weight: a's share" $((a * 1000 / (a + b))) 450 550
between "nothing is left idle" $((a + b)) 930 1030
check "weight 768 to 256" $XL sched-credit2 -d a -w 768
same "it is read back" "$($XL sched-credit2 -d a | awk '$1 == "a" { print $3 }')" 768
measure
between "weight three to one: a's share" $((a * 1000 / (a + b))) 700 800
check "cap of 25 on a" $XL sched-credit2 -d a -c 25
measure
between "a within its cap, though it weighs more" $a 220 270
between "b has the rest" $b 680 800
check "cap of 10 on a, 40 on b" sh -c "$XL sched-credit2 -d a -c 10 && $XL sched-credit2 -d b -c 40"
measure
between "a within its cap" $a 80 120
between "b within its cap, with half of the CPU idle" $b 370 430
check "no caps" sh -c "$XL sched-credit2 -d a -c 0 && $XL sched-credit2 -d b -c 0"
check "pause a" $XL pause a
measure
same "a has nothing" "$a" 0
between "b has all" $b 930 1030
check "unpause a" $XL unpause a
check_not "a weight of 0" $XL sched-credit2 -d a -w 0
check_not "a weight of 70000" $XL sched-credit2 -d a -w 70000
$XL destroy a
$XL destroy b
job_end
