# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# dom0 and two guests of four vCPUs under load on a host of eight CPUs: nobody stalls, and each says that it ended well.
. /usr/lib/vellum/job.sh
bad='detected stall|self-detected|soft lockup|blocked for more than|WARNING: |BUG: |Oops|multicall'
seconds=$(sed -n 's/.*vellum\.seconds=\([0-9]*\).*/\1/p' /proc/cmdline)
(cd / && printf 'usr/lib/vellum\nusr/lib/vellum/load\n' | cpio -o -H newc 2>/dev/null) >/tmp/load.cpio
{ zcat /guests/initrd; cat /tmp/load.cpio; } >/tmp/load.initrd
for g in a b; do
    {
        printf 'name = "%s"\nkernel = "/guests/vmlinuz"\nramdisk = "/tmp/load.initrd"\nmemory = 192\nvcpus = 4\n' $g
        printf 'extra = "console=hvc0 job=/usr/lib/vellum/load%%%s%%6"\n' "$seconds"
    } >/tmp/$g.cfg
    check "create $g" $XL create /tmp/$g.cfg
done
check "dom0 under load for $seconds s" /usr/lib/vellum/load "$seconds" 6
for g in a b; do
    check "guest $g ended" wait_for $((seconds + 120)) gone $g
    check "guest $g was never stuck" console_has $g "LOAD ok"
    console_has $g "LOAD ok" || tail -n 20 "$(console_of $g)"
    same "warnings of guest $g" "$(grep -aciE "$bad" "$(console_of $g)")" 0
done
dmesg | grep -iE -A 12 "$bad" | head -n 80
same "warnings of dom0" "$(dmesg | grep -ciE "$bad")" 0
job_end
