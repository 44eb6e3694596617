# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# For jobs that run in dom0: each assertion prints one line, "JOB ok WHAT" or "JOB fail WHAT". A job ends with `job_end`.
XL=${XL:-xl}

ok() { echo "JOB ok $*"; }
fail() { echo "JOB fail $*"; }

# On our hypervisor a job ends with its count of all frames' references and types against page tables and grants.
audit() {
    [ "$(cat /sys/hypervisor/version/extra 2>/dev/null)" = -vellum ] || return 0
    $XL debug-keys A && check "frames add up" wait_for 20 sh -c "$XL dmesg | tail -n 40 | grep -q 'audit: 0 differences'"
}

job_end() {
    audit
    echo "JOB end after $(cut -d' ' -f1 /proc/uptime) s"
}

# check WHAT COMMAND…: runs it; its output is shown when it fails.
check() {
    what=$1
    shift
    if "$@" >/tmp/check.out 2>&1; then ok "$what"; else
        fail "$what (exit code $?): $(tail -n 3 /tmp/check.out | tr '\n' '|')"
    fi
}

# check_not WHAT COMMAND…: it has to fail, with one line of reason.
check_not() {
    what=$1
    shift
    if "$@" >/tmp/check.out 2>&1; then fail "$what: it was taken"; else ok "$what: $(tail -n 1 /tmp/check.out)"; fi
}

# same WHAT FOUND WANTED
same() { if [ "$2" = "$3" ]; then ok "$1"; else fail "$1: $2, not $3"; fi; }

# wait_for SECONDS COMMAND…: until it succeeds.
wait_for() {
    end=$(($(cut -d. -f1 /proc/uptime) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(cut -d. -f1 /proc/uptime)" -lt $end ] || return 1
        usleep 200000
    done
}

# check_store WHAT: xenstore has nothing of guests any more. Daemons that watch them may write a last node a moment after.
no_domain_stored() { ! xenstore-ls -f /local/domain | grep -v '^/local/domain/0\>'; }
check_store() {
    wait_for 15 no_domain_stored
    check "xenstore holds nothing of $1" no_domain_stored
}

console_of() { echo "/var/log/xen/console/guest-$1.log"; }
console_has() { grep -aq "$2" "$(console_of "$1")"; }
state_of() { $XL list 2>/dev/null | awk -v n="$1" '$1 == n { gsub("-", "", $5); print $5 }'; }
domid_of() { $XL list | awk -v n="$1" '$1 == n { print $2 }'; }
gone() { ! $XL list | awk '{ print $1 }' | grep -qx "$1"; }
domains() { $XL list | tail -n +2 | wc -l; }
# Free memory of the host, in pages, as the hypervisor has it.
free_pages() { $XL info | sed -n 's/^free_memory *: //p'; }

# guest NAME [KEY=VALUE…]: a config file for the stock kernel with our small initrd, on standard output.
guest_cfg() {
    name=$1
    shift
    printf 'name = "%s"\nkernel = "/guests/vmlinuz"\nramdisk = "/guests/initrd"\nmemory = 128\n' "$name"
    printf 'extra = "console=hvc0 stay"\n'
    for pair in "$@"; do printf '%s\n' "$pair"; done
}
