# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Debian's Ganeti, a cluster of this one node, with our xl for its hypervisor xen-pvm.
. /usr/lib/vellum/ganeti-node.sh
ganeti_node 1
check "the toolstack answers in there" in_g xl info
step "gnt-cluster init" gnt-cluster init --no-etc-hosts --no-ssh-init --enabled-hypervisors=xen-pvm \
    --hypervisor-parameters "xen-pvm:xen_cmd=xl,root_path=,kernel_path=/guests/vmlinuz,initrd_path=/guests/initrd,kernel_args=console=hvc0 stay" \
    --enabled-disk-templates=file,diskless --file-storage-dir=/srv/ganeti/file-storage --master-netdev=xenbr0 \
    --nic-parameters link=xenbr0 cluster.example.com
step "gnt-node list" gnt-node list
same "it reads the host's memory from xl info" "$(in_g gnt-node list --no-headers --units=m -o mtotal | tr -d ' ')" "$(xl info | sed -n 's/^total_memory *: //p')"
step "gnt-instance add" gnt-instance add -t file --disk 0:size=1024m -o none+default -n node1.example.com -B minmem=128,maxmem=192,vcpus=1 \
    --no-ip-check --no-name-check inst1.example.com
check "xl has it" wait_for 10 sh -c 'xl list | grep -q "^inst1.example.com "'
check "the guest comes up" wait_for 120 console_has inst1.example.com '^GUEST up'
sed 's/^/    cfg: /' $g/etc/xen/inst1.example.com
lines=4 step "gnt-instance list" gnt-instance list
same "its state" "$(field status)" running
lines=40 step "gnt-instance info" gnt-instance info inst1.example.com
id=$(domid_of inst1.example.com)
step "gnt-instance reboot" gnt-instance reboot --type=soft inst1.example.com
check "a new domain" [ "$(domid_of inst1.example.com)" != "$id" ]
step "gnt-instance reboot, by force" gnt-instance reboot --type=hard inst1.example.com
check "the guest comes up" wait_for 120 console_has inst1.example.com '^GUEST up'
step "gnt-instance shutdown" gnt-instance shutdown inst1.example.com
same "its state" "$(field status)" ADMIN_down
check "xl has it no longer" gone inst1.example.com
step "gnt-instance startup, paused" gnt-instance startup --paused inst1.example.com
same "it is paused" "$(state_of inst1.example.com)" p
step "gnt-instance console" gnt-instance console --show-cmd inst1.example.com
# The console's wrapper sees the `p` in xl list and lets the guest run.
in_g timeout 20 /usr/lib/ganeti/tools/xen-console-wrapper xl inst1.example.com </dev/null >/tmp/wrapper 2>&1 &
check "xen-console-wrapper unpauses it" wait_for 20 sh -c '! xl list | grep "^inst1" | grep -q -- "--p---"'
check "the guest comes up" wait_for 120 console_has inst1.example.com '^GUEST up'
step "gnt-instance modify --runtime-memory" gnt-instance modify --runtime-memory=128 inst1.example.com
check "memory follows" wait_for 60 sh -c "[ \$(xl list inst1.example.com | awk 'NR == 2 { print \$3 }') -le 129 ]"
lines=20 step "gnt-cluster verify" gnt-cluster verify

# Further commands that Ganeti's parts run, and what they take from the output.
check "xl help" in_g xl help
check "xl info: whole numbers where Ganeti wants them" sh -c '
    for key in total_memory free_memory nr_cpus nr_nodes cores_per_socket threads_per_core xen_major xen_minor; do
        xl info | sed -n "s/^$key *: //p" | grep -qx "[0-9][0-9]*" || { echo "$key"; exit 1; }
    done'
check "xl list: six fields a row" sh -c '[ "$(xl list | awk "NR > 1 && NF != 6" | wc -l)" = 0 ] && xl list | grep -q "^Domain-0 "'
check "xl uptime" sh -c 'xl uptime | grep -q "^inst1.example.com  *[0-9]*  *[0-9]*:[0-9]*:[0-9]*"'
check "xl list --long is JSON" in_g sh -c 'xl list --long | python3 -c "import json, sys; json.load(sys.stdin)"'
check "xentop's third word" sh -c '/usr/lib/xen-4.17/bin/xentop -f -b -i 1 | awk "NR == 1 { exit !(\$1 == \"NAME\" && \$3 == \"CPU(sec)\") }"'
check "xl top's" sh -c 'xl top -f -b -i 1 | awk "NR == 1 { exit !(\$1 == \"NAME\" && \$3 == \"CPU(sec)\") }"'
check "xl domname" [ "$(xl domname "$(domid_of inst1.example.com)")" = inst1.example.com ]
check "xl debug is a prefix of debug-keys alone" sh -c 'xl debug h'
step "mon-collector" /usr/lib/ganeti/mon-collector inst-status-xen
# Its migration: the receiver behind socat, the sender's command with a comment sign at its end.
in_g socat -b524288 TCP-LISTEN:8002,bind=10.9.0.1,reuseaddr SYSTEM:'xl migrate-receive' >/tmp/receiver 2>&1 &
sleep 3
id=$(domid_of inst1.example.com)
check "xl migrate through socat" in_g xl migrate -s "socat -b524288 - TCP:10.9.0.1:8002 #" -C /etc/xen/inst1.example.com \
    inst1.example.com 10.9.0.1
check "it has moved" [ "$(domid_of inst1.example.com)" != "$id" ]
same "Ganeti sees it run" "$(field status)" running
tail -n 3 /tmp/receiver | sed 's/^/    /'

step "gnt-instance remove" gnt-instance remove --force --shutdown-timeout=1 inst1.example.com
check_store it
check "no loop device" sh -c '[ -z "$(losetup -a)" ]'
tail -n 30 $g/var/log/ganeti/node-daemon.log | grep -i 'error\|fail' | tail -n 5
job_end
