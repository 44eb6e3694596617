# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Runs in dom0: one guest with an interface in each kind of network, on vellum-netd or on Linux's back-end, joined to it
# by our hotplug script or by Debian's. From each the guest fetches a file and compares its checksum.
#   eth0  bridge br1                          10.61.0.1 is dom0
#   eth1  bridge br1, VLAN 7                  10.62.0.1 is a tagged interface beyond a port of it, 10.61.0.2 an untagged one
#   eth2  Open vSwitch ovs0                   10.63.0.1 is dom0
#   eth3  Open vSwitch ovs0, VLAN 9           10.64.0.1 is a port in that VLAN
#   eth4  routed                              192.0.2.2 is a host beyond dom0, which knows the way back
#   eth5  NAT                                 192.0.2.3 is the same host, which does not
[ -n "${BASH_VERSION:-}" ] || exec bash "$0"
. /usr/lib/vellum/job.sh
mkdir -p /run/n/www
cd /run/n || exit 1
head -c 300000 /dev/urandom >www/file
sum=$(md5sum <www/file | cut -d' ' -f1)
for m in veth 8021q openvswitch nf_tables nft_chain_nat nft_masq; do modprobe $m; done

# host NAME: a network of its own with a web server, and the end "NAME" of a cable to dom0.
host() {
    ip netns add "$1"
    ip link add "$1" type veth peer name wire netns "$1"
    ip -n "$1" link set lo up
    ip -n "$1" link set wire up
    ip link set "$1" up
}
host tagged
ip link add br1 type bridge forward_delay 0
ip addr add 10.61.0.1/24 dev br1
ip link set br1 up
ip link set tagged master br1
bridge vlan add dev tagged vid 7
ip -n tagged addr add 10.61.0.2/24 dev wire
ip -n tagged link add link wire name wire.7 type vlan id 7
ip -n tagged addr add 10.62.0.1/24 dev wire.7
ip -n tagged link set wire.7 up

# In the machine's first ten seconds ovs-vswitchd 3.1 counts no CPUs: it would have no thread for a flow's first packet.
uptime_is() { [ "$(cut -d. -f1 /proc/uptime)" -ge "$1" ]; }
wait_for 30 uptime_is 11
mkdir -p /etc/openvswitch /run/openvswitch /var/log/openvswitch
ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server /etc/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock --pidfile --detach --log-file
ovs-vsctl --no-wait init
/usr/lib/openvswitch-switch/ovs-vswitchd --pidfile --detach --log-file
check "Open vSwitch is there" ovs-vsctl --timeout=20 add-br ovs0 -- add-port ovs0 ovs9 tag=9 -- set interface ovs9 type=internal
for a in "10.63.0.1/24 ovs0" "10.64.0.1/24 ovs9"; do
    ip addr add "${a% *}" dev "${a#* }"
    ip link set "${a#* }" up
done

host beyond
ip addr add 192.0.2.1/24 dev beyond
for a in 192.0.2.2/24 192.0.2.3/24; do ip -n beyond addr add $a dev wire; done
ip -n beyond route add 10.65.0.0/24 via 192.0.2.1

for n in '' 'ip netns exec tagged' 'ip netns exec beyond'; do $n busybox httpd -h www; done

