# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A guest's life under the xl that $XL names: create, list, console, vCPUs, pause, memory, reboot, shutdown, destroy.
# Words on the kernel's command line: vellum.xl=COMMAND; vellum.vcpus=N, the guest's vCPUs.
. /usr/lib/vellum/job.sh
XL=$(sed -n 's/.*vellum\.xl=\([^ ]*\).*/\1/p' /proc/cmdline)
XL=${XL:-xl}
vcpus=$(sed -n 's/.*vellum\.vcpus=\([0-9]*\).*/\1/p' /proc/cmdline)
vcpus=${vcpus:-1}
has_state() {
    state=$($XL list "$1" | awk 'NR == 2 { print $5 }')
    echo "its state is $state"
    echo "$state" | grep -q "$2"
}
id_of() { $XL list | awk -v n="$1" '$1 == n { print $2 }'; }
# types LINE ANSWER: types on the guest's console, waits for the answer, detaches by ^]; what came back stays in /tmp/console.
types() {
    : >/tmp/console
    (
        sleep 1
        printf '\n%s\n' "$1"
        wait_for 40 grep -q "$2" /tmp/console
        printf '\035'
        sleep 2
    ) | timeout 60 $XL console g >/tmp/console 2>&1
}

$XL list >/dev/null 2>&1
free=$(free_pages)
guest_cfg g "vcpus = $vcpus" 'on_reboot = "restart"' >/tmp/g.cfg
check "create" $XL create /tmp/g.cfg
check "the guest comes up" wait_for 120 console_has g '^GUEST up'
check "list shows it" sh -c "$XL list | grep -q '^g '"
check "domid and domname" sh -c '[ "$('$XL' domname "$('$XL' domid g)")" = g ]'
check "vcpu-list shows its vCPUs" sh -c "[ \$($XL vcpu-list g | tail -n +2 | wc -l) = $vcpus ]"
check_not "a second guest of its name is refused" $XL create /tmp/g.cfg

check "pause" $XL pause g
check "it is paused" wait_for 10 has_state g p
check "unpause" $XL unpause g
check "it runs on" wait_for 10 sh -c "! $XL list g | awk 'NR == 2 { print \$5 }' | grep -q p"
check "mem-set down" $XL mem-set g 100
check "memory follows" wait_for 60 sh -c "[ \$($XL list g | awk 'NR == 2 { print \$3 }') -le 101 ]"
check "mem-set up" $XL mem-set g 128
check "memory follows up" wait_for 60 sh -c "[ \$($XL list g | awk 'NR == 2 { print \$3 }') -ge 127 ]"
# Debian's console client takes keys from a terminal only, so under its xl they go to the console's pty.
if [ "$XL" = xl-debian ]; then
    check "console's pty takes keys" sh -c 'printf "\n%s\n" "echo KEYS-\$((6*7))" >"$(xenstore-read /local/domain/'"$(id_of g)"'/console/tty)"'
    check "and the answer comes back" wait_for 40 console_has g KEYS-42
else
    check "console: ^] detaches" types 'echo KEYS-$((6*7))' KEYS-42
    check "console: keys arrive and the answer comes back" grep -q KEYS-42 /tmp/console
fi

id=$(id_of g)
: >"$(console_of g)"
check "reboot" $XL reboot g
check "it comes up again" wait_for 180 console_has g '^GUEST up'
check "under a new domid" [ "$(id_of g)" != "$id" ]
check "shutdown" $XL shutdown g
check "it is gone" wait_for 120 gone g
check "create another" $XL create /tmp/g.cfg
if [ "$XL" = xl-debian ]; then
    check "destroy" $XL destroy g
    check "it is gone at once" wait_for 10 gone g
else
    # A destruction has got as far as the store: commands that come late must not make a part of its tree anew. Nobody
    # else does: the console's daemon has entered its terminal, and the guest stands still.
    id=$(id_of g)
    has_tty() { [ -n "$(xenstore-read "/local/domain/$id/console/tty")" ]; }
    check "its console has a terminal" wait_for 30 has_tty
    check "pause" $XL pause "$id"
    xenstore-rm "/local/domain/$id"
    for late in "vcpu-set $id 1" "mem-set $id 100" "mem-max $id 200" "rename $id h" "sysrq $id h" "shutdown $id" \
        "block-attach $id phy:/dev/ram0,xvdb,w" "network-attach $id"; do
        # shellcheck disable=SC2086  # words
        check_not "too late: ${late%% *}" $XL $late
        check_not "and nothing of the guest is back after ${late%% *}" xenstore-exists "/local/domain/$id"
    done
    check "destroy" $XL destroy "$id"
    check "it is gone at once" wait_for 10 sh -c "! $XL list $id"
fi
check "dmesg" sh -c "$XL dmesg | grep -q ."
check "info" sh -c "$XL info | grep -q '^free_memory'"
wait_for 10 sh -c "[ \"\$($XL info | sed -n 's/^free_memory *: //p')\" = $free ]"
same "free memory (MiB) is what it was" "$(free_pages)" "$free"
check_store it
job_end
