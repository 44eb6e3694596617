# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# dom0 is up, with all its CPUs, its disk and its network.
. /usr/lib/vellum/job.sh
check "hypervisor seen by Linux" grep -qx xen /sys/hypervisor/type
check "xl info" $XL info
check "xl list shows dom0" sh -c "$XL list | grep -q '^Domain-0 '"
same "CPUs of dom0" "$(nproc)" "$(sed -n 's/.*vellum\.cpus=\([0-9]*\).*/\1/p' /proc/cmdline)"
check "guests' disk mounted" test -f /guests/demo.cfg
check "bridge has its address" sh -c "ip addr show xenbr0 | grep -q 10.77.0.1/24"
check "uplink has an address" wait_for 60 sh -c "ip -4 addr | grep -q 10.0.2."
check "gateway answers" ping -c 2 -W 5 10.0.2.2
check "xenstore holds a value" sh -c 'xenstore-write /test/a "b c" && [ "$(xenstore-read /test/a)" = "b c" ] && xenstore-rm /test'
job_end
