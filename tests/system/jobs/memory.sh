# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# dom0 has the memory it was given, and the hypervisor knows all of the machine's.
. /usr/lib/vellum/job.sh
same "dom0's memory (MiB)" "$($XL list 0 | awk 'NR == 2 { print $3 }')" "$(sed -n 's/.*vellum\.dom0=\([0-9]*\).*/\1/p' /proc/cmdline)"
total=$($XL info | sed -n 's/^total_memory *: //p')
wanted=$(sed -n 's/.*vellum\.host=\([0-9]*\).*/\1/p' /proc/cmdline)
check "total memory is $total MiB of $wanted" sh -c "[ $total -le $wanted ] && [ $total -ge $((wanted - 4)) ]"
job_end