mkfifo never
mkdir -p w
cat >w/work.sh <<'EOS'
ip link set lo up
for a in 0=10.61.0.9/24 1=10.62.0.9/24 2=10.63.0.9/24 3=10.64.0.9/24 4=10.65.0.9/32 5=10.66.0.9/32; do
    ip addr add ${a#*=} dev eth${a%=*}
    ip link set eth${a%=*} up
done
gateway=$(cat /gateway)
ip route add 192.0.2.2/32 dev eth4 src 10.65.0.9
ip route add $gateway/32 dev eth5 src 10.66.0.9
ip route add 192.0.2.3/32 via $gateway dev eth5 src 10.66.0.9
for p in bridge=10.61.0.1 bridge.7=10.62.0.1 ovs=10.63.0.1 ovs.9=10.64.0.1 route=192.0.2.2 nat=192.0.2.3; do
    for i in 1 2 3 4 5 6; do ping -c 1 -W 1 ${p#*=} >/dev/null && break; done
    echo "RESULT ${p%%=*} $(timeout 20 wget -q -O - http://${p#*=}/file | md5sum | cut -d' ' -f1)"
done
# 3 MB of 8 Mbit/s: three seconds, but for what it may send at once.
began=$(cut -d. -f1 /proc/uptime)
head -c 3000000 /dev/zero | timeout 40 nc 10.64.0.1 7000
echo "RESULT sent $(($(cut -d. -f1 /proc/uptime) - began))"
ip link set eth0 down
ip addr add 10.61.0.10/24 dev eth1
ping -c 2 -W 1 10.61.0.2 >/dev/null && echo "RESULT untagged seen" || echo "RESULT untagged unseen"
echo "RESULT all done"
EOS
result() { sed -n "s/.*RESULT $2 \([^ ]*\).*/\1/p" "$(console_of "$1")" | tail -n 1 | tr -d '\r'; }


# round NAME TYPE BRIDGE SWITCH ROUTE NAT GATEWAY: the scripts for a bridge ("": no script) and a switch, and what routes and
# NAT have in their specifications.
round() {
    local n=$1 t="backendtype=$2" dom b=$3 s=$4 r=$5 g=$6
    echo "$7" >w/gateway
    { zcat /guests/initrd; (cd w && printf 'work.sh\ngateway\n' | cpio -o -H newc 2>/dev/null); } >initrd
    guest_cfg "$n" "vif = [ '$t,bridge=br1${b:+,script=$b}', '$t,bridge=br1.7,script=vif-vellum', '$t,bridge=ovs0,script=$s',
        '$t,bridge=ovs0.9,rate=8Mb/s,script=$s', '$t,ip=10.65.0.9,$r', '$t,ip=10.66.0.9,$g' ]" |
        sed 's|^ramdisk.*|ramdisk = "/run/n/initrd"|; s|^extra.*|extra = "console=hvc0 stay job=sh%/work.sh"|' >"$n.cfg"
    nc -l -p 7000 <>never >sent &
    check "$n: created" $XL create -q "$n.cfg"
    dom=$(domid_of "$n")
    [ -n "$dom" ] || return
    wait_for 90 console_has "$n" 'RESULT all done'
    for p in bridge bridge.7 ovs ovs.9 route nat; do same "$n: a file over $p" "$(result "$n" "$p")" "$sum"; done
    kill %% 2>/dev/null
    same "$n: what it sends at a limited rate arrives" "$(wc -c <sent)" 3000000
    took=$(result "$n" sent)
    check "$n: and takes its time: $took s" [ "${took:-0}" -ge 2 -a "${took:-0}" -le 12 ]
    same "$n: who is in VLAN 7 is in no other" "$(result "$n" untagged)" unseen
    check "$n: the switch has its ports" sh -c "[ \"\$(ovs-vsctl list-ports ovs0 | grep -c '^vif$dom[.]')\" = 2 ]"
    same "$n: one of them in VLAN 9" "$(ovs-vsctl get port "vif$dom.3" tag)" 9
    check "$n: destroy" $XL destroy "$n"
    check "$n: no interface stays" wait_for 20 sh -c "! ip -o link | grep -q 'vif$dom[.]'"
    check "$n: nor a port of the switch" sh -c "! ovs-vsctl list-ports ovs0 | grep -q vif"
    check "$n: nor a route" sh -c "! ip route | grep -qE '10[.]6[56]'"
    check "$n: nor a node" sh -c "! xenstore-ls -f /local/domain/0/backend | grep -q vi"
}

v=vif-vellum r=bridge=route,script=vif-vellum g=bridge=nat,script=vif-vellum
round ours vnif $v $v $r $g 10.255.255.1
check "no address stays behind NAT" sh -c "! nft list table ip vellum-nat | grep -q 10.66"
round linux vif "" $v $r $g 10.255.255.1
check "no address stays behind NAT" sh -c "! nft list table ip vellum-nat | grep -q 10.66"
# Debian's script for NAT makes a gateway of its own, and leaves masquerading to the administrator.
nft add table ip own
nft add chain ip own post '{ type nat hook postrouting priority 100 ; }'
nft add rule ip own post ip saddr 10.66.0.9 masquerade
round debian vnif vif-bridge vif-openvswitch script=vif-route script=vif-nat 10.66.0.136

for bad in "bridge=none" "bridge=route" "bridge=nat" "bridge=nat,ip=2001:db8::1" "bridge=route.7,ip=10.66.0.9" "bridge=nat,ip=10.66.0.9;,netdev=none" \
    "bridge=nat,ip=10.66.0.9,netdev=none"; do
    guest_cfg bad "vif = [ 'backendtype=vnif,script=vif-vellum,$bad' ]" >bad.cfg
    check_not "$bad" $XL create -q -p bad.cfg
done
check "nothing stays of them" wait_for 20 sh -c "[ $(domains) = 1 ] && ! ip -o link | grep -q vif && ! xenstore-ls -f /local/domain/0/backend | grep -q vi"
job_end
