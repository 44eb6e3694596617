# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Debug keys typed on the console report; a guest is there to be reported.
. /usr/lib/vellum/job.sh
guest_cfg one >/tmp/one.cfg
check "create a guest" $XL create /tmp/one.cfg
check "it is up" wait_for 60 console_has one "GUEST up"
# said KEY PATTERN
said() { check "key $1" wait_for 20 sh -c "$XL dmesg | grep -qE \"$2\""; }
echo "JOB types"
said "h, in the list of keys" " m  memory"
said q "d1: [0-9]+ of [0-9]+ pages"
said "d, registers" "rip e033:[0-9a-f]{16}"
said "d, a page-table walk" "L1\[ *[0-9]+\] = [0-9a-f]{16}"
said m "memory: [0-9]+ of [0-9]+ frames free"
said e "1 \[--\] interdomain vcpu 0, remote d0"
said g "0: to d0, mfn [0-9a-f]+"
said r "pool 0: credit2"
job_end
sleep 60
