# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# JSON of all listings; guests that end again and again, with a monitor each and with vellumd; killed cpupool-creates.
. /usr/lib/vellum/job.sh
parts=$(tr + , </proc/cmdline | sed -n 's/.*vellum\.parts=\([^ ]*\).*/\1/p')
part() { case ,${parts:-json,helpers,pools,loops}, in *,$1,*) ;; *) return 1 ;; esac; }

# members COMMAND… -- MEMBER…: --json has exactly these members, in whatever depth; `?` behind one: it may be missing.
members() {
    command="$1 --json" && shift
    while [ "$1" != -- ]; do command="$command $1" && shift; done
    shift
    # shellcheck disable=SC2086  # words
    $XL $command >/tmp/json || return 1
    grep -o '"[^"]*":' /tmp/json | tr -d '":' | LC_ALL=C sort -u >/tmp/found
    for m in schema version "$@"; do
        grep -qx "${m%\?}" /tmp/found || [ "$m" != "${m%\?}" ] || { echo "no $m in $(tr -d '\n' </tmp/json | cut -c1-300)"; return 1; }
        echo "${m%\?}"
    done >/tmp/known || { cat /tmp/known; return 1; }
    more=$(grep -vxFf /tmp/known /tmp/found | tr '\n' ' ')
    [ -z "$more" ] || { echo "not documented: $more"; return 1; }
}
json() { what="JSON of $1" && shift && check "$what" members "$@"; }
if part json; then
    dd if=/dev/zero of=/run/j.img bs=1M count=4 2>/dev/null
    {
        printf 'name = "j"\nkernel = "/test/hello"\nmemory = 8\ncmdline = "stay"\ndisk = [ "/run/j.img,raw,xvda,rw" ]\n'
        printf 'vif = [ "bridge=xenbr0,ip=10.77.0.9,vifname=jif" ]\nchannel = [ "name=agent,connection=PTY" ]\n'
    } >/tmp/j.cfg
    dom='name domid uuid state running blocked paused shutdown dying shutdown_reason memory current_kb outstanding_kb target_kb limit_kb
        shared_kb vcpus online max cpu_seconds cpupool devices class id backend_domid frontend backend backend_state vdev target mode
        mac bridge ip vifname'
    row='domid id backend_domid backend frontend state event_channel'
    # shellcheck disable=SC2086  # words
    {
        json "create" create /tmp/j.cfg -- domain $dom
        for c in list vm-list claims sharing; do json $c $c -- domains $dom; done
        json "a list of one" list j -- domains $dom
        json uptime uptime -- domains name domid uptime_seconds
        json vcpu-list vcpu-list -- vcpus name domid vcpu online blocked running cpu cpu_seconds hard_affinity soft_affinity
        json sched-credit2 sched-credit2 -- cpupools cpupool scheduler ratelimit_us domains name domid weight cap
        json "sched-credit2 -d" sched-credit2 -d j -- cpupools cpupool scheduler ratelimit_us domains name domid weight cap
        check "only that domain" sh -c '[ "$(grep -c "\"domid\"" /tmp/json)" = 1 ] && grep -q "\"name\": \"j\"" /tmp/json'
        json cpupool-list cpupool-list -- cpupools name id scheduler domains cpus
        json block-list block-list j -- devices $row ring_ref vdev target mode
        json network-list network-list j -- devices $row mac tx_ring_ref rx_ring_ref bridge? ip?
        json channel-list channel-list j -- devices $row name connection path?
        json pci-list pci-list j -- devices device? name? vdevfn?
        json pci-assignable-list pci-assignable-list -- devices device? name? vdevfn?
        json kernel-cache kernel-cache -- folder kernels compressed_bytes? expanded_bytes? kept?
    }
    check "sched-credit2 of a pool by its number" sh -c "$XL sched-credit2 -p 0 | grep -q '^j '"
    check "JSON of info" sh -c "$XL info -n --json | grep -q '\"schema\": \"vellum.info\"' && $XL info --json | grep -q '\"nr_cpus\": 2'"
    check "every line of xl info is in it" sh -c "$XL info --json >/tmp/json; for n in \$($XL info | awk '{ print \$1 }'); do grep -q \"\\\"\$n\\\":\" /tmp/json || { echo no \$n; exit 1; }; done"
    check "top as JSON" sh -c "$XL top --json -i 1 | grep -q '\"name\": *\"j\"'"
    $XL destroy j
    printf 'name = "n"\nkernel = "/test/hello"\nmemory = 8\ncmdline = "stay"\nnomigrate = 1\n' >/tmp/n.cfg
    check "a guest with nomigrate" $XL create /tmp/n.cfg
    wait_for 10 console_has n 'hello from n'
    check_not "it is not saved" $XL save n /run/n.state
    check "because of that" sh -c "$XL save n /run/n.state 2>&1 | grep -q nomigrate"
    check_not "nor migrated" $XL migrate -s true n elsewhere
    check "it runs on, and there is no file" sh -c "[ ! -e /run/n.state ] && $XL destroy n"
