# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What becomes of a guest at its end, without vellumd: on_poweroff, on_reboot, on_crash of a Linux guest; all reasons and
# actions with the reference guest; the log that tells of it.
# vellum.xl=COMMAND on the kernel's command line: another xl than ours.
XL=$(sed -n 's/.*vellum\.xl=\([^ ]*\).*/\1/p' /proc/cmdline)
. /usr/lib/vellum/job.sh
. /test/ends.sh
# guest JOB KEY=VALUE…: runs the job once and ends; `crash`, `poweroff` or `reboot` of a Linux guest.
start() {
    how=$1
    shift
    rm -f "$(console_of g)"
    {
        printf 'name = "g"\nkernel = "/guests/vmlinuz"\nramdisk = "/guests/initrd"\nmemory = 128\n'
        printf 'extra = "console=hvc0 panic=1 job=%s"\n' "$how"
        for pair in "$@"; do printf '%s\n' "$pair"; done
    } >/tmp/g.cfg
    $XL create -q /tmp/g.cfg || fail "create for $how $*"
}
first_id() { $XL domid g; }
crash='echo%c>/proc/sysrq-trigger'
has_state() { [ "$(state_of "$1" | tr -d 'rb')" = "$2" ]; }

start poweroff%-f 'on_poweroff = "destroy"'
check "poweroff: destroyed" wait_for 120 gone g
start poweroff%-f 'on_poweroff = "preserve"'
check "poweroff: preserved" wait_for 120 has_state g s
check "a preserved guest is destroyed by hand" $XL destroy g
start "$crash" 'on_crash = "preserve"'
check "crash: preserved, with its letter" wait_for 120 sh -c "$XL list g | awk 'NR == 2 { print \$5 }' | grep -q 'sc'"
[ "$XL" = xl-debian ] || check "list --json gives the reason" sh -c "$XL list --json g | grep -q '\"shutdown_reason\": \"crash\"'"
$XL destroy g
start "$crash" 'on_crash = "rename-restart"'
check "crash: the old one stays under another name" wait_for 120 sh -c "$XL list | grep -q '^g-[0-9]*T'"
check "and a new one runs" wait_for 30 sh -c "$XL list | grep -q '^g '"
# Each new one crashes like the first, so it takes more than one turn until none is left.
none_left() { for old in $($XL list | awk '/^g/ { print $1 }'); do $XL destroy "$old"; done 2>/dev/null; sleep 1; ! $XL list | grep -q '^g'; }
check "all of them are destroyed" wait_for 60 none_left
start reboot%-f 'on_reboot = "destroy"'
check "reboot: destroyed as asked" wait_for 120 gone g
start stay 'on_reboot = "restart"' 'maxmem = 160'
check "config-update" $XL config-update g /tmp/g.cfg memory=120
$XL destroy g
wait_for 10 gone g
ends_of_guests
check "the log tells what was done" grep -q 'Action for shutdown reason code' /var/log/xen/xl-g.log*
check "no monitor is left" wait_for 15 sh -c '! pgrep -f "xl monitor|xl-debian create" >/dev/null'
check_store them
job_end
