# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Guests by the dozen: 100 created and destroyed in a row, then 25 at once. Free memory and xenstore end as they began.
. /usr/lib/vellum/job.sh
XL=$(sed -n 's/.*vellum\.xl=\([^ ]*\).*/\1/p' /proc/cmdline)
XL=${XL:-xl}
tiny_cfg() { printf 'name = "%s"\nkernel = "/guests/tiny"\nmemory = 8\nextra = "stay"\n' "$1" >/tmp/tiny.cfg; }
frames() { $XL info | sed -n 's/^free_memory *: //p'; }

# Once, so that what is made at a first use is not counted.
tiny_cfg warm
check "first guest" sh -c "$XL create -p /tmp/tiny.cfg && $XL destroy warm"
wait_for 20 gone warm
before=$(frames)
made=0
n=1
while [ $n -le 100 ]; do
    tiny_cfg "t$n"
    if $XL create -q -p /tmp/tiny.cfg >/tmp/out 2>&1 && $XL destroy "t$n" >>/tmp/out 2>&1; then made=$((made + 1)); else
        tail -n 2 /tmp/out
    fi
    n=$((n + 1))
done
same "100 guests created and destroyed" $made 100
wait_for 30 sh -c "[ \"\$($XL info | sed -n 's/^free_memory *: //p')\" = $before ]"
same "free memory (MiB) is what it was" "$(frames)" "$before"
same "no domain left" "$(domains)" 1

n=1
while [ $n -le 25 ]; do
    tiny_cfg "s$n"
    $XL create -q /tmp/tiny.cfg >/tmp/out 2>&1 || tail -n 2 /tmp/out
    n=$((n + 1))
done
same "25 guests at once" "$(domains)" 26
# all_say TEXT: each of them has said it, after its own name.
all_say() {
    n=1
    while [ $n -le 25 ]; do
        console_has "s$n" "$(printf "$1" "s$n")" || return 1
        n=$((n + 1))
    done
}
check "each says hello" wait_for 60 all_say "hello from %s"
n=1
while [ $n -le 25 ]; do
    tty=$(xenstore-read "/local/domain/$(domid_of "s$n")/console/tty")
    echo "are you there" >"$tty"
    n=$((n + 1))
done
check "each answers" wait_for 60 all_say "%s: are you there"
n=1
while [ $n -le 25 ]; do
    $XL destroy "s$n" >/tmp/out 2>&1 || tail -n 2 /tmp/out
    n=$((n + 1))
done
wait_for 30 sh -c "[ \"\$($XL info | sed -n 's/^free_memory *: //p')\" = $before ]"
same "free memory (MiB) after them" "$(frames)" "$before"
same "none left" "$(domains)" 1
check_store them
job_end