fi

helper() { LD_LIBRARY_PATH=/test/lib VELLUM_LIB=/test/lib "$@"; }
if part helpers; then
    dd if=/dev/zero of=/run/x.img bs=1M count=4 2>/dev/null
    printf 'name = "x"\nkernel = "/test/hello"\nmemory = 8\ncmdline = "stay"\ndisk = [ "/run/x.img,raw,xvda,rw" ]\n' >/tmp/x.cfg
    printf 'vif = [ "bridge=xenbr0,mac=00:16:3e:00:00:44" ]\non_crash = "preserve"\n' >>/tmp/x.cfg
    check "a configuration as libvirt's XML" sh -c "LD_LIBRARY_PATH=/test/lib VELLUM_LIB=/test/lib $XL domxml /tmp/x.cfg >/tmp/x.xml && grep -q '<domain type=.xen.' /tmp/x.xml"
    check "create takes it" helper $XL create /tmp/x.xml
    wait_for 10 console_has x 'hello from x' || fail "the guest does not run"
    check "with its disk" sh -c "$XL block-list x | grep -q '^51712 '"
    check "and its interface" sh -c "$XL network-list x | grep -q 00:16:3e:00:00:44"
    check "the XML as a configuration again" sh -c "LD_LIBRARY_PATH=/test/lib VELLUM_LIB=/test/lib $XL domxml /tmp/x.xml | grep -q '^on_crash *= *\"preserve\"'"
    printf '<!DOCTYPE d [<!ENTITY e "x">]><domain type="xen"><name>&e;</name></domain>\n' >/tmp/evil.xml
    check_not "a document type is refused" helper $XL create -n /tmp/evil.xml
    (LD_LIBRARY_PATH=/test/lib VELLUM_LIB=/test/lib exec $XL metrics -p 9178 >/dev/null 2>/tmp/metrics.log) &
    server=$!
    check "xl metrics serves" wait_for 20 wget -q -O /tmp/metrics http://127.0.0.1:9178/metrics
    for name in domain_cpu_seconds_total domain_memory_bytes domain_state domain_vcpus domain_vcpu_seconds_total domain_net_transmit_bytes_total \
        domain_net_receive_bytes_total domain_net_transmit_packets_total domain_net_receive_packets_total domain_disk_reads_total \
        domain_disk_writes_total domain_disk_read_bytes_total domain_disk_written_bytes_total host_cpus host_memory_bytes host_memory_free_bytes; do
        grep -q "^vellum_$name[{ ]" /tmp/metrics || fail "xl metrics has no vellum_$name"
    done
    check "the guest's memory" grep -qx 'vellum_domain_memory_bytes{domain="x",domid="[0-9]*"} 8388608' /tmp/metrics
    check_not "another page is not there" wget -q -O /dev/null http://127.0.0.1:9178/other
    ip addr add 10.9.9.9/32 dev lo
    check_not "nor is it at another address" wget -q -O /dev/null http://10.9.9.9:9178/metrics
    $XL destroy x
    check "a guest that has gone is no more in it" sh -c 'wget -q -O - http://127.0.0.1:9178/metrics | { ! grep -q "domain=\"x\""; }'
    kill $server && wait $server
    same "it ends when told to" $? 0
