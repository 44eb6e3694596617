# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the system tests, each of which is a script that boots the platform in QEMU, gives jobs to dom0 and has one verdict:
# exit code 0 passed, 77 skipped, anything else failed. Within a boot, `ok` and `fail` lines say what was seen.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=dom0/host.sh
. "$top/dom0/host.sh"
jobs_dir=$top/tests/system/jobs
work=$(mktemp -d)
running=''              # QEMU
clean_up() {
    [ -z "$running" ] || kill "$running" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
failures=0
VELLUM_ACCEL=${VELLUM_ACCEL:-tcg}      # the same everywhere
accel=${accel:-$VELLUM_ACCEL}
case $accel in kvm) cpu=host ;; *) cpu=max,-smap ;; esac

ok() { echo "  ok    $*"; }
fail() { echo "  FAIL  $*"; failures=$((failures + 1)); }

# boot NAME JOB [FILE:PATH…]: boots dom0 with the job (a script of jobs/) and further files, until it powers off. The
# serial console goes to $log; each assertion of the job becomes one of the test. Settings as for qemu_command, and
# limit= (seconds), qemu_extra= (further words for QEMU), typed= (a command that writes what is typed on the console).
boot() {
    local name=$1 job=$2 pair rc=0
    shift 2
    log=${VELLUM_LOGS:-$work}/$(basename "$0").$name.log
    mkdir -p "$(dirname "$log")" "$work/extra"
    rm -rf "$work/extra"
    mkdir -p "$work/extra/usr/lib/vellum"
    cp "$jobs_dir/lib.sh" "$work/extra/usr/lib/vellum/job.sh"
    cp "$jobs_dir/$job" "$work/extra/job"
    for pair in "$@"; do
        mkdir -p "$work/extra/$(dirname "${pair#*:}")"
        cp -L "${pair%%:*}" "$work/extra/${pair#*:}"
    done
    (cat "$image/initrd" && cd "$work/extra" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1) >"$work/initrd"
    # Under QEMU's emulator programs in Debian's Xen's dom0 lose vector registers now and then, and crash: there, no XSAVE.
    local cpu=$cpu
    case $accel:${hypervisor:-} in tcg:*/xen) cpu=$cpu,-xsave ;; esac
    # shellcheck disable=SC2086  # words
    initrd=$work/initrd qemu_command ${qemu_extra:-}
    : >"$log"
    timeout -k 5 "${limit:-600}" "${command[@]}" < <(${typed:-true}) >"$log" 2>&1 &
    running=$!
    wait "$running" || rc=$?        # so that it ends with us when we are told to end
    running=''
    tr -d '\r' <"$log" >"$work/text"
    verdicts "$name" "$rc"
}

# Reads what a boot's console says.
verdicts() {
    local name=$1 rc=$2 line
    while read -r line; do
        case $line in
        "JOB ok "*) ok "$name: ${line#JOB ok }" ;;
        "JOB fail "*) fail "$name: ${line#JOB fail }" ;;
        esac
    done < <(grep -ao 'JOB \(ok\|fail\) .*' "$work/text")
    if ! grep -aq '^JOB end' "$work/text"; then
        fail "$name: the job did not end (QEMU: exit code $rc); last of its console:"
        tail -n 12 "$work/text" | cut -c1-160 | sed 's/^/        /'
    elif [ "$rc" != 0 ]; then
        fail "$name: QEMU ended with exit code $rc"
    fi
    while read -r line; do fail "$name: console says: $line"; done < <(
        grep -aE 'PANIC|Kernel panic|BUG: |Oops|rcu.*(stall|detected)|soft lockup|hung_task|blocked for more than|audit: frame' "$work/text" |
            head -5)
    if [ "$failures" != 0 ] && [ -n "${VELLUM_LOGS:-}" ]; then echo "        console: $log"; fi
}

finish() { [ "$failures" = 0 ]; }
