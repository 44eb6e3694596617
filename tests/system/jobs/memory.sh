# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# dom0 has the memory it was given, and the hypervisor knows all of the machine's. vellum.guests=1: guests as large as can be.
. /usr/lib/vellum/job.sh
same "dom0's memory (MiB)" "$($XL list 0 | awk 'NR == 2 { print $3 }')" "$(sed -n 's/.*vellum\.dom0=\([0-9]*\).*/\1/p' /proc/cmdline)"
total=$($XL info | sed -n 's/^total_memory *: //p')
wanted=$(sed -n 's/.*vellum\.host=\([0-9]*\).*/\1/p' /proc/cmdline)
check "total memory is $total MiB of $wanted" sh -c "[ $total -le $wanted ] && [ $total -ge $((wanted - 4)) ]"

# size NAME MEMORY VCPUS [LINE…]: a stock guest of that size says what it has, and goes.
size() {
    n=$1 memory=$2 vcpus=$3
    shift 3
    guest_cfg "$n" "vcpus = $vcpus" "$@" | sed "s|^memory.*|memory = $memory|; s|stay|stay job=echo%HAS%\$(nproc)%\$(sed%-n%/MemTotal/s/[^0-9]//gp%/proc/meminfo)|" >"/tmp/$n.cfg"
    check "$n: create" $XL create -q "/tmp/$n.cfg"
    check "$n: it comes up" wait_for 120 console_has "$n" '^GUEST done'
    same "$n: memory (MiB) as listed" "$($XL list "$n" | awk 'NR == 2 { print $3 }')" "$memory"
    has=$(sed -n 's/^HAS \([0-9]*\) \([0-9]*\).*/\1 \2/p' "$(console_of "$n")")
    same "$n: its vCPUs" "${has% *}" "$vcpus"
    # Its kernel keeps some for itself: code, the map of frames.
    check "$n: most of $memory MiB are its own: $((${has#* } / 1024))" [ $((${has#* } / 1024)) -gt $((memory * 9 / 10 - 64)) ]
}
if grep -q vellum.guests=1 /proc/cmdline; then
    before=$(free_pages)
    size many 512 128
    same "many: vcpu-list has a line for each" "$($XL vcpu-list many | tail -n +2 | wc -l)" 128
    check "many: vcpu-set" $XL vcpu-set -i many 120
    check "many: the others are taken off" wait_for 60 sh -c "[ \$($XL vcpu-list many | tail -n +2 | grep -c -- '--p') = 8 ]"
    check "many: destroy" $XL destroy many
    size grows 256 1 'maxmem = 2048'
    check "grows: mem-set" $XL mem-set grows 1900
    check "grows: it has got it" wait_for 60 sh -c "[ \$($XL list grows | awk 'NR == 2 { print \$3 }') = 1900 ]"
    check "grows: destroy" $XL destroy grows
    size most $(($(free_pages) - 24)) 2
    check_not "none fits beside it" $XL create -q /tmp/grows.cfg
    check "most: destroy" $XL destroy most
    check "free memory (MiB) is what it was: $before" wait_for 30 sh -c "[ \$($XL info | sed -n 's/^free_memory *: //p') -ge $((before - 1)) ]"
fi
job_end