fi

# Killed at each of many moments: what there is of a pool has a name, and no CPU is lost.
pool_is_whole() {
    $XL cpupool-list | awk 'NR > 1 && $1 != "Pool-0" { print $1, $2 }' >/tmp/pools
    [ ! -s /tmp/pools ] || { [ "$(cat /tmp/pools)" = "p 1" ] && $XL cpupool-destroy p; }
}
if part pools; then
    check "a CPU is taken out of the first pool" $XL cpupool-cpu-remove Pool-0 1
    killed=0 made=0
    # A creation takes from some ten milliseconds to some fifty, by the machine.
    for ms in 0 1 2 3 4 5 6 7 8 9 10 12 14 16 20 24 28 32 40 50 70 100 200 400; do
        $XL cpupool-create 'name="p"' cpus=1 >/dev/null 2>&1 &
        maker=$!
        usleep $((ms * 1000))
        kill -KILL $maker 2>/dev/null
        wait $maker
        [ $? = 137 ] && killed=$((killed + 1))
        sleep 0.5
        $XL cpupool-list | grep -q '^p ' && made=$((made + 1))
        wait_for 5 pool_is_whole || fail "after $ms ms: $($XL cpupool-list | tr '\n' ';')"
    done
    check "creations were killed ($killed), and some were made ($made)" [ "$killed" -gt 3 -a "$made" -gt 0 ]
    check "the CPU is free" $XL cpupool-create 'name="p"' cpus=1
    $XL cpupool-destroy p
    $XL cpupool-cpu-add Pool-0 1
    check "the store has no pool but the first" sh -c '! xenstore-list /local/pool 2>/dev/null | grep -qvx 0'
fi

# A guest that ends at once, whatever is done for it. It ends itself as soon as it starts: ten times without a wait.
loop_guest() {
    printf 'name = "l"\nkernel = "/test/hello"\nmemory = 8\non_poweroff = "coredump-restart"\n' >/tmp/l.cfg
    rm -rf /var/lib/xen/dump/l-*
    $XL create -q /tmp/l.cfg
}
dumps() { find /var/lib/xen/dump -name 'l-*' 2>/dev/null | wc -l; }
# Asked again and again: each restart gives the guest another number, also between two commands here.
counted() { [ "$(xenstore-read "/libxl/$(domid_of l)/quick-ends")" -ge 10 ]; }
takes_its_time() { now=$(domid_of l) && [ "$now" -gt "$first" -a "$now" -le $((first + 5)) ]; }
waits() { state_of l | grep -q s && id=$(domid_of l) && sleep 1 && [ "$(domid_of l)" = "$id" ]; }
a_loop() {
    check "$1: a guest that ends at once" loop_guest
    check "$1: it comes to wait, as a domain that has shut down" wait_for 120 waits
    first=$(domid_of l)
    check "$1: it has been restarted ten times and more" [ "$first" -ge $((before + 11)) ]
    check "$1: the store counts" wait_for 20 counted
    sleep 20
    what="$1: then it takes its time"
    if wait_for 5 takes_its_time; then ok "$what ($first to $now in 20 s)"; else fail "$what: $first to ${now:-none} in 20 s"; fi
    check "$1: three dumps are kept ($(dumps))" [ "$(dumps)" = 3 ]
    wait_for 20 waits
    last=$(domid_of l)
    check "$1: destroying it ends that" $XL destroy l
    sleep 3
    check "$1: it does not come back" gone l
    before=$last
}
if part loops; then
    before=$($XL list | awk 'END { print $2 }')
    a_loop "monitor"
    check "no monitor is left" wait_for 15 sh -c '! pgrep -f "xl monitor" >/dev/null'
    vellumd --no-consoles --shells 0 || fail "vellumd does not start"
    a_loop "vellumd"
    kill "$(pgrep -x vellumd)"
fi
job_end
