# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The command lines that GRUB was given have reached the hypervisor and dom0's kernel.
. /usr/lib/vellum/job.sh
check "hypervisor seen by Linux" grep -qx xen /sys/hypervisor/type
check "dom0's command line" grep -q 'earlyprintk=xen panic=-1 vellum.net=none' /proc/cmdline
check "hypervisor's command line" sh -c "$XL info | grep '^xen_commandline' | grep -q dom0_max_vcpus=1"
same "dom0's memory (MiB)" "$($XL list 0 | awk 'NR == 2 { print $3 }')" 512
job_end
