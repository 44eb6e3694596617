# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Debian's Ganeti, a cluster of two nodes, with our xl: the instance moves from this node to the other and back. Its disk is
# one that both machines have, as from a storage network: Ganeti's template `blockdev`. The guest counts, on its console
# with the number of its boot and on its disk.
. /usr/lib/vellum/ganeti-pair.sh
ganeti_pair 1
inst=inst1.example.com
check "ssh to the second node" wait_for 180 on 2 "[ -b $shared ]"
job='until%ls%/dev/xvd?;do%sleep%1;done;d=$(ls%/dev/xvd?);n=0;while%:;do%n=$((n+1));echo%$n|dd%of=$d%bs=512%conv=sync,fsync%2>/dev/null;echo%tick%$n%$(cat%/proc/sys/kernel/random/boot_id);sleep%1;done'
# Commas part Ganeti's parameters.
job=$(echo "$job" | sed 's/,/\\,/g')

# ticks N first|last: of the guest's lines on node N's console in $console: its count and its boot.
ticks() {
    which=tail
    [ "$2" = last ] || which=head
    on "$1" "cat $console 2>/dev/null" | tr -d '\r' | grep -aE '^tick [0-9]+ [0-9a-f-]{36}$' | $which -n 1 | cut -c6-
}
counts() { [ -n "$(ticks "$1" last)" ]; }
# on_disk N: the count on the disk, read on a node where nobody has it open: nothing of it is cached there.
on_disk() { on "$1" "dd if=$shared bs=512 count=1 2>/dev/null | head -n 1"; }

further() { [ "$(on_disk "$1")" -gt "$2" ]; }

# nothing_on N: no domain but dom0, nothing in the store, no back-end, no file, no receiver.
nothing_on() {
    same "node $1 runs nothing" "$(on "$1" domains)" 1
    same "its store has nothing of it" "$(on "$1" "xenstore-ls -f | grep -c \"^/local/domain/[1-9]\\|^/local/domain/0/backend/[a-z]*/[1-9]\\|^/vm/.*$inst\"")" 0
    same "nor has anything else" "$(on "$1" "ls /sys/bus/xen-backend/devices; losetup -a; ls $g/etc/xen/$inst 2>/dev/null; ps | grep \"[m]igrate-receive\"")" ""
}

# seen N: what can be seen of the guest on node N.
seen() {
    on "$1" "xl list; xl vcpu-list inst1.example.com; tail -n 12 $console; xenstore-ls -f | grep \"state = \|hotplug\"; xl dmesg | tail -n 4; dmesg | tail -n 4" |
        cut -c1-160 | sed 's/^/    seen: /'
}

# moved FROM TO: the guest went on there, as Ganeti's last command says.
moved() {
    if wait_for 60 counts "$2"; then ok "it counts on node $2"; else
        fail "it does not count on node $2"
        seen "$2"
    fi
    nothing_on "$1"
    same "node $2 runs it, once" "$(on "$2" "xl list | grep -c \"^inst1\"")" 1
    after=$(ticks "$2" first)
    echo "    before: $before; after: $after"
    same "the same boot" "${after#* }" "${before#* }"
    check "it counts on from where it was" [ "${after% *}" -gt "${before% *}" -a "${after% *}" -le $((${before% *} + 30)) ]
    n=$(on_disk "$1")
    if wait_for 60 further "$1" "$n"; then ok "what it writes is on the disk"; else
        fail "what it writes is on the disk: still $n, then $(on_disk "$1")"
        seen "$2"
    fi
    same "Ganeti has it there" "$(field status,pnode)" "runningnode$2.example.com"
}

# migrate FROM TO
migrate() {
    lines=30 step "gnt-instance migrate to node $2" gnt-instance migrate -f -n "node$2.example.com" $inst
    before=$(ticks "$1" last)
    # xenconsoled opens the log when the guest comes in, and xl renames it when it is whole.
    console=$(console_of "$inst--incoming")
    moved "$1" "$2"
}

on 2 "echo written-there | dd of=$shared bs=512 conv=sync,fsync 2>/dev/null"
same "both nodes see one disk" "$(on_disk 1)" written-there
step "gnt-cluster init" gnt-cluster init --no-etc-hosts --no-ssh-init --enabled-hypervisors=xen-pvm \
    --hypervisor-parameters "xen-pvm:xen_cmd=xl,root_path=,kernel_path=/guests/vmlinuz,initrd_path=/guests/initrd,kernel_args=console=hvc0 job=$job" \
    --enabled-disk-templates=blockdev,diskless --master-netdev=xenbr0 --nic-parameters link=xenbr0 cluster.example.com
lines=30 step "gnt-node add" gnt-node add --no-ssh-key-check node2.example.com
lines=10 step "gnt-node list" gnt-node list
step "gnt-instance add" gnt-instance add -t blockdev --disk 0:adopt=$shared -o none+default -n node1.example.com \
    -B minmem=128,maxmem=128,vcpus=1 --no-ip-check --no-name-check $inst
console=$(console_of "$inst")
check "the guest counts" wait_for 120 counts 1
sed 's/^/    cfg: /' $g/etc/xen/$inst
migrate 1 2
migrate 2 1
lines=20 step "gnt-cluster verify" gnt-cluster verify
step "gnt-instance remove" gnt-instance remove --force --shutdown-timeout=1 $inst
nothing_on 1
logs node-daemon jobs
check "the second node may end" on 2 "touch /run/finish"
job_end
